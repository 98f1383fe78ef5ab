//! Requests and responses as the format has them, and as HTTP has them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Uri, Version};
use serde::{Deserialize, Serialize};
use wirelight_semantics::status::name as status_name;

/// What stands in the place of a secret.
const MASKED: &str = "***";

/// A request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The method.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// The version, such as `HTTP/1.1`.
    #[serde(default)]
    pub http_version: String,
    /// The cookies that it sent.
    #[serde(default)]
    pub cookies: Vec<Cookie>,
    /// The fields, in their order.
    #[serde(default)]
    pub headers: Vec<Field>,
    /// The parameters of the query, decoded.
    #[serde(default)]
    pub query_string: Vec<Field>,
    /// The content, if there was some and it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_data: Option<PostData>,
    /// The length of the head in bytes; -1 where it is not known.
    #[serde(default = "unknown")]
    pub headers_size: i64,
    /// The length of the content in bytes, as it was sent; -1 where it is not known.
    #[serde(default = "unknown")]
    pub body_size: i64,
}

/// The content of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostData {
    /// The media type.
    #[serde(default)]
    pub mime_type: String,
    /// The fields of a form, where another program wrote them instead of the text.
    #[serde(default)]
    pub params: Vec<Param>,
    /// The content.
    #[serde(default)]
    pub text: String,
    /// `base64` where the content is no text. The format has no field of its own for it.
    #[serde(rename = "_encoding", default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
}

/// A field of a form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// The name.
    pub name: String,
    /// The value.
    #[serde(default)]
    pub value: String,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The status; 0 where there was no response.
    pub status: u16,
    /// The reason phrase.
    #[serde(default)]
    pub status_text: String,
    /// The version, such as `HTTP/1.1`.
    #[serde(default)]
    pub http_version: String,
    /// The cookies that it set.
    #[serde(default)]
    pub cookies: Vec<Cookie>,
    /// The fields, in their order.
    #[serde(default)]
    pub headers: Vec<Field>,
    /// The content.
    #[serde(default)]
    pub content: Content,
    /// Where Location points; empty where there is none.
    #[serde(rename = "redirectURL", default)]
    pub redirect_url: String,
    /// The length of the head in bytes; -1 where it is not known.
    #[serde(default = "unknown")]
    pub headers_size: i64,
    /// The length of the content in bytes, as it came; -1 where it is not known.
    #[serde(default = "unknown")]
    pub body_size: i64,
}

/// The content of a response.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// Its length in bytes, without content codings.
    #[serde(default)]
    pub size: i64,
    /// How many bytes a content coding saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<i64>,
    /// The media type.
    #[serde(default)]
    pub mime_type: String,
    /// The content, where it was kept, without content codings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `base64` where the content is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
}

/// A field, or a parameter of the query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The name.
    pub name: String,
    /// The value.
    #[serde(default)]
    pub value: String,
}

/// A cookie.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cookie {
    /// The name.
    pub name: String,
    /// The value.
    #[serde(default)]
    pub value: String,
    /// The path it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The domain it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Until when it is kept, as it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Whether scripts are kept from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_only: Option<bool>,
    /// Whether it is sent over secure connections only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secure: Option<bool>,
}

/// What becomes of credentials and cookies in an archive, which people pass on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mask {
    /// They are replaced by stars.
    #[default]
    Secrets,
    /// They stand as they went over the wire.
    Nothing,
}

/// Why a message of an archive cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable(String);

fn unknown() -> i64 {
    -1
}

/// A length as the format counts it.
pub(super) fn size(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// A version as the format names it.
pub(super) fn version(version: Version) -> String {
    match version {
        Version::HTTP_2 => "HTTP/2".to_owned(),
        Version::HTTP_3 => "HTTP/3".to_owned(),
        other => format!("{other:?}"),
    }
}

/// The text of content, and the name of its encoding where it is no text.
fn encode(content: &[u8]) -> (String, Option<String>) {
    match std::str::from_utf8(content) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (STANDARD.encode(content), Some("base64".to_owned())),
    }
}

