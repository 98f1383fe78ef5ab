//! A header section put together from its fields.

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header, request, response, uri};

use super::{Malformed, is_connection_specific, is_forbidden_in_trailers};
use crate::h2::Protocol;
use crate::h2::hpack::{Defect, Field, Pseudo, Sink, authority};
use crate::h2::schedule::Priority;

/// How large a header section may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// In bytes, as RFC 7541, section 4.1 counts them.
    pub(crate) bytes_max: usize,
    pub(crate) fields_max: usize,
}

/// A header section that is being put together, whatever kind it turns out to be.
pub(crate) struct Assembly {
    limits: Limits,
    bytes: usize,
    count: usize,
    /// The first thing that makes the message malformed.
    malformed: Option<Malformed>,
    method: Option<Method>,
    scheme: Option<Scheme>,
    authority: Option<Authority>,
    path: Option<PathAndQuery>,
    status: Option<StatusCode>,
    protocol: Option<Protocol>,
    fields: HeaderMap,
    /// A regular field was seen.
    regular: bool,
    host: Option<HeaderValue>,
    /// The first cookie, and behind it the others.
    cookie: Option<HeaderValue>,
    crumbs: Vec<u8>,
    content_length: Option<u64>,
    priority: Option<Priority>,
}

/// What a stream needs to know of the head of its request.
#[derive(Debug, PartialEq)]
pub(crate) struct Known {
    pub(crate) content_length: Option<u64>,
    pub(crate) priority: Option<Priority>,
}

/// The head of a response, and what the stream needs to know of it.
pub(crate) struct HeadOfResponse {
    pub(crate) parts: response::Parts,
    pub(crate) content_length: Option<u64>,
}

