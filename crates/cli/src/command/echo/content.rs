//! Endpoints that are about the content: bytes, ranges, codings.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderValue, StatusCode, header};
use wirelight_semantics::range::{self, Span};
use wirelight_semantics::validator::{EntityTag, Validators};
use wirelight_service::{Body, Response};

use super::endpoint::{Answer, Call, Refused};
use super::pace::Paced;
use super::{content, json_text};

/// How many bytes can be asked for; they are made on the way, a piece at a time.
const BYTES_MAX: u64 = 100_000_000;
/// How long a representation to ask ranges of may be; it is held in memory.
const RANGE_BYTES_MAX: u64 = 1_000_000;
/// How much of a long content is made at once.
const PIECE_BYTES: usize = 32 * 1024;
/// What separates the parts of several ranges; the content is letters, so this never stands in it.
const BOUNDARY: &str = "wirelight-0-range";

/// `/bytes/{length}`
pub(crate) fn bytes(call: &Call<'_>) -> Result<Answer, Refused> {
    let length = call.number(0, "the number of bytes", 0..=BYTES_MAX)?;
    let mut random = Random::new(call.asked("seed", 0, 0..=u64::MAX)?);
    let mut remaining = length;
    let body = Paced::new(call.clock, Duration::ZERO, move || {
        let piece = remaining.min(PIECE_BYTES as u64) as usize;
        remaining -= piece as u64;
        (piece > 0).then(|| random.piece(piece))
    });
    Ok(content(Body::stream(body.with_length(length)), "application/octet-stream").into())
}

/// Bytes that look random and are the same for the same seed (xorshift*).
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    fn next(&mut self) -> u64 {
        self.0 = if self.0 == 0 { 1 } else { self.0 };
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn piece(&mut self, length: usize) -> Bytes {
        let mut piece = Vec::with_capacity(length + 8);
        while piece.len() < length {
            piece.extend_from_slice(&self.next().to_le_bytes());
        }
        piece.truncate(length);
        piece.into()
    }
}

/// `/range/{length}`
pub(crate) fn range(call: &Call<'_>) -> Result<Answer, Refused> {
    let length = call.number(0, "the number of letters", 0..=RANGE_BYTES_MAX)?;
    let letters: Bytes = (0..length).map(|at| b'a' + (at % 26) as u8).collect();
    let tag = EntityTag::strong(format!("letters-{length}")).expect("letters, digits and a hyphen");
    let current = Validators { entity_tag: Some(tag), last_modified: None };
    let head = &call.arrived.head;
    let limits = range::Limits::default();
    let now = call.clock.wall();
    let judgement = range::judge(&head.method, &head.headers, length, &current, now, &limits);
    let mut response = match &judgement {
        range::Judgement::Whole | range::Judgement::Ignored { .. } => content(letters, "text/plain"),
        range::Judgement::Single { span, length, .. } => {
            let mut response = content(part(&letters, *span), "text/plain");
            response.headers_mut().insert(header::CONTENT_RANGE, span.content_range(*length));
            response
        }
        range::Judgement::Multiple { spans, length, .. } => multipart(&letters, spans, *length),
        range::Judgement::NotSatisfiable { length, .. } => {
            let mut response = Response::new(Body::empty());
            response.headers_mut().insert(header::CONTENT_RANGE, range::unsatisfied(*length));
            response
        }
    };
    *response.status_mut() = judgement.status();
    call.trail.note(judgement);
    response.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    current.write(now, response.headers_mut());
    Ok(response.into())
}

fn part(letters: &Bytes, span: Span) -> Bytes {
    letters.slice(span.first() as usize..=span.last() as usize)
}

fn multipart(letters: &Bytes, spans: &[Span], length: u64) -> Response {
    let mut text = Vec::new();
    for span in spans {
        text.extend_from_slice(format!("--{BOUNDARY}\r\nContent-Type: text/plain\r\nContent-Range: ").as_bytes());
        text.extend_from_slice(span.content_range(length).as_bytes());
        text.extend_from_slice(b"\r\n\r\n");
        text.extend_from_slice(&part(letters, *span));
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    let mut response = Response::new(Body::from(text));
    let kind = format!("multipart/byteranges; boundary={BOUNDARY}");
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::try_from(kind).expect("a boundary of ours"));
    response
}

/// `/gzip`
pub(crate) fn gzip(call: &Call<'_>) -> Result<Answer, Refused> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(json_text(&call.arrived.shown()).as_bytes()).expect("memory takes all bytes");
    Ok(coded(encoder.finish().expect("memory takes all bytes"), "gzip"))
}

/// `/brotli`
pub(crate) fn brotli(call: &Call<'_>) -> Result<Answer, Refused> {
    let mut encoded = Vec::new();
    let quality = brotli::enc::BrotliEncoderParams { quality: 5, ..Default::default() };
    brotli::BrotliCompress(&mut json_text(&call.arrived.shown()).as_bytes(), &mut encoded, &quality)
        .expect("memory takes all bytes");
    Ok(coded(encoded, "br"))
}

fn coded(encoded: Vec<u8>, coding: &'static str) -> Answer {
    let mut response = content(encoded, "application/json");
    response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    response.into()
}

impl From<StatusCode> for Answer {
    fn from(status: StatusCode) -> Self {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        response.into()
    }
}
