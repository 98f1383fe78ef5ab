//! A listing as a page: no script, one embedded stylesheet, references that are relative.

use std::fmt::Write;

use super::super::page::{self, escaped};
use super::{Entry, Key, Listing, Order};
use crate::moment::Moment;

/// Writes the page.
pub(super) fn write(listing: &Listing, order: Order) -> String {
    let mut page = String::with_capacity(4096 + 256 * listing.entries.len());
    put(&mut page, listing, order).expect("a string takes everything");
    page
}

fn put(page: &mut String, listing: &Listing, order: Order) -> std::fmt::Result {
    let path = String::from_utf8_lossy(&listing.path);
    let title = if path.is_empty() { "/".to_owned() } else { format!("/{path}/") };
    page::begin(page, &title);
    put_crumbs(page, &path)?;
    page.push_str("<table>\n<thead>\n<tr>");
    for key in Key::ALL {
        put_heading(page, key, order)?;
    }
    page.push_str("</tr>\n</thead>\n<tbody>\n");
    if !path.is_empty() {
        page.push_str("<tr class=\"up\"><td colspan=\"3\"><a href=\"../\">Parent folder</a></td></tr>\n");
    }
    for entry in &listing.entries {
        put_entry(page, entry)?;
    }
    page.push_str("</tbody>\n</table>\n");
    put_summary(page, listing)?;
    page::end(page);
    Ok(())
}

/// The way from the root to here, each step a link.
fn put_crumbs(page: &mut String, path: &str) -> std::fmt::Result {
    let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
    page.push_str("<h1>");
    for (depth, name) in std::iter::once("root").chain(names.iter().copied()).enumerate() {
        let up = names.len() - depth;
        match up {
            0 => write!(page, "<span>{}</span>", escaped(name))?,
            up => write!(page, "<a href=\"{}\">{}</a><i>/</i>", "../".repeat(up), escaped(name))?,
        }
    }
    page.push_str("</h1>\n");
    Ok(())
}

/// A heading, which sorts by its column, or the other way round if that is sorted already.
fn put_heading(page: &mut String, key: Key, order: Order) -> std::fmt::Result {
    let is_sorted = key == order.key;
    let (direction, mark, state) = match (is_sorted, order.is_descending) {
        (true, false) => ("desc", " \u{2191}", " aria-sort=\"ascending\""),
        (true, true) => ("asc", " \u{2193}", " aria-sort=\"descending\""),
        (false, _) => ("asc", "", ""),
    };
    let name = key.name();
    let title = match key {
        Key::Name => "Name",
        Key::Length => "Size",
        Key::Modified => "Modified",
    };
    write!(
        page,
        "<th scope=\"col\" class=\"{name}\"{state}><a href=\"?sort={name}&amp;order={direction}\">{title}{mark}</a></th>"
    )
}

fn put_entry(page: &mut String, entry: &Entry) -> std::fmt::Result {
    let name = entry.name.to_string_lossy();
    let (class, slash) = if entry.is_folder() { ("folder", "/") } else { ("file", "") };
    write!(page, "<tr class=\"{class}\"><td><a href=\"{}\">{}{slash}</a></td>", entry.reference(), escaped(&name))?;
    match entry.length {
        Some(length) => write!(page, "<td class=\"size\" title=\"{length} bytes\">{}</td>", size(length))?,
        None => page.push_str("<td class=\"size\"></td>"),
    }
    let moment = Moment::of(entry.modified);
    let Moment { year, month, day, hour, minute, .. } = moment;
    writeln!(
        page,
        "<td class=\"modified\"><time datetime=\"{moment}\">{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}</time></td></tr>"
    )
}

fn put_summary(page: &mut String, listing: &Listing) -> std::fmt::Result {
    let folders = listing.entries.iter().filter(|entry| entry.is_folder()).count();
    let files = listing.entries.len() - folders;
    let length = listing.entries.iter().filter_map(|entry| entry.length).sum();
    let more = if listing.is_cut { "; there is more than is shown" } else { "" };
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    writeln!(
        page,
        "<p>{folders} folder{}, {files} file{}, {}{more}. Times are UTC.</p>",
        plural(folders),
        plural(files),
        size(length)
    )
}

/// A length as people read it.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut amount = bytes as f64 / 1024.0;
    let mut unit = 0;
    // Half a tenth below the next unit it would be shown as 1024.0.
    while amount >= 1023.95 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    format!("{amount:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_as_people_read_them() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1_048_575, "1.0 MiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }
}
