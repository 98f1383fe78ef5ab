//! The hosts file: names that stand for addresses on this machine, whatever DNS says (hosts(5)).

use std::net::IpAddr;

/// The addresses that a hosts file gives a name, in its order; names compare without regard to case.
pub(super) fn find(file: &str, name: &str) -> Vec<IpAddr> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let entries = file.lines().filter_map(|line| {
        let mut words = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
        // An address with a zone, as in `fe80::1%eth0`, is one that only this machine understands: it is left out.
        let address: IpAddr = words.next()?.parse().ok()?;
        words.any(|known| known.eq_ignore_ascii_case(name)).then_some(address)
    });
    let mut found = Vec::new();
    for address in entries {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_addresses() {
        let file = "127.0.0.1 localhost # home\n::1\tlocalhost ip6-localhost\n\n# 9.9.9.9 gone\n\
                    10.0.0.1 a.test a\r\n10.0.0.2 A.test\n10.0.0.1 a.test\nfe80::1%eth0 b.test\nnonsense c.test\n";
        for (name, expected) in [
            ("localhost", &["127.0.0.1", "::1"][..]),
            ("a.test", &["10.0.0.1", "10.0.0.2"]),
            ("A.TEST.", &["10.0.0.1", "10.0.0.2"]),
            ("a", &["10.0.0.1"]),
            ("gone", &[]),
            ("b.test", &[]),
            ("c.test", &[]),
        ] {
            let expected: Vec<IpAddr> = expected.iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(find(file, name), expected, "{name}");
        }
    }
}
