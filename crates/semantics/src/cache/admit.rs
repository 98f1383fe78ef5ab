//! Whether a response is stored (RFC 9111, section 3).

use std::borrow::Cow;
use std::time::SystemTime;

use http::header::{AUTHORIZATION, EXPIRES, HeaderName, SET_COOKIE};
use http::{HeaderMap, Method, StatusCode};

use super::control::{Control, Extent};
use super::freshness;
use super::key::Selecting;
use super::rules::{AUTHORIZED, COOKIES, INCOMPLETE, LIMITED, NO_STORE, PRIVATE, STORING, UNDERSTAND, VARYING};
use crate::decision::{Decision, Rule};
use crate::fields;
use crate::validator::Validators;

/// Whether a response is stored, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It is.
    Stored(Basis),
    /// It is not.
    Refused(Refusal),
}

/// What lets a response be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// It says how long it is fresh: by `max-age`, `s-maxage` or Expires.
    Lifetime,
    /// It says `public`.
    Public,
    /// It says `private`, and the cache serves one user.
    Private,
    /// Its status lets a lifetime be guessed.
    Heuristic(StatusCode),
}

/// Why a response is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The cache stores no answers to its method.
    Method(Method),
    /// The request says `no-store`.
    RequestNoStore,
    /// The response says `no-store`.
    NoStore,
    /// It says `private`, and the cache is shared.
    Private,
    /// The request was authorized, the cache is shared, and nothing says that it may.
    Authorized,
    /// It sets a cookie, the cache is shared, and nothing says that all may have it.
    SetsCookie,
    /// It says `must-understand`, and the cache knows nothing of its status.
    NotUnderstood(StatusCode),
    /// It is a part of a representation, or about one.
    Partial(StatusCode),
    /// It is not the last response to its request.
    Interim(StatusCode),
    /// Nothing says how long it is fresh, and its status lets nobody guess.
    NoLifetime(StatusCode),
    /// It varies by what no field shows.
    VariesByAnything,
    /// It is stale at once, and has no validator by which it could be of use.
    Useless,
    /// It is longer than the cache has room for.
    TooLong {
        /// How long its content is, in bytes.
        length_bytes: u64,
        /// How long it may be.
        bytes_max: u64,
    },
}

/// What a cache knows of a response that may be stored.
#[derive(Debug, Clone, Copy)]
pub struct Exchanged<'a> {
    /// The method of the request.
    pub method: &'a Method,
    /// The fields of the request.
    pub request: &'a HeaderMap,
    /// The status of the response.
    pub status: StatusCode,
    /// The fields of the response.
    pub response: &'a HeaderMap,
    /// When the response came.
    pub responded: SystemTime,
}

/// Judges whether a response is stored; `shared` says whether the cache serves more than one user.
pub fn judge(exchanged: &Exchanged<'_>, shared: bool) -> Admission {
    let Exchanged { request, status, response, .. } = *exchanged;
    let control = Control::of_response(response);
    match refusal(exchanged, &control, shared) {
        Some(refusal) => Admission::Refused(refusal),
        None => {
            let says = control.max_age.is_some() || shared && control.s_maxage.is_some();
            let basis = if says || response.contains_key(EXPIRES) {
                Basis::Lifetime
            } else if control.public {
                Basis::Public
            } else if !shared && control.private != Extent::Nothing {
                Basis::Private
            } else if is_heuristic(status) {
                Basis::Heuristic(status)
            } else {
                return Admission::Refused(Refusal::NoLifetime(status));
            };
            let has_validator = {
                let Validators { entity_tag, last_modified } = Validators::of(response);
                entity_tag.is_some() || last_modified.is_some()
            };
            let never_fresh = control.no_cache == Extent::Whole
                || freshness::lifetime(exchanged, &control, shared, &freshness::Limits::default()).length.is_zero();
            // What is never fresh and cannot be validated could be used only against its will.
            let may_go_stale = control.stale_while_revalidate.or(control.stale_if_error).is_some();
            if never_fresh && !has_validator && !may_go_stale {
                return Admission::Refused(Refusal::Useless);
            }
            if Selecting::of(request, response).judge(request) == super::key::Match::Anything {
                return Admission::Refused(Refusal::VariesByAnything);
            }
            Admission::Stored(basis)
        }
    }
}