impl Assembly {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            bytes: 0,
            count: 0,
            malformed: None,
            method: None,
            scheme: None,
            authority: None,
            path: None,
            status: None,
            protocol: None,
            fields: HeaderMap::new(),
            regular: false,
            host: None,
            cookie: None,
            crumbs: Vec::new(),
            content_length: None,
            priority: None,
        }
    }

    /// How large the section is, in bytes and fields, if it is larger than allowed.
    pub(crate) fn excess(&self) -> Option<(usize, usize)> {
        let exceeds = self.bytes > self.limits.bytes_max || self.count > self.limits.fields_max;
        exceeds.then_some((self.bytes, self.count))
    }

    #[cold]
    fn refuse(&mut self, malformed: Malformed) {
        self.malformed.get_or_insert(malformed);
    }

    /// Takes the value of a pseudo-header field, of which there may be one, before all regular fields.
    fn pseudo<T>(&mut self, name: Pseudo, slot: impl FnOnce(&mut Self) -> &mut Option<T>, value: T) {
        if self.regular {
            return self.refuse(Malformed::Late(name));
        }
        if slot(self).replace(value).is_some() {
            self.refuse(Malformed::Twice(name));
        }
    }

    fn regular(&mut self, name: HeaderName, value: HeaderValue) {
        self.regular = true;
        match name.as_str().len() {
            2 if name == header::TE && !value.as_bytes().eq_ignore_ascii_case(b"trailers") => {
                return self.refuse(Malformed::Te);
            }
            4 if name == header::HOST
                && (self.host.replace(value.clone()).is_some() || authority(value.as_bytes()).is_none()) =>
            {
                return self.refuse(Malformed::Host);
            }
            6 if name == header::COOKIE => return self.crumb(value),
            8 if name.as_str() == "priority" => self.priority = Some(Priority::parse(value.as_bytes())),
            14 if name == header::CONTENT_LENGTH => {
                let length = content_length(value.as_bytes());
                if length.is_none() || self.content_length.is_some() {
                    return self.refuse(Malformed::ContentLength);
                }
                self.content_length = length;
            }
            7 | 10 | 16 | 17 if is_connection_specific(&name) => return self.refuse(Malformed::ConnectionSpecific),
            _ => {}
        }
        // The map refuses what no limit would let come this far.
        if self.fields.try_append(name, value).is_err() {
            self.bytes = usize::MAX;
        }
    }

    /// Takes one of the cookies that a client may send apart (RFC 9113, section 8.2.3).
    fn crumb(&mut self, value: HeaderValue) {
        let Some(first) = &self.cookie else {
            self.cookie = Some(value);
            return;
        };
        if self.crumbs.is_empty() {
            self.crumbs.extend_from_slice(first.as_bytes());
        }
        self.crumbs.extend_from_slice(b"; ");
        self.crumbs.extend_from_slice(value.as_bytes());
    }

    /// The fields, with the cookie put together.
    fn take_fields(&mut self) -> Result<HeaderMap, Malformed> {
        if let Some(cookie) = self.cookie.take() {
            let cookie = if self.crumbs.is_empty() {
                cookie
            } else {
                let crumbs = Bytes::from(std::mem::take(&mut self.crumbs));
                let mut joined = HeaderValue::from_maybe_shared(crumbs).map_err(|_| Malformed::Host)?;
                joined.set_sensitive(cookie.is_sensitive());
                joined
            };
            self.fields.insert(header::COOKIE, cookie);
        }
        Ok(std::mem::take(&mut self.fields))
    }

    fn check(&self) -> Result<(), Malformed> {
        self.malformed.map_or(Ok(()), Err)
    }

    /// Fills in the head of a request (RFC 9113, section 8.3.1); `extended_connect` says whether RFC 8441 was
    /// announced.
    #[inline]
    pub(crate) fn request(&mut self, extended_connect: bool, parts: &mut request::Parts) -> Result<Known, Malformed> {
        self.check()?;
        if self.status.is_some() {
            return Err(Malformed::Misplaced(Pseudo::Status));
        }
        parts.method = self.method.take().ok_or(Malformed::Missing(Pseudo::Method))?;
        parts.uri = self.target(&parts.method, extended_connect)?;
        parts.version = Version::HTTP_2;
        if let Some(protocol) = self.protocol.take() {
            parts.extensions.insert(protocol);
        }
        parts.headers = self.take_fields()?;
        Ok(Known { content_length: self.content_length, priority: self.priority })
    }

    fn target(&mut self, method: &Method, extended_connect: bool) -> Result<Uri, Malformed> {
        let authority = self.agreed_authority()?;
        let mut target = uri::Parts::default();
        if *method == Method::CONNECT && self.protocol.is_none() {
            if self.scheme.is_some() || self.path.is_some() || authority.port_u16().is_none_or(|port| port == 0) {
                return Err(Malformed::Connect);
            }
            target.authority = Some(authority);
            return Uri::from_parts(target).map_err(|_| Malformed::Connect);
        }
        if self.protocol.is_some() && !(*method == Method::CONNECT && extended_connect) {
            return Err(Malformed::Protocol);
        }
        let path = self.path.take().ok_or(Malformed::Missing(Pseudo::Path))?;
        if path.as_str() == "*" && *method != Method::OPTIONS {
            return Err(Malformed::Asterisk);
        }
        target.scheme = Some(self.scheme.take().ok_or(Malformed::Missing(Pseudo::Scheme))?);
        target.authority = Some(authority);
        target.path_and_query = Some(path);
        Uri::from_parts(target).map_err(|_| Malformed::Missing(Pseudo::Path))
    }

    /// What `:authority` and Host agree on; one of them has to be there.
    fn agreed_authority(&mut self) -> Result<Authority, Malformed> {
        match (self.authority.take(), &self.host) {
            (Some(named), None) => Ok(named),
            (Some(named), Some(host)) if host.as_bytes().eq_ignore_ascii_case(named.as_str().as_bytes()) => Ok(named),
            (Some(_), Some(_)) => Err(Malformed::Host),
            (None, Some(host)) => authority(host.as_bytes()).ok_or(Malformed::Host),
            (None, None) => Err(Malformed::Missing(Pseudo::Authority)),
        }
    }

    /// The head of a response (RFC 9113, section 8.3.2).
    pub(crate) fn response(&mut self) -> Result<HeadOfResponse, Malformed> {
        self.check()?;
        if let Some(misplaced) = self.pseudo_of_request() {
            return Err(Malformed::Misplaced(misplaced));
        }
        let (mut parts, ()) = http::Response::new(()).into_parts();
        parts.status = self.status.ok_or(Malformed::Missing(Pseudo::Status))?;
        parts.version = Version::HTTP_2;
        parts.headers = self.take_fields()?;
        Ok(HeadOfResponse { parts, content_length: self.content_length })
    }

    /// A trailer section (RFC 9113, section 8.1), which has no pseudo-header fields.
    pub(crate) fn trailers(&mut self) -> Result<HeaderMap, Malformed> {
        self.check()?;
        if let Some(misplaced) = self.pseudo_of_request().or(self.status.map(|_| Pseudo::Status)) {
            return Err(Malformed::Misplaced(misplaced));
        }
        let fields = self.take_fields()?;
        if fields.keys().any(is_forbidden_in_trailers) {
            return Err(Malformed::Trailer);
        }
        Ok(fields)
    }

    fn pseudo_of_request(&self) -> Option<Pseudo> {
        let present = [
            (self.method.is_some(), Pseudo::Method),
            (self.scheme.is_some(), Pseudo::Scheme),
            (self.authority.is_some(), Pseudo::Authority),
            (self.path.is_some(), Pseudo::Path),
            (self.protocol.is_some(), Pseudo::Protocol),
        ];
        present.into_iter().find(|(present, _)| *present).map(|(_, pseudo)| pseudo)
    }
}

