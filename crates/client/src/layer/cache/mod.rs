//! A cache, private or shared: responses are stored, and used again as far as RFC 9111 lets them (with RFC 5861, 8246
//! and 9211).
//!
//! What may be done is decided in [`wirelight_semantics::cache`]; here it is done.

mod answer;
mod filling;
mod flights;
mod folder;
mod memory;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, HeaderName, IF_MATCH, IF_UNMODIFIED_SINCE, RANGE, SET_COOKIE, UPGRADE,
};
use http::{HeaderMap, Method, StatusCode};
use http_body::Body as _;
use wirelight_semantics::cache::admit::Refusal;
use wirelight_semantics::cache::freshness::{self, Freshness};
use wirelight_semantics::cache::reuse::{self, Failure, OnlyIfCached};
use wirelight_semantics::cache::status::Forwarded;
use wirelight_semantics::cache::validate::{self, Headed, PRECONDITIONS};
use wirelight_semantics::cache::{
    Admission, Bypass, Control, Exchanged, Handled, Instead, Invalidation, Missing, Reuse, Selecting, Times,
    Validation, admit, invalidate, key,
};
use wirelight_service::{Body, Clock, Exchange, Fault, Layer, Request, Response, Result, Service, Trail};

use super::Replay;
use super::redirect::drain;
use crate::timings::Watch;
use filling::Filling;
use flights::{Boarding, Flight, follow};
use memory::{Entry, Found};

pub use folder::FolderLimits;
pub use memory::{Limits, Stored};

/// How much of an answer is read that nobody wants, in bytes, to use its connection again.
const DRAIN_BYTES_MAX: usize = 64 * 1024;

/// Answers requests from stored responses, and stores what it may; for one user, unless it is `shared`.
///
/// Put it innermost. Requests that bring content, If-Match or Upgrade pass it by. Responses say in Cache-Status what was
/// done, and the trail says why.
///
/// ```no_run
/// # async fn example() -> wirelight_service::Result<()> {
/// use wirelight_client::layer::Cache;
/// use wirelight_client::{Client, ClientConfig};
///
/// let client = Client::with(ClientConfig { cache: Some(Cache::default()), ..ClientConfig::default() })?;
/// for _ in 0..2 {
///     let answer = client.get("https://example.test/").send().await?;
///     println!("{:?}", answer.headers().get("cache-status"));
///     answer.bytes().await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Cache {
    /// Where responses are stored.
    pub stored: Stored,
    /// Tells the time.
    pub clock: Clock,
    /// Whether it serves more than one user, as that of a proxy does: then `private`, Authorization and Set-Cookie keep
    /// responses from being stored, and `s-maxage` counts (RFC 9111, section 3).
    pub shared: bool,
    /// How Cache-Status names this cache (RFC 9211, section 2).
    pub name: String,
    /// How lifetimes are guessed where none is given.
    pub heuristic: freshness::Limits,
    /// For how long a stale response stands in for an error where nobody says so; `None` for not at all.
    pub stale_if_error: Option<Duration>,
    /// Content that is no longer than this, in bytes, is read before its head is handed on, so that those who wait for
    /// the same need not wait for a reader.
    pub eager_bytes_max: usize,
    /// Fields by which responses are told apart as if their Vary named them.
    pub also_by: Vec<HeaderName>,
}

impl Default for Cache {
    /// What servers say counts, and answers for different credentials are told apart.
    fn default() -> Self {
        Self {
            stored: Stored::default(),
            clock: Clock::system(),
            shared: false,
            name: "wirelight".to_owned(),
            heuristic: freshness::Limits::default(),
            stale_if_error: None,
            eager_bytes_max: 64 * 1024,
            also_by: vec![AUTHORIZATION],
        }
    }
}

impl<S: Service> Layer<S> for Cache {
    type Service = Caching<S>;

    fn layer(&self, inner: S) -> Caching<S> {
        Caching { cache: self.clone(), inner: Arc::new(inner) }
    }
}

/// A service behind a cache.
#[derive(Debug)]
pub struct Caching<S> {
    cache: Cache,
    inner: Arc<S>,
}

impl<S> Clone for Caching<S> {
    fn clone(&self) -> Self {
        Self { cache: self.cache.clone(), inner: Arc::clone(&self.inner) }
    }
}

/// What a request asks of the cache.
#[derive(Clone)]
struct Asked {
    key: String,
    method: Method,
    headers: HeaderMap,
    control: Control,
    trail: Trail,
}

