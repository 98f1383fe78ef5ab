//! What is spoken with a server: which version of HTTP, in cleartext or over TLS.

/// What is spoken on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wire {
    /// Whether it is HTTP/2, without asking or as ALPN has agreed.
    pub http2: bool,
    /// Whether it is spoken over TLS.
    pub tls: bool,
}

impl Wire {
    /// HTTP/1.1 in cleartext.
    pub const H1: Self = Self { http2: false, tls: false };
    /// HTTP/1.1 over TLS.
    pub const H1_TLS: Self = Self { http2: false, tls: true };
    /// HTTP/2 in cleartext, with prior knowledge (RFC 9113, section 3.3).
    pub const H2: Self = Self { http2: true, tls: false };
    /// HTTP/2 over TLS.
    pub const H2_TLS: Self = Self { http2: true, tls: true };

    /// How servers that are built here are told.
    pub fn name(self) -> &'static str {
        match (self.http2, self.tls) {
            (false, false) => "h1",
            (false, true) => "h1+tls",
            (true, false) => "h2",
            (true, true) => "h2+tls",
        }
    }

    /// The wire of a name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::H1, Self::H1_TLS, Self::H2, Self::H2_TLS].into_iter().find(|wire| wire.name() == name)
    }

    /// Whether a condition in a configuration holds: `h1`, `h2`, `cleartext` or `tls`.
    fn is(self, condition: &str) -> bool {
        match condition {
            "h1" => !self.http2,
            "h2" => self.http2,
            "cleartext" => !self.tls,
            "tls" => self.tls,
            other => panic!("`{other}` is not a condition that a line of a configuration can have"),
        }
    }

    /// A configuration as this needs it: a line that begins with `{only CONDITION...}` stays where all of them hold.
    pub fn of_config(self, config: &str) -> String {
        let keep = |line: &str| match line.strip_prefix("{only ").and_then(|rest| rest.split_once('}')) {
            None => Some(format!("{line}\n")),
            Some((conditions, rest)) => {
                conditions.split(' ').all(|condition| self.is(condition)).then(|| format!("{rest}\n"))
            }
        };
        config.lines().filter_map(keep).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_where_their_conditions_hold() {
        let config = "always\n{only tls}  secure\n{only cleartext h2}clear h2\n{only h1}one\n";
        assert_eq!(Wire::H1.of_config(config), "always\none\n");
        assert_eq!(Wire::H2.of_config(config), "always\nclear h2\n");
        assert_eq!(Wire::H2_TLS.of_config(config), "always\n  secure\n");
    }
}
