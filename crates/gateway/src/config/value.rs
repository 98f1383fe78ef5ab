//! Values of the config: durations, sizes, addresses, networks, patterns of hosts.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// A network, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Reads `10.0.0.0/8`, `::1` and the like; the error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let Ok(address) = address.parse::<IpAddr>() else {
            return Err(format!("`{text}` is no address and no network such as 10.0.0.0/8"));
        };
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => most,
            Some(prefix) => match prefix.parse() {
                Ok(prefix) if prefix <= most => prefix,
                _ => return Err(format!("the length of a prefix is a number from 0 to {most}")),
            },
        };
        let network = Self { address, prefix };
        let first = network.first();
        if first != address {
            return Err(format!("`{text}` has bits beyond its prefix: the network is {first}/{prefix}"));
        }
        Ok(network)
    }

    /// Whether the address lies in it; an IPv4 address in an IPv6 one counts as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && Self { address, prefix: self.prefix }.first() == self.address
    }

    fn first(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from(u32::from(address) & mask))
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V6((u128::from(address) & mask).into())
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = if self.address.is_ipv4() { 32 } else { 128 };
        if self.prefix == most { self.address.fmt(f) } else { write!(f, "{}/{}", self.address, self.prefix) }
    }
}

/// The hosts that a site is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// One host.
    Exact(String),
    /// Every host that ends with this, which begins with a dot: `*.example.org` is `.example.org`.
    Below(String),
    /// Every host that no other site is for.
    Default,
}

impl Host {
    /// Reads `example.org`, `*.example.org` or `default`.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "default" {
            return Ok(Self::Default);
        }
        let lower = text.to_ascii_lowercase();
        let (name, is_wild) = match lower.strip_prefix("*.") {
            Some(below) => (below, true),
            None => (lower.as_str(), false),
        };
        if name.contains('*') {
            return Err(format!("`{text}`: a `*` stands for whole labels at the front, as in *.example.org"));
        }
        let is_v6 = name.starts_with('[') && name.ends_with(']') && name[1..name.len() - 1].parse::<IpAddr>().is_ok();
        if name.contains(':') && !is_v6 {
            return Err(format!("`{text}`: a site is for hosts; ports are said with `listen`"));
        }
        let well = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if !is_v6 && !name.trim_end_matches('.').split('.').all(well) {
            return Err(format!(
                "`{text}` is no host; names in other letters are written as browsers send them (xn--...)"
            ));
        }
        let name = name.trim_end_matches('.');
        Ok(if is_wild { Self::Below(format!(".{name}")) } else { Self::Exact(name.to_owned()) })
    }

    /// Whether it is for this host, given in small letters and without a port.
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => name == host,
            Self::Below(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
            Self::Default => true,
        }
    }
}

impl Host {
    /// Whether it is for every host that `other` is for.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Default, _) => true,
            (_, Self::Default) => false,
            (known, Self::Exact(name)) => known.matches(name),
            (Self::Below(known), Self::Below(suffix)) => suffix.ends_with(known.as_str()),
            (Self::Exact(_), Self::Below(_)) => false,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Below(suffix) => write!(f, "*{suffix}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Reads `500ms`, `4s`, `5m`, `2h`; several may follow one another: `1m30s`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration such as 500ms, 4s, 1m30s or 2h");
    let mut rest = text;
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        let unit_end = rest[digits..].find(|char: char| char.is_ascii_digit()).map_or(rest.len(), |end| digits + end);
        let millis: u64 = match &rest[digits..unit_end] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        let part = number.checked_mul(millis).ok_or_else(wrong)?;
        total = total.checked_add(Duration::from_millis(part)).ok_or_else(wrong)?;
        rest = &rest[unit_end..];
    }
    Ok(total)
}

/// Reads `1024`, `64KiB`, `10MiB`, `1GiB`, and `10MB` for millions.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size such as 64KiB, 10MiB or 10MB");
    let digits = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let unit: u64 = match text[digits..].trim_start() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "KB" | "kB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit).ok_or_else(wrong)
}

/// Reads `:8080` (every address of IPv4), `127.0.0.1:8080`, `[::]:8080` and `localhost:8080`.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = || format!("`{text}` is no address with a port, such as 127.0.0.1:8080, [::]:8080 or :8080");
    if let Some(port) = text.strip_prefix(':') {
        let port = port.parse().map_err(|_| wrong())?;
        return Ok(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port));
    }
    if let Some(port) = text.strip_prefix("localhost:") {
        let port = port.parse().map_err(|_| wrong())?;
        return Ok(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
    }
    text.parse().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "::1", false),
            ("127.0.0.1", "::ffff:127.0.0.1", true),
            ("::/0", "2001:db8::1", true),
            ("fd00::/8", "fe80::1", false),
        ] {
            let parsed = Network::parse(network).unwrap();
            assert_eq!(parsed.contains(address.parse().unwrap()), expected, "{network} {address}");
            assert_eq!(parsed.to_string(), network);
        }
        for wrong in ["10.0.0.1/8", "10.0.0.0/33", "example.org", "::/129", ""] {
            assert!(Network::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn hosts_match_what_they_are_for() {
        for (host, name, expected) in [
            ("example.org", "example.org", true),
            ("Example.ORG.", "example.org", true),
            ("example.org", "www.example.org", false),
            ("*.example.org", "www.example.org", true),
            ("*.example.org", "example.org", false),
            ("*.example.org", "badexample.org", false),
            ("default", "anything", true),
            ("[::1]", "[::1]", true),
        ] {
            assert_eq!(Host::parse(host).unwrap().matches(name), expected, "{host} {name}");
        }
        for wrong in ["example.org:80", "a*.org", "*", "", "a b", "/x"] {
            assert!(Host::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_and_sizes_have_units() {
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["", "5", "s", "5 s", "5x", "99999999999999999999s", "18446744073709551615d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(size("64KiB"), Ok(65536));
        assert_eq!(size("10MB"), Ok(10_000_000));
        for wrong in ["", "KiB", "5x", "-1", "18446744073709551615GiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        assert_eq!(address(":80").unwrap().to_string(), "0.0.0.0:80");
        assert!(address("80").is_err());
    }
}
