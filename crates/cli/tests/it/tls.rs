//! HTTPS from outside: curl, nghttp, h2load, openssl and testssl against the command.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tempfile::TempDir;

use crate::process::{Listening, command, curl, site, until, wirelight};

/// A command that speaks HTTPS with a local authority of its own.
pub(crate) struct Secure {
    data: TempDir,
    pub(crate) server: Listening,
}

impl Secure {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let data = TempDir::new().unwrap();
        let mut command = command(arguments);
        command.args(["-p", "0"]).env("XDG_DATA_HOME", data.path());
        Self { server: Listening::spawn(&mut command), data }
    }

    /// The certificate of the authority.
    pub(crate) fn authority(&self) -> PathBuf {
        self.data.path().join("wirelight/authority.pem")
    }

    /// Runs curl, which trusts the authority and nobody else.
    fn curl(&self, arguments: &[&str]) -> String {
        let authority = self.authority();
        curl(&[&["--cacert", authority.to_str().unwrap()], arguments].concat())
    }

    /// What `openssl s_client` says of a handshake, after it has sent `request`.
    fn handshake(&self, arguments: &[&str], request: &str) -> String {
        let authority = self.authority();
        let trusting = ["-CAfile", authority.to_str().unwrap()];
        handshake(&self.server, &[&trusting[..], arguments].concat(), request)
    }
}

/// What `openssl s_client` says of a handshake, after it has sent `request`.
pub(crate) fn handshake(server: &Listening, arguments: &[&str], request: &str) -> String {
    let mut client = Command::new("openssl")
        .args(["s_client", "-connect", &server.address.to_string()])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl is installed");
    // It may have given up before it reads.
    let _ = client.stdin.take().unwrap().write_all(request.as_bytes());
    let output = client.wait_with_output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn curl_is_served_over_every_version_and_by_every_name() {
    let secure = Secure::start(&["serve", "--tls", &site()]);
    let port = secure.server.address.port();
    let told = ["-o", "/dev/null", "-w", "%{http_version} %{http_code} %{ssl_verify_result}"];
    for (version, expected) in
        [("--http1.1", "1.1 200 0"), ("--http2", "2 200 0"), ("--http2-prior-knowledge", "2 200 0")]
    {
        let url = secure.server.url("/");
        assert_eq!(secure.curl(&[&told[..], &[version, &url]].concat()), expected, "{version}");
    }
    let machine = String::from_utf8(Command::new("uname").arg("-n").output().unwrap().stdout).unwrap();
    for name in ["localhost", "127.0.0.1", machine.trim()] {
        let resolved = format!("{name}:{port}:127.0.0.1");
        let url = format!("https://{name}:{port}/");
        assert_eq!(secure.curl(&[&told[..], &["--resolve", &resolved, &url]].concat()), "2 200 0", "{name}");
    }
    let url = format!("https://elsewhere.test:{port}/");
    let resolved = format!("elsewhere.test:{port}:127.0.0.1");
    let refused = Command::new("curl")
        .args(["-sS", "--resolve", &resolved, "--cacert", secure.authority().to_str().unwrap(), &url])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(60), "another name is not in the certificate: {}", said(&refused));
}

#[test]
fn content_is_the_same_over_every_version_in_both_directions() {
    let secure = Secure::start(&["echo", "--tls"]);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("content");
    // More than a window or a record holds.
    let content: Vec<u8> = (0..1_000_000u32).flat_map(|number| number.to_le_bytes()).take(3_000_000).collect();
    fs::write(&file, &content).unwrap();
    for version in ["--http1.1", "--http2"] {
        let data = format!("@{}", file.display());
        let answer = secure.curl(&[version, "--data-binary", &data, &secure.server.url("/echo")]);
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let came = BASE64.decode(answer["content"]["base64"].as_str().unwrap()).unwrap();
        assert!(came == content, "{version}: {} bytes of {}", came.len(), content.len());
    }
}

