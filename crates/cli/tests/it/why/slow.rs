//! Whoever is too slow, or keeps others waiting: clients, servers behind, and connections that say nothing for long.

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use wirelight_inspect::{Access, Config as Kept, Desk, Inspector, Setting};
use wirelight_server::{Config, Server};
use wirelight_service::{Body, Clock, Request, Response, Result};

use super::proxy::{TOKEN, serve};
use super::upstream::Upstream;
use super::{Cure, Scene, Trouble, explained, go_through, read};
use crate::devtools::Page;

/// Longer than anybody here takes who is not slow on purpose.
const LONG: Duration = Duration::from_secs(20);
/// How long is waited for somebody slow.
const SHORT: Duration = Duration::from_millis(150);
/// More than the buffers of a connection hold.
const MUCH: usize = 30 << 20;

async fn answer(request: Request) -> Result<Response> {
    let much = request.uri().path() == "/much";
    request.into_body().collect(1 << 20).await?;
    Ok(Response::new(if much { Body::from(vec![b'x'; MUCH]) } else { Body::from("fine") }))
}

/// A client that does a part of what it should, and waits.
struct Slow {
    name: &'static str,
    says: &'static str,
    status: &'static str,
    told: &'static [&'static str],
    /// What it would have sent had it gone on.
    rest: &'static str,
    short: fn(&mut Config),
}

#[test]
fn clients_that_are_cut_off() {
    let slow = [
        Slow {
            name: "a head that never ends",
            says: "GET / HTTP/1.1\r\nhost: a\r\nx-slow",
            status: "408",
            told: &["the head did not end 0.15 s after it had begun", "A longer `header_timeout` would have waited on"],
            rest: ": y\r\nconnection: close\r\n\r\n",
            short: |config| config.http1.header_timeout = SHORT,
        },
        Slow {
            name: "content that drips",
            says: "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 10\r\n\r\nabc",
            status: "408",
            told: &[
                "less than 240 bytes of content a second came over 0.15 s",
                "A longer `content_grace` or a lower `content_rate_min` would have waited on",
            ],
            rest: "defghij",
            short: |config| config.http1.content_grace = SHORT,
        },
    ];
    let mut page = Page::open(1280, 800);
    for Slow { name, says, status, told, rest, short } in slow {
        let mut config = patient();
        short(&mut config);
        let (port, entrance) = inspected(config);
        let mut stream = connect(port);
        stream.write_all(says.as_bytes()).unwrap();
        let came = read(&mut stream);
        assert!(came.starts_with(&format!("HTTP/1.1 {status} ")), "{name}: {came}");
        explained(&entrance, "1-1", &mut page, told).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        // Whoever goes on in time is answered, and so is whoever is waited for.
        for config in [config_with(short), patient()] {
            let mut stream = connect(inspected(config).0);
            stream.write_all([says, rest].concat().as_bytes()).unwrap();
            let came = read(&mut stream);
            assert!(came.starts_with("HTTP/1.1 200 OK"), "{name}, cured: {came}");
        }
    }
}

