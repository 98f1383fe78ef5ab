//! Routing by pattern and method: a [`Router`] is a service made of services.
//!
//! What is asked for, and what becomes of it:
//!
//! | the request | the answer |
//! |---|---|
//! | a path that a pattern matches, a method that its route takes | the service's |
//! | HEAD, where the route takes GET | GET's, without the content; its length is kept |
//! | OPTIONS, or `OPTIONS *`, and no service of its own for it | 204 with `Allow` |
//! | a path that a pattern matches, a method that its route does not take | 405 with `Allow` |
//! | a method that no registry knows and no route takes | 501, wherever it is sent |
//! | CONNECT to an authority, which has no path, and no fallback | 501 |
//! | a path that no pattern matches | the fallback's, or else 404 |
//! | a path with a broken percent-encoding | 400 |
//!
//! The method has no say in which pattern matches: the path alone names the resource (RFC 9110, section 7.1), so the
//! most specific pattern answers, if need be with 405. A method is answered 501 if it is neither registered nor taken
//! by any route (RFC 9110, sections 9.1 and 15.6.2); a registered one is recognized, and 405 says that this resource
//! does not have it (section 15.5.6). Nothing is redirected silently: `/orders/` is not `/orders`, but the decision
//! says which route the other path would have come to.
//!
//! Each outcome is a [`Routing`], noted in the trail of the exchange.

mod answer;
mod methods;
mod mount;
mod params;
mod routing;
mod tree;

use std::fmt;
use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Uri};
use wirelight_semantics::method;
use wirelight_service::layer::problem::Asked;
use wirelight_service::service::Boxed;
use wirelight_service::{Request, Response, Result, Service, ServiceExt, Trail};

use crate::pattern::{Pattern, PatternError, malformed};

pub use methods::{Methods, any, delete, get, on, options, patch, post, put};
pub use mount::Mounted;
pub use params::{Cause, ParamError, Params};
pub use routing::{Near, NoRoute, Routing};

use answer::without_content;
use methods::{Answering, allow};
use tree::Tree;

/// Sends each request to the service of the most specific route that matches its path and takes its method.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use wirelight_server::router::{Params, Router, get};
/// use wirelight_service::{Body, Request, Response, Result, Service};
///
/// async fn order(request: Request) -> Result<Response> {
///     let id: u64 = Params::of(request.extensions()).get("id")?;
///     Ok(Response::new(Body::from(format!("order {id}"))))
/// }
///
/// let router = Router::new().route("/orders/{id}", get(order));
/// let request = http::Request::get("/orders/7").body(Body::empty()).unwrap();
/// let response = router.call(request).await.unwrap();
/// assert_eq!(response.into_body().as_bytes().unwrap(), "order 7");
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Router {
    routes: Tree<Route>,
    fallbacks: Tree<Fallback>,
    /// The patterns of all routes, for decisions to refer to.
    patterns: Arc<Vec<Arc<Pattern>>>,
    /// The methods that any route takes.
    taken: Vec<Method>,
    /// Whether some route takes every method.
    takes_any: bool,
    tells_routes: bool,
}

#[derive(Debug, Clone)]
struct Route {
    pattern: Arc<Pattern>,
    methods: Methods,
    allow: HeaderValue,
}

#[derive(Debug, Clone)]
struct Fallback {
    prefix: Pattern,
    service: Boxed,
}

