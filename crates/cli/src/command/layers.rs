//! The layers around what the command serves.

use wirelight_semantics::cors::{Methods, Names, Origins, Policy};
use wirelight_service::layer::{
    AddDate, AnswerErrors, AnswerTrace, CatchPanic, Compress, Cors, Either, SecureResponses, Stage,
};
use wirelight_service::{Layer, Request, Response, Result, Service, ServiceExt};

/// For how long a browser may remember that any origin is allowed.
const PREFLIGHT_SECONDS: u32 = 600;

/// What the command serves beside its content.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    /// What the record of an exchange calls the service.
    pub(crate) name: &'static str,
    /// Whether anybody may want to know when each layer is entered and left.
    pub(crate) timed: bool,
    /// Whether pages of any origin may read the answers.
    pub(crate) cors: bool,
    /// Whether TRACE is answered with the request, or refused.
    pub(crate) trace: bool,
    /// Whether browsers are told never to come here but by HTTPS, once they have.
    pub(crate) strict_transport: bool,
}

/// A service with everything around it that a browser, a log and a careless handler need.
pub(crate) fn around<S: Service>(service: S, habits: Habits) -> impl Service {
    let stage = |name: &'static str| habits.timed.then_some(Stage::named(name));
    let inner = service.layer(CatchPanic).layer(AnswerErrors::default());
    let inner = perhaps(stage(habits.name), inner)
        .layer(AnswerTrace { enabled: habits.trace, ..AnswerTrace::default() })
        .layer(Compress::default());
    let inner = perhaps(stage("compress"), inner);
    let shared = perhaps(stage("cors").filter(|_| habits.cors), perhaps(habits.cors.then(anybody), inner));
    shared.layer(careful(habits.strict_transport)).layer(AddDate::default())
}

/// A service in a layer, if that is there.
fn perhaps<L: Layer<S>, S>(layer: Option<L>, inner: S) -> Perhaps<L::Service, S> {
    match layer {
        Some(layer) => Perhaps::With(layer.layer(inner)),
        None => Perhaps::Without(inner),
    }
}

/// What tells browsers to be careful.
fn careful(strict_transport: bool) -> SecureResponses {
    let all = SecureResponses::default();
    let strict_transport_security = all.strict_transport_security.clone().filter(|_| strict_transport);
    SecureResponses { strict_transport_security, ..all }
}

/// Any origin may read everything, without credentials.
fn anybody() -> Cors {
    let policy = Policy {
        origins: Origins::Any,
        methods: Methods::Any,
        fields: Names::Any,
        exposed: Names::Any,
        max_age_seconds: Some(PREFLIGHT_SECONDS),
        ..Policy::default()
    };
    Cors { policy }
}

/// A service that is inside of a layer or not, as the user wishes.
enum Perhaps<A, B> {
    With(A),
    Without(B),
}

impl<A: Service, B: Service> Service for Perhaps<A, B> {
    fn call(&self, request: Request) -> impl Future<Output = Result<Response>> + Send {
        match self {
            Self::With(service) => Either::first(service.call(request)),
            Self::Without(service) => Either::second(service.call(request)),
        }
    }
}
