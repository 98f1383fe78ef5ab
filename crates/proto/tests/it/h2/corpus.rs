//! The corpus of frames, replayed against the engine with a small application on it.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use wirelight_proto::h2::frame::{Frame, HEAD_LENGTH, Head};
use wirelight_proto::h2::hpack::{Decoder, Field, Sink};
use wirelight_proto::h2::{Config, Connection, PREFACE};
use wirelight_proto::{Connection as _, Role};
use wirelight_testkit::corpus::{Case, cases};
use wirelight_testkit::echo::Echo;
use wirelight_testkit::{Random, Split};

use super::peer::string;

/// What a client saw.
#[derive(Debug, Default)]
struct Seen {
    go_away: Option<u32>,
    resets: Vec<(u32, u32)>,
    statuses: Vec<(u32, u16)>,
    ping_answers: usize,
    content_bytes: usize,
    closed: bool,
}

#[derive(Default)]
struct Status(Option<u16>);

impl Sink for Status {
    fn admits(&mut self, _: usize) -> bool {
        true
    }

    fn field(&mut self, field: Field) {
        if let Field::Status(status) = field {
            self.0 = Some(status.as_u16());
        }
    }
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c).expect("latin-1")).collect()
}

fn expand(value: &Value) -> Vec<u8> {
    if let Some(text) = value.as_str() {
        return latin1(text);
    }
    if let Some(hex) = value["hex"].as_str() {
        let digits = hex.as_bytes().chunks(2);
        return digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect();
    }
    if let Some(count) = value["repeat"].as_u64() {
        return expand(&value["of"]).repeat(count as usize);
    }
    value["concat"].as_array().expect("bytes").iter().flat_map(expand).collect()
}

fn frame(spec: &Value, round: u64) -> Vec<u8> {
    let stream = match &spec["stream"] {
        Value::String(formula) => {
            let (base, step) = formula.trim_end_matches('i').split_once('+').expect("a formula");
            base.parse::<u64>().unwrap() + step.parse::<u64>().unwrap() * round
        }
        number => number.as_u64().unwrap_or(0),
    };
    let kinds = [
        "DATA",
        "HEADERS",
        "PRIORITY",
        "RST_STREAM",
        "SETTINGS",
        "PUSH_PROMISE",
        "PING",
        "GOAWAY",
        "WINDOW_UPDATE",
        "CONTINUATION",
    ];
    let kind = match &spec["type"] {
        Value::String(name) => kinds.iter().position(|kind| kind == name).expect("a type") as u64,
        number => number.as_u64().expect("a type"),
    };
    let flags = spec["flags"].as_array().into_iter().flatten().fold(0, |sum, flag| {
        sum | match flag.as_str() {
            Some("END_STREAM" | "ACK") => 1,
            Some("END_HEADERS") => 4,
            Some("PADDED") => 8,
            Some("PRIORITY") => 32,
            Some(other) => panic!("{other}"),
            None => flag.as_u64().expect("a flag") as u8,
        }
    });
    let payload = if let Some(fields) = spec["headers"].as_array() {
        let mut block = Vec::new();
        for field in fields {
            block.push(0);
            string(&latin1(field[0].as_str().expect("a name")), &mut block);
            string(&expand(&field[1]), &mut block);
        }
        block
    } else if let Some(settings) = spec["settings"].as_array() {
        settings.iter().flat_map(setting).collect()
    } else {
        spec.get("payload").map(expand).unwrap_or_default()
    };
    let length = payload.len();
    let head = Head { length, kind: kind as u8, flags, stream: stream as u32 };
    [&head.octets(), &payload[..]].concat()
}

fn setting(setting: &Value) -> [u8; 6] {
    let identifier = (setting[0].as_u64().expect("an identifier") as u16).to_be_bytes();
    let value = (setting[1].as_u64().expect("a value") as u32).to_be_bytes();
    [identifier[0], identifier[1], value[0], value[1], value[2], value[3]]
}

/// Everything that a case sends, a pause being the end of a piece.
fn pieces(case: &Case) -> Vec<Vec<u8>> {
    let mut pieces = vec![Vec::new()];
    for spec in case.json["input"].as_array().expect("frames") {
        if !spec["pause_ms"].is_null() {
            pieces.push(Vec::new());
            continue;
        }
        let piece = pieces.last_mut().expect("a piece");
        match spec["repeat"].as_u64() {
            Some(count) => {
                let from = spec["from"].as_u64().unwrap_or(0);
                let frames = spec["frames"].as_array().expect("frames");
                piece.extend(
                    (from..from + count).flat_map(|round| frames.iter().flat_map(move |spec| frame(spec, round))),
                );
            }
            None => piece.extend(frame(spec, 0)),
        }
    }
    pieces
}

fn replay(case: &Case, split: Split) -> Seen {
    let now = Instant::now();
    let mut echo = Echo::new(Connection::new(Role::Server, Arc::new(Config::default()), now), now);
    let mut random = Random::new(1);
    let opening = match case.json["preface"].as_str() {
        Some(preface) => latin1(preface),
        None => {
            let payload: Vec<u8> = case.json["settings"].as_array().into_iter().flatten().flat_map(setting).collect();
            let settings = Head { length: payload.len(), kind: 4, flags: 0, stream: 0 };
            let ack = Head { length: 0, kind: 4, flags: 1, stream: 0 };
            [&PREFACE[..], &settings.octets(), &payload, &ack.octets()].concat()
        }
    };
    let mut send = |bytes: &[u8]| split.pieces(bytes, &mut random).into_iter().for_each(|piece| echo.receive(piece));
    send(&opening);
    pieces(case).iter().for_each(|piece| send(piece));
    if case.json["no_ping"] != true {
        let ping = Head { length: 8, kind: 6, flags: 0, stream: 0 };
        send(&[&ping.octets()[..], b"there???"].concat());
    }
    let mut seen = read(&echo.written);
    seen.closed = echo.engine.is_finished();
    seen
}

