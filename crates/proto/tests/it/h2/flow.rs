//! Windows in both directions, priorities, and streams that stall beside streams that do not.

use bytes::Bytes;
use http::{HeaderMap, Response};
use wirelight_proto::h2::frame::{Data, Frame, PriorityUpdate};
use wirelight_proto::h2::{Code, Config};
use wirelight_proto::{Connection as _, Length, Part, StreamId};

use super::peer::{Bench, Wrote, get, post};

const INITIAL_WINDOW: u16 = 4;

/// The content that was written, by frame.
fn content(wrote: &[Wrote]) -> Vec<(u32, usize, bool)> {
    wrote
        .iter()
        .filter_map(|wrote| match wrote {
            Wrote::Data(stream, content, end) => Some((*stream, content.len(), *end)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_window_lets_out_what_it_has_room_for() {
    let mut bench = Bench::server_with(Config::default(), &[(INITIAL_WINDOW, 10)]);
    bench.headers(1, &get(""), true);
    bench.events();
    bench.respond(1, &[b'x'; 25]);
    assert_eq!(content(&bench.wrote()), [(1, 10, false)]);
    bench.window(1, 10);
    bench.events();
    assert_eq!(content(&bench.wrote()), [(1, 10, false)]);
    bench.settings(&[(INITIAL_WINDOW, 20)]);
    bench.events();
    assert_eq!(content(&bench.wrote()), [(1, 5, true)]);
    assert!(bench.engine.is_idle());
}

#[test]
fn a_window_that_shrinks_has_to_grow_above_nothing_again() {
    let mut bench = Bench::server_with(Config::default(), &[(INITIAL_WINDOW, 10)]);
    bench.headers(1, &get(""), true);
    bench.events();
    bench.respond(1, &[b'x'; 15]);
    assert_eq!(content(&bench.wrote()), [(1, 10, false)]);
    bench.settings(&[(INITIAL_WINDOW, 0)]);
    bench.window(1, 10);
    bench.events();
    assert_eq!(content(&bench.wrote()), []);
    bench.window(1, 5);
    bench.events();
    assert_eq!(content(&bench.wrote()), [(1, 5, true)]);
}

#[test]
fn the_connection_window_holds_back_all_streams() {
    let mut bench = Bench::server_with(Config::default(), &[(INITIAL_WINDOW, 1 << 20)]);
    for stream in [1, 3] {
        bench.headers(stream, &get(""), true);
        bench.events();
        bench.respond(stream, &[b'x'; 60_000]);
    }
    let sent: usize = content(&bench.wrote()).iter().map(|(_, length, _)| length).sum();
    assert_eq!(sent, 65_535);
    bench.headers(5, &get(""), true);
    bench.events();
    let (parts, ()) = Response::new(()).into_parts();
    bench.send(5, Part::response(parts, Length::Known(0)));
    bench.end(5);
    assert!(matches!(&bench.wrote()[..], [Wrote::Headers(5, _, true)]), "a head needs no window");
    bench.window(0, 100_000);
    bench.events();
    let sent: usize = content(&bench.wrote()).iter().map(|(_, length, _)| length).sum();
    assert_eq!(sent, 120_000 - 65_535);
}

#[test]
fn an_end_needs_no_window() {
    let mut bench = Bench::server_with(Config::default(), &[(INITIAL_WINDOW, 0)]);
    bench.headers(1, &get(""), true);
    bench.events();
    let (parts, ()) = Response::new(()).into_parts();
    bench.send(1, Part::response(parts, Length::Unknown));
    bench.end(1);
    assert_eq!(content(&bench.wrote()), [(1, 0, true)]);
}

#[test]
fn whoever_found_no_room_is_told_of_it() {
    let config = Config { queue_bytes_max: 100, ..Config::default() };
    let mut bench = Bench::server_with(config, &[(INITIAL_WINDOW, 150)]);
    bench.headers(1, &get(""), true);
    bench.events();
    assert_eq!(bench.engine.capacity(StreamId(1)), 100);
    bench.begin_response(1, &[b'x'; 100]);
    assert_eq!(bench.engine.capacity(StreamId(1)), 0);
    assert_eq!(content(&bench.wrote()), [(1, 100, false)]);
    assert_eq!(bench.events(), ["1 writable"]);
    assert_eq!(bench.engine.capacity(StreamId(1)), 50);
    bench.send(1, Part::Content(Bytes::from_static(&[b'x'; 50])));
    bench.wrote();
    assert!(bench.events().is_empty(), "the window is shut");
    bench.window(1, 1);
    assert_eq!(bench.events(), ["1 writable"]);
    bench.send(1, Part::Content(Bytes::from_static(&[b'x'; 80])));
    bench.end(1);
    assert_eq!(content(&bench.wrote()), [(1, 1, false)]);
    bench.window(1, 79);
    assert!(bench.events().is_empty());
    assert_eq!(content(&bench.wrote()), [(1, 79, true)]);
}

#[test]
fn one_that_stalls_does_not_slow_its_siblings() {
    let mut bench = Bench::server_with(Config::default(), &[(INITIAL_WINDOW, 1_000)]);
    bench.window(0, 1 << 24);
    bench.headers(1, &get(""), true);
    bench.headers(3, &get(""), true);
    bench.events();
    bench.begin_response(1, &vec![b'x'; 100_000]);
    bench.begin_response(3, b"");
    bench.wrote();
    // The first stream's window stays shut; the second one's is opened as it is used.
    for round in 0..200 {
        bench.send(3, Part::Content(Bytes::from_static(&[b'y'; 1_000])));
        assert_eq!(content(&bench.wrote()), [(3, 1_000, false)], "round {round}");
        bench.window(3, 1_000);
        bench.events();
    }
}

#[test]
fn a_request_that_nobody_reads_does_not_slow_its_siblings() {
    let mut bench = Bench::server(Config { stream_window_bytes_max: 0, ..Config::default() });
    bench.headers(1, &post(""), false);
    bench.headers(3, &post(""), false);
    for _ in 0..4 {
        bench.data(1, &[b'x'; 16_000], false);
    }
    bench.events();
    let mut granted = 64 * 1024;
    for round in 0..1_000 {
        assert!(granted >= 16_000, "round {round}");
        bench.data(3, &[b'y'; 16_000], false);
        assert_eq!(bench.events().len(), 1, "round {round}");
        granted -= 16_000;
        bench.engine.consume(StreamId(3), 16_000);
        for wrote in bench.wrote() {
            match wrote {
                Wrote::WindowUpdate(3, increment) => granted += increment,
                Wrote::WindowUpdate(0, _) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn content_beyond_a_window_is_a_fault() {
    let mut bench = Bench::server(Config { stream_window_bytes: 65_535, ..Config::default() });
    bench.headers(1, &post(""), false);
    for _ in 0..4 {
        bench.data(1, &[b'x'; 16_000], false);
    }
    bench.data(1, &[b'x'; 1_536], false);
    bench.events();
    let wrote = bench.wrote();
    assert!(wrote.contains(&Wrote::Reset(1, Code::FLOW_CONTROL_ERROR)), "{wrote:?}");

    let config = Config { connection_window_bytes: 65_535, received_bytes_max: 65_535, ..Config::default() };
    let mut bench = Bench::server(config);
    for stream in [1, 3] {
        bench.headers(stream, &post(""), false);
        for _ in 0..3 {
            bench.data(stream, &[b'x'; 16_000], false);
        }
    }
    assert_eq!(bench.error(), ("h2-flow-control", Code::FLOW_CONTROL_ERROR));
}

#[test]
fn padding_counts_and_is_given_back() {
    let mut bench = Bench::server(Config { stream_window_bytes_max: 0, ..Config::default() });
    bench.headers(1, &post(""), false);
    bench.events();
    let mut granted = 0;
    for _ in 0..400 {
        bench.frame(Frame::Data(Data { stream: 1, end_stream: false, content: b"x", padding: Some(255) }));
        assert_eq!(bench.events(), ["1 content x"]);
        bench.engine.consume(StreamId(1), 1);
        for wrote in bench.wrote() {
            if let Wrote::WindowUpdate(1, increment) = wrote {
                granted += increment;
            }
        }
    }
    assert!(granted >= 32 * 1024, "{granted}");
}

#[test]
fn what_is_dropped_is_given_back_to_the_connection() {
    let config = Config { received_bytes_max: 1 << 20, ..Config::default() };
    let mut bench = Bench::server(config);
    let mut granted = 0u32;
    let mut sent = 0u32;
    for stream in (1..2_000).step_by(2) {
        bench.headers(stream, &post(""), false);
        bench.data(stream, &[b'x'; 10_000], false);
        sent += 10_000;
        assert_eq!(bench.events().len(), 2);
        // Nobody takes the content.
        bench.respond(stream, b"no");
        for wrote in bench.wrote() {
            if let Wrote::WindowUpdate(0, increment) = wrote {
                granted += increment;
            }
        }
        bench.events();
    }
    assert!(granted + 1024 * 1024 >= sent, "{granted} of {sent}");
}

#[test]
fn windows_grow_with_what_a_round_trip_carries() {
    let config = Config { stream_window_bytes: 65_535, connection_window_bytes: 65_535, ..Config::default() };
    let mut bench = Bench::server(config);
    bench.headers(1, &post(""), false);
    let mut windows = Vec::new();
    let mut open = [65_535i64; 2];
    let mut asked = None;
    for _ in 0..2_000 {
        while open.iter().all(|open| *open >= 8_000) && open[0] > 0 {
            bench.data(1, &[b'x'; 8_000], false);
            open = open.map(|open| open - 8_000);
        }
        if let Some(payload) = asked.take() {
            bench.ping(true, payload);
        }
        for event in bench.events() {
            assert!(event.starts_with("1 "));
        }
        bench.engine.consume(StreamId(1), 1 << 20);
        for wrote in bench.wrote() {
            match wrote {
                Wrote::Ping(false, payload) => asked = Some(payload),
                Wrote::WindowUpdate(stream, increment) => open[stream as usize] += i64::from(increment),
                Wrote::Settings(settings) => {
                    let window = settings[0].1;
                    open[1] += i64::from(window) - i64::from(windows.last().copied().unwrap_or(65_535));
                    windows.push(window);
                    bench.frame(Frame::SettingsAck);
                }
                _ => {}
            }
        }
    }
    assert_eq!(windows.last(), Some(&(2 * 1024 * 1024)), "{windows:?}");
    assert!(windows.is_sorted(), "{windows:?}");
}

#[test]
fn the_urgent_leave_first() {
    let mut bench = Bench::server_with(Config::default(), &[(INITIAL_WINDOW, 1 << 20)]);
    bench.window(0, 1 << 24);
    for (stream, priority) in [(1, "priority: u=5"), (3, "priority: u=1"), (5, "priority: u=3, i"), (7, "priority: i")]
    {
        bench.headers(stream, &get(priority), true);
    }
    bench.frame(Frame::PriorityUpdate(PriorityUpdate { prioritized: 9, value: b"u=0" }));
    bench.headers(9, &get("priority: u=7"), true);
    bench.frame(Frame::PriorityUpdate(PriorityUpdate { prioritized: 3, value: b"u=6" }));
    bench.events();
    let mut send = |stream: u64| {
        let (parts, ()) = Response::new(()).into_parts();
        bench.send(stream as u32, Part::response(parts, Length::Unknown));
        bench.send(stream as u32, Part::Content(Bytes::from(vec![b'x'; 32_768])));
        bench.send(stream as u32, Part::End(HeaderMap::new()));
    };
    [1, 3, 5, 7, 9].into_iter().for_each(&mut send);
    let order: Vec<u32> = content(&bench.wrote()).iter().map(|(stream, ..)| *stream).collect();
    assert_eq!(order, [9, 9, 5, 7, 5, 7, 1, 1, 3, 3]);
}
