//! From arguments to what is sent, and to whom it is spoken.

use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::SystemTime;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};
use wirelight_client::layer::{Authenticate, Credentials, Decompress, FollowRedirects, Retry, SharedJar, Timeouts};
use wirelight_client::multipart::{self, Form};
use wirelight_client::proxy::{Proxies, Proxy};
use wirelight_client::resolve::Family;
use wirelight_client::{Client, ClientConfig, Versions};
use wirelight_net::tls::Identity;
use wirelight_semantics::cookie::Jar;
use wirelight_semantics::uri::Origin;
use wirelight_service::{Body, Request};

use super::items::{self, Item};
use crate::args::Get;
use crate::exit::Failure;

/// What is sent.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    /// Fields that are left out though they would be sent.
    pub(super) without: Vec<HeaderName>,
    pub(super) content: Content,
    /// The file that is gone on with, and how much of it is there.
    pub(super) offset: u64,
}

/// The content of a request.
#[derive(Debug)]
pub(super) enum Content {
    Nothing,
    Bytes(Vec<u8>),
    File(PathBuf),
    Form(String, Vec<Part>),
}

/// A part of a form with files.
#[derive(Debug)]
pub(super) enum Part {
    Text(String, String),
    File(String, PathBuf),
}

impl Plan {
    pub(super) fn new(arguments: &Get) -> Result<Self, Failure> {
        let (method, url, items) = items::split(&arguments.words)?;
        let mut plan = Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            without: Vec::new(),
            content: Content::Nothing,
            offset: 0,
        };
        for text in &arguments.header {
            let (name, value) = match (text.split_once(':'), text.strip_suffix(';')) {
                (Some((name, value)), _) => (name, Some(value.trim()).filter(|value| !value.is_empty())),
                (None, Some(name)) => (name, Some("")),
                (None, None) => {
                    return Err(Failure::new(format!("`{text}` is no field")).advise("Write `Name: value`."));
                }
            };
            plan.field(name.trim(), value)?;
        }
        let mut query = Vec::new();
        let mut fields = Vec::new();
        for item in items {
            match item {
                Item::Header(name, value) => plan.field(&name, value.as_deref())?,
                Item::Query(name, value) => query.push((name, value)),
                other => fields.push(other),
            }
        }
        plan.add_query(&query);
        plan.choose_content(arguments, fields)?;
        let default = match plan.content {
            _ if arguments.head => Method::HEAD,
            Content::Nothing => Method::GET,
            _ => Method::POST,
        };
        let named = arguments.method.as_ref().or(method.as_ref());
        plan.method = match named {
            Some(name) => Method::from_str(name).map_err(|_| Failure::new(format!("`{name}` is no method")))?,
            None => default,
        };
        if let Some(agent) = &arguments.user_agent {
            plan.field("user-agent", Some(agent.as_str()).filter(|agent| !agent.is_empty()))?;
        }
        if let Some(cookie) = arguments.cookie.as_ref().filter(|cookie| cookie.contains('=')) {
            plan.field("cookie", Some(cookie))?;
        }
        if arguments.compressed {
            plan.headers.remove(header::ACCEPT_ENCODING);
        }
        plan.resume(arguments)?;
        Ok(plan)
    }

    fn field(&mut self, name: &str, value: Option<&str>) -> Result<(), Failure> {
        let wrong = |what| move || Failure::new(format!("`{what}` cannot stand in a field"));
        let parsed = HeaderName::from_str(name).map_err(|_| wrong(name.to_owned())())?;
        match value {
            None => self.without.push(parsed),
            Some(value) => {
                let value = HeaderValue::from_str(value).map_err(|_| wrong(value.to_owned())())?;
                self.headers.append(parsed, value);
            }
        }
        Ok(())
    }

    fn add_query(&mut self, pairs: &[(String, String)]) {
        for (name, value) in pairs {
            let separator = if self.url.contains('?') { '&' } else { '?' };
            let encode = |text: &str| {
                percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
            };
            self.url.push_str(&format!("{separator}{}={}", encode(name), encode(value)));
        }
    }

    fn typed(&mut self, kind: &'static str) {
        self.headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static(kind));
    }

    fn choose_content(&mut self, arguments: &Get, fields: Vec<Item>) -> Result<(), Failure> {
        if let Some(json) = &arguments.json {
            self.content = read_data(json)?;
            self.typed("application/json");
            self.headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        } else if let [data] = &arguments.data[..] {
            self.content = read_data(data)?;
            self.typed("application/x-www-form-urlencoded");
        } else if !arguments.data.is_empty() {
            let mut joined = Vec::new();
            for data in &arguments.data {
                if !joined.is_empty() {
                    joined.push(b'&');
                }
                match read_data(data)? {
                    Content::Bytes(bytes) => joined.extend(bytes),
                    Content::File(path) => {
                        joined.extend(std::fs::read(&path).map_err(|error| unreadable(&path, &error))?)
                    }
                    Content::Nothing | Content::Form(..) => {}
                }
            }
            self.content = Content::Bytes(joined);
            self.typed("application/x-www-form-urlencoded");
        }
        let mut parts = Vec::new();
        for field in &arguments.form_field {
            let (name, value) = field.split_once('=').ok_or_else(|| {
                Failure::new(format!("`{field}` is no field of a form")).advise("Write name=value, or name=@FILE.")
            })?;
            parts.push(match value.strip_prefix('@') {
                Some(path) => Part::File(name.to_owned(), path.into()),
                None => Part::Text(name.to_owned(), value.to_owned()),
            });
        }
        if !fields.is_empty() && !matches!(self.content, Content::Nothing) {
            return Err(Failure::new("items and content cannot both be sent").advise("Leave out either."));
        }
        let with_files = !parts.is_empty() || fields.iter().any(|item| matches!(item, Item::File(..)));
        if with_files {
            for item in fields {
                parts.push(match item {
                    Item::File(name, path) => Part::File(name, path.into()),
                    Item::Field(name, value) | Item::Json(name, value) => Part::Text(name, value.read()?),
                    Item::Header(..) | Item::Query(..) => continue,
                });
            }
            let boundary = format!("{:016x}{:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1));
            self.content = Content::Form(boundary, parts);
        } else if arguments.form && !fields.is_empty() {
            let mut form = String::new();
            let encode = |text: &str| {
                percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
            };
            for item in fields {
                if let Item::Field(name, value) | Item::Json(name, value) = item {
                    let separator = if form.is_empty() { "" } else { "&" };
                    form.push_str(&format!("{separator}{}={}", encode(&name), encode(&value.read()?)));
                }
            }
            self.content = Content::Bytes(form.into_bytes());
            self.typed("application/x-www-form-urlencoded");
        } else if !fields.is_empty() {
            self.content = Content::Bytes(object(fields)?.into_bytes());
            self.typed("application/json");
            let accept = HeaderValue::from_static("application/json, */*;q=0.5");
            self.headers.entry(header::ACCEPT).or_insert(accept);
        }
        Ok(())
    }

    /// Asks for what is missing of a file only (RFC 9110, section 14.2).
    fn resume(&mut self, arguments: &Get) -> Result<(), Failure> {
        let Some(offset) = &arguments.continue_at else { return Ok(()) };
        self.offset = match offset.as_str() {
            "-" => {
                let there = self.output(arguments).and_then(|path| std::fs::metadata(path).ok());
                there.map_or(0, |metadata| metadata.len())
            }
            number => number.parse().map_err(|_| Failure::new(format!("`{number}` is no offset")))?,
        };
        if self.offset > 0 {
            self.headers
                .insert(header::RANGE, HeaderValue::from_str(&format!("bytes={}-", self.offset)).expect("digits"));
        }
        Ok(())
    }

    /// The file that the content is written to.
    pub(super) fn output(&self, arguments: &Get) -> Option<PathBuf> {
        if let Some(path) = &arguments.output {
            return Some(path.clone()).filter(|path| path.as_os_str() != "-");
        }
        arguments.remote_name.then(|| {
            let path = self.url.split(['?', '#']).next().unwrap_or_default();
            let after_host = path.split_once("://").map_or(path, |(_, rest)| rest);
            let name = after_host.split_once('/').map_or("", |(_, path)| path).rsplit('/').next().unwrap_or_default();
            // A name from a URL must not lead out of this folder.
            PathBuf::from(if matches!(name, "" | "." | "..") { "index.html" } else { name })
        })
    }

    /// The content, to be sent once.
    pub(super) fn body(&self) -> Result<Body, Failure> {
        Ok(match &self.content {
            Content::Nothing => Body::empty(),
            Content::Bytes(bytes) => Body::from(bytes.clone()),
            Content::File(path) => multipart::file(path).map_err(|error| unreadable(path, &error))?,
            Content::Form(boundary, parts) => form(boundary, parts)?.into_body(),
        })
    }

    /// The request as the client takes it.
    pub(super) fn request(&self, client: &Client) -> Result<Request, Failure> {
        let mut builder = client.request(self.method.clone(), &self.url).headers(self.headers.clone());
        if let Content::Form(boundary, _) = &self.content {
            builder = builder.header(header::CONTENT_TYPE, Form::new(boundary.clone()).content_type());
        }
        let mut request = builder.body(self.body()?).build().map_err(Failure::of_request)?;
        for name in &self.without {
            request.headers_mut().remove(name);
        }
        Ok(request)
    }
}

