//! The content of a request: data, JSON, forms, files.

use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use wirelight_client::multipart::{self, Form};
use wirelight_service::Body;

use super::items::{Attached, Item};
use crate::args::{Arguments, Get};
use crate::exit::Failure;

/// All but the unreserved characters (RFC 3986, section 2.3).
pub(super) const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The content of a request.
#[derive(Debug)]
pub(super) enum Content {
    Nothing,
    Bytes(Vec<u8>),
    File(PathBuf),
    /// Standard input, as it comes.
    Input,
    /// A form with files, and what holds its parts apart.
    Form(String, Vec<Part>),
}

/// A part of a form with files.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) value: PartValue,
    pub(super) file_name: Option<String>,
    pub(super) kind: Option<String>,
}

/// What a part of a form holds.
#[derive(Debug)]
pub(super) enum PartValue {
    Text(String),
    File(PathBuf),
    /// What standard input held.
    Read(Vec<u8>),
}

pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{} could not be read: {error}", path.display()))
}

pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

fn read_input() -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().read_to_end(&mut bytes);
    read.map_err(|error| Failure::new(format!("standard input could not be read: {error}")))?;
    Ok(bytes)
}

fn read(path: &str) -> Result<Vec<u8>, Failure> {
    match path {
        "-" => read_input(),
        path => std::fs::read(path).map_err(|error| unreadable(path.as_ref(), &error)),
    }
}

/// The content that the arguments and the items ask for, and its media type where that is not to be guessed from it.
pub(super) fn choose(arguments: &Get, fields: Vec<Item>) -> Result<(Content, Option<&'static str>), Failure> {
    let given = given(arguments)?;
    let parts = parts(arguments)?;
    if !fields.is_empty() && !matches!(given, (Content::Nothing, _)) {
        return Err(Failure::new("items and content cannot both be sent").advise("Leave out either."));
    }
    let with_files = !parts.is_empty() || fields.iter().any(|item| matches!(item, Item::File(..)));
    if with_files {
        return Ok((form(parts, fields)?, None));
    }
    if fields.is_empty() {
        return Ok(given);
    }
    if arguments.form {
        return Ok((Content::Bytes(pairs(fields)?.into_bytes()), Some("application/x-www-form-urlencoded")));
    }
    Ok((Content::Bytes(object(fields)?.into_bytes()), Some("application/json")))
}

/// What -d and its like, --json and -T give.
fn given(arguments: &Get) -> Result<(Content, Option<&'static str>), Failure> {
    if let Some(path) = &arguments.upload_file {
        return Ok((if path.as_os_str() == "-" { Content::Input } else { Content::File(path.clone()) }, None));
    }
    if let Some(json) = &arguments.json {
        return Ok((whole(json)?, Some("application/json")));
    }
    let data = data(arguments);
    let content = match &data[..] {
        [] => return Ok((Content::Nothing, None)),
        [(Kind::Binary, data)] => whole(data)?,
        several => {
            let mut joined = Vec::new();
            for (index, (kind, text)) in several.iter().enumerate() {
                if index > 0 {
                    joined.push(b'&');
                }
                joined.extend(kind.read(text)?);
            }
            Content::Bytes(joined)
        }
    };
    Ok((content, Some("application/x-www-form-urlencoded")))
}

/// `@FILE`, `@-` for standard input, or the data itself.
fn whole(data: &str) -> Result<Content, Failure> {
    match data.strip_prefix('@') {
        Some("-") => Ok(Content::Bytes(read_input()?)),
        Some(path) => Ok(Content::File(path.into())),
        None => Ok(Content::Bytes(data.as_bytes().to_vec())),
    }
}

/// What is made of the value of -d and its like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Raw,
    Binary,
    Encoded,
}

impl Kind {
    fn read(self, text: &str) -> Result<Vec<u8>, Failure> {
        match (self, text.strip_prefix('@')) {
            (Self::Text, Some(path)) => {
                let mut bytes = read(path)?;
                // As curl has it, so that a text file's last line break is not part of the last value.
                bytes.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
                Ok(bytes)
            }
            (Self::Binary, Some(path)) => read(path),
            (Self::Encoded, _) => encoded(text),
            _ => Ok(text.as_bytes().to_vec()),
        }
    }
}

