//! Weights: how much a request wants something (RFC 9110, section 12.4.2).

use std::fmt;

use crate::grammar;

/// A weight from 0 to 1 in thousandths (RFC 9110, section 12.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quality(u16);

impl Quality {
    /// Not acceptable.
    pub const ZERO: Self = Self(0);
    /// The weight of what is listed without one.
    pub const ONE: Self = Self(1000);

    /// Reads `0.5`: a zero with up to three decimals, or a one with up to three zeros.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (whole, decimals) = match value {
            [whole] => (whole, &[][..]),
            [whole, b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
            _ => return None,
        };
        if !decimals.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let thousandths = [100, 10, 1].iter().zip(decimals).map(|(unit, digit)| unit * u16::from(digit - b'0')).sum();
        match (whole, thousandths) {
            (b'0', thousandths) => Some(Self(thousandths)),
            (b'1', 0) => Some(Self::ONE),
            _ => None,
        }
    }

    /// The weight in thousandths.
    pub fn thousandths(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 1000, self.0 % 1000) {
            (whole, 0) => write!(f, "{whole}"),
            (whole, rest) => f.write_str(format!("{whole}.{rest:03}").trim_end_matches('0')),
        }
    }
}

/// The members of an `Accept` field of any kind, without their weights, and their weights.
///
/// A weight that cannot be read excludes nobody: its member is skipped, as one that cannot be read.
pub(super) fn weighted(value: &[u8]) -> impl Iterator<Item = (&[u8], Quality)> {
    grammar::list(value).filter_map(|member| {
        let Some((before, weight)) = split_weight(member) else {
            return Some((member, Quality::ONE));
        };
        Some((grammar::trim_ows(before), Quality::parse(weight)?))
    })
}

/// What stands before the parameter `q`, and its value; what follows it (RFC 7231's accept-ext) is dropped.
fn split_weight(member: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut pieces = grammar::split(member, b';');
    let mut end = pieces.next()?.len();
    for piece in pieces {
        let trimmed = grammar::trim_ows(piece);
        if let [b'q' | b'Q', b'=', weight @ ..] = trimmed {
            return Some((&member[..end], weight));
        }
        end += 1 + piece.len();
    }
    None
}
