//! What a reload has done, or would do, in words.

use std::fmt;
use std::time::Duration;

use wirelight_server::Address;

use super::difference::{Change, Part};
use crate::streams::Stream;

/// What a reload has done, or would do.
#[derive(Debug, Clone)]
pub struct Reload {
    /// Whether it has happened.
    pub is_done: bool,
    /// What is different.
    pub changes: Vec<Change>,
    /// What is closed, and why.
    pub closing: Vec<Closing>,
    /// How many streams go on, since their routes are the same.
    pub kept: usize,
    /// How long what is closed may take to end by itself.
    pub grace: Duration,
}

/// What is closed by a reload, and why.
#[derive(Debug, Clone)]
pub enum Closing {
    /// A stream.
    Stream {
        /// Which.
        stream: Stream,
        /// For how long it has been under way.
        age: Duration,
        /// Its route.
        route: Part,
        /// Whether the route is gone, and not only another one.
        is_gone: bool,
    },
    /// The connections of a listener that is gone.
    Connections {
        /// Where they came in.
        address: Address,
        /// How many there are.
        count: usize,
    },
}

impl fmt::Display for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream { stream, age, route, is_gone } => {
                let because = if *is_gone { "is not there any more" } else { "has changed" };
                write!(f, "{stream}, under way for {} s: {route} {because}", age.as_secs())
            }
            Self::Connections { address, count } => {
                write!(f, "{} on {address}: the listener is not there any more", counted(*count, "connection"))
            }
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

impl fmt::Display for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { is_done, changes, closing, kept, grace } = self;
        match (changes.is_empty(), is_done) {
            (true, _) => writeln!(f, "nothing is different")?,
            (false, true) => writeln!(f, "{}:", counted(changes.len(), "change"))?,
            (false, false) => writeln!(f, "there would be {}:", counted(changes.len(), "change"))?,
        }
        for change in changes {
            writeln!(f, "  {}", change.to_string().replace('\n', "\n  "))?;
        }
        let would = if *is_done { "" } else { " would" };
        if *kept > 0 {
            let goes = if *kept == 1 && *is_done { "goes" } else { "go" };
            writeln!(f, "{}{would} {goes} on undisturbed", counted(*kept, "stream"))?;
        }
        if !closing.is_empty() {
            let is = if *is_done { "is" } else { "would be" };
            writeln!(f, "this {is} closed after {} s unless it ends before:", grace.as_secs_f32())?;
        }
        closing.iter().try_for_each(|each| writeln!(f, "  {each}"))
    }
}
