//! One exchange: its story, bytes, timing and connection, its comparison with another, and what can be copied.

use serde_json::json;

use super::Inspected;
use crate::process::{Listening, curl, site};

#[test]
fn the_story_tells_every_decision_with_its_rule_and_what_would_have_changed_it() {
    let mut inspected = Inspected::serve();
    inspected.ask("GET /robots.txt HTTP/1.1\r\nHost: localhost\r\nRange: bytes=999999-\r\nConnection: close\r\n\r\n");
    inspected.listed(1);
    inspected.page.click(".rows .row");
    inspected.page.until("document.querySelector('.story')");
    let steps = "[...document.querySelectorAll('.story .step')]";
    assert!(inspected.page.value(&format!("{steps}.length")).as_u64().unwrap() >= 3);
    let declined = format!("{steps}.find(step => step.classList.contains('declines'))");
    inspected.page.until(&declined);
    assert!(
        inspected.page.text(&format!("{declined}.textContent")).starts_with(|c: char| c.is_ascii_digit() || c == '−')
    );
    assert!(inspected.page.text(&format!("{declined}.textContent")).contains("Declined"));
    let otherwise = "document.querySelector('.story .otherwise').textContent";
    assert!(inspected.page.text(otherwise).starts_with("What would have changed it"));

    let rule = inspected.page.text("document.querySelector('.step.declines a.rule .name').textContent");
    inspected.page.click(".step.declines a.rule");
    inspected.page.until(&format!("document.querySelector('.page h2')?.textContent === {}", json!(rule)));
    let page = inspected.page.text("document.querySelector('.page').textContent");
    assert!(page.contains("RFC 9110") && page.contains("/robots.txt"), "{page}");
    inspected.page.click(".page .summaries a");
    inspected.page.until("document.querySelector('.story')");
}

#[test]
fn every_byte_has_a_name_for_pointer_and_keyboard() {
    let mut inspected = Inspected::serve();
    inspected.get("/robots.txt");
    let id = inspected.id("/robots.txt");
    inspected.open(&id, "bytes");
    let readout = "document.querySelector('.readout').textContent";
    inspected.page.point_at(".side:first-child .run.k-target");
    inspected.page.until(&format!("{readout}.includes('target')"));
    assert_eq!(inspected.page.text("document.querySelector('.run.lit').textContent"), "/robots.txt");

    inspected.page.value("document.querySelector('.side:last-child .wire').focus()");
    inspected.page.press(&["Home"]);
    inspected.page.until(&format!("{readout}.includes('version')"));
    inspected.page.press(&["ArrowRight", "ArrowRight"]);
    inspected.page.until("document.querySelector('.side:last-child .run.lit')?.textContent === '200'");
    assert!(inspected.page.text(readout).contains("status"));
    inspected.page.press(&["End"]);
    inspected.page.until("document.querySelector('.side:last-child .run.lit')?.classList.contains('k-empty-line')");
    inspected.page.point_at(".side:last-child .run.k-content");
    inspected.page.until(&format!("{readout}.includes('content')"));

    inspected.page.click("input[value=hex]");
    inspected.page.until("document.querySelector('.side:first-child .hex .line')");
    let first = "document.querySelector('.side:first-child .hex .line .figures').textContent";
    assert!(inspected.page.text(first).starts_with("47 45 54 20 2f 72"));
    // Every byte that was kept stands in the hex view once, and has a meaning.
    let unnamed = inspected.page.value("document.querySelectorAll('.run.k-unknown').length");
    assert_eq!(unnamed, json!(0));
}

