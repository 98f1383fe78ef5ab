//! A client: connections in the layers that a user of HTTP expects, and a request in one line.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Uri, Version};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wirelight_semantics::auth::Basic;
use wirelight_service::{
    Body, Clock, Error, Exchange, Fault, Kind, Layer, Request, Result, Service, ServiceExt, Trail,
};

use wirelight_service::service::Boxed;

use crate::connections::{self, Connections};
use crate::error::{Phase, fail, fail_with};
use crate::layer::redirect::Final;
use crate::layer::{Authenticate, Cache, Cookies, Decompress, FollowRedirects, RateLimits, Retry, SharedJar, Timeouts};
use crate::multipart::Form;
use crate::target::{Target, target};
use crate::timings::{Timings, Watch};

/// What a client is told; each layer that is `None` is left out.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Connections.
    pub connections: connections::Config,
    /// How redirections are followed.
    pub redirects: Option<FollowRedirects>,
    /// Where cookies are kept.
    pub cookies: Option<SharedJar>,
    /// Who we are.
    pub authenticate: Option<Authenticate>,
    /// How content codings are taken off.
    pub decompress: Option<Decompress>,
    /// Where responses are stored to be used again.
    pub cache: Option<Cache>,
    /// How long servers are kept away from that ask for it.
    pub rate_limits: Option<RateLimits>,
    /// What is tried again.
    pub retry: Option<Retry>,
    /// What takes too long.
    pub timeouts: Option<Timeouts>,
    /// Fields of every request that does not have them.
    pub headers: HeaderMap,
    /// How much content is read into memory at once, in bytes.
    pub content_bytes_max: usize,
}

impl Default for ClientConfig {
    /// Redirections, decompression and timeouts; neither cookies nor credentials nor a cache, and nothing is tried again.
    fn default() -> Self {
        let agent = HeaderValue::from_static(concat!("wirelight/", env!("CARGO_PKG_VERSION")));
        let headers =
            HeaderMap::from_iter([(header::USER_AGENT, agent), (header::ACCEPT, HeaderValue::from_static("*/*"))]);
        Self {
            connections: connections::Config::default(),
            redirects: Some(FollowRedirects::default()),
            cookies: None,
            authenticate: None,
            decompress: Some(Decompress::default()),
            cache: None,
            rate_limits: None,
            retry: None,
            timeouts: Some(Timeouts::default()),
            headers,
            content_bytes_max: 256 * 1024 * 1024,
        }
    }
}

/// A client: cheap to clone, and clones share connections.
///
/// ```no_run
/// # async fn example() -> wirelight_service::Result<()> {
/// use wirelight_client::Client;
///
/// let client = Client::new()?;
/// let answer = client.post("https://api.example.test/orders").json(&["tea", "cake"]).send().await?;
/// println!("{} after {:?}", answer.status(), answer.timings().first_byte);
/// let order: serde_json::Value = answer.ok()?.json().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    stack: Boxed,
    connections: Connections,
    headers: HeaderMap,
    content_bytes_max: usize,
}

impl Client {
    /// A client as most programs want it.
    pub fn new() -> Result<Self> {
        Self::with(ClientConfig::default())
    }

    /// A client as it is told; everything that is wrong with the config is found here.
    pub fn with(config: ClientConfig) -> Result<Self> {
        Self::over(config, |connections| connections.boxed())
    }

    /// A client whose requests go through `innermost`, made of the connections, once all layers have had them: to
    /// look at them, to change them, or to answer them without a server.
    ///
    /// # Errors
    /// If anything is wrong with the config.
    pub fn over(config: ClientConfig, innermost: impl FnOnce(Connections) -> Boxed) -> Result<Self> {
        let clock = config.connections.clock.clone();
        let connections = Connections::new(config.connections)
            .map_err(|fault| fail_with(Phase::Secure, Kind::Malformed, Fault::Ours, fault.to_string(), fault))?;
        let stack = innermost(connections.clone());
        let stack = wrap(stack, config.rate_limits.map(|limits| limits.with_clock(clock.clone())));
        // Inside of all that changes a request, so that what is stored is what was sent.
        let stack = wrap(stack, config.cache.map(|cache| Cache { clock: clock.clone(), ..cache }));
        let stack = wrap(stack, config.decompress);
        let stack = wrap(stack, config.authenticate);
        let stack = wrap(stack, config.cookies.map(|jar| Cookies { jar, clock: clock.clone() }));
        let stack = wrap(stack, config.retry.map(|retry| Retry { clock: clock.clone(), ..retry }));
        let stack = wrap(stack, config.redirects);
        let stack = wrap(stack, config.timeouts.map(|timeouts| with_clock(timeouts, &clock)));
        let (headers, content_bytes_max) = (config.headers, config.content_bytes_max);
        Ok(Self(Arc::new(Inner { stack, connections, headers, content_bytes_max })))
    }

