//! Integers with a prefix (RFC 7541, section 5.1).

use super::DecodeError;

/// An integer may take this many octets after its prefix: enough for 32 bits, and not one more.
const OCTETS_MAX: u32 = 5;

/// Reads an integer whose prefix is the low `prefix` bits of `bytes[*at]`, and moves `at` behind it.
#[inline]
pub(crate) fn decode(bytes: &[u8], at: &mut usize, prefix: u32) -> Result<usize, DecodeError> {
    let mask = (1u32 << prefix) - 1;
    let first = u32::from(*bytes.get(*at).ok_or(DecodeError::Truncated)?) & mask;
    *at += 1;
    if first < mask {
        return Ok(first as usize);
    }
    decode_rest(bytes, at, u64::from(mask))
}

fn decode_rest(bytes: &[u8], at: &mut usize, mut value: u64) -> Result<usize, DecodeError> {
    for octet in 0..OCTETS_MAX {
        let byte = *bytes.get(*at).ok_or(DecodeError::Truncated)?;
        *at += 1;
        value += u64::from(byte & 0x7f) << (7 * octet);
        if byte & 0x80 == 0 {
            return u32::try_from(value).map(|value| value as usize).map_err(|_| DecodeError::IntegerTooLarge);
        }
    }
    Err(DecodeError::IntegerTooLarge)
}

/// Writes an integer into the low `prefix` bits of an octet that begins with the bits of `first`.
#[inline]
pub(crate) fn encode(value: usize, prefix: u32, first: u8, out: &mut Vec<u8>) {
    let mask = (1usize << prefix) - 1;
    if value < mask {
        out.push(first | value as u8);
        return;
    }
    out.push(first | mask as u8);
    let mut rest = value - mask;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8], prefix: u32) -> Result<(usize, usize), DecodeError> {
        let mut at = 0;
        decode(bytes, &mut at, prefix).map(|value| (value, at))
    }

    #[test]
    fn the_examples_of_rfc_7541_c_1() {
        for (value, prefix, bytes) in
            [(10, 5, &[0b01010][..]), (1337, 5, &[0b11111, 0b1001_1010, 0b1010]), (42, 8, &[0b10_1010])]
        {
            assert_eq!(decoded(bytes, prefix), Ok((value, bytes.len())));
            let mut out = Vec::new();
            encode(value, prefix, 0, &mut out);
            assert_eq!(out, bytes);
        }
    }

    #[test]
    fn every_prefix_round_trips_at_its_edges() {
        for prefix in 4..=8 {
            let mask = (1usize << prefix) - 1;
            for value in [0, 1, mask - 1, mask, mask + 1, mask + 127, mask + 128, 16_383, 1 << 20, u32::MAX as usize] {
                let mut out = Vec::new();
                encode(value, prefix, 0, &mut out);
                assert_eq!(decoded(&out, prefix), Ok((value, out.len())), "prefix {prefix} value {value}");
                for short in 0..out.len() {
                    assert_eq!(decoded(&out[..short], prefix), Err(DecodeError::Truncated));
                }
            }
        }
    }

    #[test]
    fn what_is_too_large_or_never_ends_is_refused() {
        for bytes in [
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..],
            &[0xff, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
            &[0xff, 0x81, 0xff, 0xff, 0xff, 0x0f],
        ] {
            assert_eq!(decoded(bytes, 7), Err(DecodeError::IntegerTooLarge), "{bytes:x?}");
        }
        assert_eq!(decoded(&[0xff, 0x80, 0xff, 0xff, 0xff, 0x0f], 7), Ok((u32::MAX as usize, 6)));
        assert_eq!(decoded(&[], 7), Err(DecodeError::Truncated));
    }
}
