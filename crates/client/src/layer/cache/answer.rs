//! Answers made of a stored response: all of it, a range, or that the requester has it already.

use std::time::SystemTime;

use http::header::{AGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use wirelight_semantics::cache::{Handled, freshness};
use wirelight_semantics::precondition;
use wirelight_semantics::range;
use wirelight_semantics::validator::Validators;
use wirelight_service::{Body, Response, Trail};

use super::memory::Entry;

/// Answers a request from a stored response, with its preconditions and its range (RFC 9111, section 4.3.2; RFC 9110,
/// section 14.2), and with Age and Cache-Status.
pub(super) fn of_entry(
    entry: &Entry,
    (method, request): (&Method, &HeaderMap),
    (name, handled): (&str, &Handled),
    now: SystemTime,
    trail: &Trail,
) -> Response {
    let length = entry.content.len() as u64;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = entry.status;
    let headers = response.headers_mut();
    headers.clone_from(&entry.headers);
    headers.insert(AGE, freshness::age_field(freshness::age(&entry.headers, entry.times, now)));
    handled.append(name, headers);
    let mut content = entry.content.clone();
    if entry.status == StatusCode::OK {
        let validators = Validators::of(&entry.headers);
        let judged = precondition::judge(method, request, Some(&validators));
        if let precondition::Judgement::NotModified(_) = judged {
            trail.note(judged);
            headers.remove(CONTENT_LENGTH);
            headers.remove(CONTENT_TYPE);
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        // Several ranges at once are answered with all of it, which is always right.
        let limits = range::Limits { ranges_max: 1, ..range::Limits::default() };
        let judged = range::judge(method, request, length, &validators, now, &limits);
        match &judged {
            range::Judgement::Single { span, length, .. } => {
                headers.insert(CONTENT_RANGE, span.content_range(*length));
                content = content.slice(at(span.first())..=at(span.last()));
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                trail.note(judged);
            }
            range::Judgement::NotSatisfiable { length, .. } => {
                headers.insert(CONTENT_RANGE, range::unsatisfied(*length));
                headers.remove(CONTENT_TYPE);
                content.clear();
                *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
                trail.note(judged);
            }
            _ => {}
        }
    }
    if entry.status != StatusCode::NO_CONTENT {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(content.len()));
    }
    if method != Method::HEAD {
        *response.body_mut() = Body::from(content);
    }
    response
}

/// A position in content that is in memory, so that it is a position in memory.
fn at(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX - 1)
}
