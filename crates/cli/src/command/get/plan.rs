//! From arguments to the request that is sent.

use std::path::PathBuf;
use std::str::FromStr;

use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use wirelight_client::Client;
use wirelight_client::layer::Credentials;
use wirelight_client::multipart::Form;
use wirelight_service::Request;

use super::content::{self, Content, encode};
use super::items::{self, Item};
use super::progress::Progress;
use crate::args::Get;
use crate::exit::Failure;

/// What is sent.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    /// The fields that the user named, which a session keeps.
    pub(super) named: HeaderMap,
    /// Fields that are left out though they would be sent.
    pub(super) without: Vec<HeaderName>,
    pub(super) content: Content,
    /// The file that is gone on with, and how much of it is there.
    pub(super) offset: u64,
    /// Who we are, where the user says it.
    pub(super) credentials: Option<Credentials>,
}

impl Plan {
    pub(super) fn new(arguments: &Get) -> Result<Self, Failure> {
        let (method, url, items) = items::split(&arguments.words)?;
        let mut plan = Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            named: HeaderMap::new(),
            without: Vec::new(),
            content: Content::Nothing,
            offset: 0,
            credentials: None,
        };
        for text in &arguments.header {
            let (name, value) = match (text.split_once(':'), text.strip_suffix(';')) {
                (Some((name, value)), _) => (name, Some(value.trim()).filter(|value| !value.is_empty())),
                (None, Some(name)) => (name, Some("")),
                (None, None) => {
                    return Err(Failure::new(format!("`{text}` is no field")).advise("Write `Name: value`."));
                }
            };
            plan.field(name.trim(), value)?;
        }
        let mut query = Vec::new();
        let mut fields = Vec::new();
        for item in items {
            match item {
                Item::Header(name, value) => plan.field(&name, value.as_deref())?,
                Item::Query(name, value) => query.push((name, value)),
                other => fields.push(other),
            }
        }
        plan.named = plan.headers.clone();
        plan.add_query(&query);
        plan.choose_content(arguments, fields)?;
        plan.choose_method(arguments, method.as_deref())?;
        plan.add_fields(arguments)?;
        Ok(plan)
    }

    fn field(&mut self, name: &str, value: Option<&str>) -> Result<(), Failure> {
        let wrong = |what: &str| Failure::new(format!("`{}` cannot stand in a field", what.escape_debug()));
        let parsed = HeaderName::from_str(name).map_err(|_| wrong(name))?;
        match value {
            None => self.without.push(parsed),
            Some(value) => {
                self.headers.append(parsed, HeaderValue::from_str(value).map_err(|_| wrong(value))?);
            }
        }
        Ok(())
    }

    /// Sets a field, unless the user named it or wants it left out.
    fn default_field(&mut self, name: HeaderName, value: HeaderValue) {
        if !self.without.contains(&name) {
            self.headers.entry(name).or_insert(value);
        }
    }

    fn add_query(&mut self, pairs: &[(String, String)]) {
        for (name, value) in pairs {
            self.extend_query(&format!("{}={}", encode(name), encode(value)));
        }
    }

    fn extend_query(&mut self, more: &str) {
        // A fragment is not sent, and nothing behind it would be.
        let end = self.url.find('#').unwrap_or(self.url.len());
        self.url.truncate(end);
        if !more.is_empty() {
            let separator = if self.url.contains('?') { '&' } else { '?' };
            self.url.push_str(&format!("{separator}{more}"));
        }
    }

    fn choose_content(&mut self, arguments: &Get, fields: Vec<Item>) -> Result<(), Failure> {
        let (content, kind) = content::choose(arguments, fields)?;
        if arguments.get {
            let text = match &content {
                Content::Nothing => String::new(),
                Content::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                Content::File(path) => {
                    std::fs::read_to_string(path).map_err(|error| content::unreadable(path, &error))?
                }
                Content::Input | Content::Form(..) => {
                    return Err(Failure::new("only what -d gives can be put into the query"));
                }
            };
            self.extend_query(&text);
            return Ok(());
        }
        if let Some(kind) = kind {
            self.default_field(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        if arguments.json.is_some() {
            self.default_field(header::ACCEPT, HeaderValue::from_static("application/json"));
        } else if kind == Some("application/json") {
            self.default_field(header::ACCEPT, HeaderValue::from_static("application/json, */*;q=0.5"));
        }
        if let (Content::File(path), true) = (&content, arguments.upload_file.is_some() && self.url.ends_with('/')) {
            // As curl has it: a folder is sent the file under its own name.
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            self.url.push_str(&encode(&name));
        }
        self.content = content;
        Ok(())
    }

    fn choose_method(&mut self, arguments: &Get, word: Option<&str>) -> Result<(), Failure> {
        let default = match self.content {
            _ if arguments.head => Method::HEAD,
            Content::Nothing => Method::GET,
            _ if arguments.upload_file.is_some() => Method::PUT,
            _ => Method::POST,
        };
        self.method = match arguments.method.as_deref().or(word) {
            Some(name) => {
                Method::from_str(name).map_err(|_| Failure::new(format!("`{}` is no method", name.escape_debug())))?
            }
            None => default,
        };
        Ok(())
    }

    /// The fields that have flags of their own.
    fn add_fields(&mut self, arguments: &Get) -> Result<(), Failure> {
        if let Some(agent) = &arguments.user_agent {
            self.field("user-agent", Some(agent.as_str()).filter(|agent| !agent.is_empty()))?;
        }
        if let Some(referer) = &arguments.referer {
            self.field("referer", Some(referer))?;
        }
        let keeps_cookies = arguments.session.is_some() || arguments.session_read_only.is_some();
        if let Some(cookie) = arguments.cookie.as_ref().filter(|cookie| cookie.contains('=') && !keeps_cookies) {
            self.field("cookie", Some(cookie))?;
        }
        if let Some(range) = &arguments.range {
            let wrong =
                || Failure::new(format!("`{range}` is no range")).advise("Write FIRST-LAST, FIRST- or -LENGTH.");
            if !range.contains('-') || !range.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b',')) {
                return Err(wrong());
            }
            self.field("range", Some(&format!("bytes={range}")))?;
        }
        if arguments.compressed {
            self.headers.remove(header::ACCEPT_ENCODING);
        }
        self.resume(arguments)
    }

    /// Asks for what is missing of a file only (RFC 9110, section 14.2).
    fn resume(&mut self, arguments: &Get) -> Result<(), Failure> {
        let Some(offset) = &arguments.continue_at else { return Ok(()) };
        self.offset = match offset.as_str() {
            "-" => {
                let there = self.output(arguments).and_then(|path| std::fs::metadata(path).ok());
                there.map_or(0, |metadata| metadata.len())
            }
            number => number.parse().map_err(|_| Failure::new(format!("`{number}` is no offset")))?,
        };
        if self.offset > 0 {
            self.headers
                .insert(header::RANGE, HeaderValue::from_str(&format!("bytes={}-", self.offset)).expect("digits"));
        }
        Ok(())
    }

    /// The file that the content is written to.
    pub(super) fn output(&self, arguments: &Get) -> Option<PathBuf> {
        if let Some(path) = &arguments.output {
            return Some(path.clone()).filter(|path| path.as_os_str() != "-");
        }
        arguments.remote_name.then(|| {
            let path = self.url.split(['?', '#']).next().unwrap_or_default();
            let after_host = path.split_once("://").map_or(path, |(_, rest)| rest);
            let name = after_host.split_once('/').map_or("", |(_, path)| path).rsplit('/').next().unwrap_or_default();
            // A name from a URL must not lead out of this folder.
            PathBuf::from(if matches!(name, "" | "." | "..") { "index.html" } else { name })
        })
    }

    /// The request as the client takes it.
    pub(super) fn request(&self, client: &Client) -> Result<Request, Failure> {
        let mut builder = client.request(self.method.clone(), &self.url).headers(self.headers.clone());
        if let Content::Form(boundary, _) = &self.content {
            builder = builder.header(header::CONTENT_TYPE, Form::new(boundary.clone()).content_type());
        }
        let mut request = builder.body(self.content.body()?).build().map_err(Failure::of_request)?;
        for name in &self.without {
            request.headers_mut().remove(name);
        }
        Ok(request)
    }

    /// The same, with a bar that shows how far its content has come.
    pub(super) fn request_shown(&self, client: &Client, quiet: bool) -> Result<Request, Failure> {
        // What is at hand may have to be sent again, and has left at once.
        let is_streamed = matches!(self.content, Content::File(_) | Content::Input | Content::Form(..));
        let request = self.request(client)?;
        match is_streamed && !quiet {
            true => Ok(request.map(Progress::of_upload)),
            false => Ok(request),
        }
    }
}
