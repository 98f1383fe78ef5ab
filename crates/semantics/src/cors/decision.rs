//! What a judgement about a cross-origin request says of itself.

use std::borrow::Cow;

use http::header::HeaderValue;

use super::{Judgement, Refusal};
use crate::decision::{Decision, Rule, Shown};

static CORS: Rule = Rule {
    name: "cors",
    section: "Fetch, section 3.2",
    says: "Scripts of another origin may read an answer only if it says so.",
};
static PREFLIGHT: Rule = Rule {
    name: "cors-preflight",
    section: "Fetch, section 3.2.2",
    says: "A browser asks before it sends a method or a field that a plain form could not send.",
};
static PRIVATE_NETWORK: Rule = Rule {
    name: "private-network-access",
    section: "Private Network Access, section 3.1",
    says: "A public site reaches a private network only if its target says so.",
};

impl Decision for Judgement {
    fn rule(&self) -> &'static Rule {
        match self {
            Self::Refused { cause: Refusal::PrivateNetwork, .. } => &PRIVATE_NETWORK,
            Self::Preflight { .. } | Self::Refused { preflight: true, .. } => &PREFLIGHT,
            Self::NotCors | Self::Actual { .. } | Self::Refused { .. } => &CORS,
        }
    }

    fn outcome(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::NotCors => "no CORS fields",
            Self::Preflight { .. } => "the preflight is allowed",
            Self::Actual { .. } => "the origin may read the answer",
            Self::Refused { preflight: true, .. } => "the preflight is refused",
            Self::Refused { .. } => "the origin may not read the answer",
        })
    }

    fn because(&self) -> Cow<'static, str> {
        Cow::Owned(match self {
            Self::NotCors => return Cow::Borrowed("the request has no Origin"),
            Self::Actual { origin } => format!("the policy allows {}", shown(origin)),
            Self::Preflight { origin, method, fields, .. } if fields.is_empty() => {
                format!("the policy allows {} to send {method}", shown(origin))
            }
            Self::Preflight { origin, method, fields, .. } => {
                let names: Vec<&str> = fields.iter().map(|name| name.as_str()).collect();
                format!("the policy allows {} to send {method} with {}", shown(origin), names.join(", "))
            }
            Self::Refused { origin, cause, .. } => cause.because(origin),
        })
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::NotCors | Self::Preflight { .. } | Self::Actual { .. } => None,
            Self::Refused { origin, cause, .. } => Some(Cow::Owned(cause.otherwise(origin))),
        }
    }

    fn setting(&self) -> Option<&'static str> {
        match self {
            Self::Refused { cause, .. } => cause.setting(),
            _ => None,
        }
    }

    fn declines(&self) -> bool {
        self.is_refused()
    }
}

impl Refusal {
    fn because(&self, origin: &HeaderValue) -> String {
        let origin = shown(origin);
        match self {
            Self::OriginMalformed => format!("Origin holds {origin}, which is no origin as browsers write it"),
            Self::OriginNull => {
                String::from("the origin is null, that of a sandboxed frame or a local file, and is not listed")
            }
            Self::OriginNotListed { similar: Some(similar) } => {
                format!("the policy lists {similar}, but the origin is {origin}: scheme and port must be the same too")
            }
            Self::OriginNotListed { similar: None } => format!("the policy does not list the origin {origin}"),
            Self::MethodMalformed(value) => {
                format!("Access-Control-Request-Method holds {}, which is no method", shown(value))
            }
            Self::MethodNotAllowed(method) => format!("the policy does not allow {origin} to send {method}"),
            Self::FieldMalformed(value) => {
                format!("Access-Control-Request-Headers holds {}, which is no field name", shown(value))
            }
            Self::FieldNotAllowed(name) => format!("the policy does not allow {origin} to send the field {name}"),
            Self::TooManyFields { fields_max } => {
                format!("Access-Control-Request-Headers names more than {fields_max} fields")
            }
            Self::PrivateNetwork => {
                format!("{origin} asks to reach a private network, and the policy does not allow that")
            }
        }
    }

    fn setting(&self) -> Option<&'static str> {
        match self {
            Self::OriginNull | Self::OriginNotListed { .. } => Some("origins"),
            Self::MethodNotAllowed(_) => Some("methods"),
            Self::FieldNotAllowed(_) => Some("fields"),
            _ => None,
        }
    }

    fn otherwise(&self, origin: &HeaderValue) -> String {
        match self {
            Self::OriginMalformed => {
                String::from("one origin in lower case, such as https://app.test, would be compared")
            }
            Self::OriginNull => String::from("null among the policy's origins would allow it"),
            Self::OriginNotListed { .. } => format!("{} among the policy's origins would allow it", shown(origin)),
            Self::MethodMalformed(_) => String::from("a method name, such as PUT, would be compared"),
            Self::MethodNotAllowed(method) => format!("{method} among the policy's methods would allow it"),
            Self::FieldMalformed(_) => String::from("field names with commas between them would be compared"),
            Self::FieldNotAllowed(name) => format!("{name} among the policy's fields would allow it"),
            Self::TooManyFields { fields_max } => format!("up to {fields_max} fields would be compared"),
            Self::PrivateNetwork => String::from("a policy with private networks allowed would allow it"),
        }
    }
}

fn shown(value: &HeaderValue) -> Shown<'_> {
    Shown(value.as_bytes())
}
