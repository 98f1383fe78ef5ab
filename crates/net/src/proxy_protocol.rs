//! The PROXY protocol, versions 1 and 2: what a proxy says of a connection's ends before its first byte.
//!
//! Strict: what is not exactly as haproxy's document has it is refused, since whoever sent it is trusted to be a proxy
//! and nothing else.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use wirelight_semantics::decision::{Decision, Rule};
use wirelight_service::Clock;

/// What version 2 begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1, its end included.
const LINE_BYTES_MAX: usize = 107;
/// The signature of version 2, and what says how much follows.
const HEADER_BYTES: usize = 16;
/// The most that may follow it: addresses, and what proxies add.
const REST_BYTES_MAX: usize = 2048;

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// A line of text.
    One,
    /// Binary.
    Two,
}

/// The two ends of a connection that a proxy carries on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ends {
    /// Whoever made it.
    pub source: SocketAddr,
    /// Whom it was made to.
    pub destination: SocketAddr,
}

/// What the first bytes of a connection come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// They are not enough.
    Partial,
    /// A header of so many bytes; no ends where the proxy speaks for itself, or of something without addresses.
    Whole(usize, Option<Ends>),
    /// No header.
    Malformed(&'static str),
}

/// Reads a header at the beginning of `bytes`.
pub fn read(bytes: &[u8]) -> Read {
    let common = bytes.len().min(SIGNATURE.len());
    if bytes[..common] == SIGNATURE[..common] {
        return match bytes.len() {
            ..HEADER_BYTES => Read::Partial,
            _ => read_binary(bytes),
        };
    }
    let common = bytes.len().min(6);
    if bytes[..common] != b"PROXY "[..common] {
        return Read::Malformed("it does not begin with PROXY or with the signature of version 2");
    }
    match bytes.iter().take(LINE_BYTES_MAX).position(|byte| *byte == b'\n') {
        Some(end) => match bytes[..end].strip_suffix(b"\r").and_then(|line| std::str::from_utf8(line).ok()) {
            Some(line) => match read_line(&line[6..]) {
                Ok(ends) => Read::Whole(end + 1, ends),
                Err(because) => Read::Malformed(because),
            },
            None => Read::Malformed("its line does not end with a carriage return and a line feed"),
        },
        None if bytes.len() >= LINE_BYTES_MAX => Read::Malformed("its line is longer than 107 bytes"),
        None => Read::Partial,
    }
}

/// Reads what follows `PROXY ` in version 1.
fn read_line(line: &str) -> Result<Option<Ends>, &'static str> {
    if line == "UNKNOWN" || line.starts_with("UNKNOWN ") {
        return Ok(None);
    }
    let words: Vec<&str> = line.split(' ').collect();
    let [family, source, destination, source_port, destination_port] = words[..] else {
        return Err("its line is not a family, two addresses and two ports");
    };
    let address = |text: &str| -> Result<IpAddr, &'static str> {
        match family {
            "TCP4" => text.parse::<Ipv4Addr>().map(IpAddr::V4).map_err(|_| "an address is not one of IPv4"),
            "TCP6" => text.parse::<Ipv6Addr>().map(IpAddr::V6).map_err(|_| "an address is not one of IPv6"),
            _ => Err("its family is neither TCP4 nor TCP6"),
        }
    };
    let port = |text: &str| -> Result<u16, &'static str> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        text.parse().ok().filter(|_| is_plain).ok_or("a port is not a number up to 65535")
    };
    Ok(Some(Ends {
        source: SocketAddr::new(address(source)?, port(source_port)?),
        destination: SocketAddr::new(address(destination)?, port(destination_port)?),
    }))
}