fn decode(text: &str, encoding: Option<&str>) -> Result<Bytes, Unusable> {
    match encoding {
        None | Some("") => Ok(Bytes::from(text.to_owned())),
        Some("base64") => STANDARD
            .decode(text)
            .map(Bytes::from)
            .map_err(|error| Unusable(format!("its content is no base64: {error}"))),
        Some(other) => Err(Unusable(format!("its content has the encoding `{other}`, which is not known"))),
    }
}

/// The value as text: bytes that are no UTF-8 are read as Latin-1, as HTTP once had them.
fn text(value: &HeaderValue) -> String {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
    }
}

fn is_secret(name: &HeaderName) -> bool {
    matches!(*name, header::AUTHORIZATION | header::PROXY_AUTHORIZATION | header::COOKIE | header::SET_COOKIE)
}

fn fields(headers: &HeaderMap, mask: Mask) -> Vec<Field> {
    let field = |(name, value): (&HeaderName, &HeaderValue)| {
        let masked = mask == Mask::Secrets && is_secret(name);
        Field { name: name.to_string(), value: if masked { MASKED.to_owned() } else { text(value) } }
    };
    headers.iter().map(field).collect()
}

fn cookies(headers: &HeaderMap, mask: Mask) -> Vec<Cookie> {
    let lines = headers.get_all(header::COOKIE).iter().map(text);
    let pairs = lines.flat_map(|line| line.split(';').map(str::to_owned).collect::<Vec<_>>());
    pairs.filter(|pair| !pair.trim().is_empty()).map(|pair| cookie(&pair, mask)).collect()
}

fn set_cookies(headers: &HeaderMap, mask: Mask) -> Vec<Cookie> {
    let set = headers.get_all(header::SET_COOKIE).iter().map(text);
    set.map(|line| {
        let mut parts = line.split(';');
        let mut set = cookie(parts.next().unwrap_or_default(), mask);
        for attribute in parts {
            let (name, value) = attribute.trim().split_once('=').unwrap_or((attribute.trim(), ""));
            match name.to_ascii_lowercase().as_str() {
                "path" => set.path = Some(value.to_owned()),
                "domain" => set.domain = Some(value.to_owned()),
                "expires" => set.expires = Some(value.to_owned()),
                "httponly" => set.http_only = Some(true),
                "secure" => set.secure = Some(true),
                _ => {}
            }
        }
        set
    })
    .collect()
}

fn cookie(pair: &str, mask: Mask) -> Cookie {
    let (name, value) = pair.trim().split_once('=').unwrap_or(("", pair.trim()));
    let value = if mask == Mask::Secrets { MASKED } else { value };
    Cookie { name: name.to_owned(), value: value.to_owned(), ..Cookie::default() }
}

fn media_type(headers: &HeaderMap) -> String {
    headers.get(header::CONTENT_TYPE).map(text).unwrap_or_default()
}

/// The parameters of a query, decoded as forms are.
fn query(url: &str) -> Vec<Field> {
    let Some((_, query)) = url.split('#').next().unwrap_or_default().split_once('?') else { return Vec::new() };
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Field { name: decode(name), value: decode(value) }
        })
        .collect()
}

/// The fields of a map as HTTP has them, but for those that belong to one connection or one framing.
fn to_fields(fields: &[Field]) -> Result<HeaderMap, Unusable> {
    let mut map = HeaderMap::new();
    for Field { name, value } in fields {
        // Browsers write the pseudo-fields of HTTP/2 among the others.
        if name.starts_with(':') {
            continue;
        }
        let unusable = || Unusable(format!("its field `{}` cannot be sent", name.escape_debug()));
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable())?;
        let belongs_to_connection = matches!(
            name,
            header::CONNECTION | header::CONTENT_LENGTH | header::TRANSFER_ENCODING | header::UPGRADE | header::TE
        ) || matches!(name.as_str(), "keep-alive" | "proxy-connection");
        if !belongs_to_connection {
            map.append(name, HeaderValue::from_str(value).map_err(|_| unusable())?);
        }
    }
    Ok(map)
}

