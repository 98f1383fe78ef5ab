//! What the access log writes, and what it never writes.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, Method, StatusCode, Version};
use wirelight_gateway::access_log::{AccessLog, Config, Format};
use wirelight_gateway::trace_context::{Context, Origin, SpanId, TraceId};
use wirelight_net::observe::{Asked, ConnectionInfo, Ending, Observer, Record, Wire};
use wirelight_semantics::decision::{Decision, Rule};
use wirelight_service::{Peer, Trail};

/// Output that a test reads.
#[derive(Debug, Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).expect("logs are text")
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
struct Refused;

static RULE: Rule = Rule { name: "test-rule", section: "RFC 9110, section 1", says: "A test decides." };

impl Decision for Refused {
    fn rule(&self) -> &'static Rule {
        &RULE
    }
    fn outcome(&self) -> std::borrow::Cow<'static, str> {
        "404 Not Found".into()
    }
    fn because(&self) -> std::borrow::Cow<'static, str> {
        "there is\u{1b}[2J nothing \"there\" \u{202e}caf\u{e9}".into()
    }
    fn otherwise(&self) -> Option<std::borrow::Cow<'static, str>> {
        Some("something\nthere".into())
    }
    fn declines(&self) -> bool {
        true
    }
}

fn connection() -> Arc<ConnectionInfo> {
    Arc::new(ConnectionInfo {
        id: 7,
        peer: Some(Peer::Internet("192.0.2.1:4711".parse().unwrap())),
        secured: None,
        local: None,
    })
}

fn record(target: &str, fields: &[(&str, &[u8])]) -> Box<Record> {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let name: http::HeaderName = name.parse().unwrap();
        map.append(name, http::HeaderValue::from_bytes(value).unwrap());
    }
    let asked = Asked { method: Method::GET, target: target.parse().unwrap(), version: Version::HTTP_11, fields: map };
    let trail = Trail::watched();
    trail.note(Refused);
    Box::new(Record {
        connection: connection(),
        number: 3,
        asked: Some(asked),
        status: StatusCode::NOT_FOUND,
        fields: HeaderMap::new(),
        received_bytes: 0,
        sent_bytes: 1234,
        at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_248_930_250),
        began: Instant::now(),
        first_byte: Some(Duration::from_micros(1500)),
        total: Duration::from_micros(2250),
        ending: Ending::Complete,
        trail,
        outbound: None,
    })
}

/// What a log writes of some records.
fn written(config: Config, records: impl IntoIterator<Item = Box<Record>>) -> String {
    let paper = Paper::default();
    let (log, writer) = AccessLog::start(config, paper.clone(), None).unwrap();
    for mut record in records {
        if let Some(asked) = &mut record.asked {
            asked.fields = log.keep(&asked.fields);
        }
        record.fields = log.keep(&record.fields);
        log.finished(record);
    }
    writer.finish();
    paper.text()
}

fn with(format: Format) -> Config {
    Config { format, ..Config::default() }
}

const PRETTY: Format = Format::Pretty { colors: false, decisions: false };

#[test]
fn combined_is_the_line_that_tools_know() {
    let mut unread = record("/", &[]);
    unread.asked = None;
    let records = vec![
        record("/a?b=c", &[("referer", b"http://x.test/"), ("user-agent", b"test/1 (a)")]),
        record("/", &[]),
        unread,
    ];
    assert_eq!(
        written(with(Format::Combined), records),
        "192.0.2.1 - - [21/Nov/2026:08:15:30 +0000] \"GET /a?b=c HTTP/1.1\" 404 1234 \"http://x.test/\" \"test/1 (a)\"\n\
         192.0.2.1 - - [21/Nov/2026:08:15:30 +0000] \"GET / HTTP/1.1\" 404 1234 \"-\" \"-\"\n\
         192.0.2.1 - - [21/Nov/2026:08:15:30 +0000] \"-\" 404 1234 \"-\" \"-\"\n"
    );
}

