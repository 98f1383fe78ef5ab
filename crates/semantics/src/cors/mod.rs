//! Cross-origin requests: which origins may read an answer (Fetch, section 3.2).

mod decision;
mod policy;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, HeaderName, HeaderValue, ORIGIN,
};
use http::{HeaderMap, Method};

use crate::fields::{self, ACCESS_CONTROL_ALLOW_PRIVATE_NETWORK, ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK, add_vary};

pub use policy::{Fault, Methods, Names, Origins, Pattern, Policy};

/// Whether a cross-origin request is allowed, and why (Fetch, section 3.2).
#[derive(Debug, Clone)]
pub enum Judgement {
    /// The request has no `Origin`, so this is not for CORS to decide.
    NotCors,
    /// A preflight that is allowed: the browser may send the request it asks about.
    Preflight {
        /// Who asks.
        origin: HeaderValue,
        /// The method that the request will have.
        method: Method,
        /// The fields that the request will have, beyond those that need no permission.
        fields: Vec<HeaderName>,
        /// Whether it asks to reach a private network from a public one.
        private_network: bool,
    },
    /// A request whose answer the origin may read.
    Actual {
        /// Who asks.
        origin: HeaderValue,
    },
    /// The origin may not read the answer, or may not send the request that the preflight asks about.
    Refused {
        /// Who asks.
        origin: HeaderValue,
        /// Whether the request is a preflight.
        preflight: bool,
        /// Why.
        cause: Refusal,
    },
}

/// Why a cross-origin request is refused.
#[derive(Debug, Clone)]
pub enum Refusal {
    /// `Origin` is repeated, or is no origin.
    OriginMalformed,
    /// The origin is `null`, as that of a sandboxed frame or a local file, and the policy does not list it.
    OriginNull,
    /// The policy does not list the origin.
    OriginNotListed {
        /// An origin in the policy that has the same host.
        similar: Option<Pattern>,
    },
    /// `Access-Control-Request-Method` holds no method.
    MethodMalformed(HeaderValue),
    /// The policy does not allow the method.
    MethodNotAllowed(Method),
    /// `Access-Control-Request-Headers` holds something that is no field name.
    FieldMalformed(HeaderValue),
    /// The policy does not allow a field.
    FieldNotAllowed(HeaderName),
    /// The preflight asks about more fields than the policy's limit.
    TooManyFields {
        /// The limit.
        fields_max: usize,
    },
    /// The preflight asks to reach a private network, which the policy does not allow.
    PrivateNetwork,
}

/// Judges a request by the policy (Fetch, section 3.2).
///
/// A preflight is an `OPTIONS` request with `Origin` and `Access-Control-Request-Method`.
pub fn judge(policy: &Policy, method: &Method, request: &HeaderMap) -> Judgement {
    let asked = (*method == Method::OPTIONS).then(|| request.get(ACCESS_CONTROL_REQUEST_METHOD)).flatten();
    let origin = match fields::only(request, &ORIGIN) {
        Ok(None) => return Judgement::NotCors,
        Ok(Some(origin)) => origin.clone(),
        Err(fields::Repeated) => {
            let origin = fields::combined(request, &ORIGIN).expect("a repeated field is there").into_owned();
            return Judgement::Refused { origin, preflight: asked.is_some(), cause: Refusal::OriginMalformed };
        }
    };
    let judged = judge_origin(policy, &origin).and_then(|()| match asked {
        None => Ok(Judgement::Actual { origin: origin.clone() }),
        Some(asked) => judge_preflight(policy, &origin, asked, request),
    });
    judged.unwrap_or_else(|cause| Judgement::Refused { origin, preflight: asked.is_some(), cause })
}

fn judge_origin(policy: &Policy, origin: &HeaderValue) -> Result<(), Refusal> {
    let text = origin.to_str().ok().filter(|text| policy::is_serialized(text)).ok_or(Refusal::OriginMalformed)?;
    match &policy.origins {
        Origins::Any => Ok(()),
        Origins::Listed(patterns) if patterns.iter().any(|pattern| pattern.matches(text)) => Ok(()),
        Origins::Listed(_) if text == "null" => Err(Refusal::OriginNull),
        Origins::Listed(patterns) => Err(Refusal::OriginNotListed {
            similar: patterns.iter().find(|pattern| pattern.has_host_of(text)).cloned(),
        }),
    }
}

