//! From the name of a host to addresses.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use wirelight_service::{Clock, Error, Fault, Kind};

use crate::error::{Phase, fail_with};

/// Looks names up, as the system does (hosts file, DNS), after what it was told to say instead.
#[derive(Debug, Clone, Default)]
pub struct Resolver(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    settings: Settings,
    clock: Clock,
    known: Mutex<HashMap<(String, u16), Known>>,
}

/// What a resolver is told.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Addresses that stand for a host and port, whatever the system would say.
    pub overrides: HashMap<(String, u16), Vec<IpAddr>>,
    /// Which family of addresses is used.
    pub family: Family,
    /// How long an answer of the system is remembered; it does not tell how long it may be. Zero asks each time.
    pub memory: Duration,
}

/// A family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Family {
    /// Any.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

#[derive(Debug)]
struct Known {
    addresses: Vec<SocketAddr>,
    until: Instant,
}

impl Resolver {
    /// A resolver with settings of its own.
    pub fn new(settings: Settings, clock: Clock) -> Self {
        Self(Arc::new(Inner { settings, clock, known: Mutex::default() }))
    }

    /// The addresses of a host, in the order in which they are to be tried (RFC 8305, section 4); never none.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
        let settings = &self.0.settings;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let key = (bare.to_ascii_lowercase(), port);
        let found = if let Some(addresses) = settings.overrides.get(&key) {
            addresses.iter().map(|address| SocketAddr::new(*address, port)).collect()
        } else if let Ok(address) = bare.parse::<IpAddr>() {
            vec![SocketAddr::new(address, port)]
        } else if let Some(known) = self.known(&key) {
            known
        } else {
            let found: Vec<_> =
                tokio::net::lookup_host((bare, port)).await.map_err(|error| unknown(bare, error))?.collect();
            self.remember(key, &found);
            found
        };
        let sorted = interleave(found.into_iter().filter(|address| settings.family.takes(address)));
        if sorted.is_empty() {
            let because = match settings.family {
                Family::Any => "no address stands for it",
                Family::V4 => "it has no IPv4 address",
                Family::V6 => "it has no IPv6 address",
            };
            return Err(unknown(bare, io::Error::new(io::ErrorKind::NotFound, because)));
        }
        Ok(sorted)
    }

    fn known(&self, key: &(String, u16)) -> Option<Vec<SocketAddr>> {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.0.clock.now();
        known.retain(|_, known| known.until > now);
        known.get(key).map(|known| known.addresses.clone())
    }

    fn remember(&self, key: (String, u16), addresses: &[SocketAddr]) {
        let memory = self.0.settings.memory;
        if !memory.is_zero() {
            let known = Known { addresses: addresses.to_vec(), until: self.0.clock.now() + memory };
            self.0.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key, known);
        }
    }
}

impl Family {
    fn takes(self, address: &SocketAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

fn unknown(host: &str, error: io::Error) -> Error {
    let because = format!("the name {host} could not be resolved: {error}");
    fail_with(Phase::Resolve, Kind::Unreachable, Fault::Upstream, because, error)
}

/// Alternates the families, beginning with the one that the system put first; no address comes twice.
fn interleave(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut distinct: Vec<SocketAddr> = Vec::new();
    for address in addresses {
        if !distinct.contains(&address) {
            distinct.push(address);
        }
    }
    let Some(first) = distinct.first().map(SocketAddr::is_ipv6) else { return distinct };
    let (preferred, other): (Vec<_>, Vec<_>) = distinct.into_iter().partition(|address| address.is_ipv6() == first);
    let mut sorted = Vec::with_capacity(preferred.len() + other.len());
    let (mut preferred, mut other) = (preferred.into_iter(), other.into_iter());
    loop {
        match (preferred.next(), other.next()) {
            (None, None) => return sorted,
            (one, two) => sorted.extend(one.into_iter().chain(two)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sockets(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_alternate() {
        let sorted =
            interleave(sockets(&["[::1]:1", "[::2]:1", "[::1]:1", "1.1.1.1:1", "[::3]:1", "1.1.1.2:1"]).into_iter());
        assert_eq!(sorted, sockets(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1", "[::3]:1"]));
    }

    #[tokio::test]
    async fn overrides_come_before_the_system_and_families_are_kept_to() {
        let overrides =
            HashMap::from([(("a.test".to_owned(), 80), vec!["::1".parse().unwrap(), "127.0.0.9".parse().unwrap()])]);
        let resolver =
            Resolver::new(Settings { overrides, family: Family::V4, ..Settings::default() }, Clock::system());
        assert_eq!(resolver.resolve("A.test", 80).await.unwrap(), sockets(&["127.0.0.9:80"]));
        let error = resolver.resolve("[::1]", 80).await.unwrap_err();
        assert!(error.to_string().contains("it has no IPv4 address"), "{error}");
        assert_eq!(Phase::of(&error), Phase::Resolve);
    }

    #[tokio::test]
    async fn a_name_that_nobody_knows_is_an_error_that_says_so() {
        let error = Resolver::default().resolve("nobody.invalid", 80).await.unwrap_err();
        assert!(error.to_string().starts_with("the name nobody.invalid could not be resolved"), "{error}");
    }
}
