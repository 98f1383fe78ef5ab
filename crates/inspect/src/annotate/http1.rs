//! Messages of HTTP/1 (RFC 9112): every byte of a head, and of content with its framing.

use super::span;
use crate::mask::MASK;
use crate::view::Span;
use crate::words::text;

/// The spans of a head, in order; together they cover every byte. What is behind the head is content.
pub(crate) fn head(bytes: &[u8], is_request: bool) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut at = 0;
    let mut begun = false;
    while at < bytes.len() {
        let line = line_at(bytes, at);
        let text_length = line.len() - end_of(line);
        match (begun, text_length) {
            (false, 0) => {
                end(&mut spans, at, line, "empty-line", "an empty line before the message, which is passed over")
            }
            (true, 0) => {
                end(&mut spans, at, line, "empty-line", "the empty line that ends the fields: what follows is content");
                at += line.len();
                if at < bytes.len() {
                    spans.push(content(at, bytes.len() - at));
                }
                return spans;
            }
            (false, length) => {
                begun = true;
                start_line(&mut spans, at, &line[..length], is_request);
                end(&mut spans, at + length, &line[length..], "line-end", "the end of the line");
            }
            (true, length) => {
                field(&mut spans, at, &line[..length], false);
                end(&mut spans, at + length, &line[length..], "line-end", "the end of the line");
            }
        }
        at += line.len();
    }
    spans
}

/// The spans of content that comes with or without the chunked coding, and of the trailer section behind it.
///
/// `left` is how much of a chunk's data is still to come, from what was annotated before it; 0 at the beginning.
pub(crate) fn body(bytes: &[u8], chunked: bool, framing: &mut Framing) -> Vec<Span> {
    let mut spans = Vec::new();
    if !chunked {
        if !bytes.is_empty() {
            spans.push(content(0, bytes.len()));
        }
        return spans;
    }
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        at += match framing.at {
            At::Size => size_line(&mut spans, at, line_at(bytes, at), framing),
            At::Data => {
                let length = usize::try_from(framing.left).unwrap_or(usize::MAX).min(rest.len());
                spans.push(span(
                    at,
                    length,
                    "content",
                    "content",
                    "content inside of a chunk",
                    "RFC 9112, section 7.1",
                ));
                framing.left -= length as u64;
                if framing.left == 0 {
                    framing.at = At::DataEnd;
                }
                length
            }
            At::DataEnd => {
                let line = line_at(bytes, at);
                end(&mut spans, at, line, "line-end", "the end of the chunk");
                framing.at = At::Size;
                line.len()
            }
            At::Trailers => {
                let line = line_at(bytes, at);
                let length = line.len() - end_of(line);
                if length == 0 {
                    end(
                        &mut spans,
                        at,
                        line,
                        "empty-line",
                        "the empty line that ends the trailer section, and the message",
                    );
                } else {
                    field(&mut spans, at, &line[..length], true);
                    end(&mut spans, at + length, &line[length..], "line-end", "the end of the line");
                }
                line.len()
            }
        };
    }
    spans
}

/// Where in the chunked coding the bytes before have ended.
#[derive(Debug, Default)]
pub(crate) struct Framing {
    at: At,
    left: u64,
}

#[derive(Debug, Default, Clone, Copy)]
enum At {
    #[default]
    Size,
    Data,
    DataEnd,
    Trailers,
}

fn size_line(spans: &mut Vec<Span>, at: usize, line: &[u8], framing: &mut Framing) -> usize {
    let length = line.len() - end_of(line);
    let digits = line[..length].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let size = u64::from_str_radix(&text(&line[..digits]), 16).unwrap_or(0);
    let rule = "RFC 9112, section 7.1";
    if size == 0 {
        let says = "a chunk of no bytes: the content is whole";
        spans.push(span(at, digits, "last-chunk", "last chunk", says, rule));
        framing.at = At::Trailers;
    } else {
        let says = format!("how many bytes of content follow, in hexadecimal: {size}");
        spans.push(span(at, digits, "chunk-size", &format!("chunk of {size} bytes"), &says, rule));
        *framing = Framing { at: At::Data, left: size };
    }
    if length > digits {
        let says = "something about the chunk that nobody has to understand";
        spans.push(span(
            at + digits,
            length - digits,
            "chunk-extension",
            "chunk extension",
            says,
            "RFC 9112, section 7.1.1",
        ));
    }
    end(spans, at + length, &line[length..], "line-end", "the end of the line");
    line.len()
}

fn content(start: usize, length: usize) -> Span {
    span(start, length, "content", "content", "the content itself, as long as the head has said", "RFC 9112, section 6")
}

