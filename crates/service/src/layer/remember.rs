//! Answers that stay the same for a moment, made once and given to all who ask alike.
//!
//! This is no cache in the sense of RFC 9111: whoever makes an answer says for how long exactly this server would make
//! the same one, and nothing is given away that is not just that.

use std::collections::HashMap;
use std::future::ready;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use http_body::Body as _;
use wirelight_semantics::date;
use wirelight_semantics::decision::Decision;

use super::answering::{Amended, Either};
use crate::{Body, Clock, Exchange, Layer, Request, Response, Result, Service, Trail};

/// Keeps whole answers for as long as the service says that they stay the same, and gives them without asking any of the
/// layers inside again; what those decided is noted again for each exchange.
///
/// A service is asked by [`Wanted`] and says so by [`Lasting`]. Both promise, and so must every layer in between, that the
/// answer depends on the path, on `Accept-Encoding`, on whether the transport is secure, and on nothing else of a GET
/// request without content whose other fields are those that change no answer; a request with any other field
/// is passed on. So this belongs around layers that treat all requesters alike, and outside of
/// [`AddDate`](super::AddDate): what is kept is kept for a second of the clock at the most.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use std::time::Duration;
/// use wirelight_service::layer::Remember;
/// use wirelight_service::layer::remember::Lasting;
/// use wirelight_service::{Body, Clock, Request, Response, Result, Service, ServiceExt};
///
/// static MADE: AtomicU32 = AtomicU32::new(0);
/// # let clock = Clock::manual(std::time::SystemTime::UNIX_EPOCH);
/// let until = clock.now() + Duration::from_millis(500);
/// let make = move |_: Request| async move {
///     MADE.fetch_add(1, Ordering::Relaxed);
///     let mut response = Response::new(Body::from("hello"));
///     response.extensions_mut().insert(Lasting { until });
///     Ok(response)
/// };
/// let service = make.layer(Remember { clock, ..Remember::default() });
/// for _ in 0..3 {
///     let response = service.call(Request::new(Body::empty())).await.unwrap();
///     assert_eq!(response.into_body().into_bytes().unwrap(), "hello");
/// }
/// assert_eq!(MADE.load(Ordering::Relaxed), 1);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Remember {
    /// At most so many paths are remembered. 1024.
    pub paths_max: usize,
    /// At most so many answers to a path, which differ by `Accept-Encoding`. 8.
    pub answers_max: usize,
    /// The content of all answers together takes at most this many bytes. 64 MiB.
    pub bytes_max: usize,
    /// Tells the time; the one that [`Lasting::until`] is told by.
    pub clock: Clock,
}

impl Default for Remember {
    fn default() -> Self {
        Self { paths_max: 1024, answers_max: 8, bytes_max: 64 << 20, clock: Clock::system() }
    }
}

/// Asks a service to say whether its answer is [`Lasting`]; an extension of the request.
#[derive(Debug, Clone, Copy)]
pub struct Wanted;

/// Says that until a moment all who ask alike get this very answer; an extension of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lasting {
    /// From this moment on the service must be asked again.
    pub until: Instant,
}

/// A service whose answers are remembered.
#[derive(Debug)]
pub struct Remembering<S> {
    config: Remember,
    kept: RwLock<Kept>,
    inner: S,
}

#[derive(Debug, Default)]
struct Kept {
    paths: HashMap<Box<str>, Vec<Answer>>,
    bytes: usize,
}

/// An answer, and who gets it.
#[derive(Debug)]
struct Answer {
    accepted: Option<HeaderValue>,
    secure: bool,
    until: Instant,
    /// Since 1970: `Date` is right for so long.
    second: u64,
    fields: HeaderMap,
    content: Bytes,
    /// What was decided, if anybody watched.
    decisions: Option<Vec<Arc<dyn Decision>>>,
}

/// What of a request an answer depends on.
struct Asked<'a> {
    path: &'a str,
    accepted: Option<&'a HeaderValue>,
    exchange: Option<&'a Exchange>,
}

impl<'a> Asked<'a> {
    /// `None` if the answer may depend on more than that.
    fn of(request: &'a Request) -> Option<Self> {
        if *request.method() != Method::GET || !request.body().is_end_stream() {
            return None;
        }
        let exchange = Exchange::find(request);
        if exchange.is_some_and(|exchange| exchange.trail.is_timed()) {
            // Whoever wants the times of the steps wants the steps taken.
            return None;
        }
        let mut accepted = None;
        for (name, value) in request.headers() {
            if *name == header::ACCEPT_ENCODING {
                if accepted.replace(value).is_some() {
                    return None;
                }
            } else if !changes_nothing(name) {
                return None;
            }
        }
        Some(Self { path: request.uri().path(), accepted, exchange })
    }

    fn secure(&self) -> bool {
        self.exchange.is_some_and(|exchange| exchange.secure)
    }
}

