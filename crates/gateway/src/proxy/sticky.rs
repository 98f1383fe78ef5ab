//! Clients that stay with the server that answered them first, by a cookie that nobody else can make.
//!
//! The cookie is a code over the server's name with a key (HMAC-SHA256, RFC 2104): it names no server, and a server
//! that is not of this group is never found by it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue};
use sha2::Sha256;
use wirelight_semantics::{auth, cookie};

/// A shorter key is guessed too easily, in bytes.
pub const KEY_BYTES_MIN: usize = 32;
/// The most cookies that are looked at.
const COOKIES_MAX: usize = 200;

/// How clients stay with a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sticky {
    /// The name of the cookie.
    pub cookie: String,
    /// The key; without one, one is made that ends with the process.
    pub key: Option<Key>,
    /// How long a client stays; until it forgets its cookies, without.
    pub max_age: Option<Duration>,
}

/// A key that lies in a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// The file.
    pub path: PathBuf,
    bytes: Vec<u8>,
}

impl Key {
    /// Reads a key; the error says what is wrong with its file.
    pub fn read(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        match bytes.len() {
            short if short < KEY_BYTES_MIN => Err(format!(
                "{} holds {short} bytes, and a key has at least {KEY_BYTES_MIN}: head -c 32 /dev/urandom makes one",
                path.display()
            )),
            _ => Ok(Self { path: path.to_owned(), bytes }),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The servers of a group, by the values that their cookies have.
pub(crate) struct Tokens {
    cookie: String,
    max_age: Option<Duration>,
    /// In the group's order.
    values: Vec<String>,
}

impl Tokens {
    /// The values for the servers of a group; without a key they are this process's own.
    pub(crate) fn new<'a>(plan: &Sticky, upstream: &str, servers: impl Iterator<Item = &'a str>) -> Self {
        let key = match &plan.key {
            Some(key) => key.bytes.clone(),
            None => {
                let mut key = vec![0; KEY_BYTES_MIN];
                // A system without chance gives every client the same server, and that is still an answer.
                let _ = getrandom::fill(&mut key);
                key
            }
        };
        let value = |server: &str| {
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key of any length will do");
            for part in [upstream, server] {
                mac.update(&(part.len() as u64).to_be_bytes());
                mac.update(part.as_bytes());
            }
            URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
        };
        Self { cookie: plan.cookie.clone(), max_age: plan.max_age, values: servers.map(value).collect() }
    }

    /// The server that a request's cookie belongs to.
    pub(crate) fn server(&self, fields: &HeaderMap) -> Option<usize> {
        let value = cookie::value(fields, &self.cookie, COOKIES_MAX)?;
        let is_same = |known: &String| auth::is_equal(known.as_bytes(), value);
        self.values.iter().position(is_same)
    }

    /// What has a client stay with a server; `secure` says whether it came encrypted.
    pub(crate) fn set_cookie(&self, server: usize, secure: bool) -> Option<HeaderValue> {
        let mut cookie = format!("{}={}; Path=/; HttpOnly; SameSite=Lax", self.cookie, self.values.get(server)?);
        if let Some(max_age) = self.max_age {
            cookie.push_str(&format!("; Max-Age={}", max_age.as_secs()));
        }
        if secure {
            cookie.push_str("; Secure");
        }
        HeaderValue::from_str(&cookie).ok()
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("cookie", &self.cookie).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(key: Option<&[u8]>) -> Sticky {
        let key = key.map(|bytes| Key { path: PathBuf::new(), bytes: bytes.to_vec() });
        Sticky { cookie: "srv".to_owned(), key, max_age: Some(Duration::from_secs(60)) }
    }

    fn fields(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(http::header::COOKIE, HeaderValue::from_str(cookie).unwrap())])
    }

    #[test]
    fn a_cookie_leads_to_its_server_and_a_forged_one_nowhere() {
        let servers = || ["http://a", "http://b"].into_iter();
        let tokens = Tokens::new(&plan(Some(&[7; 32])), "api", servers());
        let set = tokens.set_cookie(1, true).unwrap();
        let set = set.to_str().unwrap();
        let (pair, attributes) = set.split_once("; ").unwrap();
        assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure");
        assert_eq!(tokens.server(&fields(&format!("x=y; {pair}"))), Some(1));
        // Another process with the same key agrees; other keys, groups and servers do not.
        assert_eq!(Tokens::new(&plan(Some(&[7; 32])), "api", servers()).server(&fields(pair)), Some(1));
        assert_eq!(Tokens::new(&plan(Some(&[8; 32])), "api", servers()).server(&fields(pair)), None);
        assert_eq!(Tokens::new(&plan(Some(&[7; 32])), "web", servers()).server(&fields(pair)), None);
        assert_eq!(Tokens::new(&plan(None), "api", servers()).server(&fields(pair)), None);
        for forged in ["srv=", "srv=1", "srv=http://b", &pair[..pair.len() - 1], "other=x"] {
            assert_eq!(tokens.server(&fields(forged)), None, "{forged}");
        }
        assert!(!tokens.set_cookie(0, false).unwrap().to_str().unwrap().contains("Secure"));
        assert!(tokens.set_cookie(2, false).is_none());
    }

    #[test]
    fn a_key_is_long_enough_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert!(Key::read(&path).unwrap_err().contains("cannot be read"));
        std::fs::write(&path, [1; KEY_BYTES_MIN - 1]).unwrap();
        assert!(Key::read(&path).unwrap_err().contains("holds 31 bytes"));
        std::fs::write(&path, [1; KEY_BYTES_MIN]).unwrap();
        assert!(Key::read(&path).is_ok());
    }
}
