//! Cookies kept from one request to the next.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderValue;
use http::header::{COOKIE, SET_COOKIE};
use wirelight_semantics::cookie::Jar;
use wirelight_service::{Clock, Request, Response, Result, Service, Trail};

use super::Layered;

/// Sends the cookies of a jar, and keeps those that responses set; put it inside [`FollowRedirects`](super::FollowRedirects).
#[derive(Debug, Clone, Default)]
pub struct Cookies {
    /// Where they are kept.
    pub jar: SharedJar,
    /// Tells the time, for those that expire.
    pub clock: Clock,
}

/// A jar that several clients may share.
#[derive(Debug, Clone, Default)]
pub struct SharedJar(Arc<Mutex<Jar>>);

impl SharedJar {
    /// A jar with cookies in it already.
    pub fn new(jar: Jar) -> Self {
        Self(Arc::new(Mutex::new(jar)))
    }

    /// The jar itself; no request is sent while it is held.
    pub fn lock(&self) -> MutexGuard<'_, Jar> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Service> Service for Layered<Cookies, S> {
    async fn call(&self, mut request: Request) -> Result<Response> {
        let Cookies { jar, clock } = &self.layer;
        let kept = jar.lock().header(request.uri(), clock.wall());
        if let Some(kept) = kept {
            let value = match request.headers().get(COOKIE) {
                Some(own) => [own.as_bytes(), b"; ", kept.as_bytes()].concat(),
                None => kept.as_bytes().to_vec(),
            };
            if let Ok(mut value) = HeaderValue::from_bytes(&value) {
                value.set_sensitive(true);
                request.headers_mut().insert(COOKIE, value);
            }
        }
        let trail = Trail::of(&request);
        let asked = request.uri().clone();
        let response = self.inner.call(request).await?;
        for set in response.headers().get_all(SET_COOKIE) {
            let storing = jar.lock().store(&asked, set.as_bytes(), clock.wall());
            trail.note(storing);
        }
        Ok(response)
    }
}
