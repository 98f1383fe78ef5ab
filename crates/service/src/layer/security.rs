//! Fields that tell a browser to be careful with an answer.

use std::borrow::Cow;

use http::HeaderValue;
use http::header::{self, Entry, HeaderMap, HeaderName};
use wirelight_semantics::decision::{Decision, Rule};

use super::Layered;
use super::answering::Amended;
use crate::{Exchange, Layer, Request, Response, Result, Service};

/// Adds the fields that tell a browser to be careful, and never replaces one that the service set.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use wirelight_service::layer::SecureResponses;
/// use wirelight_service::{Body, Request, Response, Result, Service, ServiceExt};
///
/// async fn hello(_: Request) -> Result<Response> {
///     Ok(Response::new(Body::from("hello")))
/// }
///
/// let response = hello.layer(SecureResponses::default()).call(Request::new(Body::empty())).await.unwrap();
/// assert_eq!(response.headers()["x-content-type-options"], "nosniff");
/// assert!(!response.headers().contains_key("strict-transport-security"));
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct SecureResponses {
    /// `Content-Security-Policy`: what a page may load and do.
    pub content_security_policy: Option<HeaderValue>,
    /// `X-Frame-Options`: who may show a page in a frame.
    pub frame_options: Option<HeaderValue>,
    /// `X-Content-Type-Options`: whether a browser may guess another media type.
    pub content_type_options: Option<HeaderValue>,
    /// `Referrer-Policy`: what a page tells other sites of its address.
    pub referrer_policy: Option<HeaderValue>,
    /// `Permissions-Policy`: which of a browser's powers a page may use.
    pub permissions_policy: Option<HeaderValue>,
    /// `Cross-Origin-Opener-Policy`: whether pages of other origins keep a handle on a page.
    pub opener_policy: Option<HeaderValue>,
    /// `Strict-Transport-Security` (RFC 6797, section 6.1), sent only over a secure transport.
    pub strict_transport_security: Option<HeaderValue>,
    /// Whether every request that comes here came over TLS, though another server took it off.
    pub behind_tls: bool,
}

impl Default for SecureResponses {
    /// What breaks no ordinary site: no content security policy and no permissions policy, which only a site's author
    /// can write; a year of strict transport security,
    /// over a secure transport.
    fn default() -> Self {
        Self {
            content_security_policy: None,
            frame_options: Some(HeaderValue::from_static("SAMEORIGIN")),
            content_type_options: Some(HeaderValue::from_static("nosniff")),
            referrer_policy: Some(HeaderValue::from_static("strict-origin-when-cross-origin")),
            permissions_policy: None,
            opener_policy: None,
            strict_transport_security: Some(HeaderValue::from_static("max-age=31536000")),
            behind_tls: false,
        }
    }
}

/// Why a response carries `Strict-Transport-Security` or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StrictTransport {
    /// The transport is secure.
    Promised,
    /// The service set the field itself.
    Kept,
}

static RULE: Rule = Rule {
    name: "strict-transport-security",
    section: "RFC 6797, section 7.2",
    says: "A host must not send Strict-Transport-Security over a transport that is not secure.",
};

impl Decision for StrictTransport {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Promised => "Strict-Transport-Security added".into(),
            Self::Kept => "Strict-Transport-Security left as it is".into(),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Promised => "the transport is secure".into(),
            Self::Kept => "the service set the field itself".into(),
        }
    }
}

impl SecureResponses {
    /// Adds to a response's fields what is not there yet; the answer says what became of
    /// `Strict-Transport-Security`, where it is configured and may be sent.
    pub fn apply(&self, secure: bool, fields: &mut HeaderMap) -> Option<StrictTransport> {
        const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
        const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
        let plain = [
            (header::CONTENT_SECURITY_POLICY, &self.content_security_policy),
            (header::X_FRAME_OPTIONS, &self.frame_options),
            (header::X_CONTENT_TYPE_OPTIONS, &self.content_type_options),
            (header::REFERRER_POLICY, &self.referrer_policy),
            (PERMISSIONS_POLICY, &self.permissions_policy),
            (OPENER_POLICY, &self.opener_policy),
        ];
        for (name, value) in plain {
            if let Some(value) = value
                && let Entry::Vacant(vacant) = fields.entry(name)
            {
                vacant.insert(value.clone());
            }
        }
        let promise = self.strict_transport_security.as_ref().filter(|_| secure)?;
        Some(match fields.entry(header::STRICT_TRANSPORT_SECURITY) {
            Entry::Occupied(_) => StrictTransport::Kept,
            Entry::Vacant(vacant) => {
                vacant.insert(promise.clone());
                StrictTransport::Promised
            }
        })
    }
}

impl<S> Layer<S> for SecureResponses {
    type Service = Layered<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered { layer: self.clone(), inner }
    }
}

impl<S: Service> Service for Layered<SecureResponses, S> {
    fn call(&self, request: Request) -> impl Future<Output = Result<Response>> + Send {
        let exchange = Exchange::find(&request);
        let secure = self.layer.behind_tls || exchange.is_some_and(|exchange| exchange.secure);
        // Only a secure exchange leads to a decision.
        let trail = exchange.filter(|_| secure).map(|exchange| exchange.trail.clone()).unwrap_or_default();
        Amended::new(self.inner.call(request), move |answer| {
            if let Ok(response) = answer
                && let Some(decision) = self.layer.apply(secure, response.headers_mut())
            {
                trail.note(decision);
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_set_stays() {
        let mut fields = HeaderMap::new();
        fields.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        fields.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=0"));
        let layer = SecureResponses::default();
        assert_eq!(layer.apply(true, &mut fields), Some(StrictTransport::Kept));
        assert_eq!(fields[header::X_FRAME_OPTIONS], "DENY");
        assert_eq!(fields[header::STRICT_TRANSPORT_SECURITY], "max-age=0");
        assert_eq!(fields[header::REFERRER_POLICY], "strict-origin-when-cross-origin");
    }

    #[test]
    fn strict_transport_is_promised_over_a_secure_transport_only() {
        for (secure, decision) in [(true, Some(StrictTransport::Promised)), (false, None)] {
            let mut fields = HeaderMap::new();
            assert_eq!(SecureResponses::default().apply(secure, &mut fields), decision);
            assert_eq!(fields.contains_key(header::STRICT_TRANSPORT_SECURITY), secure);
        }
    }

    #[test]
    fn every_field_is_added_where_it_is_configured() {
        let value = Some(HeaderValue::from_static("x"));
        let layer = SecureResponses {
            content_security_policy: value.clone(),
            frame_options: value.clone(),
            content_type_options: value.clone(),
            referrer_policy: value.clone(),
            permissions_policy: value.clone(),
            opener_policy: value.clone(),
            strict_transport_security: value,
            behind_tls: true,
        };
        let mut fields = HeaderMap::new();
        layer.apply(true, &mut fields);
        assert_eq!(fields.len(), 7);
    }
}
