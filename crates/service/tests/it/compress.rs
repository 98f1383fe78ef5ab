use std::io::Read;
use std::task::Poll;

use bytes::Bytes;
use http::HeaderMap;
use wirelight_semantics::coding::Coding;
use wirelight_service::layer::Compress;
use wirelight_service::layer::compress::Levels;
use wirelight_service::{Body, Response, Service, ServiceExt};

use crate::script::{self, Hand, Step};

const CODINGS: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];

/// Content that shrinks, but not to nothing: words in an order that a small generator makes up.
fn prose(length: usize) -> Vec<u8> {
    let words = ["the ", "quick ", "brown ", "fox ", "jumps ", "over ", "a ", "lazy ", "dog\n", "0123456789 "];
    let mut state = 88_172_645_463_325_252_u64;
    let mut prose = Vec::with_capacity(length + 16);
    while prose.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        prose.extend_from_slice(words[(state % words.len() as u64) as usize].as_bytes());
    }
    prose.truncate(length);
    prose
}

/// Decodes what is there, as a reader does that has not seen the end yet.
fn decode_some(coding: Coding, coded: &[u8]) -> Vec<u8> {
    let mut reader: Box<dyn Read + '_> = match coding {
        Coding::Gzip => Box::new(flate2::read::GzDecoder::new(coded)),
        Coding::Deflate => Box::new(flate2::read::ZlibDecoder::new(coded)),
        Coding::Brotli => Box::new(brotli::Decompressor::new(coded, 4096)),
        Coding::Zstd => Box::new(zstd::Decoder::new(coded).unwrap()),
        Coding::Identity => Box::new(coded),
    };
    let mut decoded = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = reader.read(&mut buffer) {
        decoded.extend_from_slice(&buffer[..length]);
    }
    decoded
}

/// Decodes a whole stream, and fails if it has no end.
fn decode(coding: Coding, coded: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    match coding {
        Coding::Gzip => flate2::read::GzDecoder::new(coded).read_to_end(&mut decoded),
        Coding::Deflate => flate2::read::ZlibDecoder::new(coded).read_to_end(&mut decoded),
        Coding::Brotli => brotli::Decompressor::new(coded, 4096).read_to_end(&mut decoded),
        Coding::Zstd => zstd::Decoder::new(coded).unwrap().read_to_end(&mut decoded),
        Coding::Identity => { coded }.read_to_end(&mut decoded),
    }
    .unwrap();
    decoded
}

/// The response to a request, with what was decided last.
async fn answer(
    layer: Compress,
    request: http::request::Builder,
    response: impl Fn() -> Response + Send + Sync + 'static,
) -> (Response, String) {
    let (request, trail) = script::watched(request, Body::empty());
    let service = move |_| std::future::ready(Ok(response()));
    let response = service.layer(layer).call(request).await.unwrap();
    (response, script::last(&trail))
}

fn accepting(coding: Coding) -> http::request::Builder {
    http::Request::get("/").header("accept-encoding", coding.name())
}

fn text(body: Body) -> Response {
    http::Response::builder().header("content-type", "text/plain").body(body).unwrap()
}

async fn coded(layer: Compress, coding: Coding, body: Body) -> Body {
    let (request, _) = script::watched(accepting(coding), Body::empty());
    let body = std::sync::Mutex::new(Some(body));
    let service = move |_| std::future::ready(Ok(text(body.lock().unwrap().take().unwrap())));
    let response = service.layer(layer).call(request).await.unwrap();
    assert_eq!(response.headers()["content-encoding"], coding.name());
    response.into_body()
}

#[tokio::test]
async fn what_is_coded_is_decoded_again_however_it_was_split() {
    let content = prose(300_000);
    for coding in CODINGS {
        for size in [1, 7, 100, 4096, 65_536, 300_000] {
            let content = &content[..content.len().min(size * 2000)];
            let seen = script::read(coded(Compress::default(), coding, script::pieces(content, size)).await).await;
            assert!(decode(coding, &seen.content) == content, "{coding} in pieces of {size}");
            assert!(seen.error.is_none() && seen.trailers.is_none());
        }
        let body = coded(Compress::default(), coding, Body::from(content.clone())).await;
        assert_eq!(body.as_bytes(), None, "more than whole_max_bytes is coded as it is read");
        let seen = script::read(body).await;
        assert!(decode(coding, &seen.content) == content, "{coding} in one piece");
        assert!(seen.content.len() * 2 < content.len(), "{coding} made {} bytes", seen.content.len());
    }
}

#[tokio::test]
async fn short_content_keeps_a_known_length() {
    let content = prose(100_000);
    for coding in CODINGS {
        // Encoders are used again: the second must be as good as the first.
        for length in [600, 100_000, 4096, 601] {
            let body = coded(Compress::default(), coding, Body::from(content[..length].to_vec())).await;
            let bytes = body.as_bytes().expect("it is at hand");
            assert!(decode(coding, bytes) == content[..length], "{coding}, {length}");
        }
    }
}