/// Data whose value is percent-encoded, in the forms of curl's --data-urlencode.
fn encoded(text: &str) -> Result<Vec<u8>, Failure> {
    // Forms write a space as a plus.
    let percent = |bytes: &[u8]| percent_encoding::percent_encode(bytes, ENCODED).to_string().replace("%20", "+");
    let of_name = |name: &str, value: String| if name.is_empty() { value } else { format!("{name}={value}") };
    let made = match text.find(['=', '@']) {
        None => percent(text.as_bytes()),
        Some(at) if text.as_bytes()[at] == b'=' => of_name(&text[..at], percent(&text.as_bytes()[at + 1..])),
        Some(at) => of_name(&text[..at], percent(&read(&text[at + 1..])?)),
    };
    Ok(made.into_bytes())
}

/// -d and its like, in the order of the command line, which the parser keeps for each alone.
fn data(arguments: &Get) -> Vec<(Kind, String)> {
    let kinds = [
        ("data", Kind::Text, &arguments.data),
        ("data_raw", Kind::Raw, &arguments.data_raw),
        ("data_binary", Kind::Binary, &arguments.data_binary),
        ("data_urlencode", Kind::Encoded, &arguments.data_urlencode),
    ];
    let several = kinds.iter().filter(|(_, _, values)| !values.is_empty()).count() > 1;
    let matches = several.then(|| Arguments::command().try_get_matches().ok()).flatten();
    let of_get = matches.as_ref().and_then(|matches| matches.subcommand_matches("get"));
    let mut all = Vec::new();
    for (name, kind, values) in kinds {
        let places = of_get.and_then(|matches| matches.indices_of(name)).into_iter().flatten();
        let places = places.chain(std::iter::repeat(usize::MAX));
        all.extend(values.iter().zip(places).map(|(value, place)| (place, (kind, value.clone()))));
    }
    all.sort_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, datum)| datum).collect()
}

/// The parts that -F and --form-string give.
fn parts(arguments: &Get) -> Result<Vec<Part>, Failure> {
    let split = |field: &str| -> Result<(String, String), Failure> {
        let (name, value) = field.split_once('=').ok_or_else(|| {
            Failure::new(format!("`{field}` is no field of a form"))
                .advise("Write name=value, name=@FILE to send a file, or name=<FILE to send what it holds.")
        })?;
        Ok((name.to_owned(), value.to_owned()))
    };
    let mut parts = Vec::new();
    for field in &arguments.form_field {
        let (name, value) = split(field)?;
        parts.push(part(name, &value)?);
    }
    for field in &arguments.form_string {
        let (name, value) = split(field)?;
        parts.push(Part { name, value: PartValue::Text(value), file_name: None, kind: None });
    }
    Ok(parts)
}

/// A part as -F has it: `value`, `@file` or `<file`, and `;type=` and `;filename=` behind it.
fn part(name: String, text: &str) -> Result<Part, Failure> {
    let Described { value, file_name, kind } = Described::of(text);
    let value = match value.as_bytes().first() {
        Some(b'@') if &value[1..] == "-" => PartValue::Read(read_input()?),
        Some(b'@') => PartValue::File(value[1..].into()),
        Some(b'<') => {
            let bytes = read(&value[1..])?;
            PartValue::Text(
                String::from_utf8(bytes).map_err(|_| Failure::new(format!("`{}` is no text", &value[1..])))?,
            )
        }
        _ => PartValue::Text(value),
    };
    let file_name = match (&value, file_name) {
        (PartValue::Read(_), None) => Some("-".to_owned()),
        (_, file_name) => file_name,
    };
    Ok(Part { name, value, file_name, kind })
}

/// A value, and what is said about it behind semicolons.
struct Described {
    value: String,
    file_name: Option<String>,
    kind: Option<String>,
}

impl Described {
    fn of(text: &str) -> Self {
        let (mut value, mut file_name, mut kind) = (text.to_owned(), None, None);
        // Only from the end, so that a semicolon in the value stays in it.
        while let Some(at) = value.rfind(';') {
            let said = value[at + 1..].trim();
            if let Some(said) = said.strip_prefix("type=") {
                kind = Some(said.trim_matches('"').to_owned());
            } else if let Some(said) = said.strip_prefix("filename=") {
                file_name = Some(said.trim_matches('"').to_owned());
            } else {
                break;
            }
            value.truncate(at);
        }
        Self { value, file_name, kind }
    }
}

