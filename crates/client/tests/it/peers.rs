//! Peers that do everything wrong: none makes the client hang or panic, none passes for a success, and each error says
//! what happened, in which phase, and whose fault it is.

use std::io::Write;
use std::time::Duration;

use wirelight_client::layer::{FollowRedirects, Timeouts};
use wirelight_client::proxy::{Proxies, Proxy};
use wirelight_client::{Client, ClientConfig, Phase};
use wirelight_service::Fault;

use super::script::Step::{self, End, Hang, Head, Pause, Repeat, Reset};
use super::script::{Peer, send};

struct Case {
    name: &'static str,
    script: Vec<Step>,
    phase: Phase,
    /// What the message says.
    says: &'static str,
}

fn config() -> ClientConfig {
    let short = Some(Duration::from_millis(300));
    let mut config = ClientConfig {
        timeouts: Some(Timeouts { first_byte: short, between_bytes: short, ..Timeouts::default() }),
        redirects: Some(FollowRedirects { redirects_max: 4, ..FollowRedirects::default() }),
        ..ClientConfig::default()
    };
    config.connections.connect.connect_timeout = Duration::from_millis(300);
    config
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn coded(coding: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n", content.len());
    [head.as_bytes(), content].concat()
}

fn cases() -> Vec<Case> {
    let answer =
        |name, bytes: &str, phase, says| Case { name, script: vec![Head, send(bytes), End, Hang], phase, says };
    let held = |name, bytes: &str, phase, says| Case { name, script: vec![Head, send(bytes), Hang], phase, says };
    let ok = "HTTP/1.1 200 OK\r\n";
    let mut cases = vec![
        // Nothing, or not enough.
        Case { name: "closes at once", script: vec![], phase: Phase::Wait, says: "" },
        Case { name: "resets at once", script: vec![Reset], phase: Phase::Wait, says: "" },
        Case {
            name: "closes after the request",
            script: vec![Head],
            phase: Phase::Wait,
            says: "before a response came",
        },
        Case { name: "resets after the request", script: vec![Head, Reset], phase: Phase::Wait, says: "broke" },
        Case { name: "says nothing", script: vec![Hang], phase: Phase::Wait, says: "no response began within 300ms" },
        answer("one byte", "H", Phase::Wait, "inside a head"),
        answer("half a status line", "HTTP/1.1 20", Phase::Wait, "inside a head"),
        answer("half a field", "HTTP/1.1 200 OK\r\nContent-Le", Phase::Wait, "inside a head"),
        answer("a head without its empty line", "HTTP/1.1 200 OK\r\nA: b\r\n", Phase::Wait, "inside a head"),
        held("half a head, then silence", "HTTP/1.1 200 OK\r\nA:", Phase::Wait, "no response began"),
        Case {
            name: "half a head, then a reset",
            script: vec![Head, send("HTTP/1.1 200 OK\r\nA:"), Pause(20), Reset],
            phase: Phase::Wait,
            says: "broke",
        },
        // Content that is cut short.
        answer(
            "short content",
            &format!("{ok}Content-Length: 10\r\n\r\nhello"),
            Phase::Receive,
            "ended before the content did",
        ),
        answer("no content", &format!("{ok}Content-Length: 1\r\n\r\n"), Phase::Receive, "ended before the content did"),
        held(
            "content that stops",
            &format!("{ok}Content-Length: 10\r\n\r\nhello"),
            Phase::Receive,
            "no more content came for 300ms",
        ),
        held(
            "chunks that stop",
            &format!("{ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
            Phase::Receive,
            "no more content",
        ),
        answer(
            "a chunk cut short",
            &format!("{ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhel"),
            Phase::Receive,
            "ended",
        ),
        answer(
            "chunks without an end",
            &format!("{ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
            Phase::Receive,
            "inside chunked",
        ),
        answer(
            "a chunk size cut short",
            &format!("{ok}Transfer-Encoding: chunked\r\n\r\n5"),
            Phase::Receive,
            "inside chunked",
        ),
        answer(
            "trailers cut short",
            &format!("{ok}Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n"),
            Phase::Receive,
            "inside chunked",
        ),
        Case {
            name: "a reset inside content",
            script: vec![Head, send(format!("{ok}Content-Length: 10\r\n\r\nhello")), Pause(20), Reset],
            phase: Phase::Receive,
            says: "broke",
        },
        Case {
            name: "a reset inside chunks",
            script: vec![Head, send(format!("{ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhel")), Pause(20), Reset],
            phase: Phase::Receive,
            says: "broke",
        },
        Case {
            name: "a reset inside content until close",
            script: vec![Head, send(format!("{ok}\r\nhello")), Pause(20), Reset],
            phase: Phase::Receive,
            says: "broke",
        },
        // Lengths that lie.
        answer(
            "two lengths",
            &format!("{ok}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
            Phase::Wait,
            "Content-Length",
        ),
        answer(
            "a length and a coding",
            &format!("{ok}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            Phase::Wait,
            "Transfer-Encoding",
        ),
        answer("a negative length", &format!("{ok}Content-Length: -1\r\n\r\n"), Phase::Wait, "Content-Length"),
        answer("a length in words", &format!("{ok}Content-Length: five\r\n\r\nhello"), Phase::Wait, "Content-Length"),
        answer("a length with a sign", &format!("{ok}Content-Length: +5\r\n\r\nhello"), Phase::Wait, "Content-Length"),
        answer(
            "a length too long",
            &format!("{ok}Content-Length: 99999999999999999999999\r\n\r\n"),
            Phase::Wait,
            "Content-Length",
        ),
        answer("a length list", &format!("{ok}Content-Length: 5, 6\r\n\r\nhello"), Phase::Wait, "Content-Length"),
        answer("an unknown coding", &format!("{ok}Transfer-Encoding: magic\r\n\r\nhello"), Phase::Wait, ""),
        // Chunks that are none.
        answer(
            "a chunk size in words",
            &format!("{ok}Transfer-Encoding: chunked\r\n\r\nfive\r\nhello\r\n0\r\n\r\n"),
            Phase::Receive,
            "chunk",
        ),
        answer(
            "a chunk size too long",
            &format!("{ok}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff1\r\n"),
            Phase::Receive,
            "chunk",
        ),
        answer(
            "a chunk longer than its size",
            &format!("{ok}Transfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n"),
            Phase::Receive,
            "chunk",
        ),
        answer(
            "a negative chunk",
            &format!("{ok}Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n"),
            Phase::Receive,
            "chunk",
        ),
        answer(
            "a bare line feed behind a size",
            &format!("{ok}Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n"),
            Phase::Receive,
            "chunk",
        ),
        // Heads that are none.
        answer("another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n", Phase::Wait, ""),
        answer("a mail server", "220 mail.test ESMTP\r\n\r\n", Phase::Wait, ""),
        answer("a web page without a head", "<html>hello</html>\r\n\r\n", Phase::Wait, ""),
        answer("binary", "\x00\x01\x02\x03\r\n\r\n", Phase::Wait, ""),
        answer("a version from the future", "HTTP/3.7 200 OK\r\n\r\n", Phase::Wait, ""),
        answer("a status of two digits", "HTTP/1.1 20 OK\r\n\r\n", Phase::Wait, ""),
        answer("a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", Phase::Wait, ""),
        answer("a status in words", "HTTP/1.1 OK\r\n\r\n", Phase::Wait, ""),
        answer("a status below 100", "HTTP/1.1 099 Odd\r\n\r\n", Phase::Wait, ""),
        answer("a space before the colon", &format!("{ok}A : b\r\n\r\n"), Phase::Wait, ""),
        answer("a field without a name", &format!("{ok}: b\r\n\r\n"), Phase::Wait, ""),
        answer("a field without a colon", &format!("{ok}AB\r\n\r\n"), Phase::Wait, ""),
        answer("a folded field", &format!("{ok}A: b\r\n c\r\n\r\n"), Phase::Wait, ""),
        answer("a zero byte in a field", &format!("{ok}A: b\0c\r\n\r\n"), Phase::Wait, ""),
        answer("a bare carriage return", &format!("{ok}A: b\rc\r\n\r\n"), Phase::Wait, ""),
        // Floods.
        Case {
            name: "an endless head",
            script: vec![Head, send(ok), Repeat(b"A: b\r\n".to_vec(), 100_000)],
            phase: Phase::Wait,
            says: "fields",
        },
        Case {
            name: "an endless field",
            script: vec![Head, send(format!("{ok}A: ")), Repeat(vec![b'x'; 1000], 1000)],
            phase: Phase::Wait,
            says: "longer",
        },
        Case {
            name: "an endless status line",
            script: vec![Head, send("HTTP/1.1 200 "), Repeat(vec![b'x'; 1000], 1000)],
            phase: Phase::Wait,
            says: "longer",
        },
        Case {
            name: "endless interim responses",
            script: vec![Head, Repeat(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(), 10_000)],
            phase: Phase::Wait,
            says: "interim responses",
        },
        Case {
            name: "interim responses for ever, slowly",
            script: std::iter::once(Head)
                .chain((0..20).flat_map(|_| [send("HTTP/1.1 102 Processing\r\n\r\n"), Pause(50)]))
                .collect(),
            phase: Phase::Wait,
            says: "",
        },
        Case {
            name: "endless trailers",
            script: vec![
                Head,
                send(format!("{ok}Transfer-Encoding: chunked\r\n\r\n0\r\n")),
                Repeat(b"A: b\r\n".to_vec(), 100_000),
            ],
            phase: Phase::Receive,
            says: "more than 100 fields",
        },
        Case {
            name: "an endless chunk extension",
            script: vec![
                Head,
                send(format!("{ok}Transfer-Encoding: chunked\r\n\r\n5;")),
                Repeat(vec![b'x'; 100], 1000),
            ],
            phase: Phase::Receive,
            says: "extension",
        },
        Case {
            name: "a byte at a time, for ever",
            script: std::iter::once(Head)
                .chain("HTTP/1.1 200 OK\r\n".bytes().flat_map(|byte| [send([byte]), Pause(40)]))
                .collect(),
            phase: Phase::Wait,
            says: "no response began",
        },
        // Switches that nobody asked for.
        answer(
            "101 out of the blue",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            Phase::Wait,
            "101",
        ),
        answer("only an interim response", "HTTP/1.1 103 Early Hints\r\n\r\n", Phase::Wait, "before a response came"),
        // Redirections that lead nowhere.
        answer(
            "a redirection to itself",
            "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            Phase::Receive,
            "4 redirections were followed",
        ),
        answer(
            "a redirection to a file",
            "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
            Phase::Receive,
            "no reference to a URI of HTTP",
        ),
        answer(
            "a redirection to a script",
            "HTTP/1.1 302 Found\r\nLocation: javascript:x\r\nContent-Length: 0\r\n\r\n",
            Phase::Receive,
            "no reference to a URI of HTTP",
        ),
        answer(
            "a redirection to nobody",
            "HTTP/1.1 302 Found\r\nLocation: http://nobody.invalid/\r\nContent-Length: 0\r\n\r\n",
            Phase::Resolve,
            "could not be resolved",
        ),
        answer(
            "a redirection to a closed port",
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            Phase::Connect,
            "nothing listens",
        ),
    ];
    let whole = gzip(b"hello hello hello hello");
    let zeros = vec![0; 64 << 20];
    let bomb = zstd::encode_all(&zeros[..], 3).unwrap();
    let mut brotli = Vec::new();
    let mut source = &zeros[..];
    let parameters = brotli::enc::BrotliEncoderParams { quality: 3, ..Default::default() };
    brotli::BrotliCompress(&mut source, &mut brotli, &parameters).unwrap();
    let coded_cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("gzip cut short", coded("gzip", &whole[..whole.len() - 4]), "not whole gzip"),
        ("gzip that is none", coded("gzip", b"hello, this is no gzip"), "not whole gzip"),
        ("gzip with a wrong checksum", coded("gzip", &[&whole[..whole.len() - 8], &[0; 8]].concat()), "not whole gzip"),
        ("br that is none", coded("br", b"\xff\xff\xff\xff"), "not whole br"),
        ("zstd that is none", coded("zstd", b"hello"), "not whole zstd"),
        ("deflate that is none", coded("deflate", b"\xff\xff\xff"), "not whole deflate"),
        ("a bomb in zstd", coded("zstd", &bomb), "decompression bomb"),
        ("a bomb in br", coded("br", &brotli), "decompression bomb"),
        ("a bomb in a bomb", coded("gzip, gzip", &gzip(&gzip(&zeros))), "decompression bomb"),
    ];
    cases.extend(coded_cases.into_iter().map(|(name, bytes, says)| Case {
        name,
        script: vec![Head, send(bytes), Hang],
        phase: Phase::Receive,
        says,
    }));
    cases
}

#[tokio::test]
async fn none_hangs_none_passes_and_each_says_why() {
    let mut wrong = Vec::new();
    let cases = cases();
    assert!(cases.len() >= 60, "{}", cases.len());
    let client = Client::with(config()).unwrap();
    let mut running = tokio::task::JoinSet::<Result<(), String>>::new();
    for Case { name, script, phase, says } in cases {
        // A few at a time, so that nobody is late for want of a processor.
        while running.len() >= 8 {
            wrong.extend(running.join_next().await.unwrap().unwrap().err());
        }
        let client = client.clone();
        running.spawn(async move {
            let peer = Peer::once(script).await;
            let exchange = async { client.get(&peer.url("/")).send().await?.bytes().await };
            let limit = Duration::from_secs(20);
            match tokio::time::timeout(limit, exchange).await {
                Err(_) => Err(format!("{name}: hangs")),
                Ok(Ok(content)) => Err(format!("{name}: passes for a success of {} bytes", content.len())),
                Ok(Err(error)) => {
                    let found = Phase::of(&error);
                    let text = error.to_string();
                    let fits = found == phase || phase == Phase::Wait && found == Phase::Send;
                    let blamed = error.fault() == Fault::Upstream;
                    match fits && text.contains(says) && blamed && !text.is_empty() {
                        true => Ok(()),
                        false => Err(format!("{name}: {found} {:?}: {text}", error.fault())),
                    }
                }
            }
        });
    }
    while let Some(done) = running.join_next().await {
        wrong.extend(done.unwrap().err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a proxy may do wrong, by what it speaks.
#[tokio::test]
async fn proxies_that_do_wrong_are_named() {
    let socks = |reply: &'static [u8]| vec![Step::Read(3), send([5, 0]), Step::Read(10), send(reply), Hang];
    let table: Vec<(&str, &str, Vec<Step>, &str)> = vec![
        ("http", "CONNECT answered with junk", vec![Head, send("junk junk\r\n\r\n"), Hang], "did not answer CONNECT"),
        (
            "http",
            "CONNECT answered with a page",
            vec![Head, send("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"), Hang],
            "refused CONNECT a.test:443 with 403",
        ),
        (
            "http",
            "CONNECT that wants credentials",
            vec![Head, send("HTTP/1.1 407 Auth\r\nContent-Length: 0\r\n\r\n"), Hang],
            "other credentials",
        ),
        ("http", "CONNECT not answered", vec![Head], "did not answer CONNECT"),
        ("http", "CONNECT left waiting", vec![Hang], "the proxy had not shown the way"),
        ("http", "a tunnel to no TLS", vec![Head, send("HTTP/1.1 200 OK\r\n\r\nhello, hello, hello"), Hang], ""),
        ("http", "a tunnel that closes", vec![Head, send("HTTP/1.1 200 OK\r\n\r\n")], "TLS handshake"),
        (
            "socks5h",
            "SOCKS answered with HTTP",
            vec![Step::Read(3), send("HTTP/1.1 400 Bad\r\n\r\n"), Hang],
            "does not speak SOCKS 5",
        ),
        (
            "socks5h",
            "SOCKS without a way",
            vec![Step::Read(3), send([5, 0xff]), Hang],
            "none of the ways to authenticate",
        ),
        ("socks5h", "SOCKS with a way not offered", vec![Step::Read(3), send([5, 7]), Hang], "was not offered"),
        ("socks5h", "SOCKS that closes", vec![Step::Read(3)], "closed the connection during its handshake"),
        ("socks5h", "SOCKS that refuses", socks(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]), "the connection was refused"),
        ("socks5h", "SOCKS with an odd address", socks(&[5, 0, 0, 9, 0, 0, 0, 0, 0, 0]), "unknown kind 9"),
        ("socks5h", "SOCKS that waits", vec![Hang], "the proxy had not shown the way"),
    ];
    for (scheme, name, script, says) in table {
        let peer = Peer::once(script).await;
        let mut config = config();
        let proxy = Proxy::parse(&format!("{scheme}://{}", peer.address)).unwrap();
        config.connections.proxies = Proxies { https: Some(proxy), ..Proxies::none() };
        let client = Client::with(config).unwrap();
        let sent = tokio::time::timeout(Duration::from_secs(20), client.get("https://a.test/").send()).await;
        let error = sent.unwrap_or_else(|_| panic!("{name}: hangs")).expect_err(name);
        let phase = Phase::of(&error);
        assert!(matches!(phase, Phase::Proxy | Phase::Secure), "{name}: {phase}");
        assert!(error.to_string().contains(says), "{name}: {error}");
    }
}