/// The line that begins here, with its end.
fn line_at(bytes: &[u8], at: usize) -> &[u8] {
    let rest = &bytes[at..];
    &rest[..memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1)]
}

/// How long the end of a line is.
fn end_of(line: &[u8]) -> usize {
    match line {
        [.., b'\r', b'\n'] => 2,
        [.., b'\n'] => 1,
        _ => 0,
    }
}

fn end(spans: &mut Vec<Span>, start: usize, line: &[u8], kind: &str, says: &str) {
    if !line.is_empty() {
        let name = if kind == "empty-line" { "empty line" } else { "end of line" };
        spans.push(span(start, line.len(), kind, name, says, "RFC 9112, section 2.1"));
    }
}

/// The first line: three parts with a space between them.
fn start_line(spans: &mut Vec<Span>, start: usize, line: &[u8], is_request: bool) {
    let parts: [(&str, &str, &str); 3] = match is_request {
        true => [
            ("method", "what is to be done", "RFC 9110, section 9"),
            ("target", "what it is to be done with", "RFC 9112, section 3.2"),
            ("version", "the version of HTTP that the client speaks", "RFC 9112, section 2.3"),
        ],
        false => [
            ("version", "the version of HTTP that we speak", "RFC 9112, section 2.3"),
            ("status", "how it went, as a number that programs read", "RFC 9110, section 15"),
            ("reason", "the same in words, which nobody has to read", "RFC 9112, section 4"),
        ],
    };
    let mut at = 0;
    for (index, (kind, says, rule)) in parts.into_iter().enumerate() {
        let rest = &line[at..];
        let length = if index == 2 { rest.len() } else { memchr::memchr(b' ', rest).unwrap_or(rest.len()) };
        if length > 0 {
            spans.push(span(start + at, length, kind, kind, says, rule));
        }
        at += length;
        if at < line.len() {
            spans.push(span(
                start + at,
                1,
                "space",
                "space",
                "one space parts what stands beside it",
                "RFC 9112, section 3",
            ));
            at += 1;
        }
    }
}

/// A field line: name, colon, value.
fn field(spans: &mut Vec<Span>, start: usize, line: &[u8], is_trailer: bool) {
    let Some(colon) = memchr::memchr(b':', line).filter(|_| !matches!(line[0], b' ' | b'\t')) else {
        let says = "a line that is no field: it has no colon, or goes on from the line above";
        return spans.push(span(start, line.len(), "field-value", "not a field", says, "RFC 9112, section 5"));
    };
    let name = text(&line[..colon]);
    let kind = if is_trailer { "the trailer field" } else { "the field" };
    let says = match meaning(&name) {
        Some(meaning) => format!("the name of {kind} {name}: {meaning}"),
        None => format!("the name of {kind} {name}"),
    };
    if colon > 0 {
        spans.push(span(start, colon, "field-name", &name, &says, "RFC 9110, section 5.1"));
    }
    let value = line[colon + 1..].trim_ascii();
    let blank = line[colon + 1..].len() - line[colon + 1..].trim_ascii_start().len();
    spans.push(span(
        start + colon,
        1 + blank,
        "colon",
        "colon",
        "parts the name from the value",
        "RFC 9112, section 5",
    ));
    let redacted = value == MASK;
    let says = match redacted {
        true => format!("the value of {name}, which is a secret: it is not kept, nor how long it was"),
        false => format!("the value of {name}"),
    };
    let at = colon + 1 + blank;
    if at < line.len() {
        let mut value = span(start + at, line.len() - at, "field-value", &name, &says, "RFC 9110, section 5.5");
        value.redacted = redacted;
        spans.push(value);
    }
}

