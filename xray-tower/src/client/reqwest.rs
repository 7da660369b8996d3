//! The same for reqwest, whose requests and responses are types of its own.
//!
//! `reqwest::Client` is itself a tower service. Redirects it follows are inside one subsegment, whose
//! status is that of the last answer.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::reqwest::{Request, Response};
use http::{HeaderMap, StatusCode};
use tower_service::Service;
use xray_core::HttpRequestParts;

use super::future::ResponseHead;
use super::service::{described, inject, open};
use super::{ClientSubsegment, ResponseFuture};
use crate::scope::Scope;

impl<S> Service<Request> for ClientSubsegment<S>
where
    S: Service<Request, Response = Response>,
    S::Error: fmt::Display + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let node = open(request.url().host_str(), |call| {
            // User information, query and fragment are cut by whoever writes the URL down.
            let url = Some(request.url().as_str());
            call.http_request(HttpRequestParts { url, ..described(&self.settings, request.method()) });
        });
        inject(&node, &self.settings, request.headers_mut());
        let mut scope = Scope::new(node, "ClientSubsegment");
        let inner = scope.run_noting_panic(|| self.inner.call(request));
        ResponseFuture::new(inner, scope, Arc::clone(&self.settings))
    }
}

impl ResponseHead for Response {
    fn status(&self) -> StatusCode {
        self.status()
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }
}
