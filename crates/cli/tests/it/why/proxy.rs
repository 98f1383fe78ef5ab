//! A proxy with a cache, as a program makes one of the client's layers: what it decides is told like all else.

use std::cell::Cell;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use http::{HeaderName, HeaderValue, StatusCode};
use wirelight_client::layer::Cache;
use wirelight_client::layer::cache::{Limits, Stored};
use wirelight_client::{Client, ClientConfig};
use wirelight_inspect::{Access, Config, Desk, Inspector, Setting};
use wirelight_server::{Listener, Server};
use wirelight_service::{Body, Clock, Request, Response, Result, Service, ServiceExt};

pub(super) const TOKEN: &str = "abc";

/// How much content is stored at the most, in bytes.
pub(super) const CONTENT_BYTES_MAX: usize = 1_000;

/// The proxy, its two caches, and the origin behind them.
pub(super) struct Proxy {
    answers: Answers,
    port: u16,
    pub(super) entrance: String,
    /// How many connections were made to it: the inspector numbers them.
    asked: Cell<u64>,
}

/// What the origin answers: by the number in the path.
#[derive(Clone, Default)]
struct Answers(Arc<Mutex<Vec<String>>>);

impl Service for Answers {
    async fn call(&self, request: Request) -> Result<Response> {
        let number: usize = request.uri().path().rsplit('/').next().and_then(|number| number.parse().ok()).unwrap();
        let answer = self.0.lock().unwrap()[number].clone();
        let (head, content) = answer.split_once("\n\n").unwrap_or((&answer, "fine"));
        let mut lines = head.lines();
        let mut response = Response::new(Body::from(content.to_owned()));
        *response.status_mut() = StatusCode::from_bytes(lines.next().unwrap().as_bytes()).unwrap();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            let (name, value) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value));
            response.headers_mut().append(name.unwrap(), value.unwrap());
        }
        Ok(response)
    }
}

/// Hands requests to the cache that their path names.
struct Choosing {
    shared: Client,
    private: Client,
}

impl Service for Choosing {
    async fn call(&self, mut request: Request) -> Result<Response> {
        let client = if request.uri().path().starts_with("/shared/") { &self.shared } else { &self.private };
        *request.uri_mut() =
            format!("http://origin.example{}", request.uri().path_and_query().unwrap()).parse().unwrap();
        client.call(request).await
    }
}

impl Proxy {
    pub(super) fn start() -> Self {
        let answers = Answers::default();
        let client = |shared| {
            let stored = Stored::new(Limits { content_bytes_max: CONTENT_BYTES_MAX, ..Limits::default() });
            let cache = Some(Cache { shared, stored, ..Cache::default() });
            let config = ClientConfig { redirects: None, decompress: None, cache, ..ClientConfig::default() };
            Client::over(config, |_| answers.clone().boxed()).unwrap()
        };
        let choosing = Choosing { shared: client(true), private: client(false) };
        let inspector = Inspector::new(Config::default(), Clock::system(), None);
        let server = Server::observed(Default::default(), Clock::system(), Some(Arc::new(inspector.clone())));
        let port = serve(server, |_| choosing);
        let shown = serve(Server::default(), |port| {
            let access = Access::new(TOKEN, port);
            Desk::new(&inspector, Setting { access, listeners: Vec::new(), sender: None })
        });
        let entrance = Access::new(TOKEN, shown).url("127.0.0.1");
        Self { answers, port, entrance, asked: Cell::new(0) }
    }

    /// A path under which the origin gives this answer: a status and fields, a line each, and maybe content.
    pub(super) fn path(&self, shared: bool, answer: &str) -> String {
        let mut answers = self.answers.0.lock().unwrap();
        answers.push(answer.to_owned());
        format!("/{}/{}", if shared { "shared" } else { "private" }, answers.len() - 1)
    }

    /// Sends a request; what comes back, and what its exchange is called.
    pub(super) fn ask(&self, request: &str) -> (String, String) {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        let request = format!("{request}\nhost: proxy.example\nconnection: close\n\n").replace('\n', "\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let answer = super::read(&mut stream);
        self.asked.set(self.asked.get() + 1);
        (answer, format!("{}-1", self.asked.get()))
    }
}

/// Serves on a thread of its own for as long as the test lives; the port.
pub(super) fn serve<S: Service>(server: Server, service: impl FnOnce(u16) -> S) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    let service = service(port);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { server.serve(Listener::from_std(listener).unwrap(), service).await.unwrap() });
    });
    port
}
