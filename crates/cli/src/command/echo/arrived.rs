//! A request as it arrived, and how it is shown.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, request};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use wirelight_net::RawHead;
use wirelight_service::{Error, Exchange, Request};

use super::Limits;

/// A request, read whole.
#[derive(Debug)]
pub(crate) struct Arrived {
    /// Its head, as it was understood.
    pub(crate) head: request::Parts,
    /// Its head, byte for byte, where the server kept it.
    pub(crate) raw_head: Option<Bytes>,
    /// Its content, up to what is kept.
    pub(crate) content: Vec<u8>,
    /// How many bytes of content there were.
    pub(crate) content_bytes: u64,
    /// Its trailer section.
    pub(crate) trailers: HeaderMap,
}

impl Arrived {
    /// Reads everything, and keeps what the limits allow.
    pub(crate) async fn read(request: Request, limits: &Limits) -> Result<Self, Error> {
        let (head, mut body) = Exchange::into_parts(request);
        let raw_head = head.extensions.get::<RawHead>().map(|raw| raw.0.clone());
        let mut arrived = Self { head, raw_head, content: Vec::new(), content_bytes: 0, trailers: HeaderMap::new() };
        while let Some(frame) = body.frame().await {
            match frame?.into_data() {
                Ok(data) => {
                    arrived.content_bytes += data.len() as u64;
                    let room = limits.content_kept_bytes - arrived.content.len();
                    arrived.content.extend_from_slice(&data[..room.min(data.len())]);
                }
                Err(frame) => arrived.trailers = frame.into_trailers().unwrap_or_default(),
            }
        }
        Ok(arrived)
    }

    /// Everything, for programs. Bytes of the head are shown as the characters of the same number (ISO 8859-1), so
    /// that none is lost; content that is not UTF-8 is shown in Base64.
    pub(crate) fn shown(&self) -> Shown<'_> {
        let uri = &self.head.uri;
        let text = std::str::from_utf8(&self.content).ok();
        Shown {
            method: self.head.method.as_str(),
            target: uri.to_string(),
            path: uri.path(),
            query: super::endpoint::pairs(uri.query().unwrap_or_default().as_bytes()).into_iter().collect(),
            version: format!("{:?}", self.head.version),
            peer: self.peer(),
            head: self.raw_head.as_deref().map(latin_1),
            fields: listed(&self.head.headers),
            content: Content {
                length: self.content_bytes,
                kept: self.is_cut().then_some(self.content.len()),
                text,
                base64: text.is_none().then(|| STANDARD.encode(&self.content)),
            },
            trailers: listed(&self.trailers),
        }
    }

    /// Everything, for people: the head and the content are byte for byte what came.
    pub(crate) fn as_text(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.content.len() + 1024);
        if let Some(peer) = self.peer() {
            text.extend_from_slice(format!("from {peer}\n\n").as_bytes());
        }
        if let Some(head) = &self.raw_head {
            text.extend_from_slice(format!("head, {} bytes as they arrived:\n", head.len()).as_bytes());
            text.extend_from_slice(head);
        }
        write_fields(&mut text, "fields, as they were understood", &self.head.headers);
        let kept = if self.is_cut() { format!(", the first {} of them", self.content.len()) } else { String::new() };
        text.extend_from_slice(format!("\ncontent, {} bytes{kept}:\n", self.content_bytes).as_bytes());
        text.extend_from_slice(&self.content);
        if !self.content.is_empty() && !self.content.ends_with(b"\n") {
            text.push(b'\n');
        }
        if !self.trailers.is_empty() {
            write_fields(&mut text, "trailer fields", &self.trailers);
        }
        text
    }

    fn peer(&self) -> Option<String> {
        Exchange::of(&self.head).peer.map(|peer| peer.to_string())
    }

    fn is_cut(&self) -> bool {
        self.content_bytes > self.content.len() as u64
    }
}

fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn listed(fields: &HeaderMap) -> Listed {
    fields.iter().map(|(name, value)| (name.to_string(), latin_1(value.as_bytes()))).collect()
}

/// A request as programs read it.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'a> {
    method: &'a str,
    target: String,
    path: &'a str,
    query: Listed,
    version: String,
    peer: Option<String>,
    head: Option<String>,
    fields: Listed,
    content: Content<'a>,
    trailers: Listed,
}

/// Content as programs read it: text, or Base64 of what is none.
#[derive(Debug, Serialize)]
struct Content<'a> {
    length: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

/// Names and values in their order: an object whose members are a value, or a list of those that share a name.
#[derive(Debug, Default)]
pub(crate) struct Listed(Vec<(String, Vec<String>)>);

impl FromIterator<(String, String)> for Listed {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let mut listed: Vec<(String, Vec<String>)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (name, value) in pairs {
            match places.get(&name) {
                Some(&place) => listed[place].1.push(value),
                None => {
                    places.insert(name.clone(), listed.len());
                    listed.push((name, vec![value]));
                }
            }
        }
        Self(listed)
    }
}

impl Serialize for Listed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, values) in &self.0 {
            match &values[..] {
                [value] => map.serialize_entry(name, value)?,
                _ => map.serialize_entry(name, values)?,
            }
        }
        map.end()
    }
}

fn write_fields(text: &mut Vec<u8>, title: &str, fields: &HeaderMap) {
    text.extend_from_slice(format!("\n{title}:\n").as_bytes());
    for (name, value) in fields {
        text.extend_from_slice(format!("  {name}: ").as_bytes());
        text.extend_from_slice(value.as_bytes());
        text.push(b'\n');
    }
}
