//! Whatever a peer does wrong, with the error code that answers it (RFC 9113, sections 5.4 and 7).

use std::borrow::Cow;
use std::fmt;

use wirelight_semantics::decision::{Decision, Rule};

use crate::{ConnectionError, Reason, StreamId};

/// An error code of RST_STREAM and GOAWAY (RFC 9113, section 7).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(pub u32);

impl Code {
    /// Nothing is wrong.
    pub const NO_ERROR: Self = Self(0x0);
    /// A rule of the protocol was broken, and no other code says which.
    pub const PROTOCOL_ERROR: Self = Self(0x1);
    /// This end failed.
    pub const INTERNAL_ERROR: Self = Self(0x2);
    /// More content than the window allowed, or a window that is too large.
    pub const FLOW_CONTROL_ERROR: Self = Self(0x3);
    /// Settings were not acknowledged in time.
    pub const SETTINGS_TIMEOUT: Self = Self(0x4);
    /// A frame arrived on a stream that had ended.
    pub const STREAM_CLOSED: Self = Self(0x5);
    /// A frame has a length that it cannot have.
    pub const FRAME_SIZE_ERROR: Self = Self(0x6);
    /// The stream was refused before anything was processed.
    pub const REFUSED_STREAM: Self = Self(0x7);
    /// The stream is no longer wanted.
    pub const CANCEL: Self = Self(0x8);
    /// The state of the header compression is lost.
    pub const COMPRESSION_ERROR: Self = Self(0x9);
    /// The connection that CONNECT opened broke.
    pub const CONNECT_ERROR: Self = Self(0xa);
    /// The peer does too much of something.
    pub const ENHANCE_YOUR_CALM: Self = Self(0xb);
    /// The transport is not secure enough.
    pub const INADEQUATE_SECURITY: Self = Self(0xc);
    /// The exchange needs HTTP/1.1.
    pub const HTTP_1_1_REQUIRED: Self = Self(0xd);

    /// The name that the RFC gives it.
    pub fn name(self) -> Option<&'static str> {
        const NAMES: [&str; 14] = [
            "NO_ERROR",
            "PROTOCOL_ERROR",
            "INTERNAL_ERROR",
            "FLOW_CONTROL_ERROR",
            "SETTINGS_TIMEOUT",
            "STREAM_CLOSED",
            "FRAME_SIZE_ERROR",
            "REFUSED_STREAM",
            "CANCEL",
            "COMPRESSION_ERROR",
            "CONNECT_ERROR",
            "ENHANCE_YOUR_CALM",
            "INADEQUATE_SECURITY",
            "HTTP_1_1_REQUIRED",
        ];
        NAMES.get(self.0 as usize).copied()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "error {:#x}", self.0),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Code> for Reason {
    fn from(code: Code) -> Self {
        match code {
            Code::CANCEL => Self::Cancelled,
            Code::REFUSED_STREAM => Self::Refused,
            Code::PROTOCOL_ERROR => Self::Malformed,
            Code::INTERNAL_ERROR => Self::Broken,
            Code::ENHANCE_YOUR_CALM => Self::Excessive,
            Code(other) => Self::Code(other),
        }
    }
}

impl From<Reason> for Code {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Cancelled => Self::CANCEL,
            Reason::Refused => Self::REFUSED_STREAM,
            Reason::Malformed => Self::PROTOCOL_ERROR,
            Reason::Broken => Self::INTERNAL_ERROR,
            Reason::Excessive => Self::ENHANCE_YOUR_CALM,
            Reason::Code(code) => Self(code),
        }
    }
}

/// What is over because of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The connection.
    Connection,
    /// This stream.
    Stream(u32),
}

/// A rule that the peer broke, and what that ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is over.
    pub scope: Scope,
    /// The code that says so on the wire.
    pub code: Code,
    /// The rule that was broken.
    pub rule: &'static Rule,
    /// What was seen, in one sentence without a full stop.
    pub because: Cow<'static, str>,
    /// What would have been accepted, where that can be said, in one sentence without a full stop.
    pub otherwise: Option<Cow<'static, str>>,
}

impl Fault {
    /// A fault that ends the connection.
    pub(crate) fn connection(rule: &'static Rule, code: Code, because: impl Into<Cow<'static, str>>) -> Self {
        Self { scope: Scope::Connection, code, rule, because: because.into(), otherwise: None }
    }

    /// A fault that ends one stream.
    pub(crate) fn stream(stream: u32, rule: &'static Rule, code: Code, because: impl Into<Cow<'static, str>>) -> Self {
        Self { scope: Scope::Stream(stream), ..Self::connection(rule, code, because) }
    }

    /// The same, with what would have been accepted.
    pub(crate) fn or(mut self, otherwise: impl Into<Cow<'static, str>>) -> Self {
        self.otherwise = Some(otherwise.into());
        self
    }

