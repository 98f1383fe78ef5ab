//! Whether a response is coded, and why.

use std::borrow::Cow;
use std::cell::RefCell;

use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use wirelight_semantics::coding::Coding;
use wirelight_semantics::decision::{Decision, Rule, Shown};
use wirelight_semantics::fields;
use wirelight_semantics::media_type::MediaType;
use wirelight_semantics::negotiate::{self, Cause, Choice};

use super::Compress;

/// Whether a response is coded, and why.
#[derive(Debug, Clone)]
pub enum Judgement {
    /// Its content is coded.
    Compressed {
        /// With this.
        coding: Coding,
        /// How that was chosen.
        choice: Choice<Coding>,
    },
    /// It is a 304, whose fields are those of the response that it stands for (RFC 9110, section 15.4.5): if that would
    /// be coded, a strong entity tag becomes weak here too.
    NotModified(Choice<Coding>),
    /// It is left as it is.
    Left(Left),
}

/// Why a response is left as it is.
#[derive(Debug, Clone)]
pub enum Left {
    /// The requester accepts none of the codings, or prefers none.
    NotWanted(Choice<Coding>),
    /// Coding did not make it smaller.
    NotSmaller {
        /// The coding that was tried.
        coding: Coding,
        /// The length of the content, in bytes.
        length_bytes: usize,
        /// Its length after coding, in bytes.
        coded_bytes: usize,
    },
    /// Responses with this status have no content, or only part of it.
    Status(StatusCode),
    /// It is coded already.
    Coded(HeaderValue),
    /// It is a part of something, or says how large the whole is.
    Partial,
    /// `Cache-Control: no-transform`.
    NoTransform,
    /// It carries a digest of its content.
    Digested(HeaderName),
    /// It does not say what its content is.
    Untyped,
    /// Its media type is not one that shrinks.
    Incompressible(HeaderValue),
    /// It is too short for coding to pay.
    TooSmall {
        /// Its length, in bytes.
        length_bytes: u64,
        /// The length from which content is coded, in bytes.
        length_min_bytes: u64,
    },
}

static DIGESTS: [HeaderName; 4] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

impl Compress {
    /// Judges a response by its head and the length of its content, where that is known; `accepted` is the request's
    /// `Accept-Encoding`.
    ///
    /// What does not depend on the request is asked first, so that `Vary` names `Accept-Encoding` only where it must.
    pub fn judge(
        &self,
        accepted: Option<HeaderValue>,
        status: StatusCode,
        response: &HeaderMap,
        length_bytes: Option<u64>,
    ) -> Judgement {
        if let Some(left) = self.judge_response(status, response, length_bytes) {
            return Judgement::Left(left);
        }
        let Some(accepted) = accepted else {
            return self.judge_unasked(status);
        };
        let request = HeaderMap::from_iter([(header::ACCEPT_ENCODING, accepted)]);
        let available: Vec<Coding> = self.codings.iter().copied().chain([Coding::Identity]).collect();
        let choice = negotiate::coding(&request, &available);
        match choice.chosen().copied() {
            _ if status == StatusCode::NOT_MODIFIED => Judgement::NotModified(choice),
            None | Some(Coding::Identity) => Judgement::Left(Left::NotWanted(choice)),
            Some(coding) => Judgement::Compressed { coding, choice },
        }
    }

    /// Whoever does not ask may not know how to decode.
    fn judge_unasked(&self, status: StatusCode) -> Judgement {
        let (chosen, index) = (Coding::Identity, self.codings.len());
        let choice = Choice::Chosen { chosen, index, cause: Cause::Unasked(header::ACCEPT_ENCODING) };
        match status {
            StatusCode::NOT_MODIFIED => Judgement::NotModified(choice),
            _ => Judgement::Left(Left::NotWanted(choice)),
        }
    }

    /// Why a response is left as it is, whoever asked.
    fn judge_response(&self, status: StatusCode, response: &HeaderMap, length_bytes: Option<u64>) -> Option<Left> {
        if let Some(coded) = response.get(header::CONTENT_ENCODING) {
            return Some(Left::Coded(coded.clone()));
        }
        if fields::contains(response, &header::CACHE_CONTROL, "no-transform") {
            return Some(Left::NoTransform);
        }
        if status == StatusCode::NOT_MODIFIED {
            return None;
        }
        if has_no_whole_content(status) {
            return Some(Left::Status(status));
        }
        if response.contains_key(header::CONTENT_RANGE) {
            return Some(Left::Partial);
        }
        // One pass over the few fields that there are costs less than to look four names up.
        if let Some(digest) = response.keys().find(|name| DIGESTS.contains(name)) {
            return Some(Left::Digested(digest.clone()));
        }
        let Some(said) = response.get(header::CONTENT_TYPE) else {
            return Some(Left::Untyped);
        };
        if !shrinks(said) {
            return Some(Left::Incompressible(said.clone()));
        }
        let length_min_bytes = self.length_min_bytes.max(1);
        length_bytes
            .filter(|length_bytes| *length_bytes < length_min_bytes)
            .map(|length_bytes| Left::TooSmall { length_bytes, length_min_bytes })
    }
}

thread_local! {
    /// What this thread knows of media types: it depends on nothing but the type.
    static KNOWN: RefCell<Vec<(HeaderValue, bool)>> = const { RefCell::new(Vec::new()) };
}

/// Of how many media types a thread knows whether they shrink; a site has hardly more.
const KNOWN_MAX: usize = 16;

