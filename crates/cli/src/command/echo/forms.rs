//! A form to fill in, and what was filled in: urlencoded, or multipart/form-data (RFC 7578).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};
use wirelight_semantics::media_type::MediaType;

use super::arrived::Listed;
use super::endpoint::{Answer, Call, Refused, pairs};
use super::{content, json, refuse};

/// The form.
const PAGE: &str = include_str!("form.html");
/// How many parts a multipart form may have.
const PARTS_MAX: usize = 100;

/// `/forms`
pub(crate) fn form(call: &Call<'_>) -> Result<Answer, Refused> {
    let arrived = call.arrived;
    if matches!(arrived.head.method, Method::GET | Method::HEAD) {
        let mut response = content(PAGE, "text/html; charset=utf-8");
        let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; form-action 'self'");
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        return Ok(response.into());
    }
    if arrived.content_bytes > arrived.content.len() as u64 {
        let detail = format!("a form here may have {} bytes at most", arrived.content.len());
        return Ok(refuse(StatusCode::PAYLOAD_TOO_LARGE, detail).into());
    }
    let media_type =
        arrived.head.headers.get(header::CONTENT_TYPE).and_then(|value| MediaType::parse(value.as_bytes()).ok());
    match media_type.as_ref().map(MediaType::essence) {
        Some("application/x-www-form-urlencoded") => {
            Ok(json(&json!({ "form": Listed::from_iter(pairs(&arrived.content)) })).into())
        }
        Some("multipart/form-data") => {
            let boundary = media_type.as_ref().and_then(|media_type| media_type.parameter("boundary"));
            let boundary =
                boundary.ok_or_else(|| Refused("multipart/form-data came without its boundary".to_owned()))?;
            Ok(json(&json!({ "form": parts(&arrived.content, boundary)? })).into())
        }
        _ => {
            let detail = "a form comes as application/x-www-form-urlencoded or multipart/form-data";
            Ok(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail).into())
        }
    }
}

/// The parts between the boundaries (RFC 2046, section 5.1.1).
fn parts(content: &[u8], boundary: &str) -> Result<Vec<Value>, Refused> {
    let broken = |what: &str| Refused(format!("the multipart form is broken: {what}"));
    let first = format!("--{boundary}");
    let next = format!("\r\n--{boundary}");
    let mut rest =
        content.strip_prefix(first.as_bytes()).ok_or_else(|| broken("it does not begin with its boundary"))?;
    let mut parts = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Ok(parts);
        }
        if parts.len() == PARTS_MAX {
            return Err(broken(&format!("it has more than {PARTS_MAX} parts")));
        }
        let part = rest.strip_prefix(b"\r\n").ok_or_else(|| broken("no line ends after a boundary"))?;
        let end = memchr::memmem::find(part, next.as_bytes()).ok_or_else(|| broken("its last boundary is missing"))?;
        let head = memchr::memmem::find(&part[..end], b"\r\n\r\n").ok_or_else(|| broken("a part has no empty line"))?;
        parts.push(describe(&part[..head], &part[head + 4..end]).ok_or_else(|| broken("a part has no name"))?);
        rest = &part[end + next.len()..];
    }
}

fn describe(head: &[u8], content: &[u8]) -> Option<Value> {
    let field = |wanted: &str| {
        head.split(|byte| *byte == b'\n').find_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let matches = line[..colon].eq_ignore_ascii_case(wanted.as_bytes());
            matches.then(|| String::from_utf8_lossy(line[colon + 1..].trim_ascii()).into_owned())
        })
    };
    let disposition = field("content-disposition")?;
    let mut described = json!({ "name": parameter(&disposition, "name")?, "length": content.len() });
    if let Some(filename) = parameter(&disposition, "filename") {
        described["filename"] = filename.into();
    }
    if let Some(media_type) = field("content-type") {
        described["type"] = media_type.into();
    }
    match std::str::from_utf8(content) {
        Ok(text) => described["text"] = text.into(),
        Err(_) => described["base64"] = STANDARD.encode(content).into(),
    }
    Some(described)
}

/// A quoted parameter of Content-Disposition; browsers write a quote in it as %22 (RFC 7578, section 4.2).
fn parameter(disposition: &str, name: &str) -> Option<String> {
    let start = format!("; {name}=\"");
    let from = disposition.find(&start)? + start.len();
    let length = disposition[from..].find('"')?;
    Some(disposition[from..from + length].to_owned())
}
