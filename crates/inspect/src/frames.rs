//! The frames of a connection as they pass: split, masked, and sorted by the stream that they belong to.

use std::collections::VecDeque;

use wirelight_proto::h2::PREFACE;
use wirelight_proto::h2::frame::{HEAD_LENGTH, Head, kind};
use wirelight_proto::h2::hpack::{Decoder, Field, Sink};

use crate::content::Flow;
use crate::mask::{MASK, Masks};
use crate::words::text;

/// END_HEADERS (RFC 9113, section 6.2).
const END_HEADERS: u8 = 0x4;
/// PADDED (RFC 9113, section 6.1).
const PADDED: u8 = 0x8;
/// PRIORITY (RFC 9113, section 6.2).
const PRIORITY: u8 = 0x20;
/// A longer payload is passed over: no engine of ours takes or sends one.
const PAYLOAD_MAX: usize = 1 << 20;
/// A longer field block is not decoded, nor can those behind it be.
const BLOCK_MAX: usize = 1 << 20;

/// So many streams are kept apart; requests that were refused before they began leave theirs behind.
const STREAMS_MAX: usize = 1_000;

/// One frame as it passed, with its secrets masked.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// When it passed, in microseconds of the record's own time.
    pub(crate) at: u64,
    /// Which frame of the connection it was.
    pub(crate) order: u64,
    pub(crate) sent: bool,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    /// How long its payload was; of one with secrets, how long what is kept is.
    pub(crate) length: usize,
    /// What is kept of its payload. The first frame of a field block holds all of it.
    pub(crate) payload: Vec<u8>,
    /// Where the field block begins in the payload.
    pub(crate) block_at: usize,
    pub(crate) entries: Vec<Entry>,
    /// Whether its part of the field block is with the frame that it goes on from.
    pub(crate) joined: bool,
}

/// One representation of a field block (RFC 7541, section 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where it begins in the block, with its secrets masked.
    pub(crate) start: usize,
    pub(crate) length: usize,
    pub(crate) form: Form,
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) hidden: bool,
}

/// How a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Indexed,
    Added,
    NotAdded,
    NeverIndexed,
    TableSize,
}

/// The frames of one exchange, and what is known of the content in them.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) id: u32,
    pub(crate) at: u64,
    pub(crate) frames: Vec<Frame>,
    pub(crate) received: Flow,
    pub(crate) sent: Flow,
}

/// The frames of one connection.
#[derive(Debug)]
pub(crate) struct Frames {
    received: Direction,
    sent: Direction,
    order: u64,
    last_stream: u32,
    pub(crate) streams: Vec<Stream>,
    /// Those that belong to no exchange.
    pub(crate) control: VecDeque<Frame>,
    control_bytes: usize,
    /// How many of those were not kept.
    pub(crate) dropped: u64,
}

/// What frames are kept by.
pub(crate) struct Keeping<'a> {
    pub(crate) masks: &'a Masks,
    pub(crate) content_bytes_max: usize,
    pub(crate) frames_bytes_max: usize,
    pub(crate) at: u64,
}

struct Direction {
    preface: usize,
    /// A frame that has not come whole.
    kept: Vec<u8>,
    skipped: usize,
    /// Gone once a block could not be decoded.
    decoder: Option<Box<Decoder>>,
    /// A field block that has not come whole, with the frame that began it.
    begun: Option<(Frame, Vec<u8>)>,
}

impl std::fmt::Debug for Direction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Direction").field("kept", &self.kept.len()).finish_non_exhaustive()
    }
}

impl Direction {
    fn new(preface: usize) -> Self {
        let mut decoder = Decoder::default();
        // The other end has judged the size already.
        decoder.limit_table(usize::MAX);
        Self { preface, kept: Vec::new(), skipped: 0, decoder: Some(Box::new(decoder)), begun: None }
    }
}

