//! `wirelight echo`: a server to test clients with. Every request is answered with what arrived, and a table of
//! endpoints does what clients are tested on.

mod arrived;
mod condition;
mod content;
mod cookies;
mod endpoint;
mod forms;
mod index;
mod pace;
mod status;
#[cfg(test)]
mod tests;

use http::{Method, StatusCode, header};
use wirelight_semantics::media_type::MediaType;
use wirelight_semantics::negotiate;
use wirelight_semantics::problem::{self, Problem};
use wirelight_service::{Body, Clock, Request, Response, Result, Service, Trail};

use super::layers::{self, Habits};
use super::listen;
use crate::exit::Failure;
use arrived::Arrived;
use endpoint::{Answer, Call};

/// Serves until it is told to stop.
pub(crate) fn run(arguments: &crate::args::Echo) -> std::result::Result<(), Failure> {
    let echo = Echo { clock: Clock::system(), limits: Limits::default() };
    let service = layers::around(
        echo,
        Habits {
            name: "echo",
            timed: arguments.listen.inspect.inspect.is_some(),
            cors: arguments.cors,
            trace: true,
            strict_transport: arguments.listen.tls.is_lasting(),
        },
    );
    let connection = wirelight_net::Config { raw_head: true, ..wirelight_net::Config::default() };
    let config = wirelight_server::Config { connection, ..wirelight_server::Config::default() };
    listen::serve(&arguments.listen, config, "echoing", service, |_| {})
}

/// The name of the field that says how many bytes of content arrived.
const LENGTH_FIELD: &str = "x-echo-len";

/// What bounds the server's memory.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// How much of a request's content is kept to be shown; all of it is read and counted.
    pub(crate) content_kept_bytes: usize,
}

impl Default for Limits {
    /// Keeps 4 MiB.
    fn default() -> Self {
        Self { content_kept_bytes: 4 * 1024 * 1024 }
    }
}

/// The service behind `wirelight echo`.
#[derive(Debug, Clone)]
pub(crate) struct Echo {
    pub(crate) clock: Clock,
    pub(crate) limits: Limits,
}

impl Service for Echo {
    async fn call(&self, request: Request) -> Result<Response> {
        let arrived = Arrived::read(request, &self.limits).await?;
        let trail = Trail::of(&arrived.head);
        let Answer { mut response, after } = answer(&arrived, &self.clock, &trail);
        if !after.is_zero() {
            self.clock.sleep(after).await;
        }
        response.headers_mut().insert(LENGTH_FIELD, arrived.content_bytes.into());
        Ok(response)
    }
}

fn answer(arrived: &Arrived, clock: &Clock, trail: &Trail) -> Answer {
    let method = &arrived.head.method;
    if *method == Method::CONNECT {
        return refuse(StatusCode::NOT_IMPLEMENTED, "CONNECT asks for a tunnel, and this server is no proxy").into();
    }
    let path = arrived.head.uri.path();
    if path == "/" && matches!(*method, Method::GET | Method::HEAD) && index::is_wanted(arrived, trail) {
        return index::page().into();
    }
    match endpoint::find(path) {
        Some((endpoint, captured)) => {
            let call = Call::new(arrived, captured, clock, trail);
            (endpoint.answer)(&call).unwrap_or_else(|refused| refuse(StatusCode::BAD_REQUEST, refused.0).into())
        }
        None => echo(arrived, trail).into(),
    }
}

/// What arrived, as JSON or text: whichever Accept prefers, JSON where it does not care or allows neither.
fn echo(arrived: &Arrived, trail: &Trail) -> Response {
    let available = [known("application/json"), known("text/plain")];
    let choice = negotiate::media_type(&arrived.head.headers, &available);
    let text = choice.chosen() == Some(&available[1]);
    trail.note(choice);
    let mut response = if text { content(arrived.as_text(), "text/plain") } else { json(&arrived.shown()) };
    response.headers_mut().insert(header::VARY, header::HeaderValue::from_static("accept"));
    response
}

fn known(name: &'static str) -> MediaType {
    MediaType::parse(name.as_bytes()).expect("the name of a media type")
}

fn content(content: impl Into<Body>, media_type: &'static str) -> Response {
    let mut response = Response::new(content.into());
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(media_type));
    response
}

fn json(value: &impl serde::Serialize) -> Response {
    content(json_text(value), "application/json")
}

fn json_text(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).expect("the keys are strings") + "\n"
}

/// A request that cannot be answered as asked, in words and as a problem that a program can read.
fn refuse(status: StatusCode, detail: impl Into<std::borrow::Cow<'static, str>>) -> Response {
    let problem = Problem { detail: Some(detail.into()), ..Problem::new(status) };
    let mut response = Response::new(Body::from(problem.to_json() + "\n"));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, problem::MEDIA_TYPE);
    response
}
