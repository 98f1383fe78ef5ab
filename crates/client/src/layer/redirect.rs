//! Following redirections.

use http::Uri;
use http::header::REFERER;
use wirelight_semantics::decision::Decision;
use wirelight_semantics::redirect::{self, CONTENT_FIELDS, CREDENTIAL_FIELDS, Judgement};
use wirelight_service::{Body, Fault, Kind, Request, Response, Result, Service, Trail};

use super::{Layered, Replay};
use crate::error::{Phase, fail};

/// Follows redirections as RFC 9110, section 15.4, and Fetch say; the response carries the [`Final`] URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FollowRedirects {
    /// How many are followed; one more is an error.
    pub redirects_max: usize,
    /// How much of a redirection's own content is read, in bytes, to use its connection again.
    pub drain_bytes_max: usize,
}

impl Default for FollowRedirects {
    fn default() -> Self {
        Self { redirects_max: 10, drain_bytes_max: 64 * 1024 }
    }
}

/// The URI that a response came from, after all redirections; an extension of the response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Final(pub Uri);

impl<S: Service> Service for Layered<FollowRedirects, S> {
    async fn call(&self, mut request: Request) -> Result<Response> {
        let FollowRedirects { redirects_max, drain_bytes_max } = self.layer;
        let trail = Trail::of(&request);
        let mut followed = 0;
        loop {
            let mut replay = Replay::of(&request);
            let mut response = self.inner.call(request).await?;
            let (status, headers) = (response.status(), response.headers());
            let judgement = redirect::judge(&replay.method, &replay.uri, status, headers, followed, redirects_max);
            let follow = match judgement {
                Judgement::Final(_) | Judgement::NoLocation(_) => {
                    if judgement.declines() {
                        trail.note(judgement);
                    }
                    response.extensions_mut().insert(Final(replay.uri));
                    return Ok(response);
                }
                Judgement::Unusable { .. } | Judgement::TooMany { .. } => {
                    let because = judgement.because().into_owned();
                    trail.note(judgement);
                    return Err(fail(Phase::Receive, Kind::Malformed, Fault::Upstream, because));
                }
                Judgement::Follow(ref follow) => {
                    let follow = follow.clone();
                    trail.note(judgement);
                    follow
                }
            };
            if follow.with_content && !replay.is_whole() {
                let because = format!("{status} asks for the content again, and it can only be read once");
                return Err(fail(Phase::Request, Kind::Other, Fault::Ours, because));
            }
            if !follow.with_content {
                replay.content = Some(bytes::Bytes::new());
                CONTENT_FIELDS.iter().for_each(|name| drop(replay.headers.remove(name)));
            }
            if !follow.with_credentials {
                CREDENTIAL_FIELDS.iter().for_each(|name| drop(replay.headers.remove(name)));
                replay.headers.remove(REFERER);
            }
            replay.headers.remove(http::header::HOST);
            replay.method = follow.method;
            replay.uri = follow.to;
            followed += 1;
            drain(response.into_body(), drain_bytes_max).await;
            request = replay.again();
        }
    }
}

/// Reads content that nobody wants, so that its connection can be used again; too much of it, or broken, is left.
pub(crate) async fn drain(mut body: Body, bytes_max: usize) {
    let mut left = bytes_max;
    while let Some(Ok(data)) = body.data().await {
        match left.checked_sub(data.len()) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}