fn refusal(exchanged: &Exchanged<'_>, control: &Control, shared: bool) -> Option<Refusal> {
    let Exchanged { method, request, status, response, .. } = *exchanged;
    if method != Method::GET {
        return Some(Refusal::Method(method.clone()));
    }
    if status.is_informational() {
        return Some(Refusal::Interim(status));
    }
    if matches!(status.as_u16(), 206 | 304 | 416) || status == StatusCode::PRECONDITION_FAILED {
        return Some(Refusal::Partial(status));
    }
    if Control::of_request(request).no_store {
        return Some(Refusal::RequestNoStore);
    }
    let understood = is_understood(status);
    if control.must_understand && !understood {
        return Some(Refusal::NotUnderstood(status));
    }
    // Beside must-understand, no-store is meant for caches that do not know that directive (section 5.2.2.3).
    if control.no_store && !control.must_understand {
        return Some(Refusal::NoStore);
    }
    if shared {
        if control.private == Extent::Whole {
            return Some(Refusal::Private);
        }
        let is_for_all = control.public || control.s_maxage.is_some();
        if request.contains_key(AUTHORIZATION) && !is_for_all && !control.must_revalidate {
            return Some(Refusal::Authorized);
        }
        let is_stripped = |names: &[HeaderName]| names.contains(&SET_COOKIE);
        let keeps_cookies = is_stripped(control.private.fields()) || is_stripped(control.no_cache.fields());
        if response.contains_key(SET_COOKIE) && !is_for_all && !keeps_cookies {
            return Some(Refusal::SetsCookie);
        }
    }
    None
}

/// Whether a lifetime may be guessed for responses with the status (RFC 9110, section 15.1).
pub fn is_heuristic(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// Whether this cache knows what its status asks of it: that it is final, and says nothing of parts.
fn is_understood(status: StatusCode) -> bool {
    is_heuristic(status) || matches!(status.as_u16(), 302 | 303 | 307 | 400 | 403 | 500 | 502 | 503 | 504)
}

/// The fields of a response that are stored: without those for one connection or one proxy, and those that directives
/// keep from this cache (RFC 9111, section 3.1).
pub fn stored_fields(response: &HeaderMap, shared: bool) -> HeaderMap {
    let mut stored = response.clone();
    let control = Control::of_response(response);
    fields::remove_hop_by_hop(&mut stored);
    for name in ["proxy-authenticate", "proxy-authentication-info", "proxy-authorization"] {
        stored.remove(name);
    }
    if shared {
        control.private.fields().iter().for_each(|name| drop(stored.remove(name)));
    }
    control.no_cache.fields().iter().for_each(|name| drop(stored.remove(name)));
    stored
}

impl Decision for Admission {
    fn rule(&self) -> &'static Rule {
        match self {
            Self::Refused(Refusal::RequestNoStore | Refusal::NoStore) => &NO_STORE,
            Self::Refused(Refusal::Private) => &PRIVATE,
            Self::Refused(Refusal::Authorized) => &AUTHORIZED,
            Self::Refused(Refusal::SetsCookie) => &COOKIES,
            Self::Refused(Refusal::NotUnderstood(_)) => &UNDERSTAND,
            Self::Refused(Refusal::Partial(_)) => &INCOMPLETE,
            Self::Refused(Refusal::VariesByAnything) => &VARYING,
            Self::Refused(Refusal::TooLong { .. }) => &LIMITED,
            Self::Stored(_) | Self::Refused(_) => &STORING,
        }
    }

    fn outcome(&self) -> Cow<'static, str> {
        if matches!(self, Self::Stored(_)) { "stored in the cache" } else { "not stored in the cache" }.into()
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Stored(Basis::Lifetime) => "it says how long it is fresh".into(),
            Self::Stored(Basis::Public) => "it says that it is public".into(),
            Self::Stored(Basis::Private) => "it is private, and this cache serves one user".into(),
            Self::Stored(Basis::Heuristic(status)) => {
                format!("for {} a lifetime may be guessed", status.as_u16()).into()
            }
            Self::Refused(refusal) => refusal.because(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        let Self::Refused(refusal) = self else { return None };
        if let Refusal::TooLong { length_bytes, .. } = refusal {
            return Some(format!("a `content_bytes_max` of {length_bytes} would have let it be stored").into());
        }
        Some(Cow::Borrowed(match refusal {
            Refusal::Method(_) => "GET would have been stored",
            Refusal::RequestNoStore => "without no-store in the request it could have been stored",
            Refusal::NoStore => "without no-store in the response it could have been stored",
            Refusal::Private => "a cache of one user could have stored it",
            Refusal::Authorized => {
                "with public, s-maxage or must-revalidate in Cache-Control it would have been stored"
            }
            Refusal::SetsCookie => "with public or s-maxage in Cache-Control it would have been stored",
            Refusal::NotUnderstood(_) => "a status that this cache knows could have been stored",
            Refusal::Partial(_) => "a request without Range could have been stored",
            Refusal::Interim(_) | Refusal::TooLong { .. } => return None,
            Refusal::NoLifetime(_) => "with max-age in Cache-Control it would have been stored",
            Refusal::VariesByAnything => "a Vary that names fields would have let it be stored",
            Refusal::Useless => "with a max-age above 0, or with an ETag, it would have been stored",
        }))
    }
}

