//! Headless Chromium on the example site, and on a page of another origin.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::process::{Listening, site};

/// A folder that is removed with the test.
struct Folder(PathBuf);

impl Folder {
    fn make(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("wirelight-{name}-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The page as the browser has it once its scripts have run and its requests are answered.
pub(crate) fn dom(url: &str) -> String {
    dom_of(&mut Command::new("chromium"), url)
}

/// The same, of a browser that was prepared.
pub(crate) fn dom_of(chromium: &mut Command, url: &str) -> String {
    let output = dump(chromium, url);
    let page = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(page.contains("<body"), "{url}: {}", String::from_utf8_lossy(&output.stderr));
    page
}

/// What a browser prints that is asked for a page, whether it gets it or not.
pub(crate) fn dump(chromium: &mut Command, url: &str) -> Output {
    let profile = Folder::make("profile");
    chromium
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--disable-dev-shm-usage", "--virtual-time-budget=20000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.0.display()))
        .arg(url)
        .stdin(Stdio::null())
        .output()
        .expect("chromium is installed")
}

/// The value of a `data-` attribute of the body.
fn data<'a>(page: &'a str, name: &str) -> &'a str {
    let body = page.split("<body").nth(1).unwrap().split('>').next().unwrap();
    body.split(&format!("data-{name}=\"")).nth(1).map_or("", |rest| rest.split('"').next().unwrap())
}

#[test]
fn every_trial_of_the_site_is_as_it_should_be() {
    let server = Listening::start(&["serve", &site()]);
    let page = dom(&server.url("/try.html?run"));
    let odd: Vec<&str> = page.split("<article").filter(|trial| trial.contains("mark odd")).collect();
    assert!(odd.is_empty(), "{}", odd.join("\n"));
    assert_eq!(data(&page, "done"), "true");
    assert_eq!((data(&page, "run"), data(&page, "good")), ("18", "18"));
}

#[test]
fn the_pages_load_with_their_script_font_and_clip() {
    let server = Listening::start(&["serve", &site()]);
    let page = dom(&server.url("/"));
    assert_eq!(data(&page, "delivered"), "200");
    let page = dom(&server.url("/media.html"));
    assert_eq!(data(&page, "font"), "true");
    assert_eq!(data(&page, "clip"), "8.0");
    let log = server.printed_when(|printed| printed.contains("pulses.webm"));
    assert!(log.lines().any(|line| line.contains("pulses.webm") && line.contains("206")), "{log}");
}

#[test]
fn a_page_of_another_origin_reads_what_cors_allows_and_nothing_else() {
    let folder = Folder::make("origin");
    fs::write(folder.0.join("index.html"), include_str!("cross_origin.html")).unwrap();
    let pages = Listening::start(&["serve", folder.0.to_str().unwrap()]);
    let closed = Listening::start(&["serve", &site()]);
    let open = Listening::start(&["serve", &site(), "--cors"]);
    let echo = Listening::start(&["echo", "--cors"]);

    let page = dom(&pages.url(&format!("/?{}", closed.url("/data/status-codes.json"))));
    assert_eq!(data(&page, "simple"), "blocked", "{page}");
    assert_eq!(data(&page, "preflighted"), "blocked");
    assert_eq!(data(&page, "opaque"), "opaque", "without CORS the request itself is still sent");

    let page = dom(&pages.url(&format!("/?{}", open.url("/data/status-codes.json"))));
    assert!(data(&page, "simple").starts_with("200 "), "{page}");
    assert_eq!(data(&page, "credentials"), "blocked", "any origin is allowed, so credentials are not");

    let page = dom(&pages.url(&format!("/?{}", echo.url("/echo"))));
    assert!(data(&page, "simple").starts_with("200 "), "{page}");
    assert!(data(&page, "preflighted").starts_with("200 "), "{page}");
}