impl Asked {
    /// What a request asks, or why it passes the cache by.
    fn of(request: &Request) -> Result<Self, Bypass> {
        let headers = request.headers();
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Bypass::Method(request.method().clone()));
        }
        if let Some(name) = [IF_MATCH, IF_UNMODIFIED_SINCE, UPGRADE].into_iter().find(|name| headers.contains_key(name))
        {
            return Err(Bypass::Field(name));
        }
        if !request.body().as_bytes().is_some_and(|content| content.is_empty()) {
            return Err(Bypass::Content);
        }
        Ok(Self {
            key: key::primary(request.uri()).ok_or(Bypass::Target)?,
            method: request.method().clone(),
            headers: headers.clone(),
            control: Control::of_request(headers),
            trail: Trail::of(request),
        })
    }

    /// Whether it asks for something else than all of what is current.
    fn is_partial(&self) -> bool {
        self.method == Method::HEAD || self.headers.contains_key(RANGE) || self.is_conditional()
    }

    fn is_conditional(&self) -> bool {
        PRECONDITIONS.iter().any(|name| self.headers.contains_key(name))
    }
}

impl<S: Service> Service for Caching<S> {
    async fn call(&self, request: Request) -> Result<Response> {
        match Asked::of(&request) {
            Ok(asked) => self.look_up(request, asked).await,
            Err(bypass) => {
                Trail::of(&request).note(bypass);
                self.pass(request).await
            }
        }
    }
}

impl<S: Service> Caching<S> {
    fn wall(&self) -> SystemTime {
        self.cache.clock.wall()
    }

    /// Hands a request on that the cache cannot answer, and forgets what it makes invalid.
    async fn pass(&self, request: Request) -> Result<Response> {
        let (method, target) = (request.method().clone(), request.uri().clone());
        let trail = Trail::of(&request);
        let response = self.inner.call(request).await?;
        let judged = invalidate::judge(&method, &target, response.status(), response.headers());
        if let Invalidation::Keys { keys, .. } = &judged {
            let forgotten: usize = keys.iter().map(|key| self.cache.stored.remove_all(key)).sum();
            if forgotten > 0 {
                trail.note(judged);
            }
        }
        Ok(response)
    }

    async fn look_up(&self, request: Request, asked: Asked) -> Result<Response> {
        let mut collapsed = false;
        loop {
            let forwarded = match self.cache.stored.find(&asked.key, &asked.headers) {
                Found::Entry(entry) => return self.judge(entry, request, &asked, collapsed).await,
                Found::Others(passed_over) => {
                    asked.trail.note(passed_over);
                    Forwarded::VaryMiss
                }
                Found::Nothing => {
                    if asked.trail.is_watched() {
                        let near = self.cache.stored.near(&asked.key);
                        asked.trail.note(Missing::of(&asked.key, near.as_deref()));
                    }
                    Forwarded::UriMiss
                }
            };
            if asked.control.only_if_cached {
                return Ok(self.not_stored(&asked));
            }
            let handled = Handled { forwarded: Some(forwarded), collapsed, ..Handled::default() };
            if collapsed || asked.is_partial() || asked.control.no_store {
                return self.forward(request, &asked, handled, None).await;
            }
            match self.cache.stored.flights().board(&format!("{}\n{:?}", asked.key, asked.headers)) {
                Boarding::Lead(flight) => return self.forward(request, &asked, handled, Some(flight)).await,
                Boarding::Follow(leader) => follow(leader).await,
            }
            collapsed = true;
        }
    }

    /// Judges whether what is stored answers a request, and does what that asks for.
    async fn judge(&self, entry: Arc<Entry>, request: Request, asked: &Asked, collapsed: bool) -> Result<Response> {
        let (control, freshness) = entry.freshness(self.wall(), self.cache.shared, &self.cache.heuristic);
        let reuse = reuse::judge(&asked.control, &control, freshness, self.cache.shared);
        asked.trail.note(reuse.clone());
        if let Reuse::Validate { why, .. } = reuse {
            if asked.control.only_if_cached {
                return Ok(self.not_stored(asked));
            }
            let handled = Handled { forwarded: Some(Forwarded::of(why)), ..Handled::default() };
            return self.validate(&entry, request, asked, handled).await;
        }
        if let Reuse::WhileRevalidating { .. } = reuse {
            self.validate_meanwhile(&entry, &request, asked);
        }
        if let Some(watch) = request.extensions().get::<Watch>() {
            watch.begin(self.cache.clock.now(), request.method(), request.uri());
            watch.note(|timings| {
                timings.from_cache = true;
                timings.done = Some(Duration::ZERO);
            });
        }
        let handled = Handled { collapsed, ..Handled::hit(&reuse) };
        Ok(self.answer(&entry, asked, &handled))
    }

    fn answer(&self, entry: &Entry, asked: &Asked, handled: &Handled) -> Response {
        let name = (self.cache.name.as_str(), handled);
        answer::of_entry(entry, (&asked.method, &asked.headers), name, self.wall(), &asked.trail)
    }

