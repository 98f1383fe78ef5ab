//! HTTPS of the gateway with certificates of the local authority, from outside.

use std::path::Path;
use std::process::{Command, Output};

use crate::gateway_reload::Running;

fn config(sites: &[&str]) -> String {
    let site =
        |host: &&str| format!("site {host:?} {{\n listen \"ADDRESS\" tls=local\n route {{ respond {host:?} }}\n}}\n");
    sites.iter().map(site).collect()
}

/// What curl gets that trusts the local authority and nobody else, and which version of HTTP it spoke.
fn get(running: &Running, data: &Path, host: &str) -> Output {
    let port = running.address.port();
    let authority = data.join("wirelight/authority.pem");
    Command::new("curl")
        .args(["-sS", "--max-time", "30", "--http2", "-w", " over %{http_version}", "--cacert"])
        .arg(&authority)
        .args(["--resolve", &format!("{host}:{port}:127.0.0.1"), &format!("https://{host}:{port}/")])
        .output()
        .expect("curl is installed")
}

#[test]
fn the_local_authority_vouches_for_each_host_of_the_config_and_for_no_other() {
    let data = tempfile::tempdir().unwrap();
    let sites = ["a.test", "*.b.test"];
    let running = Running::start_with(&config(&sites), &["--workers", "1"], |command| {
        command.env("XDG_DATA_HOME", data.path());
    });
    let served = |host: &str, expected: &str| {
        let output = get(&running, data.path(), host);
        let (text, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(text, format!("{expected} over 2"), "{host}: {error}");
    };
    let refused = |host: &str| {
        let output = get(&running, data.path(), host);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains("certificate"), "{host}: {error}");
    };
    served("a.test", "a.test");
    served("x.b.test", "*.b.test");
    refused("c.test");
    refused("x.y.b.test");
    // A host that comes with a reload is vouched for at once, on connections that are made from then on.
    running.write(&config(&["a.test", "*.b.test", "c.test"]));
    let (done, text) = running.reload(&[]);
    assert!(done, "{text}");
    served("c.test", "c.test");
    served("a.test", "a.test");
    // The next process has the same authority.
    running.upgrade();
    served("c.test", "c.test");
    running.write(&config(&["a.test"]));
    assert!(running.reload(&[]).0);
    refused("c.test");
}
