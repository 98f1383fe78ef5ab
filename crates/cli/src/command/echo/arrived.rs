//! A request as it arrived, and how it is shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, request};
use serde_json::{Value, json};
use wirelight_net::RawHead;
use wirelight_service::{Exchange, Request, Result};

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
    pub(crate) async fn read(request: Request, limits: &Limits) -> Result<Self> {
        let (head, mut body) = request.into_parts();
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
    pub(crate) fn as_json(&self) -> Value {
        let uri = &self.head.uri;
        let mut content = json!({ "length": self.content_bytes });
        match std::str::from_utf8(&self.content) {
            Ok(text) => content["text"] = text.into(),
            Err(_) => content["base64"] = STANDARD.encode(&self.content).into(),
        }
        if self.is_cut() {
            content["kept"] = self.content.len().into();
        }
        json!({
            "method": self.head.method.as_str(),
            "target": uri.to_string(),
            "path": uri.path(),
            "query": super::endpoint::pairs(uri.query().unwrap_or_default().as_bytes()),
            "version": format!("{:?}", self.head.version),
            "peer": self.peer(),
            "head": self.raw_head.as_deref().map(latin_1),
            "fields": listed(&self.head.headers),
            "content": content,
            "trailers": listed(&self.trailers),
        })
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
        Exchange::of(&self.head.extensions).peer.map(|peer| peer.to_string())
    }

    fn is_cut(&self) -> bool {
        self.content_bytes > self.content.len() as u64
    }
}

fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn listed(fields: &HeaderMap) -> Vec<[String; 2]> {
    fields.iter().map(|(name, value)| [name.to_string(), latin_1(value.as_bytes())]).collect()
}

fn write_fields(text: &mut Vec<u8>, title: &str, fields: &HeaderMap) {
    text.extend_from_slice(format!("\n{title}:\n").as_bytes());
    for (name, value) in fields {
        text.extend_from_slice(format!("  {name}: ").as_bytes());
        text.extend_from_slice(value.as_bytes());
        text.push(b'\n');
    }
}
