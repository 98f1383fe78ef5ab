//! From the name of a host to addresses, each answer with how long it holds.
//!
//! First what the settings say, then the hosts file, then DNS. What was said is remembered for as long as it holds, and
//! when nobody can be asked, the last good answer goes on (RFC 8767).

mod answer;
mod dns;
mod hosts;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use wirelight_service::{Clock, Error, Fault, Kind};

pub use self::answer::{Answer, Provenance};

use self::dns::{Dns, Said};
use crate::error::{Phase, fail_with};

/// Looks names up and remembers what was said; cheap to clone, and clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct Resolver(Arc<Inner>);

#[derive(Default)]
struct Inner {
    settings: Settings,
    clock: Clock,
    /// Made when it is first needed, since reading the system's settings takes a while; `None` if it names no server.
    dns: OnceLock<Option<Dns>>,
    known: Mutex<HashMap<String, Arc<Entry>>>,
}

/// What is known of one name.
#[derive(Default)]
struct Entry {
    /// Held while servers are asked, so that they are asked once.
    asking: tokio::sync::Mutex<()>,
    known: Mutex<Option<Known>>,
}

#[derive(Clone)]
struct Known {
    said: Result<Good, String>,
    until: Instant,
    /// The last good answer, and how long it may go on when nobody can be asked.
    kept: Option<(Good, Instant)>,
}

#[derive(Clone)]
struct Good {
    addresses: Vec<IpAddr>,
    from: Provenance,
}

/// What a resolver is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Addresses that stand for a host and port, whatever anybody else would say.
    pub overrides: HashMap<(String, u16), Vec<IpAddr>>,
    /// Which family of addresses is used.
    pub family: Family,
    /// Who is asked.
    pub source: Source,
    /// The hosts file, which comes before DNS; `None` for none.
    pub hosts_file: Option<PathBuf>,
    /// How long an answer is held that does not say how long it may be: the hosts file's, the system's.
    pub memory: Duration,
    /// An answer of DNS is held at least so long, whatever it says.
    pub ttl_min: Duration,
    /// An answer of DNS is held at most so long, whatever it says.
    pub ttl_max: Duration,
    /// That a name has no address is held at most so long (RFC 2308, section 5).
    pub negative_max: Duration,
    /// That nobody could be asked is held so long (RFC 9520, section 3.2).
    pub failure_memory: Duration,
    /// How long after its end the last good answer goes on when nobody can be asked (RFC 8767, section 5).
    pub kept_max: Duration,
    /// How soon servers are asked again while the last good answer goes on (RFC 8767, section 5).
    pub kept_again: Duration,
    /// How long one server is waited for.
    pub query_timeout: Duration,
    /// How often a question is asked again.
    pub attempts: usize,
    /// How long the second family is waited for once the first has answered (RFC 8305, section 3).
    pub family_delay: Duration,
    /// Of how many names answers are held.
    pub names_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            overrides: HashMap::new(),
            family: Family::Any,
            source: Source::Dns,
            hosts_file: Some(PathBuf::from("/etc/hosts")),
            memory: Duration::from_secs(10),
            ttl_min: Duration::from_secs(1),
            ttl_max: Duration::from_secs(24 * 3600),
            negative_max: Duration::from_secs(60),
            failure_memory: Duration::from_secs(1),
            kept_max: Duration::from_secs(24 * 3600),
            kept_again: Duration::from_secs(30),
            query_timeout: Duration::from_secs(3),
            attempts: 2,
            family_delay: Duration::from_millis(50),
            names_max: 1024,
        }
    }
}

/// Who is asked for names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Source {
    /// The servers of DNS that the system names (`/etc/resolv.conf`), or its own functions where it names none.
    #[default]
    Dns,
    /// These servers of DNS, over UDP and TCP.
    Servers(Vec<SocketAddr>),
    /// The system's own functions, which also know what DNS does not (NSS), but not how long an answer holds.
    System,
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

impl Resolver {
    /// A resolver with settings of its own.
    pub fn new(settings: Settings, clock: Clock) -> Self {
        Self(Arc::new(Inner { settings, clock, ..Inner::default() }))
    }