    /// 504, as the request wants a stored response or none (RFC 9111, section 5.2.1.7).
    fn not_stored(&self, asked: &Asked) -> Response {
        asked.trail.note(OnlyIfCached);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
        let handled = Handled { detail: Some("only-if-cached".to_owned()), ..Handled::default() };
        handled.append(&self.cache.name, response.headers_mut());
        response
    }

    /// Sends a request that nothing stored answers, and stores its answer if it may; `flight` ends with that.
    async fn forward(
        &self,
        request: Request,
        asked: &Asked,
        handled: Handled,
        flight: Option<Flight>,
    ) -> Result<Response> {
        let requested = self.wall();
        let response = self.inner.call(request).await?;
        let times = Times { requested, responded: self.wall() };
        if asked.method == Method::HEAD {
            self.hear_of_head(&response, asked, times);
        }
        let stored = self.store(response, asked, times, handled).await;
        drop(flight);
        stored
    }

    /// Stores a response if it may be, and hands it on.
    async fn store(&self, response: Response, asked: &Asked, times: Times, mut handled: Handled) -> Result<Response> {
        let (mut parts, body) = response.into_parts();
        let Asked { method, headers: request, .. } = asked;
        let exchanged =
            Exchanged { method, request, status: parts.status, response: &parts.headers, responded: times.responded };
        let content_bytes_max = self.cache.stored.content_bytes_max();
        let length = body.size_hint().exact();
        let admission = match admit::judge(&exchanged, self.cache.shared) {
            Admission::Stored(_) if length.is_some_and(|length| length > content_bytes_max as u64) => {
                let (length_bytes, bytes_max) = (length.unwrap_or_default(), content_bytes_max as u64);
                Admission::Refused(Refusal::TooLong { length_bytes, bytes_max })
            }
            judged => judged,
        };
        handled.stored = matches!(admission, Admission::Stored(_));
        if !(asked.method == Method::HEAD || asked.is_conditional()) || handled.stored {
            asked.trail.note(admission);
        }
        let kept = handled.stored.then(|| {
            let mut headers = admit::stored_fields(&parts.headers, self.cache.shared);
            // A cookie is set by an exchange, not by the memory of one.
            headers.remove(SET_COOKIE);
            headers
        });
        handled.append(&self.cache.name, &mut parts.headers);
        let Some(headers) = kept else { return Ok(Response::from_parts(parts, body)) };
        let selecting = Selecting::with(request, &headers, &self.cache.also_by);
        let (stored, key, status) = (self.cache.stored.clone(), asked.key.clone(), parts.status);
        let put = move |content| stored.put(&key, Entry { status, headers, content, times, selecting });
        let eager_bytes_max = self.cache.eager_bytes_max.min(content_bytes_max);
        let length = length.and_then(|length| usize::try_from(length).ok());
        let body = match length.filter(|length| *length <= eager_bytes_max) {
            Some(_) => {
                let content = body.collect(eager_bytes_max).await?;
                put(content.clone());
                Body::from(content)
            }
            None => Filling::of(body, content_bytes_max, put),
        };
        Ok(Response::from_parts(parts, body))
    }

    /// Asks the origin whether a stored response is still right, and answers with what that brings.
    async fn validate(
        &self,
        entry: &Arc<Entry>,
        mut request: Request,
        asked: &Asked,
        mut handled: Handled,
    ) -> Result<Response> {
        let replay = Replay::of(&request);
        let (control, before) = entry.freshness(self.wall(), self.cache.shared, &self.cache.heuristic);
        // Whoever brings a precondition has a response of its own, and asks about that.
        if !asked.is_conditional() {
            request.headers_mut().extend(validate::condition(&entry.headers));
        }
        let requested = self.wall();
        let response = match self.inner.call(request).await {
            Ok(response) => response,
            Err(error) if error.fault() == Fault::Upstream => {
                handled.detail = Some("unreachable".to_owned());
                return match self.instead(entry, asked, (&control, before), Failure::Unreachable, handled) {
                    Ok(stale) => Ok(stale),
                    Err(_) => Err(error),
                };
            }
            Err(error) => return Err(error),
        };
        let times = Times { requested, responded: self.wall() };
        handled.forwarded_status = Some(response.status().as_u16());
        let validation = validate::judge(response.status(), response.headers(), &entry.headers);
        asked.trail.note(validation.clone());
        match validation {
            Validation::Freshened { .. } => {
                let freshened = self.freshen(entry, response.headers(), asked, times);
                if asked.is_conditional() {
                    let mut response = response;
                    handled.append(&self.cache.name, response.headers_mut());
                    return Ok(response);
                }
                drain(response.into_body(), DRAIN_BYTES_MAX).await;
                let (_, freshness) = freshened.freshness(self.wall(), self.cache.shared, &self.cache.heuristic);
                handled.ttl = Some(freshness.ttl_seconds());
                Ok(self.answer(&freshened, asked, &handled))
            }
            Validation::Mismatched if asked.is_conditional() => Ok(response),
            Validation::Mismatched => {
                self.cache.stored.remove(&asked.key, entry);
                drain(response.into_body(), DRAIN_BYTES_MAX).await;
                self.forward(replay.again(), asked, handled, None).await
            }
            Validation::Failed(status) => {
                match self.instead(entry, asked, (&control, before), Failure::Status(status), handled) {
                    Ok(stale) => {
                        drain(response.into_body(), DRAIN_BYTES_MAX).await;
                        Ok(stale)
                    }
                    Err(handled) => self.store(response, asked, times, handled).await,
                }
            }
            // An answer without content replaces nothing, but may tell that what is stored is outdated.
            Validation::Replaced(_) if asked.method == Method::HEAD => {
                self.hear_of_head(&response, asked, times);
                self.store(response, asked, times, handled).await
            }
            Validation::Replaced(_) => {
                self.cache.stored.remove(&asked.key, entry);
                self.store(response, asked, times, handled).await
            }
        }
    }