impl Sink for Assembly {
    #[inline]
    fn admits(&mut self, size: usize) -> bool {
        self.bytes = self.bytes.saturating_add(size);
        self.count += 1;
        self.bytes <= self.limits.bytes_max && self.count <= self.limits.fields_max && self.malformed.is_none()
    }

    #[inline]
    fn field(&mut self, field: Field) {
        match field {
            Field::Method(method) => self.pseudo(Pseudo::Method, |it| &mut it.method, method),
            Field::Scheme(scheme) => self.pseudo(Pseudo::Scheme, |it| &mut it.scheme, scheme),
            Field::Authority(authority) => self.pseudo(Pseudo::Authority, |it| &mut it.authority, authority),
            Field::Path(path) => self.pseudo(Pseudo::Path, |it| &mut it.path, path),
            Field::Status(status) => self.pseudo(Pseudo::Status, |it| &mut it.status, status),
            Field::Protocol(protocol) => self.pseudo(Pseudo::Protocol, |it| &mut it.protocol, protocol),
            Field::Regular(name, value) => self.regular(name, value),
            Field::NoAuthority => self.refuse(Malformed::Field(Defect::Authority)),
            Field::Malformed(field) => self.refuse(Malformed::Field(field.2)),
        }
    }

    #[inline]
    fn indexed(&mut self, field: &Field) {
        match field {
            Field::Method(method) => self.pseudo(Pseudo::Method, |it| &mut it.method, method.clone()),
            Field::Scheme(scheme) => self.pseudo(Pseudo::Scheme, |it| &mut it.scheme, scheme.clone()),
            Field::Authority(named) => self.pseudo(Pseudo::Authority, |it| &mut it.authority, named.clone()),
            Field::Path(path) => self.pseudo(Pseudo::Path, |it| &mut it.path, path.clone()),
            Field::Regular(name, value) => self.regular(name.clone(), value.clone()),
            other => self.field(other.clone()),
        }
    }
}

