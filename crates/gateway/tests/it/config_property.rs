//! What must hold of a config, whatever its bytes are: shared by a test of the kept inputs and by the fuzzer.

use std::path::Path;

use wirelight_gateway::config::File;

/// Reads a config as it comes. It is refused with faults that lie in it, or it comes to a plan; written as it should
/// look, it comes to the same, and is left as it is from then on.
pub(crate) fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // Nothing is read from this folder: there is none.
    let folder = Path::new("/nowhere/to/be/found");
    let file = match File::parse("fuzz.kdl", text, folder) {
        Ok(file) => file,
        Err(faults) => return in_the_text(&faults, text),
    };
    let plan = match file.plan() {
        Ok(plan) => plan,
        Err(faults) => return in_the_text(&faults, text),
    };
    let shown = plan.to_string();
    let Some(formatted) = file.formatted() else { return };
    let again =
        File::parse("formatted.kdl", &formatted, folder).unwrap_or_else(|faults| panic!("{faults}\n{formatted}"));
    let same = again.plan().unwrap_or_else(|faults| panic!("{faults}\n{formatted}"));
    assert_eq!(same.to_string(), shown, "what is formatted means the same");
    assert_eq!(again.formatted().as_deref(), Some(&*formatted), "what is formatted stays as it is");
}

fn in_the_text(faults: &wirelight_gateway::config::Faults, text: &str) {
    assert!(!faults.list().is_empty(), "a config that is refused has a fault");
    for fault in faults.list() {
        let (line, column) = faults.place(fault);
        let found = text.split('\n').nth(line - 1).unwrap_or_else(|| panic!("{fault:?} has no line {line}"));
        assert!(column <= found.chars().count() + 1, "{fault:?} stands behind its line");
    }
    assert!(!faults.render(false).is_empty() && !faults.render(true).is_empty());
}
