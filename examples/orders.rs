//! An orders API written for axum, with layers of tower-http, served by Wirelight: neither knows that it is not hyper.
//!
//! `cargo run -p wirelight-server --example orders`, then the commands it prints. It shows conditional requests (304,
//! 412), creating (201 with Location), replacing (PUT), merge patches, conflicts, and problem details as errors.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{FromRequestParts, Path, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode, Uri, request::Parts};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tower_http::cors::{Any, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;
use wirelight_semantics::fields::ACCEPT_PATCH;
use wirelight_semantics::media_type::MediaType;
use wirelight_semantics::precondition;
use wirelight_semantics::problem::{self, Problem};
use wirelight_semantics::validator::{EntityTag, Validators};
use wirelight_server::{Config, Listener, Server, Workers};
use wirelight_service::layer::AddDate;
use wirelight_service::tower::FromTower;
use wirelight_service::{Service, ServiceExt, Trail};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const MERGE_PATCH: HeaderValue = HeaderValue::from_static("application/merge-patch+json");

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let listener = Listener::tcp(address.parse().map_err(std::io::Error::other)?)?;
    let url = listener.address().to_string();
    println!("{}", introduction(url.trim_end_matches('/')));
    let server = Server::new(Config::default());
    Workers::start(&server, vec![listener], NonZeroUsize::new(2), service())?.join()
}

fn introduction(url: &str) -> String {
    let order = r#"{"reference":"A-1","customer":"Ada","items":[{"sku":"lamp","count":2}]}"#;
    let same = r#"{"reference":"A-7","customer":"Ada","items":[{"sku":"lamp","count":1}]}"#;
    format!(
        "listening on {url}; try\n\
         curl -i {url}/orders -H 'content-type: application/json' -d '{order}'\n\
         curl -i {url}/orders/1\n\
         curl -i {url}/orders/1 -H 'if-none-match: \"1.1\"'\n\
         curl -i {url}/orders/7 -X PUT -H 'content-type: application/json' -d '{same}'\n\
         curl -i {url}/orders/1 -X PATCH -H 'content-type: application/merge-patch+json' \
         -H 'if-match: \"1.1\"' -d '{{\"state\":\"shipped\"}}'\n\
         curl -i {url}/orders/1 -X PATCH -H 'content-type: application/merge-patch+json' \
         -d '{{\"customer\":\"Eve\"}}'\n\
         curl -i {url}/orders/1 -X DELETE"
    )
}

/// The application as a service of ours, inside a layer of ours.
pub(crate) fn service() -> impl Service {
    FromTower(app()).layer(AddDate::default())
}

/// The application, as it would be written for any server of axum's.
pub(crate) fn app() -> Router {
    Router::new()
        .route("/orders", get(list).post(create))
        .route("/orders/{id}", get(show).put(replace).patch(amend).delete(remove))
        .fallback(no_such_path)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, HeaderValue::from_static("no-cache")))
        .layer(
            CorsLayer::new()
                .allow_origin(Any)
                .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
                .allow_headers([header::CONTENT_TYPE, header::IF_MATCH, header::IF_NONE_MATCH])
                .expose_headers([header::ETAG, header::LOCATION]),
        )
        .layer(TraceLayer::new_for_http())
        .with_state(Orders::default())
}

/// What a client may say of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Draft {
    /// The client's own name for the order; no two orders share one.
    reference: String,
    customer: String,
    items: Vec<Item>,
    #[serde(default)]
    state: Progress,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    sku: String,
    count: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Progress {
    #[default]
    Open,
    Shipped,
}

/// An order as it is kept and shown.
#[derive(Debug, Clone, Serialize)]
struct Order {
    id: u64,
    #[serde(flatten)]
    draft: Draft,
    #[serde(skip)]
    version: u64,
}

impl Order {
    fn entity_tag(&self) -> EntityTag {
        tag(format!("{}.{}", self.id, self.version))
    }
}

fn tag(opaque: String) -> EntityTag {
    EntityTag::strong(opaque).expect("digits and dots may stand in an entity tag")
}

/// All orders; clones share them.
#[derive(Debug, Clone, Default)]
struct Orders(Arc<Mutex<Shelf>>);

