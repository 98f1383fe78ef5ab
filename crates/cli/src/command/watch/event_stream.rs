//! A stream of events, read as it comes (HTML, section 9.2.6: interpreting an event stream).

use std::time::Duration;

/// A longer line is not waited for.
const LINE_BYTES_MAX: usize = 16 << 20;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// Its type; empty where it has none.
    pub(super) name: String,
    /// Its data, lines parted by LF.
    pub(super) data: String,
    /// Where to go on behind it.
    pub(super) id: Option<String>,
    /// How long to wait before the stream is taken up again.
    pub(super) retry: Option<Duration>,
}

/// Reads events from pieces, however they are cut.
#[derive(Debug, Default)]
pub(super) struct Reader {
    line: Vec<u8>,
    /// The line before ended with CR: an LF belongs to it.
    after_return: bool,
    event: Event,
}

impl Reader {
    /// The events that are whole with this piece. One without data is told as well where it says when to try again.
    pub(super) fn read(&mut self, piece: &[u8]) -> Vec<Event> {
        let mut whole = Vec::new();
        for &byte in piece {
            match byte {
                b'\n' if std::mem::take(&mut self.after_return) => {}
                b'\n' | b'\r' => {
                    self.after_return = byte == b'\r';
                    whole.extend(self.end_line());
                }
                _ => {
                    self.after_return = false;
                    self.line.push(byte);
                }
            }
        }
        whole
    }

    /// Whether a line is longer than any that is meant.
    pub(super) fn is_too_long(&self) -> bool {
        self.line.len() > LINE_BYTES_MAX
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return (event != Event::default()).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.event.name = value.to_owned(),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            "id" if !value.contains('\0') => self.event.id = Some(value.to_owned()),
            "retry" => self.event.retry = value.parse().ok().map(Duration::from_millis),
            // A comment, or a field that means nothing here.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str =
        "retry: 250\n\n: still here\n\nevent: exchange\ndata: {\"a\":\ndata:1}\nid: 7\n\nid\r\ndata: x\r\r";

    #[test]
    fn events_are_the_same_however_the_stream_is_cut() {
        let event = |name: &str, data: &str, id: Option<&str>| Event {
            name: name.to_owned(),
            data: data.to_owned(),
            id: id.map(str::to_owned),
            retry: None,
        };
        let expected = [
            Event { retry: Some(Duration::from_millis(250)), ..Event::default() },
            event("exchange", "{\"a\":\n1}", Some("7")),
            event("", "x", Some("")),
        ];
        for cut in 0..=STREAM.len() {
            let mut reader = Reader::default();
            let (one, other) = STREAM.as_bytes().split_at(cut);
            let mut told = reader.read(one);
            told.extend(reader.read(other));
            assert_eq!(told, expected, "cut at {cut}");
        }
    }
}
