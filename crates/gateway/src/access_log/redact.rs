//! What must not get into a log: credentials in targets, in references and in fields.

use std::borrow::Cow;

use http::HeaderValue;
use http::header::{
    AUTHORIZATION, COOKIE, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, SET_COOKIE, WWW_AUTHENTICATE,
};
use memchr::{memchr, memchr2, memmem};

/// What stands in the place of a secret.
pub const MASK: &str = "***";

/// Fields whose values are never shown.
const FIELDS: [HeaderName; 6] =
    [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, SET_COOKIE, WWW_AUTHENTICATE, PROXY_AUTHENTICATE];

/// Which parameters of a query, and which fields, are secrets.
///
/// Names are compared in lower case and without anything but letters and digits: `X-Amz-Signature`, `access_token` and
/// `accessToken` end in `signature` and `token`.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// Names that end like this are names of secrets.
    pub endings: Vec<String>,
    /// Names that are this are names of secrets.
    pub names: Vec<String>,
}

impl Default for Secrets {
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            endings: owned(&[
                "token",
                "key",
                "secret",
                "password",
                "passwd",
                "passphrase",
                "signature",
                "credential",
                "credentials",
                "authorization",
                "sessionid",
                "jwt",
            ]),
            names: owned(&["pwd", "pass", "pw", "sig", "auth", "session", "sid", "code", "otp", "pin", "assertion"]),
        }
    }
}

impl Secrets {
    /// A target or a reference with the userinfo of its authority and the secrets of its query masked.
    pub fn mask_target<'a>(&self, target: &'a [u8]) -> Cow<'a, [u8]> {
        if memchr2(b'?', b'@', target).is_none() {
            return Cow::Borrowed(target);
        }
        let mut masked = mask_userinfo(target);
        if let Some(question) = memchr(b'?', &masked)
            && let Some(query) = self.mask_query(&masked[question + 1..])
        {
            masked = Cow::Owned([&masked[..=question], &query[..]].concat());
        }
        masked
    }

    /// The query with its secrets masked; `None` if it holds none.
    fn mask_query(&self, query: &[u8]) -> Option<Vec<u8>> {
        let mut masked = Vec::with_capacity(query.len());
        let mut found = false;
        let mut rest = query;
        loop {
            let end = memchr2(b'&', b';', rest).unwrap_or(rest.len());
            let pair = &rest[..end];
            match memchr(b'=', pair) {
                Some(equals) if equals + 1 < pair.len() && self.is_secret(&pair[..equals]) => {
                    masked.extend_from_slice(&pair[..=equals]);
                    masked.extend_from_slice(MASK.as_bytes());
                    found = true;
                }
                _ => masked.extend_from_slice(pair),
            }
            let Some(delimiter) = rest.get(end) else { break };
            masked.push(*delimiter);
            rest = &rest[end + 1..];
        }
        found.then_some(masked)
    }

    /// Whether something of this name is a secret; the name may be percent-encoded.
    fn is_secret(&self, name: &[u8]) -> bool {
        let plain: String = percent_encoding::percent_decode(name)
            .filter(u8::is_ascii_alphanumeric)
            .map(|byte| char::from(byte.to_ascii_lowercase()))
            .collect();
        self.names.contains(&plain) || self.endings.iter().any(|ending| plain.ends_with(&**ending))
    }

    /// A field's value, or the mask.
    pub fn mask_field<'a>(&self, name: &HeaderName, value: &'a HeaderValue) -> Cow<'a, [u8]> {
        if value.is_sensitive() || FIELDS.contains(name) || self.is_secret(name.as_str().as_bytes()) {
            return Cow::Borrowed(MASK.as_bytes());
        }
        // Whatever has a query may have secrets in it: Referer, Location, Link.
        self.mask_target(value.as_bytes())
    }
}

/// Masks what stands before the `@` of an authority.
fn mask_userinfo(target: &[u8]) -> Cow<'_, [u8]> {
    let Some(start) = memmem::find(target, b"//").map(|slashes| slashes + 2) else {
        return Cow::Borrowed(target);
    };
    let authority = &target[start..];
    let authority =
        &authority[..authority.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(authority.len())];
    match memchr::memrchr(b'@', authority) {
        Some(at) => Cow::Owned([&target[..start], MASK.as_bytes(), &target[start + at..]].concat()),
        None => Cow::Borrowed(target),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_nothing_else() {
        for (target, expected) in [
            ("/?access_token=SECRET", "/?access_token=***"),
            ("/a?b=c&Token=SECRET&d=e", "/a?b=c&Token=***&d=e"),
            ("/?X-Amz-Signature=SECRET;api%5Fkey=SECRET", "/?X-Amz-Signature=***;api%5Fkey=***"),
            ("/?to%6ben=SECRET", "/?to%6ben=***"),
            ("/?accessToken=SECRET#t", "/?accessToken=***"),
            ("/?code=SECRET&encode=x&pass=SECRET&compass=n", "/?code=***&encode=x&pass=***&compass=n"),
            ("/?token=&token", "/?token=&token"),
            ("/?q=a=b", "/?q=a=b"),
            ("/token=x", "/token=x"),
            ("http://u:SECRET@h/", "http://***@h/"),
            ("https://SECRET@h:8080/p?key=SECRET", "https://***@h:8080/p?key=***"),
            ("http://a@b@h", "http://***@h"),
            ("http://h/a@b", "http://h/a@b"),
            ("/plain", "/plain"),
            ("", ""),
        ] {
            let masked = Secrets::default().mask_target(target.as_bytes()).into_owned();
            assert_eq!(String::from_utf8(masked).unwrap(), expected, "{target}");
        }
    }

    #[test]
    fn fields_that_carry_credentials_are_masked() {
        for (name, value, expected) in [
            ("authorization", "Bearer SECRET", "***"),
            ("cookie", "a=SECRET", "***"),
            ("set-cookie", "a=SECRET", "***"),
            ("x-api-key", "SECRET", "***"),
            ("x-auth-token", "SECRET", "***"),
            ("location", "/back?code=SECRET", "/back?code=***"),
            ("accept", "text/html", "text/html"),
        ] {
            let (name, value) = (name.parse().unwrap(), value.parse().unwrap());
            let masked = Secrets::default().mask_field(&name, &value).into_owned();
            assert_eq!(String::from_utf8(masked).unwrap(), expected, "{name}");
        }
    }
}
