//! The inspector beside what is served: where it listens, who may see it, and how other commands find it.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use serde::{Deserialize, Serialize};
use wirelight_client::connections::{self, Connections};
use wirelight_gateway::config::Plan;
use wirelight_inspect::{Access, Config, Desk, Inspector, Setting};
use wirelight_net::Observer;
use wirelight_net::tls::client::Settings as TlsSettings;
use wirelight_server::{Address, Listener, Server};
use wirelight_service::layer::{AddDate, CatchPanic, Compress};
use wirelight_service::{Clock, ServiceExt};

use super::gateway::control;
use crate::args::Inspect;
use crate::exit::Failure;
use crate::print::Paint;

/// Where it listens unless it is told.
const PORT: u16 = 4040;
/// How many ports after that are tried.
const PORTS_TRIED: u16 = 20;
/// How many bytes of chance a token is made of.
const TOKEN_BYTES: usize = 16;
/// What gives a token that outlives a restart.
const TOKEN: &str = "WIRELIGHT_INSPECT_TOKEN";

/// An inspector that has a place to listen.
pub(crate) struct Inspection {
    inspector: Inspector,
    listener: Listener,
    address: SocketAddr,
    token: String,
}

/// How other commands find an inspector; only its user can read it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Found {
    /// Where it is, without the token.
    pub(crate) url: String,
    pub(crate) token: String,
}

/// The file that tells where an inspector is; it goes when serving ends.
pub(crate) struct Told(Option<PathBuf>);

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

impl Inspection {
    /// An inspector, if one is wanted; `next` is told everything too.
    pub(crate) fn open(wanted: &Inspect, next: Option<Arc<dyn Observer>>) -> Result<Option<Self>, Failure> {
        wanted.inspect.map(|place| Self::at(place, Config::default(), next)).transpose()
    }

    /// The one that a gateway's plan asks for, or that the command line does.
    pub(crate) fn planned(wanted: &Inspect, plan: &Plan) -> Result<Option<Self>, Failure> {
        let Some(inspector) = &plan.inspector else { return Self::open(wanted, None) };
        let mut config = Config {
            exchanges_max: usize::try_from(inspector.exchanges_max).unwrap_or(usize::MAX),
            bytes_max: usize::try_from(inspector.memory_max_bytes).unwrap_or(usize::MAX),
            ..Config::default()
        };
        config.hidden_fields.extend(inspector.hidden_fields.iter().cloned());
        let place = wanted.inspect.flatten().or(inspector.address);
        Self::at(place, config, None).map(Some)
    }

    fn at(place: Option<SocketAddr>, config: Config, next: Option<Arc<dyn Observer>>) -> Result<Self, Failure> {
        let listener = match place {
            Some(address) => Listener::tcp(address),
            None => {
                let ports = PORT..PORT + PORTS_TRIED;
                let opened = ports.map(|port| Listener::tcp((Ipv4Addr::LOCALHOST, port).into()));
                let mut last = Err(io::ErrorKind::AddrInUse.into());
                for each in opened {
                    let taken = matches!(&each, Err(error) if error.kind() == io::ErrorKind::AddrInUse);
                    last = each;
                    if !taken {
                        break;
                    }
                }
                last
            }
        };
        let listener = listener.map_err(|error| {
            let place = place.map_or_else(|| format!("127.0.0.1:{PORT}"), |address| address.to_string());
            Failure::new(format!("the inspector cannot listen on {place}: {error}"))
                .advise("Give it another place: --inspect=127.0.0.1:4141.")
        })?;
        let Address::Internet(address) = listener.address() else {
            return Err(Failure::new("the inspector has no address"));
        };
        let token = token().map_err(|error| Failure::new(format!("no token can be made: {error}")))?;
        let inspector = Inspector::new(config, Clock::system(), next);
        Ok(Self { inspector, listener, address, token })
    }

