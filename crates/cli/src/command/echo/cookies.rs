//! Endpoints that are about cookies (RFC 6265bis).

use http::{StatusCode, header};
use serde_json::json;
use wirelight_semantics::cookie::{self, SetCookie};

use super::arrived::Listed;
use super::endpoint::{Answer, Call, Refused};
use super::{json, status};

/// How many cookies may be set at once, and how many are shown.
const COOKIES_MAX: usize = 50;

/// `/cookies`
pub(crate) fn show(call: &Call<'_>) -> Result<Answer, Refused> {
    let cookies: Listed = cookie::pairs(&call.arrived.head.headers, COOKIES_MAX)
        .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
        .collect();
    Ok(json(&json!({ "cookies": cookies })).into())
}

/// `/cookies/set`
pub(crate) fn set(call: &Call<'_>) -> Result<Answer, Refused> {
    change(call, |name, value| SetCookie { secure: false, http_only: false, ..SetCookie::new(name, value) })
}

/// `/cookies/delete`
pub(crate) fn delete(call: &Call<'_>) -> Result<Answer, Refused> {
    change(call, |name, _| SetCookie { secure: false, max_age_seconds: Some(0), ..SetCookie::new(name, "") })
}

fn change(call: &Call<'_>, changed: impl Fn(&str, &str) -> SetCookie) -> Result<Answer, Refused> {
    if call.query.is_empty() {
        return Err(Refused("the query names no cookie".to_owned()));
    }
    if call.query.len() > COOKIES_MAX {
        return Err(Refused(format!("the query names {} cookies; {COOKIES_MAX} is the limit", call.query.len())));
    }
    let mut response = status::to(StatusCode::FOUND, "/cookies");
    for (name, value) in &call.query {
        let value = changed(name, value).to_value().map_err(|fault| Refused(fault.to_string()))?;
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    Ok(response.into())
}
