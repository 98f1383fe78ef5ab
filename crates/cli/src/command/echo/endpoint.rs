//! The table of endpoints: what the index page shows, and what answers.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode;
use wirelight_service::{Clock, Response, Trail};

use super::arrived::Arrived;
use super::{condition, content, cookies, echo, forms, pace, status};

/// One row of the table.
pub(crate) struct Endpoint {
    /// The path: a segment in braces takes anything but nothing.
    pub(crate) path: &'static str,
    /// A target that shows it.
    pub(crate) example: &'static str,
    /// What it does, with its limits.
    pub(crate) says: &'static str,
    /// What answers.
    pub(crate) answer: fn(&Call<'_>) -> Result<Answer, Refused>,
}

/// Every endpoint; what no row matches is echoed.
pub(crate) static ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        path: "/echo",
        example: "/echo",
        says: "What arrived: the head byte for byte, the fields, the content; JSON or text, as Accept asks. Any other path that is not listed here does the same.",
        answer: |call| Ok(echo(call.arrived, call.trail).into()),
    },
    Endpoint {
        path: "/status/{code}",
        example: "/status/404",
        says: "An empty page with that status, 200 to 599, and the fields that go with it, such as Location or WWW-Authenticate.",
        answer: status::status,
    },
    Endpoint {
        path: "/redirect/{times}",
        example: "/redirect/2",
        says: "Redirects that often, 1 to 20 times, and ends at /echo. With ?status=307 by that status: 301, 302, 303, 307 or 308.",
        answer: status::redirect,
    },
    Endpoint {
        path: "/basic-auth/{user}/{password}",
        example: "/basic-auth/u/p",
        says: "401 until the request carries that name and password in Basic authentication (RFC 7617).",
        answer: status::basic_auth,
    },
    Endpoint {
        path: "/delay/{seconds}",
        example: "/delay/2",
        says: "Waits that long, up to 30 seconds, and then echoes.",
        answer: pace::delay,
    },
    Endpoint {
        path: "/drip",
        example: "/drip?bytes=5&seconds=2",
        says: "So many bytes (10, up to 10,000), spread evenly over so many seconds (2, up to 60), after a delay (0, up to 30).",
        answer: pace::drip,
    },
    Endpoint {
        path: "/stream/{lines}",
        example: "/stream/3",
        says: "So many lines of JSON, up to 1,000, each sent by itself, the length not known in advance.",
        answer: pace::stream,
    },
    Endpoint {
        path: "/sse",
        example: "/sse?count=3&interval=1",
        says: "An event stream: so many events (5, up to 100), so many seconds apart (1, up to 30). Goes on after Last-Event-ID.",
        answer: pace::events,
    },
    Endpoint {
        path: "/trailers",
        example: "/trailers",
        says: "Content with a trailer section: how many bytes there were, and their sum modulo 65,536.",
        answer: pace::trailers,
    },
    Endpoint {
        path: "/bytes/{length}",
        example: "/bytes/1024",
        says: "So many bytes that look random, up to 100,000,000, the same for the same ?seed.",
        answer: content::bytes,
    },
    Endpoint {
        path: "/range/{length}",
        example: "/range/1024",
        says: "So many letters, up to 1,000,000, with an entity tag; Range and If-Range are heeded.",
        answer: content::range,
    },
    Endpoint {
        path: "/gzip",
        example: "/gzip",
        says: "What arrived, as JSON, in gzip whatever the request accepts.",
        answer: content::gzip,
    },
    Endpoint { path: "/brotli", example: "/brotli", says: "The same in Brotli.", answer: content::brotli },
    Endpoint {
        path: "/etag/{tag}",
        example: "/etag/x",
        says: "Content with that strong entity tag: If-None-Match gets 304, If-Match with another tag gets 412.",
        answer: condition::etag,
    },
    Endpoint {
        path: "/cache/{seconds}",
        example: "/cache/60",
        says: "Content that any cache may keep for so long, with an entity tag to validate it by.",
        answer: condition::cache,
    },
    Endpoint { path: "/cookies", example: "/cookies", says: "The cookies that arrived.", answer: cookies::show },
    Endpoint {
        path: "/cookies/set",
        example: "/cookies/set?flavour=vanilla",
        says: "Sets each name in the query to its value, up to 20, and redirects to /cookies.",
        answer: cookies::set,
    },
    Endpoint {
        path: "/cookies/delete",
        example: "/cookies/delete?flavour",
        says: "Deletes each name in the query, and redirects to /cookies.",
        answer: cookies::delete,
    },
    Endpoint {
        path: "/forms",
        example: "/forms",
        says: "A form to fill in; posted to the same address, its fields come back as JSON (urlencoded or multipart).",
        answer: forms::form,
    },
];