/// Whether the field says something about the requester that no answer that lasts depends on.
fn changes_nothing(name: &HeaderName) -> bool {
    use header::*;
    match *name {
        HOST | USER_AGENT | ACCEPT | ACCEPT_LANGUAGE | REFERER | COOKIE | DNT => true,
        CONNECTION | TE | CACHE_CONTROL | PRAGMA | UPGRADE_INSECURE_REQUESTS => true,
        _ => {
            let name = name.as_str();
            matches!(name, "priority" | "sec-gpc") || name.starts_with("sec-ch-ua") || name.starts_with("sec-fetch-")
        }
    }
}

impl Answer {
    fn is_for(&self, accepted: Option<&HeaderValue>, secure: bool) -> bool {
        self.secure == secure && self.accepted.as_ref() == accepted
    }

    fn response(&self) -> Response {
        let mut response = Response::new(Body::from(self.content.clone()));
        *response.headers_mut() = self.fields.clone();
        response
    }
}

impl Kept {
    fn keep(&mut self, path: Box<str>, answer: Answer, limits: &Remember) {
        let known = self.paths.get_mut(&path);
        let is_known = known.is_some();
        if let Some(answers) = known {
            answers.retain(|other| {
                let is_old = other.second != answer.second || other.is_for(answer.accepted.as_ref(), answer.secure);
                self.bytes -= if is_old { other.content.len() } else { 0 };
                !is_old
            });
            if answers.len() >= limits.answers_max {
                self.bytes -= answers.swap_remove(0).content.len();
            }
        }
        let is_full = !is_known && self.paths.len() >= limits.paths_max;
        if is_full || self.bytes + answer.content.len() > limits.bytes_max {
            // All of it would be old in a moment.
            self.paths.clear();
            self.bytes = 0;
        }
        self.bytes += answer.content.len();
        self.paths.entry(path).or_default().push(answer);
    }
}

impl<S> Layer<S> for Remember {
    type Service = Remembering<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Remembering { config: self.clone(), kept: RwLock::default(), inner }
    }
}

impl<S> Remembering<S> {
    fn recall(&self, asked: &Asked<'_>) -> Option<Response> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let answers = kept.paths.get(asked.path)?;
        let secure = asked.secure();
        let answer = answers.iter().find(|answer| answer.is_for(asked.accepted, secure))?;
        if self.config.clock.now() >= answer.until || date::seconds(self.config.clock.wall()) != answer.second {
            return None;
        }
        if let Some(exchange) = asked.exchange.filter(|exchange| exchange.trail.is_watched()) {
            exchange.trail.note_shared(answer.decisions.as_ref()?);
        }
        Some(answer.response())
    }

    /// Keeps an answer, if it lasts.
    fn keep(&self, response: &mut Response, asker: Asker) {
        let Some(Lasting { until }) = response.extensions_mut().remove::<Lasting>() else { return };
        let content = response.body().as_bytes();
        let Some(content) = content.filter(|_| response.status() == StatusCode::OK && response.extensions().is_empty())
        else {
            return;
        };
        let Asker { path, accepted, secure, trail, noted, second } = asker;
        let decisions = trail.is_watched().then(|| trail.share(noted));
        let (fields, content) = (response.headers().clone(), content.clone());
        let answer = Answer { accepted, secure, until, second, fields, content, decisions };
        if answer.content.len() <= self.config.bytes_max && self.config.paths_max.min(self.config.answers_max) > 0 {
            self.kept.write().unwrap_or_else(PoisonError::into_inner).keep(path, answer, &self.config);
        }
    }
}

/// Whose answer may be kept, for all who ask alike.
struct Asker {
    path: Box<str>,
    accepted: Option<HeaderValue>,
    secure: bool,
    trail: Trail,
    /// How many decisions were noted before the layers inside were asked.
    noted: usize,
    second: u64,
}

impl<S: Service> Service for Remembering<S> {
    fn call(&self, mut request: Request) -> impl Future<Output = Result<Response>> + Send {
        let asker = match Asked::of(&request) {
            None => None,
            Some(asked) => match self.recall(&asked) {
                Some(response) => return Either::first(ready(Ok(response))),
                None => Some(Asker {
                    path: asked.path.into(),
                    accepted: asked.accepted.cloned(),
                    secure: asked.secure(),
                    trail: asked.exchange.map(|exchange| exchange.trail.clone()).unwrap_or_default(),
                    noted: asked.exchange.map_or(0, |exchange| exchange.trail.len()),
                    second: date::seconds(self.config.clock.wall()),
                }),
            },
        };
        if asker.is_some() {
            request.extensions_mut().insert(Wanted);
        }
        Either::second(Amended::new(self.inner.call(request), move |answer| {
            if let (Ok(response), Some(asker)) = (answer, asker) {
                self.keep(response, asker);
            }
        }))
    }
}