    /// The addresses of a host, in the order in which they are to be tried (RFC 8305, section 4); never none.
    ///
    /// # Errors
    /// If there is no address of the family that is wanted, or nobody can be asked and no good answer is held.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Answer, Error> {
        let settings = &self.0.settings;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let mut name = bare.to_ascii_lowercase();
        if let Some(addresses) = settings.overrides.get(&(name.clone(), port)) {
            return self.answer(bare, port, addresses, None, Provenance::Override);
        }
        if let Ok(address) = bare.parse::<IpAddr>() {
            return self.answer(bare, port, &[address], None, Provenance::Literal);
        }
        if name.ends_with('.') {
            name.pop();
        }
        let known = self.known(&name).await;
        match known.said {
            Ok(good) => self.answer(bare, port, &good.addresses, Some(known.until), good.from),
            Err(because) => Err(unknown(bare, io::Error::new(io::ErrorKind::NotFound, because))),
        }
    }

    fn answer(
        &self,
        host: &str,
        port: u16,
        addresses: &[IpAddr],
        valid_until: Option<Instant>,
        from: Provenance,
    ) -> Result<Answer, Error> {
        let family = self.0.settings.family;
        let addresses =
            interleave(addresses.iter().map(|address| SocketAddr::new(*address, port)).filter(|a| family.takes(a)));
        if addresses.is_empty() {
            return Err(unknown(host, io::Error::new(io::ErrorKind::NotFound, family.lacking())));
        }
        Ok(Answer { addresses, valid_until, from })
    }

    /// What is known of a name; servers are asked if it is nothing, or holds no longer.
    async fn known(&self, name: &str) -> Known {
        let entry = self.entry(name);
        if let Some(known) = entry.current(self.0.clock.now()) {
            return known;
        }
        let _asking = entry.asking.lock().await;
        if let Some(known) = entry.current(self.0.clock.now()) {
            return known;
        }
        let before = entry.lock().clone();
        let known = self.learn(name, before).await;
        *entry.lock() = Some(known.clone());
        known
    }

    fn entry(&self, name: &str) -> Arc<Entry> {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = known.get(name) {
            return Arc::clone(entry);
        }
        let now = self.0.clock.now();
        if known.len() >= self.0.settings.names_max {
            // Those that hold no longer go first; if all hold, any one makes room.
            known.retain(|_, entry| Arc::strong_count(entry) > 1 || entry.current(now).is_some());
            if known.len() >= self.0.settings.names_max
                && let Some(any) = known.keys().next().cloned()
            {
                known.remove(&any);
            }
        }
        Arc::clone(known.entry(name.to_owned()).or_default())
    }

    /// Asks whoever is to be asked, and judges what that means beside what was known before.
    async fn learn(&self, name: &str, before: Option<Known>) -> Known {
        let Inner { settings, clock, .. } = &*self.0;
        let good = |addresses: Vec<IpAddr>, from: Provenance, lifetime: Duration| {
            let until = clock.now() + lifetime;
            let good = Good { addresses, from };
            Known { said: Ok(good.clone()), until, kept: Some((good, until + settings.kept_max)) }
        };
        let is_system = settings.source == Source::System;
        if !is_system && let Some(path) = &settings.hosts_file {
            let file = tokio::fs::read_to_string(path).await.unwrap_or_default();
            let found = hosts::find(&file, name);
            if !found.is_empty() {
                return good(found, Provenance::Hosts, settings.memory);
            }
        }
        if !is_system && is_localhost(name) {
            let loopback = vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
            return good(loopback, Provenance::Loopback, settings.memory);
        }
        let dns = if is_system { None } else { self.0.dns.get_or_init(|| Dns::new(settings).ok()).as_ref() };
        let said = match dns {
            Some(dns) => dns.ask(name, clock).await,
            None => return self.judge(before, ask_system(name, settings.memory).await, |_| Provenance::System),
        };
        self.judge(before, said, |ttl| Provenance::Dns { ttl })
    }

    /// What an answer means beside what was known before.
    fn judge(&self, before: Option<Known>, said: Said, from: impl Fn(Duration) -> Provenance) -> Known {
        let Inner { settings, clock, .. } = &*self.0;
        let now = clock.now();
        match said {
            Said::Addresses { addresses, ttl, is_partial } => {
                let held = if is_partial { settings.ttl_min } else { ttl.clamp(settings.ttl_min, settings.ttl_max) };
                let good = Good { addresses, from: from(ttl) };
                Known { said: Ok(good.clone()), until: now + held, kept: Some((good, now + held + settings.kept_max)) }
            }
            Said::Nothing { because, ttl } => {
                let held = ttl.unwrap_or(settings.failure_memory).min(settings.negative_max);
                Known { said: Err(because), until: now + held, kept: None }
            }
            Said::Failed(because) => match before.and_then(|known| known.kept).filter(|(_, end)| *end > now) {
                Some((good, end)) => {
                    let went_on = Good { from: Provenance::Kept { because }, ..good.clone() };
                    let until = (now + settings.kept_again).min(end);
                    Known { said: Ok(went_on), until, kept: Some((good, end)) }
                }
                None => Known { said: Err(because), until: now + settings.failure_memory, kept: None },
            },
        }
    }
}

