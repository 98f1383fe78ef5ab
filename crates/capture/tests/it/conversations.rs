//! Conversations on the wire, and the sentence for each event.

use wirelight_capture::Direction::{self, ToClient, ToServer};
use wirelight_capture::{Ended, Limits, Step};

use crate::cable::{Cable, Sent};

/// Each event as it is told.
fn told(step: &Step) -> Vec<String> {
    step.events.iter().map(ToString::to_string).collect()
}

fn delivered(steps: &[Step], direction: Direction) -> Vec<u8> {
    let ours = steps.iter().filter(|step| step.direction == direction);
    ours.flat_map(|step| step.delivered.iter().flat_map(|(_, data)| data.to_vec())).collect()
}

#[test]
fn a_connection_is_told_from_its_syn_to_its_end() {
    let script = [
        (
            Sent::syn(ToServer),
            "SYN",
            "asks for a connection; takes 65495 bytes unasked; segments of at most 65495 bytes; windows count in 128 \
             bytes; selective acknowledgement; timestamps",
        ),
        (
            Sent::syn(ToClient),
            "SYN, ACK",
            "agrees after 0.250 ms; takes 65495 bytes unasked; segments of at most 65495 bytes; windows count in 128 \
             bytes; selective acknowledgement; timestamps",
        ),
        (
            Sent::new(ToServer, 0, 0, b""),
            "ACK",
            "the connection stands after 0.500 ms; the client answered after 0.250 ms",
        ),
        (Sent::new(ToServer, 0, 0, b"GET"), "PSH, ACK", "bytes 0 to 2"),
        (Sent::new(ToClient, 0, 3, b""), "ACK", "has all before byte 3, 0.250 ms after it was sent"),
        (
            Sent::new(ToClient, 0, 3, b"200 OK").fin(),
            "FIN, PSH, ACK",
            "bytes 0 to 5|has no more to send, after 6 bytes",
        ),
        (Sent::new(ToServer, 3, 7, b""), "ACK", "has all before byte 6, 0.250 ms after it was sent"),
        (Sent::new(ToServer, 3, 7, b"").fin(), "FIN, ACK", "has no more to send, after 3 bytes"),
        (Sent::new(ToClient, 7, 4, b""), "ACK", "both sides have finished: the connection is closed"),
    ];
    let mut cable = Cable::new();
    for (sent, flags, sentences) in script {
        let step = cable.send(sent);
        assert_eq!(step.flags_in_words(), flags);
        assert_eq!(told(&step).join("|"), sentences);
    }
    let summary = cable.connections.connection(1).unwrap().summary();
    assert_eq!(summary.ended, Some(Ended::Closed(ToClient)));
    assert_eq!(summary.bytes, (3, 6));
    assert_eq!(
        summary.to_string(),
        "127.0.0.1:50000 to 127.0.0.1:8080, closed; the server finished first, after 2.000 ms\n\
         3 bytes to the server and 6 to the client in 9 segments\n\
         the handshake took 0.500 ms; data was confirmed after 0.250 ms (mean 0.250 ms, at most 0.250 ms)"
    );
}

#[test]
fn what_came_out_of_order_is_handed_on_in_order() {
    let mut cable = Cable::new();
    cable.open();
    let steps = [
        cable.send(Sent::new(ToServer, 4, 0, b"4567")),
        cable.send(Sent::new(ToServer, 0, 0, b"0123")),
        cable.send(Sent::new(ToServer, 2, 0, b"234567")),
        cable.send(Sent::new(ToServer, 8, 0, b"89")),
    ];
    assert_eq!(told(&steps[0]), ["bytes 4 to 7, ahead of 4 bytes that were not seen"]);
    assert_eq!(told(&steps[1]), ["bytes 0 to 3, which were missing"]);
    assert_eq!(told(&steps[2]), ["bytes 2 to 7 again after 0.500 ms"]);
    assert_eq!(delivered(&steps, ToServer), b"0123456789");
}

#[test]
fn losses_are_seen_from_both_sides() {
    let mut cable = Cable::new();
    cable.open();
    cable.send(Sent::new(ToClient, 0, 0, b"abc"));
    cable.send(Sent::new(ToClient, 3, 0, b"def"));
    assert_eq!(
        told(&cable.send(Sent::new(ToServer, 0, 3, b""))),
        ["has all before byte 3, 0.500 ms after it was sent"]
    );
    assert_eq!(
        told(&cable.send(Sent::new(ToServer, 0, 3, b""))),
        ["still has all before byte 3 and no more (said again, 1)"]
    );
    assert_eq!(told(&cable.send(Sent::new(ToClient, 3, 0, b"def"))), ["bytes 3 to 5 again after 0.750 ms"]);
    // Which of the two was confirmed cannot be told, so neither can the time (RFC 6298, section 3).
    assert_eq!(told(&cable.send(Sent::new(ToServer, 0, 6, b""))), ["has all before byte 6"]);
    assert_eq!(cable.connections.connection(1).unwrap().summary().retransmissions, (0, 1));
}