#[test]
fn a_line_of_json_holds_the_decisions() {
    let line = written(with(Format::Json), vec![record("/a", &[("user-agent", b"test")])]);
    let json: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "time": "2026-11-21T08:15:30.250Z", "connection": 7, "exchange": 3, "peer": "192.0.2.1:4711",
            "method": "GET", "target": "/a", "version": "HTTP/1.1", "request": {"user-agent": ["test"]},
            "status": 404, "received_bytes": 0, "sent_bytes": 1234, "first_byte_ms": 1.5, "total_ms": 2.25,
            "ending": "complete",
            "decisions": [{
                "rule": "test-rule", "section": "RFC 9110, section 1", "outcome": "404 Not Found",
                "because": "there is\u{1b}[2J nothing \"there\" \u{202e}caf\u{e9}",
                "otherwise": "something\nthere", "declines": true,
            }],
        })
    );
}

#[test]
fn fields_that_others_had_kept_are_not_shown() {
    for format in [Format::Json, Format::Ecs] {
        let paper = Paper::default();
        let config = Config { fields: vec!["x-asked".parse().unwrap()], ..with(format) };
        let (log, writer) = AccessLog::start(config, paper.clone(), None).unwrap();
        let mut record = record("/", &[("x-asked", b"yes"), ("x-other", b"no"), ("user-agent", b"test")]);
        record.fields.insert("x-answer", "no".parse().unwrap());
        log.finished(record);
        writer.finish();
        let text = paper.text();
        assert!(text.contains("x-asked") && text.contains("\"test\""), "{text}");
        assert!(!text.contains("x-other") && !text.contains("x-answer"), "{text}");
    }
}

#[test]
fn a_line_of_ecs_has_the_names_of_the_schema() {
    let context =
        Context { trace: TraceId(0xabc), span: SpanId(0xdef), parent: None, sampled: true, origin: Origin::Absent };
    let record = record("/a?token=SECRET", &[("user-agent", b"test"), ("referer", b"http://x.test/")]);
    record.trail.note(context);
    let line = written(with(Format::Ecs), vec![record]);
    let json: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "@timestamp": "2026-11-21T08:15:30.250Z", "ecs.version": "8.11.0",
            "message": "GET /a?token=*** 404", "event.kind": "event", "event.category": ["web"],
            "event.type": ["access"], "event.outcome": "failure", "event.action": "complete",
            "event.duration": 2_250_000, "event.reason": "there is\u{1b}[2J nothing \"there\" \u{202e}caf\u{e9}",
            "source.ip": "192.0.2.1", "source.port": 4711, "http.request.method": "GET", "http.version": "1.1",
            "url.original": "/a?token=***", "http.request.referrer": "http://x.test/",
            "user_agent.original": "test", "http.request.body.bytes": 0, "http.response.status_code": 404,
            "http.response.body.bytes": 1234, "trace.id": "00000000000000000000000000000abc",
            "span.id": "0000000000000def",
            "labels": {
                "connection": "7", "exchange": "3", "test-rule": "404 Not Found",
                "trace-context": "trace 00000000000000000000000000000abc span 0000000000000def",
            },
        })
    );
}

#[test]
fn pretty_ends_with_the_decisive_reason() {
    let line = written(with(PRETTY), vec![record("/a", &[])]);
    assert_eq!(
        line,
        "08:15:30 404 GET  /a  1.2 kB  2.25 ms  there is\\x1b[2J nothing \"there\" \\xe2\\x80\\xaecaf\u{e9}  \
         [test-rule (RFC 9110, section 1)]\n"
    );
    let all = written(with(Format::Pretty { colors: false, decisions: true }), vec![record("/a", &[])]);
    assert!(all.contains("x 404 Not Found: there is\\x1b[2J"), "{all}");
    assert!(all.contains("[test-rule (RFC 9110, section 1)]\n           otherwise: something\\x0athere\n"), "{all}");
    let colored = written(with(Format::Pretty { colors: true, decisions: false }), vec![record("/a", &[])]);
    assert!(colored.contains("\x1b[33m404\x1b[0m"), "{colored:?}");
}