fn form(boundary: &str, parts: &[Part]) -> Result<Form, Failure> {
    parts.iter().try_fold(Form::new(boundary), |form, part| match part {
        Part::Text(name, value) => Ok(form.text(name, value.clone())),
        Part::File(name, path) => form.file(name, path).map_err(|error| unreadable(path, &error)),
    })
}

fn unreadable(path: &std::path::Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{} could not be read: {error}", path.display()))
}

/// `@FILE`, `@-` for standard input, or the data itself.
fn read_data(data: &str) -> Result<Content, Failure> {
    match data.strip_prefix('@') {
        Some("-") => {
            let mut bytes = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut bytes);
            read.map_err(|error| Failure::new(format!("standard input could not be read: {error}")))?;
            Ok(Content::Bytes(bytes))
        }
        Some(path) => Ok(Content::File(path.into())),
        None => Ok(Content::Bytes(data.as_bytes().to_vec())),
    }
}

/// A JSON object of items, in their order.
fn object(fields: Vec<Item>) -> Result<String, Failure> {
    let mut members = Vec::new();
    for item in fields {
        let (name, value) = match item {
            Item::Field(name, value) => (name, serde_json::Value::from(value.read()?).to_string()),
            Item::Json(name, value) => {
                let text = value.read()?;
                serde_json::from_str::<serde::de::IgnoredAny>(&text)
                    .map_err(|error| Failure::new(format!("`{text}` is no JSON: {error}")))?;
                (name, text.trim().to_owned())
            }
            Item::Header(..) | Item::Query(..) | Item::File(..) => continue,
        };
        members.push(format!("{}: {value}", serde_json::Value::from(name)));
    }
    Ok(format!("{{{}}}", members.join(", ")))
}