/// Reads version 2, of which the fixed part is there.
fn read_binary(bytes: &[u8]) -> Read {
    let (what, family) = (bytes[12], bytes[13]);
    let length = usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
    if what >> 4 != 2 {
        return Read::Malformed("its version is not 2");
    }
    let is_local = match what & 0xf {
        0 => true,
        1 => false,
        _ => return Read::Malformed("its command is neither LOCAL nor PROXY"),
    };
    if length > REST_BYTES_MAX {
        return Read::Malformed("it is longer than 2,064 bytes");
    }
    let Some(rest) = bytes.get(HEADER_BYTES..HEADER_BYTES + length) else { return Read::Partial };
    let whole = HEADER_BYTES + length;
    let addresses = match (is_local, family) {
        // What LOCAL brings along is to be skipped, whatever it is.
        (true, _) => return Read::Whole(whole, None),
        (false, 0x00) => 0,
        (false, 0x11) => 12,
        (false, 0x21) => 36,
        // Datagrams and Unix sockets carry no HTTP of ours; who is there cannot be told by an address.
        (false, 0x12 | 0x22 | 0x31 | 0x32) => return Read::Malformed("its family carries no streams over IP"),
        _ => return Read::Malformed("its family is none that is known"),
    };
    let Some((ends, extensions)) = rest.split_at_checked(addresses) else {
        return Read::Malformed("it is shorter than its addresses");
    };
    if let Err(because) = extensions_end(extensions) {
        return Read::Malformed(because);
    }
    let port = |at: usize| u16::from_be_bytes([ends[at], ends[at + 1]]);
    let ends = match addresses {
        0 => None,
        12 => {
            let address = |at: usize| Ipv4Addr::new(ends[at], ends[at + 1], ends[at + 2], ends[at + 3]);
            Some(Ends {
                source: SocketAddr::new(address(0).into(), port(8)),
                destination: SocketAddr::new(address(4).into(), port(10)),
            })
        }
        _ => {
            let address = |at: usize| {
                let mut octets = [0; 16];
                octets.copy_from_slice(&ends[at..at + 16]);
                Ipv6Addr::from(octets)
            };
            Some(Ends {
                source: SocketAddr::new(address(0).into(), port(32)),
                destination: SocketAddr::new(address(16).into(), port(34)),
            })
        }
    };
    Read::Whole(whole, ends)
}

/// Whether what proxies add (types, lengths and values) ends where the header does.
fn extensions_end(mut rest: &[u8]) -> Result<(), &'static str> {
    while !rest.is_empty() {
        let [_, high, low, values @ ..] = rest else { return Err("what was added to it is cut short") };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        rest = values.get(length..).ok_or("what was added to it reaches past its end")?;
    }
    Ok(())
}

/// Writes a header for a connection; without ends, or with ends of two families, it says that they are not known.
pub fn write(version: Version, ends: Option<Ends>) -> Vec<u8> {
    let ends = ends.map(canonical).filter(|ends| ends.source.is_ipv4() == ends.destination.is_ipv4());
    match (version, ends) {
        (Version::One, None) => b"PROXY UNKNOWN\r\n".to_vec(),
        (Version::One, Some(Ends { source, destination })) => {
            let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
            let mut line = format!("PROXY {family} ");
            let _ = write!(line, "{} {} ", source.ip(), destination.ip());
            let _ = write!(line, "{} {}\r\n", source.port(), destination.port());
            line.into_bytes()
        }
        (Version::Two, None) => [&SIGNATURE[..], &[0x20, 0, 0, 0]].concat(),
        (Version::Two, Some(Ends { source, destination })) => {
            let octets = |address: IpAddr| match address {
                IpAddr::V4(address) => address.octets().to_vec(),
                IpAddr::V6(address) => address.octets().to_vec(),
            };
            let (family, length) = if source.is_ipv4() { (0x11, 12) } else { (0x21, 36) };
            let ports = [source.port().to_be_bytes(), destination.port().to_be_bytes()].concat();
            [&SIGNATURE[..], &[0x21, family, 0, length], &octets(source.ip()), &octets(destination.ip()), &ports]
                .concat()
        }
    }
}

/// IPv4 in IPv6 is IPv4.
fn canonical(ends: Ends) -> Ends {
    let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    Ends { source: canonical(ends.source), destination: canonical(ends.destination) }
}

/// Why a connection that should begin with a header was closed.
#[derive(Debug)]
pub enum Refused {
    /// Its peer is none of those that are believed.
    Untrusted(IpAddr),
    /// What it began with is no header.
    Malformed(&'static str),
    /// The header did not come in this time.
    Late(Duration),
    /// It ended before its header did.
    Cut,
    /// It broke.
    Broken(io::Error),
}

static RULE: Rule = Rule {
    name: "proxy-protocol",
    section: "The PROXY protocol (haproxy), section 2",
    says: "A listener that expects the header takes connections only from proxies that are known, and only with it.",
};

impl Decision for Refused {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        "closed before any request".into()
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Untrusted(peer) => format!("{peer} is none of the proxies that are believed").into(),
            Self::Malformed(because) => format!("its PROXY header cannot be read: {because}").into(),
            Self::Late(limit) => format!("its PROXY header did not come in {limit:?}").into(),
            Self::Cut => "it ended before its PROXY header did".into(),
            Self::Broken(error) => format!("it broke before its PROXY header was there: {error}").into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Untrusted(peer) => Some(format!("`proxy-protocol \"{peer}\"` would have believed it").into()),
            _ => None,
        }
    }

    fn declines(&self) -> bool {
        true
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} [{}]", self.outcome(), self.because(), self.rule())
    }
}