#[test]
fn the_boundaries_of_chunks_are_named() {
    let mut inspected = Inspected::start(&["echo"], 1280, 800);
    let chunks = "5;note=1\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n";
    let head = "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    inspected.ask(format!("{head}{chunks}"));
    let id = inspected.id("/echo");
    inspected.open(&id, "bytes");
    let readout = "document.querySelector('.readout').textContent";
    for (kind, bytes) in [("chunk-size", "5"), ("chunk-extension", "note=1"), ("content", "hello"), ("last-chunk", "0")]
    {
        let run = format!(".side:first-child .run.k-{kind}");
        let is_lit = format!("document.querySelector('.run.lit')?.classList.contains('k-{kind}') ?? false");
        // The bytes may move once more under the pointer when the exchange is over.
        crate::process::until("the bytes to be lit", || {
            inspected.page.point_at(&run);
            inspected.page.value(&is_lit).as_bool().filter(|lit| *lit)
        });
        let lit = inspected.page.text("document.querySelector('.run.lit').textContent");
        assert!(lit.contains(bytes), "{kind}: {lit}");
        assert!(inspected.page.text(readout).contains(" at "), "{kind} is not named");
    }
}

#[test]
fn frames_and_the_entries_of_their_field_blocks_are_named() {
    let mut inspected = Inspected::serve();
    let url = inspected.server.url("/robots.txt");
    curl(&["--http2-prior-knowledge", &url, "-o", "/dev/null"]);
    let id = inspected.id("/robots.txt");
    inspected.open(&id, "bytes");
    inspected.page.click("input[value=hex]");
    inspected.page.until("document.querySelector('.side:first-child .run.k-hpack-indexed')");
    inspected.page.point_at(".side:first-child .run.k-hpack-indexed");
    inspected.page.until("/HEADERS › .*:method: GET/.test(document.querySelector('.readout').textContent)");

    inspected.open(&id, "connection");
    let frames = "[...document.querySelectorAll('.frames tbody button')].map(button => button.textContent)";
    inspected.page.until(&format!("{frames}.includes('HEADERS') && {frames}.includes('DATA')"));
    inspected.page.value("document.querySelector('#stream').value = '0'");
    inspected.page.value("document.querySelector('#stream').dispatchEvent(new Event('change'))");
    inspected.page.until(&format!("{frames}.includes('SETTINGS') && !{frames}.includes('DATA')"));
    inspected.page.click(".frames tbody button");
    inspected.page.until("document.querySelector('.frames .opened .line')");
}

#[test]
fn timing_draws_every_phase_and_the_connection_names_its_other_exchanges() {
    let mut inspected = Inspected::serve();
    let two = "GET /robots.txt HTTP/1.1\r\nHost: localhost\r\n\r\n\
               GET /style.css HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    inspected.ask(two);
    inspected.listed(2);
    let id = inspected.id("/style.css");
    inspected.open(&id, "timing");
    let rows = "[...document.querySelectorAll('.phases tbody tr')]";
    assert!(inspected.page.value(&format!("{rows}.length")).as_u64().unwrap() >= 3);
    let widths = format!("{rows}.every(row => row.querySelector('.bar').getBoundingClientRect().width >= 2)");
    assert_eq!(inspected.page.value(&widths), json!(true));

    inspected.open(&id, "connection");
    let said = inspected.panel();
    assert!(said.contains("Closed") && !said.contains("still open"), "{said}");
    assert!(said.contains("/robots.txt") && said.contains("/style.css"), "{said}");
    inspected.page.click(".summaries tr:not(.current) a");
    inspected.page.until("document.querySelector('h2 .address').textContent.endsWith('/robots.txt')");
}

