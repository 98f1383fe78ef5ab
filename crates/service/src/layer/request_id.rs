//! A name for each exchange, so that several programs' logs can be joined.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderName, HeaderValue};
use wirelight_semantics::decision::{Decision, Rule, Shown};
use wirelight_semantics::fields::X_REQUEST_ID;

use super::Layered;
use crate::{Layer, Request, Response, Result, Service, Trail};

/// Gives each exchange a name: the request's own where that is trusted and well formed, else a new one of 32
/// hexadecimal digits.
///
/// The service finds the name in the request's field and as the extension [`RequestId`]; the response carries it too.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use wirelight_service::layer::{AssignRequestId, RequestId};
/// use wirelight_service::{Body, Request, Response, Result, Service, ServiceExt};
///
/// async fn who(request: Request) -> Result<Response> {
///     let RequestId(id) = request.extensions().get().unwrap();
///     Ok(Response::new(Body::from(id.as_bytes().to_vec())))
/// }
///
/// let response = who.layer(AssignRequestId::default()).call(Request::new(Body::empty())).await.unwrap();
/// let id = response.headers()["x-request-id"].clone();
/// assert_eq!(id.len(), 32);
/// assert_eq!(response.into_body().as_bytes().unwrap(), id.as_bytes());
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct AssignRequestId {
    /// The field that carries the name.
    pub field: HeaderName,
    /// Whether a name that the request brings is taken: only where every client is one of our own.
    pub trust_request: bool,
    /// The longest name that is taken from a request, in bytes.
    pub length_max_bytes: usize,
    /// What new names are drawn from.
    pub names: Names,
}

impl Default for AssignRequestId {
    /// `X-Request-Id`, never taken from the request.
    fn default() -> Self {
        Self { field: X_REQUEST_ID, trust_request: false, length_max_bytes: 128, names: Names::default() }
    }
}

/// The name of an exchange: an extension of its request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(pub HeaderValue);

/// Where the name of an exchange is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The request brought it.
    Taken,
    /// New: the request brought none.
    Absent,
    /// New: what the request brought is not trusted.
    Untrusted,
    /// New: what the request brought is no name.
    Malformed(HeaderValue),
    /// New: the request brought several.
    Repeated,
}

static RULE: Rule = Rule {
    name: "request-id",
    section: "Wirelight",
    says: "An exchange has one name, and a stranger does not choose it.",
};

impl Decision for Origin {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Taken => "the request's own id".into(),
            _ => "a new request id".into(),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Taken => "the request brought an id, which is trusted here".into(),
            Self::Absent => "the request brought no id".into(),
            Self::Untrusted => "the request brought an id, which is not trusted here".into(),
            Self::Malformed(value) => {
                format!("the request's id {} is too long or holds other than visible ASCII", Shown(value.as_bytes()))
                    .into()
            }
            Self::Repeated => "the request brought several ids".into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        matches!(self, Self::Untrusted).then_some("trust_request would have taken it".into())
    }
}

impl AssignRequestId {
    /// The request's own name if it may be taken, and where the name of the exchange is from.
    pub fn judge(&self, fields: &http::HeaderMap) -> (Option<HeaderValue>, Origin) {
        let mut values = fields.get_all(&self.field).iter();
        match (values.next(), values.next()) {
            (None, _) => (None, Origin::Absent),
            (Some(_), _) if !self.trust_request => (None, Origin::Untrusted),
            (Some(_), Some(_)) => (None, Origin::Repeated),
            (Some(id), None) if self.is_well_formed(id) => (Some(id.clone()), Origin::Taken),
            (Some(id), None) => (None, Origin::Malformed(id.clone())),
        }
    }

    /// A name may end up in logs and commands, so it is visible ASCII without quotes, commas or backslashes.
    fn is_well_formed(&self, id: &HeaderValue) -> bool {
        let is_plain =
            |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'`' | b'\\' | b',' | b';');
        !id.is_empty() && id.len() <= self.length_max_bytes && id.as_bytes().iter().all(is_plain)
    }
}

