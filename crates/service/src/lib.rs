//! Request to response: [`Service`], [`Body`], [`Clock`], [`Error`], [`Trail`], and every layer.
//!
//! A handler, a middleware and a client are the same thing: a [`Service`]. This crate must not know sockets, TLS or
//! the version of HTTP that a message came in.

pub mod body;
pub mod clock;
pub mod error;
pub mod exchange;
pub mod interim;
pub mod layer;
pub mod place;
pub mod service;
pub mod tower;
pub mod trail;

pub use body::Body;
pub use clock::{Clock, Timer};
pub use error::{Error, Fault, Kind, Result};
pub use exchange::{Exchange, Peer};
pub use interim::Interims;
pub use place::Place;
pub use service::{Request, Response, Service, ServiceExt};
pub use tower_layer::Layer;
pub use trail::Trail;
