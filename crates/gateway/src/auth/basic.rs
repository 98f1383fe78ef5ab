//! Basic credentials (RFC 7617) checked against hashes: beside the reactor, few at a time, and each not too often.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderValue;
use sha2::Sha256;
use tokio::sync::Semaphore;
use wirelight_semantics::auth::{self, Asker, Basic, Judgement, Outcome};
use wirelight_semantics::decision::{Decision, Rule};
use wirelight_semantics::problem::Problem;
use wirelight_service::layer::problem::{Asked, tell};
use wirelight_service::{Clock, Error, Fault, Kind, Request, Response, Result, Service, Trail};

use super::hash::Hash;

/// How long a password that was right is known to be, so that a page of many parts costs one hash.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);
/// How many passwords are remembered.
const REMEMBERED_MAX: usize = 1024;
/// How many requests may wait for their passwords to be checked.
const WAITING_MAX: usize = 256;
/// How long one may wait for that.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Turns to hash: as many as there are cores, whatever asks for them.
static TURNS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(thread::available_parallelism().map_or(1, usize::from)));

/// Who may ask, and as what they are asked to say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What a browser shows above the question for a password.
    pub realm: String,
    /// Who asks: we for ourselves, or as a proxy.
    pub asker: Asker,
    /// The users, each with the hash of its password.
    pub users: Vec<(String, Hash)>,
}

/// Lets only requests with the password of a known user pass.
pub struct RequireBasic<S> {
    challenge: HeaderValue,
    asker: Asker,
    users: Users,
    inner: S,
}

/// Users with what is known of their passwords.
struct Users {
    hashes: HashMap<String, Hash>,
    /// Is checked for users that nobody knows, so that time does not tell who is known.
    decoy: Option<Hash>,
    /// Makes what is remembered worthless elsewhere; nothing is remembered without.
    secret: Option<[u8; 32]>,
    /// The passwords that were right, and until when each is believed.
    remembered: Mutex<HashMap<[u8; 32], Instant>>,
    waiting: AtomicUsize,
    clock: Clock,
}

/// Too many passwords wait to be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Busy {
    /// So many wait already.
    Queue(usize),
    /// Its turn did not come in this time.
    Late(Duration),
}

impl<S> RequireBasic<S> {
    /// A layer around `inner`; a realm that cannot be sent is left out.
    pub fn new(plan: &Plan, clock: Clock, inner: S) -> Self {
        let challenge = auth::challenge(&plan.realm).unwrap_or(HeaderValue::from_static("Basic"));
        let mut secret = [0; 32];
        let secret = getrandom::fill(&mut secret).is_ok().then_some(secret);
        let users = Users {
            hashes: plan.users.iter().cloned().collect(),
            decoy: plan.users.first().map(|(_, hash)| hash.clone()),
            secret,
            remembered: Mutex::default(),
            waiting: AtomicUsize::new(0),
            clock,
        };
        Self { challenge, asker: plan.asker, users, inner }
    }
}

impl<S: Service> Service for RequireBasic<S> {
    async fn call(&self, mut request: Request) -> Result<Response> {
        let trail = Trail::of(&request);
        let mut said = None;
        let mut judged = auth::judge(self.asker, request.headers(), |basic| {
            said = Some(basic.clone());
            true
        });
        if let Some(basic) = said {
            match self.users.are(&basic).await {
                Ok(true) => {}
                Ok(false) => judged.outcome = Outcome::Wrong { user: basic.user },
                Err(busy) => {
                    let error = Error::new(Kind::Overloaded, Fault::Ours, busy.because());
                    trail.note(busy);
                    return Err(error.with_retry_after(Duration::from_secs(1)));
                }
            }
        }
        if judged.user().is_none() {
            return Ok(self.refuse(judged, &request, &trail));
        }
        trail.note(judged);
        if self.asker == Asker::Proxy {
            // It was for us.
            request.headers_mut().remove(self.asker.field());
        }
        self.inner.call(request).await
    }
}

impl<S> RequireBasic<S> {
    fn refuse(&self, judged: Judgement, request: &Request, trail: &Trail) -> Response {
        let mut response = tell(&Problem::because(self.asker.status(), &judged), &Asked::of(request));
        response.headers_mut().insert(self.asker.challenge_field(), self.challenge.clone());
        trail.note(judged);
        response
    }
}

impl Users {
    /// Whether this is a known user with the right password.
    async fn are(&self, basic: &Basic) -> std::result::Result<bool, Busy> {
        let print = self.print(basic);
        if print.is_some_and(|print| self.remembers(&print)) {
            return Ok(true);
        }
        let known = self.hashes.get(&basic.user);
        let Some(hash) = known.or(self.decoy.as_ref()).cloned() else { return Ok(false) };
        let is_known = known.is_some();
        let turn = self.turn().await?;
        let password = basic.password.clone();
        // A thread that panics has verified nothing.
        let is_right = tokio::task::spawn_blocking(move || hash.verify(&password)).await.unwrap_or(false);
        drop(turn);
        let is_right = is_right & is_known;
        if let (true, Some(print)) = (is_right, print) {
            self.remember(print);
        }
        Ok(is_right)
    }

