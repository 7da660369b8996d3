//! From the handler's future to its answer.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::failure;
use crate::scope::Scope;

/// What becomes of a handler's response, with the invocation it ends. Implemented here only.
pub trait Answer<R>: sealed::Sealed {
    /// The wrapper's response.
    type Response;

    #[doc(hidden)]
    fn answer(response: R, ending: Ending) -> Self::Response;
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// An invocation whose handler has answered.
#[derive(Debug)]
#[doc(hidden)]
pub struct Ending(pub(crate) Scope);

pin_project! {
    /// The future of [`Traced`](crate::Traced): polls the handler's inside the invocation's subsegment.
    ///
    /// The handler's future is dropped before the subsegment ends, so that spans it holds end inside it.
    pub struct Invocation<F, A> {
        #[pin]
        inner: Option<F>,
        scope: Option<Scope>,
        answer: PhantomData<fn() -> A>,
    }

    impl<F, A> PinnedDrop for Invocation<F, A> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(scope) = this.scope.take() {
                scope.run(|| this.inner.set(None));
                scope.give_up("the invocation was dropped before it was ready");
            }
        }
    }
}

impl<F, A> Invocation<F, A> {
    /// Calls the handler inside the invocation.
    pub(crate) fn start(scope: Scope, call: impl FnOnce() -> F) -> Invocation<F, A> {
        match scope.run_noting_panic(call) {
            Ok(inner) => Invocation { inner: Some(inner), scope: Some(scope), answer: PhantomData },
            Err(panic) => {
                scope.end();
                resume_unwind(panic)
            }
        }
    }
}

impl<F, A, R, E> Future for Invocation<F, A>
where
    F: Future<Output = Result<R, E>>,
    A: Answer<R>,
    E: fmt::Debug + 'static,
{
    type Output = Result<A::Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let (Some(inner), Some(scope)) = (this.inner.as_mut().as_pin_mut(), this.scope.as_mut()) else {
            return Poll::Pending;
        };
        let polled = scope.poll(cx, |cx| inner.poll(cx));
        if let Ok(Poll::Pending) = polled {
            return Poll::Pending;
        }
        let Some(scope) = this.scope.take() else { return Poll::Pending };
        scope.run(|| this.inner.set(None));
        match polled {
            Ok(Poll::Ready(Ok(response))) => Poll::Ready(Ok(A::answer(response, Ending(scope)))),
            Ok(Poll::Ready(Err(error))) => {
                let settings = &scope.settings;
                failure::record(scope.node(), &error, settings.capture_error, &settings.reveals);
                scope.end();
                Poll::Ready(Err(error))
            }
            Ok(Poll::Pending) => Poll::Pending,
            Err(panic) => {
                scope.end();
                resume_unwind(panic)
            }
        }
    }
}

impl<F, A> fmt::Debug for Invocation<F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invocation").field("scope", &self.scope).finish_non_exhaustive()
    }
}
