//! Which octet may stand where: one table, a bit for each class (RFC 9110, section 5.6; RFC 3986, appendix A).

/// `tchar`: what methods and field names are made of.
const TOKEN: u8 = 1;
/// What a path may hold.
const PATH: u8 = 2;
/// What a query may hold.
const QUERY: u8 = 4;
/// What a host that is a name may hold, percent sign aside.
const NAME: u8 = 8;
/// What a field value, a reason phrase or a quoted string may hold.
const TEXT: u8 = 16;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let b = octet as u8;
        let alphanumeric = b.is_ascii_alphanumeric();
        let unreserved = alphanumeric || matches!(b, b'-' | b'.' | b'_' | b'~');
        let sub_delim = matches!(b, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=');
        let mut class = 0;
        if alphanumeric
            || matches!(b, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`')
            || matches!(b, b'|' | b'~')
        {
            class |= TOKEN;
        }
        let path = unreserved || sub_delim || matches!(b, b':' | b'@' | b'/' | b'%');
        // Browsers leave these as they are in a path: Firefox and Chrome send `/a|b` and `/[id]` (WHATWG URL, path
        // percent-encode set).
        if path || matches!(b, b'|' | b'[' | b']') {
            class |= PATH;
        }
        // In a query they leave more: `?filter={a}` goes out with its braces (WHATWG URL, query percent-encode set).
        if path || matches!(b, b'?' | b'|' | b'[' | b']' | b'{' | b'}' | b'^' | b'`' | b'\\') {
            class |= QUERY;
        }
        if unreserved || sub_delim {
            class |= NAME;
        }
        if b == b'\t' || b >= b' ' && b != 0x7f {
            class |= TEXT;
        }
        table[octet] = class;
        octet += 1;
    }
    table
}

#[inline]
pub(super) fn is_token(b: u8) -> bool {
    CLASSES[b as usize] & TOKEN != 0
}

#[inline]
pub(super) fn is_path(b: u8) -> bool {
    CLASSES[b as usize] & PATH != 0
}

#[inline]
pub(super) fn is_query(b: u8) -> bool {
    CLASSES[b as usize] & QUERY != 0
}

#[inline]
pub(super) fn is_name(b: u8) -> bool {
    CLASSES[b as usize] & NAME != 0
}

#[inline]
pub(super) fn is_text(b: u8) -> bool {
    CLASSES[b as usize] & TEXT != 0
}

/// Optional whitespace: a space or a tab.
#[inline]
pub(super) fn is_space(b: u8) -> bool {
    b == b' ' || b == b'\t'
}

/// An octet as a sentence names it: `'a'`, or `0x0a` where it cannot be seen.
pub(super) fn seen(b: u8) -> String {
    if b.is_ascii_graphic() { format!("'{}'", b as char) } else { format!("0x{b:02x}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(holds: fn(u8) -> bool) -> String {
        (0..=127u8).filter(|b| holds(*b) && !b.is_ascii_alphanumeric()).map(char::from).collect()
    }

    #[test]
    fn the_classes_hold_what_the_grammars_say() {
        assert_eq!(all(is_token), "!#$%&'*+-.^_`|~");
        assert_eq!(all(is_path), "!$%&'()*+,-./:;=@[]_|~");
        assert_eq!(all(is_query), "!$%&'()*+,-./:;=?@[\\]^_`{|}~");
        assert_eq!(all(is_name), "!$&'()*+,-.;=_~");
        assert_eq!((0..=255u8).filter(|b| is_text(*b)).count(), 256 - 33 + 1);
        assert!((128..=255u8).all(|b| is_text(b) && !is_token(b) && !is_path(b) && !is_query(b) && !is_name(b)));
    }
}