    /// A turn to hash.
    async fn turn(&self) -> std::result::Result<tokio::sync::SemaphorePermit<'static>, Busy> {
        let waiting = Waiting::join(&self.waiting)?;
        let turn = tokio::select! {
            biased;
            turn = TURNS.acquire() => turn.map_err(|_| Busy::Queue(WAITING_MAX)),
            () = self.clock.sleep(WAIT_MAX) => Err(Busy::Late(WAIT_MAX)),
        };
        drop(waiting);
        turn
    }

    /// What is kept of a password that was right: nothing that could be turned back into it.
    fn print(&self, basic: &Basic) -> Option<[u8; 32]> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret?).expect("a key of any length will do");
        mac.update(&(basic.user.len() as u64).to_be_bytes());
        mac.update(basic.user.as_bytes());
        mac.update(basic.password.as_bytes());
        Some(mac.finalize().into_bytes().into())
    }

    fn remembers(&self, print: &[u8; 32]) -> bool {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.get(print).is_some_and(|until| *until > self.clock.now())
    }

    fn remember(&self, print: [u8; 32]) {
        let now = self.clock.now();
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.retain(|_, until| *until > now);
        }
        if remembered.len() < REMEMBERED_MAX {
            remembered.insert(print, now + REMEMBERED_FOR);
        }
    }
}

/// A place among those who wait; given up when dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn join(waiting: &'a AtomicUsize) -> std::result::Result<Self, Busy> {
        if waiting.fetch_add(1, Relaxed) >= WAITING_MAX {
            waiting.fetch_sub(1, Relaxed);
            return Err(Busy::Queue(WAITING_MAX));
        }
        Ok(Self(waiting))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl<S> fmt::Debug for RequireBasic<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireBasic").field("asker", &self.asker).finish_non_exhaustive()
    }
}

static RULE: Rule = Rule {
    name: "passwords-at-once",
    section: "RFC 9106, section 6",
    says: "A hash that is costly to guess is costly to check, so only so many passwords are checked at a time.",
};

impl Decision for Busy {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        "503 Service Unavailable".into()
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Queue(waiting) => format!("{waiting} passwords wait to be checked already").into(),
            Self::Late(limit) => format!("its turn to have its password checked did not come in {limit:?}").into(),
        }
    }

    fn declines(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use http::header;
    use wirelight_service::Body;

    use super::*;

    /// Of the password `U*U`, at the least cost there is.
    const HASH: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

    fn guarded(asker: Asker) -> impl Service {
        async fn inside(request: Request) -> Result<Response> {
            assert!(!request.headers().contains_key(header::PROXY_AUTHORIZATION));
            Ok(Response::default())
        }
        let users = vec![("anna".to_owned(), Hash::parse(HASH).unwrap())];
        RequireBasic::new(&Plan { realm: "staff \"1\"".to_owned(), asker, users }, Clock::system(), inside)
    }

    async fn asked(service: &impl Service, asker: Asker, user: &str, password: &str) -> Response {
        let mut request = Request::new(Body::empty());
        let basic = Basic { user: user.to_owned(), password: password.to_owned() };
        request.headers_mut().insert(asker.field(), basic.value().unwrap());
        service.call(request).await.unwrap()
    }

    #[tokio::test]
    async fn only_a_known_user_with_the_right_password_passes() {
        for asker in [Asker::Origin, Asker::Proxy] {
            let service = guarded(asker);
            for (user, password, passes) in
                [("anna", "U*U", true), ("anna", "U*U", true), ("anna", "U*V", false), ("bob", "U*U", false)]
            {
                let answer = asked(&service, asker, user, password).await;
                let expected = if passes { http::StatusCode::OK } else { asker.status() };
                assert_eq!(answer.status(), expected, "{user} {password}");
                let challenge = answer.headers().get(asker.challenge_field());
                assert_eq!(challenge.is_some(), !passes);
                if let Some(challenge) = challenge {
                    assert_eq!(challenge, r#"Basic realm="staff \"1\"", charset="UTF-8""#);
                }
            }
        }
    }

    #[tokio::test]
    async fn what_was_right_is_believed_for_a_while_without_being_kept() {
        let clock = Clock::manual(std::time::SystemTime::UNIX_EPOCH);
        let users = vec![("anna".to_owned(), Hash::parse(HASH).unwrap())];
        let plan = Plan { realm: String::new(), asker: Asker::Origin, users };
        async fn inside(_: Request) -> Result<Response> {
            Ok(Response::default())
        }
        let layer = RequireBasic::new(&plan, clock.clone(), inside);
        let anna = Basic { user: "anna".to_owned(), password: "U*U".to_owned() };
        assert_eq!(layer.users.are(&anna).await, Ok(true));
        let print = layer.users.print(&anna).unwrap();
        assert!(layer.users.remembers(&print));
        let other = Basic { user: "ann".to_owned(), password: "aU*U".to_owned() };
        assert_ne!(layer.users.print(&other), Some(print));
        clock.advance(REMEMBERED_FOR);
        assert!(!layer.users.remembers(&print));
    }
}
