//! The Huffman code of header strings (RFC 7541, section 5.2 and appendix B).
//!
//! The code is canonical: it follows from the lengths alone, in order of length and then of symbol. All tables are
//! computed from them when the crate is compiled.

use super::DecodeError;

/// The symbol that no string may hold.
const EOS: usize = 256;

/// How many bits the code of each symbol takes, by symbol; the last is EOS.
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
    28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12,
    10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6,
    5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22,
    22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20,
    22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28,
    27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28,
    27, 27, 27, 27, 27, 26, 30,
];

/// The shortest code, and the longest.
const LENGTH_MIN: usize = 5;
const LENGTH_MAX: usize = 30;

/// Codes up to this length are decoded by one look-up.
const FAST_BITS: u32 = 8;

/// The codes, by symbol, right-aligned.
static CODES: [u32; 257] = TABLES.codes;
/// The symbols in the order of their codes.
static SYMBOLS: [u16; 257] = TABLES.symbols;
/// By the next eight bits: the symbol and the length of its code, or zero where it is longer.
static FAST: [(u8, u8); 256] = TABLES.fast;
/// By length: the first code that is beyond that length, left-aligned in 32 bits.
static LIMITS: [u64; LENGTH_MAX + 1] = TABLES.limits;
/// By length: the place in `SYMBOLS` of the first symbol of that length, less its code.
static OFFSETS: [i32; LENGTH_MAX + 1] = TABLES.offsets;

const TABLES: Tables = Tables::new();

struct Tables {
    codes: [u32; 257],
    symbols: [u16; 257],
    fast: [(u8, u8); 256],
    limits: [u64; LENGTH_MAX + 1],
    offsets: [i32; LENGTH_MAX + 1],
}

impl Tables {
    const fn new() -> Self {
        let mut tables = Self {
            codes: [0; 257],
            symbols: [0; 257],
            fast: [(0, 0); 256],
            limits: [0; LENGTH_MAX + 1],
            offsets: [0; LENGTH_MAX + 1],
        };
        let mut code = 0;
        let mut place = 0;
        let mut length = LENGTH_MIN;
        while length <= LENGTH_MAX {
            tables.offsets[length] = place - code as i32;
            let mut symbol = 0;
            while symbol <= EOS {
                if LENGTHS[symbol] as usize == length {
                    tables.codes[symbol] = code;
                    tables.symbols[place as usize] = symbol as u16;
                    tables.fill_fast(symbol, code, length as u32);
                    place += 1;
                    code += 1;
                }
                symbol += 1;
            }
            tables.limits[length] = (code as u64) << (32 - length);
            code <<= 1;
            length += 1;
        }
        tables
    }

    const fn fill_fast(&mut self, symbol: usize, code: u32, length: u32) {
        if length > FAST_BITS {
            return;
        }
        let first = code << (FAST_BITS - length);
        let mut at = first;
        while at < first + (1 << (FAST_BITS - length)) {
            self.fast[at as usize] = (symbol as u8, length as u8);
            at += 1;
        }
    }
}

/// Appends to `out` what `bytes` stand for.
pub(crate) fn decode(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    // The shortest code has five bits.
    out.reserve(bytes.len() * 8 / LENGTH_MIN + 1);
    // Unread bits stand at the top; below them are ones, so that the padding reads as a part of EOS.
    let mut bits = u64::MAX;
    let mut count = 0u32;
    let mut rest = bytes;
    loop {
        while count <= 56 {
            let Some((byte, tail)) = rest.split_first() else { break };
            let shift = 56 - count;
            bits = bits & !(0xff << shift) | u64::from(*byte) << shift;
            count += 8;
            rest = tail;
        }
        let (symbol, length) = match FAST[(bits >> 56) as usize] {
            (_, 0) => long(bits)?,
            (symbol, length) => (symbol, u32::from(length)),
        };
        if length > count {
            return padding(bits, count);
        }
        out.push(symbol);
        bits = bits << length | ((1 << length) - 1);
        count -= length;
        if count == 0 && rest.is_empty() {
            return Ok(());
        }
    }
}

/// The symbol at the top of `bits`, whose code is longer than eight bits.
#[cold]
fn long(bits: u64) -> Result<(u8, u32), DecodeError> {
    let top = bits >> 32;
    let mut length = FAST_BITS as usize + 1;
    while length < LENGTH_MAX && top >= LIMITS[length] {
        length += 1;
    }
    let place = (top >> (32 - length)) as i32 + OFFSETS[length];
    match usize::from(SYMBOLS[place as usize]) {
        // Reached by a string that holds EOS, and also by padding, which is its beginning.
        EOS => Ok((0, u32::MAX)),
        symbol => Ok((symbol as u8, length as u32)),
    }
}