#[test]
fn what_a_gateway_passed_on_stands_beside_what_it_received() {
    let upstream = Listening::start(&["serve", &site()]);
    let mut inspected = Inspected::before(&upstream);
    inspected.get("/robots.txt");
    let id = inspected.id("/robots.txt");
    inspected.open(&id, "bytes");
    let rows = |inspected: &mut Inspected, form: &str| {
        inspected.page.until(&format!("document.querySelector('.passing.{form} .pair.added')"));
        let text = "[...document.querySelectorAll('.passing .pair')].map(row => row.textContent).join('\\n')";
        inspected.page.text(text)
    };
    let shown = rows(&mut inspected, "text");
    assert!(shown.contains("+addedreceivednot receivedsent onVia: 1.1 wirelight\\r\\n"), "{shown}");
    assert!(shown.contains("−removedreceivedConnection: close\\r\\n\nsent onnot sent on"), "{shown}");
    assert!(shown.contains("receivedGET /robots.txt HTTP/1.1\\r\\n\nsent onGET /robots.txt HTTP/1.1\\r\\n"), "{shown}");
    inspected.page.click("input[value=hex]");
    let shown = rows(&mut inspected, "hex");
    assert!(shown.contains("56 69 61"), "the hex of Via is missing: {shown}");

    // Whoever points at a byte that was added is told so, and keys go from difference to difference.
    inspected.page.point_at(".passing .pair.added .run.k-field-name");
    let readout = "document.querySelector('.readout').textContent";
    inspected.page.until(&format!("{readout}.includes('Added on the way.')"));
    inspected.page.value("document.querySelector('#list').focus()");
    let focused = "[...document.querySelectorAll('.passing .differing')].indexOf(document.activeElement)";
    for (key, place) in [("d", 0), ("d", 1), ("D", 0)] {
        inspected.page.press(&[key]);
        inspected.page.until(&format!("{focused} === {place}"));
    }
    inspected.open(&id, "timing");
    assert!(inspected.panel().contains("Hop 1"));
}

#[test]
fn of_a_long_head_in_hex_only_what_is_in_view_is_laid_out() {
    let upstream = Listening::start(&["serve", &site()]);
    let mut inspected = Inspected::before(&upstream);
    let fields: String = (0..80).map(|number| format!("X-Field-{number}: {}\r\n", "v".repeat(310))).collect();
    inspected.ask(format!("GET /robots.txt HTTP/1.1\r\nHost: localhost\r\n{fields}Connection: close\r\n\r\n"));
    let id = inspected.id("/robots.txt");
    inspected.open(&id, "bytes");
    inspected.page.click("input[value=hex]");
    let all =
        "[...document.querySelectorAll('.panel button')].filter(button => button.textContent.startsWith('Show all'))";
    inspected.page.until(&format!("{all}.length === 2"));
    inspected.page.value(&format!("{all}.forEach(button => button.click())"));
    for whole in [".passing", ".side:first-child .wire"] {
        let lines = format!("[...document.querySelector('{whole}').querySelectorAll('.line')]");
        inspected.page.until(&format!("{lines}.length > 3000"));
        let seen =
            format!("{lines}.filter(line => line.checkVisibility({{contentVisibilityAuto: true}})).length < 1000");
        inspected.page.until(&seen);
        // Keys reach the end of it all the same.
        inspected.page.value(&format!("document.querySelector('{whole}').focus()"));
        inspected.page.press(&["End"]);
        inspected.page.until(&format!(
            "document.querySelector('{whole} .run.lit')?.checkVisibility({{contentVisibilityAuto: true}})"
        ));
    }
}

#[test]
fn a_value_that_was_changed_on_its_way_is_marked_where_it_differs() {
    let upstream = Listening::start(&["serve", &site()]);
    let mut inspected = Inspected::before(&upstream);
    let head = "GET /robots.txt HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: https\r\nCookie: a=b\r\n";
    inspected.ask(format!("{head}Connection: close\r\n\r\n"));
    let id = inspected.id("/robots.txt");
    inspected.open(&id, "bytes");
    inspected.page.until("document.querySelector('.passing .pair.changed')");
    let marked =
        "[...document.querySelectorAll('.passing .pair.changed mark')].map(mark => mark.textContent).join('|')";
    assert_eq!(inspected.page.text(marked), "https|http");
    // Of a secret nobody is told whether it was changed.
    let secret = inspected.page.text("document.querySelector('.passing .pair.hidden').textContent");
    assert!(secret.contains("secret") && !secret.contains("a=b"), "{secret}");

    // The same over HTTP/2: entries of a field block beside lines.
    curl(&["--http2-prior-knowledge", &inspected.server.url("/style.css"), "-o", "/dev/null"]);
    let id = inspected.id("/style.css");
    inspected.open(&id, "bytes");
    inspected.page.until("document.querySelector('.passing .pair.same .run.k-hpack-indexed')");
    let first = inspected.page.text("document.querySelector('.passing .pair.same').textContent");
    assert!(first.contains(":method: GET") && first.contains("GET /style.css HTTP/1.1"), "{first}");
}

