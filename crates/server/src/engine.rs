//! Which engine a connection gets.

use std::sync::Arc;

use wirelight_net::tls::ALPN_H2;
use wirelight_proto::{Engine, Role};

use crate::server::Shared;

/// For a connection in cleartext: HTTP/2 if that is what its first bytes say, else HTTP/1.
pub(crate) fn in_cleartext(shared: &Shared) -> Engine {
    Engine::by_preface(Arc::clone(&shared.http1), Arc::clone(&shared.http2), shared.context.clock.now())
}

/// For a connection over TLS, by what ALPN has chosen (RFC 7301).
pub(crate) fn by_alpn(shared: &Shared, alpn: Option<&[u8]>) -> Engine {
    let now = shared.context.clock.now();
    match alpn {
        Some(ALPN_H2) => Engine::http2(Role::Server, Arc::clone(&shared.http2), now),
        _ => Engine::http1(Role::Server, Arc::clone(&shared.http1), now),
    }
}