/// A decision that declines nothing, with its outcome.
#[derive(Debug)]
struct Noted(&'static str);

impl Decision for Noted {
    fn rule(&self) -> &'static Rule {
        &RULE
    }
    fn outcome(&self) -> std::borrow::Cow<'static, str> {
        self.0.into()
    }
    fn because(&self) -> std::borrow::Cow<'static, str> {
        format!("the cause of {}", self.0).into()
    }
}

#[test]
fn pretty_prefers_the_decision_that_names_the_status() {
    for (status, notes, reason) in [
        (308, &["308 to ./a/", "sent as it is"][..], "  the cause of 308 to ./a/\n"),
        (304, &["304 Not Modified", "sent as it is"], "  the cause of 304 Not Modified\n"),
        (200, &["taken from memory", "sent as it is"], "  2.25 ms\n"),
        (500, &["something", "the last"], "  2.25 ms\n"),
        (500, &[], "  2.25 ms\n"),
    ] {
        let mut record = record("/a", &[]);
        record.status = StatusCode::from_u16(status).unwrap();
        record.trail = Trail::watched();
        notes.iter().for_each(|note| record.trail.note(Noted(note)));
        let line = written(with(PRETTY), [record]);
        assert!(line.ends_with(reason), "{line}");
    }
}

/// Every byte that a field can hold, and every sequence that a terminal or a reader of lines would act on.
#[test]
fn nothing_in_a_message_acts_on_a_terminal_or_begins_a_line() {
    let agents: [&[u8]; 7] = [
        b"\x80\xff\x9b31m",
        b"\xc2\x9b31m",
        "\u{202e}\u{2028}\u{feff}".as_bytes(),
        b"\",\"level\":\"fatal",
        b"${jndi:ldap://x}",
        b"\" 200 0 \"-\" \"",
        b"a\tb\\x0a",
    ];
    for format in [Format::Combined, Format::Json, Format::Ecs, PRETTY] {
        for agent in agents {
            let target = "/a%0a127.0.0.1%20-%20-%20fake?x=%1b[2J";
            let line = written(with(format), vec![record(target, &[("user-agent", agent), ("referer", agent)])]);
            assert_eq!(line.matches('\n').count(), 1, "{format:?} {line:?}");
            let plain = |char: char| matches!(char, ' '..='~' | '\n' | '\u{e9}');
            assert!(line.chars().all(plain), "{format:?} {line:?}");
            match format {
                Format::Combined => assert_eq!(line.matches('"').count(), 6, "{line:?}"),
                Format::Json | Format::Ecs => {
                    let json: serde_json::Value = serde_json::from_str(&line).expect("one object");
                    assert_eq!(json.get("level"), None);
                }
                Format::Pretty { .. } => {}
            }
        }
    }
}

#[test]
fn credentials_are_never_written() {
    let fields: Vec<http::HeaderName> = ["authorization", "cookie", "set-cookie", "x-api-key", "accept"]
        .iter()
        .map(|name| name.parse().unwrap())
        .collect();
    for format in [Format::Combined, Format::Json, Format::Ecs, PRETTY] {
        let config = Config { fields: fields.clone(), ..with(format) };
        let mut records = vec![
            record("/?access_token=SECRET", &[("authorization", b"Bearer SECRET"), ("accept", b"text/html")]),
            record("http://u:SECRET@h/", &[("cookie", b"sid=SECRET"), ("x-api-key", b"SECRET")]),
            record("/", &[("referer", b"https://u:SECRET@x.test/?password=SECRET&a=b")]),
        ];
        records[0].fields.insert("set-cookie", "a=SECRET".parse().unwrap());
        let text = written(config, records);
        assert!(!text.contains("SECRET"), "{text}");
        assert!(text.contains("access_token=***"), "{text}");
        if format == Format::Json {
            assert!(text.contains("text/html"), "{text}");
            assert!(text.contains("\"cookie\":[\"***\"]"), "{text}");
        }
    }
}

