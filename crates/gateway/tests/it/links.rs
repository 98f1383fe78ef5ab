//! Links, and what is neither file nor folder.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::Command;

use crate::site::Site;

#[tokio::test]
async fn links_that_stay_inside_are_followed_and_others_are_nothing() {
    let site = Site::new(&[
        ("file.txt", "inside"),
        ("sub/page.html", "page"),
        ("../outside.txt", "SECRET"),
        ("../root-secret/file.txt", "SECRET"),
    ]);
    let root = site.path("").display().to_string();
    for (link, target) in [
        ("in", "file.txt"),
        ("sub/up", "../file.txt"),
        ("folder", "sub"),
        ("twice", "in"),
        ("out", "../outside.txt"),
        ("out-folder", "../root-secret"),
        ("sub/out", "../../outside.txt"),
        ("out-and-in", "../root/file.txt"),
        ("absolute", "/etc/passwd"),
        ("absolute-inside", &format!("{root}/file.txt")),
        ("self", "self"),
        ("dangling", "nothing"),
        ("proc", "/proc/self/environ"),
    ] {
        site.link(link, target);
    }
    for (target, content) in [
        ("/in", "inside"),
        ("/sub/up", "inside"),
        ("/folder/page.html", "page"),
        ("/folder/up", "inside"),
        ("/twice", "inside"),
    ] {
        site.get(target).await.is(200, content);
    }
    assert_eq!(site.get("/folder").await.field("location"), "./folder/");
    for (target, rule) in [
        ("/out", "inside-the-root"),
        ("/out-folder/file.txt", "inside-the-root"),
        ("/out-folder/", "inside-the-root"),
        ("/out-folder", "inside-the-root"),
        ("/sub/out", "inside-the-root"),
        ("/folder/out", "inside-the-root"),
        ("/out-and-in", "inside-the-root"),
        ("/absolute", "inside-the-root"),
        ("/absolute-inside", "inside-the-root"),
        ("/self", "inside-the-root"),
        ("/proc", "inside-the-root"),
        ("/dangling", "file-for-path"),
    ] {
        let answer = site.get(target).await;
        assert_eq!(answer.status, 404, "{target}");
        answer.has_decision(&format!("{rule}: 404"));
        assert!(!answer.text().contains("SECRET"));
        // Only the log says of what is not to be known that it is there.
        assert!(answer.text().contains("there is nothing of that name"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_link_beside_a_file_is_not_a_way_out() {
    let site = Site::with(&[("a.js", "plain"), ("../outside", "SECRET")], |config| {
        config.languages = vec!["en".into(), "fr".into()];
    });
    site.link("a.js.gz", "../outside");
    site.link("a.fr.js", "../outside");
    let answer = site.get_with("/a.js", &[("accept-encoding", "gzip"), ("accept-language", "fr")]).await;
    answer.is(200, "plain");
    assert_eq!(answer.field("vary"), "");
}

#[tokio::test]
async fn what_is_no_file_is_never_waited_for() {
    let site = Site::new(&[]);
    let made = Command::new("mkfifo").arg(site.path("fifo")).status().expect("mkfifo");
    assert!(made.success());
    let _listener = UnixListener::bind(site.path("socket")).unwrap();
    let fifo = site.get("/fifo").await;
    assert_eq!(fifo.status, 404);
    fifo.has_decision("regular-files-only: 404");
    assert_eq!(site.get("/socket").await.status, 404);
    assert_eq!(site.get("/fifo/").await.status, 404);
}

/// Root may read everything, so this only shows something for others.
#[tokio::test]
async fn what_may_not_be_read_is_403() {
    let site = Site::new(&[("secret.txt", "SECRET"), ("closed/index.html", "open"), ("blind/index.html", "x")]);
    let mode = |path: &str, mode| std::fs::set_permissions(site.path(path), PermissionsExt::from_mode(mode)).unwrap();
    mode("secret.txt", 0o000);
    mode("closed", 0o311);
    mode("blind", 0o600);
    if std::fs::read(site.path("secret.txt")).is_err() {
        let answer = site.get("/secret.txt").await;
        assert_eq!(answer.status, 403);
        answer.has_decision("readable-file: 403");
        assert_eq!(site.get("/closed").await.field("location"), "./closed/");
        site.get("/closed/").await.is(200, "open");
        assert_eq!(site.get("/blind/index.html").await.status, 403);
    }
    mode("closed", 0o755);
    mode("blind", 0o755);
}
