//! What passed between this side and the server that a request was sent on to, beside what passed with the client.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::annotate::beside::{self, Head};
use crate::annotate::http1;
use crate::detail::direction;
use crate::exchange::{Kept, KeptHop};
use crate::view::{Field, Message, Pair, Piece};

/// The heads of a hop: as they passed, or written out where they passed in another form.
pub(crate) fn wire(kept: &Kept, hop: &KeptHop, request: &Message, response: Option<&Message>) -> Vec<Piece> {
    let pieces: Vec<_> = hop.heads.iter().collect();
    if !pieces.is_empty() {
        let shown = pieces.into_iter().map(|piece| {
            let is_sent = piece.what.is_sent();
            shown(piece.bytes, is_sent, Some(kept.since(piece.at)), false)
        });
        return shown.collect();
    }
    let sent = shown(&written(&request.line, &request.fields), true, Some(kept.since(hop.began)), true);
    let came = response.map(|came| {
        let bytes = written(&came.line, &came.fields);
        shown(&bytes, false, Some(kept.since(hop.ended)), true)
    });
    [sent].into_iter().chain(came).collect()
}

fn shown(bytes: &[u8], is_sent: bool, at_us: Option<i64>, written: bool) -> Piece {
    Piece {
        direction: direction(is_sent),
        at_us,
        bytes: STANDARD.encode(bytes),
        length: bytes.len() as u64,
        truncated: false,
        frames: false,
        written,
        spans: http1::head(bytes, is_sent),
    }
}

/// A head as HTTP/1 would write it.
fn written(line: &str, fields: &[Field]) -> Vec<u8> {
    let mut bytes = format!("{line}\r\n").into_bytes();
    for field in fields {
        bytes.extend_from_slice(field.name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(if field.redacted { crate::mask::MASK } else { field.value.as_bytes() });
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// What came beside what was sent on, and what came back beside what left, line by line.
pub(crate) fn beside(passed: &[Piece], hop: &[Piece]) -> (Vec<Pair>, Vec<Pair>) {
    let [received, left] = [false, true].map(|is_sent| Heads::of(passed, is_sent));
    let [sent_on, came] = [true, false].map(|is_sent| Heads::of(hop, is_sent));
    (received.compare(&sent_on), came.compare(&left))
}

/// The head of a message among pieces, decoded.
struct Heads<'a> {
    pieces: Vec<(usize, Vec<u8>, &'a Piece)>,
}

impl<'a> Heads<'a> {
    /// The head that went one way; of several the last one, which no interim response is.
    fn of(pieces: &'a [Piece], is_sent: bool) -> Self {
        let direction = direction(is_sent);
        let all = pieces.iter().enumerate().filter(|(_, piece)| piece.direction == direction);
        let mut of_head = all.filter(|(_, piece)| piece.spans.iter().any(|span| is_of_head(&span.kind, &span.name)));
        let pieces =
            of_head.next_back().map(|(index, piece)| (index, STANDARD.decode(&piece.bytes).unwrap_or_default(), piece));
        Self { pieces: pieces.into_iter().collect() }
    }

    fn compare(&self, right: &Self) -> Vec<Pair> {
        match self.pieces.is_empty() || right.pieces.is_empty() {
            true => Vec::new(),
            false => beside::compare(&self.head(), &right.head()),
        }
    }

    fn head(&self) -> Head<'_> {
        let is_exact = self.pieces.iter().all(|(_, _, piece)| !piece.frames && !piece.written);
        let pieces = self.pieces.iter().map(|(index, bytes, piece)| (*index, &**bytes, &*piece.spans)).collect();
        Head { pieces, is_exact }
    }
}

/// Whether a span belongs to a head and not to content or to a trailer section.
fn is_of_head(kind: &str, name: &str) -> bool {
    matches!(kind, "method" | "target" | "status") || kind.starts_with("hpack") && matches!(name, ":method" | ":status")
}
