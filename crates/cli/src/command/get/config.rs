//! From arguments to a client: to whom it is spoken, how, and as whom.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use http::Uri;
use http::header::{AUTHORIZATION, COOKIE};
use wirelight_client::layer::cache::{FolderLimits, Limits, Stored};
use wirelight_client::layer::{
    Authenticate, Cache, Credentials, Decompress, FollowRedirects, RateLimits, Retry, SharedJar, Timeouts,
};
use wirelight_client::proxy::{Proxies, Proxy};
use wirelight_client::resolve::Family;
use wirelight_client::{ClientConfig, Config, Versions};
use wirelight_net::tls::Identity;
use wirelight_semantics::cookie::Jar;
use wirelight_semantics::uri::Origin;
use wirelight_service::Clock;

use super::content::unreadable;
use super::plan::Plan;
use super::session::Session;
use crate::args::Get;
use crate::exit::Failure;

/// The client that the arguments ask for.
pub(super) fn of(arguments: &Get, plan: &Plan, session: Option<&Session>) -> Result<ClientConfig, Failure> {
    let mut config = ClientConfig {
        redirects: arguments
            .location
            .then(|| FollowRedirects { redirects_max: arguments.max_redirs, ..FollowRedirects::default() }),
        decompress: arguments.compressed.then(Decompress::default),
        retry: (arguments.retry > 0).then(|| Retry { retries_max: arguments.retry, ..Retry::default() }),
        timeouts: Some(Timeouts {
            first_byte: None,
            between_bytes: None,
            total: arguments.max_time,
            ..Timeouts::default()
        }),
        authenticate: authenticate(arguments, plan, session)?,
        cookies: cookies(arguments, session)?,
        cache: cache(arguments)?,
        rate_limits: arguments.obey_limits.map(|wait_max| RateLimits::new(wait_max, Clock::system())),
        ..ClientConfig::default()
    };
    secure(arguments, &mut config.connections);
    reach(arguments, &mut config.connections)?;
    Ok(config)
}

/// The cache of this user, if there is to be one.
fn cache(arguments: &Get) -> Result<Option<Cache>, Failure> {
    let Some(path) = &arguments.cache else { return Ok(None) };
    let stored = match path {
        Some(path) if path.as_os_str() == "memory" => Stored::default(),
        Some(path) => kept_in(path)?,
        None => {
            let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
            let above = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
            let above = above.ok_or_else(|| {
                Failure::new("neither XDG_CACHE_HOME nor HOME names a folder, so there is no place for a cache")
                    .advise("Set one of them, or name a folder: --cache=DIR.")
            })?;
            kept_in(&above.join("wirelight/http"))?
        }
    };
    // Somebody else's answers are not ours, even if their server forgot to say so.
    Ok(Some(Cache { stored, also_by: vec![AUTHORIZATION, COOKIE], ..Cache::default() }))
}

fn kept_in(path: &Path) -> Result<Stored, Failure> {
    Stored::in_folder(path, Limits::default(), FolderLimits::default())
        .map_err(|error| Failure::new(format!("{} cannot hold a cache: {error}", path.display())))
}

fn secure(arguments: &Get, connections: &mut Config) {
    connections.tls.insecure = arguments.insecure;
    connections.tls.key_log = std::env::var_os("SSLKEYLOGFILE").filter(|path| !path.is_empty()).map(PathBuf::from);
    if let Some(path) = &arguments.cacert {
        connections.tls.authorities.push(path.clone());
        connections.tls.only_authorities = true;
    }
    connections.tls.identity = arguments
        .cert
        .as_ref()
        .map(|chain| Identity::Files(chain.clone(), arguments.key.clone().unwrap_or_else(|| chain.clone())));
}

fn reach(arguments: &Get, connections: &mut Config) -> Result<(), Failure> {
    connections.versions = match (arguments.http10, arguments.http1, arguments.http2_prior_knowledge) {
        (true, _, _) => Versions::Http10,
        (_, true, _) => Versions::Http1,
        (_, _, true) => Versions::Http2PriorKnowledge,
        _ => Versions::Negotiated,
    };
    connections.proxies = match &arguments.proxy {
        Some(proxy) if proxy.is_empty() => Proxies::none(),
        Some(proxy) => {
            let proxy = Proxy::parse(proxy).map_err(Failure::new)?;
            Proxies { http: Some(proxy.clone()), https: Some(proxy), except: Vec::new() }
        }
        None => Proxies::from_environment(|name| std::env::var(name).ok()).map_err(Failure::new)?,
    };
    connections.unix_socket.clone_from(&arguments.unix_socket);
    connections.resolve.family = match (arguments.ipv4, arguments.ipv6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => Family::Any,
    };
    for text in &arguments.resolve {
        let (key, addresses) = override_of(text)?;
        connections.resolve.overrides.entry(key).or_default().extend(addresses);
    }
    if let Some(limit) = arguments.connect_timeout {
        connections.connect.connect_timeout = limit;
    }
    Ok(())
}

