//! Items: what is sent, in the short forms of HTTPie.

use crate::exit::Failure;

/// What one item says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// `Name:value`, or `Name:` for none.
    Header(String, Option<String>),
    /// `name==value`.
    Query(String, String),
    /// `name=value`.
    Field(String, Attached),
    /// `name:=json`.
    Json(String, Attached),
    /// `name@file`.
    File(String, String),
}

/// What a field is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attached {
    Text(String),
    /// The content of a file.
    File(String),
}

/// Makes an item of its name and value.
type Make = fn(String, String) -> Item;

/// The separators, the longer first where one begins another.
const SEPARATORS: [(&str, Make); 6] = [
    (":=", |name, value| Item::Json(name, Attached::new(value))),
    ("==", Item::Query),
    ("=", |name, value| Item::Field(name, Attached::new(value))),
    (":", |name, value| Item::Header(name, (!value.trim().is_empty()).then(|| value.trim().to_owned()))),
    (";", |name, _| Item::Header(name, Some(String::new()))),
    ("@", Item::File),
];

impl Attached {
    fn new(value: String) -> Self {
        match value.strip_prefix('@') {
            Some(file) => Self::File(file.to_owned()),
            None => Self::Text(value),
        }
    }
}

impl Item {
    /// Reads an item: the first separator counts, and a backslash takes its meaning away.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut name = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(escaped) = rest.strip_prefix('\\')
                && let Some(next) = escaped.chars().next()
            {
                name.push(next);
                rest = &escaped[next.len_utf8()..];
                continue;
            }
            for (separator, make) in SEPARATORS {
                if let Some(value) = rest.strip_prefix(separator)
                    && !name.is_empty()
                    && (separator != ";" || value.is_empty())
                {
                    return Some(make(name, value.to_owned()));
                }
            }
            let next = rest.chars().next()?;
            name.push(next);
            rest = &rest[next.len_utf8()..];
        }
        None
    }
}

/// The words of the command line: method, URL, items.
pub(super) fn split(words: &[String]) -> Result<(Option<String>, String, Vec<Item>), Failure> {
    let is_method = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase());
    let (method, rest) = match words {
        [first, rest @ ..] if is_method(first) && !rest.is_empty() => (Some(first.clone()), rest),
        all => (None, all),
    };
    let [url, items @ ..] = rest else { return Err(Failure::new("there is no URL")) };
    let items = items
        .iter()
        .map(|text| {
            let advice = "An item is name=value, name:=json, name==value, Name:value or name@file.";
            Item::parse(text).ok_or_else(|| Failure::new(format!("`{text}` is no item")).advise(advice))
        })
        .collect::<Result<_, _>>()?;
    Ok((method, complete(url), items))
}

/// A URL as people type it: `:8080/x` is on this machine, and without a scheme it is http.
pub(in crate::command) fn complete(url: &str) -> String {
    if url.contains("://") {
        return url.to_owned();
    }
    match url.strip_prefix(':') {
        Some(rest) if rest.starts_with('/') || rest.is_empty() => format!("http://localhost{rest}"),
        Some(rest) => format!("http://localhost:{rest}"),
        None => format!("http://{url}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_separator_counts() {
        let text = |text: &str| Attached::Text(text.to_owned());
        let table = [
            ("a=b", Item::Field("a".into(), text("b"))),
            ("a=b:c", Item::Field("a".into(), text("b:c"))),
            ("a==b=c", Item::Query("a".into(), "b=c".into())),
            ("a:=[1]", Item::Json("a".into(), text("[1]"))),
            ("a:=@f", Item::Json("a".into(), Attached::File("f".into()))),
            ("a=@f", Item::Field("a".into(), Attached::File("f".into()))),
            ("A: b", Item::Header("A".into(), Some("b".into()))),
            ("A:", Item::Header("A".into(), None)),
            ("A;", Item::Header("A".into(), Some(String::new()))),
            ("a@b.txt", Item::File("a".into(), "b.txt".into())),
            ("a\\:b=c", Item::Field("a:b".into(), text("c"))),
        ];
        for (text, expected) in table {
            assert_eq!(Item::parse(text), Some(expected), "{text}");
        }
        for none in ["", "a", "=b", "a;b"] {
            assert_eq!(Item::parse(none), None, "{none}");
        }
    }

    #[test]
    fn words_are_method_url_and_items() {
        let words = |words: &[&str]| split(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        let (method, url, items) = words(&["PUT", ":8080/x", "a=b"]).unwrap();
        assert_eq!((method.as_deref(), url.as_str(), items.len()), (Some("PUT"), "http://localhost:8080/x", 1));
        assert_eq!(words(&["GET"]).unwrap().1, "http://GET");
        assert_eq!(words(&[":/x"]).unwrap().1, "http://localhost/x");
        assert_eq!(words(&["https://a.test"]).unwrap().1, "https://a.test");
        assert!(words(&["a.test", "what"]).is_err());
    }
}
