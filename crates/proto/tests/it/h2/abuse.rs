//! What costs a peer less than it costs the engine, and where it ends.

use wirelight_proto::Connection as _;
use wirelight_proto::h2::frame::{Data, Frame};
use wirelight_proto::h2::{Budget, Budgets, Code, Config};

use super::peer::{Bench, Wrote, get, post, string};

const CALM: Code = Code::ENHANCE_YOUR_CALM;

/// Repeats something until the connection dies of it; how often, and of what.
fn flood(bench: &mut Bench, limit: usize, mut one: impl FnMut(&mut Bench, u32)) -> (usize, &'static str) {
    for count in 0..limit {
        one(bench, count as u32);
        if let Err(error) = bench.hear() {
            assert!(matches!(bench.wrote().last(), Some(Wrote::GoAway(_, CALM))));
            return (count, error.rule.name);
        }
        bench.wrote();
    }
    (limit, "nothing")
}

fn tight() -> Config {
    let budget = Budget { burst: 20, per_second: 1 };
    let budgets = Budgets {
        rapid_reset: budget,
        provoked_reset: budget,
        settings: budget,
        ping: budget,
        empty: budget,
        window_update: Budget { burst: 25, per_second: 1 },
        ignored: budget,
    };
    Config { budgets, ..Config::default() }
}

#[test]
fn floods_end() {
    type One = fn(&mut Bench, u32);
    let floods: [(&str, One); 13] = [
        ("h2-rapid-reset", |bench, count| {
            bench.headers(2 * count + 1, &get(""), true);
            bench.reset(2 * count + 1, Code::CANCEL);
        }),
        ("h2-provoked-reset", |bench, count| bench.headers(2 * count + 1, &get("Bad: x"), true)),
        ("h2-provoked-reset", |bench, count| {
            bench.headers(2 * count + 1, &get(""), true);
            bench.window(2 * count + 1, 0x7fff_ffff);
        }),
        ("h2-provoked-reset", |bench, count| {
            bench.headers(2 * count + 1, &get(""), true);
            bench.data(2 * count + 1, b"x", false);
        }),
        ("h2-provoked-reset", |bench, count| {
            bench.headers(2 * count + 1, &get(""), true);
            bench.raw(&[0, 0, 1, 2, 0, 0, 0, 0, (2 * count + 1) as u8, 0]);
        }),
        ("h2-settings-flood", |bench, _| bench.settings(&[])),
        ("h2-ping-flood", |bench, _| bench.ping(false, [0; 8])),
        ("h2-window-update-flood", |bench, _| bench.window(0, 1)),
        ("h2-ignored-flood", |bench, _| bench.raw(&[0, 0, 0, 0xee, 0, 0, 0, 0, 0])),
        ("h2-ignored-flood", |bench, _| bench.raw(&[0, 0, 5, 2, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0])),
        ("h2-ignored-flood", |bench, _| bench.go_away(0)),
        ("h2-ignored-flood", |bench, _| bench.ping(true, [0; 8])),
        ("h2-empty-flood", |bench, count| {
            if count == 0 {
                bench.headers(1, &post(""), false);
            }
            bench.data(1, b"", false);
        }),
    ];
    for (rule, one) in floods {
        let mut bench = Bench::server(tight());
        if rule == "h2-ignored-flood" || rule == "h2-window-update-flood" {
            bench.headers(999, &get(""), true);
        }
        let (count, because) = flood(&mut bench, 100, one);
        assert_eq!((because, (18..=25).contains(&count)), (rule, true), "{rule} after {count}");
    }
}

#[test]
fn what_is_spread_over_time_is_no_flood() {
    let mut bench = Bench::server(tight());
    let (count, _) = flood(&mut bench, 200, |bench, _| {
        bench.pass(std::time::Duration::from_secs(1));
        bench.ping(false, [0; 8]);
    });
    assert_eq!(count, 200);
}

#[test]
fn windows_that_are_used_may_be_opened() {
    let mut bench = Bench::server(tight());
    bench.headers(1, &get(""), true);
    bench.events();
    bench.begin_response(1, b"x");
    let (count, _) = flood(&mut bench, 2_000, |bench, _| {
        bench.send(1, wirelight_proto::Part::Content(bytes::Bytes::from_static(&[b'x'; 1_000])));
        bench.window(0, 1_000);
        bench.window(1, 1_000);
    });
    assert_eq!(count, 2_000);
}

#[test]
fn a_continuation_flood_ends() {
    for fragment in [&b""[..], b"\x00\x01a\x01b"] {
        let mut bench = Bench::server(Config::default());
        bench.begin_headers(1, &get(""), true);
        let (count, because) = flood(&mut bench, 1_000, |bench, _| bench.continuation(1, fragment, false));
        assert_eq!((count, because), (32, "h2-continuation-flood"));
    }
}