#[test]
fn windows_and_questions() {
    let mut cable = Cable::new();
    cable.open();
    cable.send(Sent::new(ToClient, 0, 0, b"ab"));
    let closed = Sent::new(ToServer, 0, 2, b"").with(|segment| segment.window = 0);
    assert_eq!(
        told(&cable.send(closed)),
        ["has all before byte 2, 0.250 ms after it was sent", "takes nothing for now: its window is 0"]
    );
    let question = Sent::new(ToClient, 1, 0, b"");
    assert_eq!(told(&cable.send(question)), ["asks whether the other side is still there"]);
    assert_eq!(told(&cable.send(Sent::new(ToServer, 0, 2, b""))), ["takes 64000 bytes again"]);
}

#[test]
fn ends_that_are_not_orderly() {
    let mut cable = Cable::new();
    cable.open();
    assert_eq!(told(&cable.send(Sent::new(ToServer, 0, 0, b"").rst())), ["breaks the connection off"]);
    let summary = cable.connections.connection(1).unwrap().summary();
    assert_eq!(summary.ended, Some(Ended::Reset(ToServer)));

    let mut cable = Cable::new();
    cable.send(Sent::syn(ToServer));
    assert_eq!(told(&cable.send(Sent::syn(ToServer))), ["asks again after 0.250 ms: nobody has answered"]);
    let refusal = Sent::new(ToClient, 0, 0, b"").rst();
    assert_eq!(told(&cable.send(refusal)), ["refuses the connection: nobody listens there"]);
    assert_eq!(cable.connections.all().len(), 1);
    // The ports are used again: that is another connection.
    assert_eq!(cable.send(Sent::syn(ToServer)).connection, 2);
}

#[test]
fn a_connection_that_was_open_before_is_joined() {
    let mut cable = Cable::new();
    let step = cable.send(Sent::new(ToClient, 1000, 500, b"later"));
    assert_eq!(told(&step), ["the connection was open before the capture began", "bytes 0 to 4"]);
    assert_eq!(step.direction, ToClient, "8080 is known as a server's port");
    let step = cable.send(Sent::new(ToServer, 500, 1005, b"more"));
    assert_eq!(told(&step), ["has all before byte 5, 0.250 ms after it was sent", "bytes 0 to 3"]);
}

#[test]
fn what_was_not_captured_is_counted_and_passed_over() {
    let mut cable = Cable::new();
    cable.connections = wirelight_capture::Connections::new(Limits { ahead_bytes_max: 6, ..Limits::default() }, vec![]);
    cable.open();
    let steps = [
        cable.send(Sent::new(ToServer, 0, 0, b"ab")),
        cable.send(Sent::new(ToServer, 12, 0, b"mnop")),
        cable.send(Sent::new(ToServer, 16, 0, b"qrst")),
        cable.send(Sent::new(ToServer, 20, 0, b"uv").with(|segment| segment.length = 10)),
        cable.send(Sent::new(ToServer, 30, 0, b"z")),
    ];
    assert_eq!(delivered(&steps, ToServer), b"abmnopqrstuvz");
    assert_eq!(steps[4].delivered, [(30, bytes::Bytes::from_static(b"z"))]);
    assert_eq!(cable.connections.connection(1).unwrap().summary().missed_bytes, 10 + 8);
}

#[test]
fn the_connection_that_was_silent_longest_is_forgotten_first() {
    use std::time::Duration;
    use wirelight_capture::{Carries, Connections, Flags, Options, Packet, Segment};
    let mut connections = Connections::new(Limits { connections_max: 2, ..Limits::default() }, vec![]);
    let mut ask = |port: u16, seconds: u64| {
        let flags = Flags { syn: true, ..Flags::default() };
        let segment = Segment {
            sequence: 1,
            acknowledged: None,
            flags,
            window: 1,
            options: Options::default(),
            data: bytes::Bytes::new(),
            length: 0,
        };
        let from = ([127, 0, 0, 1], port).into();
        let to = ([127, 0, 0, 1], 80).into();
        let packet = Packet { at: Duration::from_secs(seconds), from, to, carries: Carries::Tcp(segment) };
        connections.hear(&packet).1.map(|forgotten| forgotten.client().port())
    };
    assert_eq!([ask(1001, 1), ask(1002, 2), ask(1001, 3), ask(1003, 4)], [None, None, None, Some(1002)]);
}