#[tokio::test]
async fn every_level_decodes_and_levels_out_of_range_are_the_nearest() {
    let content = prose(4000);
    for (deflate, brotli, zstd, window_log) in [(0, 0, 0, 0), (1, 1, 1, 10), (9, 11, 9, 23), (99, 99, 99, 99)] {
        let layer = Compress { levels: Levels { deflate, brotli, zstd, window_log }, ..Compress::default() };
        for coding in CODINGS {
            let streamed = script::read(coded(layer.clone(), coding, script::pieces(&content, 1000)).await).await;
            assert!(decode(coding, &streamed.content) == content, "{coding}, {:?}", layer.levels);
            // Level 0 of deflate only wraps, and what does not shrink is left.
            if deflate > 0 || !matches!(coding, Coding::Gzip | Coding::Deflate) {
                let whole = coded(layer.clone(), coding, Body::from(content.clone())).await;
                assert!(decode(coding, whole.as_bytes().unwrap()) == content, "{coding}, {:?}", layer.levels);
            }
        }
    }
}

#[tokio::test]
async fn an_encoder_that_was_left_in_the_middle_is_clean_for_the_next() {
    let content = prose(50_000);
    for coding in CODINGS {
        for _ in 0..5 {
            let mut hand = Hand::new(coded(Compress::default(), coding, script::pieces(&content, 1000)).await);
            assert!(!hand.data().is_empty());
            drop(hand);
            let seen = script::read(coded(Compress::default(), coding, script::pieces(&content, 10_000)).await).await;
            assert!(decode(coding, &seen.content) == content, "{coding}");
        }
    }
}

#[tokio::test]
async fn a_pause_lets_through_all_that_came_before_it() {
    for coding in CODINGS {
        let steps = [
            Step::Data(b"data: one\n\n"),
            Step::Pause,
            Step::Pause,
            Step::Data(b"data: "),
            Step::Data(b"two\n\n"),
            Step::Pause,
            Step::Data(b"data: three\n\n"),
        ];
        let mut hand = Hand::new(coded(Compress::default(), coding, script::body(steps)).await);
        let mut sent = hand.data().to_vec();
        assert_eq!(decode_some(coding, &sent), b"data: one\n\n", "{coding}");
        assert!(hand.poll().is_pending(), "{coding}: nothing new, nothing sent");
        sent.extend_from_slice(&hand.data());
        assert_eq!(decode_some(coding, &sent), b"data: one\n\ndata: two\n\n", "{coding}");
        sent.extend_from_slice(&hand.data());
        assert_eq!(decode(coding, &sent), b"data: one\n\ndata: two\n\ndata: three\n\n", "{coding}");
        assert!(matches!(hand.poll(), Poll::Ready(None)));
    }
}

#[tokio::test]
async fn an_error_inside_is_an_error_outside_and_never_an_end() {
    let content = Bytes::from(prose(100_000));
    for coding in CODINGS {
        for steps in [
            vec![Step::Fail],
            vec![Step::Data(b"some"), Step::Fail, Step::Data(b"more")],
            vec![Step::Data(b"some"), Step::Pause, Step::Fail],
            vec![Step::Owned(content.clone()), Step::Owned(content.clone()), Step::Fail],
        ] {
            let seen = script::read(coded(Compress::default(), coding, script::body(steps)).await).await;
            assert_eq!(seen.error.expect("the error was lost").because(), "the script says so", "{coding}");
        }
    }
}

#[tokio::test]
async fn trailers_follow_the_coded_content() {
    for coding in CODINGS {
        let steps = [Step::Data(b"content"), Step::Pause, Step::Trailers("x-sum", "1")];
        let seen = script::read(coded(Compress::default(), coding, script::body(steps)).await).await;
        assert_eq!(decode(coding, &seen.content), b"content");
        assert_eq!(seen.trailers.unwrap()["x-sum"], "1");
    }
}

#[tokio::test]
async fn a_long_answer_gives_others_their_turn() {
    const LENGTH: usize = 1024 * 1024;
    for coding in CODINGS {
        let layer = Compress { slice_bytes: 64 * 1024, ..Compress::default() };
        let mut hand = Hand::new(coded(layer, coding, Body::from(vec![b'x'; LENGTH])).await);
        let (mut turns, mut sent) = (0, Vec::new());
        loop {
            match hand.poll() {
                Poll::Pending => {
                    turns += 1;
                    // Others are asked first, and the runtime looks for what has come.
                    tokio::task::yield_now().await;
                    assert_eq!(hand.woken(), turns, "{coding}: it would never be polled again");
                }
                Poll::Ready(Some(frame)) => sent.extend_from_slice(&frame.unwrap().into_data().unwrap()),
                Poll::Ready(None) => break,
            }
        }
        assert_eq!(turns, 16, "{coding}");
        assert!(decode(coding, &sent) == [b'x'; LENGTH], "{coding}");
    }
}

