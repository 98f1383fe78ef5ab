//! Messages read back from the bytes that were kept of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use wirelight_net::Ending;
use wirelight_proto::h2::frame::kind;
use wirelight_semantics::status;

use crate::content::{Chunks, Flow};
use crate::exchange::{Kept, Origin, Passed};
use crate::frames::Stream;
use crate::mask::MASK;
use crate::pieces::{Pieces, What};
use crate::view::{Content, Field, Message, Summary, Why};
use crate::words::{moment, text};

/// What is shown in the place of a secret.
const HIDDEN: &str = "•••";

/// The head of a message.
#[derive(Debug, Default)]
pub(crate) struct Head {
    /// The first line; of HTTP/2, one like it.
    pub(crate) line: String,
    /// Method, target and version, or version, status and reason.
    pub(crate) parts: [String; 3],
    pub(crate) fields: Vec<Field>,
    /// The authority, where it is no field.
    authority: Option<String>,
    scheme: Option<String>,
    /// How long it was: what is behind it is content.
    length: usize,
}

impl Head {
    /// Reads a head of HTTP/1 as it passed; an engine has judged it already.
    fn read(bytes: &[u8]) -> Self {
        let mut head = Self::default();
        let mut begun = false;
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            head.length += line.len();
            let line = line.trim_ascii_end();
            match (begun, line.is_empty()) {
                (false, true) => {}
                (true, true) => break,
                (false, false) => {
                    begun = true;
                    head.line = text(line);
                    let mut parts = head.line.splitn(3, ' ');
                    head.parts = std::array::from_fn(|_| parts.next().unwrap_or_default().to_owned());
                }
                (true, false) => head.fields.push(field(line)),
            }
        }
        head
    }

    /// The value of the first field of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| &*field.value)
    }

    fn media_type(&self) -> Option<String> {
        let value = self.get("content-type")?;
        Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }
}

/// One field line of HTTP/1.
fn field(line: &[u8]) -> Field {
    let colon = memchr::memchr(b':', line).unwrap_or(line.len());
    let value = line.get(colon + 1..).unwrap_or_default().trim_ascii();
    shown(text(&line[..colon]), value == MASK, || text(value))
}

fn shown(name: String, redacted: bool, value: impl FnOnce() -> String) -> Field {
    Field { name, value: if redacted { HIDDEN.to_owned() } else { value() }, redacted }
}

/// Reads a field section of HTTP/2: what `wanted` holds of the fields.
fn section(stream: &Stream, sent: bool, wanted: impl Fn(&[crate::frames::Entry]) -> bool) -> Option<Head> {
    let frames = stream.frames.iter().filter(|frame| frame.sent == sent && frame.kind == kind::HEADERS);
    let entries = frames.map(|frame| &frame.entries).find(|entries| wanted(entries))?;
    let mut head = Head::default();
    let mut status = String::new();
    for entry in entries {
        match &*entry.name {
            ":method" => head.parts[0].clone_from(&entry.value),
            ":path" => head.parts[1].clone_from(&entry.value),
            ":authority" => head.authority = Some(entry.value.clone()),
            ":scheme" => head.scheme = Some(entry.value.clone()),
            ":status" => status.clone_from(&entry.value),
            "" => {}
            name => {
                let redacted = entry.hidden && entry.value.as_bytes() == MASK;
                head.fields.push(shown(name.to_owned(), redacted, || entry.value.clone()));
            }
        }
    }
    if sent {
        head.parts = ["HTTP/2".to_owned(), status, String::new()];
        head.line = format!("HTTP/2 {}", head.parts[1]);
    } else {
        if head.parts[1].is_empty() {
            head.parts[1] = head.authority.clone().unwrap_or_default();
        }
        head.parts[2] = "HTTP/2".to_owned();
        head.line = head.parts.join(" ");
    }
    Some(head)
}

fn has(entries: &[crate::frames::Entry], name: &str) -> bool {
    entries.iter().any(|entry| entry.name == name)
}

