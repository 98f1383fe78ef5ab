//! Sessions: cookies, fields and credentials that are kept from one call of the command to the next.
//!
//! A session of a name belongs to one host; one of a path may be used with several, but its credentials go only to the
//! origin that they were given for.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Uri;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use wirelight_client::layer::Credentials;
use wirelight_semantics::cookie::{Jar, Kept as KeptCookie};
use wirelight_semantics::uri::Origin;

use super::plan::Plan;
use crate::args::Get;
use crate::command::tls::data_folder;
use crate::exit::Failure;

/// What is known from the last time.
#[derive(Debug)]
pub(super) struct Session {
    path: PathBuf,
    read_only: bool,
    /// Where the request goes.
    origin: String,
    host: String,
    kept: Kept,
}

/// A session as its file has it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// For which origin the credentials are.
    #[serde(default)]
    origin: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    credentials: Option<Known>,
    #[serde(default)]
    cookies: Vec<Cookie>,
}

/// Who we are.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Known {
    Basic(String, String),
    Digest(String, String),
    Bearer(String),
}

/// A cookie that is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Cookie {
    name: String,
    value: String,
    domain: String,
    #[serde(default)]
    with_subdomains: bool,
    path: String,
    #[serde(default)]
    secure: bool,
    #[serde(default)]
    http_only: bool,
    /// Until when, in seconds since 1970; with none, for as long as the session.
    #[serde(default)]
    expires: Option<u64>,
}

impl Session {
    /// The session that the arguments name, as it was left; an empty one if there is none yet.
    pub(super) fn open(arguments: &Get, plan: &Plan) -> Result<Option<Self>, Failure> {
        let (name, read_only) = match (&arguments.session, &arguments.session_read_only) {
            (Some(name), _) => (name, false),
            (None, Some(name)) => (name, true),
            (None, None) => return Ok(None),
        };
        let origin = plan.url.parse::<Uri>().ok().as_ref().and_then(Origin::of);
        let origin =
            origin.ok_or_else(|| Failure::new(format!("`{}` names no host to have a session with", plan.url)))?;
        let path = match name.contains(std::path::MAIN_SEPARATOR) {
            true => PathBuf::from(name),
            false => data_folder()?.join("sessions").join(folder_of(&origin)).join(format!("{}.json", valid(name)?)),
        };
        let kept = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|error| Failure::new(format!("{} is no session: {error}", path.display())))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Kept::default(),
            Err(error) => return Err(super::content::unreadable(&path, &error)),
        };
        Ok(Some(Self { path, read_only, host: origin.host().to_owned(), origin: origin.to_string(), kept }))
    }

    fn is_for_this_origin(&self) -> bool {
        self.kept.origin == self.origin
    }

    /// Adds the fields of the last time to a request that does not have them.
    pub(super) fn lend(&self, plan: &mut Plan) {
        for (name, value) in &self.kept.headers {
            let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) else { continue };
            let may_have_it = self.is_for_this_origin() || !is_secret(&name);
            if may_have_it && !plan.named.contains_key(&name) && !plan.without.contains(&name) {
                plan.headers.insert(name.clone(), value.clone());
                plan.named.insert(name, value);
            }
        }
    }

    /// The credentials of the last time, if they are for this origin.
    pub(super) fn credentials(&self) -> Option<Credentials> {
        let known = self.kept.credentials.clone().filter(|_| self.is_for_this_origin())?;
        Some(match known {
            Known::Basic(user, password) => Credentials::Basic(user, password),
            Known::Digest(user, password) => Credentials::Digest(user, password),
            Known::Bearer(token) => Credentials::Bearer(token),
        })
    }

    /// Fills a jar with the cookies of the last time, and with those that were named.
    pub(super) fn fill(&self, jar: &mut Jar, named: Option<&str>, now: SystemTime) {
        for cookie in &self.kept.cookies {
            let expires = cookie.expires.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
            if expires.is_none_or(|expires| expires > now) {
                jar.insert(cookie.to_jar(expires, now));
            }
        }
        for pair in named.unwrap_or_default().split(';').filter(|pair| !pair.trim().is_empty()) {
            let (name, value) = pair.trim().split_once('=').unwrap_or(("", pair.trim()));
            let cookie = Cookie {
                name: name.to_owned(),
                value: value.to_owned(),
                domain: self.host.clone(),
                with_subdomains: false,
                path: "/".to_owned(),
                secure: false,
                http_only: false,
                expires: None,
            };
            jar.insert(cookie.to_jar(None, now));
        }
    }

    /// Keeps what there is now for the next time.
    pub(super) fn keep(&self, plan: &Plan, jar: &Jar) -> Result<(), Failure> {
        if self.read_only {
            return Ok(());
        }
        let credentials = plan.credentials.clone().or_else(|| self.credentials());
        let kept = Kept {
            origin: self.origin.clone(),
            headers: lasting(&plan.named),
            credentials: credentials.map(|credentials| match credentials {
                Credentials::Basic(user, password) => Known::Basic(user, password),
                Credentials::Digest(user, password) => Known::Digest(user, password),
                Credentials::Bearer(token) => Known::Bearer(token),
            }),
            cookies: jar.cookies().iter().map(Cookie::of_jar).collect(),
        };
        let mut text = serde_json::to_string_pretty(&kept).map_err(Failure::new)?;
        text.push('\n');
        write_private(&self.path, text.as_bytes())
            .map_err(|error| Failure::new(format!("{} could not be written: {error}", self.path.display())))
    }
}

