//! What happened in an exchange, as plain sentences from top to bottom, for people who have not read the RFCs.

use std::borrow::Cow;

use wirelight_net::{Close, Ending};
use wirelight_semantics::decision::sentence;
use wirelight_semantics::status;
use wirelight_service::trail::Mark;

use crate::exchange::{Kept, KeptHop};
use crate::message;
use crate::view::{Phase, Sentence};
use crate::words::{size, span};

/// The sentences, in the order in which things happened.
pub(crate) fn tell(kept: &Kept) -> Vec<Sentence> {
    let mut story = vec![arrival(kept), question(kept)];
    // Of what a response led to, such as a tunnel, more is decided once it has left.
    let over = if kept.ending.is_some() { kept.total as i64 } else { i64::MAX };
    let (late, decided): (Vec<_>, Vec<_>) =
        decisions(kept).into_iter().partition(|decided| decided.at_us.is_some_and(|at| at > over));
    story.extend(decided);
    for hop in &kept.hops {
        story.push(asked(kept, hop));
        story.push(came(kept, hop));
    }
    // What was decided before the request came to a server stands before it, and the other way round.
    story[2..].sort_by_key(|sentence| sentence.at_us.unwrap_or(0));
    story.extend(answer(kept));
    story.extend(waited(kept));
    story.extend(end(kept));
    story.extend(late);
    story
}

fn plain(kind: &str, sentence: String, at_us: Option<i64>) -> Sentence {
    Sentence { sentence, kind: kind.to_owned(), declines: false, rule: None, trail: None, at_us }
}

fn arrival(kept: &Kept) -> Sentence {
    let connection = &kept.connection;
    let who = connection.peer.as_deref().unwrap_or("Somebody");
    let over = match &connection.secured {
        Some(secured) => format!(", encrypted with {}", secured.version.unwrap_or("TLS")),
        None => String::new(),
    };
    let sentence = match kept.number {
        _ if connection.id == 0 => "It was read from a file.".to_owned(),
        1 => format!("{who} connected{over}; this is the first request on connection {}.", connection.id),
        number => format!("{who} used connection {} again{over}; this is request {number} on it.", connection.id),
    };
    plain("connection", sentence, None)
}

fn question(kept: &Kept) -> Sentence {
    let sentence = match message::request_head(kept) {
        None => "What came could not be read as a request.".to_owned(),
        Some(head) => {
            let [method, target, version] = &head.parts;
            let content = match kept.received_bytes {
                0 => String::new(),
                bytes => format!(" and sent {} with it", size(bytes)),
            };
            format!("The client asked to {} {target} ({version}){content}.", verb(method))
        }
    };
    plain("request", sentence, Some(0))
}

/// What a method asks for, in words.
fn verb(method: &str) -> Cow<'static, str> {
    match method {
        "GET" => "get".into(),
        "HEAD" => "get only the head of".into(),
        "POST" => "post to".into(),
        "PUT" => "put something at".into(),
        "DELETE" => "delete".into(),
        "PATCH" => "change part of".into(),
        "OPTIONS" => "be told what is allowed at".into(),
        "CONNECT" => "be connected with".into(),
        "TRACE" => "be shown its own request to".into(),
        other => other.to_owned().into(),
    }
}

fn decisions(kept: &Kept) -> Vec<Sentence> {
    let times = kept.decided();
    kept.trail.read(|all| {
        let told = all.iter().enumerate().map(|(index, decision)| {
            let mut sentence = self::sentence(&format!("{}: {}", decision.outcome(), decision.because()));
            if let Some(otherwise) = decision.otherwise() {
                sentence.push(' ');
                sentence.push_str(&self::sentence(&otherwise));
            }
            Sentence {
                sentence,
                kind: "decision".to_owned(),
                declines: decision.declines(),
                rule: Some(decision.rule().name.to_owned()),
                trail: Some(index),
                at_us: times.get(index).copied().flatten(),
            }
        });
        told.collect()
    })
}

