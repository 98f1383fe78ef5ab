//! The config language: a file in KDL 2 as it is written, and the plan that it comes to.
//!
//! Written order is the order of evaluation, the first match wins, nothing is inherited silently, and an unknown word is
//! a fault. All faults of a file are found at once. This module must not open a socket.

mod around;
mod fault;
mod guard;
mod handler;
mod log;
mod nearest;
pub mod plan;
pub(crate) mod show;
mod site;
mod template;
mod top;
mod upstream;
pub mod value;
mod word;

use std::io;
use std::path::{Path, PathBuf};

use kdl::{FormatConfig, KdlDocument};

pub use fault::{Fault, Faults};
pub use plan::Plan;
use word::Noted;

/// How much further a block stands in than its word.
const INDENT: &str = "    ";

/// A config file as it is written.
#[derive(Debug, Clone)]
pub struct File {
    name: String,
    text: String,
    folder: PathBuf,
    document: KdlDocument,
}

/// Why there is no config.
#[derive(Debug)]
pub enum Unusable {
    /// The file could not be read.
    Unreadable(PathBuf, io::Error),
    /// It was read, and these things are wrong with it.
    Faulty(Faults),
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "{} cannot be read: {error}", path.display()),
            Self::Faulty(faults) => faults.fmt(f),
        }
    }
}

impl std::error::Error for Unusable {}

impl From<Faults> for Unusable {
    fn from(faults: Faults) -> Self {
        Self::Faulty(faults)
    }
}

impl File {
    /// Reads a file. Paths in it are relative to its folder.
    ///
    /// # Errors
    /// If it cannot be read, or is not KDL.
    pub fn read(path: &Path) -> Result<Self, Unusable> {
        let text = std::fs::read_to_string(path).map_err(|error| Unusable::Unreadable(path.to_owned(), error))?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self::parse(&path.display().to_string(), &text, &folder)?)
    }

    /// Takes the text of a config; `name` stands in faults, and paths are relative to `folder`.
    ///
    /// # Errors
    /// If the text is not KDL 2.
    pub fn parse(name: &str, text: &str, folder: &Path) -> Result<Self, Faults> {
        match KdlDocument::parse_v2(text) {
            Ok(document) => {
                Ok(Self { name: name.to_owned(), text: text.to_owned(), folder: folder.to_owned(), document })
            }
            Err(error) => {
                let faults = error.diagnostics.iter().map(|found| {
                    let span = found.span.offset()..found.span.offset() + found.span.len();
                    let message = found.message.clone().unwrap_or_else(|| "this is not KDL 2".to_owned());
                    let message = message.trim_end_matches('.').to_owned();
                    let fault = Fault::new(span, message).label(found.label.clone().unwrap_or_default());
                    match &found.help {
                        Some(help) => fault.help(help.trim_end_matches('.')),
                        None => fault,
                    }
                });
                Err(Faults::new(name, text, faults.collect()))
            }
        }
    }

    /// Its text, as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same config, written as it should look: indented by four spaces, comments kept; `None` if a comment stands
    /// where it could not be kept.
    pub fn formatted(&self) -> Option<String> {
        let mut document = self.document.clone();
        keep_values(&mut document);
        document.autoformat_config(&FormatConfig::builder().indent(INDENT).build());
        keep_blank_lines(&self.document, &mut document, 0);
        let formatted = document.to_string();
        (comments(&formatted) == comments(&self.text)).then_some(formatted)
    }

    /// What it comes to.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn plan(&self) -> Result<Plan, Faults> {
        let noted = Noted::new(&self.name, &self.text);
        let plan = top::plan(&self.document, &self.folder, &noted);
        let faults = noted.into_faults();
        if faults.is_empty() { Ok(plan) } else { Err(Faults::new(&self.name, &self.text, faults)) }
    }
}

/// Values stay as they were written: quotes say that something is text, though they could be left out.
fn keep_values(document: &mut KdlDocument) {
    for node in document.nodes_mut() {
        for entry in node.entries_mut() {
            entry.keep_format();
            if let Some(format) = entry.format_mut()
                && format.leading.chars().all(|char| char == ' ' || char == '\t')
            {
                format.leading = " ".to_owned();
            }
        }
        if let Some(block) = node.children_mut() {
            keep_values(block);
        }
    }
}

/// Where somebody left lines blank, one stays so: they group what belongs together.
fn keep_blank_lines(written: &KdlDocument, formatted: &mut KdlDocument, depth: usize) {
    let indent = INDENT.repeat(depth);
    for (index, (before, node)) in written.nodes().iter().zip(formatted.nodes_mut()).enumerate() {
        let leading = before.format().map(|format| format.leading.as_str()).unwrap_or_default();
        if let Some(format) = node.format_mut()
            && !leading.contains("/*")
            && !leading.contains("/-")
        {
            format.leading = spaced(leading, &indent, index == 0);
        }
        if let (Some(before), Some(block)) = (before.children(), node.children_mut()) {
            keep_blank_lines(before, block, depth + 1);
        }
    }
}

/// What stands before a word, with its lines indented and no two of them blank in a row.
fn spaced(leading: &str, indent: &str, is_first: bool) -> String {
    let lines: Vec<&str> = leading.split('\n').map(str::trim).collect();
    let mut spaced = String::new();
    let mut is_blank = false;
    for line in &lines[..lines.len() - 1] {
        if line.is_empty() {
            is_blank = !is_first || !spaced.is_empty();
            continue;
        }
        if std::mem::take(&mut is_blank) {
            spaced.push('\n');
        }
        spaced.extend([indent, line, "\n"]);
    }
    if is_blank {
        spaced.push('\n');
    }
    spaced.push_str(indent);
    spaced
}

/// How often a comment may begin in a text; what stands in values counts the same before and after.
fn comments(text: &str) -> usize {
    ["//", "/*", "/-"].iter().map(|mark| text.matches(mark).count()).sum()
}
