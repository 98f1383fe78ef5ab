//! Packets of every link type, whole, cut and broken.

use std::time::Duration;

use etherparse::PacketBuilder;
use wirelight_capture::{Carries, Flags, Link, Options, Packet, Unread};

fn ip_of(payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).tcp(1234, 80, 42, 500).psh().ack(99);
    let mut packet = Vec::new();
    builder.write(&mut packet, payload).unwrap();
    packet
}

#[test]
fn every_link_type_is_read() {
    let ip = ip_of(b"hello");
    let prefixed = |prefix: &[u8]| [prefix, &ip].concat();
    let cases = [
        (Link::Ip, ip.clone()),
        (Link::Ethernet, prefixed(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0])),
        (Link::LinuxCooked, prefixed(&[0, 0, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0])),
        (Link::LinuxCooked2, prefixed(&[8, 0, 0, 0, 0, 0, 0, 1, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0])),
        (Link::Null, prefixed(&[2, 0, 0, 0])),
    ];
    for (link, bytes) in cases {
        assert_eq!(Link::from_number(link.number()), Some(link));
        let packet = Packet::read(link, &bytes, bytes.len(), Duration::from_secs(7)).unwrap();
        assert_eq!((packet.from.to_string(), packet.to.to_string()), ("10.0.0.1:1234".into(), "10.0.0.2:80".into()));
        let Carries::Tcp(segment) = packet.carries else { panic!("{link:?}: not TCP") };
        assert_eq!((segment.sequence, segment.acknowledged, segment.window), (42, Some(99), 500));
        assert_eq!(segment.flags, Flags { psh: true, ..Flags::default() });
        assert_eq!((&segment.data[..], segment.length), (&b"hello"[..], 5), "{link:?}");
    }
}

#[test]
fn options_of_a_syn() {
    let options = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 9];
    let builder = PacketBuilder::ipv6([1; 16], [2; 16], 64).tcp(1, 2, 3, 4).syn().options_raw(&options).unwrap();
    let mut bytes = Vec::new();
    builder.write(&mut bytes, &[]).unwrap();
    let packet = Packet::read(Link::Ip, &bytes, bytes.len(), Duration::ZERO).unwrap();
    let Carries::Tcp(segment) = packet.carries else { panic!("not TCP") };
    let expected = Options { segment_bytes_max: Some(1460), window_scale: Some(9), selective: true, timestamps: true };
    assert_eq!(segment.options, expected);
}

#[test]
fn what_was_cut_off_is_still_counted() {
    let whole = ip_of(&[b'x'; 100]);
    let packet = Packet::read(Link::Ip, &whole[..60], whole.len(), Duration::ZERO).unwrap();
    let Carries::Tcp(segment) = packet.carries else { panic!("not TCP") };
    assert_eq!((segment.data.len(), segment.length), (20, 100));
}

#[test]
fn datagrams() {
    let mut bytes = Vec::new();
    PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(53, 5353).write(&mut bytes, b"name").unwrap();
    let packet = Packet::read(Link::Ip, &bytes, bytes.len(), Duration::ZERO).unwrap();
    assert_eq!(packet.carries, Carries::Udp { data: bytes::Bytes::from_static(b"name"), length: 4 });
}

#[test]
fn what_cannot_be_read_says_why() {
    let whole = ip_of(b"hello");
    for length in 0..40 {
        let cut = Packet::read(Link::Ip, &whole[..length], length, Duration::ZERO);
        assert!(matches!(cut, Err(Unread::Malformed(_) | Unread::Other)), "{length} bytes: {cut:?}");
    }
    let mut fragment = whole.clone();
    fragment[6] = 0x20;
    assert_eq!(Packet::read(Link::Ip, &fragment, fragment.len(), Duration::ZERO), Err(Unread::Fragment));
    let mut icmp = whole;
    icmp[9] = 1;
    assert_eq!(Packet::read(Link::Ip, &icmp, icmp.len(), Duration::ZERO), Err(Unread::Other));
}
