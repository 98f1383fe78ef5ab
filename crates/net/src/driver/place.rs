//! Where a handler works: a future in a box that is used again by the next exchange of the thread.
//!
//! The future of a service with its layers is long, and a box of that size is slow to allocate and slow to free.

use std::any::{Any, TypeId};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use http::request;
use wirelight_service::{Body, Request, Response, Result, Service};

use super::exchange::panicked;

/// The place of one handler; nobody is at work in one that is spare.
pub(super) struct Place(Pin<Box<dyn Work>>);

/// A service whose type is not known.
type AnyService = Arc<dyn Any + Send + Sync>;

trait Work: Send {
    /// Whose handlers work here.
    fn service(&self) -> TypeId;
    /// Has a handler begin; what it does at once it does when it is polled.
    fn begin(self: Pin<&mut Self>, service: AnyService, parts: request::Parts, body: Body);
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Response>>;
    fn leave(self: Pin<&mut Self>);
}

pin_project_lite::pin_project! {
    struct Working<C, F> {
        call: C,
        service: TypeId,
        #[pin]
        answer: Option<F>,
    }
}

impl<C, F> Work for Working<C, F>
where
    C: Fn(AnyService, Request) -> F + Send,
    F: Future<Output = Result<Response>> + Send,
{
    fn service(&self) -> TypeId {
        self.service
    }

    fn begin(self: Pin<&mut Self>, service: AnyService, parts: request::Parts, body: Body) {
        let mut this = self.project();
        // A request is long: it is put together where it is needed, and not handed on.
        this.answer.set(Some((this.call)(service, Request::from_parts(parts, body))));
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Response>> {
        self.project().answer.as_pin_mut().expect("a handler is at work").poll(cx)
    }

    fn leave(self: Pin<&mut Self>) {
        self.project().answer.set(None);
    }
}

fn work<F>(service: TypeId, call: impl Fn(AnyService, Request) -> F + Send + 'static) -> Pin<Box<dyn Work>>
where
    F: Future<Output = Result<Response>> + Send + 'static,
{
    Box::pin(Working { call, service, answer: None })
}

impl Place {
    /// Has a handler of a service begin: in the spare place, if it is one for that service.
    #[inline]
    pub(super) fn take<S: Service>(
        spare: &mut Option<Self>,
        service: &Arc<S>,
        parts: request::Parts,
        body: Body,
    ) -> Self {
        let wanted = TypeId::of::<S>();
        let fitting = spare.take().filter(|place| place.0.service() == wanted);
        let mut place = fitting.unwrap_or_else(|| {
            Self(work(wanted, |service: AnyService, request| async move {
                let service = service.downcast::<S>().expect("the place is one for this service");
                // Pinned where the service puts it: the future is long.
                pin!(service.call(request)).await
            }))
        });
        place.0.as_mut().begin(Arc::clone(service) as AnyService, parts, body);
        place
    }

    /// Polls the handler; a panic becomes an error of ours and costs only this exchange.
    #[inline]
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response>> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(answer) => answer,
            Err(panic) => Poll::Ready(Err(panicked(&*panic))),
        }
    }

    /// Leaves the place to whoever comes next.
    #[inline]
    pub(super) fn leave(mut self, spare: &mut Option<Self>) {
        if self.clear() {
            *spare = Some(self);
        }
    }

    /// Drops the handler; false if that panicked.
    #[inline]
    fn clear(&mut self) -> bool {
        // The exchange has ended, or its outcome is known: there is nobody to be told of a panic.
        catch_unwind(AssertUnwindSafe(|| self.0.as_mut().leave())).is_ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.clear();
    }
}
