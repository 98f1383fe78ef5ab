//! What became of a request in a router, and why.

use std::borrow::Cow;
use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{HeaderValue, Method, StatusCode};
use wirelight_semantics::decision::{Decision, Rule, Shown};

use crate::pattern::{Mismatch, Pattern};

/// How many of the nearest routes a decision names.
const NEAR_MAX: usize = 3;

/// What became of a request in a router.
#[derive(Debug, Clone)]
pub enum Routing {
    /// A route answers it.
    Routed {
        /// The pattern of the route.
        pattern: Arc<Pattern>,
        /// The request's method.
        method: Method,
        /// Whether it is HEAD, and the route's service for GET answers it.
        by_get: bool,
    },
    /// The router answers OPTIONS itself, with the methods that can be used (RFC 9110, section 9.3.7).
    Described {
        /// The pattern of the route; `None` if the question was about the whole server.
        pattern: Option<Arc<Pattern>>,
        /// The methods; `None` if some route takes every method.
        allow: Option<HeaderValue>,
    },
    /// A route matches, but does not take the method: 405.
    MethodNotAllowed {
        /// The pattern of the route.
        pattern: Arc<Pattern>,
        /// The request's method.
        method: Method,
        /// The methods that it takes.
        allow: HeaderValue,
    },
    /// The method is neither registered nor taken by any route: 501.
    NotImplemented {
        /// The request's method.
        method: Method,
        /// The methods that routes take.
        implemented: HeaderValue,
    },
    /// No route matches, and a fallback answers.
    FellBack {
        /// What the paths begin with that the fallback is for.
        prefix: Pattern,
        /// The routes that do not match.
        no_route: NoRoute,
    },
    /// No route matches: 404.
    NoRoute(NoRoute),
    /// The path is malformed: 400.
    Malformed {
        /// The request's path.
        target: PathAndQuery,
        /// The byte of the path where it is malformed, from 0.
        at: usize,
    },
}

/// A path that no route matches. Which routes are near is found out when somebody asks.
#[derive(Debug, Clone)]
pub struct NoRoute {
    pub(super) target: PathAndQuery,
    pub(super) patterns: Arc<Vec<Arc<Pattern>>>,
}

/// A route that nearly matched.
#[derive(Debug, Clone)]
pub struct Near {
    /// Its pattern.
    pub pattern: Arc<Pattern>,
    /// The first segment at which it failed.
    pub mismatch: Mismatch,
}

impl NoRoute {
    /// The path that no route matches.
    pub fn path(&self) -> &str {
        self.target.path()
    }

    /// The routes that come nearest, and the first segment at which each failed; the nearest first, three at most.
    pub fn near(&self) -> Vec<Near> {
        let path = self.path();
        let mut near: Vec<_> = self.patterns.iter().map(|pattern| (pattern.likeness(path), pattern)).collect();
        near.sort_by_key(|(likeness, _)| -likeness);
        let failed = |(_, pattern): (i32, &Arc<Pattern>)| {
            Some(Near { pattern: Arc::clone(pattern), mismatch: pattern.judge(path).err()? })
        };
        near.into_iter().filter_map(failed).take(NEAR_MAX).collect()
    }

    /// The route that the path without the slash at its end would have come to, or with one if it has none.
    pub fn with_other_slash(&self) -> Option<Arc<Pattern>> {
        let path = self.path();
        let other = match path.strip_suffix('/') {
            Some(without) => Cow::Borrowed(without),
            None => Cow::Owned(format!("{path}/")),
        };
        let matching = self.patterns.iter().filter(|pattern| pattern.judge(&other).is_ok());
        matching.min_by(|one, another| one.compare(another)).cloned()
    }

    fn because(&self) -> String {
        let path = Shown(self.path().as_bytes());
        match self.patterns.len() {
            0 => format!("there are no routes, and so none matches {path}"),
            1 => format!("the one route there is does not match {path}"),
            count => format!("none of the {count} routes matches {path}"),
        }
    }

    fn otherwise(&self) -> Option<String> {
        if let Some(pattern) = self.with_other_slash() {
            let other = if self.path().ends_with('/') { "without the" } else { "with a" };
            return Some(format!("the same path {other} slash at its end would match route {pattern}"));
        }
        let near = self.near();
        let failed = near.iter().map(|near| {
            format!("{} would match, but {}", near.pattern, near.mismatch.explain(&near.pattern, self.path()))
        });
        let failed: Vec<_> = failed.collect();
        (!failed.is_empty()).then(|| failed.join("; "))
    }
}

impl Routing {
    /// The status of the router's own answer; `None` where a service answers.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Routed { .. } | Self::FellBack { .. } => None,
            Self::Described { .. } => Some(StatusCode::NO_CONTENT),
            Self::MethodNotAllowed { .. } => Some(StatusCode::METHOD_NOT_ALLOWED),
            Self::NotImplemented { .. } => Some(StatusCode::NOT_IMPLEMENTED),
            Self::NoRoute(_) => Some(StatusCode::NOT_FOUND),
            Self::Malformed { .. } => Some(StatusCode::BAD_REQUEST),
        }
    }
}

