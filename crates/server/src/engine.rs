//! Which engine a connection gets.

use std::sync::Arc;

use wirelight_proto::{Role, h1};

use crate::server::Shared;

/// For a connection in cleartext.
pub(crate) fn in_cleartext(shared: &Shared) -> h1::Connection {
    h1::Connection::new(Role::Server, Arc::clone(&shared.http1), shared.context.clock.now())
}

/// For a connection over TLS, by what ALPN has chosen (RFC 7301).
pub(crate) fn by_alpn(shared: &Shared, _alpn: Option<&[u8]>) -> h1::Connection {
    in_cleartext(shared)
}
