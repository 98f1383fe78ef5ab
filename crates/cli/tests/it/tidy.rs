//! The rules of the house that can be read off the source tree. ARCHITECTURE.md and CONTRIBUTING.md say why they hold.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// A file longer than this is more than one noun. The rule says about 600.
const LINES_MAX: usize = 650;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every file below a folder, but what is built and what git keeps to itself.
fn files(below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![below.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let entry = entry.unwrap();
            let name = entry.file_name();
            let kind = entry.file_type().unwrap();
            if ["target", ".git", "artifacts"].iter().any(|skipped| name == *skipped) {
                continue;
            }
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

/// The Rust files below a folder of the repository, with their text.
fn sources(below: &str) -> Vec<(String, String)> {
    let root = root();
    files(&root.join(below))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| (path.strip_prefix(&root).unwrap().display().to_string(), fs::read_to_string(&path).unwrap()))
        .collect()
}

/// The lines that are code, numbered from 1: comments are taken off.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line));
    lines.map(|(number, line)| (number, line.split("//").next().unwrap_or_default()))
}

/// Whether a word stands in a line by itself.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c == '_' || c.is_alphanumeric();
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(is_part) && !line[at + word.len()..].starts_with(is_part))
}

/// Collects what breaks a rule, so that all of it is seen at once.
#[derive(Default)]
struct Broken(String);

impl Broken {
    fn note(&mut self, place: &str, line: usize, what: &str) {
        writeln!(self.0, "  {place}:{line}: {what}").unwrap();
    }

    fn expect_none(self, rule: &str) {
        assert!(self.0.is_empty(), "{rule}\n{}", self.0);
    }
}

/// Flags every line of code below the folders that holds one of the words.
fn forbid(folders: &[&str], words: &[&str], rule: &str) {
    let mut broken = Broken::default();
    for folder in folders {
        let sources = sources(folder);
        assert!(!sources.is_empty(), "{folder} holds no source");
        for (place, text) in &sources {
            for (number, line) in code(text) {
                for word in words.iter().filter(|word| has_word(line, word)) {
                    broken.note(place, number, word);
                }
            }
        }
    }
    broken.expect_none(rule);
}

/// What a manifest says of its crate.
#[derive(Debug, Default)]
struct Manifest {
    rank: String,
    /// Crates of ours, by the section that names them.
    dependencies: Vec<(String, String)>,
    keeps_lints: bool,
}

fn manifests() -> BTreeMap<String, Manifest> {
    let mut manifests = BTreeMap::new();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let path = entry.unwrap().path().join("Cargo.toml");
        let text = fs::read_to_string(&path).unwrap();
        let (mut name, mut manifest, mut section) = (String::new(), Manifest::default(), "");
        for line in text.lines().map(str::trim) {
            if let Some(header) = line.strip_prefix('[') {
                section = header.trim_end_matches(']');
                continue;
            }
            let Some((key, value)) = line.split_once('=') else { continue };
            let (key, value) = (key.trim().trim_end_matches(".workspace"), value.trim().trim_matches('"'));
            match (section, key) {
                ("package", "name") => name = value.to_owned(),
                ("package.metadata.wirelight", "rank") => manifest.rank = value.to_owned(),
                ("lints", "workspace") => manifest.keeps_lints = value == "true",
                _ if key.starts_with("wirelight-") => manifest.dependencies.push((section.to_owned(), key.to_owned())),
                _ => {}
            }
        }
        manifests.insert(name, manifest);
    }
    assert!(manifests.len() >= 8, "the crates were not found: {manifests:?}");
    manifests
}

#[test]
fn a_crate_depends_only_on_crates_of_lower_rank() {
    let manifests = manifests();
    for (name, manifest) in &manifests {
        let is_for_tests = manifest.rank == "dev";
        let rank: u32 = if is_for_tests {
            u32::MAX
        } else {
            manifest.rank.parse().unwrap_or_else(|_| panic!("{name} has no rank"))
        };
        for (section, dependency) in &manifest.dependencies {
            let of = &manifests[dependency].rank;
            if of == "dev" {
                assert_eq!(section, "dev-dependencies", "{name} needs {dependency}, which is for tests only");
            } else if section == "dependencies" {
                assert!(of.parse::<u32>().unwrap() < rank, "{name} (rank {rank}) depends on {dependency} (rank {of})");
            }
        }
    }
}

