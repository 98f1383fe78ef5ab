//! Digest authentication, the client's side (RFC 7616).

use std::fmt::Write as _;

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use md5::Md5;
use sha2::{Digest as _, Sha256};

use crate::grammar;

/// How a digest is made (RFC 7616, section 3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// MD5, which old servers ask for.
    Md5,
    /// SHA-256.
    Sha256,
}

/// What a server asks for (RFC 7616, section 3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// What the credentials are for.
    pub realm: String,
    /// What goes into the digest, chosen by the server.
    pub nonce: String,
    /// What is sent back as it is.
    pub opaque: Option<String>,
    /// How the digest is made.
    pub algorithm: Algorithm,
    /// Whether the session's own nonce goes into the secret (`-sess`).
    pub session: bool,
    /// Whether the server knows `qop=auth`; without, it speaks RFC 2069.
    pub qop: bool,
    /// Whether only the nonce was too old, so that the credentials may be right.
    pub stale: bool,
}

impl Challenge {
    /// The strongest challenge that can be answered among those that `field` holds.
    pub fn strongest(headers: &HeaderMap, field: &HeaderName) -> Option<Self> {
        let values = headers.get_all(field).iter();
        let challenges = values.flat_map(|value| split(value.as_bytes())).filter_map(|text| Self::parse(&text));
        challenges.max_by_key(|challenge| (challenge.algorithm, challenge.qop))
    }

    fn parse(challenge: &[(String, String)]) -> Option<Self> {
        let value = |name: &str| challenge.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let algorithm = value("algorithm").unwrap_or_else(|| "MD5".to_owned()).to_ascii_lowercase();
        let (algorithm, session) = match algorithm.strip_suffix("-sess") {
            Some(algorithm) => (algorithm.to_owned(), true),
            None => (algorithm, false),
        };
        let algorithm = match algorithm.as_str() {
            "md5" => Algorithm::Md5,
            "sha-256" => Algorithm::Sha256,
            _ => return None,
        };
        let qop = value("qop");
        let offers_auth =
            qop.as_deref().is_some_and(|qop| qop.split(',').any(|one| one.trim().eq_ignore_ascii_case("auth")));
        if qop.is_some() && !offers_auth {
            return None;
        }
        Some(Self {
            realm: value("realm")?,
            nonce: value("nonce")?,
            opaque: value("opaque"),
            algorithm,
            session,
            qop: offers_auth,
            stale: value("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The value of `Authorization` for a request; `count` is how often the nonce was used, this time included, and
    /// `cnonce` is a nonce of ours. `None` if the user's name cannot be sent.
    pub fn answer(
        &self,
        user: &str,
        password: &str,
        method: &Method,
        target: &str,
        count: u32,
        cnonce: &str,
    ) -> Option<HeaderValue> {
        let hash = |text: &str| self.hash(text);
        let mut secret = hash(&format!("{user}:{}:{password}", self.realm));
        if self.session {
            secret = hash(&format!("{secret}:{}:{cnonce}", self.nonce));
        }
        let asked = hash(&format!("{method}:{target}"));
        let response = match self.qop {
            true => hash(&format!("{secret}:{}:{count:08x}:{cnonce}:auth:{asked}", self.nonce)),
            false => hash(&format!("{secret}:{}:{asked}", self.nonce)),
        };
        let mut value = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\"",
            grammar::quote(user)?,
            grammar::quote(&self.realm)?,
            grammar::quote(&self.nonce)?,
            grammar::quote(target)?,
        );
        let name = match (self.algorithm, self.session) {
            (Algorithm::Md5, false) => "MD5",
            (Algorithm::Md5, true) => "MD5-sess",
            (Algorithm::Sha256, false) => "SHA-256",
            (Algorithm::Sha256, true) => "SHA-256-sess",
        };
        write!(value, ", algorithm={name}").ok()?;
        if self.qop {
            write!(value, ", qop=auth, nc={count:08x}, cnonce={}", grammar::quote(cnonce)?).ok()?;
        } else if self.session {
            write!(value, ", cnonce={}", grammar::quote(cnonce)?).ok()?;
        }
        if let Some(opaque) = &self.opaque {
            write!(value, ", opaque={}", grammar::quote(opaque)?).ok()?;
        }
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    fn hash(&self, text: &str) -> String {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self.algorithm {
            Algorithm::Md5 => hex(&Md5::digest(text)),
            Algorithm::Sha256 => hex(&Sha256::digest(text)),
        }
    }
}

/// The parameters of each Digest challenge in a value, names in lower case (RFC 9110, section 11.6.1).
fn split(value: &[u8]) -> Vec<Vec<(String, String)>> {
    let mut challenges: Vec<Option<Vec<(String, String)>>> = Vec::new();
    for element in grammar::list(value) {
        let Ok(mut element) = std::str::from_utf8(element) else { continue };
        let name = element.split('=').next().unwrap_or_default().trim_end();
        if let Some((scheme, rest)) = name.split_once([' ', '\t']).map(|(scheme, _)| element.split_at(scheme.len())) {
            challenges.push(scheme.eq_ignore_ascii_case("digest").then(Vec::new));
            element = rest.trim_start();
        } else if !element.contains('=') {
            challenges.push(element.eq_ignore_ascii_case("digest").then(Vec::new));
            continue;
        }
        if let Some(Some(challenge)) = challenges.last_mut()
            && let Some((name, value)) = element.split_once('=')
        {
            let value = value.trim();
            let unquoted =
                grammar::unquote(value.as_bytes()).and_then(|value| String::from_utf8(value.into_owned()).ok());
            challenge.push((name.trim().to_ascii_lowercase(), unquoted.unwrap_or_else(|| value.to_owned())));
        }
    }
    challenges.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use http::header::WWW_AUTHENTICATE;

    use super::*;

    /// RFC 7616, section 3.9.1.
    #[test]
    fn the_example_of_the_rfc_holds() {
        let mut headers = HeaderMap::new();
        let rest = "realm=\"http-auth@example.org\", qop=\"auth, auth-int\", nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
        headers.append(WWW_AUTHENTICATE, format!("Digest {rest}, algorithm=MD5").parse().unwrap());
        let md5 = Challenge::strongest(&headers, &WWW_AUTHENTICATE).unwrap();
        headers
            .append(WWW_AUTHENTICATE, format!("Basic realm=\"x\", Digest {rest}, algorithm=SHA-256").parse().unwrap());
        let sha256 = Challenge::strongest(&headers, &WWW_AUTHENTICATE).unwrap();
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        for (challenge, expected) in [
            (md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let value =
                challenge.answer("Mufasa", "Circle of Life", &Method::GET, "/dir/index.html", 1, cnonce).unwrap();
            let text = value.to_str().unwrap();
            assert!(text.contains(&format!("response=\"{expected}\"")), "{text}");
            assert!(text.contains("nc=00000001") && text.contains("qop=auth,"), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_answered_is_passed_over() {
        for value in [
            "Basic realm=\"x\"",
            "Digest realm=\"x\"",
            "Digest realm=\"x\", nonce=\"n\", algorithm=SHA-512",
            "Digest realm=\"x\", nonce=\"n\", qop=\"auth-int\"",
            "Digest",
            "",
        ] {
            let headers = HeaderMap::from_iter([(WWW_AUTHENTICATE, value.parse().unwrap())]);
            assert_eq!(Challenge::strongest(&headers, &WWW_AUTHENTICATE), None, "{value}");
        }
    }
}
