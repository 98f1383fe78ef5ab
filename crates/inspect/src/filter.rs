//! Filters in words of a few letters, such as `~m POST & ~c 5xx`: parsed once, then asked of every exchange.

use std::fmt;

use regex::{Regex, RegexBuilder};
use wirelight_net::Ending;

use crate::exchange::Kept;
use crate::message::{self, Head};
use crate::view::Summary;

/// How deep parentheses may go.
const DEPTH_MAX: usize = 50;

/// Which exchanges are wanted.
#[derive(Debug, Clone)]
pub struct Filter(Expression);

/// Why a text is no filter, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong, in one sentence without a full stop.
    pub because: String,
    /// Where, in characters from the beginning.
    pub at: usize,
    /// How many characters it concerns.
    pub length: usize,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at character {}", self.because, self.at + 1)
    }
}

impl std::error::Error for Mistake {}

#[derive(Debug, Clone)]
enum Expression {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Is(Test),
}

/// One thing asked of an exchange. Texts are in small letters.
#[derive(Debug, Clone)]
enum Test {
    Url(Regex),
    Method(Regex),
    Code(u16, u16),
    Field(Side, String),
    Content(Side, String),
    Host(String),
    Type(Side, String),
    Answered,
    Open,
    Trouble,
    Why(String),
    Peer(String),
    Upstream(String),
    Version(String),
    Id(String),
    Connection(u64),
    Slower(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Either,
    Request,
    Response,
}

/// Every word that stands for a test, what it takes, and what it asks; for help, and for those who mistype it.
pub const WORDS: [(&str, &str, &str); 20] = [
    ("~u", "REGEX", "the URL matches"),
    ("~m", "REGEX", "the method matches"),
    ("~c", "CODE", "the status is 404, is 4xx, is >=500, is 300-399"),
    ("~h", "TEXT", "a field of either message holds this, as `name: value`"),
    ("~hq", "TEXT", "a field of the request holds this"),
    ("~hs", "TEXT", "a field of the response holds this"),
    ("~b", "TEXT", "the content of either message holds this"),
    ("~bq", "TEXT", "the content of the request holds this"),
    ("~bs", "TEXT", "the content of the response holds this"),
    ("~d", "TEXT", "the host holds this"),
    ("~t", "TEXT", "the media type of the response holds this"),
    ("~tq", "TEXT", "the media type of the request holds this"),
    ("~why", "TEXT", "a decision holds this: its rule, outcome, cause or remedy"),
    ("~e", "", "something was declined, or did not end well"),
    ("~s", "", "it was answered"),
    ("~q", "", "it is still under way"),
    ("~src", "TEXT", "the peer's address holds this"),
    ("~dst", "TEXT", "the server it was sent on to holds this"),
    ("~v", "TEXT", "the version of HTTP holds this"),
    ("~slow", "MILLISECONDS", "it took longer"),
];

impl Filter {
    /// Reads a filter; an empty one wants everything.
    ///
    /// # Errors
    /// With the place of the first mistake.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        let mut parser = Parser { tokens: tokens(text)?, at: 0, end: text.chars().count() };
        if parser.tokens.is_empty() {
            return Ok(Self(Expression::All(Vec::new())));
        }
        let expression = parser.any(0)?;
        match parser.peek() {
            Some(token) => Err(token.mistake("this closes nothing that was opened".to_owned())),
            None => Ok(Self(expression)),
        }
    }

    pub(crate) fn wants(&self, kept: &Kept) -> bool {
        self.0.holds(&mut Subject { kept, summary: None, heads: None })
    }
}

/// One word, where it stands.
#[derive(Debug, Clone)]
struct Token {
    text: String,
    quoted: bool,
    at: usize,
    length: usize,
}

impl Token {
    fn mistake(&self, because: String) -> Mistake {
        Mistake { because, at: self.at, length: self.length }
    }

