//! The works that are compared, as data: what is asked, of whom, and what Wirelight is to reach.

use crate::site;

/// One work, done by Wirelight and by others.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// What it is called on the command line and in results.
    pub name: &'static str,
    /// What it is, in words.
    pub title: &'static str,
    /// What is done.
    pub work: Work,
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

/// What is done.
#[derive(Debug, Clone, Copy)]
pub enum Work {
    /// Each connection asks again as soon as it is answered.
    Busy {
        /// How many connections there are.
        connections: usize,
        /// How many requests leave together.
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
    /// What it accepts instead, if not what the subject does: it may not know the coding.
    pub accept_encoding: Option<&'static str>,
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
}

impl Figure {
    /// Its key in results.
    pub fn key(self) -> &'static str {
        match self {
            Self::CpuMicroseconds => "cpu_us",
            Self::ConnectionBytes => "connection_bytes",
            Self::CodedMegabytes => "coded_mb_per_cpu_s",
            Self::LongestMilliseconds => "longest_ms",
        }
    }

    /// What it counts, in words.
    pub fn says(self) -> &'static str {
        match self {
            Self::CpuMicroseconds => "CPU µs a request",
            Self::ConnectionBytes => "resident bytes a connection",
            Self::CodedMegabytes => "MB coded in a CPU second",
            Self::LongestMilliseconds => "longest answer in ms",
        }
    }

    /// Whether less of it is better.
    pub fn less_is_better(self) -> bool {
        self != Self::CodedMegabytes
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
}

const fn peer(server: &'static str) -> Peer {
    Peer { server, accept_encoding: None }
}

const fn plain(path: &'static str) -> Ask {
    Ask { path, accept_encoding: None }
}

const fn busy(connections: usize) -> Work {
    Work::Busy { connections, depth: 1, closes: false }
}

const HELLO: Ask = plain("/");

