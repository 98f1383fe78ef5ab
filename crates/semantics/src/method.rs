//! What methods promise: whether they are safe, idempotent and cacheable, and what content means to them
//! (RFC 9110, section 9.2, and the IANA registry of methods).

use http::Method;

/// A method in the IANA registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registered {
    /// The name, which is compared with regard to case.
    pub name: &'static str,
    /// Whether a client asks for nothing to be changed (RFC 9110, section 9.2.1).
    pub safe: bool,
    /// Whether several requests have the same effect as one (RFC 9110, section 9.2.2).
    pub idempotent: bool,
    /// Where it is defined.
    pub section: &'static str,
}

/// What content in a request means (RFC 9110, section 9.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Content {
    /// It has a meaning.
    Defined,
    /// It has none, and some servers refuse it.
    Undefined,
    /// A client must not send any.
    Forbidden,
}

/// What the registry says about the method; `None` if it is not registered.
pub fn registered(method: &Method) -> Option<&'static Registered> {
    let name = method.as_str();
    REGISTRY.binary_search_by(|known| known.name.cmp(name)).ok().map(|at| &REGISTRY[at])
}

/// Whether a client that sends it asks for nothing to be changed; not so of methods that nobody knows
/// (RFC 9110, section 9.2.1).
pub fn is_safe(method: &Method) -> bool {
    registered(method).is_some_and(|known| known.safe)
}

/// Whether a request may be sent again when it is not known what became of it; not so of methods that nobody knows
/// (RFC 9110, section 9.2.2).
pub fn is_idempotent(method: &Method) -> bool {
    registered(method).is_some_and(|known| known.idempotent)
}

/// Whether its definition lets answers be stored: GET, HEAD, POST and QUERY (RFC 9110, section 9.2.3).
pub fn is_cacheable(method: &Method) -> bool {
    matches!(method.as_str(), "GET" | "HEAD" | "POST" | "QUERY")
}

/// What content means in a request with this method (RFC 9110, section 9.3).
pub fn content(method: &Method) -> Content {
    match *method {
        Method::TRACE => Content::Forbidden,
        Method::GET | Method::HEAD | Method::DELETE | Method::CONNECT | Method::OPTIONS => Content::Undefined,
        _ => Content::Defined,
    }
}

const fn row(name: &'static str, safe: bool, idempotent: bool, section: &'static str) -> Registered {
    Registered { name, safe, idempotent, section }
}

/// The registry, by name.
static REGISTRY: [Registered; 40] = [
    row("ACL", false, true, "RFC 3744, section 8.1"),
    row("BASELINE-CONTROL", false, true, "RFC 3253, section 12.6"),
    row("BIND", false, true, "RFC 5842, section 4"),
    row("CHECKIN", false, true, "RFC 3253, section 4.4"),
    row("CHECKOUT", false, true, "RFC 3253, section 4.3"),
    row("CONNECT", false, false, "RFC 9110, section 9.3.6"),
    row("COPY", false, true, "RFC 4918, section 9.8"),
    row("DELETE", false, true, "RFC 9110, section 9.3.5"),
    row("GET", true, true, "RFC 9110, section 9.3.1"),
    row("HEAD", true, true, "RFC 9110, section 9.3.2"),
    row("LABEL", false, true, "RFC 3253, section 8.2"),
    row("LINK", false, true, "RFC 2068, section 19.6.1.2"),
    row("LOCK", false, false, "RFC 4918, section 9.10"),
    row("MERGE", false, true, "RFC 3253, section 11.2"),
    row("MKACTIVITY", false, true, "RFC 3253, section 13.5"),
    row("MKCALENDAR", false, true, "RFC 4791, section 5.3.1"),
    row("MKCOL", false, true, "RFC 4918, section 9.3"),
    row("MKREDIRECTREF", false, true, "RFC 4437, section 6"),
    row("MKWORKSPACE", false, true, "RFC 3253, section 6.3"),
    row("MOVE", false, true, "RFC 4918, section 9.9"),
    row("OPTIONS", true, true, "RFC 9110, section 9.3.7"),
    row("ORDERPATCH", false, true, "RFC 3648, section 7"),
    row("PATCH", false, false, "RFC 5789, section 2"),
    row("POST", false, false, "RFC 9110, section 9.3.3"),
    row("PRI", true, true, "RFC 9113, section 3.4"),
    row("PROPFIND", true, true, "RFC 4918, section 9.1"),
    row("PROPPATCH", false, true, "RFC 4918, section 9.2"),
    row("PUT", false, true, "RFC 9110, section 9.3.4"),
    row("QUERY", true, true, "The HTTP QUERY Method, section 2"),
    row("REBIND", false, true, "RFC 5842, section 6"),
    row("REPORT", true, true, "RFC 3253, section 3.6"),
    row("SEARCH", true, true, "RFC 5323, section 2"),
    row("TRACE", true, true, "RFC 9110, section 9.3.8"),
    row("UNBIND", false, true, "RFC 5842, section 5"),
    row("UNCHECKOUT", false, true, "RFC 3253, section 4.5"),
    row("UNLINK", false, true, "RFC 2068, section 19.6.1.3"),
    row("UNLOCK", false, true, "RFC 4918, section 9.11"),
    row("UPDATE", false, true, "RFC 3253, section 7.1"),
    row("UPDATEREDIRECTREF", false, true, "RFC 4437, section 7"),
    row("VERSION-CONTROL", false, true, "RFC 3253, section 3.5"),
];
