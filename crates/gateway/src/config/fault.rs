//! What is wrong with a config file, and how it is told: the file, the line, the word underlined, and what would be right.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// One thing that is wrong with a config file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The bytes of the file that are wrong.
    pub span: Range<usize>,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What stands under the underlined words; may be empty.
    pub label: String,
    /// What would be right, where that is known.
    pub help: Option<String>,
}

impl Fault {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), label: String::new(), help: None }
    }

    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Everything that is wrong with a config file, in the order in which it stands there; never nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    name: String,
    text: String,
    list: Vec<Fault>,
}

impl Faults {
    pub(super) fn new(name: &str, text: &str, mut list: Vec<Fault>) -> Self {
        list.sort_by_key(|fault| (fault.span.start, fault.span.end));
        list.dedup();
        Self { name: name.to_owned(), text: text.to_owned(), list }
    }

    /// The faults.
    pub fn list(&self) -> &[Fault] {
        &self.list
    }

    /// The line and the column of a fault, both counted from 1, the column in characters.
    pub fn place(&self, fault: &Fault) -> (usize, usize) {
        let before = &self.text[..floor(&self.text, fault.span.start)];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }

    /// All faults for people, with the colors of a terminal or without.
    pub fn render(&self, colors: bool) -> String {
        let renderer = if colors { Renderer::styled() } else { Renderer::plain() };
        let mut rendered = String::new();
        for fault in &self.list {
            let span = floor(&self.text, fault.span.start)..floor(&self.text, fault.span.end.max(fault.span.start));
            let mut annotation = AnnotationKind::Primary.span(span);
            if !fault.label.is_empty() {
                annotation = annotation.label(fault.label.as_str());
            }
            let snippet = Snippet::source(self.text.as_str()).path(self.name.as_str()).annotation(annotation);
            let mut group = Level::ERROR.primary_title(fault.message.as_str()).element(snippet);
            if let Some(help) = &fault.help {
                group = group.element(Level::HELP.message(help.as_str()));
            }
            rendered.push_str(&renderer.render(&[group]));
            rendered.push_str("\n\n");
        }
        rendered.truncate(rendered.trim_end().len());
        rendered
    }
}

/// The last place at or before `at` where a character begins.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Faults {}
