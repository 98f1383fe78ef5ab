//! Where a forward proxy leads to: an allow-list, judged before a name is looked up and again for each of its addresses.
//!
//! Whoever names a host decides what its name stands for, so an address is used only as it was judged, and none of a
//! network that is not public unless that network is listed.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use wirelight_semantics::decision::{Decision, Rule, Shown};

use crate::config::value::{Host, Network};

/// The destinations that are allowed, in their written order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Destinations(pub Vec<Destination>);

/// One destination that is allowed, or many of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    to: To,
    /// Any, without one.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum To {
    /// These names, as long as they stand for public addresses.
    Names(Host),
    /// These addresses, public or not, and names that stand for them if the name is listed, too.
    Addresses(Network),
}

/// A host and a port that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The host: a name in small letters without a dot at its end, or an address.
    pub host: Named,
    /// The port.
    pub port: u16,
}

/// What a host is called by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// Its name.
    Name(String),
    /// Its address.
    Address(IpAddr),
}

/// Whether somebody is led to a destination, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// To this address.
    Allowed {
        /// What was asked for.
        authority: String,
        /// The address.
        address: SocketAddr,
        /// What allows it, as the config writes it.
        by: String,
    },
    /// What was asked for is no host and port.
    Malformed {
        /// What was asked for.
        authority: String,
        /// Why.
        because: &'static str,
    },
    /// Nothing on the list is for it.
    Unlisted {
        /// What was asked for.
        authority: String,
    },
    /// The name is listed, and it stands for nothing but addresses that are not public, and not listed.
    Private {
        /// What was asked for.
        authority: String,
        /// One of the addresses.
        address: IpAddr,
    },
}

impl Target {
    /// Reads `host:port`; `default` is the port where none is named.
    ///
    /// What resolvers would take for an address though it is not written as one (`2130706433`, `127.1`, `0x7f.1`)
    /// is no name.
    pub fn parse(authority: &str, default: Option<u16>) -> Result<Self, &'static str> {
        if authority.contains('@') {
            return Err("it holds a user");
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let port = match port {
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => port.parse().ok(),
            Some(_) => None,
            None => default,
        };
        let port = port.filter(|port| *port > 0).ok_or("it names no port")?;
        if let Some(inside) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            let address: Ipv6Addr = inside.parse().map_err(|_| "what stands in brackets is no address")?;
            return Ok(Self { host: Named::Address(IpAddr::V6(address).to_canonical()), port });
        }
        if let Ok(address) = host.parse::<Ipv4Addr>() {
            return Ok(Self { host: Named::Address(address.into()), port });
        }
        let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if name.len() > 253 || !name.split('.').all(is_label) {
            return Err("its host is no name");
        }
        let last = name.rsplit('.').next().unwrap_or_default();
        let is_hex = last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if last.bytes().all(|byte| byte.is_ascii_digit()) || is_hex {
            return Err("its host is an address in disguise");
        }
        Ok(Self { host: Named::Name(name), port })
    }
}

impl Destinations {
    /// Judges what was asked for before its name is looked up; an error is the refusal.
    pub fn admit(&self, authority: &str, default: Option<u16>) -> Result<Target, Judged> {
        let target = Target::parse(authority, default)
            .map_err(|because| Judged::Malformed { authority: authority.to_owned(), because })?;
        let is_listed = match &target.host {
            Named::Name(name) => self.by_name(name, target.port).is_some(),
            Named::Address(address) => self.by_address(*address, target.port, None).is_some(),
        };
        match is_listed {
            true => Ok(target),
            false => Err(match target.host {
                Named::Address(address) if self.by_name(ANY, target.port).is_some() && !is_public(address) => {
                    Judged::Private { authority: authority.to_owned(), address }
                }
                _ => Judged::Unlisted { authority: authority.to_owned() },
            }),
        }
    }

    /// The addresses of an admitted target that may be used, in their order, with what allows each; an error is the
    /// refusal.
    pub fn addresses(&self, target: &Target, found: &[SocketAddr]) -> Result<Vec<(SocketAddr, String)>, Judged> {
        let name = match &target.host {
            Named::Name(name) => self.by_name(name, target.port),
            Named::Address(_) => None,
        };
        let allowed: Vec<_> = found
            .iter()
            .filter_map(|address| {
                let address = SocketAddr::new(address.ip().to_canonical(), address.port());
                let by = self.by_address(address.ip(), target.port, name)?;
                Some((address, by.to_string()))
            })
            .collect();
        match (allowed.is_empty(), found.first()) {
            (false, _) => Ok(allowed),
            (true, Some(address)) => {
                Err(Judged::Private { authority: target.to_string(), address: address.ip().to_canonical() })
            }
            (true, None) => Err(Judged::Unlisted { authority: target.to_string() }),
        }
    }

    fn by_name(&self, name: &str, port: u16) -> Option<&Destination> {
        self.0.iter().find(|each| each.is_on(port) && matches!(&each.to, To::Names(host) if host.matches(name)))
    }

