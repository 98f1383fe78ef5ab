//! Arguments, exit statuses, completions and the man page.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::process::{Listening, command, site, wirelight};

fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn help_shows_examples_and_exit_statuses() {
    for arguments in [&["--help"][..], &["serve", "--help"], &["echo", "--help"], &["raw", "--help"]] {
        let (code, out, _) = said(&wirelight(arguments));
        assert_eq!(code, 0, "{arguments:?}");
        assert!(out.contains("Examples:\n  ") && out.contains("Exit status:\n  0 "), "{arguments:?}: {out}");
    }
}

#[test]
fn arguments_that_make_no_sense_exit_with_2() {
    let cases = [
        &[][..],
        &["serv"],
        &["serve", "--port", "65536"],
        &["serve", "--address", "nowhere"],
        &["serve", "--log", "xml"],
        &["serve", "--quiet", "--raw"],
        &["serve", "--workers", "0"],
        &["raw"],
        &["raw", "--wait", "-1", "h:1"],
        &["completions", "tcsh"],
    ];
    for arguments in cases {
        let (code, out, error) = said(&wirelight(arguments));
        assert_eq!(code, 2, "{arguments:?}");
        assert!(out.is_empty() && error.contains("--help"), "{arguments:?}: {error}");
    }
}

#[test]
fn what_is_in_the_way_is_said_in_words() {
    let taken = Listening::start(&["serve", &site()]);
    let port = taken.address.port().to_string();
    let file = format!("{}/index.html", site());
    let missing = format!("{}/nowhere", site());
    let cases: &[(&[&str], &str, &str)] = &[
        (&["serve", &site(), "-p", &port], "is in use by another program", "--port 0"),
        (&["echo", "-p", &port], "is in use by another program", "--port 0"),
        (&["serve", &missing], "there is no folder", "wirelight serve DIR"),
        (&["serve", &file], "is not a folder", "the folder that holds it"),
        (&["serve", &site(), "-p", "0", "-a", "192.0.2.1"], "192.0.2.1 is not an address of this machine", "0.0.0.0"),
        (&["raw", "nowhere"], "`nowhere` is not HOST:PORT", "127.0.0.1:8080"),
        (&["man", "nothing"], "there is no command `nothing`", "serve, echo, get, bench, raw"),
    ];
    for (arguments, what, advice) in cases {
        let (code, out, error) = said(&wirelight(arguments));
        assert_eq!(code, 1, "{arguments:?}: {error}");
        assert!(out.is_empty(), "{arguments:?}: {out}");
        assert!(
            error.starts_with("wirelight: ") && error.contains(what) && error.contains(advice),
            "{arguments:?}: {error}"
        );
    }
}

#[test]
fn the_port_may_come_from_the_environment() {
    let server = Listening::spawn(command(&["serve", &site()]).env("PORT", "0"));
    assert_ne!(server.address.port(), 8080);
    let (code, _, error) = said(&command(&["serve", &site()]).env("PORT", "many").output().unwrap());
    assert_eq!(code, 2);
    assert!(error.contains("--port"), "{error}");
}

#[test]
fn what_is_printed_to_a_pipe_has_no_colors() {
    let (_, _, error) = said(&wirelight(&["serve", "/nowhere/at/all"]));
    assert!(!error.contains('\x1b'), "{error:?}");
    let (_, out, _) = said(&wirelight(&["--help"]));
    assert!(!out.contains('\x1b'), "{out:?}");
}

#[test]
fn colors_are_for_terminals_and_no_color_is_honoured() {
    // script(1) gives the command a terminal.
    let line = format!("'{}' serve /nowhere/at/all", env!("CARGO_BIN_EXE_wirelight"));
    let on_a_terminal = |wish: Option<&str>| {
        let mut script = Command::new("script");
        script.args(["-qc", &line, "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR").env_remove("PORT");
        if let Some(wish) = wish {
            script.env("NO_COLOR", wish);
        }
        String::from_utf8(script.stdin(Stdio::null()).output().expect("script is installed").stdout).unwrap()
    };
    assert!(on_a_terminal(None).contains("\x1b[1m"), "{:?}", on_a_terminal(None));
    assert!(on_a_terminal(Some("")).contains("\x1b[1m"), "NO_COLOR counts only when it is not empty");
    assert!(!on_a_terminal(Some("1")).contains('\x1b'), "{:?}", on_a_terminal(Some("1")));
}

#[test]
fn completions_and_man_pages_are_as_they_were_read_last() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        golden(&format!("completions.{shell}"), &wirelight(&["completions", shell]));
    }
    golden("wirelight.1", &wirelight(&["man"]));
    for command in ["serve", "echo", "raw"] {
        golden(&format!("wirelight-{command}.1"), &wirelight(&["man", command]));
    }
}

/// Compares with the file of that name; WIRELIGHT_GOLDEN=write writes it instead, to be read and committed.
fn golden(name: &str, output: &Output) {
    let (code, out, error) = said(output);
    assert_eq!((code, error.as_str()), (0, ""), "{name}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(name);
    if std::env::var_os("WIRELIGHT_GOLDEN").is_some_and(|wish| wish == "write") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &out).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(out == expected, "{name} has changed; read it, and run this test with WIRELIGHT_GOLDEN=write:\n{out}");
}
