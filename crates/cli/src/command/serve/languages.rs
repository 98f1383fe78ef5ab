//! The languages of a site, as the names of its files tell them: `page.fr.html` beside `page.html`.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// How many names are looked at, at the most.
const NAMES_MAX: usize = 20_000;
/// How many folders deep.
const DEPTH_MAX: usize = 8;
/// How much of a page is read to find the language it says it is in.
const PAGE_BYTES: u64 = 1024;

/// The languages that pages come in, that of pages whose names say none first; nothing where all come in one.
///
/// What cannot be read names no language; serving it will say why.
pub(super) fn found(root: &Path) -> Vec<String> {
    let mut search = Search { names_left: NAMES_MAX, languages: BTreeSet::new(), unmarked: None };
    search.folder(root, DEPTH_MAX);
    if search.languages.is_empty() {
        return Vec::new();
    }
    let first = search.unmarked.unwrap_or_else(|| "en".to_owned());
    search.languages.remove(&first);
    std::iter::once(first).chain(search.languages).collect()
}

struct Search {
    names_left: usize,
    languages: BTreeSet<String>,
    /// The language of the pages whose names say none, as the first such page says it.
    unmarked: Option<String>,
}

impl Search {
    fn folder(&mut self, folder: &Path, depth: usize) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        let mut below: Vec<PathBuf> = Vec::new();
        for entry in entries.flatten() {
            if self.names_left == 0 {
                return;
            }
            self.names_left -= 1;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => below.push(entry.path()),
                Ok(kind) if kind.is_file() => self.file(folder, name),
                _ => {}
            }
        }
        if depth > 0 {
            for folder in below {
                self.folder(&folder, depth - 1);
            }
        }
    }

    fn file(&mut self, folder: &Path, name: &str) {
        let Some((stem, language)) = name.strip_suffix(".html").and_then(|stem| stem.rsplit_once('.')) else { return };
        if !is_language(language) {
            return;
        }
        let unmarked = folder.join(format!("{stem}.html"));
        if self.unmarked.is_none() {
            self.unmarked = declared(&unmarked);
        }
        if unmarked.is_file() {
            self.languages.insert(language.to_owned());
        }
    }
}

/// Whether it looks like a language: two letters, and perhaps a region (`pt`, `pt-BR`).
fn is_language(tag: &str) -> bool {
    let (language, region) = tag.split_once('-').map_or((tag, None), |(language, region)| (language, Some(region)));
    let letters = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    letters(language) && region.is_none_or(letters)
}

/// The language that a page says it is in, near its beginning: `<html lang="en">`.
fn declared(page: &Path) -> Option<String> {
    let mut beginning = Vec::new();
    File::open(page).ok()?.take(PAGE_BYTES).read_to_end(&mut beginning).ok()?;
    let text = String::from_utf8_lossy(&beginning).to_ascii_lowercase();
    let (_, rest) = text.split_once("<html")?;
    let (_, rest) = rest.split_once('>')?.0.split_once("lang=")?;
    let tag: String =
        rest.trim_start_matches(['"', '\'']).chars().take_while(|c| *c == '-' || c.is_ascii_alphanumeric()).collect();
    (!tag.is_empty()).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_site_has_three_languages() {
        let site = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/site");
        assert_eq!(found(&site), ["en", "de", "fr"]);
    }

    #[test]
    fn other_names_are_no_languages() {
        for name in ["min", "e", "en-", "en-GBR", "1a", "en-GB-x"] {
            assert!(!is_language(name), "{name}");
        }
        assert!(is_language("en") && is_language("pt-BR"));
    }
}