impl Cookie {
    fn to_jar(&self, expires: Option<SystemTime>, now: SystemTime) -> KeptCookie {
        KeptCookie {
            name: self.name.clone(),
            value: self.value.clone(),
            domain: self.domain.clone(),
            with_subdomains: self.with_subdomains,
            path: self.path.clone(),
            secure: self.secure,
            http_only: self.http_only,
            expires,
            created: now,
            used: now,
        }
    }

    fn of_jar(cookie: &KeptCookie) -> Self {
        Self {
            name: cookie.name.clone(),
            value: cookie.value.clone(),
            domain: cookie.domain.clone(),
            with_subdomains: cookie.with_subdomains,
            path: cookie.path.clone(),
            secure: cookie.secure,
            http_only: cookie.http_only,
            expires: cookie.expires.and_then(|at| Some(at.duration_since(UNIX_EPOCH).ok()?.as_secs())),
        }
    }
}

fn is_secret(name: &HeaderName) -> bool {
    matches!(*name, header::AUTHORIZATION | header::PROXY_AUTHORIZATION | header::COOKIE)
}

/// The fields that are worth keeping: not those about one content, one state of it, or one connection.
fn lasting(named: &HeaderMap) -> Vec<(String, String)> {
    let is_lasting = |name: &HeaderName| {
        let text = name.as_str();
        !text.starts_with("content-")
            && !text.starts_with("if-")
            && !matches!(*name, header::HOST | header::RANGE | header::EXPECT | header::CONNECTION | header::COOKIE)
    };
    named
        .iter()
        .filter(|(name, _)| is_lasting(name))
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect()
}

/// The folder of a host's sessions.
fn folder_of(origin: &Origin) -> String {
    let text = format!("{}_{}", origin.host(), origin.port().unwrap_or_default());
    text.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' }).collect()
}

/// A name that stays in its folder.
fn valid(name: &str) -> Result<&str, Failure> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@');
    match !name.is_empty() && !name.starts_with('.') && name.chars().all(fits) {
        true => Ok(name),
        false => Err(Failure::new(format!("`{}` is no name for a session", name.escape_debug()))
            .advise("Write letters, digits, `-`, `_`, `.` and `@`; or a path, with a `/` in it.")),
    }
}

/// Writes a file that only its owner may read, whole or not at all.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    let written = file.write_all(bytes).and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        // What could not be written is not to be left lying about, and there is nobody to tell if it is.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_folder() {
        for name in ["me", "me@work", "a.b-c_d", "\u{fc}ber"] {
            assert!(valid(name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", ".hidden", "a b", "a\u{1b}"] {
            assert!(valid(name).is_err(), "{name:?}");
        }
        let origin = Origin::of(&"http://[::1]:8080/".parse().unwrap()).unwrap();
        assert_eq!(folder_of(&origin), "___1__8080");
    }

    #[test]
    fn what_is_about_one_content_is_not_kept() {
        let names = ["accept", "authorization", "x-y", "content-type", "if-match", "range", "cookie", "host"];
        let named = names.iter().map(|name| (HeaderName::from_static(name), HeaderValue::from_static("1"))).collect();
        let kept: Vec<String> = lasting(&named).into_iter().map(|(name, _)| name).collect();
        assert_eq!(kept, ["accept", "authorization", "x-y"]);
    }
}