fn asked(kept: &Kept, hop: &KeptHop) -> Sentence {
    let again = match hop.hop.attempt {
        0 | 1 => "The request was sent on to".to_owned(),
        attempt => format!("For attempt {attempt} it was sent on to"),
    };
    let over = match hop.hop.steps.as_ref().map(|steps| steps.reused()) {
        Some(true) => ", over a connection that was open already",
        // Of an attempt that failed it is not known.
        Some(false) if hop.hop.response.is_some() => ", over a new connection",
        Some(false) | None => "",
    };
    plain("upstream", format!("{again} {}{over}.", hop.hop.upstream), Some(kept.since(hop.began)))
}

fn came(kept: &Kept, hop: &KeptHop) -> Sentence {
    let after = span(hop.ended.saturating_sub(hop.began));
    let upstream = &hop.hop.upstream;
    let (sentence, declines) = match (&hop.hop.response, &hop.hop.failed) {
        (Some(came), _) => (format!("{upstream} answered {} after {after}.", status::named(came.status)), false),
        (None, Some(failed)) => (format!("{upstream} gave no answer, after {after}: {failed}."), true),
        (None, None) => (format!("{upstream} gave no answer, after {after}."), true),
    };
    Sentence { declines, ..plain("upstream", sentence, Some(kept.since(hop.ended))) }
}

fn answer(kept: &Kept) -> Option<Sentence> {
    let status = [kept.status.to_string(), message::reason_of(kept.status)].join(" ");
    let status = status.trim_end();
    let head = message::response_head(kept);
    let sentence = match (kept.ending, &head) {
        (None, None) => return None,
        (_, None) if kept.first_byte.is_none() => {
            format!("No response was sent; it counts as {status}.")
        }
        _ => {
            let what = match head.as_ref().and_then(|head| head.get("content-type")) {
                Some(media_type) if kept.sent_bytes > 0 => format!("{} of {media_type}", size(kept.sent_bytes)),
                _ if kept.sent_bytes > 0 => size(kept.sent_bytes),
                _ => "no content".to_owned(),
            };
            format!("The answer was {status}, with {what}.")
        }
    };
    let at = kept.first_byte.map(|at| kept.since(at));
    Some(Sentence { declines: kept.status >= 400, ..plain("response", sentence, at) })
}

/// So long may content take on its way through before it is told who held it.
const HELD_US: u64 = 20_000;

/// Who held the content of a response that was sent on: the server behind, or this one.
fn waited(kept: &Kept) -> Option<Sentence> {
    let hop = kept.hops.last().filter(|hop| hop.hop.response.is_some())?;
    let came = hop.content?;
    let left = kept.content_left()?;
    let (before, here) = (came.saturating_sub(hop.ended), left.saturating_sub(came));
    let streams =
        message::response_head(kept).is_some_and(|head| head.get("content-type") == Some("text/event-stream"));
    if !streams && before.max(here) < HELD_US {
        return None;
    }
    let upstream = &hop.hop.upstream;
    let held = match before.max(here) {
        0..HELD_US => "so nobody held it back".to_owned(),
        _ if before >= here => format!("so it was {upstream} that held it back"),
        _ => "so it was held back here".to_owned(),
    };
    let (before, here) = (span(before), span(here));
    let sentence = format!(
        "The first of the content came from {upstream} {before} after its head, and left here {here} later, {held}."
    );
    Some(plain("upstream", sentence, Some(kept.since(left))))
}

