//! Whatever a path holds, it leads to a place below the root, to a relative reference, or nowhere.

use std::os::unix::ffi::OsStrExt;
use std::path::Component;

use proptest::prelude::*;
use wirelight_gateway::files::path::{Way, judge};

/// What paths are made of that mean harm, and what they are usually made of.
fn path() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("/".to_owned()),
        Just("..".to_owned()),
        Just(".".to_owned()),
        Just("%2e".to_owned()),
        Just("%2F".to_owned()),
        Just("%5c".to_owned()),
        Just("\\".to_owned()),
        Just("%00".to_owned()),
        Just("%".to_owned()),
        Just("%25".to_owned()),
        Just(":".to_owned()),
        Just("//".to_owned()),
        "[a-z]{1,3}",
        "%[0-9a-fA-F]{2}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
}

/// Resolves a relative reference as RFC 3986, section 5.2, does.
fn resolve(base: &str, reference: &str) -> String {
    let merged = format!("{}{reference}", &base[..=base.rfind('/').unwrap()]);
    let mut output: Vec<&str> = Vec::new();
    let mut segments = merged[1..].split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." if is_last => output.push(""),
            "." => {}
            ".." => {
                output.pop();
                if is_last {
                    output.push("");
                }
            }
            segment => output.push(segment),
        }
    }
    format!("/{}", output.join("/"))
}

proptest! {
    #[test]
    fn a_path_leads_below_the_root_or_nowhere(path in path(), hidden in any::<bool>()) {
        match judge(&path, hidden) {
            Way::Here(place) => {
                for component in place.path.components() {
                    let Component::Normal(name) = component else { panic!("{component:?} in {path:?}") };
                    let name = name.as_bytes();
                    prop_assert!(name.iter().all(|byte| !matches!(byte, 0..=0x1f | 0x7f | b'/' | b'\\')));
                    prop_assert!(hidden || name[0] != b'.' || name == b".well-known");
                }
                prop_assert_eq!(place.is_folder, path.ends_with('/'));
            }
            Way::Elsewhere(location) => {
                prop_assert!(location.starts_with("./") || location.starts_with("../"), "{}", location);
                prop_assert!(location.bytes().all(|byte| matches!(byte, b'!'..=b'~') && byte != b'\\' && byte != b':'));
                let resolved = resolve(&path, &location);
                prop_assert!(!resolved.starts_with("//"), "{} leads to {}", location, resolved);
                prop_assert!(matches!(judge(&resolved, hidden), Way::Here(_)), "{} leads to {}", location, resolved);
            }
            Way::Refused(_) => {}
        }
    }
}

#[test]
fn a_target_that_is_no_path_leads_nowhere() {
    for target in ["", "*", "x", "example.test:443"] {
        assert!(matches!(judge(target, true), Way::Refused(_)), "{target:?}");
    }
}
