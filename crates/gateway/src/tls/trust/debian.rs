//! Debian's store, which curl, wget, git, Python and most programs but browsers read.

use std::fs;

use super::{Act, Places, Step, Wish, is_installed, words};
use crate::tls::Authority;

const UPDATE: &str = "update-ca-certificates";

/// What is to be done to Debian's store.
pub(super) fn plan(authority: &Authority, wish: Wish, places: &Places) -> Step {
    // Named after the key, which a renewal keeps: the store never holds two of one authority.
    let file = places.system.join(format!("wirelight-{}.crt", &authority.key_fingerprint()[..16]));
    let stored = fs::read_to_string(&file).ok();
    let as_administrator = |command: Vec<_>| places.as_administrator.iter().cloned().chain(command).collect();
    let act = match (wish, stored) {
        (Wish::Trust, Some(pem)) if pem == authority.pem() => Act::Nothing("it is trusted already"),
        (Wish::Undo, None) => Act::Nothing("it is not trusted here"),
        _ if !places.system.is_dir() || !is_installed(UPDATE) => {
            Act::Cannot("this system has no store as Debian's: apt-get install ca-certificates makes one".to_owned())
        }
        (Wish::Trust, _) => Act::Run(vec![
            as_administrator(words([&"install", &"-m", &"0644", &authority.path(), &file])),
            as_administrator(words([&UPDATE])),
        ]),
        (Wish::Undo, Some(_)) => Act::Run(vec![
            as_administrator(words([&"rm", &"-f", &file])),
            as_administrator(words([&UPDATE, &"--fresh"])),
        ]),
    };
    Step { store: format!("the system's store ({})", places.system.display()), act }
}
