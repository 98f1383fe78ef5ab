//! The corpus, replayed against the HTTP/1 engine with a small application on it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, Request};
use wirelight_proto::h1::{Config, Connection};
use wirelight_proto::{Connection as _, Event, Incoming, Length, Outgoing, Part, Role};
use wirelight_testkit::corpus::{Case, Piece, Seen, cases};
use wirelight_testkit::echo::Echo;
use wirelight_testkit::{Random, Split};

fn replay(case: &Case, split: Split) -> Seen {
    let now = Instant::now();
    let mut echo = Echo::new(Connection::new(Role::Server, Arc::new(Config::default()), now), now);
    let mut random = Random::new(1);
    for piece in &case.input {
        if let Piece::Bytes(bytes) = piece {
            split.pieces(bytes, &mut random).into_iter().for_each(|piece| echo.receive(piece));
        }
    }
    if case.half_close {
        echo.receive_eof();
    }
    Seen::new(echo.written, &case.heads, echo.engine.is_finished(), Duration::ZERO)
}

fn corpus() -> Vec<Case> {
    cases(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/corpus.json"))
}

#[test]
fn every_server_case_is_answered_as_we_prefer() {
    let cases = corpus();
    let mut count = 0;
    let mut failures = Vec::new();
    for case in cases.iter().filter(|case| case.target == "server") {
        let length: usize =
            case.input.iter().map(|piece| if let Piece::Bytes(bytes) = piece { bytes.len() } else { 0 }).sum();
        for split in [Split::Whole, Split::Bytes] {
            // Byte by byte, a megabyte is a megabyte of calls: the short ones show the same.
            if split == Split::Bytes && length > 64 * 1024 {
                continue;
            }
            count += 1;
            let seen = replay(case, split);
            if let Err(why) = case.check(&seen, true) {
                failures.push(format!("{} ({split}): {}: {why}; saw {}", case.id, case.description, seen.brief()));
            }
        }
    }
    assert!(count > 400, "the corpus was not found whole: {count}");
    assert!(failures.is_empty(), "{} of {count} failed:\n{}", failures.len(), failures.join("\n"));
}

/// Whether a client takes these bytes for a whole response.
fn whole(response: &[u8], split: Split) -> bool {
    let now = Instant::now();
    let mut client = Connection::new(Role::Client, Arc::default(), now);
    let stream = client.open().unwrap();
    let request = Request::get("http://wirelight.test/").body(()).unwrap().into_parts().0;
    client.send(stream, Part::request(request, Length::Known(0)), &mut Outgoing::new()).unwrap();
    client.send(stream, Part::End(HeaderMap::new()), &mut Outgoing::new()).unwrap();
    let mut input = Incoming::new();
    let pieces = split.pieces(response, &mut Random::new(1));
    for piece in pieces.into_iter().map(Some).chain([None]) {
        match piece {
            Some(piece) => input.extend(piece),
            None => client.receive_eof(),
        }
        loop {
            match client.poll_event(&mut input, now) {
                Ok(Some(Event::Received(_, Part::Content(content)))) => client.consume(stream, content.len()),
                Ok(Some(Event::Received(_, Part::End(_)))) => return true,
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return false,
            }
        }
    }
    false
}

#[test]
fn a_response_that_no_proxy_may_pass_on_is_refused() {
    let cases = corpus();
    let mut refused = 0;
    for case in cases.iter().filter(|case| case.target == "proxy-response" && !case.accepts(200)) {
        let Some(response) = case.scripted() else { continue };
        for split in [Split::Whole, Split::Bytes] {
            // A 304 is whole; what must not pass is the content that follows it.
            assert!(case.accepts(304) || !whole(&response, split), "{} ({split}): {}", case.id, case.description);
        }
        refused += 1;
    }
    assert!(refused >= 10, "the corpus was not found whole: {refused}");
}