/// What is to be done with a request.
enum Chosen<'a> {
    Answer(&'a Route, Answering<'a>),
    Describe(Option<&'a Route>),
    NotAllowed(&'a Route),
    NotImplemented,
    FallBack(&'a Fallback),
    NoRoute,
    Malformed(usize),
}

impl Router {
    /// A router without routes: it answers every path with 404.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route. A pattern that was added before takes the new methods in addition.
    ///
    /// # Panics
    /// On what [`try_route`](Self::try_route) refuses; for patterns that are written in the program.
    #[must_use]
    #[track_caller]
    pub fn route(self, pattern: &str, methods: Methods) -> Self {
        self.try_route(pattern, methods).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Adds a route, or says what is wrong with its pattern or which other route it is in conflict with.
    pub fn try_route(mut self, pattern: &str, methods: Methods) -> Result<Self, RouteError> {
        self.add(Pattern::parse(pattern)?, methods)?;
        Ok(self)
    }

    /// Adds all routes and fallbacks of another router, each pattern behind `prefix`; the inner `/` is `/prefix/`.
    ///
    /// # Panics
    /// On what [`try_nest`](Self::try_nest) refuses; for patterns that are written in the program.
    #[must_use]
    #[track_caller]
    pub fn nest(self, prefix: &str, router: Self) -> Self {
        self.try_nest(prefix, router).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Adds all routes and fallbacks of another router behind `prefix`, or says what is wrong with one of them.
    pub fn try_nest(mut self, prefix: &str, router: Self) -> Result<Self, RouteError> {
        let prefix = Pattern::prefix(prefix)?;
        for route in router.routes.into_values() {
            self.add(Pattern::parse(&format!("{prefix}{}", route.pattern))?, route.methods)?;
        }
        for fallback in router.fallbacks.into_values() {
            self.add_fallback(&format!("{prefix}{}", fallback.prefix), fallback.service)?;
        }
        Ok(self)
    }

    /// Gives everything below `prefix` to a service, whatever the method, with the prefix taken off the path.
    ///
    /// `mount("/static", files)` is the route `/static/{*rest}`: a request for `/static/a.css` reaches the service as
    /// `/a.css`, and [`Mounted`] tells it what was asked for. The path `/static` is not below the prefix.
    ///
    /// # Panics
    /// On what [`try_mount`](Self::try_mount) refuses; for patterns that are written in the program.
    #[must_use]
    #[track_caller]
    pub fn mount(self, prefix: &str, service: impl Service) -> Self {
        self.try_mount(prefix, service).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Gives everything below `prefix` to a service, or says what is wrong with the prefix.
    pub fn try_mount(mut self, prefix: &str, service: impl Service) -> Result<Self, RouteError> {
        let prefix = Pattern::prefix(prefix)?;
        let segments = prefix.segments().len();
        self.add(Pattern::parse(&format!("{prefix}/{{*rest}}"))?, any(mount::Mount { segments, service }))?;
        Ok(self)
    }

    /// What answers the paths that no route matches, in place of 404; in a nested router, those behind its prefix.
    ///
    /// # Panics
    /// If there is one already.
    #[must_use]
    #[track_caller]
    pub fn fallback(mut self, service: impl Service) -> Self {
        self.add_fallback("", service.boxed()).unwrap_or_else(|error| panic!("{error}"));
        self
    }

    /// Whether a 404 tells its requester which routes are near; it does not, unless told so, since they may be strangers.
    /// The trail has them either way.
    #[must_use]
    pub fn tells_routes(self, tells_routes: bool) -> Self {
        Self { tells_routes, ..self }
    }

    /// The patterns of all routes, in the order in which they were added.
    pub fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.patterns.iter().map(|pattern| &**pattern)
    }

    /// What becomes of a request with this method and target.
    pub fn judge(&self, method: &Method, target: &Uri) -> Routing {
        self.routing(&self.choose(method, target), method, target)
    }

    fn add(&mut self, pattern: Pattern, methods: Methods) -> Result<(), RouteError> {
        let pattern = Arc::new(pattern);
        let (taken, takes_any) = (methods.listed(), methods.takes_any());
        let mut is_new = false;
        let route = self.routes.entry(&pattern, || {
            is_new = true;
            Route { pattern: Arc::clone(&pattern), methods: Methods::default(), allow: HeaderValue::from_static("") }
        });
        if route.pattern.segments() != pattern.segments() {
            let (known, new) = (Arc::clone(&route.pattern), pattern);
            return Err(RouteError::SamePaths { known, new });
        }
        if let Err(method) = route.methods.merge(methods) {
            return Err(RouteError::SameMethod { pattern, method });
        }
        route.allow = allow(&route.methods.listed());
        if is_new {
            Arc::make_mut(&mut self.patterns).push(pattern);
        }
        let new: Vec<_> = taken.into_iter().filter(|method| !self.taken.contains(method)).collect();
        self.taken.extend(new);
        self.takes_any |= takes_any;
        Ok(())
    }

    fn add_fallback(&mut self, prefix: &str, service: Boxed) -> Result<(), RouteError> {
        let prefix = Pattern::prefix(prefix)?;
        let mut service = Some(service);
        let make = || Fallback { prefix: prefix.clone(), service: service.take().expect("it is made once at most") };
        let known = self.fallbacks.entry(&prefix, make).prefix.clone();
        match service {
            Some(_) => Err(RouteError::SameFallback { known, new: prefix }),
            None => Ok(()),
        }
    }

    /// The one place where routes are chosen.
    fn choose(&self, method: &Method, target: &Uri) -> Chosen<'_> {
        let path = target.path();
        if *method == Method::OPTIONS && path == "*" {
            return Chosen::Describe(None);
        }
        if let Some(at) = malformed(path) {
            return Chosen::Malformed(at);
        }
        let route = self.routes.find(path);
        if let Some(route) = route
            && let Some(answering) = route.methods.find(method)
        {
            return Chosen::Answer(route, answering);
        }
        match (route, self.fallbacks.find_prefix(path)) {
            (Some(route), _) if *method == Method::OPTIONS => Chosen::Describe(Some(route)),
            (None, Some(fallback)) => Chosen::FallBack(fallback),
            _ if !self.implements(method, target) => Chosen::NotImplemented,
            (Some(route), _) => Chosen::NotAllowed(route),
            (None, None) => Chosen::NoRoute,
        }
    }

    /// Whether we recognize the method, or could apply it to anything (RFC 9110, section 15.6.2).
    fn implements(&self, method: &Method, target: &Uri) -> bool {
        // The target of CONNECT is no resource of ours unless it has a path, as in RFC 8441.
        let is_tunnel = *method == Method::CONNECT && target.path().is_empty();
        self.takes_any || self.taken.contains(method) || (method::registered(method).is_some() && !is_tunnel)
    }

    fn routing(&self, chosen: &Chosen<'_>, method: &Method, target: &Uri) -> Routing {
        let no_route = || NoRoute { target: path_of(target), patterns: Arc::clone(&self.patterns) };
        match chosen {
            Chosen::Answer(route, answering) => Routing::Routed {
                pattern: Arc::clone(&route.pattern),
                method: method.clone(),
                by_get: matches!(answering, Answering::Get(_)),
            },
            Chosen::Describe(Some(route)) => {
                Routing::Described { pattern: Some(Arc::clone(&route.pattern)), allow: Some(route.allow.clone()) }
            }
            Chosen::Describe(None) => {
                Routing::Described { pattern: None, allow: (!self.takes_any).then(|| self.allow_of_all()) }
            }
            Chosen::NotAllowed(route) => Routing::MethodNotAllowed {
                pattern: Arc::clone(&route.pattern),
                method: method.clone(),
                allow: route.allow.clone(),
            },
            Chosen::NotImplemented => {
                Routing::NotImplemented { method: method.clone(), implemented: self.allow_of_all() }
            }
            Chosen::FallBack(fallback) => Routing::FellBack { prefix: fallback.prefix.clone(), no_route: no_route() },
            Chosen::NoRoute => Routing::NoRoute(no_route()),
            Chosen::Malformed(at) => Routing::Malformed { target: path_of(target), at: *at },
        }
    }

    fn allow_of_all(&self) -> HeaderValue {
        if self.taken.is_empty() { HeaderValue::from_static("OPTIONS") } else { allow(&self.taken) }
    }
}

/// The path of a target; a target without one, as CONNECT has, is never looked up by its path.
fn path_of(target: &Uri) -> PathAndQuery {
    target.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"))
}

impl Service for Router {
    async fn call(&self, mut request: Request) -> Result<Response> {
        let chosen = self.choose(request.method(), request.uri());
        let trail = Trail::of(&request);
        if trail.is_watched() {
            trail.note(self.routing(&chosen, request.method(), request.uri()));
        }
        match chosen {
            Chosen::Answer(route, answering) => {
                if route.pattern.has_parameters() {
                    let path = path_of(request.uri());
                    Params::add(request.extensions_mut(), Arc::clone(&route.pattern), path);
                }
                match answering {
                    Answering::Service(service) => service.call(request).await,
                    Answering::Get(service) => Ok(without_content(service.call(request).await?)),
                }
            }
            Chosen::FallBack(fallback) => fallback.service.call(request).await,
            refused => {
                let asked = Asked::of(&request);
                Ok(self.routing(&refused, request.method(), request.uri()).answer(&asked, self.tells_routes))
            }
        }
    }
}

/// A route that cannot be added to a router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteError {
    /// Its pattern cannot be read.
    Pattern(PatternError),
    /// It matches the same paths as another route, but gives other names to their parameters.
    SamePaths {
        /// The pattern of the route that is there already.
        known: Arc<Pattern>,
        /// The pattern of the route that was to be added.
        new: Arc<Pattern>,
    },
    /// The same pattern takes the same method already.
    SameMethod {
        /// The pattern.
        pattern: Arc<Pattern>,
        /// The method, or `None` for all that are not named.
        method: Option<Method>,
    },
    /// There is a fallback for the same paths already.
    SameFallback {
        /// The prefix of the fallback that is there already.
        known: Pattern,
        /// The prefix of the one that was to be added.
        new: Pattern,
    },
}

impl From<PatternError> for RouteError {
    fn from(error: PatternError) -> Self {
        Self::Pattern(error)
    }
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(error) => error.fmt(f),
            Self::SamePaths { known, new } => {
                write!(f, "the routes {known} and {new} match the same paths: their parameters need the same names")
            }
            Self::SameMethod { pattern, method: Some(method) } => {
                write!(f, "two routes are {method} {pattern}: only one of them could ever answer")
            }
            Self::SameMethod { pattern, method: None } => {
                write!(f, "two routes take any method for {pattern}: only one of them could ever answer")
            }
            Self::SameFallback { known, new } => {
                write!(f, "two fallbacks are for the same paths, {known}/ and {new}/: only one could ever answer")
            }
        }
    }
}

impl std::error::Error for RouteError {}