#[derive(Debug, Default)]
struct Shelf {
    orders: BTreeMap<u64, Order>,
    /// Counts every change.
    version: u64,
    /// The greatest number that was ever given to an order.
    last: u64,
}

impl Orders {
    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn find(&self, id: u64) -> Result<&Order, Failure> {
        self.orders.get(&id).ok_or_else(|| Failure::new(StatusCode::NOT_FOUND, format!("there is no order {id}")))
    }

    fn store(&mut self, id: u64, draft: Draft) -> Result<Order, Failure> {
        if draft.items.is_empty() {
            return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "an order has at least one item"));
        }
        let twin = self.orders.values().find(|order| order.id != id && order.draft.reference == draft.reference);
        if let Some(twin) = twin {
            return Err(conflict(format!("order {} has the reference {:?} already", twin.id, draft.reference)));
        }
        if let Some(known) = self.orders.get(&id) {
            if known.draft == draft {
                return Ok(known.clone());
            }
            if known.draft.state == Progress::Shipped {
                return Err(conflict(format!("order {id} is shipped, and can no longer be changed")));
            }
        }
        self.version += 1;
        self.last = self.last.max(id);
        let order = Order { id, draft, version: self.version };
        self.orders.insert(id, order.clone());
        Ok(order)
    }
}

async fn list(State(orders): State<Orders>, asked: Asked) -> Result<Response, Failure> {
    let shelf = orders.lock();
    let current = tag(format!("all.{}", shelf.version));
    asked.check(Some(&current))?;
    let all: Vec<&Order> = shelf.orders.values().collect();
    Ok((StatusCode::OK, [(header::ETAG, current.value())], axum::Json(all)).into_response())
}

async fn show(State(orders): State<Orders>, Id(id): Id, asked: Asked) -> Result<Response, Failure> {
    let shelf = orders.lock();
    let order = shelf.find(id)?;
    asked.check(Some(&order.entity_tag()))?;
    Ok(represent(StatusCode::OK, order))
}

async fn create(State(orders): State<Orders>, asked: Asked, content: Content) -> Result<Response, Failure> {
    let draft = asked.read(&JSON, &content?)?;
    let mut shelf = orders.lock();
    let id = shelf.last.checked_add(1).ok_or_else(|| conflict("every number is taken".to_owned()))?;
    let order = shelf.store(id, draft)?;
    Ok(created(&order))
}

async fn replace(
    State(orders): State<Orders>,
    Id(id): Id,
    asked: Asked,
    content: Content,
) -> Result<Response, Failure> {
    let draft = asked.read(&JSON, &content?)?;
    let mut shelf = orders.lock();
    let current = shelf.orders.get(&id).map(Order::entity_tag);
    asked.check(current.as_ref())?;
    let order = shelf.store(id, draft)?;
    Ok(if current.is_some() { represent(StatusCode::OK, &order) } else { created(&order) })
}

async fn amend(State(orders): State<Orders>, Id(id): Id, asked: Asked, content: Content) -> Result<Response, Failure> {
    let patch: serde_json::Value = asked.read(&MERGE_PATCH, &content?)?;
    let mut shelf = orders.lock();
    let order = shelf.find(id)?;
    asked.check(Some(&order.entity_tag()))?;
    let mut merged = serde_json::to_value(&order.draft).map_err(|error| {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the order cannot be written as JSON: {error}"))
    })?;
    merge(&mut merged, patch);
    let draft = serde_json::from_value(merged).map_err(|error| {
        Failure::new(StatusCode::UNPROCESSABLE_ENTITY, format!("what comes out is not an order: {error}"))
    })?;
    let order = shelf.store(id, draft)?;
    Ok(represent(StatusCode::OK, &order))
}

async fn remove(State(orders): State<Orders>, Id(id): Id, asked: Asked) -> Result<Response, Failure> {
    let mut shelf = orders.lock();
    let current = shelf.find(id)?.entity_tag();
    asked.check(Some(&current))?;
    shelf.orders.remove(&id);
    shelf.version += 1;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn no_such_path(uri: Uri) -> Failure {
    Failure::new(StatusCode::NOT_FOUND, format!("there is nothing at {}", uri.path()))
}

async fn method_not_allowed(method: Method, uri: Uri) -> Failure {
    // axum adds Allow to it.
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, format!("{} cannot be asked with {method}", uri.path()))
}

