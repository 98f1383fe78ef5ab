//! A connection over TLS: its handshake, within its time and its turn, and what speaks cleartext by mistake.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use http::{HeaderValue, StatusCode, header};
use wirelight_net::tls::Acceptor;
use wirelight_net::{ConnectionInfo, Transport};
use wirelight_semantics::decision::{Decision, Rule};
use wirelight_service::{Body, Request, Response, Result, Service};

use crate::engine;
use crate::server::Shared;

/// The content type of a TLS record that carries a handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

static HANDSHAKE_FAILED: Rule = Rule {
    name: "tls-handshake",
    section: "RFC 8446, section 4",
    says: "A connection over TLS begins with a handshake that both sides agree to.",
};

/// Why a connection never got as far as HTTP.
#[derive(Debug)]
enum Failed {
    Handshake(io::Error),
    TimedOut(Duration),
    Silent,
}

impl Decision for Failed {
    fn rule(&self) -> &'static Rule {
        &HANDSHAKE_FAILED
    }

    fn outcome(&self) -> Cow<'static, str> {
        "closed before any request".into()
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Handshake(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                "the client closed in the middle of the TLS handshake".into()
            }
            Self::Handshake(error) => format!("the TLS handshake failed: {error}").into(),
            Self::TimedOut(limit) => format!("the TLS handshake took longer than {} s", limit.as_secs_f32()).into(),
            Self::Silent => "the client closed without a word".into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::TimedOut(_) => Some("a longer `handshake_timeout` would have waited on".into()),
            _ => None,
        }
    }

    fn declines(&self) -> bool {
        true
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.outcome(), self.because(), self.rule())
    }
}

/// Serves one connection over TLS to its end.
pub(crate) async fn serve<T: Transport, S: Service>(
    shared: Arc<Shared>,
    acceptor: &Acceptor,
    stream: T,
    service: Arc<S>,
    mut connection: ConnectionInfo,
) {
    let limit = shared.config.handshake_timeout;
    let begun = tokio::select! {
        // Its time is looked at first: a handshake that is too late is not begun because a turn came back.
        biased;
        () = shared.context.clock.sleep(limit) => Err(Failed::TimedOut(limit)),
        () = shared.context.drain.begun() => return,
        // In a box, so that the task is not the size of a handshake for as long as it lives.
        begun = Box::pin(begin(&shared, acceptor, stream)) => begun,
    };
    let context = Arc::clone(&shared.context);
    match begun {
        Ok(Begun::Secure(tls, secured)) => {
            let engine = engine::by_alpn(&shared, secured.alpn.as_deref());
            connection.secured = Some(Box::new(secured));
            drop(shared);
            wirelight_net::serve(*tls, engine, service, context, connection).await;
        }
        Ok(Begun::Cleartext(stream, read)) => {
            let engine = engine::in_cleartext(&shared);
            let told = wirelight_net::serve(stream, engine, Arc::new(wrong_scheme), context, connection);
            told.put_back(&read).await;
        }
        Err(failed) => {
            if let Some(observer) = &shared.context.observer {
                observer.closed(&connection, &failed);
            }
        }
    }
}

type Secure<T> = wirelight_net::tls::ServerSide<T>;

enum Begun<T> {
    Secure(Box<Secure<T>>, wirelight_net::tls::Secured),
    /// The first byte is no TLS: somebody speaks plain HTTP.
    Cleartext(T, BytesMut),
}

/// Waits for the first bytes, and for the handshake if they begin one.
async fn begin<T: Transport>(shared: &Shared, acceptor: &Acceptor, mut stream: T) -> Result<Begun<T>, Failed> {
    let mut read = BytesMut::with_capacity(2048);
    let length = std::future::poll_fn(|cx| stream.poll_read(cx, &mut read)).await.map_err(Failed::Handshake)?;
    if length == 0 {
        return Err(Failed::Silent);
    }
    if read[0] != HANDSHAKE {
        return Ok(Begun::Cleartext(stream, read));
    }
    let turn = shared.handshakes.acquire().await;
    let mut tls = Box::new(acceptor.accept(stream, &read).map_err(Failed::Handshake)?);
    let secured = std::future::poll_fn(|cx| tls.poll_handshake(cx)).await.map_err(Failed::Handshake)?;
    drop(turn);
    Ok(Begun::Secure(tls, secured))
}

/// Tells a client that speaks plain HTTP where it is.
async fn wrong_scheme(request: Request) -> Result<Response> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let place = request.uri().authority().map(|authority| authority.as_str()).or(host).unwrap_or("this server");
    let text = format!(
        "400 Bad Request\n\nThis port speaks HTTPS, and the request came as plain HTTP.\nTry https://{place}{}\n",
        request.uri().path_and_query().map_or("/", |path| path.as_str()),
    );
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    fields.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(response)
}
