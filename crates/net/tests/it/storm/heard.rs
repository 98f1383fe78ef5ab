//! What a peer has heard on an HTTP/1 connection, read by other code than the engine's.

use std::collections::BTreeMap;

/// A response that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// By their names in lower case.
    pub(super) fields: BTreeMap<String, String>,
    pub(super) content: Vec<u8>,
}

impl Answer {
    /// Whether it is the last on its connection.
    pub(super) fn closes(&self) -> bool {
        self.fields.get("connection").is_some_and(|options| options.eq_ignore_ascii_case("close"))
    }
}

/// How the connection ended, as far as it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Not,
    InOrder,
    ByReset,
}

/// What was heard, and how far it was understood.
#[derive(Debug, Default)]
pub(super) struct Heard {
    bytes: Vec<u8>,
    at: usize,
    pub(super) answers: Vec<Answer>,
    pub(super) continues: usize,
    pub(super) switched: bool,
}

impl Heard {
    /// Takes in what came; `is_head` says which of the requests asked with HEAD.
    pub(super) fn hear(&mut self, bytes: &[u8], ended: Ended, is_head: impl Fn(usize) -> bool) {
        self.bytes.extend_from_slice(bytes);
        while !self.switched
            && let Some(length) = self.understand(ended, is_head(self.answers.len()))
        {
            self.at += length;
        }
    }

    /// What follows the responses that are whole: the beginning of another, or what the other protocol says.
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    /// How long the next response is, if it is whole.
    fn understand(&mut self, ended: Ended, is_head: bool) -> Option<usize> {
        let bytes = &self.bytes[self.at..];
        let head_length = find(bytes, b"\r\n\r\n")? + 4;
        let head = std::str::from_utf8(&bytes[..head_length]).expect("a head is text");
        let mut lines = head.trim_end().split("\r\n");
        let status_line = lines.next().unwrap();
        assert!(status_line.starts_with("HTTP/1.1 "), "{status_line:?}");
        let status: u16 = status_line[9..12].parse().unwrap();
        let fields: BTreeMap<String, String> = lines
            .map(|line| line.split_once(": ").expect("a field"))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        if status == 100 {
            self.continues += 1;
            return Some(head_length);
        }
        let rest = &bytes[head_length..];
        let none = is_head || matches!(status, 101 | 204 | 304);
        let (content, length) = if none {
            (Vec::new(), 0)
        } else if fields.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
            chunks(rest)?
        } else if let Some(length) = fields.get("content-length") {
            let length: usize = length.parse().unwrap();
            (rest.get(..length)?.to_vec(), length)
        } else if ended == Ended::InOrder {
            (rest.to_vec(), rest.len())
        } else {
            return None;
        };
        self.switched = status == 101;
        self.answers.push(Answer { status, fields, content });
        Some(head_length + length)
    }
}

/// The content of a chunked message, and how long it is on the wire.
fn chunks(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut content = Vec::new();
    let mut at = 0;
    loop {
        let line = find(&bytes[at..], b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[at..at + line]).unwrap(), 16).unwrap();
        at += line + 2;
        if size == 0 {
            loop {
                let line = find(&bytes[at..], b"\r\n")?;
                at += line + 2;
                if line == 0 {
                    return Some((content, at));
                }
            }
        }
        content.extend_from_slice(bytes.get(at..at + size)?);
        assert_eq!(bytes.get(at + size..at + size + 2)?, b"\r\n");
        at += size + 2;
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
