//! Saying who we are: Basic, Bearer and Digest (RFC 9110, section 11; RFC 7617; RFC 6750; RFC 7616).

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderValue;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use wirelight_semantics::auth::Basic;
use wirelight_semantics::auth::digest::Challenge;
use wirelight_semantics::uri::Origin;
use wirelight_service::{Request, Response, Result, Service};

use super::redirect::drain;
use super::{Layered, Replay};

/// Says who we are to those who are to know it.
#[derive(Debug, Clone, Default)]
pub struct Authenticate {
    /// Credentials by origin.
    pub of_origins: HashMap<Origin, Credentials>,
    /// Credentials by host, whatever the scheme and port, as netrc has them.
    pub of_hosts: HashMap<String, Credentials>,
    known: Arc<Mutex<HashMap<Origin, (Challenge, u32)>>>,
}

/// Who we are.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// User and password, sent with each request.
    Basic(String, String),
    /// A token, sent with each request.
    Bearer(String),
    /// User and password, proved without being sent.
    Digest(String, String),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Basic(..) => "Basic(..)",
            Self::Bearer(_) => "Bearer(..)",
            Self::Digest(..) => "Digest(..)",
        })
    }
}

impl Authenticate {
    /// Credentials for one origin.
    pub fn to(origin: Origin, credentials: Credentials) -> Self {
        Self { of_origins: HashMap::from([(origin, credentials)]), ..Self::default() }
    }

    /// Credentials by host.
    pub fn to_hosts(of_hosts: HashMap<String, Credentials>) -> Self {
        Self { of_hosts, ..Self::default() }
    }

    /// What a netrc file says: `machine`, `login` and `password`, and `default` as the host `*`.
    pub fn read_netrc(text: &str) -> HashMap<String, Credentials> {
        let mut found = HashMap::new();
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        let mut words = lines.flat_map(str::split_whitespace);
        let (mut machine, mut login) = (None::<String>, String::new());
        while let Some(word) = words.next() {
            match word {
                "machine" => (machine, login) = (words.next().map(str::to_ascii_lowercase), String::new()),
                "default" => (machine, login) = (Some("*".to_owned()), String::new()),
                "login" => login = words.next().unwrap_or_default().to_owned(),
                "password" => {
                    let password = words.next().unwrap_or_default().to_owned();
                    if let Some(machine) = &machine {
                        // The first entry of a machine counts.
                        found.entry(machine.clone()).or_insert_with(|| Credentials::Basic(login.clone(), password));
                    }
                }
                _ => {}
            }
        }
        found
    }

    fn credentials(&self, origin: &Origin) -> Option<&Credentials> {
        let of_host = || self.of_hosts.get(origin.host()).or_else(|| self.of_hosts.get("*"));
        self.of_origins.get(origin).or_else(of_host)
    }

    /// The answer to the challenge that an origin is known to make.
    fn answer(&self, origin: &Origin, user: &str, password: &str, replay: &Replay) -> Option<HeaderValue> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (challenge, count) = known.get_mut(origin)?;
        *count += 1;
        let target = replay.uri.path_and_query().map_or("/", |target| target.as_str());
        challenge.answer(user, password, &replay.method, target, *count, &client_nonce())
    }
}

/// A nonce that nobody foresees: each hasher of the standard library has random keys.
fn client_nonce() -> String {
    format!("{:016x}{:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1))
}

fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl<S: Service> Service for Layered<Authenticate, S> {
    async fn call(&self, mut request: Request) -> Result<Response> {
        let origin = Origin::of(request.uri());
        let credentials = origin.as_ref().and_then(|origin| self.layer.credentials(origin));
        let (Some(origin), Some(credentials)) = (&origin, credentials) else { return self.inner.call(request).await };
        if request.headers().contains_key(AUTHORIZATION) {
            return self.inner.call(request).await;
        }
        let (user, password) = match credentials {
            Credentials::Bearer(token) => {
                request.headers_mut().extend(bearer(token).map(|value| (AUTHORIZATION, value)));
                return self.inner.call(request).await;
            }
            Credentials::Basic(user, password) => {
                let basic = Basic { user: user.clone(), password: password.clone() };
                request.headers_mut().extend(basic.value().map(|value| (AUTHORIZATION, value)));
                return self.inner.call(request).await;
            }
            Credentials::Digest(user, password) => (user, password),
        };
        let replay = Replay::of(&request);
        let answer = self.layer.answer(origin, user, password, &replay);
        let answered_before = answer.is_some();
        request.headers_mut().extend(answer.map(|value| (AUTHORIZATION, value)));
        let response = self.inner.call(request).await?;
        let challenge = Challenge::strongest(response.headers(), &WWW_AUTHENTICATE);
        let Some(challenge) = challenge.filter(|_| response.status() == 401 && replay.is_whole()) else {
            return Ok(response);
        };
        let known = |challenge: &Challenge| {
            let known = self.layer.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(origin).is_some_and(|(known, _)| known.nonce == challenge.nonce)
        };
        if answered_before && !challenge.stale && known(&challenge) {
            return Ok(response);
        }
        self.layer.known.lock().unwrap_or_else(PoisonError::into_inner).insert(origin.clone(), (challenge, 0));
        let Some(answer) = self.layer.answer(origin, user, password, &replay) else { return Ok(response) };
        drain(response.into_body(), 64 * 1024).await;
        let mut again = replay.again();
        again.headers_mut().insert(AUTHORIZATION, answer);
        self.inner.call(again).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netrc_is_read() {
        let text = "machine A.test login me password secret # note\ndefault\n login anyone\n password none\nmachine A.test login other password x";
        let found = Authenticate::read_netrc(text);
        assert_eq!(found["a.test"], Credentials::Basic("me".into(), "secret".into()));
        assert_eq!(found["*"], Credentials::Basic("anyone".into(), "none".into()));
        assert!(!format!("{found:?}").contains("secret"));
    }
}
