//! Capture files: what is written is read again, by us and by others.

use std::process::Command;
use std::time::Duration;

use etherparse::PacketBuilder;
use wirelight_capture::Link;
use wirelight_capture::capture_file::{Captured, Entry, Fault, Reader, Writer};

fn captured(at: Duration, payload: &[u8]) -> Captured {
    let mut bytes = Vec::new();
    let builder = PacketBuilder::ipv4([127, 0, 0, 1], [127, 0, 0, 1], 64).tcp(50_000, 8080, 1, 500).psh().ack(1);
    builder.write(&mut bytes, payload).unwrap();
    Captured { link: Link::Ip.number(), at, length: bytes.len(), bytes }
}

fn all(bytes: &[u8]) -> Result<Vec<Entry>, Fault> {
    let mut reader = Reader::new(bytes);
    let mut entries = Vec::new();
    while let Some(entry) = reader.next_entry()? {
        entries.push(entry);
    }
    Ok(entries)
}

fn written(packets: &[Captured]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), Link::Ip, "lo", 262_144).unwrap();
    writer.secrets(b"CLIENT_RANDOM 00 11\n").unwrap();
    for packet in packets {
        writer.packet(packet).unwrap();
    }
    writer.into_inner()
}

#[test]
fn what_is_written_is_read_again() {
    let packets = [
        captured(Duration::new(1_795_000_000, 123_456_789), b"GET / HTTP/1.1\r\n\r\n"),
        Captured { length: 9000, ..captured(Duration::new(1_795_000_001, 0), b"odd") },
    ];
    let mut expected = vec![Entry::Secrets(b"CLIENT_RANDOM 00 11\n".to_vec())];
    expected.extend(packets.clone().map(Entry::Packet));
    assert_eq!(all(&written(&packets)).unwrap(), expected);
}

#[test]
fn a_file_takes_packets_of_one_kind() {
    let mut writer = Writer::new(Vec::new(), Link::Ethernet, "eth0", 0).unwrap();
    let refused = writer.packet(&captured(Duration::ZERO, b"")).unwrap_err();
    assert_eq!(refused.to_string(), "a packet of link type 101 in a file of 1");
}

#[test]
fn the_older_format_is_read_in_both_orders() {
    let packet = captured(Duration::new(5, 7000), b"hello");
    let length = packet.bytes.len() as u32;
    for (magic, is_big) in [(0xa1b2_c3d4_u32, false), (0xa1b2_c3d4, true)] {
        let number = |number: u32| if is_big { number.to_be_bytes() } else { number.to_le_bytes() };
        let mut file = number(magic).to_vec();
        file.extend_from_slice(if is_big { &[0, 2, 0, 4] } else { &[2, 0, 4, 0] });
        for value in [0, 0, 65_535, 101, 5, 7, length, length] {
            file.extend_from_slice(&number(value));
        }
        file.extend_from_slice(&packet.bytes);
        assert_eq!(all(&file).unwrap(), [Entry::Packet(packet.clone())]);
    }
}

#[test]
fn what_is_broken_says_where() {
    let whole = written(&[captured(Duration::ZERO, b"hello")]);
    assert_eq!(all(b"").unwrap_err().to_string(), "it is neither a pcapng nor a pcap file");
    assert_eq!(all(b"GET / HTTP/1.1\r\n\r\n").unwrap_err().to_string(), "it is neither a pcapng nor a pcap file");
    for length in 1..whole.len() {
        // Wherever it is cut, it ends early or says so, and nothing is made up.
        match all(&whole[..length]) {
            Ok(entries) => assert!(entries.len() < 2, "{length} bytes"),
            Err(fault) => assert!(matches!(fault, Fault::CutOff(_) | Fault::Foreign), "{length} bytes: {fault}"),
        }
    }
    let mut lying = whole.clone();
    let last = lying.len() - 4;
    lying[last] ^= 4;
    assert!(all(&lying).unwrap_err().to_string().ends_with("a block's two lengths differ"));
    let mut long = whole;
    long[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(all(&long).unwrap_err().to_string().starts_with("at byte 0: "));
}

#[test]
fn tcpdump_reads_what_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pcapng");
    std::fs::write(&path, written(&[captured(Duration::new(1_795_000_000, 123_456_789), b"hello")])).unwrap();
    let mut command = Command::new("tcpdump");
    command.args(["-n", "-tt", "--nano", "-r"]).arg(&path).env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin");
    let output = command.output().expect("tcpdump is installed");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.starts_with("1795000000.123456789 IP 127.0.0.1.50000 > 127.0.0.1.8080: Flags [P.], seq 1:6, ack 1"),
        "{said} {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
