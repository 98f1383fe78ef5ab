//! What is no longer used after an unsafe method succeeded (RFC 9111, section 4.4).

use std::borrow::Cow;

use http::header::{CONTENT_LOCATION, LOCATION};
use http::{HeaderMap, Method, StatusCode, Uri};

use super::key;
use super::rules::INVALIDATION;
use crate::decision::{Decision, Rule};
use crate::method::is_safe;
use crate::redirect;
use crate::uri::Origin;

/// What an answer makes invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invalidation {
    /// Nothing: the method asks for no change.
    Safe(Method),
    /// Nothing: the request failed.
    Failed(StatusCode),
    /// What is stored under these keys.
    Keys {
        /// The method that changed something.
        method: Method,
        /// The key of the target, and those of Location and Content-Location where they are of the same origin.
        keys: Vec<String>,
    },
}

/// Judges what the answer to a request makes invalid.
pub fn judge(method: &Method, target: &Uri, status: StatusCode, response: &HeaderMap) -> Invalidation {
    if is_safe(method) {
        return Invalidation::Safe(method.clone());
    }
    if !status.is_success() && !status.is_redirection() {
        return Invalidation::Failed(status);
    }
    let origin = Origin::of(target);
    let named = [LOCATION, CONTENT_LOCATION].into_iter().filter_map(|name| {
        let uri = redirect::resolve(target, response.get(name)?.as_bytes())?;
        // Another origin's would let anybody empty the caches of anybody.
        (Origin::of(&uri) == origin).then(|| key::primary(&uri)).flatten()
    });
    let mut keys: Vec<String> = key::primary(target).into_iter().collect();
    for key in named {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    Invalidation::Keys { method: method.clone(), keys }
}

impl Decision for Invalidation {
    fn rule(&self) -> &'static Rule {
        &INVALIDATION
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Safe(_) | Self::Failed(_) => "what is stored stays",
            Self::Keys { .. } => "what is stored is no longer used",
        }
        .into()
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Safe(method) => format!("{method} asks for no change").into(),
            Self::Failed(status) => format!("the request failed with {}", status.as_u16()).into(),
            Self::Keys { method, keys } => format!("{method} may have changed {}", keys.join(" and ")).into(),
        }
    }
}
