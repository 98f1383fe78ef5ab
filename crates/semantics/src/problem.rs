//! Problem details: an error that a program can read (RFC 9457).

use std::borrow::Cow;
use std::fmt::Write as _;

use http::{HeaderValue, StatusCode};

use crate::decision::Decision;

/// The media type of the JSON form (RFC 9457, section 4).
pub const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Text that is mostly known in advance.
pub type Text = Cow<'static, str>;

/// What went wrong, in members that a program can read (RFC 9457, section 3.1).
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// A URI that names the kind of problem; `None` stands for `about:blank` (section 3.1.1).
    pub kind: Option<Text>,
    /// The status code of the response (section 3.1.2).
    pub status: StatusCode,
    /// The kind of problem in a few words, the same each time (section 3.1.3).
    pub title: Option<Text>,
    /// What went wrong this time, in a sentence (section 3.1.4).
    pub detail: Option<Text>,
    /// A URI that names this occurrence (section 3.1.5).
    pub instance: Option<Text>,
    /// More members, in their order; the names of the five above are ignored here (section 3.2).
    pub extensions: Vec<(Text, Value)>,
}

/// The value of an extension member.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A whole number that may be greater than an `i64`.
    Unsigned(u64),
    /// A string.
    Text(Text),
    /// An array.
    List(Vec<Value>),
    /// An object with its members in order.
    Object(Vec<(Text, Value)>),
}

impl Problem {
    /// A problem that says no more than its status: the title is the status's phrase (RFC 9457, section 4.2.1).
    pub fn new(status: StatusCode) -> Self {
        Self {
            kind: None,
            status,
            title: Some(crate::status::name(status)).filter(|name| !name.is_empty()).map(Cow::Borrowed),
            detail: None,
            instance: None,
            extensions: Vec::new(),
        }
    }

    /// A problem that a decision caused: its cause is the detail, and `rule`, `section` and `otherwise` are extensions.
    pub fn because(status: StatusCode, decision: &dyn Decision) -> Self {
        let rule = decision.rule();
        let mut extensions = vec![
            (Cow::Borrowed("rule"), Value::Text(Cow::Borrowed(rule.name))),
            (Cow::Borrowed("section"), Value::Text(Cow::Borrowed(rule.section))),
        ];
        if let Some(otherwise) = decision.otherwise() {
            extensions.push((Cow::Borrowed("otherwise"), Value::Text(otherwise)));
        }
        Self { detail: Some(decision.because()), extensions, ..Self::new(status) }
    }

    /// The problem as JSON on one line (RFC 9457, section 3).
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(256);
        let status = Value::Unsigned(self.status.as_u16().into());
        let texts =
            [("type", &self.kind), ("title", &self.title), ("detail", &self.detail), ("instance", &self.instance)];
        json.push_str("{\"status\":");
        status.write(&mut json);
        for (name, text) in texts {
            if let Some(text) = text {
                write_member(&mut json, name, &Value::Text(text.clone()));
            }
        }
        for (name, value) in &self.extensions {
            if !matches!(&**name, "type" | "title" | "status" | "detail" | "instance") {
                write_member(&mut json, name, value);
            }
        }
        json.push('}');
        json
    }
}

fn write_member(json: &mut String, name: &str, value: &Value) {
    json.push(',');
    write_string(json, name);
    json.push(':');
    value.write(json);
}

impl Value {
    fn write(&self, json: &mut String) {
        match self {
            Self::Null => json.push_str("null"),
            Self::Bool(value) => json.push_str(if *value { "true" } else { "false" }),
            Self::Integer(number) => write!(json, "{number}").expect("a String takes all text"),
            Self::Unsigned(number) => write!(json, "{number}").expect("a String takes all text"),
            Self::Text(text) => write_string(json, text),
            Self::List(values) => {
                json.push('[');
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        json.push(',');
                    }
                    value.write(json);
                }
                json.push(']');
            }
            Self::Object(members) => {
                json.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        json.push(',');
                    }
                    write_string(json, name);
                    json.push(':');
                    value.write(json);
                }
                json.push('}');
            }
        }
    }
}

/// Appends the text as a JSON string (RFC 8259, section 7).
///
/// What could end a script element or a line of JavaScript is escaped too, so that the JSON may be put into a page.
pub fn write_string(json: &mut String, text: &str) {
    json.push('"');
    for char in text.chars() {
        match char {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\0'..='\x1f' | '\x7f' | '<' | '\u{2028}' | '\u{2029}' => {
                write!(json, "\\u{:04x}", u32::from(char)).expect("a String takes all text");
            }
            _ => json.push(char),
        }
    }
    json.push('"');
}
