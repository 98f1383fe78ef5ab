//! The corpus's `proxy` and `proxy-response` cases against `wirelight proxy`, before a server that records every byte
//! that reaches it and reads requests more strictly than any real one.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use regex::Regex;
use serde_json::Value;
use wirelight_testkit::corpus::{Case, Expect, Seen, cases, expand};

use crate::corpus::talk;
use crate::process::{Listening, command};

/// How many cases are under way at once, each with a proxy of its own.
const AT_ONCE: usize = 6;

#[test]
fn every_proxy_case_passes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/corpus.json");
    let cases: Vec<Case> =
        cases(&path).into_iter().filter(|case| matches!(case.target.as_str(), "proxy" | "proxy-response")).collect();
    assert_eq!(cases.len(), 264, "the corpus is not whole");
    let queue = Mutex::new(VecDeque::from(cases));
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let upstream = Upstream::start();
                let url = format!("http://{}", upstream.address);
                let proxy = Listening::spawn(&mut command(&["proxy", "127.0.0.1:0", &url, "-q", "--workers", "1"]));
                loop {
                    let Some(case) = queue.lock().unwrap().pop_front() else { return };
                    upstream.begin(&case.json["upstream_script"]);
                    let seen = talk(&case, proxy.address);
                    if let Err(why) = judge(&case, &seen, &upstream.seen()) {
                        let line = format!("{} ({}): {why}; seen: {}", case.id, case.description, seen.brief());
                        failed.lock().unwrap().push(line);
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    assert!(failed.is_empty(), "{} cases failed:\n{}", failed.len(), failed.join("\n"));
}

/// Whether some acceptable answer was seen, with what reached the upstream.
fn judge(case: &Case, seen: &Seen, reached: &Reached) -> Result<(), String> {
    let mut first = None;
    for expect in case.alternatives(false) {
        match expect.check(seen).and_then(|()| forwarded(expect, reached)) {
            Ok(()) => return Ok(()),
            Err(why) => first = first.or(Some(why)),
        }
    }
    Err(first.unwrap_or_default())
}

/// Whether what reached the upstream is acceptable.
pub(crate) fn forwarded(expect: Expect<'_>, reached: &Reached) -> Result<(), String> {
    let json = expect.json();
    let raw = String::from_utf8_lossy(&reached.raw);
    let count = reached.requests.len() as u64;
    let list = |key: &str| json[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
    if json["must_not_forward"] == true && !raw.is_empty() {
        return Err(format!("forwarded {raw:?}"));
    }
    if json["must_not_complete"] == true && count > 0 {
        return Err(format!("the upstream had a whole request: {raw:?}"));
    }
    if json["invariants"] != false && !reached.broken.is_empty() {
        return Err(format!("what was forwarded breaks a rule: {:?}", reached.broken));
    }
    if json["max_upstream_requests"].as_u64().is_some_and(|most| count > most)
        || json["upstream_requests"].as_u64().is_some_and(|wanted| count != wanted)
    {
        return Err(format!("the upstream had {count} requests: {raw:?}"));
    }
    if let Some(target) =
        list("forbid_targets").iter().find(|bad| reached.requests.iter().any(|it| it.target.contains(**bad)))
    {
        return Err(format!("the upstream was asked for {target}"));
    }
    if let Some(text) = list("forbid_forwarded").iter().find(|bad| raw.to_lowercase().contains(&bad.to_lowercase())) {
        return Err(format!("{text:?} was forwarded"));
    }
    let wanted = &json["upstream"];
    match reached.requests.first() {
        Some(request) => request.check(wanted),
        None if wanted["required"] == true => Err("nothing was forwarded".to_owned()),
        None => Ok(()),
    }
}

/// A request as the upstream read it.
#[derive(Debug, Clone, Default)]
struct Asked {
    method: String,
    target: String,
    fields: Vec<(String, String)>,
    content: Vec<u8>,
    trailers: Vec<String>,
}

impl Asked {
    fn values(&self, name: &str) -> Option<String> {
        let values: Vec<&str> =
            self.fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// Whether it is what a case wants of the upstream's first request.
    fn check(&self, wanted: &Value) -> Result<(), String> {
        let matches = |pattern: &Value, text: &str| Regex::new(pattern.as_str().unwrap()).unwrap().is_match(text);
        for name in wanted["absent"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if let Some(value) = self.values(name) {
                return Err(format!("{name} was forwarded: {value}"));
            }
        }
        for (kind, needs, wish) in
            [("match", true, true), ("match_if_present", false, true), ("not_match", false, false)]
        {
            for (name, pattern) in wanted[kind].as_object().into_iter().flatten() {
                match self.values(name) {
                    Some(value) if matches(pattern, &value) == wish => {}
                    None if !needs => {}
                    other => return Err(format!("{name} was forwarded as {other:?}: {kind} {pattern}")),
                }
            }
        }
        if let Some(content) = wanted["body"].as_str()
            && latin1(content) != self.content
        {
            return Err(format!("{:?} was forwarded", String::from_utf8_lossy(&self.content)));
        }
        if !wanted["target"].is_null() && !matches(&wanted["target"], &self.target) {
            return Err(format!("the target was {}", self.target));
        }
        if wanted["method"].as_str().is_some_and(|method| method != self.method) {
            return Err(format!("the method was {}", self.method));
        }
        if wanted["no_trailers"] == true && !self.trailers.is_empty() {
            return Err(format!("trailers were forwarded: {:?}", self.trailers));
        }
        Ok(())
    }
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|char| char as u8).collect()
}

/// What reached the upstream during one case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reached {
    raw: Vec<u8>,
    requests: Vec<Asked>,
    broken: Vec<String>,
}

/// A server that records, and answers as a case scripts it.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    reached: Reached,
    script: Value,
    served: usize,
    /// Counts the cases: what is left of an earlier one is not recorded.
    case: usize,
    open: Vec<TcpStream>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap()
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                let case = {
                    let mut state = lock(&state);
                    state.open.push(stream.try_clone().unwrap());
                    state.case
                };
                thread::spawn(move || serve(stream, &state, case));
            }
        });
        Self { address, state }
    }

    /// Begins another case: connections of the one before are closed.
    pub(crate) fn begin(&self, script: &Value) {
        let mut state = lock(&self.state);
        for stream in state.open.drain(..) {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        let case = state.case + 1;
        *state = State { script: script.clone(), case, ..State::default() };
    }

    pub(crate) fn seen(&self) -> Reached {
        lock(&self.state).reached.clone()
    }
}

