//! The works that are compared, as data.

use crate::scenario::{Ask, Figure, Goal, Part, Peer, Scenario, Work};
use crate::site;
use crate::wire::Wire;

const fn peer(server: &'static str) -> Peer {
    Peer { server, label: None, accept_encoding: None, wire: None }
}

const fn plain(path: &'static str) -> Ask {
    Ask { path, accept_encoding: None }
}

const fn busy(connections: usize) -> Work {
    Work::Busy { connections, depth: 1, closes: false }
}

const fn over(server: &'static str, label: &'static str, wire: Wire) -> Peer {
    Peer { label: Some(label), wire: Some(wire), ..peer(server) }
}

const fn named(server: &'static str, label: &'static str) -> Peer {
    Peer { label: Some(label), ..peer(server) }
}

const HELLO: Ask = plain("/");

/// 8 connections with 32 streams each.
const STREAMS: Work = Work::Busy { connections: 8, depth: 32, closes: false };

const CLIENTS: &[Peer] = &[
    peer("wirelight client"),
    peer("hyper connection"),
    peer("hyper-util pool"),
    peer("reqwest"),
    peer("wrk"),
    peer("aiohttp"),
];

const PROXIES: &[Peer] = &[
    named("haproxy proxy", "haproxy"),
    named("nginx proxy", "nginx"),
    named("hyper-util proxy", "hyper-util"),
    named("caddy proxy", "caddy"),
];

