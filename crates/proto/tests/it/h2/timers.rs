//! Deadlines, by an argument for a clock.

use std::time::Duration;

use wirelight_proto::h2::frame::Frame;
use wirelight_proto::h2::{Code, Config, PREFACE};
use wirelight_proto::{Connection as _, Part, Role};

use super::peer::{Bench, Wrote, get, post};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_preface_comes_in_time() {
    for bytes in [&b""[..], b"PRI * HT", PREFACE] {
        let mut bench = Bench::new(Role::Server, Config::default());
        bench.raw(bytes);
        bench.events();
        bench.pass(9 * SECOND);
        bench.events();
        bench.pass(2 * SECOND);
        assert_eq!(bench.error().0, "h2-frame-timeout", "{bytes:?}");
    }
}

#[test]
fn settings_are_acknowledged_in_time() {
    let mut bench = Bench::new(Role::Server, Config::default());
    bench.raw(PREFACE);
    bench.settings(&[]);
    bench.events();
    bench.wrote();
    bench.pass(11 * SECOND);
    assert_eq!(bench.error(), ("h2-settings-timeout", Code::SETTINGS_TIMEOUT));
    let mut bench = Bench::server(Config::default());
    bench.headers(1, &get(""), true);
    bench.events();
    bench.pass(60 * SECOND);
    assert!(bench.events().is_empty());
}

#[test]
fn a_frame_that_begins_where_another_ends_has_a_time_of_its_own() {
    let mut bench = Bench::server(Config::default());
    let ping = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    bench.raw(&ping[..10]);
    for _ in 0..10 {
        bench.events();
        bench.pass(2 * SECOND);
        // All that is read ends within a frame, as it does for long on a busy connection.
        bench.raw(&ping[10..]);
        bench.raw(&ping[..10]);
    }
    assert!(bench.events().is_empty());
    bench.pass(11 * SECOND);
    assert_eq!(bench.error().0, "h2-frame-timeout");
}

#[test]
fn what_was_begun_is_finished_in_time() {
    let begin: [fn(&mut Bench); 3] = [
        |bench| bench.begin_headers(1, &get(""), true),
        |bench| bench.raw(&[0, 0, 9, 1, 4]),
        |bench| bench.raw(&[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2]),
    ];
    for begin in begin {
        let mut bench = Bench::server(Config::default());
        begin(&mut bench);
        bench.events();
        bench.pass(9 * SECOND);
        bench.events();
        bench.pass(2 * SECOND);
        assert_eq!(bench.error(), ("h2-frame-timeout", Code::ENHANCE_YOUR_CALM));
    }
    let mut bench = Bench::server(Config::default());
    for stream in [1, 3, 5] {
        bench.begin_headers(stream, &get(""), true);
        bench.events();
        bench.pass(6 * SECOND);
        bench.continuation(stream, b"", true);
        assert_eq!(bench.events().len(), 2, "each has its own time");
    }
}

#[test]
fn an_idle_connection_closes() {
    let mut bench = Bench::server(Config::default());
    bench.headers(1, &get(""), true);
    bench.events();
    bench.pass(200 * SECOND);
    assert!(bench.events().is_empty(), "a stream is open");
    bench.respond(1, b"x");
    bench.wrote();
    bench.pass(70 * SECOND);
    assert!(bench.wrote().is_empty());
    bench.pass(10 * SECOND);
    assert_eq!(bench.wrote(), [Wrote::GoAway(1, Code::NO_ERROR)]);
    assert!(bench.engine.is_finished());
}

#[test]
fn a_peer_that_is_silent_is_asked() {
    let config = Config { keep_alive_interval: 5 * SECOND, ..Config::default() };
    let mut bench = Bench::server(config);
    bench.headers(1, &get(""), true);
    bench.events();
    // It goes on being silent: it is asked less and less often.
    for wait in [5, 20, 80] {
        bench.pass((wait - 1) * SECOND);
        assert_eq!(bench.wrote(), [], "{wait}");
        bench.pass(SECOND);
        assert_eq!(bench.wrote(), [Wrote::Ping(false, *b"present?")], "{wait}");
        bench.ping(true, *b"present?");
        bench.events();
    }
    // A silence after something else is a new one.
    bench.window(0, 1);
    bench.events();
    bench.pass(5 * SECOND);
    assert_eq!(bench.wrote().len(), 1);
    bench.pass(20 * SECOND);
    assert_eq!(bench.error().0, "h2-keep-alive-timeout");
}

