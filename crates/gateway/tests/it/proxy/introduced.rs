//! The PROXY protocol before requests, and before those that go on.

use std::io::Write;
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
