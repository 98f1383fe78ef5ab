//! Who may pass: users with passwords, and what another server says.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::uri::PathAndQuery;
use wirelight_semantics::auth::{Asker, challenge};

use super::fault::Fault;
use super::plan::{Places, Upstream, UpstreamServer};
use super::top::Scope;
use super::upstream::{field_name, span};
use super::word::{Word, once};
use crate::auth::hash::{Hash, htpasswd};
use crate::auth::{basic, forward};

/// How long another server may take to say whether a request may pass, unless the config says so.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads `basic-auth realm="staff" { user "anna" "$argon2id$.." }`.
pub(super) fn basic_auth(word: &Word<'_>, scope: &Scope<'_>) -> Option<basic::Plan> {
    word.at_most(0);
    word.properties(&["realm", "proxy"]);
    let realm = match word.property("realm") {
        Some(value) => {
            let realm = value.text()?;
            if challenge(realm).is_none() {
                value.wrong("a realm is shown to people, and holds no control characters", "");
                return None;
            }
            realm.to_owned()
        }
        None => "restricted".to_owned(),
    };
    let asker = match word.property("proxy") {
        Some(value) if value.bool()? => Asker::Proxy,
        _ => Asker::Origin,
    };
    let mut users: Vec<(String, Hash)> = Vec::new();
    for child in word.children(&["user", "file"]) {
        child.properties(&[]);
        child.no_block();
        let read = if child.name() == "user" { user(&child) } else { file(&child, scope) };
        for (name, hash) in read? {
            if users.iter().any(|(known, _)| *known == name) {
                child.wrong(format!("there are two users `{name}`"));
                continue;
            }
            users.push((name, hash));
        }
    }
    if users.is_empty() && word.knows_all(&["user", "file"]) {
        let fault = Fault::new(word.span(), "`basic-auth` lets nobody in");
        word.fault(fault.help("basic-auth { user \"anna\" \"$argon2id$..\" }; `wirelight hash-password` makes a hash"));
        return None;
    }
    Some(basic::Plan { realm, asker, users })
}

fn user(word: &Word<'_>) -> Option<Vec<(String, Hash)>> {
    word.at_most(2);
    let arguments = word.some_arguments("a name and a hash");
    let name = arguments.first()?;
    let Some(hash) = arguments.get(1) else {
        word.wrong("`user` needs the hash of a password: `wirelight hash-password` makes one");
        return None;
    };
    let user = name.text()?;
    if user.is_empty() || user.contains(':') || user.chars().any(char::is_control) {
        name.wrong("no client can send this name", "a name holds no colon");
        return None;
    }
    Some(vec![(user.to_owned(), hash.read(Hash::parse)?)])
}

fn file(word: &Word<'_>, scope: &Scope<'_>) -> Option<Vec<(String, Hash)>> {
    let value = word.argument("a file as htpasswd writes it")?;
    let path = scope.folder.join(value.text()?);
    let read = match std::fs::read_to_string(&path) {
        Ok(text) => htpasswd(&text),
        Err(error) => {
            value.wrong(format!("{} cannot be read: {error}", path.display()), "");
            return None;
        }
    };
    match read {
        Ok(users) if users.is_empty() => {
            value.wrong(format!("{} holds no user", path.display()), "");
            None
        }
        Ok(users) => Some(users),
        Err(because) => {
            value.wrong(format!("{}, {because}", path.display()), "");
            None
        }
    }
}

/// Reads `forward-auth "http://127.0.0.1:9091/verify" { copy "Remote-User" }`.
pub(super) fn forward_auth(word: &Word<'_>) -> Option<forward::Plan> {
    word.properties(&["timeout"]);
    let value = word.argument("a URL such as \"http://127.0.0.1:9091/verify\"")?;
    let (server, path) = value.read(target)?;
    let words = word.children(&["copy"]);
    let mut copied = Vec::new();
    if let Some(copy) = once(&words, "copy") {
        copy.properties(&[]);
        copy.no_block();
        for value in copy.some_arguments("the name of a field") {
            let name = value.read(field_name)?;
            if matches!(
                name.as_str(),
                "connection" | "transfer-encoding" | "content-length" | "host" | "upgrade" | "te"
            ) {
                value.wrong(format!("`{name}` is not for another server to say"), "");
                return None;
            }
            copied.push(name);
        }
    }
    let timeout = match word.property("timeout") {
        Some(_) => span(word, "timeout")?,
        None => ANSWER_TIMEOUT,
    };
    let mut upstream = Upstream::of(&format!("forward-auth {}", value.shown()), vec![server]);
    upstream.answer_timeout = timeout;
    upstream.connect_timeout = timeout;
    upstream.places = Places(vec![word.place()]);
    Some(forward::Plan { upstream: Arc::new(upstream), path, copied })
}

/// The server and the path of a URL.
fn target(text: &str) -> Result<(UpstreamServer, PathAndQuery), String> {
    let uri: Uri = text.parse().map_err(|_| format!("`{text}` is no URL"))?;
    let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    let server = UpstreamServer::parse(&format!("{}://{authority}", uri.scheme_str().unwrap_or_default()))?;
    Ok((server, path))
}