/// Merges a patch into a document (RFC 7396, section 2).
fn merge(document: &mut serde_json::Value, patch: serde_json::Value) {
    let serde_json::Value::Object(members) = patch else {
        *document = patch;
        return;
    };
    if !document.is_object() {
        *document = serde_json::Value::Object(serde_json::Map::new());
    }
    let Some(document) = document.as_object_mut() else { return };
    for (name, value) in members {
        if value.is_null() {
            document.remove(&name);
        } else {
            merge(document.entry(name).or_insert(serde_json::Value::Null), value);
        }
    }
}

fn represent(status: StatusCode, order: &Order) -> Response {
    (status, [(header::ETAG, order.entity_tag().value())], axum::Json(order)).into_response()
}

fn created(order: &Order) -> Response {
    let location = [(header::LOCATION, format!("/orders/{}", order.id))];
    (location, represent(StatusCode::CREATED, order)).into_response()
}

/// The content of a request, if it could be read.
type Content = Result<Bytes, BytesRejection>;

/// The number in the path.
struct Id(u64);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let number: Result<Path<u64>, PathRejection> = Path::from_request_parts(parts, state).await;
        match number {
            Ok(Path(id)) => Ok(Self(id)),
            Err(rejection) => Err(Failure::new(StatusCode::NOT_FOUND, rejection.body_text())),
        }
    }
}

/// What a request says besides its target and content.
struct Asked {
    method: Method,
    fields: HeaderMap,
    trail: Trail,
}

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let trail = Trail::of(parts);
        Ok(Self { method: parts.method.clone(), fields: parts.headers.clone(), trail })
    }
}

impl Asked {
    /// Judges the preconditions against the current representation, if there is one.
    fn check(&self, current: Option<&EntityTag>) -> Result<(), Failure> {
        let validators = current.map(|tag| Validators { entity_tag: Some(tag.clone()), last_modified: None });
        let judgement = precondition::judge(&self.method, &self.fields, validators.as_ref());
        self.trail.note(judgement.clone());
        let Some(status) = judgement.status() else { return Ok(()) };
        let failure = Failure::of(Problem::because(status, &judgement));
        Err(match current {
            Some(current) => failure.with(header::ETAG, current.value()),
            None => failure,
        })
    }

    /// Reads JSON that comes as `media_type`.
    fn read<T: DeserializeOwned>(&self, media_type: &HeaderValue, content: &[u8]) -> Result<T, Failure> {
        let said = self.fields.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let fits = MediaType::parse(said).is_ok_and(|said| said.essence().as_bytes() == media_type.as_bytes());
        if !fits {
            let accepts = if self.method == Method::PATCH { ACCEPT_PATCH } else { header::ACCEPT };
            let detail =
                format!("{} wants content of the type {}", self.method, media_type.to_str().unwrap_or_default());
            return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail).with(accepts, media_type.clone()));
        }
        serde_json::from_slice(content).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => Failure::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
            _ => Failure::new(StatusCode::BAD_REQUEST, format!("the content is not JSON: {error}")),
        })
    }
}

/// An exchange that does not go as its client wished: problem details, or 304 without any.
#[derive(Debug)]
struct Failure {
    problem: Box<Problem>,
    fields: Vec<(HeaderName, HeaderValue)>,
}

fn conflict(detail: String) -> Failure {
    Failure::new(StatusCode::CONFLICT, detail)
}

impl Failure {
    fn of(problem: Problem) -> Self {
        Self { problem: Box::new(problem), fields: Vec::new() }
    }

    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self::of(Problem { detail: Some(detail.into().into()), ..Problem::new(status) })
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.fields.push((name, value));
        self
    }
}

impl From<BytesRejection> for Failure {
    fn from(rejection: BytesRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = self.problem.status;
        let mut response = if status == StatusCode::NOT_MODIFIED {
            status.into_response()
        } else {
            (status, [(header::CONTENT_TYPE, problem::MEDIA_TYPE)], self.problem.to_json()).into_response()
        };
        response.headers_mut().extend(self.fields.into_iter().map(|(name, value)| (Some(name), value)));
        response
    }
}