#[test]
fn nghttp_and_h2load_are_served() {
    let secure = Secure::start(&["serve", "--tls", "--quiet", &site()]);
    let output = Command::new("nghttp").args(["-nv", "--no-verify-peer", &secure.server.url("/")]).output();
    let text = String::from_utf8(output.expect("nghttp2-client is installed").stdout).unwrap();
    assert!(text.contains("The negotiated protocol: h2") && text.contains(":status: 200"), "{text}");

    let load = ["-n", "2000", "-c", "4", "-m", "20", &secure.server.url("/index.html")];
    let output = Command::new("h2load").args(load).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("2000 succeeded, 0 failed, 0 errored, 0 timeout"), "{text}");
    assert!(text.contains("Application protocol: h2"), "{text}");
}

#[test]
fn nothing_older_than_tls_1_2_and_no_weak_suite_is_spoken() {
    let secure = Secure::start(&["serve", "--tls", "--quiet", &site()]);
    let weaker = "ALL:@SECLEVEL=0";
    for (arguments, expected) in [
        (&["-tls1_3"][..], Some("TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384")),
        (&["-tls1_2"], Some("TLSv1.2, Cipher is ECDHE-ECDSA-AES256-GCM-SHA384")),
        (&["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"], Some("ECDHE-ECDSA-CHACHA20-POLY1305")),
        (&["-tls1_1", "-cipher", weaker], None),
        (&["-tls1", "-cipher", weaker], None),
        (&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"], None),
        (&["-tls1_2", "-cipher", "AES128-GCM-SHA256:AES256-SHA:@SECLEVEL=0"], None),
        (&["-tls1_2", "-cipher", "aNULL:eNULL:@SECLEVEL=0"], None),
    ] {
        let text = secure.handshake(arguments, "");
        match expected {
            Some(expected) => assert!(text.contains(expected), "{arguments:?}: {text}"),
            None => assert!(text.contains("Cipher is (NONE)"), "{arguments:?}: {text}"),
        }
    }
    for (offered, chosen) in [
        ("h2,http/1.1", "ALPN protocol: h2"),
        ("http/1.1,h2", "ALPN protocol: h2"),
        ("http/1.1", "ALPN protocol: http/1.1"),
    ] {
        let text = secure.handshake(&["-alpn", offered], "");
        assert!(text.contains(chosen), "{offered}: {text}");
    }
    let text = secure.handshake(&["-alpn", "spdy/3"], "");
    assert!(text.contains("alert no application protocol"), "{text}");
    assert!(secure.handshake(&[], "").contains("No ALPN negotiated"));
}

#[test]
fn sessions_are_taken_up_again() {
    let secure = Secure::start(&["serve", "--tls", "--quiet", &site()]);
    let folder = TempDir::new().unwrap();
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for version in ["-tls1_2", "-tls1_3"] {
        let session = folder.path().join(version);
        let session = session.to_str().unwrap();
        let first = secure.handshake(&[version, "-ign_eof", "-sess_out", session], request);
        assert!(first.contains("\nNew, TLS") && first.contains("HTTP/1.1 200 OK"), "{version}: {first}");
        let second = secure.handshake(&[version, "-ign_eof", "-sess_in", session], request);
        assert!(second.contains("\nReused, TLS") && second.contains("HTTP/1.1 200 OK"), "{version}: {second}");
    }
}

/// What testssl finds that is worse than a remark, and is no matter of an authority that nobody else knows.
#[test]
fn testssl_finds_nothing_wrong() {
    let secure = Secure::start(&["serve", "--tls", "--quiet", &site()]);
    let report = secure.authority().with_file_name("report.json");
    let output = Command::new("testssl")
        .args(["--quiet", "--color", "0", "--warnings", "off", "-p", "-s", "-S", "--add-ca"])
        .arg(secure.authority())
        .arg("--jsonfile")
        .arg(&report)
        .arg(format!("localhost:{}", secure.server.address.port()))
        .stdin(Stdio::null())
        .output()
        .expect("testssl.sh is installed");
    let text = fs::read_to_string(&report).unwrap_or_else(|_| panic!("{}", said(&output)));
    let findings: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let severity = |id: &str| {
        let finding = findings.iter().find(|finding| finding["id"] == id);
        finding.unwrap_or_else(|| panic!("{id} was not looked at: {text}"))["severity"].as_str().unwrap().to_owned()
    };
    for id in ["SSLv2", "SSLv3", "TLS1_2", "TLS1_3", "ALPN_HTTP2", "cipherlist_NULL", "cipherlist_aNULL"] {
        assert_eq!(severity(id), "OK", "{id}");
    }
    for id in ["cipherlist_EXPORT", "cipherlist_LOW", "cipherlist_STRONG", "cert_trust", "cert_chain_of_trust"] {
        assert_eq!(severity(id), "OK", "{id}");
    }
    // It has no revocation list, and none of the resources that testssl itself lacks here concern the server.
    let excused = ["cert_revocation", "engine_problem", "sessionresumption_ticket", "sessionresumption_ID"];
    let wrong: Vec<_> = findings
        .iter()
        .filter(|finding| !["OK", "INFO", "LOW", "DEBUG"].contains(&finding["severity"].as_str().unwrap()))
        .filter(|finding| !excused.contains(&finding["id"].as_str().unwrap()))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn cleartext_on_the_port_is_told_where_it_is() {
    let secure = Secure::start(&["serve", "--tls", &site()]);
    let port = secure.server.address.port();
    let answer = secure.server.exchange(format!("GET /a?b HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(answer.contains("This port speaks HTTPS, and the request came as plain HTTP."), "{answer}");
    assert!(answer.contains(&format!("https://localhost:{port}/a?b")), "{answer}");
    assert!(!answer.to_lowercase().contains("strict-transport-security"), "{answer}");
    let answer = secure.server.exchange(b"\x80\x80nonsense\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
}

#[test]
fn cleartext_on_its_own_port_is_redirected() {
    let secure = Secure::start(&["serve", "--tls", &site(), "--redirect-http", "0"]);
    let line = secure.server.printed_when(|printed| printed.contains("redirecting to HTTPS on http://"));
    let from = line.split("redirecting to HTTPS on ").nth(1).unwrap().lines().next().unwrap().trim_end_matches('/');
    let to = secure.server.url("");
    let told = ["-o", "/dev/null", "-w", "%{http_code} %{redirect_url}"];
    for (path, method) in [("/", "GET"), ("/data/x.json?a=b&c=d%20e", "GET"), ("/form?x", "POST")] {
        // The host that was asked for stays.
        let from = from.replace("127.0.0.1", "localhost");
        let answer = curl(&[&told[..], &["-X", method, &format!("{from}{path}")]].concat());
        assert_eq!(answer, format!("308 {to}{path}"));
    }
    let fields = curl(&["-i", "-H", "Host: a.test/<script>", from]);
    assert!(fields.starts_with("HTTP/1.1 400"), "{fields}");
    let fields = curl(&["-i", from]);
    assert!(!fields.to_lowercase().contains("strict-transport-security"), "{fields}");
    assert!(fields.contains("\r\nDate: "), "{fields}");
    let prior = curl(&[&told[..], &["--http2-prior-knowledge", &format!("{from}/x")]].concat());
    assert_eq!(prior, format!("308 {}/x", to.replace("localhost", "127.0.0.1")));
    let followed = secure.curl(&["-L", "-o", "/dev/null", "-w", "%{http_version} %{http_code} %{num_redirects}", from]);
    assert_eq!(followed, "2 200 1");
}

#[test]
fn the_frames_of_http2_are_shown_with_their_fields() {
    let secure = Secure::start(&["serve", "--tls", "--raw", &site()]);
    secure.curl(&["--http2", "-o", "/dev/null", "-H", "X-Shown: a\u{9b}b", &secure.server.url("/index.html?x")]);
    let shown = secure.server.printed_when(|printed| printed.contains("/index.html?x  "));
    for line in [
        "#1 < preface",
        "#1 > SETTINGS, ",
        "#1 >   ENABLE_CONNECT_PROTOCOL 1",
        "#1 < SETTINGS, ",
        "#1 < HEADERS stream 1 END_STREAM END_HEADERS, ",
        "#1 <   :path: /index.html?x",
        r"#1 <   x-shown: a\xc2\x9bb",
        "#1 > HEADERS stream 1 END_HEADERS, ",
        "#1 >   :status: 200",
        "#1 > DATA stream 1 END_STREAM, ",
    ] {
        assert!(shown.lines().any(|shown| shown.starts_with(line)), "{line}\n{shown}");
    }
    assert!(!shown.contains('\u{9b}'));
}

#[test]
fn secrets_are_written_for_those_who_ask_for_them_only() {
    let folder = TempDir::new().unwrap();
    let (named, meant) = (folder.path().join("named.keys"), folder.path().join("meant.keys"));
    let secure = Secure::start(&["serve", "--tls", &site(), "--keylog", named.to_str().unwrap()]);
    secure.curl(&["-o", "/dev/null", &secure.server.url("/")]);
    let text = fs::read_to_string(&named).unwrap();
    for label in ["CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0"] {
        let line = text.lines().find(|line| line.starts_with(label)).unwrap_or_else(|| panic!("{label}: {text}"));
        let lengths: Vec<usize> = line.split(' ').skip(1).map(str::len).collect();
        assert_eq!(lengths, [64, 96], "{line}");
    }
    assert_eq!(fs::metadata(&named).unwrap().permissions().mode() & 0o777, 0o600);

    for (flag, written) in [(&[][..], false), (&["--keylog", "env"], true)] {
        let data = TempDir::new().unwrap();
        let mut command = command(&[&["serve", "--tls", &site(), "-p", "0"], flag].concat());
        command.env("XDG_DATA_HOME", data.path()).env("SSLKEYLOGFILE", &meant);
        let server = Listening::spawn(&mut command);
        curl(&["-k", "-o", "/dev/null", &server.url("/")]);
        assert_eq!(meant.exists(), written, "{flag:?}");
    }
}

#[test]
fn flags_that_mean_nothing_are_refused_in_words() {
    let folder = TempDir::new().unwrap();
    let nothing = folder.path().join("nothing.pem");
    let text = folder.path().join("text.pem");
    fs::write(&text, "not a certificate").unwrap();
    let (nothing, text) = (nothing.to_str().unwrap(), text.to_str().unwrap());
    let at = |arguments: &[&str]| {
        let mut command = command(&["serve", "-p", "0"]);
        command.args(arguments).env("XDG_DATA_HOME", folder.path()).env_remove("SSLKEYLOGFILE");
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        said(&output)
    };
    for (arguments, expected) in [
        (&["--redirect-http", "0"][..], "--redirect-http means nothing without TLS"),
        (&["--client-ca", nothing], "--client-ca means nothing without TLS"),
        (&["--keylog", "env"], "--keylog means nothing without TLS"),
        (&["--tls", "--keylog", "env"], "SSLKEYLOGFILE is not set"),
        (&["--cert", nothing, "--key", nothing], "nothing.pem: No such file or directory"),
        (&["--cert", text, "--key", text], "text.pem: holds no certificate in PEM"),
        (&["--cert", text, "--cert", text, "--key", text], "2 certificates do not go with 1 keys"),
        (&["--tls", "--client-ca", text], "text.pem: holds no certificate in PEM"),
    ] {
        let said = at(arguments);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    let output = wirelight(&["serve", "--cert", text]);
    assert_eq!(output.status.code(), Some(2), "a certificate without a key: {}", said(&output));
}

#[test]
fn an_authority_whose_key_others_can_read_is_not_used() {
    let data = TempDir::new().unwrap();
    let run = || {
        let mut command = command(&["serve", "--tls", "-p", "0", &site()]);
        command.env("XDG_DATA_HOME", data.path());
        command
    };
    drop(Listening::spawn(&mut run()));
    let key = data.path().join("wirelight/authority.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let output = run().output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert!(said.contains("authority.key can be read by others") && said.contains("chmod 600"), "{said}");
}

#[test]
fn a_handshake_that_fails_is_told_of() {
    let secure = Secure::start(&["serve", "--tls", "--raw", &site()]);
    let refused = Command::new("curl").args(["-sS", &secure.server.url("/")]).output().unwrap();
    assert_eq!(refused.status.code(), Some(60), "nobody trusts the authority unasked");
    let told = secure.server.printed_when(|printed| printed.contains("TLS handshake failed"));
    assert!(told.contains("received fatal alert"), "{told}");
    until("the server to go on", || {
        Some(secure.curl(&["-o", "/dev/null", "-w", "%{http_code}", &secure.server.url("/")]))
            .filter(|code| code == "200")
    });
}
