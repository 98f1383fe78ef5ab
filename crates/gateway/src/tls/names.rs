//! The names that a server on this machine is reached by.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::value::Host;

/// A name that a certificate can be for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// The name of a host, in lower case.
    Host(String),
    /// An address.
    Address(IpAddr),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => f.write_str(host),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// The names of a server that listens on `address`, on a machine that calls itself `host`: localhost and the loopback
/// addresses, the machine's name with and without `.local` (RFC 6762, section 3), and the address itself.
pub fn of_server(host: &str, address: IpAddr) -> Vec<Name> {
    let mut names = vec![
        Name::Host("localhost".to_owned()),
        Name::Address(Ipv4Addr::LOCALHOST.into()),
        Name::Address(Ipv6Addr::LOCALHOST.into()),
    ];
    let mut add = |name| {
        if !names.contains(&name) {
            names.push(name);
        }
    };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if is_host(&host) {
        add(Name::Host(host.clone()));
        if !host.contains('.') && host != "localhost" {
            add(Name::Host(format!("{host}.local")));
        }
    }
    if !address.is_unspecified() {
        add(Name::Address(address));
    }
    names
}

/// The names of the hosts that a site is for, where it listens on `address`.
pub fn of_hosts(hosts: &[Host], address: IpAddr) -> Vec<Name> {
    let mut names = Vec::new();
    for host in hosts {
        let of_it = match host {
            Host::Exact(name) => {
                let bare = name.trim_start_matches('[').trim_end_matches(']');
                vec![bare.parse().map_or_else(|_| Name::Host(name.clone()), Name::Address)]
            }
            Host::Below(suffix) => vec![Name::Host(format!("*{suffix}"))],
            Host::Default => of_server(&of_machine(), address),
        };
        names.extend(of_it.into_iter().filter(|name| !names.contains(name)).collect::<Vec<_>>());
    }
    names
}

/// The name that this machine has for itself.
pub fn of_machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Whether a certificate can be for a name: labels of letters, digits and hyphens (RFC 5280, section 4.2.1.6), and
/// no address in disguise.
fn is_host(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253 && name.split('.').all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_known_by_its_hosts() {
        let hosts: Vec<Host> =
            ["a.test", "*.b.test", "127.0.0.1", "[::1]"].map(|host| Host::parse(host).unwrap()).into();
        let names: Vec<String> = of_hosts(&hosts, [0, 0, 0, 0].into()).iter().map(Name::to_string).collect();
        assert_eq!(names, ["a.test", "*.b.test", "127.0.0.1", "::1"]);
        assert!(of_hosts(&[Host::Default], [0, 0, 0, 0].into()).contains(&Name::Host("localhost".to_owned())));
    }

    #[test]
    fn a_server_is_known_by_its_machine_and_its_address() {
        let always = "localhost 127.0.0.1 ::1";
        for (host, address, more) in [
            ("laptop", "127.0.0.1", " laptop laptop.local"),
            ("Build.Example.TEST.", "10.0.0.7", " build.example.test 10.0.0.7"),
            ("localhost", "0.0.0.0", ""),
            ("", "::", ""),
            ("my_host", "::1", ""),
            ("-x", "::1", ""),
            ("10.1.2.3", "127.0.0.1", ""),
            ("a..b", "fe80::1", " fe80::1"),
        ] {
            let names: Vec<String> = of_server(host, address.parse().unwrap()).iter().map(Name::to_string).collect();
            assert_eq!(names.join(" "), format!("{always}{more}"), "{host}");
        }
    }
}
