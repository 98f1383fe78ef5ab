//! What HTTP messages mean, as pure functions on [`http`] types.
//!
//! This crate knows RFC 9110, 9111, 6265bis, 9457 and Fetch's CORS. It must not know a wire, the time of day (an argument),
//! async code or I/O. Everything that judges returns an enum that carries its reason and implements
//! [`decision::Decision`]; the sentences are made only when somebody asks for them.
//!
//! ```
//! use http::{HeaderMap, HeaderValue, Method, StatusCode, header::IF_NONE_MATCH};
//! use wirelight_semantics::decision::Decision;
//! use wirelight_semantics::precondition;
//! use wirelight_semantics::validator::{EntityTag, Validators};
//!
//! let current = Validators { entity_tag: EntityTag::strong("abc").ok(), last_modified: None };
//! let request = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static("\"abc\""))]);
//!
//! let judgement = precondition::judge(&Method::GET, &request, Some(&current));
//! assert_eq!(judgement.status(), Some(StatusCode::NOT_MODIFIED));
//! assert_eq!(judgement.because(), "If-None-Match lists \"abc\", which is the current entity tag");
//! assert_eq!(judgement.rule().section, "RFC 9110, section 13.1.2");
//! ```

pub mod auth;
pub mod cache;
pub mod coding;
pub mod cookie;
pub mod cors;
pub mod date;
pub mod decision;
pub mod fields;
pub mod grammar;
pub mod media_type;
pub mod method;
pub mod negotiate;
pub mod precondition;
pub mod problem;
pub mod range;
pub mod redirect;
pub mod status;
pub mod uri;
pub mod validator;
