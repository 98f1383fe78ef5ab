//! Variants of a file in other languages: `page.fr.html` beside `page.html`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Where the variants of the file at `path` would lie, each with its language; the first of `languages` is that of
/// `path` itself.
pub(super) fn variants<'a>(path: &'a Path, languages: &'a [String]) -> impl Iterator<Item = (PathBuf, &'a str)> {
    let parts = path.file_stem().zip(path.extension());
    languages.iter().skip(1).filter_map(move |language| {
        let (stem, extension) = parts?;
        let mut name = OsString::from(stem);
        name.push(".");
        name.push(language);
        name.push(".");
        name.push(extension);
        Some((path.with_file_name(name), language.as_str()))
    })
}
