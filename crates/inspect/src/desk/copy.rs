//! An exchange in the words of other programs.

use crate::exchange::Kept;
use crate::inspector::Shared;
use crate::message;
use crate::view::Message;

/// The exchange as a command, a test or an archive; `None` if there is no such form.
pub(super) fn text(_: &Shared, kept: &std::sync::Arc<Kept>, form: &str) -> Option<String> {
    let summary = message::summary(kept);
    let request = message::request(kept).unwrap_or_default();
    let host = summary.host.as_deref().unwrap_or("localhost");
    let target = summary.target.as_deref().filter(|target| target.starts_with('/')).unwrap_or("/");
    let url = format!("{}://{host}{target}", summary.scheme);
    match form {
        "curl" => Some(format!("curl {}", arguments(&request, &url))),
        "get" => Some(format!("wirelight get {}", arguments(&request, &url))),
        "test" => {
            let status = summary.status;
            let curl = arguments(&request, &url);
            Some(format!(
                "status=$(curl -s -o /dev/null -w '%{{http_code}}' {curl})\n\
                 test \"$status\" = {status} || {{ echo \"{status} was expected, and $status came\" >&2; exit 1; }}\n"
            ))
        }
        "har" => Some(super::archive::write(&[std::sync::Arc::clone(kept)])),
        _ => None,
    }
}

/// What curl and our own client take.
fn arguments(request: &Message, url: &str) -> String {
    let content = request.content.as_ref().filter(|content| content.kept > 0);
    let method = request.method.as_deref().unwrap_or("GET");
    let usual = if content.is_some() { "POST" } else { "GET" };
    let mut words = Vec::new();
    match method {
        "HEAD" => words.push("-I".to_owned()),
        method if method != usual => words.push(format!("-X {}", quoted(method))),
        _ => {}
    }
    for field in &request.fields {
        let made = ["host", "content-length", "connection", "transfer-encoding", "accept-encoding"];
        if made.iter().any(|name| field.name.eq_ignore_ascii_case(name)) {
            continue;
        }
        let value = if field.redacted { "..." } else { &field.value };
        words.push(format!("-H {}", quoted(&format!("{}: {value}", field.name))));
    }
    if let Some(content) = content {
        match &content.text {
            Some(text) => words.push(format!("--data-raw {}", quoted(text))),
            None => words.push("--data-binary @content".to_owned()),
        }
    }
    words.push(quoted(url));
    words.join(" ")
}

/// A word that a shell takes as it is.
fn quoted(word: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_./:=@%+,".contains(char);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::{Content, Field};

    #[test]
    fn no_value_gets_out_of_its_quotes() {
        let field = |name: &str, value: &str, redacted| Field { name: name.into(), value: value.into(), redacted };
        let content = Content { kept: 3, text: Some("a'b".to_owned()), ..Content::default() };
        let request = Message {
            method: Some("PUT".to_owned()),
            fields: vec![field("Host", "a", false), field("X", "'; rm -rf /; '", false), field("Cookie", "•••", true)],
            content: Some(content),
            ..Message::default()
        };
        let expected = r"-X PUT -H 'X: '\''; rm -rf /; '\''' -H 'Cookie: ...' --data-raw 'a'\''b' 'http://a/?b&c'";
        assert_eq!(arguments(&request, "http://a/?b&c"), expected);
    }
}
