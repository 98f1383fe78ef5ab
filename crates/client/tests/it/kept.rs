//! A cache in a folder: the next process finds what this one has stored, and only what is whole.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use wirelight_client::layer::Cache;
use wirelight_client::layer::cache::{FolderLimits, Limits, Stored};
use wirelight_client::{Client, ClientConfig};

use crate::script::Step::{Hang, Head};
use crate::script::{Peer, send};

/// A folder that goes with the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("wirelight-kept-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn stored(&self, limits: FolderLimits) -> Stored {
        Stored::in_folder(&self.0, Limits::default(), limits).unwrap()
    }

    /// A client as the next process would make it: it has the folder, and no memory.
    fn client(&self) -> Client {
        let cache = Cache { stored: self.stored(FolderLimits::default()), name: "c".to_owned(), ..Cache::default() };
        Client::with(ClientConfig { cache: Some(cache), ..ClientConfig::default() }).unwrap()
    }

    /// The files of responses.
    fn files(&self) -> Vec<PathBuf> {
        let folders = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
        folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path())).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn answer(head: &str, content: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n{head}\r\n\r\n{content}", content.len())
}

/// What is asked of whom, with which field, and what comes of it: the content, and what Cache-Status says.
async fn ask(client: &Client, url: &str, field: (&str, &str)) -> (String, String) {
    let answer = client.get(url).header(field.0, field.1).send().await.unwrap();
    let status = answer.headers()["cache-status"].to_str().unwrap().to_owned();
    (answer.text().await.unwrap(), status)
}

const NONE: (&str, &str) = ("x-none", "0");

async fn plays(answers: &[String]) -> Peer {
    Peer::play(answers.iter().map(|answer| vec![Head, send(answer), Hang]).collect()).await
}

#[tokio::test]
async fn the_next_process_has_what_was_stored() {
    let place = Place::new("next");
    let peer = plays(&[answer("Cache-Control: max-age=60\r\nX-A: \u{e9}", "one"), answer("", "two")]).await;
    let (content, status) = ask(&place.client(), &peer.url("/"), NONE).await;
    assert_eq!((content.as_str(), status.as_str()), ("one", "c; fwd=uri-miss; stored"));
    let again = place.client().get(&peer.url("/")).send().await.unwrap();
    assert!(again.headers()["cache-status"].to_str().unwrap().starts_with("c; hit; ttl="), "{:?}", again.headers());
    assert_eq!(again.headers()["x-a"].as_bytes(), "\u{e9}".as_bytes());
    assert!(again.timings().from_cache);
    assert_eq!(again.text().await.unwrap(), "one");
    assert_eq!(peer.connections(), 1);
    for path in [&place.0, &place.files()[0]] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
    }
    // What changes the resource makes what is kept invalid, for every process.
    place.client().post(&peer.url("/")).send().await.unwrap();
    assert!(place.files().is_empty());
}

#[tokio::test]
async fn what_is_stale_is_validated_and_kept_as_renewed() {
    let place = Place::new("stale");
    let renewed = "HTTP/1.1 304 Not Modified\r\nConnection: close\r\nCache-Control: max-age=60\r\nETag: \"a\"\r\n\r\n";
    let peer = plays(&[answer("Cache-Control: max-age=0\r\nETag: \"a\"", "one"), renewed.to_owned()]).await;
    for status in ["c; fwd=uri-miss; stored", "c; fwd=stale; fwd-status=304; ttl=60", "c; hit; ttl="] {
        let (content, seen) = ask(&place.client(), &peer.url("/"), NONE).await;
        assert!(content == "one" && seen.starts_with(status), "{seen}");
    }
    assert!(peer.text(1).contains("If-None-Match: \"a\"\r\n"), "{}", peer.text(1));
    assert_eq!((peer.connections(), place.files().len()), (2, 1));
}

#[tokio::test]
async fn variants_are_told_apart_and_secrets_are_not_written_down() {
    let place = Place::new("vary");
    let head = "Cache-Control: max-age=60\r\nVary: x-tongue, cookie";
    let peer = plays(&[answer(head, "alice"), answer(head, "bob"), answer(head, "carol")]).await;
    let fields =
        [("authorization", "Bearer alice-secret"), ("authorization", "Bearer bob-secret"), ("cookie", "id=carol")];
    for round in 0..2 {
        for (field, expected) in fields.iter().zip(["alice", "bob", "carol"]) {
            let (content, status) = ask(&place.client(), &peer.url("/"), *field).await;
            assert_eq!(content, expected, "{status}");
            assert_eq!(status.starts_with("c; hit"), round == 1, "{status}");
        }
    }
    assert_eq!(place.files().len(), 3);
    for path in place.files() {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        assert!(!text.contains("secret") && !text.contains("id=carol"), "{text}");
    }
}