    fn is(&self, sign: &str) -> bool {
        !self.quoted && self.text == sign
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, Mistake> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&char) = chars.get(at) {
        let start = at;
        at += 1;
        let (text, quoted) = match char {
            _ if char.is_whitespace() => continue,
            '(' | ')' | '!' | '&' | '|' => (char.to_string(), false),
            '"' => {
                let mut text = String::new();
                loop {
                    match (chars.get(at), chars.get(at + 1)) {
                        (Some('\\'), Some(next @ ('"' | '\\'))) => {
                            text.push(*next);
                            at += 2;
                        }
                        (Some('"'), _) => break at += 1,
                        (Some(other), _) => {
                            text.push(*other);
                            at += 1;
                        }
                        (None, _) => {
                            let because = "this quotation is not closed".to_owned();
                            return Err(Mistake { because, at: start, length: at - start });
                        }
                    }
                }
                (text, true)
            }
            _ => {
                while chars.get(at).is_some_and(|char| !char.is_whitespace() && !"()&|".contains(*char)) {
                    at += 1;
                }
                (chars[start..at].iter().collect(), false)
            }
        };
        tokens.push(Token { text, quoted, at: start, length: at - start });
    }
    Ok(tokens)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    /// Where the text ends.
    end: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn skip(&mut self, sign: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is(sign));
        self.at += usize::from(found);
        found
    }

    fn next(&mut self, wanted: &str) -> Result<Token, Mistake> {
        let token = self.peek().cloned();
        self.at += 1;
        token.ok_or_else(|| Mistake { because: format!("{wanted} is missing"), at: self.end, length: 0 })
    }

    fn any(&mut self, depth: usize) -> Result<Expression, Mistake> {
        let mut some = vec![self.all(depth)?];
        while self.skip("|") {
            some.push(self.all(depth)?);
        }
        Ok(if some.len() == 1 { some.remove(0) } else { Expression::Any(some) })
    }

    fn all(&mut self, depth: usize) -> Result<Expression, Mistake> {
        let mut all = vec![self.one(depth)?];
        loop {
            let and = self.skip("&");
            if !and && self.peek().is_none_or(|token| token.is("|") || token.is(")")) {
                break;
            }
            all.push(self.one(depth)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Expression::All(all) })
    }

    fn one(&mut self, depth: usize) -> Result<Expression, Mistake> {
        let token = self.next("a filter")?;
        if depth > DEPTH_MAX {
            return Err(token.mistake(format!("more than {DEPTH_MAX} signs stand inside of one another")));
        }
        if token.is("!") {
            return Ok(Expression::Not(Box::new(self.one(depth + 1)?)));
        }
        if token.is("(") {
            let inner = self.any(depth + 1)?;
            return match self.skip(")") {
                true => Ok(inner),
                false => Err(token.mistake("this parenthesis is not closed".to_owned())),
            };
        }
        if ["&", "|", ")"].iter().any(|sign| token.is(sign)) {
            return Err(token.mistake(format!("`{}` has nothing before it", token.text)));
        }
        match token.text.strip_prefix('~').filter(|_| !token.quoted) {
            Some(word) => self.test(&token, &word.to_ascii_lowercase()).map(Expression::Is),
            None => Ok(Expression::Is(Test::Url(pattern(&token)?))),
        }
    }

    fn test(&mut self, token: &Token, word: &str) -> Result<Test, Mistake> {
        let plain = match word {
            "s" => Some(Test::Answered),
            "q" => Some(Test::Open),
            "e" => Some(Test::Trouble),
            _ => None,
        };
        if let Some(test) = plain {
            return Ok(test);
        }
        let known = WORDS.iter().any(|(known, ..)| known[1..] == *word) || ["id", "conn"].contains(&word);
        if !known {
            let all: Vec<&str> = WORDS.iter().map(|(word, ..)| *word).collect();
            return Err(token.mistake(format!("`~{word}` is no filter; there are {}", all.join(" "))));
        }
        let value = self.next(&format!("what `~{word}` is to look for"))?;
        if ["&", "|", "(", ")"].iter().any(|sign| value.is(sign)) {
            return Err(value.mistake(format!("what `~{word}` is to look for is missing")));
        }
        let text = value.text.to_lowercase();
        let number = || text.parse().map_err(|_| value.mistake(format!("`{text}` is no whole number")));
        Ok(match word {
            "u" => Test::Url(pattern(&value)?),
            "m" => Test::Method(pattern(&value)?),
            "c" => {
                let (from, to) = codes(&text).ok_or_else(|| {
                    value.mistake(format!("`{text}` is no status: it would be 404, 4xx, >=500 or 300-399"))
                })?;
                Test::Code(from, to)
            }
            "h" => Test::Field(Side::Either, text),
            "hq" => Test::Field(Side::Request, text),
            "hs" => Test::Field(Side::Response, text),
            "b" => Test::Content(Side::Either, text),
            "bq" => Test::Content(Side::Request, text),
            "bs" => Test::Content(Side::Response, text),
            "d" => Test::Host(text),
            "t" => Test::Type(Side::Response, text),
            "tq" => Test::Type(Side::Request, text),
            "src" => Test::Peer(text),
            "dst" => Test::Upstream(text),
            "v" => Test::Version(text),
            "id" => Test::Id(text),
            "conn" => Test::Connection(number()?),
            "slow" => Test::Slower(number()?),
            _ => Test::Why(text),
        })
    }
}

