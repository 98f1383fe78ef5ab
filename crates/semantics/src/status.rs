//! Status codes by their present names (RFC 9110, section 15): the `http` crate still has those of RFC 7231.

use http::StatusCode;

/// The name of a status as RFC 9110 has it, without its number: `Content Too Large`; empty for one that has no name.
pub fn name(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NON_AUTHORITATIVE_INFORMATION => "Non-Authoritative Information",
        StatusCode::PAYLOAD_TOO_LARGE => "Content Too Large",
        StatusCode::UNPROCESSABLE_ENTITY => "Unprocessable Content",
        _ => status.canonical_reason().unwrap_or_default(),
    }
}

/// A status with its number and its name: `413 Content Too Large`.
pub fn named(status: StatusCode) -> String {
    match name(status) {
        "" => status.as_str().to_owned(),
        name => format!("{} {name}", status.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_rfc_9110() {
        for (status, expected) in [
            (200, "200 OK"),
            (203, "203 Non-Authoritative Information"),
            (413, "413 Content Too Large"),
            (414, "414 URI Too Long"),
            (416, "416 Range Not Satisfiable"),
            (422, "422 Unprocessable Content"),
            (599, "599"),
        ] {
            assert_eq!(named(StatusCode::from_u16(status).unwrap()), expected);
        }
    }
}