impl Default for Frames {
    fn default() -> Self {
        Self {
            received: Direction::new(PREFACE.len()),
            sent: Direction::new(0),
            order: 0,
            last_stream: 0,
            streams: Vec::new(),
            control: VecDeque::new(),
            control_bytes: 0,
            dropped: 0,
        }
    }
}

impl Frames {
    /// Hears bytes as they pass, however they are split.
    pub(crate) fn pass(&mut self, sent: bool, mut bytes: &[u8], keeping: &Keeping<'_>) {
        let direction = if sent { &mut self.sent } else { &mut self.received };
        let preface = direction.preface.min(bytes.len());
        (direction.preface, bytes) = (direction.preface - preface, &bytes[preface..]);
        while !bytes.is_empty() {
            let direction = if sent { &mut self.sent } else { &mut self.received };
            let skipped = direction.skipped.min(bytes.len());
            (direction.skipped, bytes) = (direction.skipped - skipped, &bytes[skipped..]);
            let wanted = HEAD_LENGTH.saturating_sub(direction.kept.len()).min(bytes.len());
            direction.kept.extend_from_slice(&bytes[..wanted]);
            bytes = &bytes[wanted..];
            let Some(head) = Head::read(&direction.kept) else { return };
            let length = if head.length > PAYLOAD_MAX { 0 } else { head.length };
            let wanted = (HEAD_LENGTH + length).saturating_sub(direction.kept.len()).min(bytes.len());
            direction.kept.extend_from_slice(&bytes[..wanted]);
            bytes = &bytes[wanted..];
            if direction.kept.len() == HEAD_LENGTH + length {
                direction.skipped = head.length - length;
                let whole = std::mem::take(&mut direction.kept);
                self.frame(sent, head, whole, keeping);
            }
        }
    }

    /// How many bytes are held of exchanges under way and of frames of none.
    pub(crate) fn held_bytes(&self) -> usize {
        let of = |direction: &Direction| {
            direction.kept.capacity() + direction.begun.as_ref().map_or(0, |(_, block)| block.capacity())
        };
        let streams: usize = self.streams.iter().map(Stream::cost_bytes).sum();
        of(&self.received) + of(&self.sent) + self.control_bytes + streams
    }

    /// The connection is over: only what belongs to no exchange is still of use.
    pub(crate) fn settle(&mut self) {
        self.streams = Vec::new();
        self.control.shrink_to_fit();
        (self.received, self.sent) = (Direction::new(0), Direction::new(0));
    }

    /// Takes out what passed on a stream.
    pub(crate) fn take(&mut self, stream: u32) -> Option<Stream> {
        let at = self.streams.iter().position(|known| known.id == stream)?;
        Some(self.streams.swap_remove(at))
    }

    fn frame(&mut self, sent: bool, head: Head, mut whole: Vec<u8>, keeping: &Keeping<'_>) {
        self.order += 1;
        let payload = whole.split_off(HEAD_LENGTH);
        let frame = Frame {
            at: keeping.at,
            order: self.order,
            sent,
            kind: head.kind,
            flags: head.flags,
            stream: head.stream,
            length: head.length,
            payload,
            block_at: 0,
            entries: Vec::new(),
            joined: false,
        };
        match head.kind {
            kind::HEADERS | kind::PUSH_PROMISE | kind::CONTINUATION => self.block(frame, keeping),
            _ => self.keep(frame, keeping),
        }
    }

