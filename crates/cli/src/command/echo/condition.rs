//! Endpoints that are about validators: conditional requests, caching.

use http::{HeaderValue, header};
use wirelight_semantics::precondition;
use wirelight_semantics::validator::{EntityTag, Validators};

use super::endpoint::{Answer, Call, Refused};
use super::json;

/// `/etag/{tag}`
pub(crate) fn etag(call: &Call<'_>) -> Result<Answer, Refused> {
    let tag = EntityTag::strong(call.segment(0).to_owned())
        .map_err(|_| Refused("an entity tag holds no space, no quote and no control character".to_owned()))?;
    Ok(conditional(call, tag))
}

/// `/cache/{seconds}`
pub(crate) fn cache(call: &Call<'_>) -> Result<Answer, Refused> {
    let seconds = call.number(0, "the number of seconds", 0..=31_536_000)?;
    let tag = EntityTag::strong(format!("cache-{seconds}")).expect("letters, digits and a hyphen");
    let mut answer = conditional(call, tag);
    let value = HeaderValue::try_from(format!("public, max-age={seconds}")).expect("letters and digits");
    answer.response.headers_mut().insert(header::CACHE_CONTROL, value);
    Ok(answer)
}

fn conditional(call: &Call<'_>, tag: EntityTag) -> Answer {
    let current = Validators { entity_tag: Some(tag), last_modified: None };
    let head = &call.arrived.head;
    let judgement = precondition::judge(&head.method, &head.headers, Some(&current));
    let mut answer = match judgement.status() {
        Some(status) => Answer::from(status),
        None => json(&call.arrived.shown()).into(),
    };
    call.trail.note(judgement);
    current.write(call.clock.wall(), answer.response.headers_mut());
    answer
}