    /// A stale response in place of an error, if that is allowed; what was done with the request otherwise.
    fn instead(
        &self,
        entry: &Entry,
        asked: &Asked,
        (control, freshness): (&Control, Freshness),
        failure: Failure,
        handled: Handled,
    ) -> Result<Response, Handled> {
        let granted = self.cache.stale_if_error;
        let instead = reuse::instead(&asked.control, control, freshness, failure, granted, self.cache.shared);
        asked.trail.note(instead);
        if !matches!(instead, Instead::Used { .. }) {
            return Err(handled);
        }
        let handled = Handled { ttl: Some(freshness.ttl_seconds()), ..handled };
        Ok(self.answer(entry, asked, &handled))
    }

    /// Renews a stored response by what the origin said of it, and stores it so.
    fn freshen(&self, entry: &Entry, answer: &HeaderMap, asked: &Asked, times: Times) -> Entry {
        let mut headers = entry.headers.clone();
        // How old it was counts no more: the answer says how old it is now.
        headers.remove(http::header::AGE);
        validate::freshen(&mut headers, answer, self.cache.shared);
        headers.remove(SET_COOKIE);
        let selecting = Selecting::with(&asked.headers, &headers, &self.cache.also_by);
        let make = |headers| Entry {
            status: entry.status,
            headers,
            content: entry.content.clone(),
            times,
            selecting: selecting.clone(),
        };
        self.cache.stored.put(&asked.key, make(headers.clone()));
        make(headers)
    }

    /// What the answer to a HEAD request tells of what is stored (RFC 9111, section 4.3.5).
    fn hear_of_head(&self, response: &Response, asked: &Asked, times: Times) {
        if response.status() != StatusCode::OK {
            return;
        }
        if let Found::Entry(entry) = self.cache.stored.find(&asked.key, &asked.headers) {
            let judged = validate::judge_head(response.headers(), &entry.headers, entry.content.len() as u64);
            asked.trail.note(judged);
            match judged {
                Headed::Freshened => drop(self.freshen(&entry, response.headers(), asked, times)),
                Headed::Outdated => self.cache.stored.remove(&asked.key, &entry),
            }
        }
    }

    /// Validates a stored response besides the request that it answered, once at a time (RFC 5861, section 3).
    ///
    /// In the blocking twin this goes on while the next request is under way.
    fn validate_meanwhile(&self, entry: &Arc<Entry>, request: &Request, asked: &Asked) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let Boarding::Lead(flight) = self.cache.stored.flights().board(&format!("{}\nmeanwhile", asked.key)) else {
            return;
        };
        // Nobody waits for it, so that it is nobody's exchange.
        let mut request = Replay { exchange: None, ..Replay::of(request) }.again();
        request.extensions_mut().remove::<Watch>();
        request.extensions_mut().remove::<Exchange>();
        let mut asked = Asked { trail: Trail::unwatched(), method: Method::GET, ..asked.clone() };
        for name in PRECONDITIONS.iter().chain([&RANGE]) {
            asked.headers.remove(name);
            request.headers_mut().remove(name);
        }
        *request.method_mut() = Method::GET;
        request.headers_mut().remove(CONTENT_LENGTH);
        let (caching, entry) = (self.clone(), Arc::clone(entry));
        runtime.spawn(async move {
            let handled = Handled { forwarded: Some(Forwarded::Stale), ..Handled::default() };
            if let Ok(response) = caching.validate(&entry, request, &asked, handled).await {
                drain(response.into_body(), caching.cache.stored.content_bytes_max()).await;
            }
            drop(flight);
        });
    }
}
