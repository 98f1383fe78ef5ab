//! Where every request of a listener comes in: its site is found in the plan of the moment.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;

use http::StatusCode;
use wirelight_semantics::problem::Problem;
use wirelight_service::layer::problem::{Asked, tell};
use wirelight_service::layer::{AddDate, AnswerErrors, CatchPanic};
use wirelight_service::{Request, Response, Result, Service, ServiceExt, Trail};

use super::{Running, Shared};
use crate::config::plan::Tracing;
use crate::proxy::forward;
use crate::routes::{self, Sited};
use crate::trace_context::{self, Draw, Sampling};

/// Finds the site of each request that comes in on one listener.
pub(super) struct Entry {
    pub(super) shared: Arc<Shared>,
    /// The listener's address in the plan.
    pub(super) listener: SocketAddr,
}

/// What no answer of ours goes without.
pub(super) fn around(entry: Entry) -> impl Service {
    entry.layer(CatchPanic).layer(AnswerErrors::default()).layer(AddDate::default())
}

impl Service for Entry {
    async fn call(&self, request: Request) -> Result<Response> {
        // The request keeps the plan it came in on to its end.
        let running = self.shared.current.load_full();
        match &running.plan.tracing {
            Some(tracing) => traced(tracing, &running, self.listener, request).await,
            None => running.answer(self.listener, request).await,
        }
    }
}

/// Answers a request as a span of a trace, and says which to everybody who is concerned.
async fn traced(tracing: &Tracing, running: &Running, listener: SocketAddr, mut request: Request) -> Result<Response> {
    let sampling = Sampling { field: tracing.field.as_ref(), percent: tracing.sample_percent };
    let context = trace_context::judge(request.headers(), sampling, draw());
    context.put(request.headers_mut());
    let told = tracing.field.as_ref().and_then(|name| Some((name, context.value()?)));
    if let Some((name, value)) = &told {
        request.headers_mut().insert(*name, value.clone());
    }
    Trail::of(&request).note(context);
    let mut response = running.answer(listener, request).await?;
    if let Some((name, value)) = told {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// Numbers for traces and spans: nobody can tell them from others, and nothing depends on that nobody can guess them.
fn draw() -> Draw {
    thread_local! {
        static CHANCE: (RandomState, Cell<u64>) = (RandomState::new(), Cell::new(0));
    }
    CHANCE.with(|(state, turn)| {
        let next = || {
            turn.set(turn.get().wrapping_add(1));
            state.hash_one(turn.get())
        };
        Draw { trace: u128::from(next()) << 64 | u128::from(next()), span: next() }
    })
}

impl Running {
    /// Answers a request that came in on a listener.
    pub async fn answer(&self, listener: SocketAddr, request: Request) -> Result<Response> {
        let trail = Trail::of(&request);
        let (parts, body) = request.into_parts();
        let host = forward::host_of(&parts);
        let place = self.plan.listeners.iter().position(|listen| listen.address == listener);
        let site = place.and_then(|place| routes::site(&self.plan, place, &host));
        let request = Request::from_parts(parts, body);
        let Some(site) = site else {
            let on_it = |site: &&crate::config::plan::Site| place.is_some_and(|place| site.listeners.contains(&place));
            let sites = self.plan.sites.iter().filter(on_it).map(|site| site.name()).collect();
            let refused = Sited::Misdirected { host, sites };
            // Whoever asks may be a stranger: which sites there are stands in the trail only.
            let response = tell(&Problem::new(StatusCode::MISDIRECTED_REQUEST), &Asked::of(&request));
            trail.note(refused);
            return Ok(response);
        };
        if trail.is_watched() {
            let taken = &self.plan.sites[site];
            trail.at(taken.place.as_ref()).note(Sited::Taken { site: taken.name(), host });
        }
        self.sites[site].call(request).await
    }
}