/// One number of digits alone.
fn content_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 19 {
        return None;
    }
    value.iter().try_fold(0u64, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h2::hpack::Name;

    const LIMITS: Limits = Limits { bytes_max: 4096, fields_max: 20 };

    fn assembled(text: &str) -> Assembly {
        let mut assembly = Assembly::new(LIMITS);
        for line in text.split('\n').filter(|line| !line.is_empty()) {
            let colon = 1 + line[1..].find(':').unwrap();
            let (name, value) = (&line[..colon], &line[colon + 1..]);
            if assembly.admits(name.len() + value.len() + 32) {
                assembly.field(Field::parse(Name::parse(name.as_bytes()), value.as_bytes()));
            }
        }
        assembly
    }

    struct Head {
        parts: request::Parts,
        known: Known,
    }

    fn request(text: &str) -> Result<Head, Malformed> {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        let known = assembled(text).request(true, &mut parts)?;
        Ok(Head { parts, known })
    }

    const GET: &str = ":method:GET\n:scheme:https\n:path:/a?b\n:authority:h.test\n";

    #[test]
    fn a_request_becomes_parts() {
        let head = request(&[GET, "x:1\nx:2\npriority:u=1, i\ncontent-length:7"].concat()).unwrap();
        assert_eq!(head.parts.method, Method::GET);
        assert_eq!(head.parts.uri, "https://h.test/a?b");
        assert_eq!(head.parts.version, Version::HTTP_2);
        assert_eq!(head.parts.headers.get_all("x").iter().count(), 2);
        assert_eq!(head.known, Known { content_length: Some(7), priority: Some(Priority::parse(b"u=1, i")) });
    }

    #[test]
    fn cookies_are_joined() {
        let head = request(&[GET, "cookie:a=1\nx:y\ncookie:b=2\ncookie:c=3"].concat()).unwrap();
        assert_eq!(head.parts.headers["cookie"], "a=1; b=2; c=3");
        assert_eq!(head.parts.headers.get_all("cookie").iter().count(), 1);
        let head = request(&[GET, "cookie:a=1"].concat()).unwrap();
        assert_eq!(head.parts.headers["cookie"], "a=1");
    }

    #[test]
    fn targets_take_their_form() {
        for (fields, uri) in [
            (":method:OPTIONS\n:scheme:http\n:path:*\n:authority:h", "http://h*"),
            (":method:CONNECT\n:authority:h:443", "h:443"),
            (":method:CONNECT\n:protocol:websocket\n:scheme:https\n:path:/chat\n:authority:h", "https://h/chat"),
            (":method:GET\n:scheme:http\n:path:/\nhost:h:80", "http://h:80/"),
            (":method:GET\n:scheme:http\n:path:/\n:authority:h.test\nhost:H.TEST", "http://h.test/"),
        ] {
            let head = request(fields).unwrap_or_else(|malformed| panic!("{fields}: {malformed:?}"));
            assert_eq!(head.parts.uri.to_string(), uri, "{fields}");
        }
        let head = request(":method:CONNECT\n:protocol:websocket\n:scheme:https\n:path:/\n:authority:h").unwrap();
        assert_eq!(head.parts.extensions.get::<Protocol>(), Some(&Protocol::WEBSOCKET));
    }

    #[test]
    fn malformed_requests() {
        use Malformed as M;
        for (fields, expected) in [
            (":scheme:http\n:path:/\n:authority:h", M::Missing(Pseudo::Method)),
            (":method:GET\n:path:/\n:authority:h", M::Missing(Pseudo::Scheme)),
            (":method:GET\n:scheme:http\n:authority:h", M::Missing(Pseudo::Path)),
            (":method:GET\n:scheme:http\n:path:/", M::Missing(Pseudo::Authority)),
            (":method:GET\n:scheme:http\n:path:*\n:authority:h", M::Asterisk),
            (":method:GET\n:method:GET\n:scheme:http\n:path:/\n:authority:h", M::Twice(Pseudo::Method)),
            (":method:GET\nx:y\n:scheme:http\n:path:/\n:authority:h", M::Late(Pseudo::Scheme)),
            (":method:CONNECT\n:authority:a:1\n:path:/", M::Connect),
            (":method:CONNECT\n:authority:a:1\n:scheme:http", M::Connect),
            (":method:CONNECT\n:authority:a", M::Connect),
            (":method:CONNECT\n:authority:a:0", M::Connect),
            (":method:CONNECT\n:protocol:websocket\n:authority:a", M::Missing(Pseudo::Path)),
            (":method:GET\n:protocol:websocket\n:scheme:http\n:path:/\n:authority:h", M::Protocol),
        ] {
            assert_eq!(request(fields).err(), Some(expected), "{fields}");
        }
        for (fields, expected) in [
            (":status:200", M::Misplaced(Pseudo::Status)),
            (":other:x", M::Field(Defect::UnknownPseudo)),
            ("Upper:x", M::Field(Defect::Name)),
            ("x: y", M::Field(Defect::Surrounded)),
            ("x:\0", M::Field(Defect::Value)),
            ("connection:close", M::ConnectionSpecific),
            ("keep-alive:timeout=5", M::ConnectionSpecific),
            ("proxy-connection:keep-alive", M::ConnectionSpecific),
            ("transfer-encoding:chunked", M::ConnectionSpecific),
            ("upgrade:h2c", M::ConnectionSpecific),
            ("te:gzip", M::Te),
            ("content-length:5\ncontent-length:6", M::ContentLength),
            ("content-length:5\ncontent-length:5", M::ContentLength),
            ("content-length:5, 5", M::ContentLength),
            ("content-length:", M::ContentLength),
            ("content-length:+5", M::ContentLength),
            ("content-length:99999999999999999999", M::ContentLength),
            ("host:other.test", M::Host),
            ("host:h.test\nhost:h.test", M::Host),
            ("host:u@h.test", M::Host),
        ] {
            assert_eq!(request(&[GET, fields].concat()).err(), Some(expected), "{fields}");
            assert_eq!(expected.fault(5).code, crate::h2::Code::PROTOCOL_ERROR);
        }
        assert!(request(&[GET, "te:trailers"].concat()).is_ok());
        let extended = ":method:CONNECT\n:protocol:websocket\n:scheme:https\n:path:/chat\n:authority:h";
        let (mut parts, ()) = http::Request::new(()).into_parts();
        assert_eq!(assembled(extended).request(false, &mut parts).err(), Some(M::Protocol));
    }

    #[test]
    fn responses_and_trailers() {
        use Malformed as M;
        let head = assembled(":status:204\nx:y").response().ok().unwrap();
        assert_eq!((head.parts.status, head.content_length), (StatusCode::NO_CONTENT, None));
        for (fields, expected) in
            [("x:y", M::Missing(Pseudo::Status)), (":status:200\n:path:/", M::Misplaced(Pseudo::Path))]
        {
            assert_eq!(assembled(fields).response().err(), Some(expected));
        }
        assert_eq!(assembled("x:y").trailers().unwrap()["x"], "y");
        for (fields, expected) in [
            (":path:/evil", M::Misplaced(Pseudo::Path)),
            (":status:200", M::Misplaced(Pseudo::Status)),
            ("content-length:1", M::Trailer),
            ("authorization:x", M::Trailer),
            ("connection:close", M::ConnectionSpecific),
        ] {
            assert_eq!(assembled(fields).trailers().err(), Some(expected), "{fields}");
        }
    }

    #[test]
    fn too_much_is_counted_and_not_kept() {
        let mut assembly = Assembly::new(LIMITS);
        for count in 1..=30 {
            let admitted = assembly.admits(40);
            assert_eq!(admitted, count <= 20);
        }
        assert_eq!(assembly.excess(), Some((1_200, 30)));
        let mut assembly = Assembly::new(LIMITS);
        assert!(assembly.admits(4096));
        assert!(assembly.excess().is_none());
        assert!(!assembly.admits(32));
        assert_eq!(assembly.excess(), Some((4_128, 2)));
    }
}
