//! One packet, read: which addresses, and the TCP segment or UDP datagram that it carries.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use etherparse::{LaxNetSlice, LaxSlicedPacket, TcpOptionElement, TcpSlice, TransportSlice};

/// What a captured packet begins with, as capture files name it (their `LINKTYPE_` values).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Link {
    /// An Ethernet header: 1.
    Ethernet,
    /// An IP header: 101.
    Ip,
    /// The header of a capture on every interface of Linux: 113.
    LinuxCooked,
    /// The same in its second version: 276.
    LinuxCooked2,
    /// Four bytes that name the protocol, as BSD's loopback has them: 0.
    Null,
}

impl Link {
    /// The link type of that number, if packets of it can be read here.
    pub fn from_number(number: u16) -> Option<Self> {
        [Self::Ethernet, Self::Ip, Self::LinuxCooked, Self::LinuxCooked2, Self::Null]
            .into_iter()
            .find(|link| link.number() == number)
    }

    /// Its number in a capture file.
    pub fn number(self) -> u16 {
        match self {
            Self::Null => 0,
            Self::Ethernet => 1,
            Self::Ip => 101,
            Self::LinuxCooked => 113,
            Self::LinuxCooked2 => 276,
        }
    }
}

/// A packet that carries TCP or UDP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// When it was seen, since 1970 in UTC.
    pub at: Duration,
    /// Who sent it.
    pub from: SocketAddr,
    /// Who is to have it.
    pub to: SocketAddr,
    /// What it carries.
    pub carries: Carries,
}

/// What a packet carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carries {
    /// A segment of a TCP connection (RFC 9293).
    Tcp(Segment),
    /// A datagram (RFC 768): what was captured of it, and how long it was.
    Udp {
        /// What was captured.
        data: Bytes,
        /// How long it was, in bytes.
        length: usize,
    },
}

/// A TCP segment (RFC 9293, section 3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The sequence number of its first byte.
    pub sequence: u32,
    /// The next byte that its sender expects, where the ACK flag is set.
    pub acknowledged: Option<u32>,
    /// The other flags.
    pub flags: Flags,
    /// The window as it stands in the header, not scaled.
    pub window: u16,
    /// The options that are understood here.
    pub options: Options,
    /// What was captured of its data.
    pub data: Bytes,
    /// How long its data was, in bytes.
    pub length: usize,
}

/// The flags of a segment, but for ACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// It begins a connection.
    pub syn: bool,
    /// Its sender has no more to send.
    pub fin: bool,
    /// Its sender knows of no such connection, or no longer wants it.
    pub rst: bool,
    /// Its data is to be handed on at once.
    pub psh: bool,
}

/// The options of a segment (RFC 9293, section 3.1; RFC 7323; RFC 2018).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// The longest segment that the sender takes, in bytes.
    pub segment_bytes_max: Option<u16>,
    /// By how many bits windows are shifted.
    pub window_scale: Option<u8>,
    /// Whether the sender can say which later data it has.
    pub selective: bool,
    /// Whether it carries timestamps.
    pub timestamps: bool,
}

/// Why a packet was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// It carries neither TCP nor UDP over IP.
    Other,
    /// It is a fragment of a longer packet, of which TCP makes no use.
    Fragment,
    /// It contradicts itself, in words.
    Malformed(String),
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other => f.write_str("it carries neither TCP nor UDP"),
            Self::Fragment => f.write_str("it is a fragment"),
            Self::Malformed(because) => f.write_str(because),
        }
    }
}

impl Packet {
    /// Reads what was captured, of `length` bytes on the wire, at `at` since 1970.
    pub fn read(link: Link, captured: &[u8], length: usize, at: Duration) -> Result<Self, Unread> {
        let sliced = slice(link, captured)?;
        let (from, to): (IpAddr, IpAddr) = match &sliced.net {
            Some(LaxNetSlice::Ipv4(ip)) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
            Some(LaxNetSlice::Ipv6(ip)) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
            _ => return Err(Unread::Other),
        };
        let payload = sliced.ip_payload().ok_or(Unread::Other)?;
        if payload.fragmented {
            return Err(Unread::Fragment);
        }
        // What the file or the socket left out was at the end, and so belongs to the data.
        let cut = length.saturating_sub(captured.len());
        let (ports, carries) = match &sliced.transport {
            Some(TransportSlice::Tcp(tcp)) => {
                ((tcp.source_port(), tcp.destination_port()), Carries::Tcp(Segment::read(tcp, cut)))
            }
            Some(TransportSlice::Udp(udp)) => {
                let data = Bytes::copy_from_slice(udp.payload());
                let length = data.len() + cut;
                ((udp.source_port(), udp.destination_port()), Carries::Udp { data, length })
            }
            _ => return Err(stopped(&sliced)),
        };
        Ok(Self { at, from: (from, ports.0).into(), to: (to, ports.1).into(), carries })
    }
}

impl Segment {
    fn read(tcp: &TcpSlice<'_>, cut: usize) -> Self {
        let data = Bytes::copy_from_slice(tcp.payload());
        Self {
            sequence: tcp.sequence_number(),
            acknowledged: tcp.ack().then(|| tcp.acknowledgment_number()),
            flags: Flags { syn: tcp.syn(), fin: tcp.fin(), rst: tcp.rst(), psh: tcp.psh() },
            window: tcp.window_size(),
            options: Options::read(tcp),
            length: data.len() + cut,
            data,
        }
    }
}

impl Options {
    /// Options that are malformed end the list, as they do for the system.
    fn read(tcp: &TcpSlice<'_>) -> Self {
        let mut options = Self::default();
        for option in tcp.options_iterator().map_while(Result::ok) {
            match option {
                TcpOptionElement::MaximumSegmentSize(bytes) => options.segment_bytes_max = Some(bytes),
                TcpOptionElement::WindowScale(bits) => options.window_scale = Some(bits),
                TcpOptionElement::SelectiveAcknowledgementPermitted => options.selective = true,
                TcpOptionElement::Timestamp(..) => options.timestamps = true,
                _ => {}
            }
        }
        options
    }
}

/// Finds the headers. A packet of which only the beginning was captured is read as far as it goes.
fn slice(link: Link, captured: &[u8]) -> Result<LaxSlicedPacket<'_>, Unread> {
    const NULL_BYTES: usize = 4;
    const COOKED_BYTES: usize = 16;
    const COOKED2_BYTES: usize = 20;
    let skipped = match link {
        Link::Ethernet => return LaxSlicedPacket::from_ethernet(captured).map_err(malformed),
        Link::Ip => 0,
        Link::Null => NULL_BYTES,
        Link::LinuxCooked => COOKED_BYTES,
        Link::LinuxCooked2 => COOKED2_BYTES,
    };
    let ip = captured.get(skipped..).ok_or_else(|| malformed("it ends within its first header"))?;
    LaxSlicedPacket::from_ip(ip).map_err(malformed)
}

fn stopped(sliced: &LaxSlicedPacket<'_>) -> Unread {
    sliced.stop_err.as_ref().map_or(Unread::Other, |(error, _)| malformed(error))
}

fn malformed(error: impl fmt::Display) -> Unread {
    Unread::Malformed(error.to_string())
}
