//! Matching language ranges with language tags (RFC 4647, section 3).

use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;

use super::quality::weighted;
use super::{Cause, Choice, Quality, unasked};
use crate::fields;

/// Chooses a language by `Accept-Language` (RFC 9110, section 12.5.4).
///
/// Ranges are taken by weight, and in their order where that is equal. A range is looked up: it matches the tag that it
/// is, or else the tag that remains when subtags are cut from its end (RFC 4647, section 3.4). A range that finds
/// nothing so is used as a filter: it matches tags that it is a prefix of (section 3.3.1). `*` stands for whatever
/// is available first. A tag that a range of weight 0 names most closely is out.
pub fn language<T: AsRef<str> + Clone>(request: &HeaderMap, available: &[T]) -> Choice<T> {
    let Some(accepted) = fields::combined(request, &ACCEPT_LANGUAGE) else {
        return unasked(ACCEPT_LANGUAGE, available, 0);
    };
    let mut ranges: Vec<(&[u8], Quality)> = weighted(accepted.as_bytes()).collect();
    ranges.sort_by_key(|(_, quality)| std::cmp::Reverse(*quality));
    let permitted: Vec<bool> = available.iter().map(|tag| is_permitted(tag.as_ref(), &ranges)).collect();
    let candidates = || (0..available.len()).filter(|&index| permitted[index]);
    let wanted = ranges.iter().take_while(|(_, quality)| *quality > Quality::ZERO);
    let found = wanted.map(|(range, quality)| {
        let index = match *range {
            b"*" => candidates().next(),
            range => look_up(range, candidates(), available)
                .or_else(|| candidates().find(|&index| filters(range, available[index].as_ref()))),
        };
        index.map(|index| (index, *quality))
    });
    match found.flatten().next() {
        Some((index, quality)) => Choice::Chosen {
            chosen: available[index].clone(),
            index,
            cause: Cause::Preferred { field: ACCEPT_LANGUAGE, accepted: accepted.into_owned(), quality },
        },
        None => Choice::NotAcceptable {
            field: ACCEPT_LANGUAGE,
            accepted: accepted.into_owned(),
            available: available.to_vec(),
        },
    }
}

/// Whether the range matches the tag as a filter: it is the tag, or a prefix of it that ends before a hyphen
/// (RFC 4647, section 3.3.1).
pub fn filters(range: &[u8], tag: &str) -> bool {
    let tag = tag.as_bytes();
    range == b"*"
        || tag.get(..range.len()).is_some_and(|start| start.eq_ignore_ascii_case(range))
            && matches!(tag.get(range.len()), None | Some(b'-'))
}

/// The first tag that is the range, or what remains of it when subtags are cut from its end; a single letter or digit
/// goes with the subtag that follows it (RFC 4647, section 3.4).
fn look_up<T: AsRef<str>>(
    mut range: &[u8],
    candidates: impl Iterator<Item = usize> + Clone,
    available: &[T],
) -> Option<usize> {
    loop {
        let mut candidates = candidates.clone();
        if let Some(index) = candidates.find(|&index| available[index].as_ref().as_bytes().eq_ignore_ascii_case(range))
        {
            return Some(index);
        }
        range = &range[..memchr::memrchr(b'-', range)?];
        if let [shorter @ .., b'-', _] = range {
            range = shorter;
        }
    }
}

/// Whether no range of weight 0 names the tag more closely than any range that wants it.
fn is_permitted(tag: &str, ranges: &[(&[u8], Quality)]) -> bool {
    let closest = ranges
        .iter()
        .filter(|(range, _)| filters(range, tag))
        .max_by_key(|(range, quality)| (if *range == b"*" { 0 } else { range.len() }, *quality));
    closest.is_none_or(|(_, quality)| *quality > Quality::ZERO)
}
