//! Reading one word of the config: its arguments, properties and children, with every fault noted and none fatal.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use kdl::{KdlEntry, KdlIdentifier, KdlNode, KdlValue};
use wirelight_service::Place;

use super::fault::Fault;
use super::nearest::nearest;

/// The faults found so far, in a file whose words are to be found again.
pub(super) struct Noted {
    faults: RefCell<Vec<Fault>>,
    /// What the file is called.
    file: String,
    /// Where its lines begin.
    lines: Vec<usize>,
}

impl Noted {
    /// Nothing found yet in a file of this name and text.
    pub(super) fn new(file: &str, text: &str) -> Self {
        let later = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(later).collect();
        Self { faults: RefCell::default(), file: file.to_owned(), lines }
    }

    pub(super) fn fault(&self, fault: Fault) {
        self.faults.borrow_mut().push(fault);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.faults.borrow().is_empty()
    }

    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults.into_inner()
    }

    /// The line that holds a byte, from 1.
    fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|line| *line <= at)
    }
}

/// A word of the config with what stands behind it and in its block.
#[derive(Clone, Copy)]
pub(super) struct Word<'a> {
    node: &'a KdlNode,
    noted: &'a Noted,
}

/// A value with its place.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    entry: &'a KdlEntry,
    noted: &'a Noted,
}

impl<'a> Word<'a> {
    pub(super) fn new(node: &'a KdlNode, noted: &'a Noted) -> Self {
        Self { node, noted }
    }

    pub(super) fn name(&self) -> &'a str {
        self.node.name().value()
    }

    /// Where the word itself stands.
    pub(super) fn span(&self) -> Range<usize> {
        place(self.node.name())
    }

    pub(super) fn fault(&self, fault: Fault) {
        self.noted.fault(fault);
    }

    /// Where the word stands, with all that is set by it.
    pub(super) fn place(&self) -> Arc<Place> {
        let properties = self.node.entries().iter().filter_map(KdlEntry::name);
        let words = self.node.children().map(|block| block.nodes()).unwrap_or_default().iter().map(KdlNode::name);
        let line = |name: &KdlIdentifier| self.noted.line(place(name).start);
        Arc::new(Place {
            file: self.noted.file.clone(),
            word: self.name().to_owned(),
            line: line(self.node.name()),
            settings: properties.chain(words).map(|name| (name.value().to_owned(), line(name))).collect(),
        })
    }

    /// Notes that something is wrong with this word.
    pub(super) fn wrong(&self, message: impl Into<String>) {
        self.fault(Fault::new(self.span(), message));
    }

    /// The arguments, in their order.
    pub(super) fn arguments(&self) -> Vec<Value<'a>> {
        let unnamed = self.node.entries().iter().filter(|entry| entry.name().is_none());
        unnamed.map(|entry| Value { entry, noted: self.noted }).collect()
    }

    /// The one argument; a fault if there is none or more.
    pub(super) fn argument(&self, what: &str) -> Option<Value<'a>> {
        let arguments = self.arguments();
        if arguments.is_empty() {
            self.fault(
                Fault::new(self.span(), format!("`{}` needs {what}", self.name())).label(format!("{what} is missing")),
            );
        }
        self.at_most(1);
        arguments.first().copied()
    }

    /// The arguments; a fault if there is none.
    pub(super) fn some_arguments(&self, what: &str) -> Vec<Value<'a>> {
        let arguments = self.arguments();
        if arguments.is_empty() {
            self.fault(
                Fault::new(self.span(), format!("`{}` needs {what}", self.name())).label(format!("{what} is missing")),
            );
        }
        arguments
    }

    /// Notes each argument after the first `most`.
    pub(super) fn at_most(&self, most: usize) {
        for surplus in self.arguments().into_iter().skip(most) {
            let message = match most {
                0 => format!("`{}` takes no argument", self.name()),
                1 => format!("`{}` takes one argument", self.name()),
                most => format!("`{}` takes at most {most} arguments", self.name()),
            };
            surplus.fault(Fault::new(surplus.span(), message).label("this one is too many"));
        }
    }

    /// The property of this name.
    pub(super) fn property(&self, name: &str) -> Option<Value<'a>> {
        let entry = self.node.entries().iter().find(|entry| entry.name().is_some_and(|known| known.value() == name))?;
        Some(Value { entry, noted: self.noted })
    }

    /// Notes each property that is not one of `known`, and each that stands twice.
    pub(super) fn properties(&self, known: &[&str]) {
        let mut seen: Vec<&str> = Vec::new();
        for entry in self.node.entries() {
            let Some(name) = entry.name() else { continue };
            let span = place(name);
            if !known.contains(&name.value()) {
                self.fault(unknown(span, &format!("property of `{}`", self.name()), name.value(), known));
            } else if seen.contains(&name.value()) {
                self.fault(Fault::new(span, format!("`{}` is said twice", name.value())).label("only one could count"));
            }
            seen.push(name.value());
        }
    }

    /// What stands in the block of this word; a fault for each word that is not one of `known`.
    pub(super) fn children(&self, known: &[&str]) -> Vec<Word<'a>> {
        let nodes = self.node.children().map(|block| block.nodes()).unwrap_or_default();
        among(nodes, self.noted, known, &format!("in `{}`", self.name()))
    }

    /// Whether every word of the block is one of `known`: a word that is missing may be there, misspelt.
    pub(super) fn knows_all(&self, known: &[&str]) -> bool {
        let nodes = self.node.children().map(|block| block.nodes()).unwrap_or_default();
        nodes.iter().all(|node| known.contains(&node.name().value()))
    }

    /// Whether a word of this name stands in the block.
    pub(super) fn says(&self, name: &str) -> bool {
        self.node.children().is_some_and(|block| block.nodes().iter().any(|node| node.name().value() == name))
    }

    /// Notes a block where none belongs.
    pub(super) fn no_block(&self) {
        if let Some(first) = self.node.children().and_then(|block| block.nodes().first()) {
            let span = place(first.name());
            self.fault(Fault::new(span, format!("`{}` has no block", self.name())).label("nothing belongs here"));
        }
    }

    /// A word without anything behind it.
    pub(super) fn bare(&self) {
        self.at_most(0);
        self.properties(&[]);
        self.no_block();
    }
}