/// Takes the header off a connection, and not a byte more; no ends where the proxy speaks for itself.
///
/// # Errors
/// If it does not come whole and in time.
pub async fn receive(stream: &tokio::net::TcpStream, limit: Duration, clock: &Clock) -> Result<Option<Ends>, Refused> {
    tokio::select! {
        biased;
        received = receive_in_time(stream) => received,
        () = clock.sleep(limit) => Err(Refused::Late(limit)),
    }
}

async fn receive_in_time(stream: &tokio::net::TcpStream) -> Result<Option<Ends>, Refused> {
    let mut header: Vec<u8> = Vec::new();
    let mut piece = [0; HEADER_BYTES + REST_BYTES_MAX];
    loop {
        // What lies behind the header is not ours: it is looked at first, and only the header is taken.
        let length = stream.peek(&mut piece).await.map_err(Refused::Broken)?;
        if length == 0 {
            return Err(Refused::Cut);
        }
        let before = header.len();
        header.extend_from_slice(&piece[..length]);
        match read(&header) {
            Read::Malformed(because) => return Err(Refused::Malformed(because)),
            Read::Partial => take(stream, &mut piece[..length]).await?,
            Read::Whole(whole, ends) => {
                take(stream, &mut piece[..whole - before]).await?;
                return Ok(ends);
            }
        }
    }
}

