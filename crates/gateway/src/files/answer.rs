//! Answers that are not the content of a file: refusals, redirects and the methods that there are.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;

use http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, RETRY_AFTER, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use wirelight_semantics::decision::{Decision, Rule, sentence};
use wirelight_semantics::media_type::MediaType;
use wirelight_semantics::problem::{self, Problem};
use wirelight_semantics::{fields, negotiate, status};
use wirelight_service::{Body, Response, Trail};

use super::missing::Missing;
use super::page::{self, escaped};
use super::path;

/// The methods that a file knows (RFC 9110, section 10.2.1).
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
/// What may not stand in the query of a reference as it is (RFC 3986, section 3.4).
const QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A request, as answers depend on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) head: &'a Parts,
    pub(super) trail: &'a Trail,
}

impl Asked<'_> {
    /// Tells the methods that there are (RFC 9110, section 9.3.7).
    pub(super) fn options(&self) -> Response {
        let mut response = response(StatusCode::NO_CONTENT, Body::empty());
        response.headers_mut().insert(ALLOW, METHODS);
        response
    }

    pub(super) fn method_refused(&self) -> Response {
        let mut response = self.refuse(StatusCode::METHOD_NOT_ALLOWED, MethodRefused(self.head.method.clone()));
        response.headers_mut().insert(ALLOW, METHODS);
        response
    }

    /// Whether a refusal is best told as a page.
    pub(super) fn prefers_a_page(&self) -> bool {
        Form::preferred(&self.head.headers) == Form::Page
    }

    pub(super) fn missing(&self, missing: Missing) -> Response {
        let status = missing.status();
        // Only the log says of what is not to be known that it is there.
        let told = match missing {
            Missing::Leaves | Missing::Special(_) => Missing::Absent,
            missing => missing,
        };
        let mut response = self.tell(status, &told);
        self.trail.note(missing);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }

    /// Redirects to the folder at `path`, which was asked for without the slash at its end.
    pub(super) fn folder_redirect(&self, path: &Path) -> Response {
        let location = path::folder_reference(path);
        let response = self.redirect(&location);
        self.trail.note(FolderRedirect(location));
        response
    }

    /// Redirects to a reference that is relative to the path that was asked for, and so cannot leave the host. The
    /// query is kept.
    pub(super) fn redirect(&self, location: &str) -> Response {
        let mut location = Cow::Borrowed(location);
        if let Some(query) = self.head.uri.query() {
            location.to_mut().push('?');
            location.to_mut().extend(utf8_percent_encode(query, QUERY));
        }
        let mut response = response(StatusCode::PERMANENT_REDIRECT, Body::empty());
        let value = HeaderValue::from_str(&location).expect("a percent-encoded reference is visible ASCII");
        response.headers_mut().insert(LOCATION, value);
        // What is a folder today may be a file tomorrow, and browsers never forget a permanent redirect.
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }

    /// Says why there is no content, in the form that the request prefers, and notes it.
    pub(super) fn refuse<D: Decision + 'static>(&self, status: StatusCode, decision: D) -> Response {
        let response = self.tell(status, &decision);
        self.trail.note(decision);
        response
    }

    fn tell(&self, status: StatusCode, decision: &dyn Decision) -> Response {
        let form = Form::preferred(&self.head.headers);
        let content = match form {
            Form::Problem => Problem::because(status, decision).to_json(),
            Form::Page => page(status, decision),
            Form::Text => text(status, decision),
        };
        let mut response = response(status, content.into());
        let fields = response.headers_mut();
        fields.insert(CONTENT_TYPE, form.content_type());
        fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        fields.insert(VARY, ACCEPT.into());
        if form == Form::Page {
            fields.insert(CONTENT_SECURITY_POLICY, page::SECURITY_POLICY);
        }
        response
    }
}

/// A response without fields.
pub(super) fn response(status: StatusCode, content: Body) -> Response {
    let mut response = Response::new(content);
    *response.status_mut() = status;
    response
}

