//! Where exchanges are logged: all of them, or those of some routes.

use std::path::Path;
use std::sync::Arc;

use super::fault::Fault;
use super::plan::{AccessLog, Around};
use super::top::Scope;
use super::value::size;
use super::word::Word;
use crate::access_log::{Format, Rotation};

/// The word itself. What passes two of them in one block would be logged by the second alone.
pub(super) const WORD: &str = "access-log";
/// What stands in place of a file where nothing is logged.
const OFF: &str = "off";

/// Reads `access-log "file" format=json` at the top.
pub(super) fn of_all(word: &Word<'_>, scope: &Scope<'_>) -> Option<AccessLog> {
    if is_off(word) {
        word.fault(Fault::new(word.span(), "nothing is logged unless it is said").help("leave this word out"));
        return None;
    }
    one_way(word, read(word, scope.folder)?, scope)
}

/// Reads `access-log "file" format=json` or `access-log off` around handlers.
pub(super) fn of_some(word: &Word<'_>, scope: &Scope<'_>) -> Option<Around> {
    if is_off(word) {
        word.at_most(1);
        word.properties(&[]);
        return Some(Around::AccessLog(None));
    }
    let log = one_way(word, read(word, scope.folder)?, scope)?;
    Some(Around::AccessLog(Some(Arc::new(log))))
}

fn is_off(word: &Word<'_>) -> bool {
    word.arguments().first().is_some_and(|first| first.shown() == OFF)
}

/// Notes a log whose file is written in another way already: two who rotate one file would lose lines.
fn one_way(word: &Word<'_>, log: AccessLog, scope: &Scope<'_>) -> Option<AccessLog> {
    let mut known = scope.logs.borrow_mut();
    match known.iter().find(|known| known.file == log.file) {
        Some(earlier) if *earlier != log => {
            let where_to = match &log.file {
                Some(file) => file.display().to_string(),
                None => "standard output".to_owned(),
            };
            word.fault(
                Fault::new(word.span(), format!("two access logs write to {where_to} in different ways"))
                    .help(format!("the one before says: {earlier}")),
            );
            None
        }
        Some(_) => Some(log),
        None => {
            known.push(log.clone());
            Some(log)
        }
    }
}

fn read(word: &Word<'_>, folder: &Path) -> Option<AccessLog> {
    word.properties(&["format", "rotate", "keep"]);
    word.no_block();
    word.at_most(1);
    let formats = [
        ("combined", Format::Combined),
        ("json", Format::Json),
        ("ecs", Format::Ecs),
        ("pretty", Format::Pretty { colors: false, decisions: false }),
    ];
    let format = match word.property("format") {
        Some(value) => value.choice("format of an access log", &formats)?,
        None => Format::Combined,
    };
    let file = match word.arguments().first() {
        Some(value) => Some(folder.join(value.text()?)),
        None => None,
    };
    Some(AccessLog { rotation: rotation(word, file.is_some())?, file, format })
}

/// Reads when a log file makes room for a new one; the outer nothing is a fault.
fn rotation(word: &Word<'_>, is_file: bool) -> Option<Option<Rotation>> {
    let Some(rotate) = word.property("rotate") else {
        if let Some(keep) = word.property("keep") {
            keep.wrong("no file is kept where none is rotated", "say `rotate`, too, such as rotate=\"100MiB\"");
            return None;
        }
        return Some(None);
    };
    if !is_file {
        rotate.wrong("standard output cannot be rotated", "name a file before it");
        return None;
    }
    let bytes_max = rotate.read(size)?;
    if bytes_max == 0 {
        rotate.wrong("a file of no bytes holds no line", "such as \"100MiB\"");
        return None;
    }
    let files_max = match word.property("keep") {
        Some(value) => u32::try_from(value.number(0, 10_000)?).ok()?,
        None => 5,
    };
    Some(Some(Rotation { bytes_max, files_max }))
}