#[test]
fn layers_stand_below_the_phase_in_which_they_began_and_lead_to_what_they_decided() {
    let mut inspected = Inspected::start(&["serve", &site(), "--cors"], 1280, 800);
    inspected.get("/robots.txt");
    let id = inspected.id("/robots.txt");
    inspected.open(&id, "timing");
    let names = "[...document.querySelectorAll('.phases tr.layer th')].map(name => name.textContent).join('|')";
    assert_eq!(inspected.page.text(names), "layer cors|layer compress|layer files");
    let nested = "(() => { const at = [...document.querySelectorAll('.phases tr.layer .bar')].map(bar => bar.getBoundingClientRect()); \
                  return at.every((bar, index) => index === 0 || bar.left >= at[index - 1].left - 1 && bar.right <= at[index - 1].right + 3); })()";
    assert_eq!(inspected.page.value(nested), json!(true));
}

#[test]
fn two_exchanges_are_compared() {
    let mut inspected = Inspected::serve();
    inspected.get("/robots.txt");
    inspected.get("/nothing-here");
    inspected.listed(2);
    let (one, other) = (inspected.id("/robots.txt"), inspected.id("/nothing-here"));
    inspected.open(&other, &format!("compare:{one}"));
    let differing = "[...document.querySelectorAll('.pair:not(.same)')].map(row => row.textContent).join('\\n')";
    let differing = inspected.page.text(differing);
    assert!(
        differing.contains("GET /robots.txt HTTP/1.1") && differing.contains("GET /nothing-here HTTP/1.1"),
        "{differing}"
    );
    assert!(differing.contains("200") && differing.contains("404"), "{differing}");
    let same =
        inspected.page.text("[...document.querySelectorAll('.pair.same')].map(row => row.textContent).join('\\n')");
    assert!(same.contains("Host: localhost"), "{same}");
    inspected.page.click(".compare button, .of-compare button");
    inspected.page.until(&format!("location.hash.startsWith('#/exchanges/{one}/compare')"));
}

#[test]
fn an_exchange_is_copied_as_a_command_that_works() {
    let mut inspected = Inspected::serve();
    inspected.get("/robots.txt?one=1");
    let id = inspected.id("/robots.txt?one=1");
    inspected.open(&id, "copy");
    let command = inspected.page.text("document.querySelector('[data-form=curl]').textContent");
    assert!(command.starts_with("curl ") && command.contains("/robots.txt?one=1"), "{command}");
    let get = inspected.page.text("document.querySelector('[data-form=get]').textContent");
    assert!(get.starts_with("wirelight get"), "{get}");
    let test = inspected.page.text("document.querySelector('[data-form=test]').textContent");
    assert!(test.contains("200"), "{test}");

    inspected
        .page
        .ask("Browser.grantPermissions", json!({"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}));
    inspected.page.click(".copy button");
    inspected.page.until("document.querySelector('.copy [role=status]').textContent === 'Copied.'");
    assert_eq!(inspected.page.text("navigator.clipboard.readText()"), command);
    // The server that was asked listens on a port of its own; the Host that was written names none.
    let command = command.replace("//localhost/", &format!("//{}/", inspected.server.address));
    let output = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("User-agent"), "{command}\n{said}{}", String::from_utf8_lossy(&output.stderr));
}