fn pattern(token: &Token) -> Result<Regex, Mistake> {
    let built = RegexBuilder::new(&token.text).case_insensitive(true).size_limit(1 << 20).build();
    built.map_err(|error| {
        let because = match error {
            regex::Error::Syntax(said) => {
                said.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
            }
            _ => "it is too large".to_owned(),
        };
        token.mistake(format!("`{}` is no regular expression: {because}", token.text))
    })
}

/// The range of codes that a text stands for.
fn codes(text: &str) -> Option<(u16, u16)> {
    let number = |text: &str| text.parse::<u16>().ok();
    if let Some((from, to)) = text.split_once('-') {
        return Some((number(from)?, number(to)?));
    }
    for (sign, range) in [(">=", (0, u16::MAX)), ("<=", (1, 0)), (">", (1, u16::MAX)), ("<", (2, 0))] {
        if let Some(rest) = text.strip_prefix(sign) {
            let code = number(rest)?;
            return Some(match range {
                (add, u16::MAX) => (code.saturating_add(add), u16::MAX),
                (less, _) => (1, code.saturating_sub(less - 1)),
            });
        }
    }
    let digits = text.trim_end_matches('x');
    let code = number(digits)?;
    match (digits.len(), text.len()) {
        (3, 3) => Some((code, code)),
        (2, 2 | 3) => Some((code * 10, code * 10 + 9)),
        (1, 1..=3) => Some((code * 100, code * 100 + 99)),
        _ => None,
    }
}

/// An exchange of which things are asked: what answers them is made when it is first needed.
struct Subject<'a> {
    kept: &'a Kept,
    summary: Option<Box<Summary>>,
    heads: Option<(Option<Head>, Option<Head>)>,
}

impl Subject<'_> {
    fn summary(&mut self) -> &Summary {
        self.summary.get_or_insert_with(|| Box::new(message::summary(self.kept)))
    }

    fn heads(&mut self, side: Side) -> impl Iterator<Item = &Head> {
        let kept = self.kept;
        let (request, response) =
            self.heads.get_or_insert_with(|| (message::request_head(kept), message::response_head(kept)));
        let request = request.iter().filter(move |_| side != Side::Response);
        request.chain(response.iter().filter(move |_| side != Side::Request))
    }
}

fn holds(text: &str, wanted: &str) -> bool {
    text.to_lowercase().contains(wanted)
}

impl Expression {
    fn holds(&self, subject: &mut Subject<'_>) -> bool {
        match self {
            Self::All(all) => all.iter().all(|each| each.holds(subject)),
            Self::Any(some) => some.iter().any(|each| each.holds(subject)),
            Self::Not(inner) => !inner.holds(subject),
            Self::Is(test) => test.holds(subject),
        }
    }
}

