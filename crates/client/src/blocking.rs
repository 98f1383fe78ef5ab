//! The client for programs without a runtime: the same code, waited for.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Uri};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Runtime};
use wirelight_service::{Body, Error, Result, Trail};

use crate::client::ClientConfig;
use crate::timings::Timings;

/// A client that waits: it has a runtime of its own on the calling thread. Cheap to clone.
///
/// It must not be used inside an async runtime, which it would hold up.
///
/// ```no_run
/// # fn example() -> wirelight_service::Result<()> {
/// let client = wirelight_client::blocking::Client::new()?;
/// println!("{}", client.get("http://localhost:8080/").send()?.text()?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Client {
    runtime: Arc<Runtime>,
    client: crate::Client,
}

impl Client {
    /// A client as most programs want it.
    pub fn new() -> Result<Self> {
        Self::with(ClientConfig::default())
    }

    /// A client as it is told.
    pub fn with(config: ClientConfig) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::ours)?;
        Ok(Self { runtime: Arc::new(runtime), client: crate::Client::with(config)? })
    }

    /// A request with any method.
    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        RequestBuilder { runtime: Arc::clone(&self.runtime), inner: self.client.request(method, url) }
    }

    /// A GET request.
    pub fn get(&self, url: &str) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    /// A POST request.
    pub fn post(&self, url: &str) -> RequestBuilder {
        self.request(Method::POST, url)
    }

    /// A PUT request.
    pub fn put(&self, url: &str) -> RequestBuilder {
        self.request(Method::PUT, url)
    }

    /// A DELETE request.
    pub fn delete(&self, url: &str) -> RequestBuilder {
        self.request(Method::DELETE, url)
    }
}

/// A request in the making; what is wrong with it is told when it is sent.
#[derive(Debug)]
pub struct RequestBuilder {
    runtime: Arc<Runtime>,
    inner: crate::RequestBuilder,
}

impl RequestBuilder {
    fn map(self, change: impl FnOnce(crate::RequestBuilder) -> crate::RequestBuilder) -> Self {
        Self { runtime: self.runtime, inner: change(self.inner) }
    }

    /// Adds a field, besides those of the same name.
    pub fn header<N, V>(self, name: N, value: V) -> Self
    where
        HeaderName: TryFrom<N>,
        HeaderValue: TryFrom<V>,
    {
        self.map(|inner| inner.header(name, value))
    }

    /// Adds names and values to the query.
    pub fn query<N: AsRef<str>, V: AsRef<str>>(self, pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        self.map(|inner| inner.query(pairs))
    }

    /// Sends content.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.map(|inner| inner.body(body))
    }

    /// Sends a value as JSON.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        self.map(|inner| inner.json(value))
    }

    /// Sends names and values as an HTML form does.
    pub fn form<N: AsRef<str>, V: AsRef<str>>(self, pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        self.map(|inner| inner.form(pairs))
    }

    /// Sends it, and waits for the head of the response.
    pub fn send(self) -> Result<Response> {
        let inner = self.runtime.block_on(self.inner.send())?;
        Ok(Response { runtime: self.runtime, inner })
    }
}

/// A response, whose content is waited for when it is read.
#[derive(Debug)]
pub struct Response {
    runtime: Arc<Runtime>,
    inner: crate::Response,
}

impl Response {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.inner.status()
    }

    /// The fields.
    pub fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// The URI it came from, after all redirections.
    pub fn url(&self) -> &Uri {
        self.inner.url()
    }

    /// When the steps of the exchange were taken.
    pub fn timings(&self) -> Timings {
        self.inner.timings()
    }

    /// What was decided on the way.
    pub fn trail(&self) -> &Trail {
        self.inner.trail()
    }

    /// The next piece of content; `None` at its end.
    pub fn chunk(&mut self) -> Option<Result<Bytes>> {
        self.runtime.block_on(self.inner.chunk())
    }

    /// The content, whole.
    pub fn bytes(self) -> Result<Bytes> {
        self.runtime.block_on(self.inner.bytes())
    }

    /// The content as text; bytes that are no UTF-8 are replaced.
    pub fn text(self) -> Result<String> {
        self.runtime.block_on(self.inner.text())
    }

    /// The content as a value written in JSON.
    pub fn json<T: DeserializeOwned>(self) -> Result<T> {
        self.runtime.block_on(self.inner.json())
    }
}