/// Takes bytes that are there.
async fn take(stream: &tokio::net::TcpStream, mut bytes: &mut [u8]) -> Result<(), Refused> {
    while !bytes.is_empty() {
        stream.readable().await.map_err(Refused::Broken)?;
        match stream.try_read(bytes) {
            Ok(0) => return Err(Refused::Cut),
            Ok(taken) => bytes = &mut bytes[taken..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(Refused::Broken(error)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn ends(source: &str, destination: &str) -> Option<Ends> {
        Some(Ends { source: source.parse().unwrap(), destination: destination.parse().unwrap() })
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn lines_are_read_or_refused() {
        let v4 = ends("198.51.100.7:4711", "203.0.113.1:443");
        for (line, expected) in [
            ("PROXY TCP4 198.51.100.7 203.0.113.1 4711 443\r\nGET", Read::Whole(46, v4)),
            (
                "PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n",
                Read::Whole(45, ends("[2001:db8::7]:4711", "[2001:db8::1]:443")),
            ),
            ("PROXY UNKNOWN\r\n", Read::Whole(15, None)),
            ("PROXY UNKNOWN ffff::1 whatever 1 2\r\n", Read::Whole(36, None)),
            (
                "PROXY TCP4 198.51.100.7 203.0.113.1 0 65535\r\n",
                Read::Whole(45, ends("198.51.100.7:0", "203.0.113.1:65535")),
            ),
        ] {
            assert_eq!(read(line.as_bytes()), expected, "{line:?}");
            let Read::Whole(whole, _) = expected else { panic!() };
            for length in 0..whole {
                assert_eq!(read(&line.as_bytes()[..length]), Read::Partial, "{:?}", &line[..length]);
            }
        }
        for line in [
            "GET / HTTP/1.1\r\n",
            "proxy TCP4 198.51.100.7 203.0.113.1 4711 443\r\n",
            "PROXY\tTCP4 198.51.100.7 203.0.113.1 4711 443\r\n",
            "PROXY TCP4 198.51.100.7 203.0.113.1 4711 443\n",
            "PROXY TCP4 198.51.100.7 203.0.113.1 4711\r\n",
            "PROXY TCP4 198.51.100.7 203.0.113.1 4711 443 \r\n",
            "PROXY TCP4  198.51.100.7 203.0.113.1 4711 443\r\n",
            "PROXY TCP4 198.51.100.7 203.0.113.1 65536 443\r\n",
            "PROXY TCP4 198.51.100.7 203.0.113.1 04711 443\r\n",
            "PROXY TCP4 198.51.100.7 203.0.113.1 +1 443\r\n",
            "PROXY TCP4 198.51.100.007 203.0.113.1 1 443\r\n",
            "PROXY TCP4 2001:db8::7 203.0.113.1 1 443\r\n",
            "PROXY TCP6 198.51.100.7 203.0.113.1 1 443\r\n",
            "PROXY UDP4 198.51.100.7 203.0.113.1 1 443\r\n",
            "PROXY UNKNOWNX\r\n",
            "PROXY \r\n",
        ] {
            assert!(matches!(read(line.as_bytes()), Read::Malformed(_)), "{line:?}: {:?}", read(line.as_bytes()));
        }
        let long = format!("PROXY UNKNOWN {}", "x".repeat(LINE_BYTES_MAX));
        assert!(matches!(read(long.as_bytes()), Read::Malformed(_)));
        assert_eq!(read(&long.as_bytes()[..LINE_BYTES_MAX - 1]), Read::Partial);
    }

    #[test]
    fn binary_headers_are_read_or_refused() {
        let signature = "0d0a0d0a000d0a515549540a";
        let v4 = ends("198.51.100.7:4711", "203.0.113.1:443");
        for (rest, expected) in [
            ("2111000cc6336407cb007101126701bb", Read::Whole(28, v4)),
            ("2111000fc6336407cb007101126701bb040000", Read::Whole(31, v4)),
            ("20000000", Read::Whole(16, None)),
            ("20110003ffffff", Read::Whole(19, None)),
            ("21000000", Read::Whole(16, None)),
        ] {
            let bytes = hex(&format!("{signature}{rest}"));
            assert_eq!(read(&bytes), expected, "{rest}");
            for length in 0..bytes.len() {
                assert_eq!(read(&bytes[..length]), Read::Partial, "{rest} {length}");
            }
        }
        for rest in [
            "1111000cc6336407cb007101126701bb",
            "2211000cc6336407cb007101126701bb",
            "21110004c6336407",
            "21310000",
            "2112000cc6336407cb007101126701bb",
            "21ff0000",
            "2111ffff",
            "2111000fc6336407cb007101126701bb02ffff",
            "2111000dc6336407cb007101126701bb02",
        ] {
            let bytes = hex(&format!("{signature}{rest}"));
            assert!(matches!(read(&bytes), Read::Malformed(_)), "{rest}: {:?}", read(&bytes));
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for (source, destination) in
            [("198.51.100.7:4711", "203.0.113.1:443"), ("[2001:db8::7]:1", "[2001:db8::1]:65535")]
        {
            for version in [Version::One, Version::Two] {
                let header = write(version, ends(source, destination));
                assert_eq!(read(&header), Read::Whole(header.len(), ends(source, destination)), "{version:?}");
            }
        }
        for (version, unknown) in [(Version::One, ends("1.1.1.1:1", "[::1]:1")), (Version::Two, None)] {
            let header = write(version, unknown);
            assert_eq!(read(&header), Read::Whole(header.len(), None));
        }
        let mapped = write(Version::One, ends("[::ffff:1.2.3.4]:5", "1.1.1.1:1"));
        assert_eq!(mapped, b"PROXY TCP4 1.2.3.4 1.1.1.1 5 1\r\n");
    }

    #[tokio::test]
    async fn nothing_behind_the_header_is_taken_however_it_comes() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        for version in [Version::One, Version::Two] {
            let sent = [write(version, ends("192.0.2.1:7", "192.0.2.2:8")), b"GET / HTTP/1.1\r\n".to_vec()].concat();
            for at_once in [1, 5, sent.len()] {
                let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
                client.set_nodelay(true).unwrap();
                let (mut server, _) = listener.accept().await.unwrap();
                let pieces: Vec<Vec<u8>> = sent.chunks(at_once).map(<[u8]>::to_vec).collect();
                let sending = tokio::spawn(async move {
                    for piece in pieces {
                        client.write_all(&piece).await.unwrap();
                        tokio::task::yield_now().await;
                    }
                });
                let received = receive(&server, Duration::from_secs(20), &Clock::system()).await.unwrap();
                assert_eq!(received, ends("192.0.2.1:7", "192.0.2.2:8"));
                sending.await.unwrap();
                let mut rest = String::new();
                server.read_to_string(&mut rest).await.unwrap();
                assert_eq!(rest, "GET / HTTP/1.1\r\n", "{version:?} in pieces of {at_once}");
            }
        }
        let _silent = tokio::net::TcpStream::connect(address).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let refused = receive(&server, Duration::ZERO, &Clock::system()).await.unwrap_err();
        assert!(matches!(refused, Refused::Late(_)), "{refused}");
    }
}
