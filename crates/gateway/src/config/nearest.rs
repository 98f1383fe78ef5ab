//! The word that was probably meant.

/// The candidate that is fewest edits away from `word`, if one is near enough to have been meant.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let far = (word.chars().count() / 3).max(1) + 1;
    let (distance, best) = candidates
        .into_iter()
        .map(|candidate| (distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .min_by_key(|(distance, _)| *distance)?;
    (distance <= far && distance < word.chars().count().max(2)).then_some(best)
}

/// How many letters have to be added, taken away, exchanged or swapped with their neighbour (optimal string alignment).
fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.chars().collect();
    let other: Vec<char> = other.chars().collect();
    let mut earlier: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (row, a) in one.iter().enumerate() {
        let mut here = vec![row + 1];
        for (column, b) in other.iter().enumerate() {
            let exchanged = above[column] + usize::from(a != b);
            let mut least = exchanged.min(above[column + 1] + 1).min(here[column] + 1);
            if row > 0 && column > 0 && *a == other[column - 1] && one[row - 1] == *b {
                least = least.min(earlier[column - 1] + 1);
            }
            here.push(least);
        }
        earlier = std::mem::replace(&mut above, here);
    }
    above[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_is_found_and_nothing_else() {
        let words = ["site", "route", "proxy", "respond", "redirect", "security-headers"];
        for (word, expected) in [
            ("rout", Some("route")),
            ("prxoy", Some("proxy")),
            ("Proxy", Some("proxy")),
            ("security-header", Some("security-headers")),
            ("reponse", Some("respond")),
            ("banana", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, words), expected, "{word}");
        }
    }

    #[test]
    fn distances_are_those_of_the_textbook() {
        for (one, other, edits) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("ab", "ba", 1)]
        {
            assert_eq!(distance(one, other), edits, "{one} {other}");
        }
    }
}