impl<S> Layer<S> for AssignRequestId {
    type Service = Layered<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered { layer: self.clone(), inner }
    }
}

impl<S: Service> Service for Layered<AssignRequestId, S> {
    async fn call(&self, mut request: Request) -> Result<Response> {
        let (own, origin) = self.layer.judge(request.headers());
        Trail::of(&request).note(origin);
        let id = own.unwrap_or_else(|| self.layer.names.draw());
        request.headers_mut().insert(self.layer.field.clone(), id.clone());
        request.extensions_mut().insert(RequestId(id.clone()));
        let mut response = self.inner.call(request).await?;
        response.headers_mut().insert(self.layer.field.clone(), id);
        Ok(response)
    }
}

/// Draws names that are not drawn twice: a keyed hash of a count, which clones share.
///
/// The key comes from the system's randomness. Names are to be told apart by, not to be kept secret.
#[derive(Debug, Clone, Default)]
pub struct Names(Arc<(RandomState, AtomicU64)>);

impl Names {
    /// A new name: 32 hexadecimal digits.
    pub fn draw(&self) -> HeaderValue {
        let (key, count) = &*self.0;
        let count = count.fetch_add(1, Ordering::Relaxed);
        let half = |which: u8| key.hash_one((count, which));
        let id = format!("{:016x}{:016x}", half(0), half(1));
        HeaderValue::from_str(&id).expect("hexadecimal digits are visible ASCII")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, Exchange, ServiceExt};

    async fn echo(request: Request) -> Result<Response> {
        let id = request.headers()["x-request-id"].clone();
        Ok(http::Response::builder().header("x-request-id", "mine").body(Body::from(id.as_bytes().to_vec())).unwrap())
    }

    #[tokio::test]
    async fn ids_are_taken_only_when_trusted_and_plain() {
        let long = "x".repeat(129);
        let cases: &[(bool, &[&str], Origin)] = &[
            (true, &["a-1.b_2:3/4"], Origin::Taken),
            (true, &[&long[..128]], Origin::Taken),
            (true, &[&long], Origin::Malformed(long.parse().unwrap())),
            (true, &["a b"], Origin::Malformed("a b".parse().unwrap())),
            (true, &["a\"b"], Origin::Malformed("a\"b".parse().unwrap())),
            (true, &[""], Origin::Malformed("".parse().unwrap())),
            (true, &["a", "b"], Origin::Repeated),
            (true, &[], Origin::Absent),
            (false, &["a"], Origin::Untrusted),
            (false, &[], Origin::Absent),
        ];
        for (trust_request, given, origin) in cases {
            let service = echo.layer(AssignRequestId { trust_request: *trust_request, ..Default::default() });
            let mut request = Request::new(Body::empty());
            for id in *given {
                request.headers_mut().append("x-request-id", id.parse().unwrap());
            }
            let exchange = Exchange { trail: Trail::watched(), ..Exchange::default() };
            request.extensions_mut().insert(exchange.clone());
            let response = service.call(request).await.unwrap();
            let sent = &response.headers()["x-request-id"];
            assert_eq!(response.body().as_bytes().unwrap(), sent.as_bytes(), "{given:?}");
            assert_eq!(*origin == Origin::Taken, given.contains(&sent.to_str().unwrap()), "{given:?}");
            let because = exchange.trail.read(|all| all[0].because().into_owned());
            assert_eq!(because, origin.because(), "{given:?}");
        }
    }

    #[test]
    fn new_names_differ_also_between_clones() {
        let names = Names::default();
        let sources = [names.clone(), names, Names::default()];
        let drawn: std::collections::HashSet<_> = (0..300).map(|n| sources[n % 3].draw()).collect();
        assert_eq!(drawn.len(), 300);
    }
}