impl Entry {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known, if it still holds.
    fn current(&self, now: Instant) -> Option<Known> {
        self.lock().as_ref().filter(|known| known.until > now).cloned()
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").field("settings", &self.settings).finish_non_exhaustive()
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

    fn lacking(self) -> &'static str {
        match self {
            Self::Any => "no address stands for it",
            Self::V4 => "it has no IPv4 address",
            Self::V6 => "it has no IPv6 address",
        }
    }
}

/// Whether a name means this machine, so that nobody is asked (RFC 6761, section 6.3).
fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

async fn ask_system(name: &str, memory: Duration) -> Said {
    match tokio::net::lookup_host((name, 0)).await {
        Ok(found) => {
            let addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            match addresses.is_empty() {
                true => Said::Nothing { because: Family::Any.lacking().to_owned(), ttl: None },
                false => Said::Addresses { addresses, ttl: memory, is_partial: false },
            }
        }
        Err(error) => Said::Failed(error.to_string()),
    }
}

fn unknown(host: &str, error: io::Error) -> Error {
    let because = format!("the name {host} could not be resolved: {error}");
    fail_with(Phase::Resolve, Kind::Unreachable, Fault::Upstream, because, error)
}

/// Alternates the families, beginning with the one that came first; no address comes twice.
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
    async fn overrides_come_first_and_families_are_kept_to() {
        let overrides =
            HashMap::from([(("a.test".to_owned(), 80), vec!["::1".parse().unwrap(), "127.0.0.9".parse().unwrap()])]);
        let resolver =
            Resolver::new(Settings { overrides, family: Family::V4, ..Settings::default() }, Clock::system());
        let answer = resolver.resolve("A.test", 80).await.unwrap();
        assert_eq!(
            (answer.addresses, answer.valid_until, answer.from),
            (sockets(&["127.0.0.9:80"]), None, Provenance::Override)
        );
        let error = resolver.resolve("[::1]", 80).await.unwrap_err();
        assert!(error.to_string().contains("it has no IPv4 address"), "{error}");
        assert_eq!(Phase::of(&error), Phase::Resolve);
    }

    #[tokio::test]
    async fn the_system_is_asked_by_name() {
        let settings = Settings { source: Source::System, ..Settings::default() };
        let resolver = Resolver::new(settings, Clock::system());
        let answer = resolver.resolve("localhost", 80).await.unwrap();
        assert_eq!(answer.from, Provenance::System);
        assert!(answer.addresses.iter().all(|address| address.ip().is_loopback()), "{answer:?}");
        let error = resolver.resolve("nobody.invalid", 80).await.unwrap_err();
        assert!(error.to_string().starts_with("the name nobody.invalid could not be resolved"), "{error}");
    }
}