#[tokio::test]
async fn a_file_that_is_damaged_is_not_there() {
    let place = Place::new("damaged");
    let mut answers = vec![answer("Cache-Control: max-age=60", "hello")];
    answers.resize(8, answers[0].clone());
    let peer = plays(&answers).await;
    ask(&place.client(), &peer.url("/"), NONE).await;
    let whole = fs::read(&place.files()[0]).unwrap();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let longer = [&whole[..], b"x"].concat();
    let damages = [&flipped[..], &whole[..whole.len() - 1], &longer, b"", b"{}\n", &[b'x'; 100]];
    for (number, damage) in damages.iter().enumerate() {
        fs::write(&place.files()[0], damage).unwrap();
        let (content, status) = ask(&place.client(), &peer.url("/"), NONE).await;
        assert_eq!((content.as_str(), status.as_str()), ("hello", "c; fwd=uri-miss; stored"), "{number}");
        assert!(fs::read(&place.files()[0]).unwrap().ends_with(b"hello"), "{number}: it is kept again");
    }
    // What others keep in the folder is left alone.
    fs::write(place.0.join("letter.txt"), "mine").unwrap();
    place.stored(FolderLimits::default()).clear();
    assert!(place.files().is_empty() && place.0.join("letter.txt").exists() && place.0.join("CACHEDIR.TAG").exists());
}

fn age(path: &Path, seconds: u64) {
    let at = SystemTime::now() - Duration::from_secs(seconds);
    fs::File::open(path).unwrap().set_modified(at).unwrap();
}

#[tokio::test]
async fn a_folder_stays_within_its_limits_and_keeps_what_is_used() {
    let place = Place::new("limits");
    let peer = plays(&[answer("Cache-Control: max-age=60", &"x".repeat(1000))]).await;
    let with = |limits| {
        let cache = Cache { stored: place.stored(limits), name: "c".to_owned(), ..Cache::default() };
        Client::with(ClientConfig { cache: Some(cache), ..ClientConfig::default() }).unwrap()
    };
    let limits = FolderLimits { files_max: 10, ..FolderLimits::default() };
    ask(&with(limits), &peer.url("/used"), NONE).await;
    for number in 0..9 {
        ask(&with(limits), &peer.url(&format!("/{number}")), NONE).await;
    }
    for path in place.files() {
        age(&path, 1000);
    }
    // To be read is to be used.
    assert!(ask(&with(limits), &peer.url("/used"), NONE).await.1.starts_with("c; hit"));
    let abandoned = place.files()[0].with_file_name(".1-0");
    fs::write(&abandoned, "begun").unwrap();
    age(&abandoned, 100_000);
    ask(&with(limits), &peer.url("/more"), NONE).await;
    assert_eq!(place.files().len(), 9, "a tenth is made free");
    assert!(!abandoned.exists(), "what a dead process has begun goes, too");
    assert!(ask(&with(limits), &peer.url("/used"), NONE).await.1.starts_with("c; hit"));
    let limits = FolderLimits { bytes_max: 5000, ..FolderLimits::default() };
    let client = with(limits);
    for number in 100..120 {
        ask(&client, &peer.url(&format!("/{number}")), NONE).await;
        let bytes: u64 = place.files().iter().map(|path| fs::metadata(path).unwrap().len()).sum();
        assert!(bytes <= 5000, "{bytes}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_may_write_and_read_and_remove_at_once() {
    let place = Arc::new(Place::new("several"));
    let contents: Vec<String> = ["a", "b", "c"].iter().map(|text| text.repeat(20_000)).collect();
    let answers: Vec<String> =
        (0..300).map(|number| answer("Cache-Control: max-age=60", &contents[number % contents.len()])).collect();
    let peer = Arc::new(plays(&answers).await);
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let (place, peer, contents) = (Arc::clone(&place), Arc::clone(&peer), contents.clone());
            tokio::spawn(async move {
                for round in 0..15 {
                    // Each time as another process.
                    let client = place.client();
                    let (content, status) = ask(&client, &peer.url("/same"), NONE).await;
                    assert!(contents.contains(&content), "{} bytes: {status}", content.len());
                    if round % 4 == task {
                        client.delete(&peer.url("/same")).send().await.unwrap();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(place.files().iter().all(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.')));
}

#[test]
fn a_folder_that_cannot_be_is_told_at_once() {
    let place = Place::new("not");
    fs::write(&place.0, "a file").unwrap();
    let failed = Stored::in_folder(&place.0, Limits::default(), FolderLimits::default());
    assert!(failed.is_err());
    fs::remove_file(&place.0).unwrap();
}
