//! Going over to another protocol, such as WebSocket, from either version of HTTP to either.
//!
//! HTTP/1.1 offers it with Upgrade and takes it up with 101 (RFC 9110, section 7.8); HTTP/2 asks with an extended
//! CONNECT and is answered 2xx (RFC 8441). What passes through afterwards is the same.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode, Uri, request, response};
use sha1::{Digest, Sha1};
use wirelight_net::Upgrade;
use wirelight_proto::h2::Protocol;
use wirelight_semantics::auth;
use wirelight_service::Request;

use super::forward;

/// What a server of WebSocket adds to the client's key (RFC 6455, section 1.3).
const ADDED_TO_KEY: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A client that wants to go over to another protocol.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Which, by its name.
    protocol: String,
    /// The way to the bytes of its connection.
    pub(super) client: Upgrade,
    asked: Asked,
}

/// How a client has asked.
#[derive(Debug)]
enum Asked {
    /// With Upgrade, and this key where it asks for WebSocket.
    Upgrade(Option<HeaderValue>),
    /// With an extended CONNECT; a server that is asked with Upgrade is given this key.
    Connect(String),
}

/// What a response says to somebody who wants to go over to another protocol.
#[derive(Debug)]
pub(super) enum Agreed {
    /// Yes: this is what the client is to be answered, and the way to the server's bytes.
    Yes(Upgrade),
    /// No: it is an answer like any other.
    No,
    /// Something that cannot be passed on.
    Wrong(&'static str),
}

impl Wanted {
    /// What a request wants, if it wants to go over to another protocol and may.
    pub(super) fn of(parts: &request::Parts) -> Option<Self> {
        let client = Upgrade::of(&parts.extensions)?;
        if parts.method == Method::CONNECT {
            let protocol = parts.extensions.get::<Protocol>()?.as_str().to_owned();
            let mut nonce = [0; 16];
            // The key proves nothing but that the answer is an answer to it (RFC 6455, section 1.3).
            let _ = getrandom::fill(&mut nonce);
            return Some(Self { protocol, client, asked: Asked::Connect(STANDARD.encode(nonce)) });
        }
        let protocol = forward::upgrade(&parts.headers)?.to_str().ok()?.to_owned();
        let key = parts.headers.get(header::SEC_WEBSOCKET_KEY).cloned();
        Some(Self { protocol, client, asked: Asked::Upgrade(key) })
    }

    /// Makes a request one that asks a server for it; `multiplexed` says whether that speaks HTTP/2.
    pub(super) fn ask(&self, request: &mut Request, multiplexed: bool) {
        let is_websocket = self.is_websocket();
        let fields = request.headers_mut();
        if multiplexed {
            // RFC 8441, section 5: the stream itself is the handshake's key and its answer.
            fields.remove(header::SEC_WEBSOCKET_KEY);
            fields.remove(header::CONNECTION);
            fields.remove(header::UPGRADE);
            if let Some(protocol) = Protocol::from_bytes(self.protocol.as_bytes()) {
                *request.method_mut() = Method::CONNECT;
                request.extensions_mut().insert(protocol);
            }
            return;
        }
        if let Ok(protocol) = HeaderValue::from_str(&self.protocol) {
            fields.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            fields.insert(header::UPGRADE, protocol);
        }
        if let (Asked::Connect(key), true) = (&self.asked, is_websocket)
            && let Ok(key) = HeaderValue::from_str(key)
        {
            fields.insert(header::SEC_WEBSOCKET_KEY, key);
        }
    }

    /// Judges a response, and makes its head what the client is to be answered.
    pub(super) fn agree(&self, parts: &mut response::Parts, switching: Option<&HeaderValue>) -> Agreed {
        let server = Upgrade::of(&parts.extensions);
        let switched = parts.status == StatusCode::SWITCHING_PROTOCOLS;
        match (&self.asked, server, switched) {
            (_, None, true) => Agreed::Wrong("the server went over to another protocol, and kept the connection"),
            (Asked::Upgrade(_), None, false) => Agreed::No,
            (Asked::Connect(_), None, false) if parts.status.is_success() => {
                Agreed::Wrong("the server answered as if no other protocol had been asked for")
            }
            (Asked::Connect(_), None, false) => Agreed::No,
            (_, Some(_), true) if switching.is_none_or(|protocol| !self.is(protocol)) => {
                Agreed::Wrong("the server went over to another protocol, which nobody had asked for")
            }
            (Asked::Connect(key), Some(_), true) if self.is_websocket() && !accepts(&parts.headers, key.as_bytes()) => {
                Agreed::Wrong("the server's Sec-WebSocket-Accept is no answer to the key that it was sent")
            }
            (asked, Some(server), _) => {
                self.answer(asked, parts, switched);
                Agreed::Yes(server)
            }
        }
    }

    /// Makes the head of a response that agrees one that the client can read.
    fn answer(&self, asked: &Asked, parts: &mut response::Parts, switched: bool) {
        match asked {
            Asked::Connect(_) => {
                parts.status = StatusCode::OK;
                parts.headers.remove(header::SEC_WEBSOCKET_ACCEPT);
            }
            Asked::Upgrade(key) => {
                parts.status = StatusCode::SWITCHING_PROTOCOLS;
                parts.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
                if let Ok(protocol) = HeaderValue::from_str(&self.protocol) {
                    parts.headers.insert(header::UPGRADE, protocol);
                }
                if let (Some(key), false) = (key, switched)
                    && let Ok(accept) = HeaderValue::from_str(&answer_to(key.as_bytes()))
                {
                    parts.headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
                }
            }
        }
    }

    /// Whether what a server went over to is what was asked for; of several, any.
    fn is(&self, protocol: &HeaderValue) -> bool {
        let taken = String::from_utf8_lossy(protocol.as_bytes());
        self.protocol.split(',').any(|offered| offered.trim().eq_ignore_ascii_case(taken.trim()))
    }

    fn is_websocket(&self) -> bool {
        self.protocol.trim().eq_ignore_ascii_case("websocket")
    }
}

/// Makes a request that comes as an extended CONNECT one like any other (RFC 8441, section 4).
pub(super) fn plain(parts: &mut request::Parts) {
    if parts.method == Method::CONNECT {
        parts.method = Method::GET;
        let mut target = std::mem::take(&mut parts.uri).into_parts();
        if target.path_and_query.is_none() {
            target.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
        }
        parts.uri = Uri::from_parts(target).unwrap_or_default();
    }
}

/// Whether a server's answer belongs to a key (RFC 6455, section 4.1).
fn accepts(fields: &HeaderMap, key: &[u8]) -> bool {
    let accept = fields.get(header::SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes).unwrap_or_default();
    auth::is_equal(accept, answer_to(key).as_bytes())
}

/// What a server answers to a key (RFC 6455, section 4.2.2).
fn answer_to(key: &[u8]) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(ADDED_TO_KEY).finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_answer_of_the_rfc() {
        assert_eq!(answer_to(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
