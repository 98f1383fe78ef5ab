//! The page's files: what they hold, and what they must not.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;

use super::{Inspected, node, sources_of_the_page, tool};

/// A file longer than this is more than one noun.
const LINES_MAX: usize = 400;

fn files(extension: &str) -> Vec<(String, String, PathBuf)> {
    let mut files: Vec<_> = fs::read_dir(sources_of_the_page())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|of| of == extension))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap(), path))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no file ends with .{extension}");
    files
}

#[test]
fn text_becomes_text_and_nothing_is_fetched_from_elsewhere() {
    let markup = ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "createContextualFragment"];
    let code = ["eval(", "new Function", "DOMParser", "setHTML", "srcdoc =", "import('http", "from 'http"];
    for (name, text, _) in files("js") {
        for word in markup.iter().chain(&code) {
            assert!(!text.contains(word), "{name} holds {word}");
        }
    }
    for (name, text, _) in files("css") {
        assert!(!text.contains("@import") && !text.contains("//"), "{name} fetches something");
    }
    let (_, page, _) = files("html").remove(0);
    assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains("://"), "{page}");
    for script in page.split("<script").skip(1) {
        let (tag, rest) = script.split_once('>').unwrap();
        assert!(tag.contains("src=") && rest.starts_with("</script>"), "an inline script: {script}");
    }
}

#[test]
fn a_module_is_one_noun_and_every_export_is_explained() {
    for (name, text, _) in files("js") {
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() < LINES_MAX, "{name} has {} lines", lines.len());
        assert!(text.starts_with("/**"), "{name} does not say what it is");
        for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("export ")) {
            let above = index.checked_sub(1).map_or("", |above| lines[above].trim());
            assert!(above.ends_with("*/"), "{name}:{}: {line}", index + 1);
        }
    }
}

#[test]
fn the_types_that_are_written_beside_the_code_are_true() {
    let compiler = tool("typescript/bin/tsc");
    let modules: Vec<PathBuf> = files("js").into_iter().map(|(_, _, path)| path).collect();
    let options = "--noEmit --allowJs --checkJs --strict --target es2022 --module esnext --moduleResolution bundler \
                   --lib es2023,dom,dom.iterable";
    let mut arguments: Vec<&OsStr> = vec![compiler.as_os_str()];
    arguments.extend(options.split_whitespace().map(OsStr::new));
    arguments.extend(modules.iter().map(|path| path.as_os_str()));
    let judged = node(&arguments);
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
}

#[test]
fn only_who_has_the_token_sees_the_page_and_its_policy_is_strict() {
    let mut inspected = Inspected::serve();
    let policy = inspected.page.text("fetch('/').then(page => page.headers.get('content-security-policy'))");
    for part in
        ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
    {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    assert_eq!(inspected.page.text("location.search"), "", "the token does not stay in the address");
    assert_eq!(inspected.page.text("document.cookie"), "", "no script can read it");
    assert_eq!(inspected.page.complaints(), Vec::<String>::new(), "the page keeps its own policy");

    inspected.page.ask("Network.enable", serde_json::json!({}));
    inspected.page.ask("Network.clearBrowserCookies", serde_json::json!({}));
    let status = inspected.page.value("fetch('/api/exchanges').then(answer => answer.status)");
    assert_eq!(status, serde_json::json!(401));
    inspected.page.click("#clear");
    inspected
        .page
        .until("document.querySelector('.notice').textContent.includes('open the address that the server printed')");
}