/// Every scenario. A new one is a new entry; a new server is a new entry in [`SERVERS`](crate::server::SERVERS).
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "hello",
        title: "13 bytes, 64 keep-alive connections",
        work: busy(64),
        ask: HELLO,
        counts: Figure::CpuMicroseconds,
        subject: "wirelight",
        peers: &[
            peer("floor"),
            peer("hyper"),
            peer("nginx"),
            peer("axum"),
            peer("actix-web"),
            peer("may_minihttp"),
            peer("haproxy"),
            peer("h2o"),
            peer("lighttpd"),
            peer("caddy"),
        ],
        goals: &[
            Goal::AtMostOf(0.82, &["hyper"]),
            Goal::AtMostOf(0.75, &["nginx"]),
            Goal::AtMostOf(0.65, &["axum"]),
            Goal::AtMostOf(1.10, &["floor"]),
        ],
    },
    Scenario {
        name: "pipelined",
        title: "13 bytes, 64 connections, 16 requests pipelined",
        work: Work::Busy { connections: 64, depth: 16, closes: false },
        ask: HELLO,
        counts: Figure::CpuMicroseconds,
        subject: "wirelight",
        peers: &[peer("floor"), peer("hyper"), peer("may_minihttp"), peer("actix-web"), peer("axum"), peer("nginx")],
        goals: &[Goal::AtMostOf(0.55, &["hyper"]), Goal::AtMostOf(0.90, &["may_minihttp"])],
    },
    Scenario {
        name: "close",
        title: "13 bytes, one request a connection",
        work: Work::Busy { connections: 64, depth: 1, closes: true },
        ask: HELLO,
        counts: Figure::CpuMicroseconds,
        subject: "wirelight",
        peers: &[peer("hyper"), peer("nginx"), peer("haproxy"), peer("h2o")],
        goals: &[Goal::AtMostOf(0.60, &["hyper"]), Goal::AtMostOf(1.05, &["nginx"])],
    },
    Scenario {
        name: "static-1k",
        title: "a file of 1 KiB, 64 connections",
        work: busy(64),
        ask: plain(site::ONE_KIBIBYTE),
        counts: Figure::CpuMicroseconds,
        subject: "wirelight serve",
        peers: &[peer("floor"), peer("h2o"), peer("lighttpd"), peer("nginx"), peer("axum"), peer("caddy")],
        goals: &[Goal::AtMostOf(0.95, &["h2o"]), Goal::AtMostOf(0.15, &["axum"])],
    },
    Scenario {
        name: "static-64k",
        title: "a file of 64 KiB, 16 connections",
        work: busy(16),
        ask: plain(site::SIXTY_FOUR_KIBIBYTES),
        counts: Figure::CpuMicroseconds,
        subject: "wirelight serve",
        peers: &[peer("floor"), peer("h2o"), peer("lighttpd"), peer("nginx"), peer("axum"), peer("caddy")],
        goals: &[Goal::AtMostOf(0.95, &["h2o", "lighttpd"])],
    },
    Scenario {
        name: "static-10m",
        title: "a file of 10 MiB, 4 connections",
        work: busy(4),
        ask: plain(site::TEN_MEBIBYTES),
        counts: Figure::CpuMicroseconds,
        subject: "wirelight serve",
        peers: &[peer("floor"), peer("h2o"), peer("lighttpd"), peer("nginx"), peer("axum"), peer("caddy")],
        goals: &[Goal::AtMostOf(1.00, &["lighttpd"])],
    },
    Scenario {
        name: "idle",
        title: "8,000 idle keep-alive connections",
        work: Work::Idle { connections: 8000 },
        ask: HELLO,
        counts: Figure::ConnectionBytes,
        subject: "wirelight",
        peers: &[
            peer("hyper"),
            peer("nginx"),
            peer("haproxy"),
            peer("h2o"),
            peer("lighttpd"),
            peer("actix-web"),
            peer("axum"),
            peer("caddy"),
        ],
        goals: &[Goal::AtMost(1200.0)],
    },
    Scenario {
        name: "live-10k",
        title: "10,000 live connections, 20,000 requests a second",
        work: Work::Steady { connections: 10_000, rate: 20_000, beside: None },
        ask: HELLO,
        counts: Figure::LongestMilliseconds,
        subject: "wirelight",
        peers: &[peer("floor"), peer("hyper"), peer("nginx"), peer("h2o")],
        goals: &[Goal::AtMost(1000.0)],
    },
    Scenario {
        name: "compress",
        title: "100 KB of JSON, gzip on the fly",
        work: busy(4),
        ask: Ask { path: site::JSON, accept_encoding: Some("gzip") },
        counts: Figure::CodedMegabytes,
        subject: "wirelight",
        peers: &[peer("nginx"), peer("lighttpd"), peer("caddy")],
        goals: &[Goal::AtLeastOf(1.5, "nginx")],
    },
    Scenario {
        name: "compress-zstd",
        title: "100 KB of JSON, zstd on the fly",
        work: busy(4),
        ask: Ask { path: site::JSON, accept_encoding: Some("zstd") },
        counts: Figure::CodedMegabytes,
        subject: "wirelight",
        peers: &[Peer { server: "nginx", accept_encoding: Some("gzip") }, peer("caddy")],
        goals: &[Goal::AtLeastOf(8.0, "nginx")],
    },
    Scenario {
        name: "compress-beside",
        title: "small answers while 10 MB of JSON are compressed",
        work: Work::Steady {
            connections: 16,
            rate: 1000,
            beside: Some(Ask { path: site::LARGE_JSON, accept_encoding: Some("gzip") }),
        },
        ask: plain(site::ONE_KIBIBYTE),
        counts: Figure::LongestMilliseconds,
        subject: "wirelight",
        peers: &[peer("nginx"), peer("caddy")],
        goals: &[Goal::AtMost(5.0)],
    },
];

impl Ask {
    /// The request as it leaves.
    pub fn request(&self, closes: bool) -> Vec<u8> {
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

    /// What is asked of a server.
    pub fn ask_of(&self, server: &str) -> Ask {
        let other = self.peers.iter().find(|peer| peer.server == server).and_then(|peer| peer.accept_encoding);
        Ask { accept_encoding: other.or(self.ask.accept_encoding), ..self.ask }
    }

    /// The subject and its peers.
    pub fn servers(&self) -> Vec<&'static str> {
        std::iter::once(self.subject).chain(self.peers.iter().map(|peer| peer.server)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server;

    #[test]
    fn whoever_is_named_is_known() {
        for scenario in SCENARIOS {
            for name in scenario.servers() {
                assert_eq!(server::named(name).name, name);
            }
            for goal in scenario.goals {
                let named = match goal {
                    Goal::AtMostOf(_, peers) => peers.to_vec(),
                    Goal::AtLeastOf(_, peer) => vec![*peer],
                    Goal::AtMost(_) => Vec::new(),
                };
                for name in named {
                    assert!(scenario.peers.iter().any(|peer| peer.server == name), "{name} in {}", scenario.name);
                }
            }
        }
    }

    #[test]
    fn a_request_asks_for_what_it_says() {
        let ask = Ask { path: "/x", accept_encoding: Some("gzip") };
        assert_eq!(
            String::from_utf8(ask.request(true)).unwrap(),
            "GET /x HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
        );
    }
}
