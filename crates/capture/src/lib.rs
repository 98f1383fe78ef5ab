//! The wire below HTTP: packets as the system saw them, and the TCP connections they make up.
//!
//! [`Socket`] takes packets off an interface, [`capture_file`] reads and writes them, [`Packet`] is one of them read, and
//! [`Connections`] follows each connection from its first SYN to its end and says what every packet did. Nothing here
//! knows HTTP.

pub mod capture_file;
mod connection;
mod connections;
mod half;
mod packet;
mod sequence;
mod socket;
mod step;

pub use connection::{Connection, Ended, Summary};
pub use connections::{Connections, Heard, Limits};
pub use packet::{Carries, Flags, Link, Options, Packet, Segment, Unread};
pub use socket::{Frame, Interface, KEPT_BYTES_MAX, Socket};
pub use step::{Direction, Event, Step};