impl Test {
    fn holds(&self, subject: &mut Subject<'_>) -> bool {
        let kept = subject.kept;
        match self {
            Self::Url(pattern) => {
                let Summary { scheme, host, target, .. } = subject.summary();
                let target = target.as_deref().unwrap_or_default();
                let host = host.as_deref().unwrap_or_default();
                pattern.is_match(&format!("{scheme}://{host}{target}"))
            }
            Self::Method(pattern) => subject.summary().method.as_deref().is_some_and(|method| pattern.is_match(method)),
            Self::Code(from, to) => (*from..=*to).contains(&kept.status),
            Self::Field(side, wanted) => subject
                .heads(*side)
                .any(|head| head.fields.iter().any(|field| holds(&format!("{}: {}", field.name, field.value), wanted))),
            Self::Content(side, wanted) => {
                (*side != Side::Response && holds(&message::content_text(kept, false), wanted))
                    || (*side != Side::Request && holds(&message::content_text(kept, true), wanted))
            }
            Self::Host(wanted) => subject.summary().host.as_deref().is_some_and(|host| holds(host, wanted)),
            Self::Type(side, wanted) => subject
                .heads(*side)
                .any(|head| head.get("content-type").is_some_and(|media_type| holds(media_type, wanted))),
            Self::Answered => kept.ending.is_some() && kept.first_byte.is_some(),
            Self::Open => kept.ending.is_none(),
            Self::Trouble => {
                kept.declines() || !matches!(kept.ending, None | Some(Ending::Complete | Ending::Switched))
            }
            Self::Why(wanted) => kept.trail.read(|all| {
                all.iter().any(|decision| {
                    let rule = decision.rule();
                    let texts = [rule.name.into(), rule.section.into(), decision.outcome(), decision.because()];
                    texts.into_iter().chain(decision.otherwise()).any(|text| holds(&text, wanted))
                })
            }),
            Self::Peer(wanted) => kept.connection.peer.as_deref().is_some_and(|peer| holds(peer, wanted)),
            Self::Upstream(wanted) => kept.hops.iter().any(|hop| holds(&hop.hop.upstream, wanted)),
            Self::Version(wanted) => holds(&subject.summary().version, wanted),
            Self::Id(wanted) => kept.id() == *wanted,
            Self::Connection(wanted) => kept.connection.id == *wanted,
            Self::Slower(milliseconds) => kept.total > milliseconds.saturating_mul(1000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_say_what_is_wrong_and_where() {
        for (text, because, at, length) in [
            ("~x a", "`~x` is no filter", 0, 2),
            ("~m", "what `~m` is to look for is missing", 2, 0),
            ("~m & ~e", "what `~m` is to look for is missing", 3, 1),
            ("a & (b", "this parenthesis is not closed", 4, 1),
            ("a )", "this closes nothing", 2, 1),
            ("| a", "`|` has nothing before it", 0, 1),
            ("a &", "a filter is missing", 3, 0),
            ("~h \"a", "this quotation is not closed", 3, 2),
            ("~c abc", "`abc` is no status", 3, 3),
            ("é ~c 9999", "`9999` is no status", 5, 4),
            ("~slow fast", "`fast` is no whole number", 6, 4),
            ("~u (a", "what `~u` is to look for is missing", 3, 1),
            ("[a", "`[a` is no regular expression", 0, 2),
        ] {
            let mistake = Filter::parse(text).unwrap_err();
            assert!(mistake.because.starts_with(because), "{text}: {mistake}");
            assert_eq!((mistake.at, mistake.length), (at, length), "{text}: {mistake}");
        }
        let deep = "(".repeat(10_000);
        assert!(Filter::parse(&deep).is_err());
        assert!(Filter::parse(&"!".repeat(10_000)).is_err());
    }

    #[test]
    fn codes_are_ranges() {
        for (text, expected) in [
            ("404", Some((404, 404))),
            ("4xx", Some((400, 499))),
            ("4", Some((400, 499))),
            ("40x", Some((400, 409))),
            (">=500", Some((500, u16::MAX))),
            (">500", Some((501, u16::MAX))),
            ("<400", Some((1, 399))),
            ("<=400", Some((1, 400))),
            ("300-399", Some((300, 399))),
            ("xx", None),
            ("4000", None),
            ("", None),
        ] {
            assert_eq!(codes(text), expected, "{text}");
        }
    }
}
