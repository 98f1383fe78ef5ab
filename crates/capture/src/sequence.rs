//! Sequence numbers, which are 32 bits wide and come round again (RFC 9293, section 3.4).

/// The position in a stream that `sequence` stands for, where position 0 is `base`: the one nearest to `near`.
///
/// Negative is what lies before the first byte: the SYN is at -1.
pub(crate) fn position(base: u32, near: i64, sequence: u32) -> i64 {
    let expected = base.wrapping_add(near as u32);
    near + i64::from(sequence.wrapping_sub(expected) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_go_on_where_numbers_begin_again() {
        for (base, near, sequence, expected) in [
            (1000, 0, 1000, 0),
            (1000, 0, 999, -1),
            (u32::MAX - 1, 0, 3, 5),
            (u32::MAX - 1, 1 << 32, u32::MAX, (1 << 32) + 1),
            (7, 10_000_000_000, 7_u32.wrapping_add((10_000_000_000_u64 - 5) as u32), 9_999_999_995),
        ] {
            assert_eq!(position(base, near, sequence), expected, "{base} {near} {sequence}");
        }
    }
}
