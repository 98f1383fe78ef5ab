//! The list: it grows by itself, and is sifted.

use std::io::{Read, Write};

use serde_json::json;

use super::Inspected;

/// The targets of the rows in view, by where they stand.
const TARGETS: &str = "[...document.querySelectorAll('.rows .row:not([hidden])')]\
    .sort((one, other) => one.getAttribute('aria-rowindex') - other.getAttribute('aria-rowindex'))\
    .map(row => row.querySelector('.target bdi').textContent)";

fn sift(inspected: &mut Inspected, filter: &str) {
    inspected.page.value("document.querySelector('#filter').select()");
    inspected.page.click("#filter");
    inspected.page.value("document.querySelector('#filter').select()");
    inspected.page.write(filter);
    inspected.page.press(&["Enter"]);
}

#[test]
fn what_is_exchanged_appears_by_itself_with_its_reason() {
    let mut inspected = Inspected::serve();
    inspected.page.until("document.querySelector('.empty').textContent.includes('Nothing has been exchanged yet')");
    inspected.page.until("document.querySelector('.state').textContent === 'live'");
    inspected.get("/robots.txt");
    inspected.get("/nothing-here");
    inspected.listed(2);
    assert_eq!(inspected.page.value(TARGETS), json!(["/robots.txt", "/nothing-here"]));
    let id = inspected.id("/nothing-here");
    let row = format!("document.getElementById('row-{id}')");
    assert_eq!(inspected.page.text(&format!("{row}.querySelector('.status').textContent")), "404");
    assert_ne!(inspected.page.text(&format!("{row}.querySelector('.why').textContent")), "");
    assert_eq!(inspected.page.value(&format!("{row}.classList.contains('declined')")), json!(true));
    let width = inspected.page.value(&format!("{row}.querySelector('.fall .wait').getBoundingClientRect().width"));
    assert!(width.as_f64().unwrap() >= 2.0, "its time is drawn: {width}");
    assert_eq!(inspected.page.complaints(), Vec::<String>::new());
}

#[test]
fn filters_choose_what_is_listed_and_what_comes_later() {
    let mut inspected = Inspected::serve();
    inspected.get("/robots.txt");
    inspected.get("/nothing-here");
    inspected.get("/style.css");
    inspected.listed(3);
    for (filter, matched) in [
        ("~c 404", json!(["/nothing-here"])),
        ("~u css", json!(["/style.css"])),
        ("!~c 404", json!(["/robots.txt", "/style.css"])),
        ("~e | ~u robots", json!(["/robots.txt", "/nothing-here"])),
        ("~t text/css ~m GET", json!(["/style.css"])),
        ("~b nothing-at-all-like-this", json!([])),
    ] {
        sift(&mut inspected, filter);
        inspected.page.until(&format!("JSON.stringify({TARGETS}) === {}", json!(matched.to_string())));
    }
    inspected.page.until("document.querySelector('.empty').textContent.includes('~b nothing-at-all-like-this')");

    sift(&mut inspected, "~c 404");
    inspected.page.until(&format!("{TARGETS}.length === 1"));
    inspected.get("/about.html");
    inspected.get("/also-missing");
    inspected.page.until(&format!("JSON.stringify({TARGETS}) === '[\"/nothing-here\",\"/also-missing\"]'"));
    assert!(inspected.page.text("document.querySelector('.counts').textContent").starts_with("2 of 5"));
}

#[test]
fn a_filter_that_cannot_be_read_says_what_is_wrong_with_it_and_where() {
    let mut inspected = Inspected::serve();
    inspected.get("/robots.txt");
    inspected.listed(1);
    sift(&mut inspected, "~m GET ~x foo");
    inspected.page.until("document.querySelector('.filter-trouble mark')?.textContent === '~x'");
    assert!(inspected.page.text("document.querySelector('.filter-trouble').textContent").contains("~x"));
    assert_eq!(inspected.page.value("document.querySelector('#filter').ariaInvalid"), json!("true"));
    assert_eq!(inspected.page.value(TARGETS), json!(["/robots.txt"]), "the list stays what it was");

    inspected.page.click("[aria-controls=filter-help]");
    inspected.page.until("!document.querySelector('#filter-help').hidden");
    inspected.page.value("document.querySelector('#filter').value = ''");
    inspected.page.click("#filter-help li:nth-child(3) button");
    assert_eq!(inspected.page.text("document.querySelector('#filter').value"), "~c ");
    inspected.page.write("200");
    inspected.page.until("document.querySelector('.filter-trouble').textContent === ''");
    inspected.page.until(&format!("{TARGETS}.length === 1"));
}

#[test]
fn the_list_is_taken_up_where_it_broke_off() {
    let (mut inspected, relay) = Inspected::behind_a_relay();
    inspected.get("/robots.txt");
    inspected.listed(1);
    inspected.page.until("document.querySelector('.state').textContent === 'live'");
    relay.cut();
    inspected.page.until("document.querySelector('.state').textContent.startsWith('waiting')");
    inspected.get("/style.css");
    inspected.get("/about.html");
    relay.mend();
    inspected.page.until("document.querySelector('.state').textContent === 'live'");
    inspected.listed(3);
    assert_eq!(inspected.page.value(TARGETS), json!(["/robots.txt", "/style.css", "/about.html"]));
}

#[test]
fn an_exchange_under_way_is_listed_and_told_once_it_is_over() {
    let mut inspected = Inspected::start(&["echo"], 1280, 800);
    let mut stream = inspected.server.connect();
    let head = "POST /echo?slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    inspected.page.until("document.querySelector('.rows .row.is-open')");
    inspected.page.click(".rows .row.is-open");
    inspected.page.until("document.querySelector('.facts-line').textContent.includes('under way')");
    inspected.page.until("document.querySelector('.story')");
    stream.write_all(b"hello").unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    inspected.listed(1);
    inspected.page.until("document.querySelector('h2 .status').textContent === '200'");
    inspected.page.until("document.querySelector('.story').textContent.includes('200')");
}

#[test]
fn recording_can_be_paused_and_what_is_kept_forgotten() {
    let mut inspected = Inspected::serve();
    inspected.get("/robots.txt");
    inspected.listed(1);
    inspected.page.click("#pause");
    inspected.page.until("document.querySelector('.state').textContent === 'paused'");
    inspected.get("/style.css");
    inspected.page.click("#pause");
    inspected.page.until("document.querySelector('.state').textContent === 'live'");
    inspected.get("/about.html");
    inspected.listed(2);
    assert_eq!(inspected.page.value(TARGETS), json!(["/robots.txt", "/about.html"]));
    inspected.page.click("#clear");
    inspected.listed(0);
    inspected.get("/robots.txt");
    inspected.listed(1);
}
