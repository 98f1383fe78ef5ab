//! URIs: origins, paths, and what may be done to them before they are compared (RFC 3986; RFC 9110, section 4.2).

mod origin;
mod path;

pub use origin::{Origin, default_port, split_port};
pub use path::{Cause, Refused, decode, encode, normalize, remove_dot_segments};

pub(crate) use origin::is_host_byte;