fn read(written: &[u8]) -> Seen {
    let mut seen = Seen::default();
    let mut decoder = Decoder::default();
    let mut rest = written;
    while let Some(head) = Head::read(rest) {
        let (bytes, tail) = rest.split_at(HEAD_LENGTH + head.length);
        rest = tail;
        match Frame::read(head, &bytes[HEAD_LENGTH..]).expect("a valid frame") {
            Frame::Headers(frame) => {
                assert!(frame.end_headers);
                let mut status = Status::default();
                decoder.decode(frame.fragment, &mut status).expect("a valid block");
                seen.statuses.push((frame.stream, status.0.expect("a status")));
            }
            Frame::Data(frame) => seen.content_bytes += frame.content.len(),
            Frame::RstStream(frame) => seen.resets.push((frame.stream, frame.code.0)),
            Frame::GoAway(frame) => seen.go_away = Some(frame.code.0),
            Frame::Ping(frame) if frame.ack => seen.ping_answers += 1,
            _ => {}
        }
    }
    seen
}

fn numbers(value: &Value) -> Vec<Option<u64>> {
    value.as_array().into_iter().flatten().map(Value::as_u64).collect()
}

/// Why an answer is not the one that is expected.
fn check(expect: &Value, seen: &Seen) -> Result<(), String> {
    let go_away = seen.go_away.map(u64::from);
    if expect["dead"] == true {
        let died = go_away.is_some_and(|code| code != 0) || seen.closed;
        let codes = numbers(&expect["goaway"]);
        return match go_away {
            _ if !died => Err("it lives".into()),
            Some(code) if code != 0 && !codes.is_empty() && !codes.contains(&go_away) => Err(format!("GOAWAY {code}")),
            _ => Ok(()),
        };
    }
    if !expect["goaway"].is_null() {
        let fine = numbers(&expect["goaway"]).contains(&go_away);
        return if fine { Ok(()) } else { Err(format!("GOAWAY {go_away:?}")) };
    }
    let stream = expect["stream"].as_u64().unwrap_or(1) as u32;
    if !expect["rst"].is_null() {
        let reset = seen.resets.iter().find(|(reset, _)| *reset == stream).map(|(_, code)| u64::from(*code));
        let code = reset.ok_or("no RST_STREAM")?;
        if expect["rst"] != "any" && !numbers(&expect["rst"]).contains(&Some(code)) {
            return Err(format!("RST_STREAM {code}"));
        }
    }
    if expect["alive"] == true && (seen.closed || go_away.is_some_and(|code| code != 0) || seen.ping_answers == 0) {
        return Err("it is dead".into());
    }
    if !expect["statuses"].is_null() {
        let status =
            seen.statuses.iter().find(|(of, status)| *of == stream && *status >= 200).map(|(_, status)| *status);
        if !numbers(&expect["statuses"]).contains(&Some(status.ok_or("no response")?.into())) {
            return Err(format!("status {status:?}"));
        }
    }
    if expect["max_statuses"].as_u64().is_some_and(|max| seen.statuses.len() as u64 > max) {
        return Err("too many responses".into());
    }
    if expect["max_data"].as_u64().is_some_and(|max| seen.content_bytes as u64 > max) {
        return Err("too much content".into());
    }
    Ok(())
}

fn judge(case: &Case, seen: &Seen, strict: bool) -> Result<(), String> {
    let preferred = &case.json["prefer"];
    let expect = if strict && !preferred.is_null() { preferred } else { &case.json["expect"] };
    match expect["any_of"].as_array() {
        None => check(expect, seen),
        Some(any) => {
            let mut failures = any.iter().map(|expect| check(expect, seen));
            if failures.any(|failure| failure.is_ok()) { Ok(()) } else { check(&any[0], seen) }
        }
    }
}

#[test]
fn every_frame_case_is_answered_as_we_prefer() {
    let cases = cases(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/corpus.json"));
    let mut count = 0;
    let mut failures = Vec::new();
    for case in cases.iter().filter(|case| case.target == "h2-frames") {
        let length: usize = pieces(case).iter().map(Vec::len).sum();
        for split in [Split::Whole, Split::Bytes, Split::Seeded(7)] {
            // Byte by byte, a megabyte is a megabyte of calls: the short ones show the same.
            if split != Split::Whole && length > 64 * 1024 {
                continue;
            }
            count += 1;
            let seen = replay(case, split);
            for strict in [true, false] {
                if let Err(why) = judge(case, &seen, strict) {
                    failures
                        .push(format!("{} ({split}, {strict}): {}: {why}; saw {seen:?}", case.id, case.description));
                }
            }
        }
    }
    assert!(count > 200, "the corpus was not found whole: {count}");
    assert!(failures.is_empty(), "{} of {count} failed:\n{}", failures.len(), failures.join("\n"));
}
