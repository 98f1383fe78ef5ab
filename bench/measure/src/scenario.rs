//! What a comparison is made of: what is asked, over which wire, of whom, and what Wirelight is to reach.

use std::fmt;

use crate::streams;
use crate::wire::Wire;

/// One work, done by Wirelight and by others.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// What it is called on the command line and in results.
    pub name: &'static str,
    /// What it is, in words.
    pub title: &'static str,
    /// Which part of the comparison it belongs to.
    pub part: Part,
    /// What is done.
    pub work: Work,
    /// What is spoken.
    pub wire: Wire,
    /// What is asked for.
    pub ask: Ask,
    /// Which figure counts.
    pub counts: Figure,
    /// The server under test.
    pub subject: &'static str,
    /// Those it is compared with.
    pub peers: &'static [Peer],
    /// What is to be reached.
    pub goals: &'static [Goal],
}

/// A part of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// HTTP/1.1 in cleartext.
    Http1,
    /// Files and codings.
    Content,
    /// Many and idle connections.
    Connections,
    /// HTTP/2, and both versions over TLS.
    Http2AndTls,
    /// Clients.
    Client,
    /// Reverse proxies.
    Proxy,
}

impl Part {
    /// All parts, in the order in which they are shown.
    pub const ALL: [Self; 6] =
        [Self::Http1, Self::Content, Self::Connections, Self::Http2AndTls, Self::Client, Self::Proxy];

    /// What it is called on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::Content => "content",
            Self::Connections => "connections",
            Self::Http2AndTls => "http2-tls",
            Self::Client => "clients",
            Self::Proxy => "proxies",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http1 => "HTTP/1.1",
            Self::Content => "Files and codings",
            Self::Connections => "Connections",
            Self::Http2AndTls => "HTTP/2 and TLS",
            Self::Client => "Clients",
            Self::Proxy => "Reverse proxies",
        })
    }
}

/// What is done.
#[derive(Debug, Clone, Copy)]
pub enum Work {
    /// Each connection asks again as soon as it is answered.
    Busy {
        /// How many connections there are.
        connections: usize,
        /// How many requests leave together; with HTTP/2, how many are under way on a connection.
        depth: usize,
        /// Whether each connection serves one request only.
        closes: bool,
    },
    /// Requests are spread over time and connections.
    Steady {
        /// How many connections there are.
        connections: usize,
        /// How many requests a second there are in all.
        rate: u32,
        /// What one more connection asks for all the while, as soon as it is answered.
        beside: Option<Ask>,
    },
    /// Each connection asks once and stays open.
    Idle {
        /// How many connections there are.
        connections: usize,
    },
    /// One long answer on one connection.
    Download,
    /// Clients ask a fast server of ours.
    Asking {
        /// How many requests are under way at once.
        tasks: usize,
    },
}

/// A GET request.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// The path.
    pub path: &'static str,
    /// The codings that are accepted, if any.
    pub accept_encoding: Option<&'static str>,
}

/// A server to compare with.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Which.
    pub server: &'static str,
    /// What it is called here, if not by its name alone.
    pub label: Option<&'static str>,
    /// What it accepts instead, if not what the subject does: it may not know the coding.
    pub accept_encoding: Option<&'static str>,
    /// What is spoken with it, if not what is spoken with the subject.
    pub wire: Option<Wire>,
}

/// Who does the work of a scenario.
#[derive(Debug, Clone, Copy)]
pub struct Entrant {
    /// What it is called in results.
    pub label: &'static str,
    /// Which server it is.
    pub server: &'static str,
    /// What is asked of it.
    pub ask: Ask,
    /// What is spoken with it.
    pub wire: Wire,
}

/// A figure of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// The server's CPU time, in microseconds a request.
    CpuMicroseconds,
    /// Memory that one more connection keeps resident, in bytes.
    ConnectionBytes,
    /// Content before it is coded, in MB for each second of the server's CPU time.
    CodedMegabytes,
    /// The longest that an answer took, in milliseconds.
    LongestMilliseconds,
    /// Content in MB a second.
    Megabytes,
    /// Requests a second, with one core for whatever is under test.
    Requests,
}

impl Figure {
    /// Its key in results.
    pub fn key(self) -> &'static str {
        match self {
            Self::CpuMicroseconds => "cpu_us",
            Self::ConnectionBytes => "connection_bytes",
            Self::CodedMegabytes => "coded_mb_per_cpu_s",
            Self::LongestMilliseconds => "longest_ms",
            Self::Megabytes => "mb_per_s",
            Self::Requests => "requests_per_s",
        }
    }

    /// What it counts, in words.
    pub fn says(self) -> &'static str {
        match self {
            Self::CpuMicroseconds => "CPU µs a request",
            Self::ConnectionBytes => "resident bytes a connection",
            Self::CodedMegabytes => "MB coded in a CPU second",
            Self::LongestMilliseconds => "longest answer in ms",
            Self::Megabytes => "MB a second",
            Self::Requests => "requests a second",
        }
    }

    /// Whether less of it is better.
    pub fn less_is_better(self) -> bool {
        !matches!(self, Self::CodedMegabytes | Self::Megabytes | Self::Requests)
    }
}

/// What the subject is to reach.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    /// At most so many times the figure of the best of these peers.
    AtMostOf(f64, &'static [&'static str]),
    /// At least so many times the figure of this peer.
    AtLeastOf(f64, &'static str),
    /// At most this figure.
    AtMost(f64),
    /// Another one of ours is to reach at most so many times the figure of this peer.
    OtherAtMostOf(&'static str, f64, &'static str),
}

impl Ask {
    /// The request: as it leaves, or the payload of its HEADERS frame.
    pub fn request(self, wire: Wire, closes: bool) -> Vec<u8> {
        if wire.http2 {
            return streams::request(self, wire);
        }
        let mut request = format!("GET {} HTTP/1.1\r\nHost: localhost\r\n", self.path);
        if let Some(codings) = self.accept_encoding {
            request.push_str(&format!("Accept-Encoding: {codings}\r\n"));
        }
        if closes {
            request.push_str("Connection: close\r\n");
        }
        request.push_str("\r\n");
        request.into_bytes()
    }
}

impl Scenario {
    /// Whether connections serve one request only.
    pub fn closes(&self) -> bool {
        matches!(self.work, Work::Busy { closes: true, .. })
    }

    /// The subject and its peers.
    pub fn entrants(&self) -> Vec<Entrant> {
        let subject = Entrant { label: self.subject, server: self.subject, ask: self.ask, wire: self.wire };
        let peers = self.peers.iter().map(|peer| Entrant {
            label: peer.label(),
            server: peer.server,
            ask: Ask { accept_encoding: peer.accept_encoding.or(self.ask.accept_encoding), ..self.ask },
            wire: peer.wire.unwrap_or(self.wire),
        });
        std::iter::once(subject).chain(peers).collect()
    }
}

impl Peer {
    /// What it is called in results.
    pub fn label(&self) -> &'static str {
        self.label.unwrap_or(self.server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_asks_for_what_it_says() {
        let ask = Ask { path: "/x", accept_encoding: Some("gzip") };
        assert_eq!(
            String::from_utf8(ask.request(Wire::H1, true)).unwrap(),
            "GET /x HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
        );
    }
}