/// The head of the request, where it could be read.
pub(crate) fn request_head(kept: &Kept) -> Option<Head> {
    match &kept.passed {
        Passed::Messages { pieces, .. } => {
            let piece = pieces.iter().find(|piece| piece.what == What::HeadReceived);
            match (piece, &kept.asked) {
                (Some(piece), _) => Some(Head::read(piece.bytes)),
                (None, Some((method, target))) => {
                    let parts = [method.clone(), target.clone(), "HTTP/1.1".to_owned()];
                    Some(Head { line: parts.join(" "), parts, ..Head::default() })
                }
                (None, None) => None,
            }
        }
        Passed::Frames(stream) => section(stream, false, |entries| has(entries, ":method")),
    }
}

/// The head of the response, interim ones apart.
pub(crate) fn response_head(kept: &Kept) -> Option<Head> {
    match &kept.passed {
        Passed::Messages { pieces, .. } => final_head(pieces).map(Head::read),
        Passed::Frames(stream) => {
            let is_final = |entry: &crate::frames::Entry| entry.name == ":status" && !entry.value.starts_with('1');
            section(stream, true, |entries| entries.iter().any(is_final))
        }
    }
}

/// The last head that was sent; with it may have come all of its message.
fn final_head(pieces: &Pieces) -> Option<&[u8]> {
    let mut heads = pieces.iter().filter(|piece| piece.what == What::HeadSent);
    let first = heads.next()?;
    Some(heads.last().unwrap_or(first).bytes)
}

/// The request, as it came.
pub(crate) fn request(kept: &Kept) -> Option<Message> {
    let head = request_head(kept)?;
    let [method, target, version] = head.parts.clone();
    let (content, trailers) = content(kept, &head, false);
    Some(Message {
        line: head.line,
        method: Some(method),
        target: Some(target),
        version,
        status: None,
        reason: None,
        fields: head.fields,
        trailers,
        content: Some(content),
    })
}

/// The response, as it was sent.
pub(crate) fn response(kept: &Kept) -> Option<Message> {
    let head = response_head(kept)?;
    let [version, status, reason] = head.parts.clone();
    let status = status.parse().unwrap_or(kept.status);
    let reason = if reason.is_empty() { reason_of(status) } else { reason };
    let (content, trailers) = content(kept, &head, true);
    Some(Message {
        line: head.line,
        method: None,
        target: None,
        version,
        status: Some(status),
        reason: Some(reason),
        fields: head.fields,
        trailers,
        content: Some(content),
    })
}

/// The content of a message, as far as it is kept, and its trailer fields.
fn content(kept: &Kept, head: &Head, sent: bool) -> (Content, Vec<Field>) {
    let length = if sent { kept.sent_bytes } else { kept.received_bytes };
    let (bytes, trailers, flow) = match &kept.passed {
        Passed::Messages { pieces, received, sent: of_response } => {
            let (flow, what, with) = match sent {
                true => (of_response, What::ContentSent, final_head(pieces)),
                false => (received, What::ContentReceived, None),
            };
            let mut framed = with.and_then(|all| all.get(head.length..)).unwrap_or_default().to_vec();
            framed.extend_from_slice(&pieces.joined(what));
            match flow.chunked {
                true => {
                    let (content, trailers) = Chunks::undo(&framed);
                    let lines = trailers.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end);
                    let trailers = lines.filter(|line| !line.is_empty()).map(field).collect();
                    (content, trailers, flow)
                }
                false => (framed, Vec::new(), flow),
            }
        }
        Passed::Frames(stream) => {
            let frames = stream.frames.iter().filter(|frame| frame.sent == sent && frame.kind == kind::DATA);
            let bytes = frames.flat_map(|frame| frame.content()).copied().collect();
            let name = if sent { ":status" } else { ":method" };
            let trailers = section(stream, sent, |entries| !entries.is_empty() && !has(entries, name));
            let flow = if sent { &stream.sent } else { &stream.received };
            (bytes, trailers.map(|section| section.fields).unwrap_or_default(), flow)
        }
    };
    (shown_content(&bytes, length, head, flow), trailers)
}

