//! Authentication: Basic credentials and challenges (RFC 9110, section 11; RFC 7617).
//!
//! No sentence made here ever shows a password.

pub mod digest;

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue, PROXY_AUTHORIZATION};
use http::{HeaderMap, StatusCode};

use crate::decision::{Decision, Rule, Shown};
use crate::{fields, grammar};

/// A user and a password (RFC 7617, section 2).
#[derive(Clone, PartialEq, Eq)]
pub struct Basic {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Basic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Basic").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Basic {
    /// Reads what follows the scheme: base64 of user, colon and password, in UTF-8 (RFC 7617, section 2).
    pub fn parse(token: &[u8]) -> Option<Self> {
        let decoded = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
        let (user, password) = decoded.split_once(':')?;
        let is_control = |text: &str| text.bytes().any(|byte| byte.is_ascii_control());
        if is_control(user) || is_control(password) {
            return None;
        }
        Some(Self { user: user.to_owned(), password: password.to_owned() })
    }

    /// The credentials as the value of `Authorization`, marked as sensitive; `None` if the user holds a colon, which
    /// the scheme cannot say.
    pub fn value(&self) -> Option<HeaderValue> {
        if self.user.contains(':') {
            return None;
        }
        let token = STANDARD.encode(format!("{}:{}", self.user, self.password));
        let mut value = HeaderValue::from_str(&format!("Basic {token}")).expect("base64 is visible ASCII");
        value.set_sensitive(true);
        Some(value)
    }

    /// Whether both are the same user and password, in a time that does not depend on where they differ.
    pub fn matches(&self, user: &str, password: &str) -> bool {
        let user = is_equal(self.user.as_bytes(), user.as_bytes());
        let password = is_equal(self.password.as_bytes(), password.as_bytes());
        user & password
    }
}

/// Whether the bytes are equal, in a time that depends on their lengths only.
pub fn is_equal(left: &[u8], right: &[u8]) -> bool {
    let different = left.iter().zip(right).fold(0, |different, (left, right)| different | (left ^ right));
    std::hint::black_box(different) == 0 && left.len() == right.len()
}

/// Who may ask for credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asker {
    /// The origin server: `Authorization`, 401 (RFC 9110, section 11.6).
    Origin,
    /// A proxy: `Proxy-Authorization`, 407 (RFC 9110, section 11.7).
    Proxy,
}

impl Asker {
    /// The field that carries the credentials.
    pub fn field(self) -> HeaderName {
        match self {
            Self::Origin => AUTHORIZATION,
            Self::Proxy => PROXY_AUTHORIZATION,
        }
    }

    /// The field that carries the challenge.
    pub fn challenge_field(self) -> HeaderName {
        match self {
            Self::Origin => http::header::WWW_AUTHENTICATE,
            Self::Proxy => http::header::PROXY_AUTHENTICATE,
        }
    }

    /// The status of an answer that asks for credentials.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Origin => StatusCode::UNAUTHORIZED,
            Self::Proxy => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Origin => "Authorization",
            Self::Proxy => "Proxy-Authorization",
        }
    }
}

/// Whether a request is authenticated, and why (RFC 9110, section 11.6).
#[derive(Debug, Clone)]
pub struct Judgement {
    /// Who asked.
    pub asker: Asker,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of judging the credentials of a request.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// This user sent the right password.
    Authenticated {
        /// The user.
        user: String,
    },
    /// There are no credentials.
    Missing,
    /// There are credentials more than once, so that nobody can say which count.
    Repeated,
    /// The credentials are of another scheme than Basic.
    OtherScheme(HeaderValue),
    /// The credentials are not base64 of a user, a colon and a password.
    Malformed,
    /// The user is unknown or the password is wrong; which of them is nobody's business.
    Wrong {
        /// The user.
        user: String,
    },
}

/// Judges the Basic credentials of a request; `verify` says whether user and password are right (RFC 7617).
pub fn judge(asker: Asker, request: &HeaderMap, verify: impl FnOnce(&Basic) -> bool) -> Judgement {
    let outcome = match fields::only(request, &asker.field()) {
        Ok(None) => Outcome::Missing,
        Err(fields::Repeated) => Outcome::Repeated,
        Ok(Some(value)) => judge_value(value.as_bytes(), verify),
    };
    Judgement { asker, outcome }
}

fn judge_value(value: &[u8], verify: impl FnOnce(&Basic) -> bool) -> Outcome {
    let value = grammar::trim_ows(value);
    let end = memchr::memchr(b' ', value).unwrap_or(value.len());
    let (scheme, token) = value.split_at(end);
    if !scheme.eq_ignore_ascii_case(b"basic") {
        // What is no scheme may be a password without one, so it is not shown.
        let scheme = if grammar::is_token(scheme) && !token.is_empty() { scheme } else { b"unknown" };
        return Outcome::OtherScheme(HeaderValue::from_bytes(scheme).expect("a token is a field value"));
    }
    match Basic::parse(grammar::trim_ows(token)) {
        None => Outcome::Malformed,
        Some(basic) if verify(&basic) => Outcome::Authenticated { user: basic.user },
        Some(basic) => Outcome::Wrong { user: basic.user },
    }
}

impl Judgement {
    /// The user, if the request is authenticated.
    pub fn user(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Authenticated { user } => Some(user),
            _ => None,
        }
    }
}

/// A challenge for Basic credentials in UTF-8 (RFC 7617, section 2.1); `None` if the realm holds a control character.
pub fn challenge(realm: &str) -> Option<HeaderValue> {
    let realm = grammar::quote(realm)?;
    HeaderValue::from_str(&format!("Basic realm={realm}, charset=\"UTF-8\"")).ok()
}

static CREDENTIALS: Rule = Rule {
    name: "authentication",
    section: "RFC 9110, section 11.6.2; RFC 7617",
    says: "A protected resource is sent only to whoever proves to be a known user.",
};

impl Decision for Judgement {
    fn rule(&self) -> &'static Rule {
        &CREDENTIALS
    }

    fn outcome(&self) -> Cow<'static, str> {
        match (&self.outcome, self.asker) {
            (Outcome::Authenticated { .. }, _) => Cow::Borrowed("authenticated"),
            (_, Asker::Origin) => Cow::Borrowed("401 Unauthorized"),
            (_, Asker::Proxy) => Cow::Borrowed("407 Proxy Authentication Required"),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        let field = self.asker.title();
        Cow::Owned(match &self.outcome {
            Outcome::Authenticated { user } => {
                format!("{field} carries the right password of {}", Shown(user.as_bytes()))
            }
            Outcome::Missing => format!("the request has no {field}"),
            Outcome::Repeated => format!("the request has more than one {field}"),
            Outcome::OtherScheme(scheme) => {
                format!("{field} carries credentials of the scheme {}, not Basic", Shown(scheme.as_bytes()))
            }
            Outcome::Malformed => format!("{field} carries no user, colon and password in base64 and UTF-8"),
            Outcome::Wrong { user } => {
                format!("{field} carries an unknown user or a wrong password for {}", Shown(user.as_bytes()))
            }
        })
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self.outcome {
            Outcome::Authenticated { .. } => None,
            _ => Some(Cow::Owned(format!("one {} with the Basic credentials of a known user", self.asker.title()))),
        }
    }

    fn declines(&self) -> bool {
        self.user().is_none()
    }
}
