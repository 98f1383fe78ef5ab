//! Content codings, applied on the way out (RFC 9110, section 8.4).
//!
//! Content that is at hand and short is coded at once and keeps a known length; all other content is coded as it
//! comes, in slices, and what the encoder holds is flushed whenever the content pauses, so that events arrive at once.

mod body;
mod encoder;
mod judge;
mod whole;

use http::header::{self, Entry, HeaderMap};
use http::{Method, StatusCode};
use wirelight_semantics::coding::Coding;
use wirelight_semantics::fields;
use wirelight_semantics::validator::EntityTag;

use super::Layered;
use super::answering::Amended;
use crate::{Body, Layer, Request, Response, Result, Service, Trail};

pub use judge::{Judgement, Left};

/// Codes the content of responses as the requester prefers, where that is worth it and allowed.
///
/// A response that is coded differs in its bytes from the one that the service made, so a strong entity tag becomes
/// weak: the two share a tag and only mean the same (RFC 9110, sections 8.8.1 and 8.8.3.3). `If-None-Match` compares
/// weakly and goes on working; `If-Match` and `If-Range` rightly no longer match. `Vary` names `Accept-Encoding`
/// wherever that field made the difference.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use wirelight_service::layer::Compress;
/// use wirelight_service::{Body, Request, Response, Result, Service, ServiceExt};
///
/// async fn long(_: Request) -> Result<Response> {
///     let content = Body::from("all work and no play ".repeat(1000));
///     Ok(http::Response::builder().header("content-type", "text/plain").body(content).unwrap())
/// }
///
/// let request = http::Request::get("/").header("accept-encoding", "gzip").body(Body::empty()).unwrap();
/// let response = long.layer(Compress::default()).call(request).await.unwrap();
/// assert_eq!(response.headers()["content-encoding"], "gzip");
/// assert_eq!(response.headers()["vary"], "accept-encoding");
/// assert!(response.into_body().as_bytes().unwrap().len() < 1000);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Compress {
    /// The codings that are applied, the favourite first: it settles ties between what the requester accepts.
    pub codings: Vec<Coding>,
    /// Content that is known to be shorter is left as it is, in bytes.
    pub length_min_bytes: u64,
    /// Content that is at hand and not longer is coded at once, in bytes.
    pub whole_max_bytes: usize,
    /// How much is coded before other tasks of the thread get a turn, in bytes.
    pub slice_bytes: usize,
    /// How hard each coding tries.
    pub levels: Levels,
}

/// How hard each coding tries: more takes longer and gives less to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    /// For gzip and deflate, 0 to 9.
    pub deflate: u32,
    /// For brotli, 0 to 11.
    pub brotli: u32,
    /// For zstd, 1 to 19; above 9 each stream takes tens of megabytes.
    pub zstd: i32,
    /// How far back brotli and zstd look, as a power of two of bytes, 10 to 23: each stream needs about twice that
    /// (RFC 9659 lets no zstd stream go further than 23).
    pub window_log: u32,
}

impl Default for Compress {
    /// zstd, brotli, gzip and deflate, in this order, for content from 512 bytes; up to 128 KiB at once, and slices of
    /// 32 KiB, which take a millisecond or two at the most.
    fn default() -> Self {
        Self {
            codings: vec![Coding::Zstd, Coding::Brotli, Coding::Gzip, Coding::Deflate],
            length_min_bytes: 512,
            whole_max_bytes: 128 * 1024,
            slice_bytes: 32 * 1024,
            levels: Levels::default(),
        }
    }
}

impl Default for Levels {
    /// 6, 5 and 3: the last before each step that costs much more time than it saves bytes; and windows of 256 KiB.
    fn default() -> Self {
        Self { deflate: 6, brotli: 5, zstd: 3, window_log: 18 }
    }
}

impl<S> Layer<S> for Compress {
    type Service = Layered<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered { layer: self.clone(), inner }
    }
}

impl<S: Service> Service for Layered<Compress, S> {
    fn call(&self, request: Request) -> impl Future<Output = Result<Response>> + Send {
        let trail = Trail::of(&request);
        let head_only = request.method() == Method::HEAD;
        let accepted = fields::combined(request.headers(), &header::ACCEPT_ENCODING).map(|value| value.into_owned());
        Amended::new(self.inner.call(request), move |answer| {
            let Ok(response) = answer else { return };
            let length = length(response.headers(), response.body(), head_only);
            let judgement = self.layer.judge(accepted, response.status(), response.headers(), length);
            match self.layer.apply(judgement, response) {
                Ok(judgement) => trail.note(judgement),
                Err(error) => *answer = Err(error),
            }
        })
    }
}

impl Compress {
    /// Does what was judged; coding the content may show that it is not worth it.
    fn apply(&self, judgement: Judgement, response: &mut Response) -> Result<Judgement> {
        if judgement.depends_on_request() {
            match response.headers_mut().entry(header::VARY) {
                Entry::Vacant(vacant) => {
                    vacant.insert(header::ACCEPT_ENCODING.into());
                }
                Entry::Occupied(_) => fields::add_vary(response.headers_mut(), &[header::ACCEPT_ENCODING]),
            }
        }
        let Some(coding) = judgement.coding() else {
            return Ok(judgement);
        };
        if response.status() == StatusCode::NOT_MODIFIED {
            weaken(response.headers_mut());
            return Ok(judgement);
        }
        let coded = match std::mem::take(response.body_mut()).into_bytes_at_hand(self.whole_max_bytes) {
            Ok(content) if content.is_empty() => Body::empty(),
            Ok(content) if content.len() <= self.whole_max_bytes => {
                let coded = whole::code(coding, self.levels, &content)?;
                if coded.len() >= content.len() {
                    let left = Left::NotSmaller { coding, length_bytes: content.len(), coded_bytes: coded.len() };
                    *response.body_mut() = content.into();
                    return Ok(Judgement::Left(left));
                }
                coded.into()
            }
            Ok(content) => body::Coded::body(content.into(), coding, self),
            Err(body) => body::Coded::body(body, coding, self),
        };
        *response.body_mut() = coded;
        describe(response.headers_mut(), coding);
        Ok(judgement)
    }
}

/// The length of the content before it is coded, where it is known.
fn length(fields: &HeaderMap, body: &Body, head_only: bool) -> Option<u64> {
    let said = || fields.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
    match http_body::Body::size_hint(body).exact() {
        // In the response to HEAD the content may have been left out already.
        Some(0) | None if head_only => said(),
        None => said(),
        exact => exact,
    }
}

/// What the fields say of content that is coded now.
fn describe(fields: &mut HeaderMap, coding: Coding) {
    fields.insert(header::CONTENT_ENCODING, coding.value());
    fields.remove(header::CONTENT_LENGTH);
    // A range of the coded content cannot be had.
    fields.remove(header::ACCEPT_RANGES);
    weaken(fields);
}

fn weaken(fields: &mut HeaderMap) {
    if let Some(tag) = fields.get(header::ETAG).and_then(|value| EntityTag::parse(value.as_bytes()).ok())
        && !tag.is_weak()
    {
        fields.insert(header::ETAG, tag.weakened().value());
    }
}
