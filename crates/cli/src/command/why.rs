//! `wirelight why`: the story of one exchange, as a running inspector tells it.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use wirelight_inspect::view::{Detail, List};

use super::ask::{Asked, encoded};
use crate::args::Why;
use crate::exit::Failure;
use crate::print::{Paint, escape};

/// What is told about where nothing is named: something was declined, or went wrong.
const TROUBLE: &str = "~e";

/// Prints why an exchange went as it did.
pub(crate) fn run(arguments: &Why) -> Result<(), Failure> {
    let asked = Asked::find(arguments.inspector.url.as_deref(), arguments.inspector.token.as_deref())?;
    let id = match &arguments.id {
        Some(id) => id.clone(),
        None => newest(&asked, arguments.filter.as_deref())?,
    };
    let place = format!("/api/exchanges/{}", encoded(&id));
    let text = match arguments.json {
        true => {
            let detail: serde_json::Value = asked.get(&place)?;
            format!("{detail:#}\n")
        }
        false => told(&asked.get(&place)?, Paint::stdout()),
    };
    io::stdout().write_all(text.as_bytes()).map_err(Failure::of_output)
}

/// The newest exchange that a filter wants.
fn newest(asked: &Asked, filter: Option<&str>) -> Result<String, Failure> {
    let wanted = filter.unwrap_or(TROUBLE);
    // Those under way come first; of them nothing can be told yet.
    let list: List = asked.get(&format!("/api/exchanges?limit=1&filter={}", encoded(wanted)))?;
    let found = list.exchanges.into_iter().find(|found| found.state == "done");
    match (found, filter, list.kept) {
        (Some(found), ..) => Ok(found.id),
        (None, _, 0) => Err(Failure::new("nothing was recorded yet")),
        (None, None, kept) => Err(Failure::new(format!("in none of the {kept} exchanges kept was anything declined"))
            .advise("Name one, or say which: wirelight why --filter '~u /path'.")),
        (None, Some(filter), kept) => Err(Failure::new(format!("none of the {kept} exchanges kept is `{filter}`"))),
    }
}

/// The story, a sentence a line, with the rules that it rests on.
fn told(detail: &Detail, paint: Paint) -> String {
    let summary = &detail.summary;
    let method = summary.method.as_deref().unwrap_or("?");
    let target = summary.target.as_deref().unwrap_or("(its head could not be read)");
    let title = format!("{method} {target}");
    let status = format!("{} {}", summary.status, summary.reason);
    let status = if summary.declined { paint.bad(status).to_string() } else { paint.good(status).to_string() };
    let id = paint.quiet(&summary.id);
    let mut text = format!("{} {} {status} {id}\n\n", paint.strong(escape(&title)), paint.quiet("->"));
    for sentence in &detail.story {
        let at = sentence.at_us.map_or_else(String::new, |at| format!("{:.1} ms", at as f64 / 1e3));
        let told = escape(&sentence.sentence);
        let told = if sentence.declines { paint.bad(told).to_string() } else { told };
        let _ = writeln!(text, "{:>11}  {told}", at);
        let rule = sentence.trail.and_then(|index| detail.trail.get(index)).map(|decided| &decided.rule);
        if let Some(rule) = rule {
            let cited = format!("{} ({}): {}", rule.name, rule.section, rule.says);
            let _ = writeln!(text, "{:>11}  {}", "", paint.quiet(escape(&cited)));
        }
    }
    text.push_str(&layers(detail, paint));
    text
}

/// The layers that it went through, each inside of the one above it, with when and for how long.
fn layers(detail: &Detail, paint: Paint) -> String {
    let mut text = String::new();
    if !detail.layers.is_empty() {
        let _ = writeln!(text, "\n{}", paint.strong("Layers, from the outside in"));
    }
    for layer in &detail.layers {
        let entered = format!("{:.1} ms", layer.in_us as f64 / 1e3);
        let lasted = match layer.out_us {
            Some(out) => format!("for {:.1} ms", (out - layer.in_us) as f64 / 1e3),
            None => "not left".to_owned(),
        };
        let place = layer.place.as_ref().map_or_else(String::new, |place| format!(", {}", escape(place)));
        let _ = writeln!(text, "{entered:>11}  {} {lasted}{}", escape(&layer.name), paint.quiet(place));
    }
    text
}
