//! The corpus, replayed against the HTTP/1 engine with a small application on it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wirelight_proto::h1::{Config, Connection};
use wirelight_proto::{Connection as _, Role};
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

#[test]
fn every_server_case_is_answered_as_we_prefer() {
    let cases = cases(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/corpus.json"));
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
