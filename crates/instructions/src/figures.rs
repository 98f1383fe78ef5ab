//! The figures that were counted last, and what they allow.

/// A line for each count: its name and how many instructions there were.
const FIGURES: &str = include_str!("../figures.txt");

/// How many instructions a count may take: a tenth more than it took when its figure was written down.
///
/// None while figures are written down anew, which `record` does.
///
/// # Panics
/// If no figure stands there under this name: then there is nothing to compare with.
pub fn limit(name: &str) -> Option<u64> {
    if std::env::var_os("WIRELIGHT_RECORD").is_some() {
        return None;
    }
    let figure = find(FIGURES, name).unwrap_or_else(|| panic!("no figure for {name}: run crates/instructions/record"));
    Some(figure + figure / 10)
}

fn find(figures: &str, name: &str) -> Option<u64> {
    let line = figures.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_found_by_its_whole_name() {
        let figures = "head::small 1000\nhead::small_too 2000\n";
        assert_eq!(find(figures, "head::small"), Some(1000));
        assert_eq!(find(figures, "head::small_too"), Some(2000));
        assert_eq!(find(figures, "head"), None);
    }

    #[test]
    fn every_figure_is_a_number() {
        assert!(!FIGURES.trim().is_empty());
        for line in FIGURES.lines() {
            let (name, figure) = line.split_once(' ').unwrap();
            assert!(figure.parse::<u64>().is_ok_and(|figure| figure > 0), "{name}");
        }
    }
}
