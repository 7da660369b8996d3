//! Handlers of lambda_http: the request is described on the subsegment, and the response's status decides its flags.
//!
//! The `http` block is the event's: method, URL without query, user agent and caller's address as API Gateway, a load
//! balancer or the function's URL told them. X-Ray reads `http.*` of filter expressions from segments, and the segment here is the
//! platform's, so they do not find it; the block is shown with the subsegment, and its flags count.

use std::fmt::{self, Write};
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::{HOST, USER_AGENT};
use http::{HeaderMap, Response};
use http_body::{Body as _, Frame, SizeHint};
use lambda_http::{Body, IntoResponse, Request, RequestExt};
use pin_project_lite::pin_project;
use tower_service::Service;
use xray_core::HttpRequestParts;

use crate::failure;
use crate::future::{Answer, Ending, Invocation, sealed};
use crate::handler::Traced;
use crate::response::capture;
use crate::scope::Scope;
use crate::settings::Settings;
use crate::trigger;

impl<S> Traced<S> {
    /// For `lambda_http::run_with_streaming_response`: the subsegment ends with the response's body.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lambda_http::Error> {
    /// xray_lambda::init()?;
    /// let router = axum::Router::new().route("/orders", axum::routing::get(|| async { "none" }));
    /// lambda_http::run_with_streaming_response(xray_lambda::trace(router).streaming()).await
    /// # }
    /// ```
    pub fn streaming(self) -> Streaming<S> {
        Streaming { traced: self }
    }
}

impl<S, R> Service<Request> for Traced<S>
where
    S: Service<Request, Response = R>,
    S::Error: fmt::Debug + 'static,
    R: IntoResponse,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Invocation<Converted<S::Future>, Whole>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let scope = open(&self.settings, &request);
        Invocation::start(scope, || Converted::Handler { handler: self.inner.call(request) })
    }
}

/// A handler whose response bodies are streamed. Made by [`Traced::streaming`].
#[derive(Clone, Debug)]
#[must_use = "a handler does nothing unless it is run"]
pub struct Streaming<S> {
    traced: Traced<S>,
}

impl<S, B> Service<Request> for Streaming<S>
where
    S: Service<Request, Response = Response<B>>,
    S::Error: fmt::Debug + 'static,
{
    type Response = Response<TracedBody<B>>;
    type Error = S::Error;
    type Future = Invocation<S::Future, Streamed>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.traced.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let scope = open(&self.traced.settings, &request);
        Invocation::start(scope, || self.traced.inner.call(request))
    }
}

fn open(settings: &Arc<Settings>, request: &Request) -> Scope {
    let headers = request.headers();
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).or_else(|| request.uri().host());
    let scope = Scope::open(settings, request.lambda_context_ref(), trigger_of(request, host));
    if scope.node().is_recording() {
        // lambda_http puts the stage before a REST API's paths. Callers do so too where they ask the API itself; behind a
        // domain of its own the event's path is theirs.
        let asked = request.raw_http_path();
        let with_stage = asked.is_empty() || host.is_some_and(|host| host.contains(API_DOMAIN));
        let path = if with_stage { request.uri().path() } else { asked };
        let url = host.map(|host| format!("https://{host}{path}"));
        let caller =
            header(headers, "x-forwarded-for").and_then(|addresses| addresses.split(',').next()).map(str::trim);
        scope.node().set_http_request(HttpRequestParts {
            method: Some(request.method().as_str()),
            url: Some(url.as_deref().unwrap_or(path)),
            user_agent: headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()),
            client_ip: caller.filter(|address| address.parse::<std::net::IpAddr>().is_ok()),
            x_forwarded_for: false,
            traced: false,
        });
    }
    scope
}

/// What the host of an API Gateway's own URL contains.
const API_DOMAIN: &str = ".execute-api.";

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Which of HTTP's ways to a function it was.
///
/// The variants of lambda_http's context come and go with its features, which are the program's to choose; the name of
/// the variant stands at the start of its `Debug` text, and no more than that is written.
fn trigger_of(request: &Request, host: Option<&str>) -> Option<&'static str> {
    let context = request.request_context_ref()?;
    let mut name = VariantName::default();
    let _ = write!(name, "{context:?}");
    Some(match name.text.as_str() {
        "Alb" => trigger::ALB,
        "VpcLattice" => trigger::VPC_LATTICE,
        _ if host.is_some_and(|host| host.contains(trigger::URL_DOMAIN)) => trigger::FUNCTION_URL,
        "ApiGatewayV1" | "ApiGatewayV2" | "WebSocket" => trigger::API_GATEWAY,
        _ => trigger::HTTP,
    })
}