#[test]
fn every_crate_keeps_the_lints_of_the_workspace() {
    for (name, manifest) in manifests() {
        assert!(manifest.keeps_lints, "{name}");
    }
}

#[test]
fn semantics_and_proto_know_no_runtime_no_network_and_no_clock() {
    let words = ["async", "await", "tokio", "Instant::now", "SystemTime::now", "std::thread", "std::fs", "std::env"];
    let network = ["TcpStream", "TcpListener", "UdpSocket", "UnixStream", "UnixListener", "ToSocketAddrs"];
    let words = [&words[..], &network].concat();
    let mut broken = Broken::default();
    for (place, text) in ["crates/semantics/src", "crates/proto/src"].into_iter().flat_map(sources) {
        // Tests stand last in a file, and have to take their time from somewhere.
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in code(product).filter(|_| !is_test(&place)) {
            for word in words.iter().filter(|word| has_word(line, word)) {
                broken.note(&place, number, word);
            }
        }
    }
    broken.expect_none("the core is pure: bytes and time are arguments");
}

/// Whether a file is a module of tests.
fn is_test(place: &str) -> bool {
    place.contains("/tests/") || place.ends_with("/tests.rs")
}

#[test]
fn engines_do_not_import_one_another() {
    let rule = "all engines speak Part; none knows another";
    forbid(&["crates/proto/src/h1"], &["h2"], rule);
    forbid(&["crates/proto/src/h2"], &["h1"], rule);
}

#[test]
fn nothing_above_net_asks_for_the_version() {
    let words = ["HTTP_09", "HTTP_10", "HTTP_11", "HTTP_2", "HTTP_3"];
    let folders = ["crates/server/src", "crates/gateway/src", "crates/cli/src"];
    forbid(&folders, &words, "what depends on the version of HTTP is decided in proto and net");
}

#[test]
fn an_engine_has_one_owner() {
    let words = ["Mutex", "RwLock", "RefCell"];
    forbid(&["crates/proto/src", "crates/net/src/driver"], &words, "one task owns a connection; there is no lock");
}

#[test]
fn unsafe_stands_only_where_it_is_argued() {
    let crates: Vec<String> = manifests()
        .keys()
        .map(|name| name.trim_start_matches("wirelight-"))
        .filter(|name| !["net", "store"].contains(name))
        .map(|name| format!("crates/{name}/src"))
        .collect();
    let folders: Vec<&str> = crates.iter().map(String::as_str).collect();
    let words = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"];
    forbid(&folders, &words, "unsafe stands only in net and store: one block, one reason, one test");
}

#[test]
fn message_length_is_decided_in_one_place() {
    // Whoever decides a length has to read one of the two fields; head and chunked only tell which fields they are,
    // and encode writes them.
    let decided = ["h1/length.rs", "h1/head.rs", "h1/chunked.rs", "h1/encode.rs"];
    let mut broken = Broken::default();
    for (place, text) in sources("crates/proto/src/h1") {
        if decided.iter().any(|known| place.ends_with(known)) || is_test(&place) {
            continue;
        }
        for (number, line) in code(text.split("#[cfg(test)]").next().unwrap_or_default()) {
            for word in ["CONTENT_LENGTH", "TRANSFER_ENCODING"].into_iter().filter(|word| has_word(line, word)) {
                broken.note(&place, number, word);
            }
        }
    }
    broken.expect_none("the length of a message is decided in h1/length and nowhere else");
}

