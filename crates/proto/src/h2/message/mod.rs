//! Messages: from fields to heads and trailer sections, and back (RFC 9113, section 8).
//!
//! Nothing gets past here that HTTP/1.1 could not carry: what is malformed ends its stream.

mod read;
mod write;

pub(crate) use read::{Assembly, HeadOfResponse, Known, Limits};
pub(crate) use write::{block, has_trailers, request, request_shape, response, response_shape, trailers};

use http::{HeaderName, header};
use wirelight_semantics::decision::Rule;

use super::fault::{Code, Fault};
use super::hpack::{Defect, Pseudo};

/// Why a message is malformed (RFC 9113, section 8.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// A field is wrong by itself.
    Field(Defect),
    /// A pseudo-header field comes twice.
    Twice(Pseudo),
    /// A pseudo-header field comes behind a regular one.
    Late(Pseudo),
    /// A pseudo-header field that this kind of section does not have.
    Misplaced(Pseudo),
    /// A pseudo-header field that it has to have.
    Missing(Pseudo),
    /// A field that belongs to an HTTP/1.1 connection.
    ConnectionSpecific,
    /// TE other than `trailers`.
    Te,
    /// Content-Length is not one number.
    ContentLength,
    /// The content does not have the length that Content-Length says.
    WrongLength,
    /// `:path` is an asterisk, and the method is not OPTIONS.
    Asterisk,
    /// CONNECT with `:scheme` or `:path`, or without a port.
    Connect,
    /// `:protocol` without CONNECT, or without the setting that allows it.
    Protocol,
    /// Host comes twice, is no host, or differs from `:authority`.
    Host,
    /// A field that cannot stand in a trailer section.
    Trailer,
    /// An interim response that ends its stream, or 101.
    Interim,
    /// A second header section that does not end the stream.
    EndlessTrailers,
    /// Content before a response.
    Headless,
}

impl Malformed {
    pub(crate) fn fault(self, stream: u32) -> Fault {
        let fault = Fault::stream(stream, self.rule(), Code::PROTOCOL_ERROR, self.because());
        match self.otherwise() {
            Some(otherwise) => fault.or(otherwise),
            None => fault,
        }
    }

    fn because(self) -> String {
        match self {
            Self::Field(defect) => defect.because().into(),
            Self::Twice(pseudo) => format!("{} comes twice", pseudo.as_str()),
            Self::Late(pseudo) => format!("{} comes behind a regular field", pseudo.as_str()),
            Self::Misplaced(pseudo) => format!("{} has no place in this header section", pseudo.as_str()),
            Self::Missing(pseudo) => format!("{} is missing", pseudo.as_str()),
            Self::ConnectionSpecific => "a field belongs to a connection of HTTP/1.1".into(),
            Self::Te => "TE is not trailers".into(),
            Self::ContentLength => "Content-Length is not one number".into(),
            Self::WrongLength => "the content does not have the length that Content-Length says".into(),
            Self::Asterisk => ":path is an asterisk, and the method is not OPTIONS".into(),
            Self::Connect => "CONNECT comes with a scheme or a path, or without a port".into(),
            Self::Protocol => ":protocol comes without CONNECT or was not announced".into(),
            Self::Host => "Host is not the host that :authority names".into(),
            Self::Trailer => "a field that frames or routes the message is in its trailer section".into(),
            Self::Interim => "an interim response ends its stream, or is 101".into(),
            Self::EndlessTrailers => "a trailer section does not end the stream".into(),
            Self::Headless => "content comes before the head of its response".into(),
        }
    }

    fn otherwise(self) -> Option<&'static str> {
        match self {
            Self::Te => Some("te: trailers would have been accepted"),
            Self::Connect => Some(":authority alone, as host:port, would have been accepted"),
            Self::Interim => Some("an extended CONNECT (RFC 8441) would have done what 101 does in HTTP/1.1"),
            _ => None,
        }
    }

    fn rule(self) -> &'static Rule {
        match self {
            Self::Field(Defect::Name | Defect::Value | Defect::Surrounded) => &FIELD,
            Self::ConnectionSpecific | Self::Te => &CONNECTION_SPECIFIC,
            Self::ContentLength | Self::WrongLength => &CONTENT_LENGTH,
            Self::Host => &AUTHORITY,
            Self::Connect => &CONNECT,
            Self::Protocol => &EXTENDED_CONNECT,
            Self::Trailer | Self::EndlessTrailers | Self::Interim | Self::Headless => &FRAMING,
            Self::Field(_)
            | Self::Twice(_)
            | Self::Late(_)
            | Self::Misplaced(_)
            | Self::Missing(_)
            | Self::Asterisk => &PSEUDO_HEADER,
        }
    }
}