/// Serves one connection until it ends, or the script ends it.
fn serve(mut stream: TcpStream, shared: &Mutex<State>, case: usize) {
    let mut buffer = Vec::new();
    let mut answered_early = false;
    loop {
        let mut read = [0; 64 * 1024];
        let Ok(length @ 1..) = stream.read(&mut read) else { return };
        let early = {
            let mut state = lock(shared);
            if state.case != case {
                return;
            }
            state.reached.raw.extend_from_slice(&read[..length]);
            expand(&state.script["early"])
        };
        buffer.extend_from_slice(&read[..length]);
        if let Some(early) = early
            && !answered_early
            && buffer.windows(4).any(|window| window == b"\r\n\r\n")
        {
            answered_early = true;
            if stream.write_all(&early).is_err() || lock(shared).script["early_close"] == true {
                return;
            }
        }
        while !buffer.is_empty() {
            let (request, used) = match parse(&buffer) {
                Ok(Some(parsed)) => parsed,
                Ok(None) => break,
                Err(broken) => {
                    lock(shared).reached.broken.push(broken);
                    return;
                }
            };
            buffer.drain(..used);
            let action = {
                let mut state = lock(shared);
                if state.case != case {
                    return;
                }
                state.reached.requests.push(request.clone());
                state.served += 1;
                let scripted = state.script["responses"].get(state.served - 1);
                scripted.unwrap_or(&state.script["then"]).clone()
            };
            if !answered_early && !act(&mut stream, &action, &request) {
                // The last hold on the socket is ours, so that it closes, or is reset, when we return.
                let peer = stream.peer_addr().ok();
                lock(shared).open.retain(|open| open.peer_addr().ok() != peer);
                return;
            }
        }
    }
}