/// Takes the first letters and digits, then no more.
#[derive(Default)]
struct VariantName {
    text: String,
}

impl Write for VariantName {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        for letter in piece.chars() {
            if !letter.is_ascii_alphanumeric() {
                return Err(fmt::Error);
            }
            self.text.push(letter);
        }
        Ok(())
    }
}

pin_project! {
    /// A handler's future, and then that of its response's conversion: reading a body is part of the invocation.
    #[project = ConvertedProjection]
    #[doc(hidden)]
    pub enum Converted<F> {
        Handler { #[pin] handler: F },
        Response { response: Pin<Box<dyn Future<Output = Response<Body>> + Send>> },
    }
}

impl<F, R, E> Future for Converted<F>
where
    F: Future<Output = Result<R, E>>,
    R: IntoResponse,
{
    type Output = Result<Response<Body>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let response = match self.as_mut().project() {
                ConvertedProjection::Handler { handler } => ready!(handler.poll(cx))?.into_response(),
                ConvertedProjection::Response { response } => return response.as_mut().poll(cx).map(Ok),
            };
            self.set(Converted::Response { response });
        }
    }
}

/// The answer of a handler whose responses are sent in one piece.
#[derive(Debug)]
pub enum Whole {}

impl sealed::Sealed for Whole {}

impl Answer<Response<Body>> for Whole {
    type Response = Response<Body>;

    fn answer(response: Response<Body>, Ending(scope): Ending) -> Response<Body> {
        let length = response.body().size_hint().exact();
        scope.node().set_http_response(Some(response.status().as_u16()), length);
        if let Body::Text(text) = response.body() {
            capture(&scope, text);
        }
        scope.end();
        response
    }
}

/// The answer of a handler whose response bodies are streamed.
#[derive(Debug)]
pub enum Streamed {}

impl sealed::Sealed for Streamed {}

impl<B> Answer<Response<B>> for Streamed {
    type Response = Response<TracedBody<B>>;

    fn answer(response: Response<B>, Ending(scope): Ending) -> Response<TracedBody<B>> {
        scope.node().set_http_response(Some(response.status().as_u16()), None);
        response.map(|body| TracedBody { body: Some(body), scope: Some(scope), failed: false })
    }
}

/// A response body that ends the invocation's subsegment with itself.
///
/// Frames, length and end are the handler's own. An error among them marks the subsegment as fault.
pub struct TracedBody<B> {
    // Taken at its end, inside the scope: spans it holds close before the subsegment ends.
    body: Option<B>,
    scope: Option<Scope>,
    /// There was an error: who reads no further gives up nothing.
    failed: bool,
}

impl<B> http_body::Body for TracedBody<B>
where
    B: http_body::Body + Unpin,
    B::Error: fmt::Debug + 'static,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = &mut *self;
        let (Some(body), Some(scope)) = (&mut this.body, &mut this.scope) else { return Poll::Ready(None) };
        let mut over = false;
        let polled = scope.poll(cx, |cx| {
            let polled = Pin::new(&mut *body).poll_frame(cx);
            // Nobody need ask a body that says it has no more.
            over = match &polled {
                Poll::Ready(Some(Ok(_))) => body.is_end_stream(),
                Poll::Ready(None) => true,
                _ => false,
            };
            polled
        });
        match polled {
            Ok(polled) if over => {
                this.close();
                polled
            }
            Ok(Poll::Ready(Some(Err(error)))) => {
                failure::record(scope.node(), &error, scope.settings.capture_error, &scope.settings.reveals);
                this.failed = true;
                Poll::Ready(Some(Err(error)))
            }
            Ok(polled) => polled,
            Err(panic) => {
                this.close();
                resume_unwind(panic)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), http_body::Body::size_hint)
    }
}

impl<B> TracedBody<B> {
    fn close(&mut self) {
        if let Some(scope) = self.scope.take() {
            scope.run(|| self.body = None);
            scope.end();
        }
    }
}

impl<B> Drop for TracedBody<B> {
    fn drop(&mut self) {
        if self.failed {
            return self.close();
        }
        if let Some(scope) = self.scope.take() {
            scope.run(|| self.body = None);
            scope.give_up("the response body was dropped before its end");
        }
    }
}

impl<B> fmt::Debug for TracedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracedBody").field("scope", &self.scope).finish_non_exhaustive()
    }
}