    /// The connections under it.
    pub fn connections(&self) -> &Connections {
        &self.0.connections
    }

    /// A request with any method.
    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        let (target, problem) = match target(url) {
            Ok(target) => (target, None),
            Err(error) => (Target::default(), Some(error)),
        };
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = target.uri;
        request.headers_mut().extend(target.authorization.map(|value| (header::AUTHORIZATION, value)));
        RequestBuilder { client: self.clone(), request, problem }
    }

    /// Sends a request that was made elsewhere.
    pub async fn send(&self, mut request: Request) -> Result<Response> {
        let watch = request.extensions().get::<Watch>().cloned().unwrap_or_default();
        let mut exchange = Exchange::of(&request);
        if !exchange.trail.is_watched() {
            exchange.trail = Trail::watched();
        }
        let trail = exchange.trail.clone();
        let asked = request.uri().clone();
        request.extensions_mut().insert(exchange);
        request.extensions_mut().insert(watch.clone());
        let (parts, body) = self.0.stack.call(request).await?.into_parts();
        let url = parts.extensions.get::<Final>().map_or(asked, |last| last.0.clone());
        Ok(Response { parts, body, url, watch, trail, content_bytes_max: self.0.content_bytes_max })
    }

    /// A GET request.
    pub fn get(&self, url: &str) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    /// A HEAD request.
    pub fn head(&self, url: &str) -> RequestBuilder {
        self.request(Method::HEAD, url)
    }

    /// A POST request.
    pub fn post(&self, url: &str) -> RequestBuilder {
        self.request(Method::POST, url)
    }

    /// A PUT request.
    pub fn put(&self, url: &str) -> RequestBuilder {
        self.request(Method::PUT, url)
    }

    /// A PATCH request.
    pub fn patch(&self, url: &str) -> RequestBuilder {
        self.request(Method::PATCH, url)
    }

    /// A DELETE request.
    pub fn delete(&self, url: &str) -> RequestBuilder {
        self.request(Method::DELETE, url)
    }
}

fn with_clock(timeouts: Timeouts, clock: &Clock) -> Timeouts {
    Timeouts { clock: clock.clone(), ..timeouts }
}

fn wrap<L>(inner: Boxed, layer: Option<L>) -> Boxed
where
    L: Layer<Boxed>,
    L::Service: Service,
{
    match layer {
        Some(layer) => inner.layer(layer).boxed(),
        None => inner,
    }
}

impl Service for Client {
    async fn call(&self, mut request: Request) -> Result<wirelight_service::Response> {
        for (name, value) in &self.0.headers {
            if !request.headers().contains_key(name) {
                request.headers_mut().insert(name, value.clone());
            }
        }
        self.0.stack.call(request).await
    }
}

/// A request in the making; what is wrong with it is told when it is sent.
#[derive(Debug)]
pub struct RequestBuilder {
    client: Client,
    request: Request,
    problem: Option<Error>,
}

impl RequestBuilder {
    fn fail(mut self, because: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        self.problem.get_or_insert_with(|| fail(Phase::Request, Kind::Malformed, Fault::Ours, because));
        self
    }

