//! The deadlines of a connection: what is waited for, until when, and what it means when it does not come.

use std::time::{Duration, Instant};

use http::StatusCode;
use wirelight_semantics::decision::Rule;

use super::config::Config;
use crate::ConnectionError;

/// What the peer is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    /// The first byte of a connection.
    FirstByte,
    /// The first byte of another exchange.
    NextHead,
    /// The rest of a head.
    Head,
    /// Content, at some rate.
    Content,
}

impl Awaited {
    fn patience(self, config: &Config) -> Duration {
        match self {
            Self::FirstByte | Self::Head => config.header_timeout,
            Self::NextHead => config.keep_alive_timeout,
            Self::Content if config.content_rate_min == 0 => Duration::ZERO,
            Self::Content => config.content_grace,
        }
    }

    /// What it means that it did not come in time.
    pub(super) fn error(self, config: &Config) -> ConnectionError {
        let seconds = self.patience(config).as_secs_f64();
        let error = match self {
            Self::FirstByte => {
                ConnectionError::silent(&FIRST_BYTE, format!("a new connection said nothing for {seconds} s"))
            }
            Self::NextHead => {
                ConnectionError::silent(&KEEP_ALIVE, format!("no request came for {seconds} s on an idle connection"))
            }
            Self::Head => ConnectionError::new(
                &HEAD,
                StatusCode::REQUEST_TIMEOUT,
                format!("the head did not end {seconds} s after it had begun"),
            ),
            Self::Content => ConnectionError::new(
                &CONTENT,
                StatusCode::REQUEST_TIMEOUT,
                format!("less than {} bytes of content a second came over {seconds} s", config.content_rate_min),
            ),
        };
        error.or(match self {
            Self::FirstByte | Self::Head => "a longer `header_timeout` would have waited on",
            Self::NextHead => "a longer `keep_alive_timeout` would have waited on",
            Self::Content => "a longer `content_grace` or a lower `content_rate_min` would have waited on",
        })
    }
}

/// One deadline at most, and what is waited for.
///
/// It is set when the engine begins to wait and not moved while bytes trickle in, so that it costs nothing a byte.
#[derive(Debug)]
pub(super) struct Timer {
    at: Option<Instant>,
    awaited: Awaited,
    expired: bool,
    /// How much content came since the deadline was set.
    content: u64,
}

impl Timer {
    pub(super) const fn new() -> Self {
        Self { at: None, awaited: Awaited::FirstByte, expired: false, content: 0 }
    }

    #[inline]
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.at
    }

    /// Waits for something from now on, unless that is waited for already.
    #[inline]
    pub(super) fn wait(&mut self, awaited: Awaited, now: Instant, config: &Config) {
        if self.at.is_none() || self.awaited != awaited {
            let patience = awaited.patience(config);
            self.at = if patience.is_zero() { None } else { now.checked_add(patience) };
            self.awaited = awaited;
            self.content = 0;
        }
    }

    /// Waits for nothing.
    #[inline]
    pub(super) fn stop(&mut self) {
        self.at = None;
    }

    /// Counts content towards the rate.
    #[inline]
    pub(super) fn count(&mut self, length: usize) {
        self.content += length as u64;
    }

    /// Looks at the time: content that came fast enough is given another span, anything else has expired.
    pub(super) fn look(&mut self, now: Instant, config: &Config) {
        if self.at.is_none_or(|at| now < at) {
            return;
        }
        self.at = None;
        let fast_enough = f64::from(config.content_rate_min) * config.content_grace.as_secs_f64();
        if self.awaited == Awaited::Content && self.content as f64 >= fast_enough {
            self.wait(Awaited::Content, now, config);
        } else {
            self.expired = true;
        }
    }

    /// What did not come in time, once.
    #[inline]
    pub(super) fn take_expired(&mut self) -> Option<Awaited> {
        std::mem::take(&mut self.expired).then_some(self.awaited)
    }
}

static FIRST_BYTE: Rule = Rule {
    name: "first-byte-timeout",
    section: "RFC 9112, section 9.5",
    says: "A server closes a connection on which nothing comes.",
};
static KEEP_ALIVE: Rule = Rule {
    name: "keep-alive-timeout",
    section: "RFC 9112, section 9.5",
    says: "A server closes a connection that stands idle, at any time.",
};
static HEAD: Rule = Rule {
    name: "header-timeout",
    section: "RFC 9110, section 15.5.9",
    says: "A request that does not come in the time the server waits for it is answered 408.",
};
static CONTENT: Rule = Rule {
    name: "content-rate",
    section: "RFC 9110, section 15.5.9",
    says: "Content that comes more slowly than the server waits for is answered 408.",
};
