//! The curl command that sends the same.

use http::Method;
use wirelight_client::layer::Credentials;

use super::content::{Content, Part, PartValue};
use super::plan::Plan;
use crate::args::Get;

/// The words of a command, quoted for a shell.
struct Words(Vec<String>);

impl Words {
    fn add(&mut self, flag: &str, value: &str) {
        self.0.extend([flag.to_owned(), quote(value)]);
    }
}

/// The line, with its end.
pub(super) fn line(arguments: &Get, plan: &Plan) -> String {
    let mut words = Words(vec!["curl".to_owned()]);
    let default = match (&plan.content, arguments.head) {
        (_, true) => Method::HEAD,
        (Content::Nothing, _) => Method::GET,
        (Content::File(_) | Content::Input, _) if arguments.upload_file.is_some() => Method::PUT,
        _ => Method::POST,
    };
    if plan.method != default {
        words.add("-X", plan.method.as_str());
    }
    for (name, value) in &plan.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        words.add("-H", &if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") });
    }
    for name in &plan.without {
        words.add("-H", &format!("{name}:"));
    }
    content(&mut words, arguments, plan);
    identity(&mut words, arguments, plan);
    way(&mut words, arguments);
    words.0.push(quote(&plan.url));
    words.0.join(" ") + "\n"
}

fn content(words: &mut Words, arguments: &Get, plan: &Plan) {
    let flag = if arguments.upload_file.is_some() { "-T" } else { "--data-binary" };
    let at = if arguments.upload_file.is_some() { "" } else { "@" };
    match &plan.content {
        Content::Nothing => {}
        // Without @, which --data-binary would read a file for.
        Content::Bytes(bytes) => words.add("--data-raw", &String::from_utf8_lossy(bytes)),
        Content::File(path) => words.add(flag, &format!("{at}{}", path.display())),
        Content::Input => words.add(flag, "-"),
        Content::Form(_, parts) => parts.iter().for_each(|part| form(words, part)),
    }
}

fn form(words: &mut Words, part: &Part) {
    let name = &part.name;
    let kind = part.kind.as_ref().map(|kind| format!(";type={kind}")).unwrap_or_default();
    let file_name = part.file_name.as_ref().map(|name| format!(";filename={name}")).unwrap_or_default();
    match &part.value {
        PartValue::Text(text) if part.kind.is_none() => words.add("--form-string", &format!("{name}={text}")),
        PartValue::Text(text) => words.add("-F", &format!("{name}={text}{kind}")),
        PartValue::File(path) => words.add("-F", &format!("{name}=@{}{kind}{file_name}", path.display())),
        PartValue::Read(_) => words.add("-F", &format!("{name}=@-{kind}{file_name}")),
    }
}

fn identity(words: &mut Words, arguments: &Get, plan: &Plan) {
    match &plan.credentials {
        Some(Credentials::Basic(user, password) | Credentials::Digest(user, password)) => {
            words.add("-u", &format!("{user}:{password}"));
        }
        Some(Credentials::Bearer(token)) => words.add("-H", &format!("Authorization: Bearer {token}")),
        None => {}
    }
    let path = |path: &std::path::PathBuf| path.display().to_string();
    for (flag, value) in [
        ("--cacert", arguments.cacert.as_ref().map(path)),
        ("--cert", arguments.cert.as_ref().map(path)),
        ("--key", arguments.key.as_ref().map(path)),
        ("-b", arguments.cookie.clone().filter(|cookie| !cookie.contains('='))),
        ("-c", arguments.cookie_jar.clone().filter(|_| arguments.number.is_none())),
    ] {
        if let Some(value) = value {
            words.add(flag, &value);
        }
    }
}

fn way(words: &mut Words, arguments: &Get) {
    let seconds = |time: std::time::Duration| time.as_secs_f64().to_string();
    for (flag, value) in [
        ("-x", arguments.proxy.clone()),
        ("--unix-socket", arguments.unix_socket.as_ref().map(|path| path.display().to_string())),
        ("-m", arguments.max_time.map(seconds)),
        ("--connect-timeout", arguments.connect_timeout.map(seconds)),
        ("--retry", (arguments.retry > 0).then(|| arguments.retry.to_string())),
        ("-o", arguments.output.as_ref().map(|path| path.display().to_string())),
        ("-w", arguments.write_out.clone()),
    ] {
        if let Some(value) = value {
            words.add(flag, &value);
        }
    }
    arguments.resolve.iter().for_each(|text| words.add("--resolve", text));
    for (is_set, flag) in [
        (arguments.head, "-I"),
        (arguments.location, "-L"),
        (arguments.insecure, "-k"),
        (arguments.include, "-i"),
        (arguments.verbose, "-v"),
        (arguments.silent, "-s"),
        (arguments.remote_name, "-O"),
        (arguments.compressed, "--compressed"),
        (arguments.digest, "--digest"),
        (arguments.netrc, "--netrc"),
        (arguments.ipv4, "-4"),
        (arguments.ipv6, "-6"),
        (arguments.http10, "--http1.0"),
        (arguments.http1, "--http1.1"),
        (arguments.http2_prior_knowledge, "--http2-prior-knowledge"),
    ] {
        if is_set {
            words.0.push(flag.to_owned());
        }
    }
}

/// A word that a shell takes as it is.
fn quote(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quote("http://a.test/x"), "http://a.test/x");
        assert_eq!(quote("it's"), "'it'\\''s'");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("$(rm)"), "'$(rm)'");
    }
}
