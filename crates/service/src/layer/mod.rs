//! The layers: each wraps a [`Service`](crate::Service) in one behaviour and is usable alone.
//!
//! A layer is a plain struct of its settings with a `Default`; `service.layer(Layer { .. })` is a service again. What
//! a layer decides, it notes in the [`Trail`](crate::Trail) of the exchange. A layer must not know sockets, TLS or
//! the version of HTTP.
//!
//! The order matters; from the outside in: [`Remember`], [`AddDate`], [`AssignRequestId`], [`SecureResponses`], [`Cors`],
//! [`AnswerErrors`], [`AnswerTrace`], [`Compress`], [`Conditional`], [`LimitContent`], [`LimitConcurrency`],
//! [`Timeout`], [`CatchPanic`]. So every answer, that to an error too, carries what the outer layers add, and entity
//! tags are compared before content is coded.

mod answering;
pub mod catch_panic;
pub mod compress;
pub mod conditional;
pub mod cors;
pub mod date;
pub mod limit;
pub mod problem;
pub mod remember;
pub mod request_id;
pub mod security;
pub mod server_timing;
pub mod stage;
pub mod timeout;
pub mod trace;

pub use answering::{Amended, Either};
pub use catch_panic::CatchPanic;
pub use compress::Compress;
pub use conditional::Conditional;
pub use cors::Cors;
pub use date::AddDate;
pub use limit::{LimitConcurrency, LimitContent};
pub use problem::AnswerErrors;
pub use remember::Remember;
pub use request_id::{AssignRequestId, RequestId};
pub use security::SecureResponses;
pub use server_timing::ServerTiming;
pub use stage::Stage;
pub use timeout::Timeout;
pub use trace::AnswerTrace;

/// A service inside a layer.
#[derive(Debug, Clone)]
pub struct Layered<L, S> {
    layer: L,
    inner: S,
}
