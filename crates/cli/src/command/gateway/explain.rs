//! `wirelight explain`: which site and route would take a request, and everything that is decided without sending it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;

use http::{HeaderName, HeaderValue, Method, Request, Uri};
use wirelight_gateway::config::Plan;
use wirelight_gateway::run::{Running, Sending};
use wirelight_service::{Body, Clock, Exchange, Peer, Trail};

use crate::args::Explain;
use crate::exit::Failure;
use crate::print::Paint;

/// The rule by which a server is chosen: the last decision before a request leaves.
const FORWARDED: &str = "balancing";

/// Prints the decisions.
pub(crate) fn run(arguments: &Explain) -> Result<(), Failure> {
    let plan = super::plan(&arguments.file.config)?;
    let (method, uri) = asked(&arguments.asked)?;
    let listener = listener(&plan, &uri)?;
    let request = request(arguments, method, &uri)?;
    let trail = Trail::of(&request);
    let running = Running::build(plan, None, Sending::Explained, &Clock::system()).map_err(super::explain_trouble)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(format!("no runtime: {error}")))?;
    let shown = format!("{} {}", request.method(), request.uri());
    let answered = runtime.block_on(running.answer(listener, request));
    let mut text = String::new();
    let paint = Paint::stdout();
    let _ = writeln!(text, "{} at the listener {listener}", paint.strong(&shown));
    trail.read(|decisions| {
        for decision in decisions {
            let _ = writeln!(text, "\n  {}", paint.strong(decision.outcome()));
            for (number, part) in decision.because().split("; ").enumerate() {
                let _ = writeln!(text, "    {}{part}", if number == 0 { "because " } else { "" });
            }
            if let Some(otherwise) = decision.otherwise() {
                let _ = writeln!(text, "    {otherwise}");
            }
            let _ = writeln!(text, "    {}", paint.quiet(decision.rule()));
            if decision.rule().name == FORWARDED {
                // What comes after depends on an answer that nobody has given.
                break;
            }
        }
    });
    match answered {
        Ok(response) if response.headers().contains_key(http::header::LOCATION) => {
            let location = response.headers()[http::header::LOCATION].to_str().unwrap_or_default();
            let _ = writeln!(text, "\n  {} to {location}", response.status());
        }
        Ok(response) if !response.status().is_success() => {
            let _ = writeln!(text, "\n  {}", response.status());
        }
        Ok(_) => {}
        Err(error) => {
            let _ = writeln!(text, "\n  {}: {error}", error.status());
        }
    }
    std::io::stdout().write_all(text.as_bytes()).map_err(Failure::of_output)
}

fn asked(words: &[String]) -> Result<(Method, Uri), Failure> {
    let (method, url) = match words {
        [method, url] => (method.as_str(), url),
        [url, ..] => ("GET", url),
        [] => return Err(Failure::new("there is no URL to explain")),
    };
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| Failure::new(format!("`{method}` is no method")))?;
    let uri: Uri = url.parse().map_err(|_| Failure::new(format!("`{url}` is no URL")))?;
    if uri.authority().is_none() || !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(
            Failure::new(format!("`{url}` does not say where to")).advise("Write it whole: http://example.org/path.")
        );
    }
    Ok((method, uri))
}

/// The listener that a client would reach by a URL: the one with its port, or the only one with its scheme.
fn listener(plan: &Plan, uri: &Uri) -> Result<SocketAddr, Failure> {
    let is_secure = uri.scheme_str() == Some("https");
    let fitting: Vec<SocketAddr> =
        plan.listeners.iter().filter(|listen| listen.is_secure() == is_secure).map(|listen| listen.address).collect();
    let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    if let Some(address) = fitting.iter().find(|address| address.port() == port) {
        return Ok(*address);
    }
    match fitting.as_slice() {
        [only] if uri.port().is_none() => Ok(*only),
        _ => {
            let all: Vec<String> = plan.listeners.iter().map(|listen| listen.address.to_string()).collect();
            Err(Failure::new(format!("no listener of this config is reached by {uri}"))
                .advise(format!("There are: {}.", all.join(", "))))
        }
    }
}

fn request(arguments: &Explain, method: Method, uri: &Uri) -> Result<Request<Body>, Failure> {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().map_err(|_| Failure::new(format!("`{path}` is no path")))?;
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let fields = request.headers_mut();
    fields.insert(http::header::HOST, value(authority)?);
    for line in &arguments.headers {
        let Some((name, text)) = line.split_once(':') else {
            return Err(Failure::new(format!("`{line}` is no field")).advise("Write it as: -H 'Name: value'."));
        };
        let name: HeaderName =
            name.trim().parse().map_err(|_| Failure::new(format!("`{name}` is no name of a field")))?;
        let value = value(text.trim())?;
        if name == http::header::HOST {
            fields.insert(name, value);
        } else {
            fields.append(name, value);
        }
    }
    let peer = Peer::Internet(SocketAddr::new(arguments.client, 0));
    let secure = uri.scheme_str() == Some("https");
    request.extensions_mut().insert(Exchange {
        trail: Trail::watched(),
        peer: Some(peer),
        secure,
        ..Exchange::default()
    });
    Ok(request)
}

fn value(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text).map_err(|_| Failure::new(format!("{text:?} is no value of a field")))
}
