//! The layers around what the command serves.

use wirelight_service::layer::{AddDate, AnswerErrors, AnswerTrace, CatchPanic, SecureResponses};
use wirelight_service::{Service, ServiceExt};

/// Whether TRACE is answered with the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trace {
    Shown,
    Refused,
}

/// A service with everything around it that a browser, a log and a careless handler need.
pub(crate) fn around<S: Service>(service: S, cors: bool, trace: Trace) -> impl Service {
    let trace = AnswerTrace { enabled: trace == Trace::Shown, ..AnswerTrace::default() };
    let _ = cors;
    service
        .layer(CatchPanic)
        .layer(AnswerErrors::default())
        .layer(trace)
        .layer(SecureResponses::default())
        .layer(AddDate::default())
}
