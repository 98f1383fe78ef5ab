//! Asking servers of DNS for both families at once (RFC 8305, section 3).

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RecordType};

use super::{Family, Settings, Source};
use wirelight_service::Clock;

/// Servers of DNS, and how they are asked.
pub(super) struct Dns {
    resolver: TokioResolver,
    family: Family,
    family_delay: Duration,
}

/// What servers of DNS said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// These addresses, for so long.
    Addresses {
        /// Those of IPv6 first.
        addresses: Vec<IpAddr>,
        /// The shortest lifetime of a record that led to them.
        ttl: Duration,
        /// Whether one family was not waited for any longer.
        is_partial: bool,
    },
    /// That there are none; for how long, if they said (RFC 2308, section 5).
    Nothing {
        /// In what way there are none.
        because: String,
        /// How long that holds.
        ttl: Option<Duration>,
    },
    /// Nothing that could be used.
    Failed(String),
}

impl Dns {
    /// The servers that the settings name; an error if the system names none.
    pub(super) fn new(settings: &Settings) -> Result<Self, String> {
        let provider = TokioRuntimeProvider::default();
        let mut builder = match &settings.source {
            Source::Servers(servers) => {
                let servers = servers.iter().map(server).collect();
                TokioResolver::builder_with_config(ResolverConfig::from_parts(None, Vec::new(), servers), provider)
            }
            Source::Dns | Source::System => TokioResolver::builder(provider).map_err(|error| error.to_string())?,
        };
        let options = builder.options_mut();
        // What was said is remembered in one place, by one clock: ours.
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        options.timeout = settings.query_timeout;
        options.attempts = settings.attempts;
        options.try_tcp_on_error = true;
        let resolver = builder.build().map_err(|error| error.to_string())?;
        Ok(Self { resolver, family: settings.family, family_delay: settings.family_delay })
    }

    /// Asks for the addresses of a name.
    pub(super) async fn ask(&self, name: &str, clock: &Clock) -> Said {
        let Ok(name) = Name::from_utf8(name) else { return Said::Failed("it is no name of DNS".to_owned()) };
        match self.family {
            Family::V4 => said([Some(self.resolver.lookup(name, RecordType::A).await), None]),
            Family::V6 => said([Some(self.resolver.lookup(name, RecordType::AAAA).await), None]),
            Family::Any => said(self.ask_both(name, clock).await),
        }
    }

    /// Both answers, IPv6 first; once one of them holds addresses, the other is not waited for much longer.
    async fn ask_both(&self, name: Name, clock: &Clock) -> [Option<Result<Lookup, NetError>>; 2] {
        let mut ipv6 = pin!(self.resolver.lookup(name.clone(), RecordType::AAAA));
        let mut ipv4 = pin!(self.resolver.lookup(name, RecordType::A));
        let holds = |answer: &Result<Lookup, NetError>| answer.as_ref().is_ok_and(|found| !addresses(found).is_empty());
        tokio::select! {
            first = &mut ipv6 => {
                if !holds(&first) {
                    return [Some(first), Some(ipv4.await)];
                }
                tokio::select! {
                    second = &mut ipv4 => [Some(first), Some(second)],
                    () = clock.sleep(self.family_delay) => [Some(first), None],
                }
            }
            first = &mut ipv4 => {
                if !holds(&first) {
                    return [Some(ipv6.await), Some(first)];
                }
                tokio::select! {
                    second = &mut ipv6 => [Some(second), Some(first)],
                    () = clock.sleep(self.family_delay) => [None, Some(first)],
                }
            }
        }
    }
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let mut ways = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
    ways.iter_mut().for_each(|way| way.port = address.port());
    NameServerConfig::new(address.ip(), true, ways)
}

fn addresses(found: &Lookup) -> Vec<IpAddr> {
    found.answers().iter().filter_map(|record| record.data.ip_addr()).collect()
}

/// One judgement of the answers for both families.
fn said(answers: [Option<Result<Lookup, NetError>>; 2]) -> Said {
    let is_partial = answers.iter().flatten().count() < 2;
    let (mut found, mut ttl) = (Vec::new(), Duration::MAX);
    let (mut nothing, mut failed) = (None, None);
    for answer in answers.into_iter().flatten() {
        match answer {
            Ok(lookup) => {
                let seconds = lookup.answers().iter().map(|record| record.ttl).min().unwrap_or(0);
                found.extend(addresses(&lookup));
                ttl = ttl.min(Duration::from_secs(seconds.into()));
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                let is_nobody = NetError::Dns(DnsError::NoRecordsFound(none.clone())).is_nx_domain();
                let because = if is_nobody { "there is no such name" } else { "no address stands for it" };
                let lifetime = none.negative_ttl.map(|seconds| Duration::from_secs(seconds.into()));
                nothing = Some(Said::Nothing { because: because.to_owned(), ttl: lifetime });
            }
            Err(error) => failed = Some(Said::Failed(in_words(&error))),
        }
    }
    if !found.is_empty() {
        return Said::Addresses { addresses: found, ttl, is_partial };
    }
    // That one family has no address says nothing while the other could not be asked.
    failed.or(nothing).unwrap_or_else(|| Said::Nothing { because: "no address stands for it".to_owned(), ttl: None })
}

fn in_words(error: &NetError) -> String {
    match error {
        NetError::Timeout => "no server of DNS answered in time".to_owned(),
        NetError::NoConnections => "no server of DNS could be reached".to_owned(),
        NetError::Dns(DnsError::ResponseCode(code)) => format!("the server of DNS answered {code}"),
        error => format!("the server of DNS could not be asked: {error}"),
    }
}