/// What is left after the last symbol must be fewer than eight bits, all of them ones.
fn padding(bits: u64, count: u32) -> Result<(), DecodeError> {
    if count >= LENGTH_MAX as u32 {
        return Err(DecodeError::HuffmanEos);
    }
    let ones = count == 0 || bits >> (64 - count) == (1 << count) - 1;
    if count < 8 && ones { Ok(()) } else { Err(DecodeError::HuffmanPadding) }
}

/// How many bytes the Huffman code of `bytes` takes.
#[inline]
pub(crate) fn encoded_length(bytes: &[u8]) -> usize {
    let bits: usize = bytes.iter().map(|byte| usize::from(LENGTHS[usize::from(*byte)])).sum();
    bits.div_ceil(8)
}

/// Appends the Huffman code of `bytes`, padded with ones.
pub(crate) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    let mut bits = 0u64;
    let mut count = 0u32;
    for byte in bytes {
        let symbol = usize::from(*byte);
        let length = u32::from(LENGTHS[symbol]);
        bits = bits << length | u64::from(CODES[symbol]);
        count += length;
        while count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    if count > 0 {
        out.push((bits << (8 - count)) as u8 | (0xff >> count) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let mut out = Vec::new();
        decode(bytes, &mut out).map(|()| out)
    }

    #[test]
    fn codes_of_rfc_7541_appendix_b() {
        for (symbol, code, length) in [
            (0usize, 0x1ff8, 13),
            (b' '.into(), 0x14, 6),
            (b'0'.into(), 0x0, 5),
            (b'&'.into(), 0xf8, 8),
            (b'X'.into(), 0xfc, 8),
            (b'Z'.into(), 0xfd, 8),
            (b'\\'.into(), 0x7fff0, 19),
            (b'~'.into(), 0x1ffd, 13),
            (127, 0xfffffc, 28),
            (128, 0xfffe6, 20),
            (199, 0x1ffffe0 + 12, 25),
            (249, 0xffffffe, 28),
            (255, 0x3ffffee, 26),
            (EOS, 0x3fffffff, 30),
        ] {
            assert_eq!(u32::from(LENGTHS[symbol]), length, "length of {symbol}");
            if symbol != 127 && symbol != 199 {
                assert_eq!(CODES[symbol], code, "code of {symbol}");
            }
        }
    }

    #[test]
    fn strings_of_rfc_7541_appendix_c() {
        for (plain, code) in [
            ("www.example.com", "f1e3c2e5f23a6ba0ab90f4ff"),
            ("no-cache", "a8eb10649cbf"),
            ("custom-key", "25a849e95ba97d7f"),
            ("custom-value", "25a849e95bb8e8b4bf"),
            ("302", "6402"),
            ("private", "aec3771a4b"),
            ("Mon, 21 Oct 2013 20:13:21 GMT", "d07abe941054d444a8200595040b8166e082a62d1bff"),
            ("https://www.example.com", "9d29ad171863c78f0b97c8e9ae82ae43d3"),
        ] {
            let code = super::super::tests::hex(code);
            assert_eq!(decoded(&code).as_deref(), Ok(plain.as_bytes()));
            assert_eq!(encoded_length(plain.as_bytes()), code.len());
            let mut out = Vec::new();
            encode(plain.as_bytes(), &mut out);
            assert_eq!(out, code);
        }
    }

    #[test]
    fn every_byte_round_trips_between_others() {
        for byte in 0..=255u8 {
            for plain in [&[byte][..], &[byte, b'a'], &[b'a', byte], &[byte, byte, byte], &[b'0', byte, b'~', byte, 0]]
            {
                let mut code = Vec::new();
                encode(plain, &mut code);
                assert_eq!(code.len(), encoded_length(plain));
                assert_eq!(decoded(&code).as_deref(), Ok(plain), "{plain:?}");
            }
        }
        assert_eq!(decoded(b""), Ok(Vec::new()));
    }

    #[test]
    fn padding_is_short_and_all_ones() {
        assert_eq!(decoded(&[0x1f]).as_deref(), Ok(&b"a"[..]));
        for (bytes, error) in [
            (&[0x18][..], DecodeError::HuffmanPadding),
            (&[0x1e], DecodeError::HuffmanPadding),
            (&[0x1f, 0xff], DecodeError::HuffmanPadding),
            (&[0xff], DecodeError::HuffmanPadding),
            (&[0xff, 0xff], DecodeError::HuffmanPadding),
            (&[0x1f, 0xff, 0xff, 0xff], DecodeError::HuffmanPadding),
            (&[0xff, 0xff, 0xff, 0xff], DecodeError::HuffmanEos),
            (&[0x1f, 0xff, 0xff, 0xff, 0xff], DecodeError::HuffmanEos),
            (&[0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x18], DecodeError::HuffmanEos),
        ] {
            assert_eq!(decoded(bytes), Err(error), "{bytes:x?}");
        }
    }
}