fn end(kept: &Kept) -> Vec<Sentence> {
    let total = span(kept.total);
    let (sentence, declines) = match kept.ending {
        None => ("It is still under way.".to_owned(), false),
        Some(Ending::Complete) => (format!("All of it had left after {total}."), false),
        Some(Ending::Refused) => {
            (format!("The response was whole after {total}; the rest of the request was not waited for."), false)
        }
        Some(Ending::Abandoned) if is_stalled(kept) => {
            (format!("It was cut off after {total}, before the client had taken all of the response."), true)
        }
        Some(Ending::Abandoned) => {
            (format!("The client went away after {total}, before the response was whole."), true)
        }
        Some(Ending::Broken) => {
            (format!("The response broke off after {total}: what was to be sent could not be had."), true)
        }
        Some(Ending::Switched) => (format!("After {total} the connection went over to another protocol."), false),
    };
    let at = kept.ending.is_some().then_some(kept.total as i64);
    let mut told = vec![Sentence { declines, ..plain("end", sentence, at) }];
    let state = kept.connection.state();
    if let Some(closed) = state.closed.as_ref().filter(|_| state.exchanges == kept.number) {
        let sentence = format!("It was the last on its connection, which was {}: {}.", closed.outcome, closed.because);
        let rule = closed.rule.map(|rule| rule.name.to_owned());
        told.push(Sentence { declines: closed.declines, rule, ..plain("connection", sentence, None) });
    }
    told
}

/// Whether it was we who gave the client up, since it took nothing of what was sent.
fn is_stalled(kept: &Kept) -> bool {
    kept.trail.first(|close: &Close| matches!(close, Close::Stalled(_))).unwrap_or(false)
}

/// When the steps of an exchange were taken, in order.
pub(crate) fn phases(kept: &Kept) -> Vec<Phase> {
    let mut phases = Vec::new();
    let mut at = |name: &str, at: u64, says: &str| {
        phases.push(Phase { name: name.to_owned(), at_us: kept.since(at), says: says.to_owned() });
    };
    if kept.number == 1 {
        let connection = &kept.connection;
        match &connection.secured {
            Some(_) => at("secured", connection.opened, "the TLS handshake was over"),
            None => at("accepted", connection.opened, "the connection was accepted"),
        }
    }
    if let Some(first_in) = kept.first_in {
        at("first-byte-in", first_in, "the first byte of the request was there");
    }
    at("head", kept.began, "the head of the request was complete");
    for Mark { name, at: when } in kept.trail.marks() {
        at(&name, kept.micros(when), mark_says(&name));
    }
    for hop in kept.hops.iter().filter(|hop| hop.hop.response.is_some()) {
        at("upstream-first-byte", hop.ended, "the head of the server's response was there");
    }
    if let Some(first_byte) = kept.first_byte {
        at("first-byte-out", first_byte, "the first byte of the response was handed to the system");
    }
    if kept.ending.is_some() {
        at("done", kept.began + kept.total, "the last byte of the response was handed to the system");
    }
    phases.sort_by_key(|phase| phase.at_us);
    phases
}

fn mark_says(name: &str) -> &str {
    match name {
        "routed" => "it was known which route takes the request",
        "answered" => "the route had its response",
        _ => name,
    }
}

/// When the steps of a hop were taken.
pub(crate) fn hop_phases(kept: &Kept, hop: &KeptHop, micros: impl Fn(std::time::Instant) -> u64) -> Vec<Phase> {
    let mut phases = vec![Phase {
        name: "begun".to_owned(),
        at_us: kept.since(hop.began),
        says: "the request was ready to be sent on".to_owned(),
    }];
    for mark in hop.hop.steps.iter().flat_map(|steps| steps.steps()) {
        let says = match &*mark.name {
            "queued" => "a connection, or the right to make one, was there",
            "resolved" => "the name of the server was looked up",
            "connected" => "the connection stood",
            "proxied" => "a proxy had shown the way",
            "secured" => "the TLS handshake was over",
            "sent" => "the last byte of the request was handed to the system",
            "first-byte" => "the first byte of the response was there",
            "content" => "the first of the content of the response was there",
            "done" => "the response was complete",
            _ => "",
        };
        phases.push(Phase { at_us: kept.since(micros(mark.at)), says: says.to_owned(), name: mark.name.into_owned() });
    }
    phases.sort_by_key(|phase| phase.at_us);
    phases
}
