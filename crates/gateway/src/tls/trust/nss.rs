//! The stores of Chromium and Firefox: NSS, asked and changed by its own tool.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Act, Step, Wish, is_installed, spawn, words};
use crate::tls::Authority;

const TOOL: &str = "certutil";
/// Below the home folder: where Chromium, and its packages of other kinds, keep their store.
const CHROMIUM: [&str; 3] = [".pki/nssdb", ".local/share/pki/nssdb", "snap/chromium/current/.pki/nssdb"];
/// Below the home folder: where Firefox, and its packages of other kinds, keep their profiles.
const FIREFOX: [&str; 4] = [
    ".mozilla/firefox",
    ".config/mozilla/firefox",
    "snap/firefox/common/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/.mozilla/firefox",
];
/// A name may stand for several certificates, which are removed one by one.
const SAME_NAME_MAX: usize = 8;

/// What is to be done to the stores of browsers.
pub(super) fn plan(authority: &Authority, wish: Wish, home: &Path) -> Vec<Step> {
    let mut steps: Vec<Step> = chromium(home)
        .into_iter()
        .map(|folder| (format!("Chromium ({})", folder.display()), folder))
        .chain(firefox(home).into_iter().map(|folder| (format!("Firefox ({})", folder.display()), folder)))
        .map(|(store, folder)| Step { store, act: act(authority, wish, &folder) })
        .collect();
    if steps.is_empty() && wish == Wish::Trust {
        // Chromium takes up the store that it finds on its first start.
        let folder = home.join(CHROMIUM[0]);
        steps.push(Step { store: format!("Chromium ({})", folder.display()), act: act(authority, wish, &folder) });
    }
    steps
}

fn chromium(home: &Path) -> Vec<PathBuf> {
    CHROMIUM.iter().map(|place| home.join(place)).filter(|folder| is_store(folder)).collect()
}

fn firefox(home: &Path) -> Vec<PathBuf> {
    let mut profiles: Vec<PathBuf> = FIREFOX
        .iter()
        .filter_map(|place| fs::read_dir(home.join(place)).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
        .filter(|folder| is_store(folder))
        .collect();
    profiles.sort();
    profiles
}

fn is_store(folder: &Path) -> bool {
    super::is_file(&folder.join("cert9.db"))
}

fn act(authority: &Authority, wish: Wish, folder: &Path) -> Act {
    if !is_installed(TOOL) {
        return Act::Cannot(format!("{TOOL} is not installed: apt-get install libnss3-tools brings it"));
    }
    let name = authority.name();
    let mut store = OsString::from("sql:");
    store.push(folder);
    let stored = if is_store(folder) { stored(&store, name) } else { Vec::new() };
    let delete = || words([&TOOL, &"-D", &"-d", &store, &"-n", &name]);
    match wish {
        Wish::Trust if stored.len() == 1 && stored[0] == lines(authority.pem()) => {
            Act::Nothing("it is trusted already")
        }
        Wish::Undo if stored.is_empty() => Act::Nothing("it is not trusted here"),
        Wish::Undo => Act::Run(stored.iter().take(SAME_NAME_MAX).map(|_| delete()).collect()),
        Wish::Trust => {
            let mut commands = Vec::new();
            if !is_store(folder) {
                commands.push(words([&"mkdir", &"-p", &"-m", &"700", &folder]));
                commands.push(words([&TOOL, &"-N", &"-d", &store, &"--empty-password"]));
            }
            // One that was renewed takes the place of the one before it.
            commands.extend(stored.iter().take(SAME_NAME_MAX).map(|_| delete()));
            commands.push(words([&TOOL, &"-A", &"-d", &store, &"-n", &name, &"-t", &"C,,", &"-i", &authority.path()]));
            Act::Run(commands)
        }
    }
}

/// The certificates of this name in a store, as the lines of their PEM.
fn stored(store: &OsString, name: &str) -> Vec<String> {
    let Ok(output) = spawn(&words([&TOOL, &"-L", &"-d", store, &"-n", &name, &"-a"])) else { return Vec::new() };
    if !output.status.success() {
        return Vec::new();
    }
    let text = lines(&String::from_utf8_lossy(&output.stdout));
    let begin = "-----BEGIN CERTIFICATE-----\n";
    text.split(begin).skip(1).map(|rest| format!("{begin}{rest}")).collect()
}

/// A text whose lines end alike.
fn lines(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}