/// Answers as the script says; whether the connection goes on.
fn act(stream: &mut TcpStream, action: &Value, request: &Asked) -> bool {
    let end = |stream: &mut TcpStream, how: Option<&str>| match how {
        Some("close") => {
            let _ = stream.shutdown(Shutdown::Both);
            false
        }
        Some("rst") => {
            socket2::SockRef::from(&*stream).set_linger(Some(Duration::ZERO)).unwrap();
            false
        }
        _ => true,
    };
    match action.as_str() {
        Some("close" | "rst") => end(stream, action.as_str()),
        Some("ok") | None if action["raw"].is_null() => {
            let content = format!("UP:{} {}", request.method, request.target);
            let head = format!("HTTP/1.1 200 OK\r\nX-Upstream: 1\r\nContent-Length: {}\r\n\r\n", content.len());
            let content = if request.method == "HEAD" { "" } else { &content };
            stream.write_all((head + content).as_bytes()).is_ok()
        }
        _ => {
            let raw = expand(&action["raw"]).unwrap();
            stream.write_all(&raw).is_ok() && end(stream, action["then"].as_str())
        }
    }
}

/// One request at the front of what came, read with no leniency at all, and how many bytes it takes.
fn parse(bytes: &[u8]) -> Result<Option<(Asked, usize)>, String> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap_or_default();
    let words: Vec<&str> = line.split(' ').collect();
    let [method, target, "HTTP/1.1"] = words.as_slice() else { return Err(format!("request line {line:?}")) };
    if head.contains(['\0']) || line.contains('\n') || !is_token(method) || target.is_empty() {
        return Err(format!("request line {line:?}"));
    }
    let mut asked = Asked { method: (*method).to_owned(), target: (*target).to_owned(), ..Asked::default() };
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { return Err(format!("field line {line:?}")) };
        if !is_token(name) || value.contains(['\r', '\n']) {
            return Err(format!("field line {line:?}"));
        }
        asked.fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let hosts = asked.fields.iter().filter(|(name, _)| name == "host").count();
    if hosts != 1 || asked.values("host").is_some_and(|host| host.contains([' ', '/', '@', '?', '#', '\\', ','])) {
        return Err(format!("{hosts} Host: {:?}", asked.values("host")));
    }
    match (asked.values("content-length"), asked.values("transfer-encoding")) {
        (Some(_), Some(_)) => Err("a length and a coding".to_owned()),
        (None, None) => Ok(Some((asked, end + 4))),
        (Some(length), None) => {
            let length: usize = length.parse().map_err(|_| format!("Content-Length {length:?}"))?;
            let Some(content) = bytes.get(end + 4..end + 4 + length) else { return Ok(None) };
            asked.content = content.to_owned();
            Ok(Some((asked, end + 4 + length)))
        }
        (None, Some(coding)) if coding.eq_ignore_ascii_case("chunked") => chunks(bytes, end + 4, asked),
        (None, Some(coding)) => Err(format!("Transfer-Encoding {coding:?}")),
    }
}

fn chunks(bytes: &[u8], mut at: usize, mut asked: Asked) -> Result<Option<(Asked, usize)>, String> {
    let line = |at: usize| bytes[at..].windows(2).position(|window| window == b"\r\n").map(|end| &bytes[at..at + end]);
    loop {
        let Some(size) = line(at) else { return Ok(None) };
        let text = String::from_utf8_lossy(size);
        let length = usize::from_str_radix(&text, 16).map_err(|_| format!("chunk line {text:?}"))?;
        at += size.len() + 2;
        if length == 0 {
            break;
        }
        let Some(content) = bytes.get(at..at + length + 2) else { return Ok(None) };
        if !content.ends_with(b"\r\n") {
            return Err("a chunk does not end".to_owned());
        }
        asked.content.extend_from_slice(&content[..length]);
        at += length + 2;
    }
    loop {
        let Some(trailer) = line(at) else { return Ok(None) };
        at += trailer.len() + 2;
        if trailer.is_empty() {
            return Ok(Some((asked, at)));
        }
        asked.trailers.push(String::from_utf8_lossy(trailer).into_owned());
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