    /// Adds a field, besides those of the same name.
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        HeaderName: TryFrom<N>,
        HeaderValue: TryFrom<V>,
    {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => {
                self.request.headers_mut().append(name, value);
                self
            }
            (Err(_), _) => self.fail("a field has a name that no field can have"),
            (_, Err(_)) => self.fail("a field has a value that no field can have"),
        }
    }

    /// Puts fields in the place of those of the same name.
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.request.headers_mut().extend(headers);
        self
    }

    /// Adds names and values to the query.
    pub fn query<N: AsRef<str>, V: AsRef<str>>(mut self, pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let added = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        if added.is_empty() || self.problem.is_some() {
            return self;
        }
        let uri = self.request.uri().to_string();
        let separator = if self.request.uri().query().is_some() { '&' } else { '?' };
        match format!("{uri}{separator}{added}").parse() {
            Ok(uri) => {
                *self.request.uri_mut() = uri;
                self
            }
            Err(_) => self.fail("the query is too long"),
        }
    }

    /// Sends content.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        *self.request.body_mut() = body.into();
        self
    }

    fn typed(mut self, kind: &'static str, body: impl Into<Body>) -> Self {
        self.request.headers_mut().entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static(kind));
        self.body(body)
    }

    /// Sends a value as JSON.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(json) => self.typed("application/json", json),
            Err(error) => self.fail(format!("the value cannot be written as JSON: {error}")),
        }
    }

    /// Sends names and values as an HTML form does.
    pub fn form<N: AsRef<str>, V: AsRef<str>>(self, pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        self.typed("application/x-www-form-urlencoded", form)
    }

    /// Sends a form with files (RFC 7578).
    pub fn multipart(mut self, form: Form) -> Self {
        self.request.headers_mut().insert(header::CONTENT_TYPE, form.content_type());
        self.body(form.into_body())
    }

    /// Sends a user and password (RFC 7617).
    pub fn basic(self, user: &str, password: &str) -> Self {
        match (Basic { user: user.to_owned(), password: password.to_owned() }).value() {
            Some(value) => self.header(header::AUTHORIZATION, value),
            None => self.fail("a user's name with a colon cannot be sent"),
        }
    }

    /// Sends a token (RFC 6750).
    pub fn bearer(self, token: &str) -> Self {
        self.header(header::AUTHORIZATION, format!("Bearer {token}"))
    }

    /// Adds an extension, for layers to read.
    pub fn extension<T: Clone + Send + Sync + 'static>(mut self, extension: T) -> Self {
        self.request.extensions_mut().insert(extension);
        self
    }

    /// The request as it would be passed to the client as a service.
    pub fn build(mut self) -> Result<Request> {
        match self.problem {
            Some(problem) => Err(problem),
            None => {
                for (name, value) in &self.client.0.headers {
                    if !self.request.headers().contains_key(name) {
                        self.request.headers_mut().insert(name, value.clone());
                    }
                }
                Ok(self.request)
            }
        }
    }

    /// Sends it, and waits for the head of the response.
    pub async fn send(self) -> Result<Response> {
        let client = self.client.clone();
        client.send(self.build()?).await
    }
}

/// A response, with what is known of how it came about.
#[derive(Debug)]
pub struct Response {
    parts: http::response::Parts,
    body: Body,
    url: Uri,
    watch: Watch,
    trail: Trail,
    content_bytes_max: usize,
}

impl Response {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.parts.status
    }

    /// The fields.
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The version of HTTP it came in.
    pub fn version(&self) -> Version {
        self.parts.version
    }

    /// The URI it came from, after all redirections.
    pub fn url(&self) -> &Uri {
        &self.url
    }

    /// When the steps of the exchange were taken, so far.
    pub fn timings(&self) -> Timings {
        // Every exchange of a client is watched.
        self.watch.last().unwrap_or_else(|| Timings::unknown(std::time::Instant::now()))
    }

    /// The exchanges that led here, each with its timings.
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// What was decided on the way.
    pub fn trail(&self) -> &Trail {
        &self.trail
    }

    /// The content, to be read as it comes.
    pub fn body_mut(&mut self) -> &mut Body {
        &mut self.body
    }

    /// The response as a service gives it.
    pub fn into_inner(self) -> wirelight_service::Response {
        http::Response::from_parts(self.parts, self.body)
    }

    /// The response, if its status is no error.
    pub fn ok(self) -> Result<Self> {
        let status = self.status();
        if !status.is_client_error() && !status.is_server_error() {
            return Ok(self);
        }
        let fault = if status.is_client_error() { Fault::Ours } else { Fault::Upstream };
        Err(fail(Phase::Receive, Kind::Other, fault, format!("{} answered {status}", self.url)))
    }

    /// The next piece of content; `None` at its end.
    pub async fn chunk(&mut self) -> Option<Result<Bytes>> {
        self.body.data().await
    }

    /// The content, whole.
    pub async fn bytes(self) -> Result<Bytes> {
        self.body.collect(self.content_bytes_max).await
    }

    /// The content as text; bytes that are no UTF-8 are replaced.
    pub async fn text(self) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.bytes().await?).into_owned())
    }

    /// The content as a value written in JSON.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T> {
        let url = self.url.clone();
        serde_json::from_slice(&self.bytes().await?).map_err(|error| {
            let because = format!("the answer of {url} is not the JSON that was expected: {error}");
            fail_with(Phase::Receive, Kind::Malformed, Fault::Upstream, because, error)
        })
    }
}
