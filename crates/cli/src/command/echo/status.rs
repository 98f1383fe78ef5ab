//! Endpoints that are about the status: any of them, redirects, authentication.

use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;
use wirelight_semantics::auth::{self, Asker};
use wirelight_service::{Body, Response};

use super::endpoint::{Answer, Call, Refused};
use super::json;

/// How often a client may be redirected.
const REDIRECTS_MAX: u32 = 20;

/// `/status/{code}`
pub(crate) fn status(call: &Call<'_>) -> Result<Answer, Refused> {
    let code = call.number(0, "a final status", 200..=599)?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(code).expect("it is in range");
    if let Some((name, value)) = companion(code) {
        response.headers_mut().insert(name, value);
    }
    Ok(response.into())
}

/// The field without which a status would make no sense.
fn companion(code: u16) -> Option<(HeaderName, HeaderValue)> {
    let fixed = HeaderValue::from_static;
    Some(match code {
        201 | 301 | 302 | 303 | 307 | 308 => (header::LOCATION, fixed("/echo")),
        401 => (header::WWW_AUTHENTICATE, challenge()),
        405 => (header::ALLOW, fixed("GET, HEAD")),
        407 => (header::PROXY_AUTHENTICATE, challenge()),
        416 => (header::CONTENT_RANGE, fixed("bytes */0")),
        426 => (header::UPGRADE, fixed("HTTP/2.0")),
        429 | 503 => (header::RETRY_AFTER, fixed("1")),
        _ => return None,
    })
}

/// `/redirect/{times}`
pub(crate) fn redirect(call: &Call<'_>) -> Result<Answer, Refused> {
    let times = call.number(0, "the number of redirects", 1..=REDIRECTS_MAX)?;
    let code = call.asked("status", 302, 300..=399)?;
    if !matches!(code, 301 | 302 | 303 | 307 | 308) {
        return Err(Refused(format!("{code} is not a status that redirects: 301, 302, 303, 307 or 308 is")));
    }
    let location = match times {
        1 => "/echo".to_owned(),
        _ if code == 302 => format!("/redirect/{}", times - 1),
        _ => format!("/redirect/{}?status={code}", times - 1),
    };
    Ok(to(StatusCode::from_u16(code).expect("it is in range"), &location).into())
}

/// A response that sends the client elsewhere.
pub(crate) fn to(status: StatusCode, location: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let location = HeaderValue::from_str(location).expect("a path of ours");
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// `/basic-auth/{user}/{password}`
pub(crate) fn basic_auth(call: &Call<'_>) -> Result<Answer, Refused> {
    let (user, password) = (call.segment(0), call.segment(1));
    if user.contains(':') {
        return Err(Refused("a user's name holds no colon (RFC 7617, section 2)".to_owned()));
    }
    let judgement = auth::judge(Asker::Origin, &call.arrived.head.headers, |basic| basic.matches(user, password));
    let mut response = json(&json!({ "authenticated": judgement.user().is_some(), "user": judgement.user() }));
    if judgement.user().is_none() {
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge());
    }
    call.trail.note(judgement);
    Ok(response.into())
}

fn challenge() -> HeaderValue {
    auth::challenge("wirelight echo").expect("letters and a space")
}
