//! Traces that are carried on and begun, and the spans that a collector is sent.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::proxy::{Front, OK, PATIENCE, Scripted, request};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A server that keeps the requests it gets.
fn keeping() -> (Scripted, Arc<Mutex<Vec<String>>>) {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keeps = Arc::clone(&kept);
    let server = Scripted::start(move |_, mut stream| {
        while let Some(request) = request(&mut stream) {
            keeps.lock().unwrap().push(request);
            if stream.write_all(OK).is_err() {
                return;
            }
        }
    });
    (server, kept)
}

fn field<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.lines().find_map(|line| {
        let (known, value) = line.split_once(": ")?;
        known.eq_ignore_ascii_case(name).then_some(value)
    })
}

fn front(tracing: &str, server: &Scripted) -> Front {
    let address = server.address;
    Front::run(&format!(
        "{tracing}\nsite default {{ listen \"127.0.0.1:0\"\n route \"/bad\" {{ proxy \"http://127.0.0.1:1\" }}\n \
         route name=all {{ proxy \"http://{address}\" }} }}"
    ))
}

#[test]
fn a_trace_is_carried_on_or_begun_and_told_to_both_sides() {
    let (server, kept) = keeping();
    let front = front("tracing field=X-Trace-Id", &server);
    let send = |fields: &str| {
        front.send(format!("GET /x HTTP/1.1\r\nHost: a.test\r\n{fields}Connection: close\r\n\r\n").as_bytes())
    };
    let carried = send(&format!("traceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\ntracestate: a=b,c=d\r\n"));
    assert_eq!(field(&carried, "x-trace-id"), Some(TRACE), "{carried}");
    let begun = send("tracestate: a=b\r\n");
    let named = send(&format!("X-Trace-Id: {TRACE}\r\n"));
    assert_eq!(field(&named, "x-trace-id"), Some(TRACE));
    let kept = kept.lock().unwrap();
    let parent = field(&kept[0], "traceparent").unwrap();
    assert!(parent.starts_with(&format!("00-{TRACE}-")) && parent.ends_with("-01"), "{parent}");
    assert!(!parent.contains("00f067aa0ba902b7"), "the span is ours: {parent}");
    assert_eq!(field(&kept[0], "tracestate"), Some("a=b,c=d"));
    assert_eq!(field(&kept[0], "x-trace-id"), Some(TRACE));
    let new = field(&begun, "x-trace-id").unwrap();
    assert!(field(&kept[1], "traceparent").unwrap().starts_with(&format!("00-{new}-")), "{}", kept[1]);
    assert_eq!(field(&kept[1], "tracestate"), None);
    assert_ne!(new, TRACE);
    let trail = front.trail(0);
    assert!(trail.contains(&format!("trace {TRACE} span ")), "{trail}");
}

#[test]
fn without_tracing_what_a_request_says_of_its_trace_passes_untouched() {
    let (server, kept) = keeping();
    let front = front("", &server);
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    front.send(
        format!("GET / HTTP/1.1\r\nHost: a.test\r\ntraceparent: {parent}\r\nConnection: close\r\n\r\n").as_bytes(),
    );
    assert_eq!(field(&kept.lock().unwrap()[0], "traceparent"), Some(&*parent));
}

/// A collector that answers with these bytes, and what it was sent.
fn collector(answer: &'static [u8]) -> (Scripted, Receiver<(String, ExportTraceServiceRequest)>) {
    let (tell, told) = channel();
    let tell: Mutex<Sender<_>> = Mutex::new(tell);
    let server = Scripted::start(move |_, mut stream| {
        while let Some((head, content)) = post(&mut stream) {
            let spans = ExportTraceServiceRequest::decode(&*content).expect("protobuf");
            if tell.lock().unwrap().send((head, spans)).is_err() || stream.write_all(answer).is_err() {
                return;
            }
        }
    });
    (server, told)
}

/// Reads one request with its content.
fn post(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let mut content = vec![0; field(&head, "content-length")?.trim().parse().ok()?];
    stream.read_exact(&mut content).ok()?;
    Some((head, content))
}

fn text(value: &Option<AnyValue>) -> String {
    match value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn attribute(attributes: &[KeyValue], name: &str) -> Option<String> {
    attributes.iter().find(|attribute| attribute.key == name).map(|attribute| text(&attribute.value))
}

fn spans(sent: &ExportTraceServiceRequest) -> Vec<&Span> {
    sent.resource_spans.iter().flat_map(|of| &of.scope_spans).flat_map(|of| &of.spans).collect()
}

#[test]
fn spans_with_their_decisions_are_sent_to_a_collector() {
    let (server, _) = keeping();
    let (collector, told) =
        collector(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n");
    let front = front(&format!("tracing collector=\"http://{}\" service=edge", collector.address), &server);
    let send = |path: &str, fields: &str| {
        front.send(format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n{fields}Connection: close\r\n\r\n").as_bytes())
    };
    send("/x?token=SECRET&a=b", &format!("traceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\n"));
    send("/unsampled", &format!("traceparent: 00-{TRACE}-00f067aa0ba902b7-00\r\n"));
    send("/bad", "");
    let mut all = Vec::new();
    while all.len() < 2 {
        let (head, sent) = told.recv_timeout(PATIENCE).expect("spans are sent");
        assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
        assert_eq!(field(&head, "content-type"), Some("application/x-protobuf"), "{head}");
        let resource = sent.resource_spans[0].resource.as_ref().unwrap();
        assert_eq!(attribute(&resource.attributes, "service.name").as_deref(), Some("edge"));
        all.extend(spans(&sent).into_iter().cloned());
    }
    assert_eq!(all.len(), 2, "what is not sampled is not sent");
    let first = all.iter().find(|span| span.name == "GET all").unwrap();
    assert_eq!(first.trace_id.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), TRACE);
    assert_eq!(first.parent_span_id, 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes());
    assert_eq!((first.kind, first.span_id.len()), (2, 8), "it is a server's");
    assert!(first.end_time_unix_nano > first.start_time_unix_nano);
    for (name, value) in [
        ("http.request.method", "GET"),
        ("url.path", "/x"),
        ("url.query", "token=***&a=b"),
        ("url.scheme", "http"),
        ("http.route", "all"),
        ("http.response.status_code", "200"),
        ("network.protocol.version", "1.1"),
        ("client.address", "127.0.0.1"),
        ("http.response.body.size", "2"),
    ] {
        assert_eq!(attribute(&first.attributes, name).as_deref(), Some(value), "{name}");
    }
    let routed = first.events.iter().find(|event| event.name == "route").expect("decisions are events");
    assert_eq!(attribute(&routed.attributes, "wirelight.outcome").as_deref(), Some("route all"));
    let bad = all.iter().find(|span| span.name == "GET /bad").unwrap();
    assert_eq!(attribute(&bad.attributes, "http.response.status_code").as_deref(), Some("502"));
    let status = bad.status.as_ref().unwrap();
    assert_eq!(status.code, 2);
    assert!(status.message.contains("127.0.0.1:1"), "{status:?}");
    assert!(bad.parent_span_id.is_empty());
}

#[test]
fn a_collector_that_fails_holds_nobody_up() {
    let (server, _) = keeping();
    let (collector, told) = collector(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
    let front = front(&format!("tracing collector=\"http://{}\"", collector.address), &server);
    for _ in 0..3 {
        assert!(front.get().ends_with("\r\n\r\nok"));
    }
    told.recv_timeout(PATIENCE).expect("spans are sent");
    assert!(front.get().ends_with("\r\n\r\nok"));
}