fn shown_content(bytes: &[u8], length: u64, head: &Head, flow: &Flow) -> Content {
    let truncated = flow.lost_bytes > 0;
    let coding = head.get("content-encoding").map(str::to_owned);
    // Where the content is cut, the last character may be too.
    let readable = match std::str::from_utf8(bytes) {
        Ok(readable) => Some(readable),
        Err(error) if truncated && error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    };
    Content {
        length: length.max(bytes.len() as u64),
        kept: bytes.len() as u64,
        truncated,
        media_type: head.media_type(),
        text: readable.filter(|_| coding.is_none()).map(str::to_owned),
        coding,
        bytes: STANDARD.encode(bytes),
        sha256: flow.sha256(),
    }
}

/// What is kept of the content of a message, for a search in it.
pub(crate) fn content_text(kept: &Kept, sent: bool) -> String {
    let head = if sent { response_head(kept) } else { request_head(kept) };
    head.and_then(|head| content(kept, &head, sent).0.text).unwrap_or_default()
}

/// The status in words.
pub(crate) fn reason_of(status: u16) -> String {
    match status {
        499 => "Client Closed Request",
        _ => StatusCode::from_u16(status).map(status::name).unwrap_or_default(),
    }
    .to_owned()
}

/// An exchange as a list shows it.
pub(crate) fn summary(kept: &Kept) -> Summary {
    let request = request_head(kept);
    let response = response_head(kept);
    let connection = &kept.connection;
    let secure = connection.secured.is_some();
    let scheme = request.as_ref().and_then(|head| head.scheme.clone());
    let stream = match &kept.passed {
        Passed::Frames(stream) => Some(stream.id),
        Passed::Messages { .. } => None,
    };
    let version = match (&request, stream) {
        (_, Some(_)) => "HTTP/2".to_owned(),
        (Some(head), None) if head.parts[2].starts_with("HTTP/") => head.parts[2].clone(),
        _ => "HTTP/1.1".to_owned(),
    };
    let part = |index: usize| request.as_ref().map(|head| head.parts[index].clone()).filter(|part| !part.is_empty());
    Summary {
        id: kept.id(),
        seq: kept.seq,
        state: if kept.ending.is_some() { "done" } else { "open" }.to_owned(),
        connection: connection.id,
        number: kept.number,
        at: moment(kept.at),
        peer: connection.peer.clone(),
        secure,
        scheme: scheme.unwrap_or_else(|| if secure { "https" } else { "http" }.to_owned()),
        version,
        method: part(0),
        host: request.as_ref().and_then(|head| head.authority.clone().or_else(|| head.get("host").map(str::to_owned))),
        target: part(1),
        status: kept.status,
        reason: reason_of(kept.status),
        media_type: response.as_ref().and_then(Head::media_type),
        received_bytes: kept.received_bytes,
        sent_bytes: kept.sent_bytes,
        first_byte_us: kept.first_byte.map(|at| at.saturating_sub(kept.began)),
        total_us: kept.total,
        ending: ending(kept.ending).to_owned(),
        declined: kept.declines(),
        why: kept.decisive(|decision| Why {
            rule: decision.rule().name.to_owned(),
            outcome: decision.outcome().into_owned(),
            because: decision.because().into_owned(),
        }),
        upstream: kept.hops.last().map(|hop| hop.hop.upstream.clone()),
        stream,
        origin: match kept.origin {
            Origin::Live => "live",
            Origin::Har => "har",
        }
        .to_owned(),
    }
}

fn ending(ending: Option<Ending>) -> &'static str {
    match ending {
        None => "open",
        Some(Ending::Complete) => "complete",
        Some(Ending::Refused) => "refused",
        Some(Ending::Abandoned) => "abandoned",
        Some(Ending::Broken) => "broken",
        Some(Ending::Switched) => "switched",
    }
}
