//! Trying again what may be tried again.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, Method, StatusCode, header};
use wirelight_semantics::decision::{Decision, Rule};
use wirelight_semantics::{date, method};
use wirelight_service::{Clock, Error, Kind, Request, Response, Result, Service, Trail};

use super::redirect::drain;
use super::{Layered, Replay};
use crate::error::Phase;

/// Sends a request again after a passing failure: with an idempotent method, or an Idempotency-Key.
#[derive(Clone)]
pub struct Retry {
    /// How often it is sent again.
    pub retries_max: u32,
    /// How long is waited before the second attempt; each further wait is twice as long.
    pub wait: Duration,
    /// The longest wait; a server that asks for a longer one (Retry-After) is not asked again.
    pub wait_max: Duration,
    /// Gives numbers from 0 to 1: waits are spread by them, so that clients do not come back all at once.
    pub chance: Arc<dyn Fn() -> f64 + Send + Sync>,
    /// Tells the time.
    pub clock: Clock,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            retries_max: 3,
            wait: Duration::from_millis(500),
            wait_max: Duration::from_secs(60),
            chance: Arc::new(chance),
            clock: Clock::system(),
        }
    }
}

/// A number from 0 to 1 that nobody foresees.
fn chance() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    (RandomState::new().hash_one(0) >> 11) as f64 / (1u64 << 53) as f64
}

impl std::fmt::Debug for Retry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Retry")
            .field("retries_max", &self.retries_max)
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}

/// Whether a request is sent again, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// After a wait.
    Again {
        /// How long.
        wait: Duration,
        /// What went wrong.
        after: String,
        /// Which attempt comes next, from 2.
        attempt: u32,
    },
    /// There is nothing to be mended by trying again.
    Settled,
    /// It might be done twice.
    Unsafe(Method),
    /// It was sent often enough.
    Enough(u32),
    /// The server asks for a longer wait than we are willing to take.
    TooLong(Duration),
    /// Its content can only be read once.
    Spent,
}

static RETRY: Rule = Rule {
    name: "retry",
    section: "RFC 9110, section 9.2.2",
    says: "A request is sent again only if doing it twice does no more than doing it once.",
};

impl Decision for Judgement {
    fn rule(&self) -> &'static Rule {
        &RETRY
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Again { wait, .. } => format!("tried again after {wait:.1?}").into(),
            _ => "not tried again".into(),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Again { after, attempt, .. } => format!("{after}; attempt {attempt} may succeed").into(),
            Self::Settled => "trying again would change nothing".into(),
            Self::Unsafe(method) => format!("{method} might be done twice").into(),
            Self::Enough(attempts) => format!("it was sent {attempts} times").into(),
            Self::TooLong(wait) => format!("the server asks for a wait of {wait:?}").into(),
            Self::Spent => "its content can only be read once".into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Unsafe(_) => Some("an Idempotency-Key would have said that it is done once".into()),
            Self::Enough(_) => Some("a higher `retries_max` would have tried on".into()),
            Self::TooLong(_) => Some("a longer `wait_max` would have waited".into()),
            _ => None,
        }
    }

    fn declines(&self) -> bool {
        !matches!(self, Self::Again { .. } | Self::Settled)
    }
}

impl Retry {
    /// Judges what came of attempt number `attempt`, from 1.
    fn judge(&self, replay: &Replay, outcome: &Result<Response>, attempt: u32, wall: SystemTime) -> Judgement {
        let (after, asked_for) = match outcome {
            Ok(response) if is_passing(response.status()) => {
                (format!("the server answered {}", response.status().as_u16()), retry_after(response.headers(), wall))
            }
            Err(error) if is_mendable(error) => (error.to_string(), error.retry_after()),
            _ => return Judgement::Settled,
        };
        if !method::is_idempotent(&replay.method) && !replay.headers.contains_key("idempotency-key") {
            return Judgement::Unsafe(replay.method.clone());
        }
        if attempt > self.retries_max {
            return Judgement::Enough(attempt);
        }
        if !replay.is_whole() {
            return Judgement::Spent;
        }
        let doubled = self.wait.saturating_mul(1 << (attempt - 1).min(16)).min(self.wait_max);
        let jittered = doubled.mul_f64(0.5 + 0.5 * (self.chance)().clamp(0.0, 1.0));
        match asked_for {
            Some(asked_for) if asked_for > self.wait_max => Judgement::TooLong(asked_for),
            asked_for => {
                let wait = asked_for.map_or(jittered, |asked_for| asked_for.max(jittered));
                Judgement::Again { wait, after, attempt: attempt + 1 }
            }
        }
    }
}

fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// Whether a failure may be gone the next time.
fn is_mendable(error: &Error) -> bool {
    let certificate_failed = Phase::of(error) == Phase::Secure && error.kind() != Kind::Timeout;
    matches!(error.kind(), Kind::Timeout | Kind::Gone | Kind::Unreachable | Kind::Overloaded) && !certificate_failed
}

fn retry_after(headers: &HeaderMap, wall: SystemTime) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?;
    let seconds = value.to_str().ok().and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    seconds.or_else(|| Some(date::parse(value.as_bytes())?.duration_since(wall).unwrap_or_default()))
}

impl<S: Service> Service for Layered<Retry, S> {
    async fn call(&self, request: Request) -> Result<Response> {
        let Retry { clock, retries_max, .. } = &self.layer;
        if *retries_max == 0 {
            return self.inner.call(request).await;
        }
        let trail = Trail::of(&request);
        let replay = Replay::of(&request);
        let mut request = request;
        let mut attempt = 1;
        loop {
            let outcome = self.inner.call(request).await;
            let judgement = self.layer.judge(&replay, &outcome, attempt, clock.wall());
            if judgement == Judgement::Settled {
                return outcome;
            }
            trail.note(judgement.clone());
            let Judgement::Again { wait, .. } = judgement else { return outcome };
            if let Ok(response) = outcome {
                drain(response.into_body(), 64 * 1024).await;
            }
            clock.sleep(wait).await;
            attempt += 1;
            request = replay.again();
        }
    }
}

#[cfg(test)]
mod tests {
    use wirelight_service::{Body, Fault};

    use super::*;

    #[test]
    fn each_outcome_has_its_judgement() {
        let retry = Retry { chance: Arc::new(|| 1.0), ..Retry::default() };
        let answered = |status: u16, after: Option<&'static str>| {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response.headers_mut().extend(after.map(|after| (header::RETRY_AFTER, after.parse().unwrap())));
            Ok(response)
        };
        let gone = || Err(Error::new(Kind::Gone, Fault::Upstream, "it went away"));
        let table: [(&str, bool, Result<Response>, u32, &str); 11] = [
            ("GET", false, answered(200, None), 1, "not tried again"),
            ("GET", false, answered(404, None), 1, "not tried again"),
            ("GET", false, answered(503, None), 1, "tried again after 500.0ms"),
            ("GET", false, answered(503, None), 2, "tried again after 1.0s"),
            ("GET", false, answered(503, Some("7")), 1, "tried again after 7.0s"),
            ("GET", false, answered(503, Some("Thu, 01 Jan 1970 00:00:09 GMT")), 1, "tried again after 9.0s"),
            ("GET", false, answered(503, Some("3600")), 1, "not tried again"),
            ("GET", false, gone(), 4, "not tried again"),
            ("POST", false, gone(), 1, "not tried again"),
            ("POST", true, gone(), 1, "tried again after 500.0ms"),
            ("DELETE", false, gone(), 3, "tried again after 2.0s"),
        ];
        for (method, key, outcome, attempt, expected) in table {
            let mut request = Request::new(Body::empty());
            *request.method_mut() = method.parse().unwrap();
            if key {
                request.headers_mut().insert("idempotency-key", "\"1\"".parse().unwrap());
            }
            let judgement = retry.judge(&Replay::of(&request), &outcome, attempt, SystemTime::UNIX_EPOCH);
            assert_eq!(judgement.outcome(), expected, "{method} {judgement:?}");
        }
    }
}