#[test]
fn a_file_is_one_noun() {
    let mut broken = Broken::default();
    for (place, text) in sources("crates") {
        let lines = text.lines().count();
        if lines > LINES_MAX {
            broken.note(&place, lines, "is too long");
        }
        let stem = Path::new(&place).file_stem().unwrap().to_str().unwrap();
        if ["util", "utils", "common", "helper", "helpers", "types", "manager", "misc"].contains(&stem) {
            broken.note(&place, 1, "is no noun of HTTP");
        }
        if place.contains("/src/") && !text.starts_with("//!") && !text.starts_with("#!") {
            broken.note(&place, 1, "does not say what it is (//!)");
        }
    }
    broken.expect_none("a file is one noun, about 600 lines at the most, and says what it is");
}

#[test]
fn nothing_is_left_to_be_done() {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:"), concat!("HA", "CK:")];
    let mut broken = Broken::default();
    for (place, text) in texts() {
        for (number, line) in text.lines().enumerate() {
            for mark in marks.iter().filter(|mark| line.contains(**mark)) {
                broken.note(&place, number + 1, mark);
            }
        }
    }
    broken.expect_none("work that is left is in the tracker, not in the tree");
}

#[test]
fn the_tree_knows_no_machine() {
    let paths = [concat!("/wo", "rk/"), concat!("/ro", "ot/."), concat!("/ho", "me/"), concat!("/tmp/", "wl")];
    let mut broken = Broken::default();
    for (place, text) in texts() {
        for (number, line) in text.lines().enumerate() {
            if paths.iter().any(|path| line.contains(path)) {
                broken.note(&place, number + 1, "names a place on somebody's machine");
            }
        }
    }
    broken.expect_none("the tree builds anywhere");
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    for line in lock.lines().filter(|line| line.starts_with("source = ")) {
        assert_eq!(line, "source = \"registry+https://github.com/rust-lang/crates.io-index\"");
    }
    assert!(!root().join(".cargo").exists(), "no settings of one machine's cargo");
}

/// Every text of the repository but data that others gathered.
fn texts() -> impl Iterator<Item = (String, String)> {
    let root = root();
    files(&root).into_iter().filter_map(move |path| {
        let place = path.strip_prefix(&root).unwrap().display().to_string();
        let is_data = place.starts_with("tests/corpus") || place.starts_with("fuzz/corpus") || place == "Cargo.lock";
        (!is_data).then(|| fs::read_to_string(&path).ok()).flatten().map(|text| (place, text))
    })
}

#[test]
fn the_readme_names_commands_and_flags_that_exist() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let mut checked = 0;
    let mut in_block = false;
    for line in readme.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
        }
        if !in_block {
            continue;
        }
        let Some((_, rest)) = line.split_once("wirelight ").or_else(|| line.split_once("cargo run --release -- "))
        else {
            continue;
        };
        let mut words = rest.split(['|', '<', '>', '#']).next().unwrap().split_whitespace();
        let Some(command) = words.next().filter(|word| word.bytes().all(|byte| byte.is_ascii_lowercase())) else {
            continue;
        };
        let help = crate::process::wirelight(&[command, "--help"]);
        assert!(help.status.success(), "README.md: {line}");
        let help = String::from_utf8(help.stdout).unwrap();
        for flag in words.filter(|word| word.starts_with('-')) {
            assert!(help.split([' ', ',', '\n', '=']).any(|known| known == flag), "README.md: {flag} in {line}");
        }
        checked += 1;
    }
    assert!(checked >= 4, "only {checked} commands were found in README.md");
}

#[test]
fn the_architecture_tells_of_every_crate() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for name in manifests().keys() {
        assert!(page.contains(name.as_str()), "ARCHITECTURE.md does not show {name}");
        let row = format!("| {} |", name.trim_start_matches("wirelight-"));
        assert!(name == "wirelight-testkit" || page.contains(&row), "ARCHITECTURE.md does not say what {name} knows");
    }
}

#[test]
fn continuous_integration_calls_the_test_command_and_nothing_else() {
    let run = fs::read_to_string(root().join(".ci/run")).unwrap();
    let commands: Vec<&str> = run.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    assert_eq!(commands, ["cd \"$(dirname \"$0\")/..\" && exec ./test"]);
}
