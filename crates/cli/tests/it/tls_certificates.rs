//! Certificates of the user's own: chosen by name, exchanged while they are used, and asked of clients.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::process::{Listening, command, curl, site, until};
use crate::tls::handshake;

/// Makes certificates with openssl.
struct Openssl(TempDir);

impl Openssl {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A certificate for a name that vouches for itself, with its key.
    fn pair(&self, file: &str, name: &str) -> (PathBuf, PathBuf) {
        let (certificate, key) = (self.path(&format!("{file}.pem")), self.path(&format!("{file}.key")));
        self.run(
            &["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"],
            &[("-subj", &format!("/CN={name}")), ("-addext", &format!("subjectAltName=DNS:{name}"))],
            &[("-out", &certificate), ("-keyout", &key)],
        );
        (certificate, key)
    }

    /// A certificate for a client, signed by an authority.
    fn client(&self, authority: &(PathBuf, PathBuf)) -> (PathBuf, PathBuf) {
        let (request, key) = (self.path("client.csr"), self.path("client.key"));
        let (certificate, usage) = (self.path("client.pem"), self.path("client.ext"));
        fs::write(&usage, "extendedKeyUsage=clientAuth\n").unwrap();
        self.run(
            &["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
            &[("-subj", "/CN=a client")],
            &[("-out", &request), ("-keyout", &key)],
        );
        self.run(
            &["x509", "-req", "-days", "30"],
            &[],
            &[
                ("-in", &request),
                ("-CA", &authority.0),
                ("-CAkey", &authority.1),
                ("-out", &certificate),
                ("-extfile", &usage),
            ],
        );
        (certificate, key)
    }

    fn run(&self, arguments: &[&str], named: &[(&str, &str)], files: &[(&str, &Path)]) {
        let mut openssl = Command::new("openssl");
        openssl.args(arguments).args(named.iter().flat_map(|(name, value)| [name, value]));
        for (name, file) in files {
            openssl.arg(name).arg(file);
        }
        let output = openssl.current_dir(self.0.path()).stdin(Stdio::null()).output().expect("openssl is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn serve(pairs: &[&(PathBuf, PathBuf)], more: &[&str]) -> Listening {
    let mut command = command(&["serve", &site(), "-p", "0"]);
    for (certificate, key) in pairs {
        command.arg("--cert").arg(certificate).arg("--key").arg(key);
    }
    Listening::spawn(command.args(more))
}

/// The subject of the certificate that a client is shown that asks for this name.
fn subject(server: &Listening, name: Option<&str>) -> String {
    let asked = name.map_or(vec!["-noservername"], |name| vec!["-servername", name]);
    let text = handshake(server, &asked, "");
    let line = text.lines().find(|line| line.starts_with("subject="));
    line.unwrap_or_else(|| panic!("{text}")).trim_start_matches("subject=CN = ").to_owned()
}

fn serial(server: &Listening) -> String {
    let text = handshake(server, &[], "");
    let begin = text.find("-----BEGIN").unwrap_or_else(|| panic!("{text}"));
    text[begin..text.find("-----END").unwrap()].to_owned()
}

#[test]
fn certificates_are_chosen_by_name() {
    let openssl = Openssl::new();
    let (first, second) = (openssl.pair("one", "one.test"), openssl.pair("two", "*.two.test"));
    let server = serve(&[&first, &second], &[]);
    for (asked, shown) in [
        (Some("one.test"), "one.test"),
        (Some("a.two.test"), "*.two.test"),
        (Some("A.TWO.TEST"), "*.two.test"),
        (Some("a.b.two.test"), "one.test"),
        (Some("else.test"), "one.test"),
        (None, "one.test"),
    ] {
        assert_eq!(subject(&server, asked), shown, "{asked:?}");
    }
}

#[test]
fn browsers_are_told_to_stay_with_https_by_a_certificate_that_lasts() {
    let openssl = Openssl::new();
    let pair = openssl.pair("one", "one.test");
    let server = serve(&[&pair], &["--redirect-http", "0"]);
    let port = server.address.port();
    let resolved = format!("one.test:{port}:127.0.0.1");
    let authority = pair.0.to_str().unwrap();
    for version in ["--http1.1", "--http2"] {
        let url = format!("https://one.test:{port}/");
        let fields =
            curl(&[version, "-o", "/dev/null", "-D", "-", "--resolve", &resolved, "--cacert", authority, &url]);
        assert!(fields.to_lowercase().contains("strict-transport-security: max-age=31536000"), "{version}: {fields}");
    }
    let line = server.printed_when(|printed| printed.contains("redirecting to HTTPS on http://"));
    let from = line.split("redirecting to HTTPS on ").nth(1).unwrap().lines().next().unwrap();
    assert!(!curl(&["-i", from]).to_lowercase().contains("strict-transport-security"));
}

/// A connection over which requests can be sent one after another.
struct Standing {
    client: std::process::Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Standing {
    fn open(server: &Listening) -> Self {
        let mut client = Command::new("openssl")
            .args(["s_client", "-quiet", "-connect", &server.address.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(client.stdout.take().unwrap()).lines();
        Self { client, lines }
    }

    fn ask(&mut self) -> String {
        let request = b"HEAD / HTTP/1.1\r\nHost: one.test\r\n\r\n";
        self.client.stdin.as_mut().unwrap().write_all(request).unwrap();
        let status = self.lines.next().unwrap().unwrap();
        while !self.lines.next().unwrap().unwrap().is_empty() {}
        status
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

#[test]
fn certificates_are_exchanged_while_connections_stand() {
    let openssl = Openssl::new();
    let pair = openssl.pair("one", "one.test");
    let server = serve(&[&pair], &[]);
    let mut standing = Standing::open(&server);
    assert_eq!(standing.ask(), "HTTP/1.1 200 OK");
    let first = serial(&server);

    openssl.pair("one", "one.test");
    let second = until("new files to be seen", || Some(serial(&server)).filter(|shown| *shown != first));
    assert_eq!(standing.ask(), "HTTP/1.1 200 OK", "the connection that stands goes on");

    // What does not fit changes nothing, even when it is asked for.
    fs::write(&pair.1, "no key").unwrap();
    server.signal("HUP");
    assert_eq!(serial(&server), second);
    openssl.pair("one", "one.test");
    server.signal("HUP");
    until("HUP to be obeyed", || Some(serial(&server)).filter(|shown| *shown != second));
    assert_eq!(standing.ask(), "HTTP/1.1 200 OK");
}

#[test]
fn clients_are_asked_for_a_certificate() {
    let openssl = Openssl::new();
    let (pair, authority) = (openssl.pair("one", "localhost"), openssl.pair("authority", "an authority"));
    let client = openssl.client(&authority);
    let stranger = openssl.pair("stranger", "a stranger");
    let server = serve(&[&pair], &["--client-ca", authority.0.to_str().unwrap()]);
    let ask = |client: Option<&(PathBuf, PathBuf)>| {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert"]).arg(&pair.0).arg(server.url("/"));
        if let Some((certificate, key)) = client {
            curl.arg("--cert").arg(certificate).arg("--key").arg(key);
        }
        let output = curl.output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(ask(Some(&client)), (true, "200".to_owned()));
    assert!(!ask(None).0, "a certificate is needed");
    assert!(!ask(Some(&stranger)).0, "and not just any");
}
