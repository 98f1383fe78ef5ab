//! Bytes that want to be more than bytes, in every place where a peer can put any.

use serde_json::json;

use super::Inspected;
use crate::process::Listening;

/// Markup that would call the canary, if it were markup.
const BITES: &str =
    "<img src=x onerror=canary()><script>canary()</script><svg onload=canary()>\"'><a href=javascript:canary()>";

/// Says how often the canary was called, and which elements stand in the page that nobody put there.
const BITTEN: &str = "[window.bitten ?? 0, document.querySelectorAll('img:not(.brand img), script:not([src=\"main.js\"]), \
    iframe, object, embed, [onerror], [onload], [style*=url], a[href^=javascript], .panel svg, .page svg').length]";

fn requests() -> Vec<Vec<u8>> {
    let escaped = BITES.replace(' ', "%20").replace('"', "%22");
    let mut override_direction =
        b"GET /bidi HTTP/1.1\r\nHost: localhost\r\nX-Override: a\xe2\x80\xaegnp.exe\r\n".to_vec();
    override_direction.extend(b"X-Latin: \xff\xfe\xe9\r\nConnection: close\r\n\r\n");
    let mut content = format!(
        "POST /content HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        BITES.len() + 8
    )
    .into_bytes();
    content.extend(BITES.as_bytes());
    content.extend(b"\x00\x1b[2J\xe2\x80\xae");
    [
        format!("GET /{escaped}?{escaped}#x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").into_bytes(),
        format!("GET /fields HTTP/1.1\r\nHost: localhost\r\nX-Bites: {BITES}\r\nUser-Agent: {BITES}\r\nReferer: {BITES}\r\nConnection: close\r\n\r\n").into_bytes(),
        format!("GET /host HTTP/1.1\r\nHost: {BITES}\r\nConnection: close\r\n\r\n").into_bytes(),
        format!("{BITES} / HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes(),
        format!("GET /chunks HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3;{escaped}=1\r\nabc\r\n0\r\nX-Trailer: {BITES}\r\n\r\n").into_bytes(),
        format!("GET /media HTTP/1.1\r\nHost: localhost\r\nAccept: {BITES}\r\nContent-Type: {BITES}\r\nOrigin: {BITES}\r\nRange: bytes={BITES}\r\nIf-None-Match: \"{escaped}\"\r\nConnection: close\r\n\r\n").into_bytes(),
        override_direction,
        content,
    ]
    .to_vec()
}

#[test]
fn hostile_bytes_are_shown_and_not_run() {
    // The echo says everything back, so the answers bite as the requests do.
    let upstream = Listening::start(&["echo"]);
    let mut inspected = Inspected::before(&upstream);
    let canary = "window.bitten = 0; window.canary = () => { window.bitten += 1; }; window.alert = window.canary;";
    inspected.page.ask("Page.addScriptToEvaluateOnNewDocument", json!({"source": canary}));
    inspected.page.go(&inspected.entrance.clone());
    inspected.page.until("document.documentElement.dataset.ready === 'yes' && window.bitten === 0");
    let requests = requests();
    for request in &requests {
        inspected.ask(request);
    }
    inspected.listed(requests.len());
    let mut seen = String::new();
    let ids =
        inspected.page.value("[...document.querySelectorAll('.rows .row:not([hidden])')].map(row => row.dataset.id)");
    let ids: Vec<String> = ids.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    for (index, id) in ids.iter().enumerate() {
        let other = &ids[(index + 1) % ids.len()];
        for tab in ["story", "bytes", "timing", "connection", "edit", &format!("compare:{other}"), "copy"] {
            inspected.open(id, tab);
            if tab == "bytes" {
                for form in ["hex", "text"] {
                    inspected.page.click(&format!("input[value={form}]"));
                }
            }
            seen += &inspected.page.text("document.querySelector('#detail').textContent");
            assert_eq!(inspected.page.value(BITTEN), json!([0, 0]), "{id}/{tab}");
        }
    }
    // What was sent is there to be read, as it was.
    for shown in [BITES, "\\u{202e}gnp.exe", "\\x1b[2J", "\\0"] {
        assert!(seen.contains(shown), "{shown} is not shown");
    }
    assert!(!seen.contains('\u{202e}') && !seen.contains('\u{1b}'), "a control acts in the page");
    let titles = inspected.page.text("document.body.textContent + document.title");
    assert!(!titles.contains('\u{202e}'));
    let complaints: Vec<String> =
        inspected.page.complaints().into_iter().filter(|said| said.contains("Content Security Policy")).collect();
    assert_eq!(complaints, Vec::<String>::new(), "nothing even tried");
}

#[test]
fn a_hostile_har_file_is_shown_and_not_run() {
    let mut inspected = Inspected::serve();
    inspected.page.value("window.bitten = 0; window.canary = () => { window.bitten += 1; }");
    let entry = json!({
        "startedDateTime": BITES, "time": 1,
        "request": {"method": BITES, "url": format!("http://localhost/{BITES}"), "httpVersion": BITES,
            "headers": [{"name": BITES, "value": BITES}], "queryString": [], "cookies": [], "headersSize": -1, "bodySize": 0,
            "postData": {"mimeType": BITES, "text": BITES}},
        "response": {"status": 200, "statusText": BITES, "httpVersion": BITES, "headers": [{"name": BITES, "value": "\u{202e}"}],
            "cookies": [], "content": {"size": 3, "mimeType": BITES, "text": BITES}, "redirectURL": BITES,
            "headersSize": -1, "bodySize": 3},
        "cache": {}, "timings": {"send": 0, "wait": 1, "receive": 0}, "comment": BITES,
    });
    let mut usual = entry.clone();
    usual["startedDateTime"] = "2026-11-21T03:30:12.123Z".into();
    let har =
        |entry| json!({"log": {"version": "1.2", "creator": {"name": BITES, "version": BITES}, "entries": [entry]}});
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("hostile.har");
    // One is refused or taken in, the other is taken in or refused: nothing of either acts.
    for har in [har(entry), har(usual)] {
        std::fs::write(&path, har.to_string()).unwrap();
        inspected.page.value("document.querySelector('.notice').firstChild.textContent = ''");
        inspected.page.choose_file("#har-file", path.to_str().unwrap());
        inspected.page.until("document.querySelector('.notice').textContent.includes('hostile.har')");
        assert_eq!(inspected.page.value(BITTEN), json!([0, 0]));
    }
    let rows = "[...document.querySelectorAll('.rows .row:not([hidden])')].map(row => row.dataset.id)";
    let ids = inspected.page.value(rows);
    for id in ids.as_array().unwrap() {
        for tab in ["story", "bytes", "timing", "connection", "edit", "compare", "copy"] {
            inspected.open(id.as_str().unwrap(), tab);
            assert_eq!(inspected.page.value(BITTEN), json!([0, 0]), "{id}/{tab}");
        }
    }
}