fn form(mut parts: Vec<Part>, fields: Vec<Item>) -> Result<Content, Failure> {
    for item in fields {
        parts.push(match item {
            Item::File(name, path) => {
                let Described { value, file_name, kind } = Described::of(&path);
                Part { name, value: PartValue::File(value.into()), file_name, kind }
            }
            Item::Field(name, value) | Item::Json(name, value) => {
                Part { name, value: PartValue::Text(value.read()?), file_name: None, kind: None }
            }
            Item::Header(..) | Item::Query(..) => continue,
        });
    }
    let boundary = format!("{:016x}{:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1));
    Ok(Content::Form(boundary, parts))
}

/// Fields as a form sends them.
fn pairs(fields: Vec<Item>) -> Result<String, Failure> {
    let mut form = String::new();
    for item in fields {
        if let Item::Field(name, value) | Item::Json(name, value) = item {
            let separator = if form.is_empty() { "" } else { "&" };
            form.push_str(&format!("{separator}{}={}", encode(&name), encode(&value.read()?)));
        }
    }
    Ok(form)
}

/// A JSON object of items, in their order.
fn object(fields: Vec<Item>) -> Result<String, Failure> {
    let mut members = Vec::new();
    for item in fields {
        let (name, value) = match item {
            Item::Field(name, value) => (name, serde_json::Value::from(value.read()?).to_string()),
            Item::Json(name, value) => {
                let text = value.read()?;
                serde_json::from_str::<serde::de::IgnoredAny>(&text)
                    .map_err(|error| Failure::new(format!("`{text}` is no JSON: {error}")))?;
                (name, text.trim().to_owned())
            }
            Item::Header(..) | Item::Query(..) | Item::File(..) => continue,
        };
        members.push(format!("{}: {value}", serde_json::Value::from(name)));
    }
    Ok(format!("{{{}}}", members.join(", ")))
}

impl Content {
    /// The content, to be sent once.
    pub(super) fn body(&self) -> Result<Body, Failure> {
        Ok(match self {
            Self::Nothing => Body::empty(),
            Self::Bytes(bytes) => Body::from(bytes.clone()),
            Self::File(path) => multipart::file(path).map_err(|error| unreadable(path, &error))?,
            Self::Input => multipart::reader(tokio::io::stdin()),
            Self::Form(boundary, parts) => parts.iter().try_fold(Form::new(boundary), Part::add)?.into_body(),
        })
    }
}

impl Part {
    fn add(form: Form, part: &Self) -> Result<Form, Failure> {
        let Self { name, value, file_name, kind } = part;
        let octets = "application/octet-stream";
        Ok(match (value, file_name, kind) {
            (PartValue::Text(text), None, None) => form.text(name, text.clone()),
            (PartValue::Text(text), None, Some(kind)) => form.text_as(name, kind, text.clone()),
            (PartValue::Text(text), Some(file_name), kind) => {
                form.content(name, file_name, kind.as_deref().unwrap_or("text/plain"), text.clone())
            }
            (PartValue::Read(bytes), file_name, kind) => {
                let file_name = file_name.as_deref().unwrap_or_default();
                form.content(name, file_name, kind.as_deref().unwrap_or(octets), bytes.clone())
            }
            (PartValue::File(path), file_name, kind) => form
                .file_as(name, file_name.as_deref(), kind.as_deref(), path)
                .map_err(|error| unreadable(path, &error))?,
        })
    }
}

impl Attached {
    /// The value itself.
    pub(super) fn read(&self) -> Result<String, Failure> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::File(path) => std::fs::read_to_string(path).map_err(|error| unreadable(path.as_ref(), &error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_encoded_in_each_form_of_curl() {
        let table =
            [("a b&c", "a+b%26c"), ("=a=b", "a%3Db"), ("n=a b", "n=a+b"), ("n.x=1-2_3~4", "n.x=1-2_3~4"), ("", "")];
        for (text, expected) in table {
            assert_eq!(encoded(text).unwrap(), expected.as_bytes(), "{text}");
        }
        assert!(encoded("n@/nowhere/at/all").is_err());
    }

    #[test]
    fn a_part_may_say_its_type_and_name() {
        let table: [(&str, &str, Option<&str>, Option<&str>); 5] = [
            ("a;b", "a;b", None, None),
            ("@x.bin;type=image/png", "@x.bin", None, Some("image/png")),
            ("@x;filename=\"y z\";type=a/b", "@x", Some("y z"), Some("a/b")),
            ("v;type=a/b", "v", None, Some("a/b")),
            ("v;other=1", "v;other=1", None, None),
        ];
        for (text, value, file_name, kind) in table {
            let described = Described::of(text);
            assert_eq!(described.value, value, "{text}");
            assert_eq!((described.file_name.as_deref(), described.kind.as_deref()), (file_name, kind), "{text}");
        }
    }
}
