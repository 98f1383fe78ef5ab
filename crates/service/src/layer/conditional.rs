//! Conditional requests, for services that only know what they answer (RFC 9110, section 13).

use std::hash::{DefaultHasher, Hash, Hasher};

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use wirelight_semantics::fields;
use wirelight_semantics::precondition::{self, Judgement, Proceed};
use wirelight_semantics::problem::Problem;
use wirelight_semantics::validator::{EntityTag, Validators};

use super::Layered;
use super::problem::{Asked, tell};
use crate::{Body, Layer, Request, Response, Result, Service, Trail};

/// Compares the validators of a successful answer to GET or HEAD with the request's preconditions, and sends 304 or
/// 412 in its place where they say so (RFC 9110, section 13.2).
///
/// Other methods change something before they answer, so their preconditions are the service's own to judge.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use wirelight_service::layer::Conditional;
/// use wirelight_service::{Body, Request, Response, Result, Service, ServiceExt};
///
/// async fn tagged(_: Request) -> Result<Response> {
///     Ok(http::Response::builder().header("etag", "\"1\"").body(Body::from("hello")).unwrap())
/// }
///
/// let request = http::Request::get("/").header("if-none-match", "\"1\"").body(Body::empty()).unwrap();
/// let response = tagged.layer(Conditional::default()).call(request).await.unwrap();
/// assert_eq!(response.status(), 304);
/// assert!(response.into_body().as_bytes().unwrap().is_empty());
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Conditional {
    /// Content that is at hand and not longer gets an entity tag if it has none, in bytes; 0 tags nothing.
    ///
    /// The tag is a hash that this program computes alike everywhere, but another version of it may not.
    pub tagged_max_bytes: usize,
}

impl<S> Layer<S> for Conditional {
    type Service = Layered<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered { layer: *self, inner }
    }
}

impl<S: Service> Service for Layered<Conditional, S> {
    async fn call(&self, request: Request) -> Result<Response> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return self.inner.call(request).await;
        }
        let trail = Trail::of(&request);
        let asked = Asked::of(&request);
        let method = request.method().clone();
        let preconditions = preconditions(request.headers());
        let mut response = self.inner.call(request).await?;
        if !matches!(response.status(), StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
            return Ok(response);
        }
        self.layer.tag(&mut response);
        let judgement = precondition::judge(&method, &preconditions, Some(&Validators::of(response.headers())));
        if !matches!(judgement, Judgement::Proceed(Proceed::Unconditional)) {
            trail.note(judgement.clone());
        }
        Ok(match judgement {
            Judgement::Proceed(_) => response,
            Judgement::NotModified(_) => not_modified(response),
            Judgement::Failed(_) => {
                let problem = Problem::because(StatusCode::PRECONDITION_FAILED, &judgement);
                failed(response, tell(&problem, &asked))
            }
        })
    }
}

/// The fields that hold preconditions, of those of a request.
fn preconditions(request: &HeaderMap) -> HeaderMap {
    let names = [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE, header::IF_UNMODIFIED_SINCE];
    let lines = |name: HeaderName| request.get_all(&name).iter().map(move |value| (name.clone(), value.clone()));
    names.into_iter().flat_map(lines).collect()
}

impl Conditional {
    fn tag(&self, response: &mut Response) {
        let fields = response.headers();
        let may_be_stored = !fields::contains(fields, &header::CACHE_CONTROL, "no-store");
        if response.status() != StatusCode::OK || fields.contains_key(header::ETAG) || !may_be_stored {
            return;
        }
        let at_hand = response.body().as_bytes().filter(|content| !content.is_empty());
        if let Some(content) = at_hand.filter(|content| content.len() <= self.tagged_max_bytes) {
            let tag = tag_of(content, fields.get(header::CONTENT_TYPE));
            response.headers_mut().insert(header::ETAG, tag.value());
        }
    }
}

/// Strong: it changes with any byte of the content, and with what the content is said to be.
fn tag_of(content: &[u8], content_type: Option<&HeaderValue>) -> EntityTag {
    let half = |which: u8| {
        let mut hasher = DefaultHasher::new();
        (which, content_type.map(HeaderValue::as_bytes), content).hash(&mut hasher);
        hasher.finish()
    };
    let opaque = format!("{:016x}{:016x}", half(0), half(1));
    EntityTag::strong(opaque).expect("hexadecimal digits may stand in a tag")
}

/// What describes the content itself, which is not sent.
const DESCRIBING: [HeaderName; 6] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_RANGE,
    header::ACCEPT_RANGES,
];

/// The response without its content and what describes that. Of the validators, the date stays only if there is no
/// tag (RFC 9110, section 15.4.5).
fn not_modified(response: Response) -> Response {
    let (mut head, _) = response.into_parts();
    head.status = StatusCode::NOT_MODIFIED;
    for name in &DESCRIBING {
        head.headers.remove(name);
    }
    if head.headers.contains_key(header::ETAG) {
        head.headers.remove(header::LAST_MODIFIED);
    }
    Response::from_parts(head, Body::empty())
}

/// The refusal, with what the response says besides its content.
fn failed(response: Response, refusal: Response) -> Response {
    let (mut head, _) = response.into_parts();
    let (refused, body) = refusal.into_parts();
    head.status = refused.status;
    for name in DESCRIBING.iter().chain(&[header::ETAG, header::LAST_MODIFIED, header::EXPIRES]) {
        head.headers.remove(name);
    }
    fields::add_vary(&mut head.headers, &[header::ACCEPT]);
    for name in [header::CONTENT_TYPE, header::CACHE_CONTROL] {
        if let Some(value) = refused.headers.get(&name) {
            head.headers.insert(name, value.clone());
        }
    }
    Response::from_parts(head, body)
}
