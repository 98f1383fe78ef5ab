//! `wirelight trust` as a user runs it, and Chromium believing it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use tempfile::TempDir;

use crate::browser::{dom_of, dump};
use crate::process::{Listening, command, site};

/// A user with nothing at home, whose commands for the system's store are written down and not run.
struct User {
    home: TempDir,
}

impl User {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        let programs = home.path().join("bin");
        fs::create_dir(&programs).unwrap();
        for program in ["install", "update-ca-certificates", "sudo"] {
            let path = programs.join(program);
            fs::write(&path, "#!/bin/sh\necho \"${0##*/} $*\" >> \"$HOME/system\"\n").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { home }
    }

    fn prepare<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let path = std::env::var("PATH").unwrap();
        let data = self.home.path().join("data");
        command
            .env("HOME", self.home.path())
            .env("XDG_DATA_HOME", data)
            .env("PATH", format!("{}:{path}", self.home.path().join("bin").display()))
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.prepare(&mut command(arguments)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn did_to_the_system(&self) -> String {
        fs::read_to_string(self.home.path().join("system")).unwrap_or_default()
    }
}

#[test]
fn trust_says_what_it_would_do_and_does_it_when_told_to() {
    let user = User::new();
    assert!(user.run(&["trust"]).contains("There is no local authority yet"));
    assert!(user.run(&["trust", "--undo"]).contains("nothing can trust it"));
    assert!(!user.home.path().join("data").exists(), "asking makes nothing");

    let done = user.run(&["trust", "--yes"]);
    assert!(done.contains("It was made just now."), "{done}");
    assert!(done.contains("certutil -A -d sql:"), "{done}");
    let system = user.did_to_the_system();
    assert!(system.contains("/usr/local/share/ca-certificates/wirelight-"), "{system}");
    assert!(system.trim_end().ends_with("update-ca-certificates"), "{system}");

    let asked = user.run(&["trust"]);
    assert!(asked.contains("Nothing to do: it is trusted already."), "{asked}");
    assert_eq!(user.did_to_the_system(), system, "without --yes nothing is done");
    let undone = user.run(&["trust", "--undo"]);
    assert!(undone.contains("certutil -D -d sql:") && undone.contains("Nothing was changed."), "{undone}");
    assert!(user.run(&["trust", "--undo", "--yes"]).contains("certutil -D"));
    assert!(user.run(&["trust", "--undo"]).contains("Nothing to do: it is not trusted here."));
}

#[test]
fn chromium_trusts_the_authority_and_loads_the_site_over_http2() {
    let user = User::new();
    user.run(&["trust", "--yes"]);
    let server = Listening::spawn(user.prepare(command(&["serve", "--tls", "--raw", "-p", "0"]).arg(site())));
    let page = dom_of(user.prepare(&mut Command::new("chromium")), &server.url("/"));
    assert!(page.contains("<dt>protocol</dt><dd>h2</dd>"), "{page}");
    assert!(page.contains("data-delivered=\"200\""), "{page}");
    let log = server.printed_when(|printed| printed.contains("/delivery.js"));
    assert!(log.contains("HEAD /"), "{log}");

    user.run(&["trust", "--undo", "--yes"]);
    let output = dump(user.prepare(&mut Command::new("chromium")), &server.url("/"));
    let page = String::from_utf8_lossy(&output.stdout);
    assert!(!page.contains("<dt>protocol"), "nobody trusts it any more: {page}");
    server.printed_when(|printed| printed.contains("TLS handshake failed"));
}
