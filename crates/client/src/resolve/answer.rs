//! What a name stands for, who said so, and for how long.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use wirelight_semantics::decision::{Decision, Rule};

/// The addresses of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// In the order in which they are to be tried (RFC 8305, section 4); at least one.
    pub addresses: Vec<SocketAddr>,
    /// When to ask again, by the resolver's clock; `None` if the answer never changes.
    pub valid_until: Option<Instant>,
    /// Who said so.
    pub from: Provenance,
}

/// Who said what a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provenance {
    /// The name is an address.
    Literal,
    /// The settings.
    Override,
    /// The hosts file.
    Hosts,
    /// The name means this machine (RFC 6761, section 6.3).
    Loopback,
    /// DNS, for so long.
    Dns {
        /// The lifetime of the records.
        ttl: Duration,
    },
    /// The system's own functions.
    System,
    /// Whoever said so before: nobody can be asked now.
    Kept {
        /// What became of asking.
        because: String,
    },
}

static RESOLUTION: Rule = Rule {
    name: "name-resolution",
    section: "RFC 9110, section 7.3.3",
    says: "A client that is not given a proxy resolves the host of the target to an address.",
};
static LOCALHOST: Rule = Rule {
    name: "localhost",
    section: "RFC 6761, section 6.3",
    says: "The name localhost and those below it mean this machine, and nobody is asked for them.",
};
static LIFETIME: Rule = Rule {
    name: "record-lifetime",
    section: "RFC 1035, section 3.2.1",
    says: "A record may be held for as long as its TTL says, and then it is asked for again.",
};
static STALE: Rule = Rule {
    name: "serve-stale",
    section: "RFC 8767, section 4",
    says: "When servers cannot be reached, an answer that they gave before is better than none.",
};

impl Decision for Answer {
    fn rule(&self) -> &'static Rule {
        match self.from {
            Provenance::Literal | Provenance::Override | Provenance::Hosts | Provenance::System => &RESOLUTION,
            Provenance::Loopback => &LOCALHOST,
            Provenance::Dns { .. } => &LIFETIME,
            Provenance::Kept { .. } => &STALE,
        }
    }

    fn outcome(&self) -> Cow<'static, str> {
        let addresses: Vec<String> = self.addresses.iter().map(|address| address.ip().to_string()).collect();
        format!("the name stands for {}", addresses.join(", ")).into()
    }

    fn because(&self) -> Cow<'static, str> {
        match &self.from {
            Provenance::Literal => "it is an address".into(),
            Provenance::Override => "the settings say so".into(),
            Provenance::Hosts => "the hosts file says so".into(),
            Provenance::Loopback => "localhost means this machine".into(),
            Provenance::Dns { ttl } => format!("DNS says so, for {ttl:?}").into(),
            Provenance::System => "the system says so".into(),
            Provenance::Kept { because } => format!("{because}, and it stood for them before").into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self.from {
            Provenance::Override => Some("without the override, the hosts file and DNS would have been asked".into()),
            Provenance::Hosts => Some("without an entry in the hosts file, DNS would have been asked".into()),
            Provenance::Kept { .. } => Some("a server that answers would have been believed".into()),
            Provenance::Literal | Provenance::Loopback | Provenance::Dns { .. } | Provenance::System => None,
        }
    }
}
