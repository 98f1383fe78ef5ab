//! Sending a request again, as it was or changed.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use serde_json::{Value, json};
use wirelight_service::{Body, Request, Response, Service};

use super::{Refused, Setting};
use crate::exchange::Kept;
use crate::inspector::Shared;
use crate::message;
use crate::view::{Content, Field, Message};
use crate::words::text;

/// How much of the answer is read, in bytes.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// What is to be sent.
struct Asked {
    method: Method,
    target: String,
    fields: Vec<(HeaderName, HeaderValue)>,
    content: Bytes,
    /// Fields that are secrets and were not said again.
    left_out: Vec<String>,
}

fn bad(because: impl Into<String>) -> Refused {
    Refused::new(StatusCode::BAD_REQUEST, because)
}

/// Sends what was asked for, and tells what came back.
pub(super) async fn send(shared: &Arc<Shared>, setting: &Setting, said: &Value) -> Result<Response, Refused> {
    let impossible = || Refused::new(StatusCode::CONFLICT, "nothing here can send a request");
    let (sender, base) = setting.sender.as_ref().zip(setting.listeners.first()).ok_or_else(impossible)?;
    let of = match said.get("of").and_then(Value::as_str) {
        Some(id) => {
            let known = shared.ring().newest_first().find(|kept| kept.id() == id).cloned();
            Some(known.ok_or_else(|| Refused::unknown("the exchange to send again"))?)
        }
        None => None,
    };
    let asked = asked(said, of.as_deref())?;
    let uri: Uri = format!("{base}{}", asked.target).parse().map_err(|_| bad("this is no target"))?;
    let mut request = Request::new(Body::from(asked.content));
    *request.method_mut() = asked.method.clone();
    *request.uri_mut() = uri;
    for (name, value) in asked.fields {
        request.headers_mut().append(name, value);
    }
    let before = shared.ring().seen;
    let began = shared.now();
    let unsent = |error: wirelight_service::Error| Refused::new(StatusCode::BAD_GATEWAY, error.because().to_owned());
    let (parts, body) = sender.call(request).await.map_err(unsent)?.into_parts();
    let content = body.collect(ANSWER_BYTES_MAX).await.map_err(unsent)?;
    let total_us = shared.now().saturating_sub(began);
    let new = recorded(shared, before, &asked.method, &asked.target).await;
    let status = parts.status.as_u16();
    let reason = message::reason_of(status);
    let fields = parts.headers.iter().map(|(name, value)| Field {
        name: name.as_str().to_owned(),
        redacted: shared.masks.hides(name.as_str().as_bytes()),
        value: if shared.masks.hides(name.as_str().as_bytes()) {
            "•••".to_owned()
        } else {
            text(value.as_bytes())
        },
    });
    let value = |name| parts.headers.get(name).map(|value: &HeaderValue| text(value.as_bytes()));
    let response = Message {
        line: format!("{:?} {status} {reason}", parts.version),
        version: format!("{:?}", parts.version),
        status: Some(status),
        reason: Some(reason),
        fields: fields.collect(),
        content: Some(Content {
            length: content.len() as u64,
            kept: content.len() as u64,
            media_type: value(header::CONTENT_TYPE),
            coding: value(header::CONTENT_ENCODING),
            text: std::str::from_utf8(&content).ok().map(str::to_owned),
            bytes: STANDARD.encode(&content),
            ..Content::default()
        }),
        ..Message::default()
    };
    let told = json!({
        "id": new.map(|kept| kept.id()),
        "status": status,
        "total_us": total_us,
        "response": response,
        "left_out": asked.left_out,
    });
    Ok(super::json(&told))
}

/// The exchange that a request became, if it was recorded; its record comes a little after its last byte.
async fn recorded(shared: &Shared, before: u64, method: &Method, target: &str) -> Option<Arc<Kept>> {
    for _ in 0..20 {
        let new: Vec<_> = shared.ring().newest_first().take_while(|kept| kept.seq > before).cloned().collect();
        let is_it = |kept: &&Arc<Kept>| {
            let summary = message::summary(kept);
            summary.method.as_deref() == Some(method.as_str()) && summary.target.as_deref() == Some(target)
        };
        if let Some(kept) = new.iter().rev().find(is_it) {
            return Some(Arc::clone(kept));
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    None
}

/// What is to be sent: what was said, and for the rest what was sent before.
fn asked(said: &Value, of: Option<&Kept>) -> Result<Asked, Refused> {
    let before = of.and_then(message::request);
    let word = |name: &str| said.get(name).and_then(Value::as_str).map(str::to_owned);
    let method = word("method").or_else(|| before.as_ref()?.method.clone());
    let method = method.ok_or_else(|| bad("`method` or `of` is needed"))?;
    let target = word("target").or_else(|| before.as_ref()?.target.clone());
    let target = target.ok_or_else(|| bad("`target` or `of` is needed"))?;
    if !target.starts_with('/') && target != "*" {
        return Err(bad("`target` is a path, with its query"));
    }
    let mut left_out = Vec::new();
    let pairs: Vec<(String, String)> = match said.get("fields") {
        Some(fields) => serde_json::from_value(fields.clone())
            .map_err(|_| bad("`fields` is a list of pairs: [[\"name\", \"value\"]]"))?,
        None => {
            let fields = before.iter().flat_map(|message| &message.fields);
            let mut pairs = Vec::new();
            for field in fields {
                match field.redacted {
                    true => left_out.push(field.name.clone()),
                    false => pairs.push((field.name.clone(), field.value.clone())),
                }
            }
            pairs
        }
    };
    let mut fields = Vec::new();
    for (name, value) in pairs {
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad(format!("`{name}` is no name of a field")))?;
        // What belongs to a connection is for the one that it is sent on.
        if matches!(name, header::CONNECTION | header::TRANSFER_ENCODING | header::CONTENT_LENGTH | header::TE) {
            continue;
        }
        let value = HeaderValue::from_str(&value).map_err(|_| bad(format!("`{name}` cannot have this value")))?;
        fields.push((name, value));
    }
    let content = match (word("content"), word("content_base64"), &before) {
        (Some(text), ..) => Bytes::from(text),
        (None, Some(coded), _) => STANDARD.decode(coded).map_err(|_| bad("`content_base64` is no Base64"))?.into(),
        (None, None, Some(Message { content: Some(content), .. })) => {
            if content.truncated {
                return Err(bad("the content of that request was not kept whole; say what to send"));
            }
            STANDARD.decode(&content.bytes).unwrap_or_default().into()
        }
        (None, None, _) => Bytes::new(),
    };
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| bad(format!("`{method}` is no method")))?;
    Ok(Asked { method, target, fields, content, left_out })
}