#[tokio::test]
async fn memory_is_bounded_however_much_comes_at_once() {
    let layer = Compress { slice_bytes: 64 * 1024, ..Compress::default() };
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    })
    .take(2 * 1024 * 1024)
    .collect();
    for coding in CODINGS {
        let mut body = coded(layer.clone(), coding, Body::from(noise.clone())).await;
        while let Some(piece) = body.data().await {
            let piece = piece.unwrap();
            // What one slice becomes, with what the encoder held back of those before it.
            assert!(piece.len() <= 512 * 1024, "{coding}: a piece of {} bytes", piece.len());
        }
    }
}

type Change = fn(&mut http::response::Parts);

fn set(parts: &mut http::response::Parts, name: &'static str, value: &'static str) {
    parts.headers.insert(name, value.parse().unwrap());
}

#[tokio::test]
async fn what_is_left_as_it_is_and_why() {
    let cases: &[(&str, Change, &str, bool)] = &[
        ("gzip", |_| {}, "coded with gzip: ", true),
        ("br;q=0.5, gzip", |_| {}, "coded with gzip: ", true),
        ("gzip, br, zstd", |_| {}, "coded with zstd: ", true),
        ("identity, gzip;q=0.5", |_| {}, "sent as it is: Accept-Encoding: ", true),
        ("compress", |_| {}, "sent as it is: Accept-Encoding: ", true),
        ("*;q=0", |_| {}, "sent as it is: Accept-Encoding: ", true),
        ("gzip", |parts| set(parts, "content-type", "image/png"), "sent as it is: image/png is not known", false),
        ("gzip", |parts| set(parts, "content-type", "image/svg+xml"), "coded with gzip: ", true),
        ("gzip", |parts| set(parts, "content-type", "video/mp4"), "sent as it is: video/mp4 is not known", false),
        ("gzip", |parts| set(parts, "content-type", "font/woff2"), "sent as it is: font/woff2 is not known", false),
        ("gzip", |parts| set(parts, "content-type", "application/zip"), "sent as it is: application/zip", false),
        ("gzip", |parts| set(parts, "content-type", "application/json"), "coded with gzip: ", true),
        ("gzip", |parts| set(parts, "content-type", "text/event-stream"), "coded with gzip: ", true),
        ("gzip", |parts| set(parts, "content-type", "nonsense"), "sent as it is: nonsense is not known", false),
        ("gzip", |parts| drop(parts.headers.remove("content-type")), "sent as it is: the response has no", false),
        (
            "gzip",
            |parts| set(parts, "content-encoding", "br"),
            "sent as it is: the content is coded already: br",
            false,
        ),
        ("gzip", |parts| set(parts, "cache-control", "public, No-Transform"), "sent as it is: Cache-Control", false),
        ("gzip", |parts| set(parts, "content-range", "bytes 0-9/99"), "sent as it is: Content-Range", false),
        ("gzip", |parts| set(parts, "repr-digest", "sha-256=:AA==:"), "sent as it is: repr-digest covers", false),
        ("gzip", |parts| parts.status = http::StatusCode::PARTIAL_CONTENT, "sent as it is: a response with", false),
        ("gzip", |parts| parts.status = http::StatusCode::NO_CONTENT, "sent as it is: a response with", false),
        ("gzip", |parts| parts.status = http::StatusCode::NOT_FOUND, "coded with gzip: ", true),
    ];
    for (accepted, change, expected, varies) in cases {
        let content = prose(2000);
        let plain = content.clone();
        let request = http::Request::get("/").header("accept-encoding", *accepted);
        let (response, said) = answer(Compress::default(), request, move || {
            let (mut parts, body) = text(Body::from(content.clone())).into_parts();
            set(&mut parts, "accept-ranges", "bytes");
            set(&mut parts, "content-length", "2000");
            change(&mut parts);
            Response::from_parts(parts, body)
        })
        .await;
        assert!(said.starts_with(expected), "{accepted}: {said}");
        assert_eq!(response.headers().contains_key("vary"), *varies, "{said}");
        let is_coded = said.starts_with("coded");
        assert_eq!(response.headers().contains_key("accept-ranges"), !is_coded, "{said}");
        assert_eq!(response.headers().contains_key("content-length"), !is_coded, "{said}");
        assert_eq!(*response.body().as_bytes().unwrap() != plain[..], is_coded, "{said}");
    }
}

