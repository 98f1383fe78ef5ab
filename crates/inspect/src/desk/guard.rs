//! Who may see what was recorded: those with the token, from this machine's own names, and no other site's page.

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use wirelight_semantics::{auth, cookie};
use wirelight_service::{Body, Request, Response};

use super::{Query, Refused};

/// The most cookies that are looked at.
const COOKIES_MAX: usize = 50;

/// Who may ask.
#[derive(Clone)]
pub struct Access {
    token: String,
    port: u16,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("port", &self.port).finish_non_exhaustive()
    }
}

/// What becomes of a request that may be made.
pub(super) enum Admitted {
    Here,
    /// Somebody came with the token in the URL: the answer gives a cookie for it.
    Welcome(Response),
}

impl Access {
    /// Whoever knows `token` may ask, at this port. The token is of letters and digits, and hard to guess.
    pub fn new(token: impl Into<String>, port: u16) -> Self {
        Self { token: token.into(), port }
    }

    /// Where a browser begins: the token is in the URL.
    pub fn url(&self, host: &str) -> String {
        format!("http://{host}:{}/?token={}", self.port, self.token)
    }

    fn cookie_name(&self) -> String {
        format!("wirelight-inspector-{}", self.port)
    }

    pub(super) fn judge(&self, request: &Request) -> Result<Admitted, Refused> {
        let fields = request.headers();
        let host = request.uri().authority().map(|authority| authority.as_str().to_owned());
        let host = host.or_else(|| fields.get(header::HOST)?.to_str().ok().map(str::to_owned)).unwrap_or_default();
        // A name that leads here today may be anybody's: only an address cannot be made to lead elsewhere.
        if !self.is_ours(&host) {
            let detail = format!("this is reached as localhost or by its address, with the port {}", self.port);
            return Err(Refused::new(StatusCode::MISDIRECTED_REQUEST, detail));
        }
        if let Some(origin) = fields.get(header::ORIGIN)
            && origin.as_bytes() != format!("http://{host}").as_bytes()
        {
            return Err(Refused::new(StatusCode::FORBIDDEN, "a page of another site asked"));
        }
        let site = fields.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let leads = matches!(request.uri().path(), "/") && request.method() == Method::GET;
        if matches!(site, Some(b"cross-site" | b"same-site")) && !leads {
            return Err(Refused::new(StatusCode::FORBIDDEN, "a page of another site asked"));
        }
        let query = Query::of(request.uri().query().unwrap_or_default());
        if let Some(token) = query.get("token").filter(|_| leads) {
            return match auth::is_equal(token.as_bytes(), self.token.as_bytes()) {
                true => Ok(Admitted::Welcome(self.welcome())),
                false => {
                    Err(Refused::new(StatusCode::UNAUTHORIZED, "this is not the token; a restart makes a new one"))
                }
            };
        }
        match self.knows(fields) {
            true => Ok(Admitted::Here),
            false => {
                let detail = "open the URL that was printed at the start: it holds the token";
                Err(Refused::new(StatusCode::UNAUTHORIZED, detail))
            }
        }
    }

    /// Whether a request carries the token.
    fn knows(&self, fields: &HeaderMap) -> bool {
        let bearer = fields.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let token = bearer.or_else(|| cookie::value(fields, &self.cookie_name(), COOKIES_MAX));
        token.is_some_and(|token| auth::is_equal(token, self.token.as_bytes()))
    }

    fn is_ours(&self, host: &str) -> bool {
        let (name, port) = match host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
            Some((name, port)) => (name, port.parse().ok()),
            None => (host, Some(80)),
        };
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let is_address = bare.parse::<std::net::IpAddr>().is_ok();
        port == Some(self.port) && (is_address || name.eq_ignore_ascii_case("localhost"))
    }

    fn welcome(&self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SEE_OTHER;
        let cookie = format!("{}={}; Path=/; HttpOnly; SameSite=Strict", self.cookie_name(), self.token);
        let fields = response.headers_mut();
        fields.insert(header::LOCATION, HeaderValue::from_static("/"));
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            fields.insert(header::SET_COOKIE, cookie);
        }
        fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_with_the_token_and_by_our_own_names_are_let_in() {
        let access = Access::new("T0ken", 4040);
        let cookie = ("cookie", "a=b; wirelight-inspector-4040=T0ken");
        let bearer = ("authorization", "Bearer T0ken");
        let local = ("host", "127.0.0.1:4040");
        let same = ("origin", "http://127.0.0.1:4040");
        let other = ("origin", "http://evil.example");
        for (target, fields, expected) in [
            ("/", vec![local], 401),
            ("/?token=T0ken", vec![local], 303),
            ("/?token=T0ken", vec![local, ("sec-fetch-site", "cross-site")], 303),
            ("/?token=T0keN", vec![local], 401),
            ("/api/status?token=T0ken", vec![local], 401),
            ("/", vec![local, cookie], 200),
            ("/", vec![local, bearer], 200),
            ("/", vec![local, ("authorization", "Bearer T0ke")], 401),
            ("/", vec![local, ("cookie", "wirelight-inspector-4041=T0ken")], 401),
            ("/", vec![("host", "localhost:4040"), cookie], 200),
            ("/", vec![("host", "[::1]:4040"), cookie], 200),
            ("/", vec![("host", "192.0.2.1:4040"), cookie], 200),
            ("/", vec![("host", "evil.example:4040"), cookie], 421),
            ("/", vec![("host", "127.0.0.1.evil.example:4040"), cookie], 421),
            ("/", vec![("host", "localhost:80"), cookie], 421),
            ("/", vec![("host", "localhost"), cookie], 421),
            ("/", vec![cookie], 421),
            ("/api/clear", vec![local, cookie, same], 200),
            ("/api/clear", vec![local, cookie, other], 403),
            ("/api/clear", vec![local, cookie, ("origin", "null")], 403),
            ("/api/clear", vec![local, cookie, ("sec-fetch-site", "cross-site")], 403),
            ("/api/clear", vec![local, cookie, ("sec-fetch-site", "same-origin")], 200),
        ] {
            let mut request = http::Request::get(target);
            for (name, value) in &fields {
                request = request.header(*name, *value);
            }
            let status = match access.judge(&request.body(Body::empty()).unwrap()) {
                Ok(Admitted::Here) => 200,
                Ok(Admitted::Welcome(response)) => response.status().as_u16(),
                Err(refused) => refused.status.as_u16(),
            };
            assert_eq!(status, expected, "{target} {fields:?}");
        }
    }
}