#[test]
fn a_client_that_does_not_read() {
    let config = config_with(|config| config.connection.write_timeout = SHORT);
    let (port, entrance) = inspected(config);
    let mut page = Page::open(1280, 800);
    let mut stream = connect(port);
    stream.write_all(b"GET /much HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
    let says = [
        "Cut off by us: the peer took none of the response for 150ms",
        "A longer `write_timeout` would have waited on",
        "before the client had taken all of the response",
    ];
    explained(&entrance, "1-1", &mut page, &says).unwrap();
    let cut = read(&mut stream).len();
    assert!(cut < MUCH, "{cut} bytes came");
    // With a longer one, whoever reads gets all of it, however late.
    let (port, _) = inspected(patient());
    let mut stream = connect(port);
    stream.write_all(b"GET /much HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
    assert!(read(&mut stream).len() > MUCH);
}

fn config_with(short: fn(&mut Config)) -> Config {
    let mut config = patient();
    short(&mut config);
    config
}

fn patient() -> Config {
    let mut config = Config::default();
    (config.http1.header_timeout, config.http1.content_grace) = (LONG, LONG);
    config.connection.write_timeout = LONG;
    config
}

fn connect(port: u16) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap()
}

/// A server of a program's own, and where its inspector shows what it does.
fn inspected(config: Config) -> (u16, String) {
    let inspector = Inspector::new(Kept::default(), Clock::system(), None);
    let server = Server::observed(config, Clock::system(), Some(Arc::new(inspector.clone())));
    let port = serve(server, |_| answer);
    let shown = serve(Server::default(), |port| {
        Desk::new(&inspector, Setting { access: Access::new(TOKEN, port), listeners: Vec::new(), sender: None })
    });
    (port, Access::new(TOKEN, shown).url("127.0.0.1"))
}

const STREAM: &str =
    "HTTP/1.1 200 OK\ncontent-type: text/event-stream\nconnection: close\n\n|data: one\n\ndata: two\n\n";

#[test]
fn event_streams() {
    let mut page = Page::open(1280, 800);
    for around in ["", "compress \"gzip\" min=\"0B\"\n"] {
        let site = format!("{around}route {{ proxy \"http://{{upstream}}\"; }}\n");
        for (upstream, held) in [(Upstream::Holds(STREAM), true), (Upstream::Sends(STREAM), false)] {
            let scene = Scene::set(&site, Some(upstream));
            let came = scene.ask("GET / HTTP/1.1\naccept-encoding: gzip");
            assert!(came.starts_with("HTTP/1.1 200 OK"), "{came}");
            // Compressed or not, what comes is sent on at once: only the server behind has held anything.
            let says: &[&str] = match held {
                true => &["The first of the content came from http://127.0.0.1:", "that held it back."],
                false => &["after its head, and left here", "so nobody held it back."],
            };
            explained(&scene.entrance, &scene.newest(), &mut page, says).unwrap();
        }
    }
}

const SWITCH: &str = "GET /chat HTTP/1.1\nhost: a\nconnection: upgrade\nupgrade: websocket\nsec-websocket-version: 13\n\
                      sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\n\n";

/// Switches, sends `says`, and gives all that comes until the tunnel is closed.
fn switched(scene: &Scene, says: &str) -> String {
    scene.ask(&format!("{SWITCH}{says}^"))
}

#[test]
fn web_sockets_that_are_cut() {
    let mut page = Page::open(1280, 800);
    // By a timer of ours.
    let site = |limit: &str| {
        format!(
            "upstream \"chat\" {{ server \"http://{{upstream}}\"; timeout tunnel=\"{limit}\"; }}\n\
             site default {{\n    listen \"127.0.0.1:0\"\n    route {{ proxy \"chat\"; }}\n}}\n"
        )
    };
    let scene = Scene::set(&site("200ms"), Some(Upstream::Chats(LONG)));
    let came = switched(&scene, "");
    assert!(came.starts_with("HTTP/1.1 101 "), "{came}");
    let says = [
        "The tunnel was closed by us: nothing came from either side for 200ms",
        "A ping more often than that, or a longer `tunnel`, would have kept it",
        "`tunnel` at line 1 of ",
    ];
    explained(&scene.entrance, &scene.newest(), &mut page, &says).unwrap();
    let scene = Scene::set(&site("20s"), Some(Upstream::Chats(SHORT)));
    switched(&scene, "");
    // With a longer one the server ends it, and that is the other trouble: a timer of the server behind.
    let says = [
        "The tunnel was closed by the server: the server closed its connection after 1",
        "0 bytes had come from the client and 0 from the server",
        "If the server closes what is silent for so long, a ping more often than every 1",
    ];
    explained(&scene.entrance, &scene.newest(), &mut page, &says).unwrap();
    let scene = Scene::set(&site("20s"), Some(Upstream::Chats(LONG)));
    assert!(switched(&scene, "over").contains("over"), "a client that says something is answered");
}

#[test]
fn tunnels_that_say_nothing() {
    let site = "route { connect idle=\"200ms\" { allow \"127.0.0.0/8:*\"; }; }\n";
    let mut page = Page::open(1280, 800);
    for (site, upstream, held) in [
        (site.to_owned(), Upstream::Waits, true),
        (site.replace("200ms", "20s"), Upstream::Says("HTTP/1.1 200 OK\n\nfine"), false),
    ] {
        let scene = Scene::set(&site, Some(upstream));
        let address = scene.upstream().address.to_string();
        let connect = format!("CONNECT {address} HTTP/1.1\nhost: {address}\n\n");
        let came = scene.ask(&format!("{connect}GET / HTTP/1.1\nhost: a\n\n^"));
        assert!(came.starts_with("HTTP/1.1 200 "), "{came}");
        assert_eq!(came.contains("fine"), !held, "{came}");
        if held {
            let says = ["nothing came from either side for 200ms", "a longer `idle`", "`idle` at line 3 of "];
            explained(&scene.entrance, &scene.newest(), &mut page, &says).unwrap();
        }
    }
}

#[test]
fn queues() {
    let site = "route { limit concurrency=1 queue=0; proxy \"http://{upstream}\"; }\n";
    let mut page = Page::open(1280, 800);
    for (site, status) in [(site.to_owned(), 503), (site.replace("concurrency=1", "concurrency=2"), 200)] {
        let scene = Scene::set(&site, Some(Upstream::Second));
        // The first is under way until the server behind has a second.
        let mut first = scene.begin("GET /first HTTP/1.1");
        scene.upstream().has(1);
        let came = scene.ask("GET /second HTTP/1.1");
        assert!(came.starts_with(&format!("HTTP/1.1 {status} ")), "{came}");
        if status == 503 {
            assert!(came.to_ascii_lowercase().contains("retry-after: "), "it is said when to come back: {came}");
            let says = ["1 exchanges were under way and 0 waited for their turn", "`queue` at line 3 of "];
            explained(&scene.entrance, &scene.newest(), &mut page, &says).unwrap();
        }
        drop(first.flush());
    }
}

#[test]
fn a_trouble_of_each_kind_of_patience() {
    go_through(vec![Trouble {
        name: "content of a response that pauses for too long",
        site: "upstream \"slow\" { server \"http://{upstream}\"; timeout stall=\"200ms\"; }\n\
               site default {\n    listen \"127.0.0.1:0\"\n    route { proxy \"slow\"; }\n}\n",
        upstream: Some(Upstream::Stalls("HTTP/1.1 200 OK\ncontent-length: 4\n\nfi|ne")),
        request: "GET / HTTP/1.1",
        answer: (200, "fi"),
        says: &["no more of the response came for 200ms", "`stall` at line 1 of ", "The response broke off"],
        cure: Cure::Upstream(Upstream::Sends("HTTP/1.1 200 OK\ncontent-length: 4\n\nfi|ne")),
        then: (200, "fine"),
    }]);
}