type Override = ((String, u16), Vec<std::net::IpAddr>);

fn override_of(text: &str) -> Result<Override, Failure> {
    let wrong = || {
        Failure::new(format!("`{text}` is no HOST:PORT:ADDRESS"))
            .advise("Write --resolve example.org:443:192.0.2.1, and more addresses behind commas.")
    };
    let mut parts = text.splitn(3, ':');
    let (Some(host), Some(port), Some(addresses)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(wrong());
    };
    let address = |text: &str| text.trim_start_matches('[').trim_end_matches(']').parse().map_err(|_| wrong());
    let addresses = addresses.split(',').map(address).collect::<Result<_, _>>()?;
    Ok(((host.to_ascii_lowercase(), port.parse().map_err(|_| wrong())?), addresses))
}

/// The cookies that are sent, if any are to be sent or kept.
fn cookies(arguments: &Get, session: Option<&Session>) -> Result<Option<SharedJar>, Failure> {
    let now = SystemTime::now();
    let jar_file = arguments.cookie_jar.as_ref().filter(|_| arguments.number.is_none());
    let file = arguments.cookie.as_ref().filter(|cookie| !cookie.contains('='));
    let mut jar = match file {
        None => Jar::default(),
        Some(path) => match std::fs::read_to_string(path) {
            Ok(text) => Jar::from_netscape(&text, now),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Jar::default(),
            Err(error) => return Err(unreadable(path.as_ref(), &error)),
        },
    };
    if let Some(session) = session {
        session.fill(&mut jar, arguments.cookie.as_deref().filter(|cookie| cookie.contains('=')), now);
    }
    Ok((jar_file.is_some() || file.is_some() || session.is_some()).then(|| SharedJar::new(jar)))
}

fn authenticate(arguments: &Get, plan: &Plan, session: Option<&Session>) -> Result<Option<Authenticate>, Failure> {
    let credentials = plan.credentials.clone().or_else(|| session.and_then(Session::credentials));
    if let Some(credentials) = credentials {
        let uri: Option<Uri> = plan.url.parse().ok();
        let Some(origin) = uri.as_ref().and_then(Origin::of) else { return Ok(None) };
        return Ok(Some(Authenticate::to(origin, credentials)));
    }
    if !arguments.netrc {
        return Ok(None);
    }
    let path = std::env::home_dir().unwrap_or_default().join(".netrc");
    let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
    Ok(Some(Authenticate::to_hosts(Authenticate::read_netrc(&text))))
}

/// The credentials that the arguments name.
pub(super) fn given(arguments: &Get) -> Result<Option<Credentials>, Failure> {
    let (user, password) = match (&arguments.user, &arguments.bearer) {
        (None, token) => return Ok(token.clone().map(Credentials::Bearer)),
        (Some(user), _) => match user.split_once(':') {
            Some((user, password)) => (user.to_owned(), password.to_owned()),
            None => (user.clone(), ask_password(&format!("password of {user}: "))?),
        },
    };
    Ok(Some(if arguments.digest { Credentials::Digest(user, password) } else { Credentials::Basic(user, password) }))
}

/// Asks for a password on the terminal, without showing it; there is none where there is no terminal.
pub(crate) fn ask_password(question: &str) -> Result<String, Failure> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Ok(String::new());
    }
    super::note(question);
    let seen = tcgetattr(&input).map_err(Failure::new)?;
    let mut hidden = seen.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    hidden.local_modes.insert(LocalModes::ECHONL);
    tcsetattr(&input, OptionalActions::Flush, &hidden).map_err(Failure::new)?;
    let mut password = String::new();
    let read = input.read_line(&mut password);
    tcsetattr(&input, OptionalActions::Flush, &seen).map_err(Failure::new)?;
    read.map_err(|error| Failure::new(format!("no password could be read: {error}")))?;
    Ok(password.trim_end_matches(['\r', '\n']).to_owned())
}
