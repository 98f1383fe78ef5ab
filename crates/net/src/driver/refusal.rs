//! The response to a request that no handler will answer.

use std::borrow::Cow;
use std::fmt::Write;

use http::{HeaderValue, StatusCode, header, response};
use wirelight_proto::ConnectionError;
use wirelight_semantics::decision::{Decision, Rule, sentence};
use wirelight_semantics::status;
use wirelight_service::layer::date;
use wirelight_service::{Clock, Error, Fault};

static HANDLER_FAILED: Rule = Rule {
    name: "handler-failed",
    section: "RFC 9110, section 15",
    says: "An exchange that fails is answered with the status that names who is at fault.",
};

/// A handler failed: noted in the trail, and answered with the status of its error.
#[derive(Debug)]
pub(super) struct HandlerFailed {
    status: StatusCode,
    because: String,
}

impl HandlerFailed {
    pub(super) fn new(error: &Error) -> Self {
        Self { status: error.status(), because: error.because().to_owned() }
    }
}

impl Decision for HandlerFailed {
    fn rule(&self) -> &'static Rule {
        &HANDLER_FAILED
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

/// What a peer is told about the rule that it broke.
pub(super) fn of_connection(error: &ConnectionError, status: StatusCode, clock: &Clock) -> (response::Parts, String) {
    let mut text = format!("{}\n\n{}", status::named(status), error.because);
    if let Some(at) = error.at {
        let _ = write!(text, ", at byte {at}");
    }
    let _ = write!(text, ".\n{} ({})\n", error.rule.says, error.rule.section);
    if let Some(otherwise) = &error.otherwise {
        let _ = writeln!(text, "{}", sentence(otherwise));
    }
    (head(status, clock), text)
}

/// What a peer is told about a handler that failed; what went wrong inside is nobody's business but the log's.
pub(super) fn of_handler(error: &Error, clock: &Clock) -> (response::Parts, String) {
    let status = error.status();
    let text = match error.fault() {
        Fault::Downstream => format!("{}\n\n{}.\n", status::named(status), error.because()),
        Fault::Upstream | Fault::Ours => format!("{}\n", status::named(status)),
    };
    (head(status, clock), text)
}

fn head(status: StatusCode, clock: &Clock) -> response::Parts {
    let (mut parts, ()) = http::Response::new(()).into_parts();
    parts.status = status;
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    parts.headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // No layer gets to see this response, so its date is added here (RFC 9110, section 6.6.1).
    parts.headers.insert(header::DATE, date::now(clock));
    parts
}
