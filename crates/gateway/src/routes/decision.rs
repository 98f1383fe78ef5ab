//! What routing decided, and why.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use http::Method;
use wirelight_semantics::decision::{Decision, Rule, Shown};

/// Which site takes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sited {
    /// This one.
    Taken {
        /// Its first host.
        site: String,
        /// The host that was asked for.
        host: String,
    },
    /// None.
    Misdirected {
        /// The host that was asked for.
        host: String,
        /// The sites on the listener.
        sites: Vec<String>,
    },
}

/// A route that did not take a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// Which.
    pub route: Arc<str>,
    /// Its first condition that failed, and how.
    pub because: String,
}

/// Which route of a site takes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Routed {
    /// This one.
    Taken {
        /// Its name.
        route: Arc<str>,
        /// Those before it.
        passed: Vec<Passed>,
    },
    /// None.
    NotFound {
        /// The path that was asked for.
        path: String,
        /// All of them.
        passed: Vec<Passed>,
    },
    /// None for this method.
    NotAllowed {
        /// The method.
        method: Method,
        /// Those that would have been taken.
        allowed: Vec<Method>,
        /// All routes.
        passed: Vec<Passed>,
    },
    /// None, since the path is malformed.
    Malformed {
        /// The path that was asked for.
        path: String,
        /// The byte at which it is.
        at: usize,
    },
}

static SITES: Rule = Rule {
    name: "site",
    section: "RFC 9110, section 7.4",
    says: "A server answers for the hosts that it is for, and refuses requests for others as misdirected.",
};
static ROUTES: Rule = Rule {
    name: "route",
    section: "RFC 9110, section 7.1",
    says: "The first route whose conditions all hold takes the request.",
};

impl Decision for Sited {
    fn rule(&self) -> &'static Rule {
        &SITES
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Taken { site, .. } => format!("site {site}").into(),
            Self::Misdirected { .. } => "421 Misdirected Request".into(),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Taken { host, .. } => {
                format!("it is the first on this listener for the host \"{}\"", Shown(host.as_bytes())).into()
            }
            Self::Misdirected { host, sites } => {
                let host = Shown(host.as_bytes());
                format!("no site on this listener is for the host \"{host}\"; there are: {}", sites.join(", ")).into()
            }
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Taken { .. } => None,
            Self::Misdirected { .. } => Some("a site for `default` would have taken it".into()),
        }
    }

    fn setting(&self) -> Option<&'static str> {
        matches!(self, Self::Taken { .. }).then_some("site")
    }

    fn declines(&self) -> bool {
        matches!(self, Self::Misdirected { .. })
    }
}

impl Routed {
    fn passed(&self) -> &[Passed] {
        match self {
            Self::Taken { passed, .. } | Self::NotFound { passed, .. } | Self::NotAllowed { passed, .. } => passed,
            Self::Malformed { .. } => &[],
        }
    }
}

impl Decision for Routed {
    fn rule(&self) -> &'static Rule {
        &ROUTES
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Taken { route, .. } => format!("route {route}").into(),
            Self::NotFound { .. } => "404 Not Found".into(),
            Self::NotAllowed { .. } => "405 Method Not Allowed".into(),
            Self::Malformed { .. } => "400 Bad Request".into(),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        let mut because = match self {
            Self::Taken { passed, .. } if passed.is_empty() => {
                return "it is the first, and its conditions hold".into();
            }
            Self::Taken { .. } => "it is the first whose conditions hold".to_owned(),
            Self::NotFound { path, .. } => format!("no route is for {}", Shown(path.as_bytes())),
            Self::NotAllowed { method, .. } => format!("no route here is for {method}"),
            Self::Malformed { path, at } => {
                return format!(
                    "byte {at} of {} is a percent sign without two hexadecimal digits",
                    Shown(path.as_bytes())
                )
                .into();
            }
        };
        for Passed { route, because: why } in self.passed() {
            let _ = write!(because, "; not {route}: {why}");
        }
        because.into()
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::NotAllowed { allowed, .. } => {
                let names: Vec<&str> = allowed.iter().map(Method::as_str).collect();
                Some(format!("{} would have been routed", names.join(", ")).into())
            }
            _ => None,
        }
    }

    fn setting(&self) -> Option<&'static str> {
        match self {
            Self::Taken { .. } => Some("route"),
            Self::NotAllowed { .. } => Some("method"),
            Self::NotFound { .. } | Self::Malformed { .. } => None,
        }
    }

    fn declines(&self) -> bool {
        !matches!(self, Self::Taken { .. })
    }
}
