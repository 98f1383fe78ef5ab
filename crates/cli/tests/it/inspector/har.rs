//! HAR files out and in again, and what another tool says of them.

use std::fs;

use serde_json::{Value, json};

use super::{Inspected, node, tool};

/// Judges a HAR file as the npm package does, and says what is wrong with it.
const JUDGE: &str = "const [, , file, validator] = process.argv; \
    const har = JSON.parse(require('fs').readFileSync(file)); \
    require(validator).har(har).then(() => console.log('valid'), error => console.log(JSON.stringify(error.errors, null, 1)));";

#[test]
fn a_har_file_is_saved_judged_by_another_tool_and_read_again() {
    let mut inspected = Inspected::start(&["echo"], 1280, 800);
    inspected.get("/echo?first");
    inspected.ask(
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\
         Connection: close\r\n\r\n{\"a\": 1}",
    );
    inspected.get("/nothing-here");
    inspected.listed(3);
    let text = inspected.page.download("wirelight.har", |page| page.click("#save"));
    let har: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(har["log"]["entries"].as_array().unwrap().len(), 3);

    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("saved.har");
    fs::write(&file, &text).unwrap();
    let judge = folder.path().join("judge.cjs");
    fs::write(&judge, JUDGE).unwrap();
    let judged = node(&[judge.as_os_str(), file.as_os_str(), tool("har-validator/lib/promise.js").as_os_str()]);
    let said = String::from_utf8_lossy(&judged.stdout);
    assert_eq!(said.trim(), "valid", "{}", String::from_utf8_lossy(&judged.stderr));

    inspected.page.click("#clear");
    inspected.listed(0);
    inspected.page.choose_file("#har-file", file.to_str().unwrap());
    inspected.page.until("document.querySelector('.notice').textContent.startsWith('3 exchanges were taken')");
    inspected.listed(3);
    inspected.page.until("document.querySelectorAll('.rows .from-har:not([hidden])').length === 3");
    let id = inspected.id("/echo?first");
    inspected.open(&id, "story");
    inspected.open(&id, "connection");
    assert!(inspected.panel().contains("HAR file"));
    let again = inspected.page.download("wirelight.har", |page| page.click("#save"));
    let again: Value = serde_json::from_str(&again).unwrap();
    let asked = |har: &Value| {
        let entries = har["log"]["entries"].as_array().unwrap();
        let mut asked: Vec<String> = entries.iter().map(|entry| entry["request"]["url"].to_string()).collect();
        asked.sort();
        asked
    };
    assert_eq!(asked(&again), asked(&har), "what went out came in and went out again");
}

#[test]
fn a_file_that_is_no_har_is_refused_with_a_reason() {
    let mut inspected = Inspected::serve();
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("wrong.har");
    for wrong in ["not json", "{\"log\": 1}", "[]"] {
        fs::write(&file, wrong).unwrap();
        inspected.page.value("document.querySelector('.notice').firstChild.textContent = ''");
        inspected.page.choose_file("#har-file", file.to_str().unwrap());
        inspected
            .page
            .until("document.querySelector('.notice.bad').textContent.startsWith('wrong.har was not taken in: ')");
    }
    assert_eq!(inspected.page.value("document.querySelectorAll('.rows .row:not([hidden])').length"), json!(0));
}
