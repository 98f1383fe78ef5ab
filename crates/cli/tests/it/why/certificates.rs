//! Servers behind whose certificate does not match: who they are not, until when, and who vouches for them.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::{Scene, explained};
use crate::devtools::Page;
use crate::process::{Listening, command};

/// A certificate for a name, signed by the authority in the folder, valid from now on for so many days.
fn sign(folder: &Path, file: &str, name: &str, days: &str) {
    openssl(folder, &["-subj", &format!("/CN={name}"), "-keyout", &format!("{file}.key"), "-out", "request"], &["req"]);
    std::fs::write(folder.join("names"), format!("subjectAltName=DNS:{name}\n")).unwrap();
    let done = Command::new("openssl")
        .args(["x509", "-req", "-in", "request", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"])
        .args(["-days", days, "-extfile", "names", "-out", &format!("{file}.pem")])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn openssl(folder: &Path, named: &[&str], what: &[&str]) {
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let done = Command::new("openssl").args(what).args(key).args(named).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// A server that answers over TLS with a certificate of the folder.
fn secure(folder: &Path, file: &str) -> Listening {
    let config = format!(
        "site default {{\n    listen \"127.0.0.1:0\" cert=\"{file}.pem\" key=\"{file}.key\"\n    \
         route {{ respond \"fine\"; }}\n}}\n"
    );
    let path = folder.join(format!("{file}.kdl"));
    std::fs::write(&path, config).unwrap();
    Listening::spawn(command(&["run", "--config", path.to_str().unwrap(), "--workers", "1"]).current_dir(folder))
}

#[test]
fn certificates_that_do_not_match() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let authority = ["-x509", "-days", "7", "-subj", "/CN=Test", "-keyout", "ca.key", "-out", "ca.pem"];
    openssl(folder, &authority, &["req", "-addext", "basicConstraints=critical,CA:TRUE"]);
    let mut page = Page::open(1280, 800);
    let trusted = folder.join("ca.pem");
    sign(folder, "good", "localhost", "7");
    sign(folder, "wrong", "elsewhere.test", "7");
    sign(folder, "old", "localhost", "-1");
    let good = secure(folder, "good");
    for (file, trusted, says) in [
        ("wrong", Some(&*trusted), "localhost was asked for, and it is valid for elsewhere.test"),
        ("old", Some(&*trusted), "failed the check of its time: it expired on "),
        ("good", None, "no authority that is trusted stands behind CN=Test"),
    ] {
        let upstream = secure(folder, file);
        let site =
            |upstream: &Listening| format!("route {{ proxy \"https://localhost:{}\"; }}\n", upstream.address.port());
        let scene = Scene::set_trusting(&site(&upstream), None, trusted);
        let came = scene.ask("GET / HTTP/1.1");
        assert!(came.starts_with("HTTP/1.1 502 "), "{file}: {came}");
        explained(&scene.entrance, &scene.newest(), &mut page, &["localhost cannot be trusted: ", says]).unwrap();
    }
    // The right name, in time, of an authority that is trusted.
    let site = format!("route {{ proxy \"https://localhost:{}\"; }}\n", good.address.port());
    let came = Scene::set_trusting(&site, None, Some(&trusted)).ask("GET / HTTP/1.1");
    assert!(came.starts_with("HTTP/1.1 200 ") && came.ends_with("fine"), "{came}");
}