    /// Joins the fragments of a field block, and masks what is secret in it once it is whole.
    fn block(&mut self, mut frame: Frame, keeping: &Keeping<'_>) {
        let direction = if frame.sent { &mut self.sent } else { &mut self.received };
        let ends = frame.flags & END_HEADERS != 0;
        let (first, mut block, continued) = match (direction.begun.take(), frame.kind) {
            (Some((first, mut block)), kind::CONTINUATION) => {
                block.extend_from_slice(&frame.payload);
                frame.payload = Vec::new();
                frame.joined = true;
                (first, block, Some(frame))
            }
            (_, kind::CONTINUATION) => return,
            _ => {
                let range = fragment(&frame);
                let block = frame.payload.get(range.clone()).unwrap_or_default().to_vec();
                frame.block_at = range.start.min(frame.payload.len());
                frame.payload.truncate(frame.block_at);
                (frame, block, None)
            }
        };
        if block.len() > BLOCK_MAX {
            direction.decoder = None;
            block.clear();
        }
        if !ends {
            direction.begun = Some((first, block));
            return continued.into_iter().for_each(|frame| self.keep(frame, keeping));
        }
        let mut first = first;
        first.entries = match &mut direction.decoder {
            Some(decoder) => read(&block, decoder, keeping.masks, &mut first.payload).unwrap_or_default(),
            None => Vec::new(),
        };
        if first.entries.is_empty() && !block.is_empty() {
            // What cannot be read may hold secrets.
            direction.decoder = None;
            first.payload.truncate(first.block_at);
            first.payload.extend_from_slice(MASK);
        }
        first.length = first.payload.len();
        self.keep(first, keeping);
        continued.into_iter().for_each(|frame| self.keep(frame, keeping));
    }

    /// Puts a frame where it belongs.
    fn keep(&mut self, mut frame: Frame, keeping: &Keeping<'_>) {
        if frame.kind == kind::HEADERS && !frame.sent && frame.stream > self.last_stream {
            self.last_stream = frame.stream;
            if self.streams.len() >= STREAMS_MAX {
                self.streams.remove(0);
            }
            let (received, sent) = (Flow::default(), Flow::default());
            self.streams.push(Stream { id: frame.stream, at: frame.at, frames: Vec::new(), received, sent });
        }
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.id == frame.stream) {
            return stream.keep(frame, keeping.content_bytes_max);
        }
        frame.payload.truncate(keeping.content_bytes_max.min(1024));
        frame.payload.shrink_to_fit();
        self.control_bytes += frame.cost_bytes();
        self.control.push_back(frame);
        while self.control_bytes > keeping.frames_bytes_max {
            let Some(oldest) = self.control.pop_front() else { break };
            self.control_bytes -= oldest.cost_bytes();
            self.dropped += 1;
        }
    }
}

impl Stream {
    /// The frames of the heads alone.
    pub(crate) fn head(&self) -> Self {
        let frames = self.frames.iter().filter(|frame| frame.kind == kind::HEADERS).cloned().collect();
        Self { id: self.id, at: self.at, frames, received: Flow::default(), sent: Flow::default() }
    }

    fn keep(&mut self, mut frame: Frame, bytes_max: usize) {
        let flow = if frame.sent { &mut self.sent } else { &mut self.received };
        if frame.kind == kind::DATA {
            let range = fragment(&frame);
            let content = frame.payload.get(range).unwrap_or_default().to_vec();
            let kept = self.frames.iter().filter(|known| known.sent == frame.sent && known.kind == kind::DATA);
            let kept = kept.map(|known| known.payload.get(fragment(known)).unwrap_or_default());
            let room = flow.take(&content, bytes_max, kept);
            if room == 0 && !content.is_empty() {
                return;
            }
            let end = fragment(&frame).start + room;
            if room < content.len() {
                frame.payload.truncate(end);
            }
        } else if !flow.admits(frame.cost_bytes(), bytes_max) {
            return;
        }
        frame.payload.shrink_to_fit();
        self.frames.push(frame);
    }

    pub(crate) fn cost_bytes(&self) -> usize {
        let spare = (self.frames.capacity() - self.frames.len()) * size_of::<Frame>();
        size_of::<Self>() + spare + self.frames.iter().map(Frame::cost_bytes).sum::<usize>()
    }
}

impl Frame {
    pub(crate) fn cost_bytes(&self) -> usize {
        let entries = self.entries.iter().map(|entry| entry.name.capacity() + entry.value.capacity());
        size_of::<Self>()
            + self.payload.capacity()
            + self.entries.capacity() * size_of::<Entry>()
            + entries.sum::<usize>()
    }

