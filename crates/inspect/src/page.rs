//! The files of the page, as they stand in the repository, in the binary.

use std::sync::LazyLock;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use sha2::{Digest as _, Sha256};
use wirelight_semantics::grammar;
use wirelight_service::{Body, Response};

/// Every file: its name, and its bytes.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// An entity tag for each file.
static TAGS: LazyLock<Vec<HeaderValue>> = LazyLock::new(|| {
    let tags = FILES.iter().map(|(_, bytes)| {
        let digest = Sha256::digest(bytes);
        let text: String = digest[..12].iter().map(|byte| format!("{byte:02x}")).collect();
        HeaderValue::try_from(format!("\"{text}\"")).expect("hexadecimal digits may stand in a field")
    });
    tags.collect()
});

/// Nothing but what we serve ourselves, and no page around it: bytes of strangers are shown here.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// A file of the page; `None` if there is no such file.
pub(crate) fn file(path: &str, method: &Method, asked: &HeaderMap) -> Option<Response> {
    let name = if path == "/" { "index.html" } else { path.strip_prefix('/')? };
    let index = FILES.iter().position(|(known, _)| *known == name)?;
    let tag = &TAGS[index];
    let mut response = Response::new(Body::empty());
    let known = asked.get_all(header::IF_NONE_MATCH).iter();
    if known.flat_map(|value| grammar::list(value.as_bytes())).any(|known| known == tag.as_bytes()) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        let content = bytes::Bytes::from_static(FILES[index].1);
        response.headers_mut().insert(header::CONTENT_LENGTH, content.len().into());
        if *method != Method::HEAD {
            *response.body_mut() = Body::from(content);
        }
    }
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(name)));
    fields.insert(header::ETAG, tag.clone());
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Some(response)
}

/// What every response of the inspector says to a browser.
pub(crate) fn protect(fields: &mut HeaderMap) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        fields.insert(name, HeaderValue::from_static(value));
    }
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