#[tokio::test]
async fn without_accept_encoding_nothing_is_coded_but_vary_says_that_it_could_have_been() {
    let (response, said) = answer(Compress::default(), http::Request::get("/"), || {
        let mut response = text(Body::from(prose(2000)));
        response.headers_mut().insert("vary", "Origin".parse().unwrap());
        response
    })
    .await;
    assert!(said.starts_with("sent as it is: the request has no Accept-Encoding"), "{said}");
    let vary: Vec<_> = response.headers().get_all("vary").iter().collect();
    assert_eq!(vary, ["Origin", "accept-encoding"]);
}

#[tokio::test]
async fn short_and_stubborn_content_is_left() {
    for (length, expected) in [
        (0, "sent as it is: the content of 0 bytes is shorter than 512"),
        (511, "sent as it is: the content of 511 bytes is shorter than 512"),
        (512, "coded with gzip: "),
    ] {
        let (_, said) = answer(Compress::default(), accepting(Coding::Gzip), move || text(prose(length).into())).await;
        assert!(said.starts_with(expected), "{said}");
    }
    let noise: Bytes = (0..1000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 ^ (n * n / 7) as u8).collect();
    let noise = noise.slice(..64);
    let layer = Compress { length_min_bytes: 0, ..Compress::default() };
    let (response, said) = answer(layer, accepting(Coding::Gzip), move || text(noise.clone().into())).await;
    assert!(said.starts_with("sent as it is: gzip made "), "{said}");
    assert_eq!(response.body().as_bytes().unwrap().len(), 64);
    assert_eq!(response.headers()["vary"], "accept-encoding");
    assert!(!response.headers().contains_key("content-encoding"));
}

#[tokio::test]
async fn a_strong_tag_becomes_weak_and_the_304_agrees() {
    for (status, tag, expected) in [
        (200, "\"abc\"", "W/\"abc\""),
        (200, "W/\"abc\"", "W/\"abc\""),
        (200, "abc", "abc"),
        (304, "\"abc\"", "W/\"abc\""),
        (304, "W/\"abc\"", "W/\"abc\""),
    ] {
        for (accepted, is_coded) in [("gzip", true), ("identity", false)] {
            let request = http::Request::get("/").header("accept-encoding", accepted);
            let (response, said) = answer(Compress::default(), request, move || {
                let mut response = text(if status == 200 { prose(2000).into() } else { Body::empty() });
                *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
                response.headers_mut().insert("etag", tag.parse().unwrap());
                response
            })
            .await;
            let expected = if is_coded { expected } else { tag };
            assert_eq!(response.headers()["etag"], expected, "{status} {tag}: {said}");
            assert_eq!(response.headers().contains_key("content-encoding"), is_coded && status == 200);
            assert_eq!(response.headers()["vary"], "accept-encoding", "{said}");
        }
    }
}

#[tokio::test]
async fn head_has_the_fields_of_get() {
    let bodies: [fn() -> Body; 3] =
        [|| prose(2000).into(), || prose(200_000).into(), || script::body([Step::Data(b"some"), Step::Data(b"more")])];
    for body in bodies {
        let respond = move || {
            let mut response = text(body());
            response.headers_mut().insert("etag", "\"a\"".parse().unwrap());
            response
        };
        let (get, _) = answer(Compress::default(), accepting(Coding::Gzip), respond).await;
        let (head, _) = answer(Compress::default(), accepting(Coding::Gzip).method("HEAD"), respond).await;
        assert_eq!(get.headers(), head.headers());
        let exact = |response: &Response| http_body::Body::size_hint(response.body()).exact();
        assert_eq!(exact(&get), exact(&head));
    }
    // A service that leaves the content out says how long it would have been.
    for (length, is_coded) in [("2000", true), ("200", false)] {
        let (head, said) = answer(Compress::default(), accepting(Coding::Gzip).method("HEAD"), move || {
            let mut response = text(Body::empty());
            response.headers_mut().insert("content-length", length.parse().unwrap());
            response
        })
        .await;
        assert_eq!(head.headers().contains_key("content-encoding"), is_coded, "{said}");
        assert_eq!(head.headers().contains_key("content-length"), !is_coded, "{said}");
    }
}

#[tokio::test]
async fn nothing_else_of_the_head_changes() {
    let (response, _) = answer(Compress::default(), accepting(Coding::Brotli), || {
        let mut response = text(prose(2000).into());
        response.headers_mut().insert("x-other", "kept".parse().unwrap());
        response.extensions_mut().insert(7_u8);
        response
    })
    .await;
    let mut expected = HeaderMap::new();
    expected.insert("content-type", "text/plain".parse().unwrap());
    expected.insert("x-other", "kept".parse().unwrap());
    expected.insert("vary", "accept-encoding".parse().unwrap());
    expected.insert("content-encoding", "br".parse().unwrap());
    assert_eq!(*response.headers(), expected);
    assert_eq!(response.extensions().get::<u8>(), Some(&7));
}
