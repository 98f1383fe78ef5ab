//! Exchanges as an HTTP Archive (HAR 1.2), the file that browsers and other tools exchange: written, and read back.
//!
//! The structs are the format's own objects, under its names. What Wirelight knows beyond it stands in fields that
//! begin with an underscore, as the format asks for.

mod entry;
mod message;
mod moment;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use entry::{Bodies, Decided, Entry, Timings};
pub use message::{Content, Cookie, Field, Mask, PostData, Request, Response, Unusable};
pub use moment::{read as read_timestamp, write as timestamp};

/// The version of the format.
const VERSION: &str = "1.2";

/// A whole archive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Har {
    /// All that it holds.
    pub log: Log,
}

/// What an archive holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Log {
    /// The version of the format; 1.2, unless another program wrote it.
    #[serde(default = "version")]
    pub version: String,
    /// Who wrote it.
    #[serde(default)]
    pub creator: Creator,
    /// The exchanges, in the order in which they began.
    pub entries: Vec<Entry>,
}

/// Who wrote an archive.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Creator {
    /// The program.
    #[serde(default)]
    pub name: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
}

/// Why a text is no archive.
#[derive(Debug)]
pub struct Unreadable(serde_json::Error);

fn version() -> String {
    VERSION.to_owned()
}

impl Har {
    /// An archive of these exchanges, written by Wirelight.
    pub fn new(entries: Vec<Entry>) -> Self {
        let creator = Creator { name: "Wirelight".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
        Self { log: Log { version: version(), creator, entries } }
    }

    /// The archive as text: JSON, indented.
    pub fn write(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("an archive is texts, numbers and lists of them");
        text.push('\n');
        text
    }

    /// Reads an archive, whoever wrote it; what is not known is passed over.
    ///
    /// # Errors
    /// If it is no JSON, or lacks what no archive can be without.
    pub fn read(text: &[u8]) -> Result<Self, Unreadable> {
        // Some programs begin with a byte order mark, which JSON does not know.
        serde_json::from_slice(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)).map_err(Unreadable)
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this is no HTTP Archive: {}", self.0)
    }
}

impl std::error::Error for Unreadable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[cfg(test)]
mod tests;
