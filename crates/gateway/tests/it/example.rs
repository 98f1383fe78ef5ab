//! The example and the reference know every word that the config language has.

use std::path::Path;

use wirelight_gateway::config::File;

/// The words that are known where an unknown one stands: the fault about it lists them.
fn known(before: &str, after: &str) -> Vec<String> {
    let text = format!("{before}\nqqqqqqqq\n{after}");
    let file = File::parse("test.kdl", &text, Path::new("/")).unwrap();
    let faults = file.plan().unwrap_err();
    let help = faults.list().iter().find_map(|fault| fault.help.as_deref()?.strip_prefix("known are: "));
    help.unwrap_or_else(|| panic!("{faults}")).split(", ").map(str::to_owned).collect()
}

#[test]
fn every_word_is_in_the_example_and_in_the_reference() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let example = std::fs::read_to_string(root.join("examples/gateway/wirelight.kdl")).unwrap();
    let reference = std::fs::read_to_string(root.join("docs/config.md")).unwrap();
    let mut missing = Vec::new();
    for (before, after) in [
        ("", ""),
        ("upstream u {", "}"),
        ("site default {", "}"),
        ("site default { route {", "} }"),
        ("site default { listen \":1\" {", "} }"),
        ("site default { route { connect {", "} } }"),
        ("site default { route { basic-auth {", "} } }"),
        ("site default { route { forward-auth \"http://a/\" {", "} } }"),
        ("site default { route { cors {", "} } }"),
        ("site default { route { header request {", "} } }"),
    ] {
        for word in known(before, after) {
            // A file of users cannot be in the example, where nobody is to find passwords.
            let begins = |line: &str| line.trim_start().trim_start_matches("// ").starts_with(&word);
            if !example.lines().any(begins) && word != "file" {
                missing.push(format!("the example has no `{word}` ({before})"));
            }
            let written = |end: &str| {
                [" ", "`", "{ ", "; "].iter().any(|start| reference.contains(&format!("{start}{word}{end}")))
            };
            if ![" ", "`", "="].iter().any(|end| written(end)) {
                missing.push(format!("the reference has no `{word}` ({before})"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