    /// Who watches.
    pub(crate) fn observer(&self) -> Arc<dyn Observer> {
        Arc::new(self.inspector.clone())
    }

    /// Shows what is kept, and says where, for as long as the process lives; `served` is what is inspected.
    pub(crate) fn serve(self, served: &[Address]) -> Result<Told, Failure> {
        let Self { inspector, listener, address, token } = self;
        let failed = |error: io::Error| Failure::new(format!("the inspector cannot be served: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let access = Access::new(&*token, address.port());
        let host = match address.ip() {
            ip if ip.is_unspecified() => "127.0.0.1".to_owned(),
            std::net::IpAddr::V6(ip) => format!("[{ip}]"),
            ip => ip.to_string(),
        };
        let listeners: Vec<String> = served.iter().filter_map(base).collect();
        // Our own certificate is for a name that only its user trusts; it is ourselves whom we ask.
        let tls = TlsSettings { insecure: true, ..TlsSettings::default() };
        let sender = Connections::new(connections::Config { tls, ..connections::Config::default() });
        let sender = sender.ok().filter(|_| !listeners.is_empty()).map(ServiceExt::boxed);
        let url = access.url(&host);
        let desk = Desk::new(&inspector, Setting { access, listeners, sender });
        let service = desk.layer(Compress::default()).layer(CatchPanic).layer(AddDate::default());
        let serving = thread::Builder::new().name("wirelight-inspector".to_owned());
        serving
            .spawn(move || {
                // It ends with the process; what it could fail at was tried when it was opened.
                let _ = runtime.block_on(Server::default().serve(listener, service));
            })
            .map_err(failed)?;
        let taken = if address.port() == PORT || address.port() < PORT { "" } else { note(address.port()) };
        eprintln!("inspector on {}{taken}", Paint::stderr().strong(&url));
        let found = Found { url: format!("http://{host}:{}/", address.port()), token };
        Ok(Told(tell(&found, address.port()).ok()))
    }
}

/// Why the port is not the usual one, where it was looked for.
fn note(port: u16) -> &'static str {
    match port {
        port if port < PORT + PORTS_TRIED => " (4040 was taken)",
        _ => "",
    }
}

/// Where a listener is reached, as the beginning of a URL.
fn base(address: &Address) -> Option<String> {
    match address {
        Address::Internet(_) | Address::Secure(_) => {
            let shown = address.to_string().replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
            Some(shown.trim_end_matches('/').to_owned())
        }
        Address::Path(_) | Address::Unnamed => None,
    }
}

/// A token that cannot be guessed, or the one that the environment gives.
fn token() -> io::Result<String> {
    if let Some(given) = std::env::var(TOKEN).ok().filter(|given| !given.is_empty()) {
        return Ok(given);
    }
    let mut chance = [0; TOKEN_BYTES];
    fs::File::open("/dev/urandom")?.read_exact(&mut chance)?;
    Ok(chance.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes down where the inspector is, for this user alone.
fn tell(found: &Found, port: u16) -> io::Result<PathBuf> {
    let folder = control::folder()?;
    let path = folder.join(format!("inspector-{port}.json"));
    let _ = fs::remove_file(&path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(serde_json::to_string(found)?.as_bytes())?;
    Ok(path)
}

/// The inspectors that were written down, the newest first.
pub(crate) fn known() -> Vec<Found> {
    let folders = control::folders().into_iter();
    let entries = folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten().filter_map(Result::ok);
    let ours = entries.filter(|entry| {
        let name = entry.file_name();
        name.to_string_lossy().starts_with("inspector-")
    });
    let mut found: Vec<_> = ours
        .filter_map(|entry| {
            let at = entry.metadata().ok()?.modified().ok()?;
            let text = fs::read(entry.path()).ok()?;
            Some((at, serde_json::from_slice(&text).ok()?))
        })
        .collect();
    found.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    found.into_iter().map(|(_, found)| found).collect()
}
