//! A service on a port that the system chose, and the least of a client.

use std::collections::BTreeMap;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wirelight_server::{Address, Listener, Server};
use wirelight_service::Service;

/// A response as it was read.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// By their names in lower case.
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) content: String,
}

/// A service that is being served.
pub(crate) struct Served {
    server: Server,
    pub(crate) address: std::net::SocketAddr,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Served {
    pub(crate) async fn begin(service: impl Service) -> Self {
        let listener = Listener::tcp("127.0.0.1:0".parse().unwrap()).unwrap();
        let Address::Internet(address) = listener.address() else { panic!("a TCP listener has an address") };
        let server = Server::default();
        let task = tokio::spawn({
            let server = server.clone();
            async move { server.serve(listener, service).await }
        });
        Self { server, address, task }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client { stream: TcpStream::connect(self.address).await.unwrap(), heard: Vec::new() }
    }

    pub(crate) async fn end(self) {
        self.server.shutdown().drain();
        self.task.await.unwrap().unwrap();
    }
}

/// It reads responses whose length is told.
pub(crate) struct Client {
    stream: TcpStream,
    heard: Vec<u8>,
}

impl Client {
    pub(crate) async fn say(&mut self, bytes: &str) {
        self.stream.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// `head_only` says that HEAD was asked with.
    pub(crate) async fn hear(&mut self, head_only: bool) -> Answer {
        let length = loop {
            match self.heard.windows(4).position(|octets| octets == b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => self.more().await,
            }
        };
        let head = String::from_utf8(self.heard.drain(..length).collect()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).unwrap();
        let status = status[..3].parse().unwrap();
        let fields = lines.filter_map(|line| line.split_once(": "));
        let fields: BTreeMap<_, _> = fields.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        let has_content = !head_only && !matches!(status, 204 | 304);
        let length = if has_content { fields["content-length"].parse().unwrap() } else { 0 };
        while self.heard.len() < length {
            self.more().await;
        }
        let content = String::from_utf8(self.heard.drain(..length).collect()).unwrap();
        Answer { status, fields, content }
    }

    async fn more(&mut self) {
        assert_ne!(self.stream.read_buf(&mut self.heard).await.unwrap(), 0, "the connection ended");
    }
}