/// The words among `nodes` that are `known`; a fault for each other one.
pub(super) fn among<'a>(nodes: &'a [KdlNode], noted: &'a Noted, known: &[&str], place: &str) -> Vec<Word<'a>> {
    let mut words = Vec::new();
    for node in nodes {
        let word = Word::new(node, noted);
        if known.contains(&word.name()) {
            words.push(word);
        } else {
            word.fault(unknown(word.span(), &format!("word {place}"), word.name(), known));
        }
    }
    words
}

/// The first word of this name; each further one is a fault.
pub(super) fn once<'a>(words: &[Word<'a>], name: &str) -> Option<Word<'a>> {
    let mut named = words.iter().filter(|word| word.name() == name);
    let first = named.next()?;
    for again in named {
        again.fault(Fault::new(again.span(), format!("`{name}` is said twice")).label("only one could count"));
    }
    Some(*first)
}

/// A word that is not known where it stands.
pub(super) fn unknown(span: Range<usize>, what: &str, word: &str, known: &[&str]) -> Fault {
    let fault = Fault::new(span, format!("`{word}` is no {what}"));
    match (nearest(word, known.iter().copied()), known) {
        (Some(meant), _) => fault.label(format!("did you mean `{meant}`?")),
        (None, []) => fault.label("none belongs here"),
        (None, known) => fault.help(format!("known are: {}", known.join(", "))),
    }
}

impl<'a> Value<'a> {
    pub(super) fn span(&self) -> Range<usize> {
        let span = self.entry.span();
        let span = span.offset()..span.offset() + span.len();
        // The span of a property begins at its name.
        let repr = self.entry.format().map(|format| format.value_repr.len()).unwrap_or_default();
        if repr > 0 && repr < span.len() { span.end - repr..span.end } else { span }
    }

    pub(super) fn fault(&self, fault: Fault) {
        self.noted.fault(fault);
    }

    /// Notes that this value is not what it must be.
    pub(super) fn wrong(&self, message: impl Into<String>, label: impl Into<String>) {
        self.fault(Fault::new(self.span(), message).label(label));
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        let text = self.entry.value().as_string();
        if text.is_none() {
            self.wrong("this is to be text", "write it in quotes");
        }
        text
    }

    pub(super) fn bool(&self) -> Option<bool> {
        let value = self.entry.value().as_bool();
        if value.is_none() {
            self.wrong("this is to be #true or #false", "");
        }
        value
    }

    /// A whole number within bounds.
    pub(super) fn number(&self, least: u64, most: u64) -> Option<u64> {
        let number = self.entry.value().as_integer().and_then(|number| u64::try_from(number).ok());
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.wrong(format!("this is to be a whole number from {least} to {most}"), "");
        }
        number
    }

    /// What `read` makes of the text; its error is what is wrong with it.
    pub(super) fn read<T>(&self, read: impl FnOnce(&'a str) -> Result<T, String>) -> Option<T> {
        match read(self.text()?) {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.fault(Fault::new(self.span(), wrong));
                None
            }
        }
    }

    /// One of the words that `known` lists.
    pub(super) fn choice<T: Copy>(&self, what: &str, known: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            self.fault(unknown(self.span(), what, text, &names));
        }
        found
    }

    /// Text, or a number as it is written.
    pub(super) fn shown(&self) -> String {
        match self.entry.value() {
            KdlValue::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

/// Where an identifier stands.
fn place(identifier: &KdlIdentifier) -> Range<usize> {
    let span = identifier.span();
    span.offset()..span.offset() + span.len()
}
