//! A listing as JSON.

use serde_json::{Value, json};

use super::{Entry, Listing};
use crate::moment::Moment;

/// The folder's path, and name, reference, type, length and time of modification of each entry.
pub(super) fn write(listing: &Listing) -> String {
    let path = String::from_utf8_lossy(&listing.path);
    let slash = if path.is_empty() { "" } else { "/" };
    let entries: Vec<Value> = listing.entries.iter().map(entry).collect();
    json!({ "path": format!("/{path}{slash}"), "entries": entries, "truncated": listing.is_cut }).to_string()
}

fn entry(entry: &Entry) -> Value {
    let mut members = json!({
        "name": entry.name.to_string_lossy(),
        "url": entry.reference(),
        "type": if entry.is_folder() { "folder" } else { "file" },
        "modified": Moment::of(entry.modified).to_string(),
    });
    if let Some(length) = entry.length {
        members["size"] = length.into();
    }
    members
}