#[test]
fn a_header_block_has_a_size() {
    let mut bench = Bench::server(Config::default());
    bench.begin_headers(1, &get(""), true);
    let mut field = vec![0, 1, b'a'];
    string(&[b'v'; 16_000], &mut field);
    let (count, because) = flood(&mut bench, 100, |bench, _| bench.continuation(1, &field, false));
    assert_eq!((count, because), (4, "h2-header-block-size"));
}

/// The entry of 4 KiB is in the table once, and named again and again.
fn bomb(times: usize) -> Vec<u8> {
    let mut block = get("");
    block.extend(b"\x40\x01a");
    string(&[b'v'; 3_900], &mut block);
    block.extend(std::iter::repeat_n(0xbe, times));
    block
}

#[test]
fn header_sections_that_are_too_large_are_answered_431() {
    let mut many = get("");
    (0..300).for_each(|_| many.extend(b"\0\x01a\x01b"));
    for (block, end_stream) in [(bomb(10_000), true), (bomb(100), false), (many, true)] {
        let mut bench = Bench::server(Config::default());
        bench.headers(1, &block, end_stream);
        bench.headers(3, &get(""), true);
        assert_eq!(bench.events().len(), 2, "the next request is served");
        let mut expected = vec![Wrote::Headers(1, vec![":status: 431".into(), "content-length: 0".into()], true)];
        if !end_stream {
            expected.push(Wrote::Reset(1, Code::NO_ERROR));
        }
        assert_eq!(bench.wrote(), expected);
        let fault = bench.engine.poll_fault().expect("a fault");
        assert_eq!(fault.rule.name, "h2-header-list-size");
        assert!(fault.otherwise.is_some());
    }
    let mut bench = Bench::server(Config::default());
    bench.headers(1, &bomb(10), true);
    assert_eq!(bench.events().len(), 2);
}

#[test]
fn bombs_are_counted() {
    let mut bench = Bench::server(tight());
    let (count, because) = flood(&mut bench, 100, |bench, count| bench.headers(2 * count + 1, &bomb(1_000), true));
    assert_eq!((count, because), (20, "h2-provoked-reset"));
}

#[test]
fn trailers_that_are_too_many_lose_the_stream() {
    let mut bench = Bench::server(Config::default());
    bench.headers(1, &post(""), false);
    let trailers: Vec<u8> = b"\0\x03x-t\x01a".repeat(2_000);
    bench.headers(1, &trailers, true);
    assert_eq!(bench.events(), ["1 request POST http://a.test/ Unknown", "1 reset Excessive"]);
}

#[test]
fn content_in_crumbs_loses_the_stream_unless_it_is_taken() {
    let config = || Config { received_pieces_max: 50, ..Config::default() };
    let mut bench = Bench::server(config());
    bench.headers(1, &post(""), false);
    for _ in 0..51 {
        bench.data(1, b"x", false);
    }
    assert_eq!(bench.events().last().map(String::as_str), Some("1 reset Excessive"));
    assert_eq!(bench.engine.poll_fault().expect("a fault").rule.name, "h2-tiny-data");

    let mut bench = Bench::server(config());
    bench.headers(1, &post(""), false);
    for _ in 0..500 {
        bench.data(1, b"x", false);
        bench.events();
        bench.engine.consume(wirelight_proto::StreamId(1), 1);
    }
    assert!(bench.engine.poll_fault().is_none());
}

#[test]
fn padding_alone_is_empty() {
    let mut bench = Bench::server(tight());
    bench.headers(1, &post(""), false);
    let (count, because) = flood(&mut bench, 100, |bench, _| {
        bench.frame(Frame::Data(Data { stream: 1, end_stream: false, content: b"", padding: Some(200) }));
    });
    assert_eq!((count, because), (20, "h2-empty-flood"));
}

#[test]
fn answers_that_nobody_takes_are_not_piled_up() {
    let mut bench = Bench::server(Config {
        control_bytes_max: 1_000,
        budgets: Budgets { ping: Budget { burst: u32::MAX, per_second: 0 }, ..Budgets::default() },
        ..Config::default()
    });
    let mut input = wirelight_proto::Incoming::new();
    for _ in 0..10_000 {
        let mut bytes = Vec::new();
        Frame::Ping(wirelight_proto::h2::frame::Ping { ack: false, payload: [1; 8] }).write(&mut bytes);
        input.extend(&bytes);
    }
    let now = bench.now;
    assert!(bench.engine.poll_event(&mut input, now).unwrap().is_none());
    assert!(!bench.engine.wants_read());
    assert!(input.len() > 9_000 * 17, "{}", input.len());
    assert!(bench.wrote().len() < 100);
    assert!(bench.engine.wants_read());
}
