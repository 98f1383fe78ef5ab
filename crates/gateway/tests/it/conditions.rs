//! Preconditions and ranges, on files in memory and on files that are read each time.

use crate::site::{Answer, Site};

const LARGE: usize = 200_000;

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|position| (position % 251) as u8).collect()
}

/// A small file and a large one, with the same content as far as it goes.
fn site() -> Site {
    let site = Site::new(&[("empty", "")]);
    site.write("small.bin", content(1000));
    site.write("large.bin", content(LARGE));
    for path in ["small.bin", "large.bin", "empty"] {
        site.touch(path, 1_000_000_000);
    }
    site
}

const MODIFIED: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
const BEFORE: &str = "Sun, 09 Sep 2001 01:46:39 GMT";

#[tokio::test]
async fn preconditions_are_judged_in_order() {
    let site = site();
    for path in ["/small.bin", "/large.bin"] {
        let first = site.get(path).await;
        assert_eq!(first.field("last-modified"), MODIFIED);
        let tag = first.field("etag");
        let weak = format!("W/{tag}");
        for (fields, status) in [
            (&[("if-none-match", tag)][..], 304),
            (&[("if-none-match", &weak)], 304),
            (&[("if-none-match", "*")], 304),
            (&[("if-none-match", "\"other\"")], 200),
            (&[("if-none-match", "\"unterminated")], 200),
            (&[("if-modified-since", MODIFIED)], 304),
            (&[("if-modified-since", BEFORE)], 200),
            (&[("if-modified-since", "nonsense")], 200),
            (&[("if-match", tag)], 200),
            (&[("if-match", &weak)], 412),
            (&[("if-match", "\"other\"")], 412),
            (&[("if-match", "*")], 200),
            (&[("if-unmodified-since", MODIFIED)], 200),
            (&[("if-unmodified-since", BEFORE)], 412),
            // If-None-Match counts, and not the date (RFC 9110, section 13.2.2).
            (&[("if-none-match", "\"other\""), ("if-modified-since", MODIFIED)], 200),
            (&[("if-match", tag), ("if-unmodified-since", BEFORE)], 200),
            (&[("if-match", "\"other\""), ("if-none-match", tag)], 412),
            (&[("if-none-match", tag), ("range", "bytes=0-0")], 304),
        ] {
            let answer = site.get_with(path, fields).await;
            assert_eq!(answer.status.as_u16(), status, "{path} {fields:?} {:?}", answer.decisions);
            if status == 304 {
                answer.is(304, "");
                assert_eq!(answer.field("etag"), tag);
            }
        }
    }
}

/// The content of each part, with its `Content-Range`.
fn parts(answer: &Answer) -> Vec<(String, Vec<u8>)> {
    let media_type = answer.field("content-type");
    let boundary = media_type.strip_prefix("multipart/byteranges; boundary=").expect("several parts");
    let content = answer.content.as_ref().unwrap();
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = content.strip_prefix(&delimiter.as_bytes()[2..]).expect("the first boundary");
    let mut parts = Vec::new();
    while !rest.starts_with(b"--") {
        let end = memchr::memmem::find(rest, delimiter.as_bytes()).expect("a closing boundary");
        let part = &rest[2..end];
        let split = memchr::memmem::find(part, b"\r\n\r\n").expect("a head");
        let head = std::str::from_utf8(&part[..split]).unwrap();
        assert!(head.starts_with("Content-Type: application/octet-stream\r\n"), "{head}");
        let range = head.split("Content-Range: ").nth(1).expect("a range").to_owned();
        parts.push((range, part[split + 4..].to_vec()));
        rest = &rest[end + delimiter.len()..];
    }
    assert_eq!(rest, b"--\r\n");
    parts
}

