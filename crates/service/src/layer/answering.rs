//! The futures of layers that pass a request on as it comes and do their work on the answer.
//!
//! An async block would do the same, but it keeps a request of its own that it moves on when it is polled, and around
//! several layers those moves are most of what the layers cost.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::{Response, Result};

pin_project_lite::pin_project! {
    /// An answer that is changed where it lies, once it is there: to pass it on by value moves all of it.
    #[derive(Debug)]
    pub struct Amended<F, M> {
        #[pin]
        answer: F,
        amend: Option<M>,
    }
}

impl<F, M> Amended<F, M>
where
    F: Future<Output = Result<Response>>,
    M: FnOnce(&mut Result<Response>),
{
    /// An answer that `amend` has changed.
    pub fn new(answer: F, amend: M) -> Self {
        Self { answer, amend: Some(amend) }
    }
}

impl<F, M> Future for Amended<F, M>
where
    F: Future<Output = Result<Response>>,
    M: FnOnce(&mut Result<Response>),
{
    type Output = Result<Response>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Response>> {
        let this = self.project();
        let mut polled = this.answer.poll(cx);
        if let Poll::Ready(answer) = &mut polled {
            let amend = this.amend.take().expect("a future that is ready is not polled again");
            amend(answer);
        }
        polled
    }
}

pin_project_lite::pin_project! {
    /// One of two futures, where a layer answers itself or passes on, or is there or not.
    #[derive(Debug)]
    pub struct Either<A, B> {
        #[pin]
        chosen: Chosen<A, B>,
    }
}

pin_project_lite::pin_project! {
    #[derive(Debug)]
    #[project = Pinned]
    enum Chosen<A, B> {
        First { #[pin] answer: A },
        Second { #[pin] answer: B },
    }
}

impl<A, B> Either<A, B> {
    /// The first of two.
    pub fn first(answer: A) -> Self {
        Self { chosen: Chosen::First { answer } }
    }

    /// The second of two.
    pub fn second(answer: B) -> Self {
        Self { chosen: Chosen::Second { answer } }
    }
}

impl<A, B> Future for Either<A, B>
where
    A: Future<Output = Result<Response>>,
    B: Future<Output = Result<Response>>,
{
    type Output = Result<Response>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Response>> {
        match self.project().chosen.project() {
            Pinned::First { answer } => answer.poll(cx),
            Pinned::Second { answer } => answer.poll(cx),
        }
    }
}