    /// What allows an address: a network that holds it, or, for one that is public, the name it was found by.
    fn by_address<'a>(&'a self, address: IpAddr, port: u16, name: Option<&'a Destination>) -> Option<&'a Destination> {
        let holds = |each: &&Destination| {
            each.is_on(port) && matches!(&each.to, To::Addresses(network) if network.contains(address))
        };
        let any = || self.by_name(ANY, port).filter(|each| matches!(each.to, To::Names(Host::Default)));
        self.0.iter().find(holds).or_else(|| name.or_else(any).filter(|_| is_public(address)))
    }
}

/// A name that nobody has, and so is only for what takes every name.
const ANY: &str = "";

impl Destination {
    /// Reads `api.example:443`, `*.example.org:443`, `*:443`, `10.0.0.0/8:5432`, `[fd00::/8]:443`; `:*` is any port.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no destination such as api.example:443, *:443 or 10.0.0.0/8:5432");
        let (host, port) = text.rsplit_once(':').filter(|(_, port)| !port.contains(']')).ok_or_else(wrong)?;
        let port = match port {
            "*" => None,
            port => Some(port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let to = match bare {
            Some(inside) => To::Addresses(Network::parse(inside)?),
            None if host.starts_with(|char: char| char.is_ascii_digit()) && !host.ends_with(char::is_alphabetic) => {
                To::Addresses(Network::parse(host)?)
            }
            None if host == "*" => To::Names(Host::Default),
            None => match Host::parse(host)? {
                Host::Default => return Err(wrong()),
                host => To::Names(host),
            },
        };
        Ok(Self { to, port })
    }

    fn is_on(&self, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.to {
            To::Names(Host::Default) => f.write_str("*")?,
            To::Names(host) => host.fmt(f)?,
            To::Addresses(network) => {
                let shown = network.to_string();
                if shown.contains(':') { write!(f, "[{shown}]")? } else { f.write_str(&shown)? }
            }
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => f.write_str(":*"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Named::Name(name) => write!(f, "{name}:{}", self.port),
            Named::Address(address) => SocketAddr::new(*address, self.port).fmt(f),
        }
    }
}

/// Whether an address is one of the public internet (the registries of RFC 6890): not of this machine, of a private
/// network, of a link, for many, for examples, and not one of these inside of another.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => {
            let segments = address.segments();
            let embedded = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
            match segments {
                // NAT64 (RFC 6052): the address that the other side sees is inside.
                [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(embedded(high, low)),
                // 6to4 (RFC 3056), likewise.
                [0x2002, high, low, ..] => is_public_v4(embedded(high, low)),
                // Of 2001::/23 nothing is an ordinary host's, Teredo least of all; 2001:db8::/32 and 3fff::/20 are
                // examples.
                [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
                // All that is given out lies here (RFC 4291, section 2.4).
                [first, ..] => first & 0xe000 == 0x2000,
            }
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        [0 | 10 | 127, ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [192, 168, ..]
            | [198, 18..=19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
            | [224..=255, ..]
    )
}

static RULE: Rule = Rule {
    name: "proxy-destination",
    section: "RFC 9110, section 9.3.6",
    says: "A proxy restricts CONNECT to destinations that are known, so that nobody reaches through it what only it can reach.",
};

impl Decision for Judged {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Allowed { address, .. } => format!("led to {address}").into(),
            Self::Malformed { .. } => "400 Bad Request".into(),
            Self::Unlisted { .. } | Self::Private { .. } => "403 Forbidden".into(),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Allowed { authority, by, .. } => {
                format!("`allow \"{by}\"` is for {}", Shown(authority.as_bytes())).into()
            }
            Self::Malformed { authority, because } => {
                format!("{} is no destination: {because}", Shown(authority.as_bytes())).into()
            }
            Self::Unlisted { authority } => {
                format!("nothing that is allowed is for {}", Shown(authority.as_bytes())).into()
            }
            Self::Private { authority, address } => {
                format!("{} stands for {address}, which is not public", Shown(authority.as_bytes())).into()
            }
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Allowed { .. } | Self::Malformed { .. } => None,
            Self::Unlisted { authority } => {
                Some(format!("`allow \"{}\"` would have led there", Shown(authority.as_bytes())).into())
            }
            Self::Private { address, .. } => {
                Some(format!("an `allow` for a network with {address} would have led there").into())
            }
        }
    }

    fn setting(&self) -> Option<&'static str> {
        Some("allow")
    }

    fn declines(&self) -> bool {
        !matches!(self, Self::Allowed { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(texts: &[&str]) -> Destinations {
        Destinations(texts.iter().map(|text| Destination::parse(text).unwrap()).collect())
    }

    /// What becomes of a request for `authority` whose name stands for `found`.
    fn judged(list: &Destinations, authority: &str, found: &[&str]) -> String {
        let target = match list.admit(authority, None) {
            Ok(target) => target,
            Err(refused) => return refused.because().into_owned(),
        };
        let found: Vec<SocketAddr> =
            found.iter().map(|address| SocketAddr::new(address.parse().unwrap(), target.port)).collect();
        match list.addresses(&target, &found) {
            Ok(addresses) => {
                addresses.iter().map(|(address, by)| format!("{address} by {by}")).collect::<Vec<_>>().join(", ")
            }
            Err(refused) => refused.because().into_owned(),
        }
    }

    #[test]
    fn a_name_leads_to_public_addresses_only_and_an_address_to_listed_networks() {
        let list = list(&["api.example:443", "*.example.org:*", "10.1.0.0/16:5432", "[fd00::/8]:80"]);
        for (authority, found, expected) in [
            ("api.example:443", &["93.184.216.34"][..], "93.184.216.34:443 by api.example:443"),
            ("API.Example.:443", &["93.184.216.34"], "93.184.216.34:443 by api.example:443"),
            ("api.example:80", &[], "nothing that is allowed is for api.example:80"),
            ("a.example.org:8080", &["2606:2800::1"], "[2606:2800::1]:8080 by *.example.org:*"),
            ("example.org:443", &[], "nothing that is allowed is for example.org:443"),
            // Its owner had it stand for something of ours.
            ("api.example:443", &["127.0.0.1"], "api.example:443 stands for 127.0.0.1, which is not public"),
            ("api.example:443", &["::ffff:10.0.0.1"], "api.example:443 stands for 10.0.0.1, which is not public"),
            ("api.example:443", &["127.0.0.1", "93.184.216.34"], "93.184.216.34:443 by api.example:443"),
            ("a.example.org:5432", &["10.1.2.3"], "10.1.2.3:5432 by 10.1.0.0/16:5432"),
            ("10.1.2.3:5432", &["10.1.2.3"], "10.1.2.3:5432 by 10.1.0.0/16:5432"),
            ("10.1.2.3:22", &[], "nothing that is allowed is for 10.1.2.3:22"),
            ("[fd00::1]:80", &["fd00::1"], "[fd00::1]:80 by [fd00::/8]:80"),
            ("93.184.216.34:443", &[], "nothing that is allowed is for 93.184.216.34:443"),
            ("api.example", &[], "api.example is no destination: it names no port"),
            ("api.example:0", &[], "api.example:0 is no destination: it names no port"),
            ("api.example:65536", &[], "api.example:65536 is no destination: it names no port"),
            ("u@api.example:443", &[], "u@api.example:443 is no destination: it holds a user"),
            ("[::1%1]:80", &[], "[::1%1]:80 is no destination: what stands in brackets is no address"),
            ("a b:80", &[], "a b:80 is no destination: its host is no name"),
        ] {
            assert_eq!(judged(&list, authority, found), expected, "{authority}");
        }
        for wrong in ["api.example", "api.example:x", "default:80", "10.0.0.1/8:80", ":80", "api.example:0", "a/b:80"] {
            assert!(Destination::parse(wrong).is_err(), "{wrong}");
        }
        for text in ["api.example:443", "*.example.org:*", "*:443", "10.1.0.0/16:5432", "10.1.2.3:80", "[fd00::/8]:80"]
        {
            assert_eq!(Destination::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn the_corpus_finds_no_way_in() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/corpus/corpus.json");
        let corpus: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let cases: Vec<_> = corpus.iter().filter(|case| case["target"] == "connect-ssrf").collect();
        assert_eq!(cases.len(), 13, "the corpus is not whole");
        for case in cases {
            let authority = case["input"]["authority"].as_str().unwrap();
            let allowed: Vec<&str> =
                case["input"]["allow"].as_array().unwrap().iter().map(|each| each.as_str().unwrap()).collect();
            // Whatever a name stands for, and also where every public address is allowed.
            for list in [list(&allowed), list(&["api.example:443", "*:443", "*:80"])] {
                let found = judged(&list, authority, &["127.0.0.1", "::1", "169.254.169.254"]);
                assert!(!found.contains(" by "), "{}: {found}", case["id"]);
            }
        }
    }

    #[test]
    fn public_addresses_are_those_of_ordinary_hosts() {
        for (address, expected) in [
            ("1.1.1.1", true),
            ("100.63.255.255", true),
            ("100.64.0.0", false),
            ("172.15.0.1", true),
            ("172.31.255.255", false),
            ("192.0.0.8", false),
            ("192.0.1.1", true),
            ("198.17.0.1", true),
            ("198.19.0.1", false),
            ("223.255.255.255", true),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("0.0.0.0", false),
            ("2606:4700::1111", true),
            ("::ffff:1.1.1.1", true),
            ("::ffff:127.0.0.1", false),
            ("::127.0.0.1", false),
            ("64:ff9b::1.1.1.1", true),
            ("64:ff9b::10.0.0.1", false),
            ("64:ff9b:1::1.1.1.1", false),
            ("2002:0a00:0001::1", false),
            ("2002:0101:0101::1", true),
            ("2001:0:4136::1", false),
            ("2001:4860:4860::8888", true),
            ("2001:db8::1", false),
            ("fe80::1", false),
            ("fc00::1", false),
            ("ff02::1", false),
            ("::", false),
            ("::1", false),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
        }
    }
}