/// Whether content of this media type is known to shrink; each type is read once a thread.
fn shrinks(media_type: &HeaderValue) -> bool {
    KNOWN.with_borrow_mut(|known| {
        if let Some((_, shrinks)) = known.iter().find(|(known, _)| known == media_type) {
            return *shrinks;
        }
        let shrinks = MediaType::parse(media_type.as_bytes()).is_ok_and(|media_type| media_type.is_compressible());
        if known.len() == KNOWN_MAX {
            known.clear();
        }
        // A copy of its own: the value may be a slice of a large block.
        known.extend(HeaderValue::from_bytes(media_type.as_bytes()).map(|value| (value, shrinks)));
        shrinks
    })
}

fn has_no_whole_content(status: StatusCode) -> bool {
    let none = [StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT, StatusCode::PARTIAL_CONTENT];
    status.is_informational() || none.contains(&status)
}

impl Judgement {
    /// What the response is coded with, or the one that it stands for.
    pub fn coding(&self) -> Option<Coding> {
        match self {
            Self::Compressed { coding, .. } => Some(*coding),
            Self::NotModified(choice) => choice.chosen().copied().filter(|coding| *coding != Coding::Identity),
            Self::Left(_) => None,
        }
    }

    /// Whether another `Accept-Encoding` could have led to another response.
    pub fn depends_on_request(&self) -> bool {
        !matches!(self, Self::Left(left) if !matches!(left, Left::NotWanted(_) | Left::NotSmaller { .. }))
    }
}

static CODED: Rule = Rule {
    name: "content-coding",
    section: "RFC 9110, sections 8.4 and 12.5.3",
    says: "Content may be coded with what the requester accepts, to send less.",
};
static TWICE: Rule = Rule {
    name: "coded-once",
    section: "RFC 9110, section 8.4",
    says: "Content-Encoding names what was applied already; coding that again gains nothing.",
};
static TAG: Rule = Rule {
    name: "coded-validators",
    section: "RFC 9110, sections 8.8.1, 8.8.3.3 and 15.4.5",
    says: "Two representations that differ in their bytes do not share a strong entity tag, and a 304 has the fields \
           of the 200 that it stands for.",
};
static TRANSFORM: Rule = Rule {
    name: "no-transform",
    section: "RFC 9111, section 5.2.2.6",
    says: "No-transform forbids to change the content on its way.",
};
static RANGE: Rule = Rule {
    name: "coded-ranges",
    section: "RFC 9110, section 14.4",
    says: "A range counts the bytes of the representation as it was selected, so that must not be coded afterwards.",
};
static DIGEST: Rule = Rule {
    name: "coded-digests",
    section: "RFC 9530, sections 2 and 3",
    says: "A digest covers the content as it is coded, and is wrong once that is coded anew.",
};
static STATUS: Rule = Rule {
    name: "content-by-status",
    section: "RFC 9110, section 6.4.1",
    says: "Some status codes say that there is no content.",
};
static WORTH: Rule = Rule {
    name: "worth-coding",
    section: "RFC 9110, section 8.4.1",
    says: "Codings are there to make content smaller.",
};

impl Decision for Judgement {
    fn rule(&self) -> &'static Rule {
        match self {
            Self::Compressed { .. } | Self::Left(Left::NotWanted(_)) => &CODED,
            Self::NotModified(_) => &TAG,
            Self::Left(Left::Status(_)) => &STATUS,
            Self::Left(Left::Coded(_)) => &TWICE,
            Self::Left(Left::Partial) => &RANGE,
            Self::Left(Left::NoTransform) => &TRANSFORM,
            Self::Left(Left::Digested(_)) => &DIGEST,
            Self::Left(_) => &WORTH,
        }
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Compressed { coding, .. } => format!("coded with {coding}").into(),
            Self::NotModified(_) => match self.coding() {
                Some(coding) => format!("fields as of a response coded with {coding}").into(),
                None => "fields as of a response that is not coded".into(),
            },
            Self::Left(_) => "sent as it is".into(),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Compressed { choice, .. } | Self::NotModified(choice) => choice.because(),
            Self::Left(left) => left.because(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Left(left) => left.otherwise(),
            _ => None,
        }
    }

    fn setting(&self) -> Option<&'static str> {
        match self {
            Self::Left(Left::TooSmall { .. }) => Some("min"),
            Self::Left(_) => None,
            _ => Some("compress"),
        }
    }
}

impl Left {
    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::NotWanted(choice) => choice.because(),
            Self::NotSmaller { coding, length_bytes, coded_bytes } => {
                format!("{coding} made {coded_bytes} bytes of {length_bytes}").into()
            }
            Self::Status(status) => format!("a response with status {status} has no whole content").into(),
            Self::Coded(coded) => format!("the content is coded already: {}", Shown(coded.as_bytes())).into(),
            Self::Partial => "Content-Range counts the bytes of the content as it is".into(),
            Self::NoTransform => "Cache-Control: no-transform forbids it".into(),
            Self::Digested(name) => format!("{name} covers the content as it is").into(),
            Self::Untyped => "the response has no Content-Type".into(),
            Self::Incompressible(said) => format!("{} is not known to shrink", Shown(said.as_bytes())).into(),
            Self::TooSmall { length_bytes, length_min_bytes } => {
                format!("the content of {length_bytes} bytes is shorter than {length_min_bytes}").into()
            }
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::NotWanted(_) => Some("a coding with a greater weight in Accept-Encoding would have been used".into()),
            Self::Untyped => Some("a Content-Type that is known to shrink would have let it be coded".into()),
            Self::TooSmall { length_min_bytes, .. } => {
                Some(format!("content of at least {length_min_bytes} bytes would have been coded").into())
            }
            Self::NoTransform | Self::Digested(_) => Some("without that field it would have been coded".into()),
            _ => None,
        }
    }
}