impl Request {
    /// A request for `url`, with its content if that was kept.
    pub fn of(
        (method, url, http_version): (&Method, String, Version),
        headers: &HeaderMap,
        sent_bytes: u64,
        content: Option<&[u8]>,
        mask: Mask,
    ) -> Self {
        let post_data = content.filter(|content| !content.is_empty()).map(|content| {
            let (text, encoding) = encode(content);
            PostData { mime_type: media_type(headers), params: Vec::new(), text, encoding }
        });
        Self {
            method: method.to_string(),
            query_string: query(&url),
            url,
            http_version: version(http_version),
            cookies: cookies(headers, mask),
            headers: fields(headers, mask),
            post_data,
            headers_size: unknown(),
            body_size: i64::try_from(sent_bytes).unwrap_or(i64::MAX),
        }
    }

    /// The request as it can be sent again: without what belonged to its connection.
    ///
    /// # Errors
    /// If its method, URL, fields or content make no request.
    pub fn to_http(&self) -> Result<http::Request<Bytes>, Unusable> {
        let method = Method::from_bytes(self.method.as_bytes())
            .map_err(|_| Unusable(format!("`{}` is no method", self.method.escape_debug())))?;
        let url = self.url.split('#').next().unwrap_or_default();
        let uri = url.parse::<Uri>().ok().filter(|uri| uri.scheme().is_some() && uri.authority().is_some());
        let uri = uri.ok_or_else(|| Unusable(format!("`{}` is no whole URL", url.escape_debug())))?;
        let content = match &self.post_data {
            None => Bytes::new(),
            Some(post) if post.text.is_empty() && !post.params.is_empty() => post.form(),
            Some(post) => decode(&post.text, post.encoding.as_deref())?,
        };
        let mut request = http::Request::new(content);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = to_fields(&self.headers)?;
        Ok(request)
    }
}

impl PostData {
    /// The parameters as a form sends them.
    fn form(&self) -> Bytes {
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let pair = |param: &Param| format!("{}={}", encode(&param.name), encode(&param.value));
        self.params.iter().map(pair).collect::<Vec<_>>().join("&").into()
    }
}

impl Response {
    /// A response, with its content (without content codings) if that was kept.
    pub fn of(
        (status, http_version): (StatusCode, Version),
        headers: &HeaderMap,
        received_bytes: u64,
        content: Option<&[u8]>,
        mask: Mask,
    ) -> Self {
        let body_size = i64::try_from(received_bytes).unwrap_or(i64::MAX);
        let length = content.map_or(body_size, |content| size(content.len()));
        let saved = length - body_size;
        let (text, encoding) = content.map(encode).unzip();
        Self {
            status: status.as_u16(),
            status_text: status_name(status).to_owned(),
            http_version: version(http_version),
            cookies: set_cookies(headers, mask),
            headers: fields(headers, mask),
            content: Content {
                size: length,
                compression: (content.is_some() && saved != 0).then_some(saved),
                mime_type: media_type(headers),
                text,
                encoding: encoding.flatten(),
            },
            redirect_url: headers.get(header::LOCATION).map(self::text).unwrap_or_default(),
            headers_size: unknown(),
            body_size,
        }
    }

    /// What stands for a response where none came.
    pub fn none() -> Self {
        Self {
            status: 0,
            status_text: String::new(),
            http_version: String::new(),
            cookies: Vec::new(),
            headers: Vec::new(),
            content: Content { mime_type: "x-unknown".to_owned(), ..Content::default() },
            redirect_url: String::new(),
            headers_size: unknown(),
            body_size: unknown(),
        }
    }

    /// The response as it can be sent again: without what belonged to its connection, and without the content coding,
    /// since an archive keeps the content without it.
    ///
    /// # Errors
    /// If there was none, or its fields or content make no response.
    pub fn to_http(&self) -> Result<http::Response<Bytes>, Unusable> {
        let status = StatusCode::from_u16(self.status)
            .map_err(|_| Unusable(format!("{} is no status: there was no response", self.status)))?;
        let content = match &self.content.text {
            None => Bytes::new(),
            Some(text) => decode(text, self.content.encoding.as_deref())?,
        };
        let mut response = http::Response::new(content);
        *response.status_mut() = status;
        *response.headers_mut() = to_fields(&self.headers)?;
        response.headers_mut().remove(header::CONTENT_ENCODING);
        Ok(response)
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}
