//! Whether what a client saw is acceptable.

use std::time::Duration;

use memchr::memmem;
use serde_json::Value;

use super::case::{Case, Expect, latin1};
use super::seen::Seen;

impl Case {
    /// Whether some acceptable answer was seen; the error says what the first one missed.
    pub fn check(&self, seen: &Seen, strict: bool) -> Result<(), String> {
        let mut first = None;
        for expect in self.alternatives(strict) {
            match expect.check(seen) {
                Ok(()) => return Ok(()),
                Err(why) => first = first.or(Some(why)),
            }
        }
        Err(first.unwrap_or_default())
    }
}

impl Expect<'_> {
    /// Whether what a client saw satisfies this; the error says what does not.
    pub fn check(&self, seen: &Seen) -> Result<(), String> {
        self.statuses(seen)?;
        self.counts(seen)?;
        self.connection(seen)?;
        self.texts(seen)?;
        self.content(seen)
    }

    fn number(&self, key: &str) -> Option<usize> {
        self.0[key].as_u64().map(|n| n as usize)
    }

    pub(super) fn list(&self, key: &str) -> impl Iterator<Item = &Value> {
        self.0[key].as_array().into_iter().flatten()
    }

    fn statuses(&self, seen: &Seen) -> Result<(), String> {
        if self.0["statuses"].is_null() {
            return Ok(());
        }
        let silent = seen.closed && seen.garbage.is_empty() && self.0["or_close"] == true;
        let waiting = !seen.closed && self.0["or_wait"] == true;
        match seen.answers.first() {
            None if silent || waiting => Ok(()),
            None => Err(format!("no response, wanted {}", self.0["statuses"])),
            Some(answer) if self.list("statuses").any(|status| *status == answer.status) => Ok(()),
            Some(answer) => Err(format!("status {}, wanted {}", answer.status, self.0["statuses"])),
        }
    }

    fn counts(&self, seen: &Seen) -> Result<(), String> {
        let count = seen.answers.len();
        let excused = count == 0 && seen.closed && self.0["or_close"] == true;
        if self.number("responses").is_some_and(|wanted| wanted != count) && !excused {
            return Err(format!("{count} responses, wanted exactly {}", self.0["responses"]));
        }
        if self.number("min_responses").is_some_and(|wanted| count < wanted) {
            return Err(format!("{count} responses, wanted at least {}", self.0["min_responses"]));
        }
        if self.number("max_responses").is_some_and(|wanted| count > wanted) {
            return Err(format!("{count} responses, at most {} allowed", self.0["max_responses"]));
        }
        for (answer, statuses) in seen.answers.iter().zip(self.list("all_statuses")) {
            if !statuses.as_array().into_iter().flatten().any(|status| *status == answer.status) {
                return Err(format!("status {}, wanted {statuses}", answer.status));
            }
        }
        Ok(())
    }

    fn connection(&self, seen: &Seen) -> Result<(), String> {
        if self.0["close"] == true && !seen.closed {
            return Err("the connection is not closed".into());
        }
        if self.0["open"] == true && seen.closed {
            return Err("the connection is closed".into());
        }
        if self.0["no_garbage"] != false && !seen.garbage.iter().all(|b| matches!(b, b'\r' | b'\n')) {
            return Err(format!("no HTTP response: {}", seen.garbage.escape_ascii()));
        }
        if self.0["no_interim"] == true && !seen.interim.is_empty() {
            return Err("an interim response was sent".into());
        }
        if let Some(wanted) = self.number("interim")
            && !seen.interim.iter().any(|answer| usize::from(answer.status) == wanted)
        {
            return Err(format!("no {wanted} was sent"));
        }
        if self.number("max_bytes").is_some_and(|most| seen.data.len() > most) {
            return Err(format!("{} bytes came, at most {} allowed", seen.data.len(), self.0["max_bytes"]));
        }
        if self.0["max_seconds"].as_f64().is_some_and(|most| seen.elapsed > Duration::from_secs_f64(most)) {
            return Err(format!("took {:?}, at most {} s", seen.elapsed, self.0["max_seconds"]));
        }
        Ok(())
    }

    fn texts(&self, seen: &Seen) -> Result<(), String> {
        for text in self.list("forbid_body").filter_map(Value::as_str) {
            if seen.answers.iter().any(|answer| memmem::find(&answer.content, &latin1(text)).is_some()) {
                return Err(format!("the content holds {text:?}"));
            }
        }
        for text in self.list("forbid_anywhere").filter_map(Value::as_str) {
            if memmem::find(&seen.data, &latin1(text)).is_some() {
                return Err(format!("the reply holds {text:?}"));
            }
        }
        for (name, pattern) in self.0["forbid_header"].as_object().into_iter().flatten() {
            let found =
                seen.answers.iter().flat_map(|answer| answer.values(name)).find(|value| matches(pattern, value));
            if let Some(value) = found {
                return Err(format!("field {name}: {value}"));
            }
        }
        Ok(())
    }

    fn content(&self, seen: &Seen) -> Result<(), String> {
        let Some(first) = seen.answers.first() else {
            let wants_content = !self.0["body"].is_null() || !self.0["body_contains"].is_null();
            return if wants_content { Err("no content".into()) } else { Ok(()) };
        };
        if let (Some(wanted), Some(value)) = (self.number("echo_len"), first.values("x-echo-len").next())
            && (200..300).contains(&first.status)
            && value != wanted.to_string()
        {
            return Err(format!("the handler saw {value} bytes, wanted {wanted}"));
        }
        if let Some(wanted) = self.0["body"].as_str()
            && first.content != latin1(wanted)
        {
            return Err(format!("the content is {}", first.content.escape_ascii()));
        }
        match self.0["body_contains"].as_str() {
            Some(wanted) if memmem::find(&first.content, &latin1(wanted)).is_none() => {
                Err(format!("the content lacks {wanted:?}"))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a value matches one of the few patterns that the corpus holds.
///
/// # Panics
/// If the pattern is another one: a check must not pass for want of understanding.
fn matches(pattern: &Value, value: &str) -> bool {
    match pattern.as_str() {
        Some("evil") => value.contains("evil"),
        Some(".") => !value.is_empty(),
        Some(r"^(//|/\\|\\|https?://[^/]*evil|http:/[^/])") => {
            let (_, host) = value.split_once("://").unwrap_or_default();
            value.starts_with("//")
                || value.starts_with("/\\")
                || value.starts_with('\\')
                || (value.starts_with("http://") || value.starts_with("https://"))
                    && host.split('/').next().is_some_and(|host| host.contains("evil"))
                || value.strip_prefix("http:/").is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        }
        _ => panic!("a pattern that is not known: {pattern}"),
    }
}
