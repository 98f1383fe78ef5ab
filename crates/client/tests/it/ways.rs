//! Ways to an origin that are not straight: proxies that forward, tunnel and speak SOCKS, and Unix sockets.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use wirelight_client::proxy::{Proxies, Proxy};
use wirelight_client::{Client, ClientConfig};

use crate::script::Step::{Hang, Head};
use crate::script::{Peer, send};
use crate::tls::{Folder, authority, identity, serve, settings};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A proxy that connects to one place, wherever it is asked to; it remembers what it was asked.
struct Way {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Way {
    async fn to<F, A>(place: SocketAddr, shake_hands: F) -> Self
    where
        F: Fn(TcpStream) -> A + Send + Sync + 'static,
        A: Future<Output = std::io::Result<(TcpStream, String)>> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok((mut stream, asked)) = shake_hands(stream).await else { continue };
                heard.lock().unwrap().push(asked);
                let mut further = TcpStream::connect(place).await.unwrap();
                tokio::spawn(async move { copy_bidirectional(&mut stream, &mut further).await });
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Answers CONNECT.
async fn connect(mut stream: TcpStream) -> std::io::Result<(TcpStream, String)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await?;
    Ok((stream, String::from_utf8(head).unwrap()))
}

/// Answers SOCKS 5, and asks for a user where one is offered (RFC 1928, RFC 1929).
async fn socks(mut stream: TcpStream) -> std::io::Result<(TcpStream, String)> {
    let mut asked = String::new();
    let mut hello = [0; 2];
    stream.read_exact(&mut hello).await?;
    let mut methods = vec![0; hello[1].into()];
    stream.read_exact(&mut methods).await?;
    if methods.contains(&2) {
        stream.write_all(&[5, 2]).await?;
        stream.read_u8().await?;
        for separator in [':', '@'] {
            let mut text = vec![0; stream.read_u8().await?.into()];
            stream.read_exact(&mut text).await?;
            asked.push_str(&String::from_utf8(text).unwrap());
            asked.push(separator);
        }
        stream.write_all(&[1, 0]).await?;
    } else {
        stream.write_all(&[5, 0]).await?;
    }
    let mut request = [0; 4];
    stream.read_exact(&mut request).await?;
    match request[3] {
        1 => {
            let mut address = [0; 4];
            stream.read_exact(&mut address).await?;
            asked.push_str(&std::net::Ipv4Addr::from(address).to_string());
        }
        _ => {
            let mut name = vec![0; stream.read_u8().await?.into()];
            stream.read_exact(&mut name).await?;
            asked.push_str(&String::from_utf8(name).unwrap());
        }
    }
    asked.push_str(&format!(":{}", stream.read_u16().await?));
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    Ok((stream, asked))
}

fn over(proxies: Proxies, change: impl FnOnce(&mut ClientConfig)) -> Client {
    let mut config = ClientConfig::default();
    config.connections.proxies = proxies;
    change(&mut config);
    Client::with(config).unwrap()
}

fn all(proxy: &str) -> Proxies {
    let proxy = Some(Proxy::parse(proxy).unwrap());
    Proxies { http: proxy.clone(), https: proxy, ..Proxies::none() }
}

#[tokio::test]
async fn a_proxy_is_told_the_whole_uri_and_who_we_are() {
    let peer = Peer::once(vec![Head, send(OK), Head, send(OK), Hang]).await;
    let client = over(all(&format!("http://me:secret@{}", peer.address)), |_| {});
    for path in ["/a?b", "/c"] {
        let answer = client.get(&format!("http://nowhere.test{path}")).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "ok");
    }
    let heard = peer.text(0);
    assert!(heard.starts_with("GET http://nowhere.test/a?b HTTP/1.1\r\n"), "{heard}");
    assert!(heard.contains("Host: nowhere.test\r\n"), "{heard}");
    assert!(heard.contains("Proxy-Authorization: Basic bWU6c2VjcmV0\r\n"), "{heard}");
    assert_eq!(peer.connections(), 1, "the connection to the proxy is kept");
}

#[tokio::test]
async fn https_goes_through_a_tunnel() {
    let known = authority("the authority of tunnels");
    let folder = Folder::new("ways");
    let trusted = folder.write("ca.pem", &known.pem);
    let server = serve(settings(identity(&known, |_| {}), true)).await;
    let way = Way::to(server, connect).await;
    let client = over(all(&format!("http://{}", way.address)), |config| {
        config.connections.tls.authorities = vec![trusted];
        config.connections.tls.only_authorities = true;
    });
    for round in 0..2 {
        let answer = client.get("https://localhost:4433/").send().await.unwrap();
        assert_eq!(answer.timings().proxied.is_some(), round == 0);
        assert_eq!(answer.text().await.unwrap(), "HTTP/2.0");
    }
    let asked = way.asked();
    assert!(asked.len() == 1 && asked[0].starts_with("CONNECT localhost:4433 HTTP/1.1\r\n"), "{asked:?}");
    assert!(asked[0].contains("Host: localhost:4433\r\n"), "{asked:?}");
}

#[tokio::test]
async fn socks_is_given_an_address_or_the_name() {
    let peer = Peer::once(vec![Head, send(OK), Hang]).await;
    let way = Way::to(peer.address, socks).await;
    for (scheme, expected) in [("socks5", "192.0.2.7:8080"), ("socks5h", "a.test:8080")] {
        for user in ["", "me:secret@"] {
            let client = over(all(&format!("{scheme}://{user}{}", way.address)), |config| {
                let key = ("a.test".to_owned(), 8080);
                config.connections.resolve.overrides.insert(key, vec!["192.0.2.7".parse().unwrap()]);
            });
            let answer = client.get("http://a.test:8080/x").send().await.unwrap();
            assert_eq!(answer.text().await.unwrap(), "ok");
            assert_eq!(way.asked().last().unwrap(), &format!("{user}{expected}"));
        }
    }
    assert!(peer.text(0).starts_with("GET /x HTTP/1.1\r\n"), "behind SOCKS there is the origin itself");
}

#[tokio::test]
async fn the_environment_names_proxies_and_exceptions() {
    let proxy = Peer::once(vec![Head, send(OK), Hang]).await;
    let direct = Peer::once(vec![Head, send(OK), Hang]).await;
    let address = proxy.address;
    let proxies = Proxies::from_environment(|name| match name {
        "http_proxy" => Some(format!("http://{address}")),
        "no_proxy" => Some("localhost,127.0.0.1".to_owned()),
        _ => None,
    });
    let client = over(proxies.unwrap(), |_| {});
    client.get("http://a.test/").send().await.unwrap();
    client.get(&direct.url("/")).send().await.unwrap();
    assert!(proxy.text(0).starts_with("GET http://a.test/ "), "{}", proxy.text(0));
    assert!(direct.text(0).starts_with("GET / "), "{}", direct.text(0));
}

#[tokio::test]
async fn a_unix_socket_takes_all_requests() {
    let folder = Folder::new("unix");
    let path = folder.0.join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        for _ in 0..2 {
            let before = heard.len();
            while !heard[before..].ends_with(b"\r\n\r\n") {
                heard.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(OK.as_bytes()).await.unwrap();
        }
        String::from_utf8(heard).unwrap()
    });
    let client = over(Proxies::none(), |config| config.connections.unix_socket = Some(path));
    for _ in 0..2 {
        assert_eq!(client.get("http://docker/v1").send().await.unwrap().text().await.unwrap(), "ok");
    }
    let heard = serving.await.unwrap();
    assert!(heard.starts_with("GET /v1 HTTP/1.1\r\n") && heard.contains("Host: docker\r\n"), "{heard}");
}