impl Refusal {
    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Method(method) => format!("answers to {method} are not stored").into(),
            Self::RequestNoStore => "the request says no-store".into(),
            Self::NoStore => "the response says no-store".into(),
            Self::Private => "the response says private, and this cache serves more than one user".into(),
            Self::Authorized => {
                "it answers a request with Authorization, and nothing says that other users may have it".into()
            }
            Self::SetsCookie => "it sets a cookie, and nothing says that other users may have it".into(),
            Self::NotUnderstood(status) => {
                format!("it says must-understand, and this cache knows nothing of {}", status.as_u16()).into()
            }
            Self::Partial(status) => {
                format!("{} is about a part or a state, not a representation", status.as_u16()).into()
            }
            Self::Interim(status) => format!("{} is no final response", status.as_u16()).into(),
            Self::NoLifetime(status) => {
                format!("nothing says how long it is fresh, and for {} none is guessed", status.as_u16()).into()
            }
            Self::VariesByAnything => "it says Vary: *, so that no other request can be known to get the same".into(),
            Self::Useless => {
                "it is stale at once, and has neither ETag nor Last-Modified by which the origin could be asked about it"
                    .into()
            }
            Self::TooLong { length_bytes, bytes_max } => {
                format!("its content of {length_bytes} bytes is longer than the {bytes_max} that may be stored").into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::RANGE;

    use super::*;

    #[test]
    fn a_range_request_is_judged_by_its_answer() {
        let request = HeaderMap::from_iter([(RANGE, HeaderValue::from_static("bytes=0-1"))]);
        let response = HeaderMap::from_iter([(http::header::CACHE_CONTROL, HeaderValue::from_static("max-age=9"))]);
        let judge = |status| {
            judge(
                &Exchanged {
                    method: &Method::GET,
                    request: &request,
                    status,
                    response: &response,
                    responded: SystemTime::UNIX_EPOCH,
                },
                false,
            )
        };
        assert_eq!(
            judge(StatusCode::PARTIAL_CONTENT),
            Admission::Refused(Refusal::Partial(StatusCode::PARTIAL_CONTENT))
        );
        assert_eq!(judge(StatusCode::OK), Admission::Stored(Basis::Lifetime), "a server that ignores ranges sends all");
    }
}
