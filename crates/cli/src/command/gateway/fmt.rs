//! `wirelight fmt`: a config as it should look.

use std::fs;

use crate::args::Fmt;
use crate::exit::Failure;

/// Writes the config anew, or says whether it would.
pub(crate) fn run(arguments: &Fmt) -> Result<(), Failure> {
    let path = arguments.config();
    let file = super::read(path)?;
    let formatted = file.formatted().ok_or_else(|| {
        Failure::new(format!("a comment in {} stands where it could not be kept", path.display()))
            .advise("Give it a line of its own.")
    })?;
    if formatted == file.text() {
        return Ok(());
    }
    if arguments.check {
        return Err(Failure::new(format!("{} is not formatted", path.display())).advise("Run: wirelight fmt."));
    }
    // Written beside it first, so that no half of a config ever stands there.
    // A link stays one: it is the file behind it that is written.
    let written = fs::canonicalize(path).and_then(|file| {
        let fresh = file.with_extension("kdl.new");
        fs::write(&fresh, formatted)?;
        fs::set_permissions(&fresh, fs::metadata(&file)?.permissions())?;
        fs::rename(&fresh, &file)
    });
    written.map_err(|error| Failure::new(format!("{} cannot be written: {error}", path.display())))
}
