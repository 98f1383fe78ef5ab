//! Keeping away from a server for as long as it asks to (RFC 9110, section 10.2.3; the RateLimit fields for HTTP).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use wirelight_semantics::decision::{Decision, Rule};
use wirelight_semantics::uri::Origin;
use wirelight_semantics::{date, fields, grammar};
use wirelight_service::{Clock, Fault, Kind, Request, Response, Result, Service, Trail};

use super::Layered;
use crate::error::{Phase, fail};

/// Holds requests back while their origin wants none: after a 429 or 503 with Retry-After, and when a quota is used up.
#[derive(Debug, Clone)]
pub struct RateLimits {
    /// The longest wait; what would have to wait longer fails at once.
    pub wait_max: Duration,
    /// Of how many origins it is remembered.
    pub origins_max: usize,
    clock: Clock,
    held: Arc<Mutex<HashMap<Origin, (Instant, Asks)>>>,
}

impl Default for RateLimits {
    /// At most half a minute.
    fn default() -> Self {
        Self::new(Duration::from_secs(30), Clock::system())
    }
}

/// In what words a server asks for a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// Retry-After, with this status.
    RetryAfter(StatusCode),
    /// `RateLimit` with nothing remaining.
    RateLimit,
    /// `RateLimit-Remaining: 0`, with or without an `X-` before it.
    Remaining,
}

/// Whether a request is held back, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pace {
    /// It waits.
    Held {
        /// How long.
        wait: Duration,
        /// What its origin said.
        asks: Asks,
    },
    /// It is not sent.
    TooLong {
        /// How long it would have to wait.
        wait: Duration,
        /// What its origin said.
        asks: Asks,
    },
}

static RATE: Rule = Rule {
    name: "rate-limit",
    section: "RFC 9110, section 10.2.3",
    says: "A server says how long a client ought to wait before its next request.",
};

impl Decision for Pace {
    fn rule(&self) -> &'static Rule {
        &RATE
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Held { wait, .. } => format!("held back for {wait:.1?}").into(),
            Self::TooLong { .. } => "not sent".into(),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        let (Self::Held { wait, asks } | Self::TooLong { wait, asks }) = self;
        let said = match asks {
            Asks::RetryAfter(status) => format!("it answered {} with Retry-After", status.as_u16()),
            Asks::RateLimit => "its RateLimit says that nothing remains".to_owned(),
            Asks::Remaining => "it says that no request remains".to_owned(),
        };
        format!("the origin wants no request for {wait:.1?} more: {said}").into()
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Held { .. } => None,
            Self::TooLong { .. } => Some("a longer `wait_max` would have waited".into()),
        }
    }

    fn declines(&self) -> bool {
        matches!(self, Self::TooLong { .. })
    }
}

impl RateLimits {
    /// Limits that wait at most so long, by this clock.
    pub fn new(wait_max: Duration, clock: Clock) -> Self {
        Self { wait_max, origins_max: 1024, clock, held: Arc::default() }
    }

    /// The same, by another clock.
    pub(crate) fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Whether a request to an origin is held back now.
    fn judge(&self, origin: &Origin) -> Option<Pace> {
        let now = self.clock.now();
        let mut held = self.lock();
        let (until, asks) = *held.get(origin)?;
        let wait = until.saturating_duration_since(now);
        if wait.is_zero() {
            held.remove(origin);
            return None;
        }
        Some(if wait > self.wait_max { Pace::TooLong { wait, asks } } else { Pace::Held { wait, asks } })
    }