/// The client that the arguments ask for, and the jar that is to be saved.
pub(super) fn config(arguments: &Get, plan: &Plan) -> Result<(ClientConfig, Option<SharedJar>), Failure> {
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
        authenticate: authenticate(arguments, plan)?,
        ..ClientConfig::default()
    };
    let jar_file = arguments.cookie_jar.as_ref().filter(|_| arguments.number.is_none());
    let from = arguments.cookie.as_ref().filter(|cookie| !cookie.contains('=')).or(jar_file);
    if let Some(path) = from {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(unreadable(path.as_ref(), &error)),
        };
        config.cookies = Some(SharedJar::new(Jar::from_netscape(&text, SystemTime::now())));
    }
    let connections = &mut config.connections;
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
    connections.versions = match (arguments.http1, arguments.http2_prior_knowledge) {
        (true, _) => Versions::Http1,
        (_, true) => Versions::Http2PriorKnowledge,
        _ => Versions::Negotiated,
    };
    connections.proxies = match &arguments.proxy {
        Some(proxy) if proxy.is_empty() => Proxies::none(),
        Some(proxy) => {
            let proxy = Proxy::parse(proxy).map_err(Failure::of_request)?;
            Proxies { http: Some(proxy.clone()), https: Some(proxy), except: Vec::new() }
        }
        None => Proxies::from_environment(|name| std::env::var(name).ok()).map_err(Failure::of_request)?,
    };
    connections.unix_socket.clone_from(&arguments.unix_socket);
    connections.resolve.family = match (arguments.ipv4, arguments.ipv6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => Family::Any,
    };
    for text in &arguments.resolve {
        let (key, address) = override_of(text)?;
        connections.resolve.overrides.entry(key).or_default().push(address);
    }
    if let Some(limit) = arguments.connect_timeout {
        connections.connect.connect_timeout = limit;
    }
    let jar = config.cookies.clone().filter(|_| jar_file.is_some());
    Ok((config, jar))
}

fn override_of(text: &str) -> Result<((String, u16), std::net::IpAddr), Failure> {
    let wrong = || Failure::new(format!("`{text}` is no HOST:PORT:ADDRESS"));
    let mut parts = text.splitn(3, ':');
    let (Some(host), Some(port), Some(address)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(wrong());
    };
    let address = address.trim_start_matches('[').trim_end_matches(']');
    let port = port.parse().map_err(|_| wrong())?;
    Ok(((host.to_ascii_lowercase(), port), address.parse().map_err(|_| wrong())?))
}

fn authenticate(arguments: &Get, plan: &Plan) -> Result<Option<Authenticate>, Failure> {
    let credentials = match (&arguments.user, &arguments.bearer) {
        (Some(user), _) => {
            let (user, password) = user.split_once(':').unwrap_or((user, ""));
            let (user, password) = (user.to_owned(), password.to_owned());
            Some(if arguments.digest {
                Credentials::Digest(user, password)
            } else {
                Credentials::Basic(user, password)
            })
        }
        (None, Some(token)) => Some(Credentials::Bearer(token.clone())),
        (None, None) => None,
    };
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