/// Every scenario. A new one is a new entry; a new server is a new entry in [`SERVERS`](crate::servers::SERVERS).
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "hello",
        title: "13 bytes, 64 keep-alive connections",
        part: Part::Http1,
        work: busy(64),
        wire: Wire::H1,
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
        part: Part::Http1,
        work: Work::Busy { connections: 64, depth: 16, closes: false },
        wire: Wire::H1,
        ask: HELLO,
        counts: Figure::CpuMicroseconds,
        subject: "wirelight",
        peers: &[peer("floor"), peer("hyper"), peer("may_minihttp"), peer("actix-web"), peer("axum"), peer("nginx")],
        goals: &[Goal::AtMostOf(0.55, &["hyper"]), Goal::AtMostOf(0.90, &["may_minihttp"])],
    },
    Scenario {
        name: "close",
        title: "13 bytes, one request a connection",
        part: Part::Http1,
        work: Work::Busy { connections: 64, depth: 1, closes: true },
        wire: Wire::H1,
        ask: HELLO,
        counts: Figure::CpuMicroseconds,
        subject: "wirelight",
        peers: &[peer("hyper"), peer("nginx"), peer("haproxy"), peer("h2o")],
        goals: &[Goal::AtMostOf(0.60, &["hyper"]), Goal::AtMostOf(1.05, &["nginx"])],
    },
    Scenario {
        name: "inspector",
        title: "13 bytes, recorded by the inspector, which nobody looks at",
        part: Part::Http1,
        work: busy(64),
        wire: Wire::H1,
        ask: plain(site::HELLO),
        counts: Figure::CpuMicroseconds,
        subject: "wirelight serve --inspect",
        peers: &[peer("wirelight serve")],
        goals: &[Goal::AtMostOf(1.05, &["wirelight serve"])],
    },
    Scenario {
        name: "static-1k",
        title: "a file of 1 KiB, 64 connections",
        part: Part::Content,
        work: busy(64),
        wire: Wire::H1,
        ask: plain(site::ONE_KIBIBYTE),
        counts: Figure::CpuMicroseconds,
        subject: "wirelight serve",
        peers: &[peer("floor"), peer("h2o"), peer("lighttpd"), peer("nginx"), peer("axum"), peer("caddy")],
        goals: &[Goal::AtMostOf(0.95, &["h2o"]), Goal::AtMostOf(0.15, &["axum"])],
    },
    Scenario {
        name: "static-64k",
        title: "a file of 64 KiB, 16 connections",
        part: Part::Content,
        work: busy(16),
        wire: Wire::H1,
        ask: plain(site::SIXTY_FOUR_KIBIBYTES),
        counts: Figure::CpuMicroseconds,
        subject: "wirelight serve",
        peers: &[peer("floor"), peer("h2o"), peer("lighttpd"), peer("nginx"), peer("axum"), peer("caddy")],
        goals: &[Goal::AtMostOf(0.95, &["h2o", "lighttpd"])],
    },
    Scenario {
        name: "static-10m",
        title: "a file of 10 MiB, 4 connections",
        part: Part::Content,
        work: busy(4),
        wire: Wire::H1,
        ask: plain(site::TEN_MEBIBYTES),
        counts: Figure::CpuMicroseconds,
        subject: "wirelight serve",
        peers: &[peer("floor"), peer("h2o"), peer("lighttpd"), peer("nginx"), peer("axum"), peer("caddy")],
        goals: &[Goal::AtMostOf(1.00, &["lighttpd"])],
    },
    Scenario {
        name: "idle",
        title: "8,000 idle keep-alive connections",
        part: Part::Connections,
        work: Work::Idle { connections: 8000 },
        wire: Wire::H1,
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
        part: Part::Connections,
        work: Work::Steady { connections: 10_000, rate: 20_000, beside: None },
        wire: Wire::H1,
        ask: HELLO,
        counts: Figure::LongestMilliseconds,
        subject: "wirelight",
        peers: &[peer("floor"), peer("hyper"), peer("nginx"), peer("h2o")],
        goals: &[Goal::AtMost(1000.0)],
    },
    Scenario {
        name: "compress",
        title: "100 KB of JSON, gzip on the fly",
        part: Part::Content,
        work: busy(4),
        wire: Wire::H1,
        ask: Ask { path: site::JSON, accept_encoding: Some("gzip") },
        counts: Figure::CodedMegabytes,
        subject: "wirelight",
        peers: &[peer("nginx"), peer("lighttpd"), peer("caddy")],
        goals: &[Goal::AtLeastOf(1.5, "nginx")],
    },
    Scenario {
        name: "compress-zstd",
        title: "100 KB of JSON, zstd on the fly",
        part: Part::Content,
        work: busy(4),
        wire: Wire::H1,
        ask: Ask { path: site::JSON, accept_encoding: Some("zstd") },
        counts: Figure::CodedMegabytes,
        subject: "wirelight",
        peers: &[Peer { accept_encoding: Some("gzip"), ..peer("nginx") }, peer("caddy")],
        goals: &[Goal::AtLeastOf(8.0, "nginx")],
    },
    Scenario {
        name: "compress-beside",
        title: "small answers while 10 MB of JSON are compressed",
        part: Part::Content,
        work: Work::Steady {
            connections: 16,
            rate: 1000,
            beside: Some(Ask { path: site::LARGE_JSON, accept_encoding: Some("gzip") }),
        },
        wire: Wire::H1,
        ask: plain(site::ONE_KIBIBYTE),
        counts: Figure::LongestMilliseconds,
        subject: "wirelight",
        peers: &[peer("nginx"), peer("caddy")],
        goals: &[Goal::AtMost(5.0)],
    },
    Scenario {
        name: "h2c",
        title: "13 bytes over HTTP/2, 8 connections of 32 streams",
        part: Part::Http2AndTls,
        work: STREAMS,
        wire: Wire::H2,
        ask: HELLO,
        counts: Figure::CpuMicroseconds,
        subject: "wirelight",
        peers: &[peer("h2o"), peer("lighttpd"), peer("haproxy"), peer("hyper"), peer("nginx")],
        goals: &[Goal::AtMostOf(0.50, &["hyper"]), Goal::AtMostOf(0.50, &["haproxy"]), Goal::AtMostOf(1.10, &["h2o"])],
    },
    Scenario {
        name: "h2-tls",
        title: "13 bytes over HTTP/2 and TLS, 8 of 32 streams",
        part: Part::Http2AndTls,
        work: STREAMS,
        wire: Wire::H2_TLS,
        ask: HELLO,
        counts: Figure::CpuMicroseconds,
        subject: "wirelight",
        peers: &[peer("h2o"), peer("lighttpd"), peer("haproxy"), peer("hyper"), peer("nginx")],
        goals: &[Goal::AtMostOf(0.50, &["hyper"]), Goal::AtMostOf(0.50, &["haproxy"]), Goal::AtMostOf(1.10, &["h2o"])],
    },
    Scenario {
        name: "h1-tls",
        title: "13 bytes over HTTP/1.1 and TLS, 64 keep-alive connections",
        part: Part::Http2AndTls,
        work: busy(64),
        wire: Wire::H1_TLS,
        ask: HELLO,
        counts: Figure::CpuMicroseconds,
        subject: "wirelight",
        peers: &[peer("nginx"), peer("hyper"), peer("haproxy"), peer("h2o")],
        goals: &[Goal::AtMostOf(0.95, &["nginx"])],
    },
    Scenario {
        name: "handshakes",
        title: "a full TLS 1.3 handshake, one request, close",
        part: Part::Http2AndTls,
        work: Work::Busy { connections: 16, depth: 1, closes: true },
        wire: Wire::H1_TLS,
        ask: HELLO,
        counts: Figure::CpuMicroseconds,
        subject: "wirelight",
        peers: &[peer("hyper"), peer("nginx"), peer("haproxy"), peer("h2o")],
        goals: &[Goal::AtMostOf(0.95, &["hyper"]), Goal::AtMostOf(0.65, &["nginx"])],
    },
    Scenario {
        name: "idle-tls",
        title: "8,000 idle keep-alive connections over TLS",
        part: Part::Connections,
        work: Work::Idle { connections: 8000 },
        wire: Wire::H1_TLS,
        ask: HELLO,
        counts: Figure::ConnectionBytes,
        subject: "wirelight",
        peers: &[peer("hyper"), peer("nginx"), peer("haproxy")],
        goals: &[Goal::AtMost(8000.0)],
    },
    Scenario {
        name: "download-tls",
        title: "1 GiB over TLS, one stream of HTTP/2",
        part: Part::Http2AndTls,
        work: Work::Download,
        wire: Wire::H2_TLS,
        ask: plain(site::ONE_GIBIBYTE),
        counts: Figure::Megabytes,
        subject: "wirelight",
        peers: &[
            over("wirelight", "wirelight, HTTP/1.1", Wire::H1_TLS),
            peer("nginx"),
            over("nginx", "nginx, HTTP/1.1", Wire::H1_TLS),
            peer("h2o"),
            over("h2o", "h2o, HTTP/1.1", Wire::H1_TLS),
            peer("hyper"),
            over("hyper", "hyper, HTTP/1.1", Wire::H1_TLS),
        ],
        goals: &[Goal::AtLeastOf(0.9, "wirelight, HTTP/1.1")],
    },
    Scenario {
        name: "client",
        title: "a client's request for 13 bytes, 64 tasks",
        part: Part::Client,
        work: Work::Asking { tasks: 64 },
        wire: Wire::H1,
        ask: HELLO,
        counts: Figure::CpuMicroseconds,
        subject: "wirelight connections",
        peers: CLIENTS,
        goals: &[
            Goal::AtMostOf(0.80, &["hyper connection"]),
            Goal::AtMostOf(0.50, &["reqwest"]),
            Goal::AtMostOf(0.08, &["aiohttp"]),
            Goal::OtherAtMostOf("wirelight client", 0.50, "reqwest"),
            Goal::OtherAtMostOf("wirelight client", 0.08, "aiohttp"),
        ],
    },
    Scenario {
        name: "client-64k",
        title: "a client's request for 64 KiB, 64 tasks",
        part: Part::Client,
        work: Work::Asking { tasks: 64 },
        wire: Wire::H1,
        ask: plain(site::SIXTY_FOUR_KIBIBYTES),
        counts: Figure::CpuMicroseconds,
        subject: "wirelight connections",
        peers: CLIENTS,
        goals: &[Goal::AtMostOf(1.00, &["hyper connection"])],
    },
    Scenario {
        name: "load-generator",
        title: "wirelight bench, 13 bytes, 64 connections",
        part: Part::Client,
        work: Work::Asking { tasks: 64 },
        wire: Wire::H1,
        ask: HELLO,
        counts: Figure::CpuMicroseconds,
        subject: "wirelight bench",
        peers: &[peer("wrk")],
        goals: &[Goal::AtMostOf(1.00, &["wrk"])],
    },
    Scenario {
        name: "load-generator-rate",
        title: "wirelight bench on one core, 13 bytes, 64 connections",
        part: Part::Client,
        work: Work::Asking { tasks: 64 },
        wire: Wire::H1,
        ask: HELLO,
        counts: Figure::Requests,
        subject: "wirelight bench",
        peers: &[peer("wrk")],
        goals: &[Goal::AtLeastOf(1.00, "wrk")],
    },
    Scenario {
        name: "proxy-1k",
        title: "1 KiB through a proxy, 64 connections",
        part: Part::Proxy,
        work: busy(64),
        wire: Wire::H1,
        ask: plain(site::ONE_KIBIBYTE),
        counts: Figure::CpuMicroseconds,
        subject: "wirelight run",
        peers: PROXIES,
        goals: &[Goal::AtMostOf(0.90, &["haproxy"])],
    },
    Scenario {
        name: "proxy-64k",
        title: "64 KiB through a proxy, 16 connections",
        part: Part::Proxy,
        work: busy(16),
        wire: Wire::H1,
        ask: plain(site::SIXTY_FOUR_KIBIBYTES),
        counts: Figure::CpuMicroseconds,
        subject: "wirelight run",
        peers: PROXIES,
        goals: &[Goal::AtMostOf(0.90, &["nginx"])],
    },
    Scenario {
        name: "proxy-1m",
        title: "1 MiB through a proxy, 8 connections",
        part: Part::Proxy,
        work: busy(8),
        wire: Wire::H1,
        ask: plain(site::ONE_MEBIBYTE),
        counts: Figure::CpuMicroseconds,
        subject: "wirelight run",
        peers: PROXIES,
        goals: &[Goal::AtMostOf(0.95, &["hyper-util"])],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers;

    #[test]
    fn whoever_is_named_is_known() {
        for scenario in SCENARIOS {
            let entrants = scenario.entrants();
            for entrant in &entrants {
                assert_eq!(servers::named(entrant.server).name, entrant.server);
                assert_eq!(
                    entrants.iter().filter(|other| other.label == entrant.label).count(),
                    1,
                    "{}",
                    entrant.label
                );
            }
            for goal in scenario.goals {
                let named = match goal {
                    Goal::AtMostOf(_, peers) => peers.to_vec(),
                    Goal::AtLeastOf(_, peer) => vec![*peer],
                    Goal::OtherAtMostOf(other, _, peer) => vec![*other, *peer],
                    Goal::AtMost(_) => Vec::new(),
                };
                for name in named {
                    assert!(scenario.peers.iter().any(|peer| peer.label() == name), "{name} in {}", scenario.name);
                }
            }
        }
    }
}