    /// The content of a DATA frame, as far as it is kept.
    pub(crate) fn content(&self) -> &[u8] {
        let range = fragment(self);
        self.payload.get(range.start..range.end.min(self.payload.len())).unwrap_or_default()
    }
}

/// Where the content, or the fragment of a field block, lies in a payload: behind what pads and ranks it.
pub(crate) fn fragment(frame: &Frame) -> std::ops::Range<usize> {
    let mut start = 0;
    let mut padding = 0;
    if frame.flags & PADDED != 0 && matches!(frame.kind, kind::DATA | kind::HEADERS | kind::PUSH_PROMISE) {
        padding = frame.payload.first().copied().unwrap_or(0).into();
        start = 1;
    }
    match frame.kind {
        kind::HEADERS if frame.flags & PRIORITY != 0 => start += 5,
        kind::PUSH_PROMISE => start += 4,
        _ => {}
    }
    start..frame.length.saturating_sub(padding).max(start)
}

/// Reads a field block one representation at a time, and appends it to `out` with its secrets masked.
fn read(block: &[u8], decoder: &mut Decoder, masks: &Masks, out: &mut Vec<u8>) -> Option<Vec<Entry>> {
    let base = out.len();
    let mut entries = Vec::new();
    let mut at = 0;
    while let Some(&first) = block.get(at) {
        let start = at;
        let mut value_at = None;
        let form = match first {
            0x80.. => {
                integer(block, &mut at, 7)?;
                Form::Indexed
            }
            0x20..0x40 => {
                integer(block, &mut at, 5)?;
                Form::TableSize
            }
            _ => {
                let (prefix, form) = match first {
                    0x40.. => (6, Form::Added),
                    0x10.. => (4, Form::NeverIndexed),
                    _ => (4, Form::NotAdded),
                };
                if integer(block, &mut at, prefix)? == 0 {
                    string(block, &mut at)?;
                }
                value_at = Some(at);
                string(block, &mut at)?;
                form
            }
        };
        let mut one = One(None);
        decoder.decode(block.get(start..at)?, &mut one).ok()?;
        let (name, value) = one.0.unwrap_or_default();
        let shown = if &*name == b":path" { masks.target(&value).into_owned() } else { value.clone() };
        let hidden = masks.hides(&name) || shown != value;
        let written = out.len() - base;
        match value_at.filter(|_| hidden) {
            Some(value_at) => {
                out.extend_from_slice(&block[start..value_at]);
                out.extend_from_slice(MASK);
            }
            None => out.extend_from_slice(&block[start..at]),
        }
        let value = if hidden && shown == value { text(MASK) } else { text(&shown) };
        entries.push(Entry {
            start: written,
            length: out.len() - base - written,
            form,
            name: text(&name),
            value,
            hidden,
        });
    }
    entries.shrink_to_fit();
    Some(entries)
}

/// The field that one representation stands for.
struct One(Option<(Vec<u8>, Vec<u8>)>);

impl Sink for One {
    fn admits(&mut self, _: usize) -> bool {
        true
    }

    fn field(&mut self, field: Field) {
        self.0 = Some((field.name().as_bytes().to_vec(), field.value().to_vec()));
    }
}

/// An integer whose first octet shares its place with something else (RFC 7541, section 5.1).
fn integer(block: &[u8], at: &mut usize, prefix: u32) -> Option<usize> {
    let full = (1usize << prefix) - 1;
    let mut value = usize::from(*block.get(*at)?) & full;
    *at += 1;
    if value < full {
        return Some(value);
    }
    for shift in (0..32).step_by(7) {
        let octet = *block.get(*at)?;
        *at += 1;
        value = value.checked_add(usize::from(octet & 0x7f) << shift)?;
        if octet & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Passes over a string, whatever its coding (RFC 7541, section 5.2).
fn string(block: &[u8], at: &mut usize) -> Option<()> {
    let length = integer(block, at, 7)?;
    *at = at.checked_add(length).filter(|end| *end <= block.len())?;
    Some(())
}
