//! Errors as responses: problem details, a page or plain text, as the requester prefers (RFC 9457).

use std::borrow::Cow;
use std::fmt::Write as _;

use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use wirelight_semantics::decision::{Decision, Rule};
use wirelight_semantics::fields;
use wirelight_semantics::negotiate::{self, Choice};
use wirelight_semantics::problem::{self, Problem, Value};
use wirelight_semantics::status;

use super::Layered;
use super::answering::Amended;
use crate::error::client_closed_request;
use crate::{Error, Fault, Layer, Request, Response, Result, Service, Trail};

/// Turns errors into responses that say what happened, as problem details (RFC 9457), HTML or plain text.
///
/// An error whose requester went away stays an error: there is nobody to answer.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use wirelight_service::layer::AnswerErrors;
/// use wirelight_service::{Body, Error, Fault, Kind, Request, Response, Result, Service, ServiceExt};
///
/// async fn picky(_: Request) -> Result<Response> {
///     Err(Error::new(Kind::Malformed, Fault::Downstream, "the date has no year"))
/// }
///
/// let response = picky.layer(AnswerErrors::default()).call(Request::new(Body::empty())).await.unwrap();
/// assert_eq!(response.status(), 400);
/// assert_eq!(response.headers()["content-type"], "application/problem+json");
/// let said: serde_json::Value = serde_json::from_slice(response.into_body().as_bytes().unwrap()).unwrap();
/// assert_eq!(said["detail"], "the date has no year");
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct AnswerErrors {
    /// Whether responses also say what went wrong when the requester is not at fault: that may tell strangers what is
    /// inside.
    pub shows_insides: bool,
}

/// What a response to an error depends on, of the request that met it.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    accept: Option<HeaderValue>,
    trail: Trail,
}

impl Asked {
    /// Remembers what a response to an error depends on; cheap enough to do for every request.
    pub fn of<B: 'static>(request: &http::Request<B>) -> Self {
        let accept = fields::combined(request.headers(), &header::ACCEPT).map(|accept| accept.into_owned());
        Self { accept, trail: Trail::of(request) }
    }
}

static ERROR_ANSWERED: Rule = Rule {
    name: "error-answered",
    section: "RFC 9110, section 15",
    says: "An exchange that fails is answered with the status that names who is at fault.",
};

/// An error was answered in place of what was asked for.
#[derive(Debug)]
struct Answered {
    status: StatusCode,
    because: String,
}

impl Decision for Answered {
    fn rule(&self) -> &'static Rule {
        &ERROR_ANSWERED
    }

    fn outcome(&self) -> Cow<'static, str> {
        status::named(self.status).into()
    }

    fn because(&self) -> Cow<'static, str> {
        self.because.clone().into()
    }

    fn declines(&self) -> bool {
        true
    }
}

/// How an error is told, the server's favourite first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Problem,
    Page,
    Text,
}

impl Form {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Problem, "application/problem+json"),
        (Self::Problem, "application/json"),
        (Self::Page, "text/html"),
        (Self::Text, "text/plain"),
    ];

    /// The form that suits `Accept` best. An error is told even to who accepts none of the forms.
    fn of(asked: &Asked) -> Self {
        let media_type = |(_, name): &(Self, &str)| name.parse().expect("a media type of ours is well formed");
        let accept: HeaderMap = asked.accept.iter().map(|accept| (header::ACCEPT, accept.clone())).collect();
        let choice = negotiate::media_type(&accept, &Self::ALL.each_ref().map(media_type));
        match choice {
            Choice::Chosen { index, .. } => Self::ALL[index].0,
            Choice::NotAcceptable { .. } => Self::Problem,
        }
    }

    fn content_type(self) -> HeaderValue {
        match self {
            Self::Problem => problem::MEDIA_TYPE,
            Self::Page => HeaderValue::from_static("text/html; charset=utf-8"),
            Self::Text => HeaderValue::from_static("text/plain; charset=utf-8"),
        }
    }

    fn tell(self, problem: &Problem) -> String {
        match self {
            Self::Problem => problem.to_json(),
            Self::Page => page(problem),
            Self::Text => text(problem),
        }
    }
}

impl AnswerErrors {
    /// The response that tells of an error.
    pub fn response(&self, error: &Error, asked: &Asked) -> Response {
        // Whoever refused for a reason of its own has noted that.
        if asked.trail.is_watched() && !asked.trail.read(|all| all.iter().any(|decision| decision.declines())) {
            asked.trail.note(Answered { status: error.status(), because: error.because().to_owned() });
        }
        let mut response = tell(&self.problem(error, asked), asked);
        add_retry_after(response.headers_mut(), error);
        response
    }

    fn problem(&self, error: &Error, asked: &Asked) -> Problem {
        let status = error.status();
        if error.fault() != Fault::Downstream && !self.shows_insides {
            return Problem::new(status);
        }
        let refusal =
            asked.trail.decisive(status, |decision| decision.declines().then(|| Problem::because(status, decision)));
        let problem = refusal.flatten().unwrap_or_else(|| Problem::new(status));
        Problem { detail: Some(error.because().to_owned().into()), ..problem }
    }
}

/// The response that tells of a problem, with its status, in the form that suits the requester; nobody stores it.
pub fn tell(problem: &Problem, asked: &Asked) -> Response {
    let form = Form::of(asked);
    let mut response = Response::new(form.tell(problem).into());
    *response.status_mut() = problem.status;
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, form.content_type());
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// Rounded up, so that nobody comes back too early.
fn add_retry_after(fields: &mut HeaderMap, error: &Error) {
    if let Some(wait) = error.retry_after() {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        fields.insert(header::RETRY_AFTER, seconds.into());
    }
}

fn title(problem: &Problem) -> String {
    format!("{} {}", problem.status.as_u16(), problem.title.as_deref().unwrap_or("Error"))
}

fn page(problem: &Problem) -> String {
    let title = escaped(&title(problem));
    let mut page = format!("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n");
    let _ = writeln!(page, "<h1>{title}</h1>");
    for sentence in sentences(problem) {
        let _ = writeln!(page, "<p>{}</p>", escaped(&sentence));
    }
    page
}

fn text(problem: &Problem) -> String {
    let mut text = title(problem);
    text.push('\n');
    for sentence in sentences(problem) {
        let _ = writeln!(text, "{sentence}");
    }
    text
}

fn sentences(problem: &Problem) -> impl Iterator<Item = String> {
    let extensions = problem.extensions.iter().filter_map(|(name, value)| match value {
        Value::Text(text) => Some(format!("{name}: {text}")),
        _ => None,
    });
    problem.detail.iter().map(|detail| detail.clone().into_owned()).chain(extensions)
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(char),
        }
    }
    escaped
}

impl<S> Layer<S> for AnswerErrors {
    type Service = Layered<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered { layer: self.clone(), inner }
    }
}

impl<S: Service> Service for Layered<AnswerErrors, S> {
    fn call(&self, request: Request) -> impl Future<Output = Result<Response>> + Send {
        let asked = Asked::of(&request);
        Amended::new(self.inner.call(request), move |answer| {
            if let Err(error) = answer
                && error.status() != client_closed_request()
            {
                *answer = Ok(self.layer.response(error, &asked));
            }
        })
    }
}