/// Output that waits for permission before it writes.
struct Gate {
    began: Sender<()>,
    go_on: Receiver<()>,
    paper: Paper,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.began.send(());
        let _ = self.go_on.recv();
        self.paper.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_beyond_the_limit_are_counted_and_the_rest_is_whole() {
    let (began, begins) = channel();
    let (go, go_on) = channel();
    let paper = Paper::default();
    let config = Config { waiting_lines_max: 3, linger: Duration::ZERO, ..with(Format::Combined) };
    let (log, writer) = AccessLog::start(config, Gate { began, go_on, paper: paper.clone() }, None).unwrap();
    log.finished(record("/first", &[]));
    begins.recv().unwrap();
    // The writer is stuck, and three lines may wait.
    for number in 0..5 {
        log.finished(record(&format!("/{number}"), &[]));
    }
    drop(go);
    writer.finish();
    let text = paper.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    for (line, target) in lines.iter().zip(["/first", "/0", "/1", "/2"]) {
        assert!(line.contains(&format!("GET {target} ")), "{text}");
    }
    assert_eq!(lines[4], "# 2 lines were lost: the log could not keep up");
}

/// Output that fails at first.
struct Full(usize, Paper);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 > 0 {
            self.0 -= 1;
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_that_could_not_be_written_are_counted() {
    let paper = Paper::default();
    let config = Config { linger: Duration::ZERO, ..with(Format::Json) };
    let (log, writer) = AccessLog::start(config, Full(1, paper.clone()), None).unwrap();
    log.finished(record("/lost", &[]));
    let deadline = Instant::now() + Duration::from_secs(10);
    while !paper.text().contains("{\"lost\":1}") {
        assert!(Instant::now() < deadline, "the loss was not reported: {:?}", paper.text());
        std::thread::yield_now();
    }
    log.finished(record("/kept", &[]));
    drop(writer);
    assert!(paper.text().ends_with("}\n") && paper.text().contains("/kept"), "{}", paper.text());
}

#[test]
fn bytes_are_shown_with_their_direction_and_in_order_with_the_lines() {
    let paper = Paper::default();
    let raw: Box<dyn Write + Send> = Box::new(paper.clone());
    let (log, writer) = AccessLog::start(with(Format::Combined), paper.clone(), Some(raw)).unwrap();
    assert!(log.wants_bytes());
    let connection = connection();
    log.bytes(&connection, 1, Wire::HeadReceived, b"GET /\x1b[2J HTTP/1.1\r\nHost: \xff\\\r\n\r\n");
    log.bytes(&connection, 1, Wire::ContentReceived, b"a\tb");
    log.bytes(&connection, 1, Wire::HeadSent, b"HTTP/1.1 200 OK\r\n\r\n");
    log.bytes(&connection, 1, Wire::ContentSent, b"not shown");
    log.finished(record("/", &[]));
    log.closed(&connection, &"the client \x1b closed");
    writer.finish();
    let line = written(with(Format::Combined), vec![record("/", &[])]);
    assert_eq!(
        paper.text(),
        format!(
            "#7.1 < GET /\\x1b[2J HTTP/1.1\\r\\n\n#7.1 < Host: \\xff\\\\\\r\\n\n#7.1 < \\r\\n\n#7.1 < a\\tb\n\
             #7.1 > HTTP/1.1 200 OK\\r\\n\n#7.1 > \\r\\n\n{line}#7 closed: the client \\x1b closed\n"
        )
    );
}

#[test]
fn without_an_output_for_them_no_bytes_are_wanted() {
    let (log, writer) = AccessLog::start(Config::default(), Paper::default(), None).unwrap();
    assert!(!log.wants_bytes());
    drop(writer);
}
