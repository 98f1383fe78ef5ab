//! Where certificates come from: files that may change while they are used, or an authority of this user's own that
//! the user's browsers can be told to trust.
//!
//! This module must not know how TLS itself goes; that is `net`'s.

pub mod authority;
pub mod certificates;
pub mod names;
pub mod redirect;
pub mod trust;

pub use authority::Authority;
pub use certificates::{Certificates, Source, Watch};
pub use names::Name;
pub use redirect::RedirectToHttps;
