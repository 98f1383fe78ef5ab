//! What a connection remembers of a request until its response has ended, and whether another may follow.

use std::borrow::Cow;

use http::{Method, Version};
use wirelight_semantics::decision::{Decision, Rule};

/// Which rule of RFC 9112, section 6.3, the method of a request holds ready for its response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Any other method: the fields of the response decide.
    Content,
    /// HEAD: the response has no content, whatever its fields say.
    Head,
    /// CONNECT: a 2xx has no content and starts a tunnel.
    Connect,
}

impl Asked {
    pub(super) fn by(method: &Method) -> Self {
        match *method {
            Method::HEAD => Self::Head,
            Method::CONNECT => Self::Connect,
            _ => Self::Content,
        }
    }
}

/// What must be remembered of a request until its response has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exchange {
    pub(super) asked: Asked,
    /// The peer speaks HTTP/1.0: nothing chunked, no interim response.
    pub(super) old: bool,
    /// The request offered another protocol, so 101 may answer it.
    pub(super) upgrade: bool,
    /// The client waits for 100 (Continue), and none of its content has come.
    pub(super) awaits_continue: bool,
    /// The request came with that expectation.
    pub(super) expects_continue: bool,
}

impl Exchange {
    /// What is assumed of a request that could not be read.
    pub(super) const UNKNOWN: Self =
        Self { asked: Asked::Content, old: false, upgrade: false, awaits_continue: false, expects_continue: false };
}

/// The options of a Connection field (RFC 9110, section 7.6.1).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Options {
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    pub(super) upgrade: bool,
}

impl Options {
    /// Notes the options that one field line holds.
    pub(super) fn note(&mut self, value: &[u8]) {
        for option in elements(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            self.upgrade |= option.eq_ignore_ascii_case(b"upgrade");
        }
    }
}

/// The elements of a comma-separated list, trimmed, the empty ones left out (RFC 9110, section 5.6.1).
pub(super) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// Why the connection ends after the exchange that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// The peer sent `Connection: close`.
    PeerAsked,
    /// The peer speaks HTTP/1.0 and did not send `Connection: keep-alive`.
    PeerIsOld,
    /// The application sent `Connection: close`.
    WeAsked,
    /// The end of the content can only be shown by the end of the connection.
    Delimiter,
    /// The connection has carried as many exchanges as it may.
    Exchanges,
    /// We are shutting down.
    ShuttingDown,
    /// The response went out while the client still waits to be told to send its content.
    Expectation,
    /// More content is left unread than is worth reading.
    Unread,
    /// A tunnel was asked for and refused, and what follows may have been meant for it.
    TunnelRefused,
    /// The peer broke a rule, a limit or a deadline.
    Failed,
    /// The exchange was reset.
    Reset,
    /// The peer ended the connection.
    Ended,
}

impl Closing {
    /// Whether the peer's own head ends the connection after this exchange (RFC 9112, section 9.3).
    pub(super) fn by(version: Version, options: Options) -> Option<Self> {
        match version {
            _ if options.close => Some(Self::PeerAsked),
            Version::HTTP_10 if !options.keep_alive => Some(Self::PeerIsOld),
            _ => None,
        }
    }
}

impl Decision for Closing {
    fn rule(&self) -> &'static Rule {
        match self {
            Self::Expectation => &CONTINUE,
            Self::Delimiter => &DELIMITED_BY_CLOSE,
            Self::TunnelRefused => &TUNNEL_REFUSED,
            Self::Unread | Self::Failed | Self::Reset => &TEAR_DOWN,
            _ => &PERSISTENCE,
        }
    }

    fn outcome(&self) -> Cow<'static, str> {
        "the connection closes".into()
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::PeerAsked => "the peer sent Connection: close",
            Self::PeerIsOld => "the peer speaks HTTP/1.0 and did not ask to keep the connection",
            Self::WeAsked => "the application sent Connection: close",
            Self::Delimiter => "the length of the content is not known and the peer cannot read chunks",
            Self::Exchanges => "the connection has carried as many exchanges as it may",
            Self::ShuttingDown => "this side is shutting down",
            Self::Expectation => "the response went out before the client was told to continue",
            Self::Unread => "more content was left unread than the limit for reading it on",
            Self::TunnelRefused => "CONNECT was refused, and what follows may have been meant for the tunnel",
            Self::Failed => "the peer broke the protocol, a limit or a deadline",
            Self::Reset => "the exchange was reset",
            Self::Ended => "the peer ended the connection",
        }
        .into()
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::PeerIsOld => Some("Connection: keep-alive would have kept it".into()),
            Self::Delimiter => Some("a Content-Length would have kept it".into()),
            Self::Exchanges => Some("a higher exchanges_max would have kept it".into()),
            Self::Unread => Some("a higher drain_bytes_max would have kept it".into()),
            _ => None,
        }
    }
}

static PERSISTENCE: Rule = Rule {
    name: "persistence",
    section: "RFC 9112, section 9.3",
    says: "A connection persists unless it is HTTP/1.0 without keep-alive or a message on it says close.",
};
static DELIMITED_BY_CLOSE: Rule = Rule {
    name: "delimited-by-close",
    section: "RFC 9112, section 6.3",
    says: "Content of unknown length that is not chunked ends where the connection ends.",
};
static CONTINUE: Rule = Rule {
    name: "continue",
    section: "RFC 9110, section 10.1.1",
    says: "A client that waits for 100 (Continue) may send its content or not once a final status came.",
};
static TUNNEL_REFUSED: Rule = Rule {
    name: "tunnel-refused",
    section: "RFC 9110, section 9.3.6",
    says: "After a refused CONNECT the bytes that follow cannot be told from those of the tunnel.",
};
static TEAR_DOWN: Rule = Rule {
    name: "tear-down",
    section: "RFC 9112, section 9.6",
    says: "A connection whose next message cannot be found any more is closed.",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persistence_follows_version_and_options() {
        let table: [(&[u8], Version, Option<Closing>); 8] = [
            (b"", Version::HTTP_11, None),
            (b"keep-alive", Version::HTTP_11, None),
            (b"CLOSE", Version::HTTP_11, Some(Closing::PeerAsked)),
            (b"x-foo,\tClose , y", Version::HTTP_11, Some(Closing::PeerAsked)),
            (b"closed, not-close", Version::HTTP_11, None),
            (b"", Version::HTTP_10, Some(Closing::PeerIsOld)),
            (b"Keep-Alive", Version::HTTP_10, None),
            (b"keep-alive, close", Version::HTTP_10, Some(Closing::PeerAsked)),
        ];
        for (value, version, closing) in table {
            let mut options = Options::default();
            options.note(value);
            assert_eq!(Closing::by(version, options), closing, "{version:?} {}", value.escape_ascii());
        }
    }
}