#[test]
fn a_window_that_stays_shut_loses_the_stream() {
    for (window, opened) in [(0, 0), (1, 0), (0, 1)] {
        let mut bench = Bench::server_with(Config::default(), &[(4, window)]);
        bench.headers(1, &get(""), true);
        bench.events();
        bench.respond(1, &[b'x'; 5_000]);
        bench.wrote();
        for _ in 0..61 {
            bench.pass(SECOND);
            if opened > 0 && bench.engine.capacity(wirelight_proto::StreamId(1)) == 0 {
                bench.window(1, opened);
            }
            if bench.events() == ["1 reset Excessive"] {
                break;
            }
        }
        let wrote = bench.wrote();
        assert_eq!(wrote.last(), Some(&Wrote::Reset(1, Code::ENHANCE_YOUR_CALM)), "{window} {opened}");
        assert_eq!(bench.engine.poll_fault().expect("a fault").rule.name, "h2-stalled");
    }
}

#[test]
fn a_connection_window_that_stays_shut_loses_the_streams() {
    let mut bench = Bench::server_with(Config::default(), &[(4, 1 << 20)]);
    for stream in [1, 3] {
        bench.headers(stream, &get(""), true);
        bench.events();
        bench.respond(stream, &[b'x'; 60_000]);
    }
    bench.wrote();
    bench.pass(61 * SECOND);
    assert_eq!(bench.events(), ["3 reset Excessive"]);
}

#[test]
fn one_that_waits_for_its_turn_is_not_blamed() {
    let mut bench = Bench::server_with(Config::default(), &[(4, 1 << 30)]);
    for stream in [1, 3] {
        bench.headers(stream, &get("priority: u=3"), true);
    }
    bench.events();
    bench.begin_response(1, &[b'x'; 65_535]);
    bench.wrote();
    bench.respond(3, &[b'y'; 5_000]);
    for _ in 0..100 {
        bench.pass(SECOND);
        bench.send(1, Part::Content(bytes::Bytes::from_static(&[b'x'; 2_000])));
        bench.window(0, 2_000);
        assert!(bench.events().iter().all(|event| !event.contains("reset")));
        bench.wrote();
    }
}

#[test]
fn a_request_that_does_not_come_loses_its_stream() {
    let mut bench = Bench::server(Config::default());
    bench.headers(1, &post(""), false);
    bench.events();
    bench.pass(20 * SECOND);
    bench.data(1, b"x", false);
    bench.events();
    bench.pass(41 * SECOND);
    assert_eq!(bench.events(), ["1 reset Excessive"]);
    assert_eq!(bench.engine.poll_fault().expect("a fault").rule.name, "h2-abandoned");

    // One that comes, one that is answered, and one whose content the application does not take, stay.
    let mut bench =
        Bench::server(Config { stream_window_bytes: 65_535, stream_window_bytes_max: 0, ..Config::default() });
    for stream in [1, 3, 5] {
        bench.headers(stream, &post(""), false);
    }
    for _ in 0..4 {
        bench.data(5, &[b'x'; 16_000], false);
    }
    bench.data(5, &[b'x'; 1_535], false);
    bench.events();
    bench.begin_response(3, b"x");
    for _ in 0..20 {
        bench.data(1, &[b'x'; 2_000], false);
        assert_eq!(bench.events().len(), 1);
        bench.engine.consume(wirelight_proto::StreamId(1), 2_000);
        bench.pass(10 * SECOND);
    }
    assert!(bench.engine.poll_fault().is_none());
}

#[test]
fn a_drain_does_not_wait_for_a_silent_peer() {
    let mut bench = Bench::server(Config::default());
    bench.headers(1, &get(""), true);
    bench.events();
    bench.shut_down();
    bench.wrote();
    bench.pass(SECOND);
    assert_eq!(bench.wrote(), [Wrote::GoAway(1, Code::NO_ERROR)]);
    assert!(!bench.engine.is_finished(), "a request is answered first");
    bench.respond(1, b"x");
    bench.wrote();
    assert!(bench.engine.is_finished());
}

#[test]
fn zero_switches_a_deadline_off() {
    let config = Config {
        preface_timeout: Duration::ZERO,
        settings_timeout: Duration::ZERO,
        frame_timeout: Duration::ZERO,
        idle_timeout: Duration::ZERO,
        stall_timeout: Duration::ZERO,
        ..Config::default()
    };
    let mut bench = Bench::new(Role::Server, config);
    bench.wrote();
    bench.pass(1_000 * SECOND);
    bench.raw(PREFACE);
    bench.settings(&[]);
    bench.begin_headers(1, &post(""), false);
    bench.events();
    bench.pass(1_000 * SECOND);
    bench.continuation(1, b"", true);
    bench.frame(Frame::SettingsAck);
    assert_eq!(bench.events().len(), 1);
    bench.pass(1_000 * SECOND);
    assert!(bench.events().is_empty() && bench.engine.next_timeout().is_none());
}