/// The same response, which would have been another with another `Accept`.
pub(super) fn varying_by_accept(mut response: Response) -> Response {
    fields::add_vary(response.headers_mut(), &[ACCEPT]);
    response
}

/// How a refusal is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Problem,
    Page,
    Text,
}

impl Form {
    /// Problem details (RFC 9457), unless the request prefers a page or text.
    fn preferred(request: &HeaderMap) -> Self {
        let offers = [
            ("application/problem+json", Self::Problem),
            ("application/json", Self::Problem),
            ("text/html", Self::Page),
            ("text/plain", Self::Text),
        ];
        let available = offers.map(|(name, _)| MediaType::parse(name.as_bytes()).expect("a media type"));
        match negotiate::media_type(request, &available) {
            negotiate::Choice::Chosen { index, .. } => offers[index].1,
            negotiate::Choice::NotAcceptable { .. } => Self::Problem,
        }
    }

    fn content_type(self) -> HeaderValue {
        match self {
            Self::Problem => problem::MEDIA_TYPE,
            Self::Page => HeaderValue::from_static("text/html; charset=utf-8"),
            Self::Text => HeaderValue::from_static("text/plain; charset=utf-8"),
        }
    }
}

fn title(status: StatusCode) -> String {
    match status::name(status) {
        "" => format!("{} Error", status.as_str()),
        _ => status::named(status),
    }
}

/// What happened, what would have helped, and the rule.
fn sentences(decision: &dyn Decision) -> impl Iterator<Item = String> {
    let rule = format!("Rule: {}", decision.rule());
    std::iter::once(decision.because()).chain(decision.otherwise()).map(|clause| sentence(&clause)).chain([rule])
}

fn page(status: StatusCode, decision: &dyn Decision) -> String {
    let title = title(status);
    let mut page = String::with_capacity(4096);
    page::begin(&mut page, &title);
    writeln!(page, "<h1>{title}</h1>").expect("a string takes everything");
    for sentence in sentences(decision) {
        writeln!(page, "<p>{}</p>", escaped(&sentence)).expect("a string takes everything");
    }
    page::end(&mut page);
    page
}

fn text(status: StatusCode, decision: &dyn Decision) -> String {
    let mut text = title(status) + "\n";
    for sentence in sentences(decision) {
        text.push_str(&sentence);
        text.push('\n');
    }
    text
}

/// A method that files do not know.
#[derive(Debug, Clone)]
struct MethodRefused(Method);

static RULE_METHOD: Rule = Rule {
    name: "files-are-read",
    section: "RFC 9110, section 15.5.6",
    says: "Files are read with GET and HEAD, and nothing else is done with them.",
};

impl Decision for MethodRefused {
    fn rule(&self) -> &'static Rule {
        &RULE_METHOD
    }

    fn outcome(&self) -> Cow<'static, str> {
        "405 Method Not Allowed".into()
    }

    fn because(&self) -> Cow<'static, str> {
        format!("files do not know the method {}", self.0).into()
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        Some("GET, HEAD and OPTIONS are answered".into())
    }

    fn declines(&self) -> bool {
        true
    }
}

/// A redirect from a folder's name to the folder.
#[derive(Debug, Clone)]
struct FolderRedirect(String);

static RULE_FOLDER: Rule = Rule {
    name: "folder-slash",
    section: "RFC 3986, section 5.2.3",
    says: "The path of a folder ends with a slash, so that references in its index are relative to the folder.",
};

impl Decision for FolderRedirect {
    fn rule(&self) -> &'static Rule {
        &RULE_FOLDER
    }

    fn outcome(&self) -> Cow<'static, str> {
        format!("308 to {}", self.0).into()
    }

    fn because(&self) -> Cow<'static, str> {
        "it is a folder, and the path does not end with a slash".into()
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        Some("with the slash the folder would have been answered".into())
    }
}
