//! The `cache` cases of the corpus against the private cache of a client.
//!
//! They were written for a cache that users share. Where a rule is about sharing (RFC 9111, section 3), a private one may
//! do more: those cases stand in a list, with what is expected of them here.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};

use http::{HeaderName, HeaderValue, Method};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wirelight_client::layer::Cache;
use wirelight_client::{Client, ClientConfig};
use wirelight_testkit::corpus::{Case, cases};

/// Steps of which a private cache answers more itself than a shared one may, and what it answers.
const PRIVATE: &[(&str, usize, &str)] = &[
    // Whose answer is `private` may be kept for whom it was made.
    ("cch-cache-poisoning-004", 1, "ONE"),
];

/// An origin that gives each connection the next answer, and counts the requests.
struct Origin {
    address: std::net::SocketAddr,
    answers: Arc<Mutex<VecDeque<Vec<u8>>>>,
    asked: Arc<Mutex<usize>>,
}

impl Origin {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (answers, asked) = (Arc::<Mutex<VecDeque<Vec<u8>>>>::default(), Arc::<Mutex<usize>>::default());
        let (next, count) = (Arc::clone(&answers), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).await.is_ok_and(|length| length > 0) {
                    head.push(byte[0]);
                }
                *count.lock().unwrap() += 1;
                let answer = next.lock().unwrap().pop_front().unwrap_or_default();
                let _ = stream.write_all(&answer).await;
            }
        });
        Self { address, answers, asked }
    }

    fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }
}

/// What a step brought.
struct Brought {
    /// 502 where the exchange broke, as a gateway would say it.
    status: u64,
    head: String,
    content: String,
    from_upstream: bool,
}

/// The method, the target and the fields of a request.
type Asked = (Method, String, Vec<(HeaderName, HeaderValue)>);

/// A step's request: its method, its target and its fields, without those that only a connection has.
fn request(text: &str) -> Option<Asked> {
    let mut lines = text.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.parse().ok()?, words.next()?.to_owned());
    let fields = lines.take_while(|line| !line.is_empty()).map(|line| line.split_once(": "));
    let fields = fields.map(|field| {
        let (name, value) = field?;
        Some((name.parse().ok()?, HeaderValue::from_bytes(value.as_bytes()).ok()?))
    });
    let fields: Vec<_> = fields.collect::<Option<_>>()?;
    let of_connection = ["host", "connection", "content-length"];
    Some((
        method,
        target,
        fields.into_iter().filter(|(name, _): &(HeaderName, _)| !of_connection.contains(&name.as_str())).collect(),
    ))
}

async fn take(client: &Client, origin: &Origin, step: &Value, tag: &str) -> Brought {
    let asked = origin.asked();
    origin.answers.lock().unwrap().clear();
    let upstream =
        step["upstream"].as_str().unwrap().replace("HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n");
    origin.answers.lock().unwrap().push_back(upstream.chars().map(|c| c as u8).collect());
    let refused = || Brought { status: 400, head: String::new(), content: String::new(), from_upstream: false };
    let text = expand(&step["send"]).replace("{tag}", tag);
    // What cannot be said with the client is refused before it is sent.
    let Some((method, target, fields)) = request(&text) else { return refused() };
    let mut builder = client.request(method, &format!("http://{}{target}", origin.address));
    for (name, value) in fields {
        builder = builder.header(name, value);
    }
    let answered = async {
        let answer = builder.send().await?;
        let (status, head) = (answer.status().as_u16(), format!("{:?}", answer.headers()));
        Ok((status, head, answer.text().await?))
    };
    let answered: wirelight_service::Result<_> = answered.await;
    let (status, head, content) = answered.unwrap_or_else(|_| (502, String::new(), String::new()));
    Brought { status: status.into(), head, content, from_upstream: origin.asked() > asked }
}

/// Text of the corpus: as it is, or repeated and joined.
fn expand(value: &Value) -> String {
    if let Some(text) = value.as_str() {
        return text.to_owned();
    }
    if let Some(pieces) = value["concat"].as_array() {
        return pieces.iter().map(expand).collect();
    }
    let times = value["repeat"].as_u64().expect("text, concat or repeat");
    expand(&value["of"]).repeat(usize::try_from(times).unwrap())
}

/// What a step's answer lacks of what is expected.
fn lacks(expect: &Value, brought: &Brought) -> Option<String> {
    if let Some(several) = expect["any_of"].as_array() {
        let lacking: Vec<String> = several.iter().map(|one| lacks(one, brought)).collect::<Option<_>>()?;
        return lacking.into_iter().next();
    }
    let list = |name: &str| expect[name].as_array().cloned().unwrap_or_default();
    let statuses = list("statuses");
    if !statuses.is_empty() && !statuses.iter().any(|status| status.as_u64() == Some(brought.status)) {
        return Some(format!("status {}, wanted {statuses:?}", brought.status));
    }
    if let Some(content) = expect["body"].as_str().filter(|content| *content != brought.content) {
        return Some(format!("content {:?}, wanted {content:?}", brought.content));
    }
    if let Some(from) = expect["from_upstream"].as_bool().filter(|from| *from != brought.from_upstream) {
        return Some(format!("asked the origin: {}, wanted {from}", brought.from_upstream));
    }
    let forbidden = list("forbid_body").into_iter().map(|text| (text, &brought.content));
    let anywhere = list("forbid_anywhere");
    let anywhere = anywhere.iter().flat_map(|text| [(text.clone(), &brought.content), (text.clone(), &brought.head)]);
    let found = forbidden.chain(anywhere).find(|(text, seen)| seen.contains(text.as_str().unwrap()));
    found.map(|(text, _)| format!("{text} stands where it may not"))
}

async fn replay(case: &Case) -> Result<(), String> {
    let origin = Origin::start().await;
    let config = ClientConfig { cache: Some(Cache::default()), ..ClientConfig::default() };
    let client = Client::with(config).unwrap();
    for (index, step) in case.json["input"].as_array().unwrap().iter().enumerate() {
        let brought = take(&client, &origin, step, "tag").await;
        let private = PRIVATE.iter().find(|(id, of_step, _)| *id == case.id && *of_step == index);
        let expected = match private {
            Some((_, _, content)) => serde_json::json!({"body": content, "from_upstream": false}),
            None => step["expect"].clone(),
        };
        if let Some(lacking) = lacks(&expected, &brought) {
            return Err(format!("{} ({}), step {index}: {lacking}", case.id, case.description));
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_cache_case_passes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/corpus.json");
    let cases: Vec<Case> = cases(&path).into_iter().filter(|case| case.target == "cache").collect();
    assert_eq!(cases.len(), 28, "the corpus is not whole");
    let mut failed = Vec::new();
    for case in &cases {
        failed.extend(replay(case).await.err());
    }
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), cases.len(), failed.join("\n"));
}
