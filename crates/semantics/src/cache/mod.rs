//! Caching, as pure functions that a private cache and a shared one use alike (RFC 9111, RFC 5861, RFC 8246, RFC 9211).
//!
//! What the time is, and whether the cache is `shared` (serves more than one user), are arguments. In the order in
//! which a request meets them: [`key`] finds what is stored, and [`lookup`] says why nothing is, [`freshness`] and
//! [`reuse`] judge whether it answers, [`validate`] asks the origin about it, [`admit`] judges whether an answer is
//! stored, and [`invalidate`] what an unsafe method makes useless; [`status`] tells it all.
//!
//! It must not know where responses are kept.

pub mod admit;
pub mod control;
pub mod freshness;
pub mod invalidate;
pub mod key;
pub mod lookup;
pub mod reuse;
mod rules;
pub mod status;
pub mod validate;

pub use admit::{Admission, Exchanged};
pub use control::Control;
pub use freshness::{Freshness, Lifetime, Times};
pub use invalidate::Invalidation;
pub use key::Selecting;
pub use lookup::{Bypass, Missing};
pub use reuse::{Instead, Reuse};
pub use status::Handled;
pub use validate::Validation;
