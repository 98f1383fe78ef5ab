//! Sending a file: which variant of it, whether at all, and how much.

use std::collections::VecDeque;
use std::fs::File;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName,
    HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE, RANGE,
};
use http::{Method, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use wirelight_semantics::negotiate::{self, Choice};
use wirelight_semantics::precondition;
use wirelight_semantics::range::{self, Span};
use wirelight_service::{Body, Error, Response};

use super::Files;
use super::answer::{Asked, response};
use super::content::FileBody;
use super::entry::Nature;
use super::missing::Missing;
use super::resource::{Edition, Representation, Resource};
use super::root::Patience;

impl Files {
    /// Answers a request with what was found for it. [`Missing::Changing`] if it is no longer there.
    pub(super) async fn send(&self, asked: &Asked<'_>, resource: &Resource, now: Instant) -> Result<Response, Missing> {
        if let Some(completed) = resource.completed.as_ref().filter(|_| asked.trail.is_watched()) {
            asked.trail.note(completed.clone());
        }
        let edition = choose_edition(asked, resource);
        let representation = choose_representation(asked, edition);
        if let Some(answered) = judge_preconditions(asked, representation) {
            return Ok(answered);
        }
        let stretch = match self.judge_range(asked, representation) {
            Ok(stretch) => stretch,
            Err(refused) => return Ok(*refused),
        };
        if asked.head.method == Method::HEAD {
            let mut answer = response(StatusCode::OK, Body::empty());
            *answer.headers_mut() = representation.fields.clone();
            answer.headers_mut().insert(CONTENT_LENGTH, representation.stamp.length.into());
            return Ok(answer);
        }
        let content = match &representation.content {
            Some(bytes) => Content::Memory(bytes.clone()),
            None => Content::File(Box::pin(self.reopen(representation, now)).await?, self.0.config.chunk_bytes),
        };
        Ok(stretch.answer(representation, &content))
    }

    /// Opens a file that is not kept in memory, if it still is what it was when it was looked at.
    async fn reopen(&self, representation: &Representation, now: Instant) -> Result<Arc<File>, Missing> {
        let found = match self.0.search(None, Patience::Never, now).open(&representation.path) {
            Err(Missing::WouldWait) => {
                let path = representation.path.clone();
                self.wait(move |shelf| shelf.search(None, Patience::Wait, now).open(&path)).await
            }
            found => found,
        };
        match found {
            Ok((file, Nature::File(stamp))) if stamp == representation.stamp => Ok(Arc::new(file)),
            Ok(_) | Err(Missing::Absent) => Err(Missing::Changing),
            Err(missing) => Err(missing),
        }
    }

    fn judge_range(&self, asked: &Asked<'_>, representation: &Representation) -> Result<Stretch, Box<Response>> {
        let fields = &asked.head.headers;
        if !fields.contains_key(RANGE) {
            return Ok(Stretch::Whole);
        }
        let (length, wall) = (representation.stamp.length, self.0.config.clock.wall());
        let judgement =
            range::judge(&asked.head.method, fields, length, &representation.validators, wall, &self.0.config.ranges);
        let stretch = match &judgement {
            range::Judgement::Whole | range::Judgement::Ignored { .. } => Stretch::Whole,
            range::Judgement::Single { span, .. } => Stretch::Single(*span),
            range::Judgement::Multiple { spans, .. } => {
                let since = wall.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
                Stretch::Multiple { spans: spans.clone(), boundary: boundary(representation, since.as_nanos()) }
            }
            range::Judgement::NotSatisfiable { .. } => {
                let mut refused = asked.refuse(StatusCode::RANGE_NOT_SATISFIABLE, judgement);
                refused.headers_mut().insert(CONTENT_RANGE, range::unsatisfied(length));
                return Err(Box::new(refused));
            }
        };
        asked.trail.note(judgement);
        Ok(stretch)
    }
}

/// Chooses the language; who accepts none of those that there are gets the default.
fn choose_edition<'a>(asked: &Asked<'_>, resource: &'a Resource) -> &'a Edition {
    let [default, others @ ..] = &resource.editions[..] else { unreachable!("a resource has an edition") };
    if others.is_empty() {
        return default;
    }
    let languages: Vec<&str> = resource.editions.iter().filter_map(|edition| edition.language.as_deref()).collect();
    let choice = negotiate::language(&asked.head.headers, &languages);
    let index = match &choice {
        Choice::Chosen { index, .. } => *index,
        Choice::NotAcceptable { .. } => 0,
    };
    if asked.trail.is_watched() {
        asked.trail.note(owned(choice));
    }
    &resource.editions[index]
}

/// The same choice, which can outlive what was chosen among.
fn owned(choice: Choice<&str>) -> Choice<String> {
    match choice {
        Choice::Chosen { chosen, index, cause } => Choice::Chosen { chosen: chosen.to_owned(), index, cause },
        Choice::NotAcceptable { field, accepted, available } => {
            let available = available.into_iter().map(str::to_owned).collect();
            Choice::NotAcceptable { field, accepted, available }
        }
    }
}

/// Chooses the coding; who accepts none of those that there are gets the file as it is.
fn choose_representation<'a>(asked: &Asked<'_>, edition: &'a Edition) -> &'a Representation {
    for unfit in &edition.unfit {
        asked.trail.note(*unfit);
    }
    let as_it_is = edition.representations.last().expect("an edition has the file as it is");
    if edition.representations.len() == 1 {
        return as_it_is;
    }
    let choice = negotiate::coding(&asked.head.headers, &edition.codings);
    let chosen = match &choice {
        Choice::Chosen { index, .. } => &edition.representations[*index],
        Choice::NotAcceptable { .. } => as_it_is,
    };
    asked.trail.note(choice);
    chosen
}

fn judge_preconditions(asked: &Asked<'_>, representation: &Representation) -> Option<Response> {
    let fields = &asked.head.headers;
    if !fields.keys().any(is_conditional) {
        return None;
    }
    let judgement = precondition::judge(&asked.head.method, fields, Some(&representation.validators));
    match judgement {
        precondition::Judgement::Proceed(_) => {
            asked.trail.note(judgement);
            None
        }
        precondition::Judgement::NotModified(_) => {
            asked.trail.note(judgement);
            let mut answer = response(StatusCode::NOT_MODIFIED, Body::empty());
            let fields = answer.headers_mut();
            *fields = representation.fields.clone();
            // What describes content has no place where there is none (RFC 9110, section 15.4.5).
            for name in [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE, ACCEPT_RANGES] {
                fields.remove(name);
            }
            Some(answer)
        }
        precondition::Judgement::Failed(_) => Some(asked.refuse(StatusCode::PRECONDITION_FAILED, judgement)),
    }
}

/// Whether the field makes the request conditional as a whole (RFC 9110, section 13.1).
fn is_conditional(name: &HeaderName) -> bool {
    matches!(*name, IF_NONE_MATCH | IF_MODIFIED_SINCE | IF_MATCH | IF_UNMODIFIED_SINCE)
}

/// How much of a file is sent.
enum Stretch {
    Whole,
    Single(Span),
    Multiple { spans: Vec<Span>, boundary: String },
}

/// Where the bytes are.
enum Content {
    Memory(Bytes),
    /// A file, and how many bytes of it are read at a time.
    File(Arc<File>, usize),
}

impl Stretch {
    fn answer(self, representation: &Representation, content: &Content) -> Response {
        let length = representation.stamp.length;
        let mut fields = representation.fields.clone();
        let (status, body) = match self {
            Self::Whole => (StatusCode::OK, content.whole(length)),
            Self::Single(span) => {
                fields.insert(CONTENT_RANGE, span.content_range(length));
                (StatusCode::PARTIAL_CONTENT, content.piece(span).into_body())
            }
            Self::Multiple { spans, boundary } => {
                let media_type = fields.insert(CONTENT_TYPE, multipart(&boundary));
                let body = Parts::of(&spans, length, media_type.as_ref(), &boundary, content);
                (StatusCode::PARTIAL_CONTENT, Body::stream(body))
            }
        };
        let mut answer = response(status, body);
        *answer.headers_mut() = fields;
        answer
    }
}

impl Content {
    fn whole(&self, length: u64) -> Body {
        match self {
            Self::Memory(bytes) => bytes.clone().into(),
            Self::File(file, chunk_bytes) => Body::file(FileBody::new(Arc::clone(file), 0, length, *chunk_bytes)),
        }
    }

    fn piece(&self, span: Span) -> Piece {
        match self {
            Self::Memory(bytes) => Piece::Bytes(bytes.slice(span.first() as usize..=span.last() as usize)),
            Self::File(file, chunk_bytes) => {
                Piece::File(FileBody::new(Arc::clone(file), span.first(), span.len(), *chunk_bytes))
            }
        }
    }
}

/// A boundary that no content holds by accident: it names the representation and the moment.
fn boundary(representation: &Representation, moment: u128) -> String {
    let tag = representation.validators.entity_tag.as_ref().map(|tag| tag.opaque()).unwrap_or_default();
    let mixed = tag.iter().fold(moment as u64, |mixed, &byte| (mixed ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("wirelight-{moment:x}-{mixed:016x}")
}

fn multipart(boundary: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("multipart/byteranges; boundary={boundary}")).expect("a boundary is visible ASCII")
}

/// Several ranges of one file (RFC 9110, section 14.6).
struct Parts(VecDeque<Piece>);

enum Piece {
    Bytes(Bytes),
    File(FileBody),
}

impl Piece {
    fn into_body(self) -> Body {
        match self {
            Self::Bytes(bytes) => bytes.into(),
            Self::File(file) => Body::file(file),
        }
    }

    fn remaining(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(file) => file.size_hint().lower(),
        }
    }
}

impl Parts {
    fn of(spans: &[Span], length: u64, media_type: Option<&HeaderValue>, boundary: &str, content: &Content) -> Self {
        let mut pieces = VecDeque::with_capacity(2 * spans.len() + 1);
        for (position, span) in spans.iter().enumerate() {
            let mut head = Vec::with_capacity(192);
            head.extend_from_slice(if position == 0 { b"--" } else { b"\r\n--" });
            head.extend_from_slice(boundary.as_bytes());
            if let Some(media_type) = media_type {
                head.extend_from_slice(b"\r\nContent-Type: ");
                head.extend_from_slice(media_type.as_bytes());
            }
            head.extend_from_slice(b"\r\nContent-Range: ");
            head.extend_from_slice(span.content_range(length).as_bytes());
            head.extend_from_slice(b"\r\n\r\n");
            pieces.push_back(Piece::Bytes(head.into()));
            pieces.push_back(content.piece(*span));
        }
        pieces.push_back(Piece::Bytes(format!("\r\n--{boundary}--\r\n").into()));
        Self(pieces)
    }
}

impl http_body::Body for Parts {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            match self.0.front_mut() {
                None => return Poll::Ready(None),
                Some(Piece::Bytes(bytes)) => {
                    let bytes = std::mem::take(bytes);
                    self.0.pop_front();
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Piece::File(file)) => match ready!(Pin::new(file).poll_frame(cx)) {
                    Some(Ok(frame)) => return Poll::Ready(Some(Ok(frame))),
                    Some(Err(error)) => {
                        self.0.clear();
                        return Poll::Ready(Some(Err(error)));
                    }
                    None => {
                        self.0.pop_front();
                    }
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(Piece::remaining).sum())
    }
}