static ROUTE: Rule = Rule {
    name: "most-specific-route",
    section: "RFC 9110, section 7.1",
    says: "The path names the resource: the most specific route that matches it answers.",
};
static HEAD: Rule = Rule {
    name: "head-by-get",
    section: "RFC 9110, section 9.3.2",
    says: "HEAD is answered as GET is, without the content.",
};
static DESCRIBE: Rule = Rule {
    name: "options",
    section: "RFC 9110, section 9.3.7",
    says: "OPTIONS is answered with the methods that can be used.",
};
static NOT_ALLOWED: Rule = Rule {
    name: "method-not-allowed",
    section: "RFC 9110, section 15.5.6",
    says: "A method that is known, but not supported by the resource, is answered 405 with the methods that are.",
};
static NOT_IMPLEMENTED: Rule = Rule {
    name: "not-implemented",
    section: "RFC 9110, section 15.6.2",
    says: "A method that is not recognized, and that no resource supports, is answered 501.",
};
static NO_ROUTE: Rule = Rule {
    name: "no-route",
    section: "RFC 9110, section 15.5.5",
    says: "A path that no route matches is answered 404.",
};
static MALFORMED: Rule = Rule {
    name: "percent-encoding",
    section: "RFC 3986, section 2.1",
    says: "A percent sign is followed by two hexadecimal digits.",
};

impl Decision for Routing {
    fn rule(&self) -> &'static Rule {
        match self {
            Self::Routed { by_get: true, .. } => &HEAD,
            Self::Routed { .. } => &ROUTE,
            Self::Described { .. } => &DESCRIBE,
            Self::MethodNotAllowed { .. } => &NOT_ALLOWED,
            Self::NotImplemented { .. } => &NOT_IMPLEMENTED,
            Self::FellBack { .. } | Self::NoRoute(_) => &NO_ROUTE,
            Self::Malformed { .. } => &MALFORMED,
        }
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Routed { pattern, .. } => format!("routed to {pattern}").into(),
            Self::FellBack { prefix, .. } if prefix.as_str().is_empty() => "given to the fallback".into(),
            Self::FellBack { prefix, .. } => format!("given to the fallback of {prefix}").into(),
            Self::Described { .. } => "204 No Content, with the methods".into(),
            Self::MethodNotAllowed { .. } => "405 Method Not Allowed".into(),
            Self::NotImplemented { .. } => "501 Not Implemented".into(),
            Self::NoRoute(_) => "404 Not Found".into(),
            Self::Malformed { .. } => "400 Bad Request".into(),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Routed { pattern, by_get: true, .. } => {
                format!("{pattern} is the most specific route for the path, and it takes GET").into()
            }
            Self::Routed { pattern, method, .. } => {
                format!("{pattern} is the most specific route for the path, and it takes {}", shown(method)).into()
            }
            Self::Described { pattern: Some(pattern), .. } => {
                format!("the route {pattern} has no service of its own for OPTIONS").into()
            }
            Self::Described { pattern: None, .. } => "the target is the whole server".into(),
            Self::MethodNotAllowed { pattern, method, allow } => {
                format!("the route {pattern} takes {}, and not {}", listed(allow), shown(method)).into()
            }
            Self::NotImplemented { method, implemented } => {
                let (method, listed) = (shown(method), listed(implemented));
                format!("no route can be asked with {method}: they take {listed}").into()
            }
            Self::FellBack { no_route, .. } | Self::NoRoute(no_route) => no_route.because().into(),
            Self::Malformed { target, at } => {
                let after = target.path().get(*at..).unwrap_or_default();
                let after = after.get(..3).unwrap_or(after);
                format!("the path's byte {at} begins \"{}\"", Shown(after.as_bytes())).into()
            }
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::FellBack { no_route, .. } | Self::NoRoute(no_route) => no_route.otherwise().map(Cow::Owned),
            Self::MethodNotAllowed { .. } => Some("any of those methods would have been routed".into()),
            Self::NotImplemented { method, .. } => {
                let known = method.as_str().to_ascii_uppercase();
                let known = Method::from_bytes(known.as_bytes()).ok().filter(|known| known != method);
                let known = known.filter(|known| wirelight_semantics::method::registered(known).is_some())?;
                Some(format!("methods are compared with regard to case, and {known} is known").into())
            }
            Self::Malformed { .. } => Some("a percent sign itself is written %25".into()),
            Self::Routed { .. } | Self::Described { .. } => None,
        }
    }

    fn declines(&self) -> bool {
        self.status().is_some_and(|status| status != StatusCode::NO_CONTENT)
    }
}

fn shown(method: &Method) -> Shown<'_> {
    Shown(method.as_str().as_bytes())
}

fn listed(allow: &HeaderValue) -> Shown<'_> {
    Shown(allow.as_bytes())
}