    /// The stream that is over, where the connection is not.
    pub fn stream_id(&self) -> Option<StreamId> {
        match self.scope {
            Scope::Connection => None,
            Scope::Stream(stream) => Some(StreamId(stream.into())),
        }
    }
}

impl From<Fault> for ConnectionError {
    fn from(fault: Fault) -> Self {
        Self { otherwise: fault.otherwise, ..Self::silent(fault.rule, fault.because) }
    }
}

impl Decision for Fault {
    fn rule(&self) -> &'static Rule {
        self.rule
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self.scope {
            Scope::Connection => format!("connection closed with {}", self.code).into(),
            Scope::Stream(stream) => format!("stream {stream} reset with {}", self.code).into(),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        self.because.clone()
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        self.otherwise.clone()
    }

    fn declines(&self) -> bool {
        true
    }
}

/// Every frame has a length that its type allows (RFC 9113, section 4.2).
pub static FRAME_SIZE: Rule = Rule {
    name: "h2-frame-size",
    section: "RFC 9113, section 4.2",
    says: "A frame is no longer than the announced maximum and exactly as long as its type requires.",
};

/// Padding is shorter than the frame it is in (RFC 9113, section 6.1).
pub static PADDING: Rule = Rule {
    name: "h2-padding",
    section: "RFC 9113, section 6.1",
    says: "Padding is shorter than the rest of the frame that it pads.",
};

/// Frames of streams name one, frames of the connection name none (RFC 9113, section 5.1.1).
pub static STREAM_IDENTIFIER: Rule = Rule {
    name: "h2-stream-identifier",
    section: "RFC 9113, section 5.1.1",
    says: "A frame names a stream exactly when its type belongs to one, and new streams count upwards in the odd or even numbers of whoever opens them.",
};

/// A stream takes only the frames that its state allows (RFC 9113, section 5.1).
pub static STREAM_STATE: Rule = Rule {
    name: "h2-stream-state",
    section: "RFC 9113, section 5.1",
    says: "A frame on a stream is one that the stream's state allows.",
};

/// Nothing comes between the frames of one header block (RFC 9113, section 6.10).
pub static CONTINUATION: Rule = Rule {
    name: "h2-continuation",
    section: "RFC 9113, section 6.10",
    says: "A header block without its end is followed by CONTINUATION frames of the same stream and by nothing else.",
};

/// A connection begins with the preface and SETTINGS (RFC 9113, section 3.4).
pub static PREFACE: Rule = Rule {
    name: "h2-preface",
    section: "RFC 9113, section 3.4",
    says: "A client begins with the 24 octets of the preface, and either end with a SETTINGS frame.",
};

/// A setting has a value that it may have (RFC 9113, section 6.5.2).
pub static SETTING_VALUE: Rule = Rule {
    name: "h2-setting-value",
    section: "RFC 9113, section 6.5.2",
    says: "A setting has a value within its range.",
};

/// Settings are acknowledged in time (RFC 9113, section 6.5.3).
pub static SETTINGS_ACKNOWLEDGED: Rule = Rule {
    name: "h2-settings-timeout",
    section: "RFC 9113, section 6.5.3",
    says: "SETTINGS are acknowledged as soon as possible, and an acknowledgement answers a SETTINGS frame.",
};

/// Windows are not overrun and do not overflow (RFC 9113, sections 5.2 and 6.9.1).
pub static FLOW_CONTROL: Rule = Rule {
    name: "h2-flow-control",
    section: "RFC 9113, section 6.9.1",
    says: "Content fits the window that was granted, and no window exceeds 2^31-1 octets.",
};

/// A window grows by something (RFC 9113, section 6.9).
pub static WINDOW_INCREMENT: Rule = Rule {
    name: "h2-window-increment",
    section: "RFC 9113, section 6.9",
    says: "A WINDOW_UPDATE adds at least one octet.",
};

/// Pushing is not allowed here (RFC 9113, section 8.4).
pub static PUSH: Rule = Rule {
    name: "h2-push",
    section: "RFC 9113, section 8.4",
    says: "A client never pushes, and a server does not where SETTINGS_ENABLE_PUSH is 0.",
};

/// A header block decodes (RFC 9113, section 4.3).
pub static COMPRESSION: Rule = Rule {
    name: "h2-compression",
    section: "RFC 9113, section 4.3",
    says: "A header block is a valid sequence of field representations; otherwise both tables are lost.",
};

/// Streams are opened within the limit (RFC 9113, section 5.1.2).
pub static CONCURRENCY: Rule = Rule {
    name: "h2-concurrency",
    section: "RFC 9113, section 5.1.2",
    says: "No more streams are open than the other end announced.",
};

/// A priority update names a stream that can be prioritized (RFC 9218, section 7.1).
pub static PRIORITY_UPDATE: Rule = Rule {
    name: "h2-priority-update",
    section: "RFC 9218, section 7.1",
    says: "A client sends PRIORITY_UPDATE on stream 0 about a stream of its own.",
};
