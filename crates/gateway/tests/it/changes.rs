//! Files that change: what is noticed, when, and what happens to whoever is reading.

use std::fs;
use std::time::{Duration, SystemTime};

use http_body::Body as _;
use wirelight_gateway::files::Config;
use wirelight_service::{Body, Clock, Request, Service};

use crate::site::Site;

const RECHECK: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_change_shows_after_the_recheck_interval_at_the_latest() {
    let site = Site::new(&[("file.txt", "one")]);
    let first = site.get("/file.txt").await;
    first.is(200, "one");
    first.has_decision("recheck-interval: looked up in the folder");
    site.write("file.txt", "three");
    let recalled = site.get("/file.txt").await;
    recalled.is(200, "one");
    recalled.has_decision("recheck-interval: taken from memory");
    site.clock.advance(RECHECK);
    let changed = site.get("/file.txt").await;
    changed.is(200, "three");
    changed.has_decision("recheck-interval: looked at again");
    assert_ne!(first.field("etag"), changed.field("etag"));
    fs::remove_file(site.path("file.txt")).unwrap();
    site.clock.advance(RECHECK);
    assert_eq!(site.get("/file.txt").await.status, 404);
    site.write("file.txt", "again");
    site.get("/file.txt").await.is(200, "again");
}

#[tokio::test]
async fn nothing_changed_means_the_same_tag() {
    let site = Site::new(&[("file.txt", "one")]);
    let first = site.get("/file.txt").await;
    for _ in 0..3 {
        site.clock.advance(RECHECK);
        let again = site.get_with("/file.txt", &[("if-none-match", first.field("etag"))]).await;
        assert_eq!(again.status, 304);
    }
}

/// Changes within one step of the file system's clock, of the same length, and with the time of modification put
/// back: no two contents may share a tag.
#[tokio::test]
async fn a_file_that_was_changed_just_now_gets_no_tag_twice() {
    let clock = Clock::manual(SystemTime::now());
    let changing = |config: &mut Config| {
        config.clock = clock.clone();
        config.memory.recheck = Duration::ZERO;
    };
    for length in [3, 200_000] {
        let site = Site::with(&[], changing);
        let mut tags = Vec::new();
        for content in ["a", "b", "c", "d"] {
            site.write("file.txt", content.repeat(length));
            site.touch("file.txt", 1_000_000_000);
            clock.advance(Duration::from_nanos(1));
            let answer = site.get("/file.txt").await;
            answer.is(200, &content.repeat(length));
            tags.push(answer.field("etag").to_owned());
        }
        let count = tags.len();
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), count, "{length} {tags:?}");
        clock.advance(Duration::from_secs(3));
        let settled = site.get("/file.txt").await;
        let again = site.get("/file.txt").await;
        assert_eq!(settled.field("etag"), again.field("etag"), "a settled file keeps its tag");
    }
}

#[tokio::test]
async fn the_date_of_modification_is_never_in_the_future() {
    let site = Site::with(&[("file.txt", "x")], |config| {
        config.clock = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000));
    });
    assert_eq!(site.get("/file.txt").await.field("last-modified"), "Sun, 09 Sep 2001 01:46:40 GMT");
}

async fn call(site: &Site, path: &str) -> Body {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = path.parse().unwrap();
    site.files.call(request).await.unwrap().into_body()
}

#[tokio::test]
async fn a_file_that_shrinks_while_it_is_sent_ends_in_an_error() {
    let site = Site::with(&[], |config| config.chunk_bytes = 50_000);
    site.write("large.bin", vec![b'x'; 200_000]);
    let mut body = call(&site, "/large.bin").await;
    assert_eq!(body.size_hint().exact(), Some(200_000));
    assert_eq!(body.data().await.unwrap().unwrap().len(), 50_000);
    fs::File::options().write(true).open(site.path("large.bin")).unwrap().set_len(80_000).unwrap();
    assert_eq!(body.data().await.unwrap().unwrap().len(), 30_000);
    let error = body.data().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the file became shorter by 120000 bytes while it was sent");
    assert_eq!(error.status(), 500);
    assert!(body.data().await.is_none());
}

#[tokio::test]
async fn a_file_that_grows_while_it_is_sent_is_sent_as_long_as_it_was() {
    let site = Site::with(&[], |config| config.chunk_bytes = 150_000);
    site.write("large.bin", vec![b'x'; 200_000]);
    let mut body = call(&site, "/large.bin").await;
    assert_eq!(body.data().await.unwrap().unwrap().len(), 150_000);
    site.write("large.bin", vec![b'y'; 400_000]);
    assert_eq!(body.data().await.unwrap().unwrap().len(), 50_000);
    assert!(body.data().await.is_none());
}

#[tokio::test]
async fn a_file_that_is_replaced_while_it_is_sent_is_sent_as_it_was() {
    let site = Site::with(&[], |config| config.chunk_bytes = 150_000);
    site.write("large.bin", vec![b'x'; 200_000]);
    let mut body = call(&site, "/large.bin").await;
    let mut sent = body.data().await.unwrap().unwrap().to_vec();
    site.write("new.bin", vec![b'y'; 10]);
    fs::rename(site.path("new.bin"), site.path("large.bin")).unwrap();
    while let Some(data) = body.data().await {
        sent.extend_from_slice(&data.unwrap());
    }
    assert!(sent == vec![b'x'; 200_000]);
    // A large file is compared with what is remembered of it each time, however recent that is.
    site.get("/large.bin").await.is(200, "yyyyyyyyyy");
}