/// What a well-known field is for.
pub(crate) fn meaning(name: &str) -> Option<&'static str> {
    Some(match &*name.to_ascii_lowercase() {
        "host" => "which of the server's names the request is for",
        "connection" => "what is to become of this connection, and which fields are for the next hop alone",
        "content-length" => "how many bytes of content follow",
        "transfer-encoding" => "how the content is framed where its length is not known ahead",
        "content-type" => "what kind of thing the content is",
        "content-encoding" => "which codings the content has, for the reader to undo",
        "accept" => "which kinds of content the client would like",
        "accept-encoding" => "which codings the client can undo",
        "accept-language" => "which languages the client would like",
        "user-agent" => "which program asks",
        "server" => "which program answers",
        "date" => "when the message was made",
        "etag" => "a name for this version of the content",
        "last-modified" => "when the content was last changed",
        "if-none-match" => "the response is wanted only if the content is none of these versions",
        "if-match" => "the request holds only if the content is one of these versions",
        "if-modified-since" => "the response is wanted only if the content has changed since",
        "if-unmodified-since" => "the request holds only if the content has not changed since",
        "range" => "only this part of the content is wanted",
        "if-range" => "the part is wanted only if the content is this version, else all of it",
        "content-range" => "which part of the content this is",
        "accept-ranges" => "whether parts of the content may be asked for",
        "cache-control" => "who may keep the response, and for how long",
        "vary" => "which fields of the request this response depends on",
        "age" => "how long a cache has had the response",
        "expires" => "when the response becomes stale",
        "origin" => "which site's page asks",
        "referer" => "which page led here",
        "cookie" => "what the server has had the client keep",
        "set-cookie" => "what the client is to keep and send again",
        "authorization" => "who the client is, for the server",
        "proxy-authorization" => "who the client is, for the proxy",
        "www-authenticate" => "how the client may say who it is",
        "location" => "where to go instead, or where the new thing is",
        "allow" => "which methods are allowed here",
        "expect" => "what the client waits for before it sends the content",
        "upgrade" => "which protocol the client would rather speak",
        "te" => "which trailers and codings the client understands",
        "trailer" => "which fields come behind the content",
        "via" => "which intermediaries the message came through",
        "forwarded" | "x-forwarded-for" | "x-forwarded-proto" | "x-forwarded-host" => "whom a proxy asks for",
        "retry-after" => "when it is worth asking again",
        "access-control-allow-origin" => "which sites' pages may read the response",
        "access-control-allow-methods" => "which methods other sites' pages may use",
        "access-control-request-method" => "which method a browser asks permission for",
        "strict-transport-security" => "that browsers are to come by HTTPS alone",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8], spans: &[Span]) -> Vec<String> {
        spans
            .iter()
            .map(|span| format!("{} {:?}", span.kind, text(&bytes[span.start..span.start + span.length])))
            .collect()
    }

    fn covers(bytes: &[u8], spans: &[Span]) {
        let mut at = 0;
        for span in spans {
            assert_eq!(span.start, at, "{spans:#?}");
            at += span.length;
        }
        assert_eq!(at, bytes.len(), "{:?}", text(bytes));
    }

    #[test]
    fn every_part_of_a_request_head_is_named() {
        let bytes = b"GET /a?b HTTP/1.1\r\nHost: a\r\nCookie: ********\r\nX:\r\n\r\nrest";
        let spans = head(bytes, true);
        covers(bytes, &spans);
        let expected = [
            r#"method "GET""#,
            r#"space " ""#,
            r#"target "/a?b""#,
            r#"space " ""#,
            r#"version "HTTP/1.1""#,
            r#"line-end "\r\n""#,
            r#"field-name "Host""#,
            r#"colon ": ""#,
            r#"field-value "a""#,
            r#"line-end "\r\n""#,
            r#"field-name "Cookie""#,
            r#"colon ": ""#,
            r#"field-value "********""#,
            r#"line-end "\r\n""#,
            r#"field-name "X""#,
            r#"colon ":""#,
            r#"line-end "\r\n""#,
            r#"empty-line "\r\n""#,
            r#"content "rest""#,
        ];
        assert_eq!(shown(bytes, &spans), expected);
        assert!(spans[12].redacted);
    }

    #[test]
    fn chunks_are_named_however_they_are_split() {
        let bytes = b"5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n";
        let whole = body(bytes, true, &mut Framing::default());
        covers(bytes, &whole);
        let kinds: Vec<_> = whole.iter().map(|span| &*span.kind).collect();
        let expected = [
            "chunk-size",
            "chunk-extension",
            "line-end",
            "content",
            "line-end",
            "last-chunk",
            "line-end",
            "field-name",
            "colon",
            "field-value",
            "line-end",
            "empty-line",
        ];
        assert_eq!(kinds, expected);
        // Where it is split between lines or inside of data, the next piece goes on.
        for split in [7, 9, 12, 14, 17] {
            let mut framing = Framing::default();
            let (first, second) = bytes.split_at(split);
            covers(first, &body(first, true, &mut framing));
            covers(second, &body(second, true, &mut framing));
        }
    }

    #[test]
    fn no_bytes_can_make_it_fail_or_leave_any_out() {
        let hostile: [&[u8]; 8] = [
            b"",
            b"\n",
            b"\r\n\r\n",
            b"GET",
            b" : \r\n:\r\n",
            b"\0\xff\n\xfe:\n",
            b"GET  / x\r\n\tfold\r\n",
            b"zz\r\n",
        ];
        for bytes in hostile {
            covers(bytes, &head(bytes, true));
            covers(bytes, &head(bytes, false));
            covers(bytes, &body(bytes, false, &mut Framing::default()));
        }
    }
}