    /// Remembers what a response asks for.
    fn hear(&self, origin: &Origin, response: &Response) {
        let Some((pause, asks)) = pause(response.status(), response.headers(), self.clock.wall()) else { return };
        let now = self.clock.now();
        let mut held = self.lock();
        if held.len() >= self.origins_max && !held.contains_key(origin) {
            held.retain(|_, (until, _)| *until > now);
            if held.len() >= self.origins_max {
                return;
            }
        }
        held.insert(origin.clone(), (now + pause, asks));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Origin, (Instant, Asks)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a server wants no further request, by what its response says; `None` if it says nothing of the kind.
pub fn pause(status: StatusCode, response: &HeaderMap, wall: SystemTime) -> Option<(Duration, Asks)> {
    let retry_after = response.get(RETRY_AFTER).filter(|_| matches!(status.as_u16(), 429 | 503)).and_then(|value| {
        seconds(value.as_bytes())
            .or_else(|| Some(date::parse(value.as_bytes())?.duration_since(wall).unwrap_or_default()))
    });
    let named = [
        (retry_after, Asks::RetryAfter(status)),
        (used_up(response), Asks::RateLimit),
        (remaining(response, "ratelimit-", wall), Asks::Remaining),
        (remaining(response, "x-ratelimit-", wall), Asks::Remaining),
    ];
    let asked = named.into_iter().filter_map(|(pause, asks)| Some((pause.filter(|pause| !pause.is_zero())?, asks)));
    asked.max_by_key(|(pause, _)| *pause)
}

/// The longest time after which a used-up quota of `RateLimit` is renewed: `"name";r=0;t=30` (the draft's eighth and
/// later) or `limit=10, remaining=0, reset=30` (its seventh).
fn used_up(response: &HeaderMap) -> Option<Duration> {
    let name = http::HeaderName::from_static("ratelimit");
    let of = |text: &[u8], wanted: &str| {
        let (name, value) = std::str::from_utf8(text).ok()?.split_once('=')?;
        if name.trim() == wanted { seconds(value.as_bytes()) } else { None }
    };
    let policies = fields::list(response, &name).filter_map(|policy| {
        let parameters = || grammar::split(policy, b';');
        let left = parameters().find_map(|parameter| of(parameter, "r"))?;
        left.is_zero().then(|| parameters().find_map(|parameter| of(parameter, "t")))?
    });
    let members = || fields::list(response, &name);
    let flat = members()
        .find_map(|member| of(member, "remaining"))
        .filter(Duration::is_zero)
        .and_then(|_| members().find_map(|member| of(member, "reset")));
    policies.chain(flat).max()
}

/// When the fields that came before `RateLimit` say that a used-up quota is renewed. GitHub's `X-RateLimit-Reset` is a
/// time of day, others' a number of seconds: no quota lasts for thirty years.
fn remaining(response: &HeaderMap, prefix: &str, wall: SystemTime) -> Option<Duration> {
    let field = |name: &str| seconds(response.get(format!("{prefix}{name}"))?.as_bytes());
    field("remaining").filter(Duration::is_zero)?;
    let reset = field("reset")?;
    if reset.as_secs() > 1_000_000_000 {
        return Some((UNIX_EPOCH + reset).duration_since(wall).unwrap_or_default());
    }
    Some(reset)
}

fn seconds(value: &[u8]) -> Option<Duration> {
    std::str::from_utf8(value).ok()?.trim().parse::<u32>().ok().map(|seconds| Duration::from_secs(seconds.into()))
}

impl<S: Service> Service for Layered<RateLimits, S> {
    async fn call(&self, request: Request) -> Result<Response> {
        let limits = &self.layer;
        let Some(origin) = Origin::of(request.uri()) else { return self.inner.call(request).await };
        let trail = Trail::of(&request);
        // Whoever waited with others may find that one of them was told to wait on.
        while let Some(pace) = limits.judge(&origin) {
            trail.note(pace.clone());
            match pace {
                Pace::Held { wait, .. } => limits.clock.sleep(wait).await,
                Pace::TooLong { wait, .. } => {
                    let error = fail(Phase::Queue, Kind::Overloaded, Fault::Upstream, pace.because().into_owned());
                    return Err(error.with_retry_after(wait));
                }
            }
        }
        let response = self.inner.call(request).await?;
        limits.hear(&origin, &response);
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn each_way_to_ask_for_a_pause_is_read() {
        type Head = &'static [(&'static str, &'static str)];
        let table: [(u16, Head, Option<u64>); 19] = [
            (200, &[], None),
            (429, &[], None),
            (429, &[("retry-after", "7")], Some(7)),
            (503, &[("retry-after", "Thu, 01 Jan 1970 00:16:49 GMT")], Some(9)),
            (503, &[("retry-after", "Thu, 01 Jan 1970 00:00:09 GMT")], None),
            (503, &[("retry-after", "soon")], None),
            (301, &[("retry-after", "7")], None),
            (200, &[("ratelimit", "\"default\";r=0;t=30")], Some(30)),
            (200, &[("ratelimit", "\"default\";r=1;t=30")], None),
            (200, &[("ratelimit", "\"a\";r=5;t=90, \"b\"; t=20; r=0")], Some(20)),
            (200, &[("ratelimit", "\"a\";r=0;t=10"), ("ratelimit", "\"b\";r=0;t=20")], Some(20)),
            (200, &[("ratelimit", "\"a;r=0;t=10\";r=5;t=9")], None),
            (200, &[("ratelimit", "\"a\";r=0")], None),
            (200, &[("ratelimit", "limit=10, remaining=0, reset=12")], Some(12)),
            (200, &[("ratelimit", "limit=10, remaining=3, reset=12")], None),
            (200, &[("ratelimit-remaining", "0"), ("ratelimit-reset", "15")], Some(15)),
            (200, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "15")], Some(15)),
            (200, &[("x-ratelimit-remaining", "2"), ("x-ratelimit-reset", "15")], None),
            (429, &[("retry-after", "7"), ("ratelimit", "\"a\";r=0;t=30")], Some(30)),
        ];
        let wall = UNIX_EPOCH + Duration::from_secs(1000);
        for (status, head, expected) in table {
            let mut fields = HeaderMap::new();
            for (name, value) in head {
                fields.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            let asked = pause(StatusCode::from_u16(status).unwrap(), &fields, wall).map(|(pause, _)| pause.as_secs());
            assert_eq!(asked, expected, "{status} {head:?}");
        }
        let fields = HeaderMap::from_iter([
            (HeaderName::from_static("x-ratelimit-remaining"), HeaderValue::from_static("0")),
            (HeaderName::from_static("x-ratelimit-reset"), HeaderValue::from_static("2000000005")),
        ]);
        let wall = UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        assert_eq!(pause(StatusCode::OK, &fields, wall).unwrap().0, Duration::from_secs(5), "a time of day");
    }
}
