//! The PROXY protocol before requests, and before those that go on.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

use super::{Front, OK, Scripted, request, status};

fn front(from: &str, server: &Scripted) -> Front {
    Front::run(&format!(
        "site default {{\n listen \"127.0.0.1:0\" {{ proxy-protocol {from} timeout=\"300ms\" }}\n route {{ client \"198.51.100.0/24\"; proxy \"http://{}\" }}\n route {{ respond peer status=404 }}\n}}",
        server.address
    ))
}

/// A server, and the heads of the requests that it was sent.
fn recorded() -> (Scripted, Arc<Mutex<Vec<String>>>) {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let server = Scripted::start(move |_, mut stream| {
        while let Some(head) = request(&mut stream) {
            seen.lock().unwrap().push(head.to_ascii_lowercase());
            if stream.write_all(OK).is_err() {
                return;
            }
        }
    });
    (server, heads)
}

const GET: &[u8] = b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[test]
fn the_corpus_is_believed_or_closed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/corpus/corpus.json");
    let corpus: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let cases: Vec<_> = corpus.iter().filter(|case| case["target"] == "proxy-protocol").collect();
    assert_eq!(cases.len(), 11, "the corpus is not whole");
    let (server, heads) = recorded();
    let (trusting, wary) = (front("\"127.0.0.0/8\"", &server), front("\"192.0.2.1\"", &server));
    for case in cases {
        let hex = case["input"]["hex"].as_str().unwrap();
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let header: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        let front = if case["input"]["peer_trusted"] == true { &trusting } else { &wary };
        heads.lock().unwrap().clear();
        let answer = front.send(&[&header[..], GET].concat());
        match case["expect"]["client"].as_str() {
            None => assert_eq!(answer, "", "{}", case["id"]),
            Some("peer") => assert_eq!(status(&answer), 404, "{}: {answer}", case["id"]),
            Some(client) => {
                assert_eq!(status(&answer), 200, "{}: {answer}", case["id"]);
                let address = client.split(':').next().unwrap();
                let head = heads.lock().unwrap()[0].clone();
                assert!(head.contains(&format!("\r\nx-forwarded-for: {address}\r\n")), "{}: {head}", case["id"]);
            }
        }
    }
}

#[test]
fn a_proxy_that_says_nothing_is_not_waited_for() {
    let (server, _) = recorded();
    let front = front("\"127.0.0.0/8\"", &server);
    assert_eq!(front.send(b"PROXY TCP4 "), "");
    assert_eq!(server.accepted(), 0);
}

#[test]
fn a_server_is_told_whose_a_connection_is_and_nobody_shares_one() {
    for (version, unknown) in
        [("v1", b"PROXY UNKNOWN\r\n".to_vec()), ("v2", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0".to_vec())]
    {
        let heads: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let seen = Arc::clone(&heads);
        let length = if version == "v1" { None } else { Some(28) };
        let server = Scripted::start(move |_, mut stream| {
            let mut header = vec![0; 16];
            if stream.read_exact(&mut header).is_err() {
                return;
            }
            let rest = match length {
                // A health check's: it speaks for itself.
                _ if header.starts_with(&unknown[..15]) => unknown.len() - 16.min(unknown.len()),
                Some(length) => length - 16,
                None => 0,
            };
            let mut more = vec![0; rest];
            stream.read_exact(&mut more).unwrap();
            header.extend(more);
            while length.is_none() && !header.ends_with(b"\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                header.push(byte[0]);
            }
            seen.lock().unwrap().push(header);
            while request(&mut stream).is_some() {
                if stream.write_all(OK).is_err() {
                    return;
                }
            }
        });
        let front = Front::start(&format!("proxy-protocol {version}"), &[server.address]);
        for _ in 0..2 {
            assert_eq!(status(&front.get()), 200, "{version}: {}", front.trail(0));
        }
        let heads = heads.lock().unwrap();
        assert_eq!(heads.len(), 2, "two clients share no connection");
        for header in heads.iter() {
            match version {
                "v1" => {
                    let line = String::from_utf8(header.clone()).unwrap();
                    let ours = format!(" {}\r\n", front.address.port());
                    assert!(line.starts_with("PROXY TCP4 127.0.0.1 127.0.0.1 ") && line.ends_with(&ours), "{line}");
                }
                _ => {
                    assert_eq!(&header[12..24], [0x21, 0x11, 0, 12, 127, 0, 0, 1, 127, 0, 0, 1]);
                    assert_eq!(&header[26..28], front.address.port().to_be_bytes());
                }
            }
        }
    }
}

/// A server that keeps the line of version 1 that comes ahead of each connection.
fn introduced() -> (Scripted, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lines);
    let server = Scripted::start(move |_, mut stream| {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            line.push(byte[0]);
        }
        seen.lock().unwrap().push(String::from_utf8(line).unwrap());
        request(&mut stream);
        stream.write_all(OK).unwrap();
    });
    (server, lines)
}

#[test]
fn a_server_is_told_to_which_address_a_connection_was_made() {
    let (server, lines) = introduced();
    let config = |announced: &str| {
        format!(
            "upstream u {{ server \"http://{}\"; {announced} }}\n\
             site default {{ listen \"0.0.0.0:0\"; listen \"127.0.0.1:0\" {{ proxy-protocol \"127.0.0.0/8\" }}\n\
             route {{ proxy u }} }}",
            server.address
        )
    };
    let front = Front::run(&config("proxy-protocol v1"));
    let ports: Vec<u16> = front.gateway.addresses().iter().map(port).collect();
    let send = |ip: &str, port: u16, before: &str| {
        let mut stream = std::net::TcpStream::connect((ip, port)).unwrap();
        stream.write_all(&[before.as_bytes(), GET].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(status(&answer), 200, "{answer}");
        lines.lock().unwrap().pop().unwrap()
    };
    // Whatever the listener is bound to, it is the address that the client has connected to.
    for ip in ["127.0.0.1", "127.0.0.2"] {
        let line = send(ip, ports[0], "");
        assert!(line.starts_with("PROXY TCP4 127.0.0.1 ") || line.starts_with("PROXY TCP4 127.0.0.2 "), "{line}");
        assert!(line.contains(&format!(" {ip} ")) && line.ends_with(&format!(" {}\r\n", ports[0])), "{line}");
    }
    // A proxy before us knows better to which address that was.
    let line = send("127.0.0.1", ports[1], "PROXY TCP4 198.51.100.7 203.0.113.9 4711 443\r\n");
    assert_eq!(line, "PROXY TCP4 198.51.100.7 203.0.113.9 4711 443\r\n");
}

fn port(address: &wirelight_server::Address) -> u16 {
    let wirelight_server::Address::Internet(address) = address else { panic!("it listens on an address") };
    address.port()
}
