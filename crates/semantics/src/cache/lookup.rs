//! Why a cache has nothing to answer a request with: it does not look for it, or finds nothing (RFC 9111, section 2).

use std::borrow::Cow;

use http::Method;
use http::header::HeaderName;

use super::rules::{KEY, LOOKING};
use crate::decision::{Decision, Rule, Shown};

/// Why a cache does not look for a stored response, nor stores the one that comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bypass {
    /// It stores no answers to the method.
    Method(Method),
    /// The request brings content.
    Content,
    /// The request has a field that only the origin can answer.
    Field(HeaderName),
    /// The target is no URI of HTTP.
    Target,
}

impl Decision for Bypass {
    fn rule(&self) -> &'static Rule {
        &LOOKING
    }

    fn outcome(&self) -> Cow<'static, str> {
        "the cache was passed by".into()
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Method(method) => format!("it keeps no answers to {method}, only to GET and HEAD").into(),
            Self::Content => "the request brings content, which may change what is answered".into(),
            Self::Field(name) => format!("the request has {name}, to which only the origin knows the answer").into(),
            Self::Target => "the target is no URI of http or https".into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Method(_) => Some("the same with GET could have been answered from the cache".into()),
            Self::Content => Some("without content it could have been answered from the cache".into()),
            Self::Field(name) => Some(format!("without {name} it could have been answered from the cache").into()),
            Self::Target => None,
        }
    }
}

/// Nothing is stored for the URI of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Where something is stored for the same path and another query: the names of the parameters that differ.
    pub parameters: Option<Vec<String>>,
}

impl Missing {
    /// Nothing is stored for `key`; `near` is the key of something that is, for the same path.
    pub fn of(key: &str, near: Option<&str>) -> Self {
        let query = |key: &str| key.split_once('?').map_or(String::new(), |(_, query)| query.to_owned());
        Self { parameters: near.map(|near| differing(&query(key), &query(near))) }
    }
}

/// The names of the parameters that two queries do not have alike, each once, in the order of the first.
fn differing(asked: &str, stored: &str) -> Vec<String> {
    let parameters = |query: &str| -> Vec<String> {
        query.split('&').filter(|parameter| !parameter.is_empty()).map(str::to_owned).collect()
    };
    let (asked, stored) = (parameters(asked), parameters(stored));
    let only = |of: &[String], other: &[String]| -> Vec<String> {
        of.iter().filter(|parameter| !other.contains(parameter)).cloned().collect()
    };
    let mut names: Vec<String> = Vec::new();
    for parameter in only(&asked, &stored).into_iter().chain(only(&stored, &asked)) {
        let name = parameter.split('=').next().unwrap_or_default();
        let name = Shown(name.as_bytes()).to_string();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

impl Decision for Missing {
    fn rule(&self) -> &'static Rule {
        &KEY
    }

    fn outcome(&self) -> Cow<'static, str> {
        "not found in the cache".into()
    }

    fn because(&self) -> Cow<'static, str> {
        match self.parameters.as_deref() {
            None => "nothing is stored for its URI".into(),
            Some([]) => "what is stored for its path has the same parameters in another order".into(),
            Some(names) => {
                format!("what is stored for its path is for another query, which differs in `{}`", names.join("`, `"))
                    .into()
            }
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        self.parameters.as_ref().map(|_| "the same query to the last byte would have found it".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_that_differ_are_named_and_not_shown() {
        let of = |key: &str, near: Option<&str>| Missing::of(key, near).because().into_owned();
        assert_eq!(of("http://a/x", None), "nothing is stored for its URI");
        for (key, near, expected) in [
            ("http://a/x?v=1&t=5", "http://a/x?v=1&t=6", "differs in `t`"),
            ("http://a/x?v=1", "http://a/x", "differs in `v`"),
            ("http://a/x", "http://a/x?t=1&u=2", "differs in `t`, `u`"),
            ("http://a/x?a=1&b=2", "http://a/x?b=2&a=1", "the same parameters in another order"),
        ] {
            let told = of(key, Some(near));
            assert!(told.contains(expected), "{told}");
        }
    }
}