#[tokio::test]
async fn a_root_that_is_replaced_is_noticed() {
    let site = Site::new(&[("file.txt", "old")]);
    site.get("/file.txt").await.is(200, "old");
    fs::rename(site.path(""), site.path("../old")).unwrap();
    site.write("file.txt", "new");
    site.clock.advance(RECHECK);
    site.get("/file.txt").await.is(200, "new");
    fs::remove_dir_all(site.path("")).unwrap();
    site.clock.advance(RECHECK);
    assert_eq!(site.get("/file.txt").await.status, 404);
}

#[tokio::test]
async fn memory_is_bounded_and_what_is_wanted_stays() {
    let site = Site::with(&[], |config| {
        config.memory.entries_max = 4;
        config.memory.recheck = Duration::from_secs(1000);
    });
    for number in 0..20 {
        site.write(&format!("{number}.txt"), number.to_string());
    }
    site.get("/0.txt").await.has_decision("recheck-interval: looked up");
    for number in 1..20 {
        site.get(&format!("/{number}.txt")).await.is(200, &number.to_string());
        site.get("/0.txt").await.has_decision("recheck-interval: taken from memory");
    }
    site.get("/1.txt").await.has_decision("recheck-interval: looked up");
}

#[tokio::test]
async fn nothing_is_kept_where_nothing_may_be() {
    for limit in ["entries", "bytes"] {
        let site = Site::with(&[("file.txt", "x")], |config| match limit {
            "entries" => config.memory.entries_max = 0,
            _ => config.memory.bytes_max = 0,
        });
        for _ in 0..2 {
            let answer = site.get("/file.txt").await;
            answer.is(200, "x");
            answer.has_decision("recheck-interval: looked up");
        }
    }
}

/// Two spellings of a path are one entry, and an escape in a request is never an entry's own name.
#[tokio::test]
async fn memory_knows_places_and_not_spellings() {
    let site = Site::new(&[("a", "plain"), ("%61", "percent"), ("sub/index.html", "index")]);
    site.get("/a").await.is(200, "plain");
    site.get("/%61").await.is(200, "plain");
    site.get("/%61").await.has_decision("recheck-interval: taken from memory");
    site.get("/%2561").await.is(200, "percent");
    site.get("/%61").await.is(200, "plain");
    site.get("/sub/").await.is(200, "index");
    assert_eq!(site.get("/sub").await.status, 308);
    assert_eq!(site.get("//a").await.status, 308);
    assert_eq!(site.get("/a/").await.status, 404);
}

/// What the system does not hold in memory is read where waiting holds nobody up, and comes out the same.
#[tokio::test]
async fn a_file_that_is_not_in_memory_is_read_from_the_disk() {
    use rustix::fs::{Advice, fadvise};
    let site = Site::new(&[]);
    let content: Vec<u8> = (0..1_000_000_u32).map(|position| (position % 253) as u8).collect();
    for (path, length) in [("small.bin", 50_000), ("large.bin", content.len())] {
        site.write(path, &content[..length]);
        let file = fs::File::open(site.path(path)).unwrap();
        file.sync_all().unwrap();
        fadvise(&file, 0, None, Advice::DontNeed).unwrap();
        let answer = site.get(&format!("/{path}")).await;
        assert!(answer.content.as_ref().unwrap() == &content[..length], "{path}");
    }
}

#[tokio::test]
async fn a_stretch_of_a_file_can_be_sent_without_reading_it_here() {
    use std::sync::Arc;
    use wirelight_gateway::files::FileBody;
    use wirelight_service::body::FileContent;
    let site = Site::new(&[("file.txt", "0123456789")]);
    let file = Arc::new(fs::File::open(site.path("file.txt")).unwrap());
    let mut body = FileBody::new(file, 2, 6, 3);
    let (_, offset, remaining) = body.at_hand().unwrap();
    assert_eq!((offset, remaining), (2, 6));
    body.skip(1);
    assert!(body.take_at_hand(4).is_none(), "five are left");
    let mut body = Body::stream(body);
    assert_eq!(body.size_hint().exact(), Some(5));
    assert_eq!(body.data().await.unwrap().unwrap(), "345");
    assert_eq!(body.data().await.unwrap().unwrap(), "67");
    assert!(body.data().await.is_none());
}

#[tokio::test]
async fn a_file_that_is_in_memory_is_coded_whole_and_has_a_length() {
    use wirelight_service::ServiceExt;
    use wirelight_service::layer::Compress;
    let site = Site::new(&[("a.txt", &"so much to say ".repeat(7_000))]);
    let files = site.files.layer(Compress::default());
    let request = http::Request::get("/a.txt").header("accept-encoding", "gzip").body(Body::empty()).unwrap();
    let response = files.call(request).await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let coded = response.into_body().into_bytes().expect("it is coded already");
    assert!(coded.len() < 10_000);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_ends_in_an_error() {
    use std::sync::Arc;
    use wirelight_gateway::files::FileBody;
    let site = Site::new(&[]);
    let folder = Arc::new(fs::File::open(site.path("")).unwrap());
    let mut body = Body::stream(FileBody::new(folder, 0, 10, 10));
    let error = body.data().await.unwrap().unwrap_err();
    assert!(error.to_string().starts_with("the file could not be read at byte 0: "), "{error}");
    assert!(body.data().await.is_none());
}