fn judge_preflight(
    policy: &Policy,
    origin: &HeaderValue,
    asked: &HeaderValue,
    request: &HeaderMap,
) -> Result<Judgement, Refusal> {
    let method = Method::from_bytes(asked.as_bytes()).map_err(|_| Refusal::MethodMalformed(asked.clone()))?;
    if !policy.methods.allows(&method) {
        return Err(Refusal::MethodNotAllowed(method));
    }
    let mut names = Vec::new();
    for member in fields::list(request, &ACCESS_CONTROL_REQUEST_HEADERS) {
        if names.len() == policy.fields_max {
            return Err(Refusal::TooManyFields { fields_max: policy.fields_max });
        }
        let name = HeaderName::from_bytes(member).map_err(|_| {
            Refusal::FieldMalformed(HeaderValue::from_bytes(member).expect("a piece of a field value is a field value"))
        })?;
        if !policy.fields.allows(&name) {
            return Err(Refusal::FieldNotAllowed(name));
        }
        names.push(name);
    }
    let private_network = fields::contains(request, &ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK, "true");
    if private_network && !policy.private_network {
        return Err(Refusal::PrivateNetwork);
    }
    Ok(Judgement::Preflight { origin: origin.clone(), method, fields: names, private_network })
}

impl Judgement {
    /// Whether the request is a preflight, which is answered at once and goes no further.
    pub fn is_preflight(&self) -> bool {
        matches!(self, Self::Preflight { .. } | Self::Refused { preflight: true, .. })
    }

    /// Whether the request is refused. That stops a preflight; the answer to any other request is sent, and the browser
    /// keeps it from the origin.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    /// Writes what the policy says into a response, in place of what the response said itself, and completes `Vary`.
    ///
    /// A refused request gets no `Access-Control-Allow-*` field at all.
    pub fn write(&self, policy: &Policy, response: &mut HeaderMap) {
        for name in &GRANTS {
            response.remove(name);
        }
        match self {
            Self::NotCors | Self::Refused { .. } => {}
            Self::Actual { origin } => {
                write_origin(policy, origin, response);
                if let Some(exposed) = policy.exposed.value(policy.grants_credentials(), &[]) {
                    response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
                }
            }
            Self::Preflight { origin, method, fields, private_network } => {
                write_origin(policy, origin, response);
                write_preflight(policy, method, fields, *private_network, response);
            }
        }
        if self.is_preflight() {
            add_vary(response, &[ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_REQUEST_HEADERS]);
        } else if matches!(policy.origins, Origins::Listed(_)) {
            add_vary(response, &[ORIGIN]);
        }
    }
}

/// The fields that grant something; whoever has a policy does not want them from anybody else.
const GRANTS: [HeaderName; 7] = [
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_ALLOW_PRIVATE_NETWORK,
];

fn write_origin(policy: &Policy, origin: &HeaderValue, response: &mut HeaderMap) {
    let value = match policy.origins {
        Origins::Any => HeaderValue::from_static("*"),
        Origins::Listed(_) => origin.clone(),
    };
    response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, value);
    if policy.grants_credentials() {
        response.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}

fn write_preflight(
    policy: &Policy,
    method: &Method,
    fields: &[HeaderName],
    private_network: bool,
    response: &mut HeaderMap,
) {
    // A star means nothing with credentials, and never means Authorization: then what was asked for is said instead.
    let no_star = policy.grants_credentials();
    if let Some(methods) = policy.methods.value(no_star, method) {
        response.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    }
    if let Some(names) = policy.fields.value(no_star || fields.contains(&AUTHORIZATION), fields) {
        response.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
    }
    if let Some(seconds) = policy.max_age_seconds {
        response.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(seconds));
    }
    if private_network {
        response.insert(ACCESS_CONTROL_ALLOW_PRIVATE_NETWORK, HeaderValue::from_static("true"));
    }
}
