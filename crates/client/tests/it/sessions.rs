//! Cookies that outlive a client, and credentials that go to nobody else.

use std::time::SystemTime;

use wirelight_client::layer::{Authenticate, SharedJar};
use wirelight_client::{Client, ClientConfig};
use wirelight_semantics::cookie::Jar;

use crate::script::Peer;
use crate::script::Step::{Hang, Head};
use crate::script::send;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A client to which these names stand for the peer.
fn client(peer: &Peer, names: &[&str], change: impl FnOnce(&mut ClientConfig)) -> Client {
    let mut config = ClientConfig::default();
    for name in names {
        let key = ((*name).to_owned(), peer.address.port());
        config.connections.resolve.overrides.insert(key, vec![peer.address.ip()]);
    }
    change(&mut config);
    Client::with(config).unwrap()
}

fn cookies(jar: &SharedJar) -> impl FnOnce(&mut ClientConfig) {
    let jar = jar.clone();
    move |config| config.cookies = Some(jar)
}

#[tokio::test]
async fn cookies_are_saved_and_loaded_and_public_suffixes_get_none() {
    let setting = "HTTP/1.1 200 OK\r\n\
                   Set-Cookie: kept=1; Domain=example.co.uk; Max-Age=1000\r\n\
                   Set-Cookie: everywhere=2; Domain=co.uk; Max-Age=1000\r\n\
                   Set-Cookie: stranger=3; Domain=example.org; Max-Age=1000\r\n\
                   Set-Cookie: gone=4; Max-Age=0\r\n\
                   Set-Cookie: here=5; Path=/deep; Max-Age=1000\r\n\
                   Content-Length: 2\r\n\r\nok";
    let peer = Peer::play(vec![vec![Head, send(setting), Hang], vec![Head, send(OK), Hang]]).await;
    let names = ["shop.example.co.uk", "other.example.co.uk", "bad.co.uk"];
    let url = |name: &str, path: &str| format!("http://{name}:{}{path}", peer.address.port());
    let jar = SharedJar::default();
    let first = client(&peer, &names, cookies(&jar));
    let response = first.get(&url(names[0], "/")).send().await.unwrap();
    let refused = response.trail().read(|all| all.iter().filter(|one| one.declines()).count());
    assert_eq!(refused, 2, "a public suffix and a stranger's domain");
    let saved = jar.lock().to_netscape();
    assert!(saved.contains("kept\t1") && !saved.contains("everywhere") && !saved.contains("gone"), "{saved}");
    let jar = SharedJar::new(Jar::from_netscape(&saved, SystemTime::now()));
    for (number, (name, path, expected)) in [
        (names[0], "/deep/er", Some("Cookie: here=5; kept=1\r\n")),
        (names[1], "/deep/er", Some("Cookie: kept=1\r\n")),
        (names[2], "/", None),
    ]
    .into_iter()
    .enumerate()
    {
        // Each time a new client, so that only what was saved is known.
        let response = client(&peer, &names, cookies(&jar)).get(&url(name, path)).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "ok");
        let heard = peer.text(number + 1);
        match expected {
            Some(line) => assert!(heard.contains(line), "{name}{path}: {heard}"),
            None => assert!(!heard.contains("Cookie"), "{name}{path}: {heard}"),
        }
    }
}

#[tokio::test]
async fn netrc_says_who_we_are_to_those_it_names() {
    let netrc = "machine one.test login me password secret\nmachine two.test login other password word";
    let peer = Peer::play(vec![
        vec![Head, send("HTTP/1.1 302 Found\r\nLocation: http://three.test:PORT/\r\nContent-Length: 0\r\n\r\n"), Hang],
        vec![Head, send(OK), Hang],
    ])
    .await;
    let names = ["one.test", "two.test", "three.test"];
    let client = client(&peer, &names, |config| {
        config.authenticate = Some(Authenticate::to_hosts(Authenticate::read_netrc(netrc)));
        config.redirects = None;
    });
    for (number, (name, expected)) in
        [("one.test", Some("Basic bWU6c2VjcmV0")), ("two.test", Some("Basic b3RoZXI6d29yZA==")), ("three.test", None)]
            .into_iter()
            .enumerate()
    {
        client.get(&format!("http://{name}:{}/", peer.address.port())).send().await.unwrap();
        let heard = peer.text(number);
        let said = heard.lines().find_map(|line| line.strip_prefix("Authorization: "));
        assert_eq!(said, expected, "{name}: {heard}");
    }
}

#[tokio::test]
async fn a_redirection_to_another_host_takes_no_credentials_along() {
    let second = Peer::once(vec![Head, send(OK), Hang]).await;
    let moved = format!(
        "HTTP/1.1 307 There\r\nLocation: http://three.test:{}/\r\nContent-Length: 0\r\n\r\n",
        second.address.port()
    );
    let first = Peer::once(vec![Head, send(&moved), Hang]).await;
    let client = client(&first, &["one.test"], |config| {
        let key = ("three.test".to_owned(), second.address.port());
        config.connections.resolve.overrides.insert(key, vec![second.address.ip()]);
        let netrc = "machine one.test login me password secret";
        config.authenticate = Some(Authenticate::to_hosts(Authenticate::read_netrc(netrc)));
    });
    let url = format!("http://one.test:{}/", first.address.port());
    let response = client.get(&url).header("cookie", "a=1").bearer("token").send().await.unwrap();
    assert_eq!(response.url().host(), Some("three.test"));
    assert!(first.text(0).contains("Authorization: Bearer token"), "what the caller says comes before netrc");
    let heard = second.text(0);
    assert!(!heard.contains("Authorization") && !heard.contains("Cookie"), "{heard}");
}