/// Whether a field belongs to a connection of HTTP/1.1 (RFC 9113, section 8.2.2).
#[inline]
fn is_connection_specific(name: &HeaderName) -> bool {
    match name.as_str().len() {
        7 => *name == header::UPGRADE,
        10 => *name == header::CONNECTION || name.as_str() == "keep-alive",
        16 => name.as_str() == "proxy-connection",
        17 => *name == header::TRANSFER_ENCODING,
        _ => false,
    }
}

/// Whether a field cannot stand in a trailer section: it frames or routes the message, or was needed before the
/// content (RFC 9110, section 6.5.1).
fn is_forbidden_in_trailers(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::CONTENT_LENGTH
            | header::HOST
            | header::TE
            | header::TRAILER
            | header::EXPECT
            | header::MAX_FORWARDS
            | header::RANGE
            | header::IF_MATCH
            | header::IF_NONE_MATCH
            | header::IF_MODIFIED_SINCE
            | header::IF_UNMODIFIED_SINCE
            | header::IF_RANGE
            | header::AUTHORIZATION
            | header::PROXY_AUTHORIZATION
            | header::WWW_AUTHENTICATE
            | header::PROXY_AUTHENTICATE
            | header::COOKIE
            | header::SET_COOKIE
            | header::CONTENT_ENCODING
            | header::CONTENT_TYPE
            | header::CONTENT_RANGE
    ) || is_connection_specific(name)
}

/// Fields are valid by themselves (RFC 9113, section 8.2.1).
pub static FIELD: Rule = Rule {
    name: "h2-field",
    section: "RFC 9113, section 8.2.1",
    says: "A field name is a token in lower case, and a value has no control characters and no space around it.",
};

/// Pseudo-header fields are complete, unique and first (RFC 9113, section 8.3).
pub static PSEUDO_HEADER: Rule = Rule {
    name: "h2-pseudo-header",
    section: "RFC 9113, section 8.3",
    says: "The pseudo-header fields of a message are valid, come once each, and come before all others.",
};

/// Fields of an HTTP/1.1 connection do not occur (RFC 9113, section 8.2.2).
pub static CONNECTION_SPECIFIC: Rule = Rule {
    name: "h2-connection-specific",
    section: "RFC 9113, section 8.2.2",
    says: "Fields that belong to a connection of HTTP/1.1 do not occur, and TE says nothing but trailers.",
};

/// Content-Length does not lie (RFC 9113, section 8.1.1).
pub static CONTENT_LENGTH: Rule = Rule {
    name: "h2-content-length",
    section: "RFC 9113, section 8.1.1",
    says: "Content-Length is the sum of the lengths of the DATA frames.",
};

/// Host and `:authority` agree (RFC 9113, section 8.3.1).
pub static AUTHORITY: Rule = Rule {
    name: "h2-authority",
    section: "RFC 9113, section 8.3.1",
    says: "Host, where it comes too, names what :authority names.",
};

/// CONNECT has an authority only (RFC 9113, section 8.5).
pub static CONNECT: Rule = Rule {
    name: "h2-connect",
    section: "RFC 9113, section 8.5",
    says: "CONNECT has :authority with a port, and neither :scheme nor :path.",
};

/// Extended CONNECT is used as announced (RFC 8441, section 4).
pub static EXTENDED_CONNECT: Rule = Rule {
    name: "h2-extended-connect",
    section: "RFC 8441, section 4",
    says: "CONNECT has :protocol only where that was announced, and then :scheme and :path too.",
};

/// A message is a head, content and a trailer section, in this order (RFC 9113, section 8.1).
pub static FRAMING: Rule = Rule {
    name: "h2-message-framing",
    section: "RFC 9113, section 8.1",
    says: "A message is any interim heads, a head, its content, and a trailer section that ends the stream.",
};
