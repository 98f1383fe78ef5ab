//! The rules of the house that a machine can check, over the files of all crates.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A file is one noun: this many lines, tests aside, and some slack.
const LINES_MAX: usize = 700;

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The lines of a file that belong to the product: what stands before its tests, without comments.
fn product(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).expect("a source file");
    let own = text.lines().enumerate().take_while(|(_, line)| !line.contains("#[cfg(test)]"));
    own.map(|(n, line)| (n + 1, line.split("//").next().unwrap_or_default().to_owned())).collect()
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs")
}

fn short(path: &Path) -> String {
    path.strip_prefix(crates()).unwrap_or(path).display().to_string()
}

/// The manifests by package name: their rank, and what they depend on outside tests.
fn manifests() -> BTreeMap<String, (String, Vec<String>)> {
    let mut manifests = BTreeMap::new();
    for entry in fs::read_dir(crates()).expect("the crates") {
        let Ok(text) = fs::read_to_string(entry.expect("a crate").path().join("Cargo.toml")) else { continue };
        let (mut section, mut name, mut rank, mut dependencies) = ("", String::new(), String::new(), Vec::new());
        for line in text.lines() {
            let (key, value) =
                line.split_once('=').map_or((line.trim(), ""), |(key, value)| (key.trim(), value.trim()));
            match section {
                _ if line.starts_with('[') => section = line.trim_matches(['[', ']']),
                "package" if key == "name" => name = value.trim_matches('"').to_owned(),
                "package.metadata.wirelight" if key == "rank" => rank = value.trim_matches('"').to_owned(),
                "dependencies" if !key.is_empty() => {
                    dependencies.push(key.split('.').next().unwrap_or_default().to_owned());
                }
                _ => {}
            }
        }
        manifests.insert(name, (rank, dependencies));
    }
    manifests
}

#[test]
fn dependencies_point_down_the_ranks() {
    let manifests = manifests();
    assert!(manifests.len() >= 8, "the crates were not found: {manifests:?}");
    let rank =
        |name: &str| manifests.get(name).map(|(rank, _)| if rank == "dev" { 99 } else { rank.parse().unwrap_or(-1) });
    let mut faults = Vec::new();
    for (name, (own, dependencies)) in &manifests {
        let own: i32 = if own == "dev" { 100 } else { own.parse().unwrap_or(-1) };
        if own < 0 {
            faults.push(format!("{name} has no rank"));
        }
        for dependency in dependencies {
            if rank(dependency).is_some_and(|rank| rank >= own) {
                faults.push(format!("{name} depends on {dependency}, which does not stand below it"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_core_knows_no_clock_no_socket_and_no_runtime() {
    let forbidden = [
        "Instant::now",
        "SystemTime::now",
        "TcpStream",
        "UdpSocket",
        "UnixStream",
        "tokio",
        "async fn",
        "Mutex",
        "unsafe",
    ];
    let mut faults = Vec::new();
    for name in ["semantics", "proto"] {
        let mut found = Vec::new();
        sources(&crates().join(name).join("src"), &mut found);
        assert!(!found.is_empty(), "{name} was not found");
        for path in found.iter().filter(|path| !is_test(path)) {
            for (n, line) in product(path) {
                let held = forbidden.iter().filter(|word| line.contains(*word));
                faults.extend(held.map(|word| format!("{}:{n} holds {word}", short(path))));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn engines_do_not_import_one_another() {
    let mut faults = Vec::new();
    for (own, other) in [("h1", "h2"), ("h2", "h1")] {
        let mut found = Vec::new();
        sources(&crates().join("proto/src").join(own), &mut found);
        for path in found {
            for (n, line) in product(&path) {
                if line.contains(&format!("crate::{other}")) {
                    faults.push(format!("{}:{n} imports {other}", short(&path)));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn unsafe_stands_where_it_may() {
    let mut found = Vec::new();
    sources(&crates(), &mut found);
    let mut faults = Vec::new();
    for path in found.iter().filter(|path| !is_test(path)) {
        let name = short(path);
        if name.starts_with("net/") || name.starts_with("store/") || name.contains("target/") {
            continue;
        }
        for (n, line) in product(path) {
            if line.contains("unsafe {") || line.contains("unsafe impl") || line.contains("unsafe fn") {
                faults.push(format!("{name}:{n}"));
            }
        }
    }
    assert!(faults.is_empty(), "unsafe outside net and store:\n{}", faults.join("\n"));
}

#[test]
fn files_are_one_noun_and_finished() {
    let names = ["util", "utils", "common", "helpers", "helper", "types", "manager", "misc"];
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
        concat!("unimplemented", "!("),
        concat!("todo", "!("),
    ];
    let mut found = Vec::new();
    sources(&crates(), &mut found);
    let mut faults = Vec::new();
    for path in found {
        let name = short(&path);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if names.contains(&stem.as_str()) {
            faults.push(format!("{name} is no noun of its own"));
        }
        if !is_test(&path) && product(&path).len() > LINES_MAX {
            faults.push(format!("{name} has {} lines", product(&path).len()));
        }
        let text = fs::read_to_string(&path).expect("a source file");
        for word in words.iter().filter(|word| text.contains(*word)) {
            faults.push(format!("{name} holds {word}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
