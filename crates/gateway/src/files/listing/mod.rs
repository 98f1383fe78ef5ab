//! The listing of a folder: what is shown of it, in which order, and in which form.

mod json;
mod page;

use std::borrow::Cow;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::time::SystemTime;

use http::StatusCode;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, VARY};
use rustix::fs::Dir;
use wirelight_semantics::decision::{Decision, Rule};
use wirelight_semantics::media_type::MediaType;
use wirelight_semantics::negotiate::{self, Choice};
use wirelight_service::Response;

use super::answer::{Asked, response};
use super::entry::Nature;
use super::missing::Missing;
use super::page::SECURITY_POLICY;
use super::path;
use super::resource::Search;
use super::root::Unopened;

/// A folder's content, as it is shown.
#[derive(Debug)]
pub(super) struct Listing {
    /// The path below the root, decoded, without a slash at its end; empty for the root.
    path: Vec<u8>,
    entries: Vec<Entry>,
    /// Whether there is more than the limit lets be shown.
    is_cut: bool,
}

/// One file or folder in a listing.
#[derive(Debug)]
struct Entry {
    name: OsString,
    /// The length in bytes of a file; `None` for a folder.
    length: Option<u64>,
    modified: SystemTime,
}

/// By what a listing is sorted; folders always come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Order {
    key: Key,
    is_descending: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Name,
    Length,
    Modified,
}

impl Key {
    const ALL: [Self; 3] = [Self::Name, Self::Length, Self::Modified];

    fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Length => "size",
            Self::Modified => "modified",
        }
    }
}

/// Reads a folder. What cannot be asked for is not shown: hidden names, names that no path can hold, links that leave
/// the root, and what is neither file nor folder.
pub(super) fn read(search: &Search<'_>, path: &Path) -> Result<Listing, Missing> {
    let (folder, nature) = search.open(path)?;
    if !matches!(nature, Nature::Folder(_)) {
        return Err(Missing::NotAFolder);
    }
    let entries_max = search.config.listing_entries_max;
    let mut listing = Listing { path: path.as_os_str().as_bytes().to_vec(), entries: Vec::new(), is_cut: false };
    for found in Dir::read_from(&folder).map_err(Unopened::from)? {
        let found = found.map_err(Unopened::from)?;
        let name = found.file_name().to_bytes();
        if !is_shown(name, search.config.hidden) {
            continue;
        }
        if listing.entries.len() == entries_max {
            listing.is_cut = true;
            break;
        }
        let name = OsString::from_vec(name.to_owned());
        let entry = match search.look(&path.join(&name)) {
            Ok(Nature::File(stamp)) => Entry { name, length: Some(stamp.length), modified: stamp.modified() },
            Ok(Nature::Folder(stamp)) => Entry { name, length: None, modified: stamp.modified() },
            Ok(Nature::Special(_)) | Err(_) => continue,
        };
        listing.entries.push(entry);
    }
    Ok(listing)
}

/// Whether a path could name it.
fn is_shown(name: &[u8], hidden: bool) -> bool {
    match name {
        b"." | b".." => false,
        [b'.', ..] if !hidden => false,
        name => !name.iter().any(|byte| matches!(byte, 0..=0x1f | 0x7f | b'\\')),
    }
}

impl Entry {
    fn is_folder(&self) -> bool {
        self.length.is_none()
    }

    /// A reference to it, relative to its folder.
    fn reference(&self) -> String {
        let slash = if self.is_folder() { "/" } else { "" };
        format!("./{}{slash}", path::segment(self.name.as_bytes()))
    }
}

impl Order {
    /// The order that a query asks for: `sort=size&order=desc`.
    fn asked(query: Option<&str>) -> Self {
        let mut order = Self { key: Key::Name, is_descending: false };
        for pair in query.unwrap_or_default().split('&') {
            match pair.split_once('=') {
                Some(("sort", name)) => {
                    order.key = Key::ALL.into_iter().find(|key| key.name() == name).unwrap_or(order.key);
                }
                Some(("order", direction)) => order.is_descending = direction == "desc",
                _ => {}
            }
        }
        order
    }
}

impl Listing {
    fn sort(&mut self, order: Order) {
        self.entries.sort_by_cached_key(|entry| (entry.name.to_string_lossy().to_lowercase(), entry.name.clone()));
        match order.key {
            Key::Name => {}
            Key::Length => self.entries.sort_by_key(|entry| entry.length),
            Key::Modified => self.entries.sort_by_key(|entry| entry.modified),
        }
        if order.is_descending {
            self.entries.reverse();
        }
        self.entries.sort_by_key(|entry| !entry.is_folder());
    }

    /// The answer to a request for the folder, in the form that it prefers.
    pub(super) fn answer(mut self, asked: &Asked<'_>) -> Response {
        let order = Order::asked(asked.head.uri.query());
        self.sort(order);
        let form = Form::preferred(asked);
        let content = match form {
            Form::Page => page::write(&self, order),
            Form::Json => json::write(&self),
        };
        asked.trail.note(Listed { entries: self.entries.len(), is_cut: self.is_cut, form });
        let mut answer = response(StatusCode::OK, content.into());
        let fields = answer.headers_mut();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        fields.insert(VARY, ACCEPT.into());
        if form == Form::Page {
            fields.insert(CONTENT_SECURITY_POLICY, SECURITY_POLICY);
        }
        answer
    }
}

/// The form of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Page,
    Json,
}

impl Form {
    fn preferred(asked: &Asked<'_>) -> Self {
        let forms = [("text/html", Self::Page), ("application/json", Self::Json)];
        let available = forms.map(|(name, _)| MediaType::parse(name.as_bytes()).expect("a media type"));
        let choice = negotiate::media_type(&asked.head.headers, &available);
        let form = match &choice {
            Choice::Chosen { index, .. } => forms[*index].1,
            Choice::NotAcceptable { .. } => Self::Page,
        };
        asked.trail.note(choice);
        form
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Page => "text/html; charset=utf-8",
            Self::Json => "application/json",
        }
    }
}

/// A folder was listed.
#[derive(Debug, Clone, Copy)]
struct Listed {
    entries: usize,
    is_cut: bool,
    form: Form,
}

static RULE: Rule = Rule {
    name: "folder-listing",
    section: "Wirelight, files",
    says: "A folder without an index is listed where listings are on.",
};

impl Decision for Listed {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        let form = if self.form == Form::Page { "a page" } else { "JSON" };
        format!("{} entries listed as {form}", self.entries).into()
    }

    fn because(&self) -> Cow<'static, str> {
        match self.is_cut {
            true => "the folder has no index, and listings are on; it has more entries than the limit".into(),
            false => "the folder has no index, and listings are on".into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        Some("an index in the folder would have been sent".into())
    }
}