/// The row that a path matches, and what its braces took.
pub(crate) fn find(path: &str) -> Option<(&'static Endpoint, Vec<String>)> {
    ENDPOINTS.iter().find_map(|endpoint| Some((endpoint, capture(endpoint.path, path)?)))
}

fn capture(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut captured = Vec::new();
    let mut segments = path.split('/');
    for expected in pattern.split('/') {
        let segment = segments.next()?;
        if expected.starts_with('{') {
            if segment.is_empty() {
                return None;
            }
            captured.push(percent_decode(segment.as_bytes()).decode_utf8_lossy().into_owned());
        } else if segment != expected {
            return None;
        }
    }
    segments.next().is_none().then_some(captured)
}

/// Names and values of a query or an urlencoded form, decoded.
pub(crate) fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    let decode = |part: &[u8]| {
        let spaced: Vec<u8> = part.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        percent_decode(&spaced).decode_utf8_lossy().into_owned()
    };
    encoded
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.iter().position(|byte| *byte == b'=') {
            Some(at) => (decode(&pair[..at]), decode(&pair[at + 1..])),
            None => (decode(pair), String::new()),
        })
        .collect()
}

/// What an endpoint is given.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) arrived: &'a Arrived,
    pub(crate) clock: &'a Clock,
    pub(crate) trail: &'a Trail,
    pub(crate) query: Vec<(String, String)>,
    captured: Vec<String>,
}

/// What an endpoint gives: a response, and how long to wait before it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response,
    pub(crate) after: Duration,
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        Self { response, after: Duration::ZERO }
    }
}

/// Why an endpoint cannot do what the request asks, in a sentence without a full stop.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) String);

impl<'a> Call<'a> {
    pub(crate) fn new(arrived: &'a Arrived, captured: Vec<String>, clock: &'a Clock, trail: &'a Trail) -> Self {
        let query = pairs(arrived.head.uri.query().unwrap_or_default().as_bytes());
        Self { arrived, clock, trail, query, captured }
    }

    /// What the braces took, in their order.
    pub(crate) fn segment(&self, index: usize) -> &str {
        &self.captured[index]
    }

    /// The same as a number within bounds; `what` names it in the refusal.
    pub(crate) fn number<N>(&self, index: usize, what: &str, bounds: RangeInclusive<N>) -> Result<N, Refused>
    where
        N: FromStr + PartialOrd + Display,
    {
        within(self.segment(index), what, bounds)
    }

    /// A number in the query within bounds, or what stands for it when it is absent.
    pub(crate) fn asked<N>(&self, name: &str, absent: N, bounds: RangeInclusive<N>) -> Result<N, Refused>
    where
        N: FromStr + PartialOrd + Display,
    {
        match self.query.iter().find(|(key, _)| key == name) {
            Some((_, value)) => within(value, name, bounds),
            None => Ok(absent),
        }
    }
}

fn within<N>(text: &str, what: &str, bounds: RangeInclusive<N>) -> Result<N, Refused>
where
    N: FromStr + PartialOrd + Display,
{
    match text.parse() {
        Ok(number) if bounds.contains(&number) => Ok(number),
        _ => {
            let (least, greatest) = (bounds.start(), bounds.end());
            Err(Refused(format!("{what} is a number from {least} to {greatest}, and `{text}` is not")))
        }
    }
}