#[tokio::test]
async fn single_ranges() {
    let site = site();
    for (path, length) in [("/small.bin", 1000), ("/large.bin", LARGE)] {
        let whole = content(length);
        for (range, from, to) in [
            ("bytes=0-0", 0, 1),
            ("bytes=1-3", 1, 4),
            ("bytes=-5", length - 5, length),
            ("bytes=990-", 990, length),
            ("bytes=990-99999999", 990, length),
            ("bytes=-99999999", 0, length),
            ("bytes=0-0,1-1", 0, 2),
            ("bytes=10-20,5-15", 5, 21),
            ("Bytes= 0-0 , ,", 0, 1),
        ] {
            let answer = site.get_with(path, &[("range", range)]).await;
            assert_eq!(answer.status, 206, "{path} {range} {:?}", answer.decisions);
            assert!(answer.content.as_ref().unwrap() == &whole[from..to], "{path} {range}");
            assert_eq!(answer.field("content-range"), format!("bytes {from}-{}/{length}", to - 1));
            answer.has_decision("range: ");
        }
        for range in ["bytes=99999999-", "bytes=-0"] {
            let answer = site.get_with(path, &[("range", range)]).await;
            assert_eq!((answer.status.as_u16(), answer.field("content-range")), (416, &*format!("bytes */{length}")));
            answer.has_decision("range-not-satisfiable: 416");
        }
        let many: Vec<String> = (0..1000).map(|first| format!("{first}-")).collect();
        for range in ["bytes=5-2", "lines=1-2", "bytes=--5", "bytes=a-b", &format!("bytes={}", many.join(","))] {
            let answer = site.get_with(path, &[("range", range)]).await;
            assert_eq!(answer.status, 200, "{path} {range}");
            assert!(answer.content.as_ref().unwrap() == &whole, "{path} {range}");
        }
    }
    assert_eq!(site.get_with("/empty", &[("range", "bytes=0-0")]).await.status, 416);
}

#[tokio::test]
async fn several_ranges() {
    let site = site();
    for (path, length) in [("/small.bin", 1000), ("/large.bin", LARGE)] {
        let whole = content(length);
        let range = ("range", "bytes=0-9,500-509,-10");
        let answer = site.get_with(path, &[range]).await;
        assert_eq!(answer.status, 206);
        let expected: Vec<(String, Vec<u8>)> = [(0, 10), (500, 510), (length - 10, length)]
            .into_iter()
            .map(|(from, to)| (format!("bytes {from}-{}/{length}", to - 1), whole[from..to].to_vec()))
            .collect();
        assert!(parts(&answer) == expected, "{path} {:?}", answer.fields);
        assert!(!answer.fields.contains_key("content-range"));
        // The promise of a length is kept to the byte, since the site reads until the end.
        assert!(answer.content.as_ref().unwrap().len() < 1000);
    }
}

#[tokio::test]
async fn if_range_wants_a_strong_validator() {
    let site = site();
    for path in ["/small.bin", "/large.bin"] {
        let tag = site.get(path).await.field("etag").to_owned();
        for (if_range, status) in [
            (&*tag, 206),
            (&format!("W/{tag}"), 200),
            ("W/\"x\"", 200),
            ("\"other\"", 200),
            (MODIFIED, 206),
            (BEFORE, 200),
        ] {
            let answer = site.get_with(path, &[("range", "bytes=0-0"), ("if-range", if_range)]).await;
            assert_eq!(answer.status.as_u16(), status, "{path} {if_range} {:?}", answer.decisions);
        }
    }
}

#[tokio::test]
async fn the_length_of_several_parts_is_promised_exactly() {
    use http_body::Body as _;
    use wirelight_service::{Body, Request, Service};
    let site = site();
    for path in ["/small.bin", "/large.bin"] {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = path.parse().unwrap();
        request.headers_mut().insert("range", "bytes=0-9,500-509,-10".parse().unwrap());
        let mut body = site.files.call(request).await.unwrap().into_body();
        let promised = body.size_hint().exact().expect("an exact length");
        let mut length = 0;
        while let Some(data) = body.data().await {
            length += data.unwrap().len() as u64;
            assert_eq!(body.size_hint().exact(), Some(promised - length));
        }
        assert_eq!(length, promised);
        assert!(body.is_end_stream());
    }
}
