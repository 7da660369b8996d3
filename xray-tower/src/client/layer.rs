//! The client layer and its settings.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

use super::ClientSubsegment;
use crate::failure::{Reveal, reveal};

/// A layer that opens a subsegment for each request sent; see the [crate's front page](crate).
///
/// # Examples
///
/// ```
/// use http::{Request, Response};
/// use tower::{Layer, Service, service_fn};
///
/// let http = service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::new())));
/// let mut http = xray_tower::client().layer(http);
/// let response = http.call(Request::new(String::new()));
/// ```
pub fn client() -> ClientSubsegmentLayer {
    ClientSubsegmentLayer::new()
}

/// Opens a subsegment for each request sent. Made by [`client()`]; the methods change its settings.
#[derive(Clone, Debug, Default)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct ClientSubsegmentLayer {
    settings: Arc<Settings>,
}

impl ClientSubsegmentLayer {
    /// The default settings: trace header replaced, no `traceparent`, no claim that the other side
    /// is traced.
    pub fn new() -> ClientSubsegmentLayer {
        ClientSubsegmentLayer::default()
    }

    /// Says in each document that the called service sends segments of its own (`http.request.traced`).
    /// X-Ray then waits for that segment instead of inferring one. Off unless told.
    pub fn traced(self, traced: bool) -> ClientSubsegmentLayer {
        self.with(|settings| settings.traced = traced)
    }

    /// Leaves an `X-Amzn-Trace-Id` that the request already has. Unless told it is replaced: copied
    /// from an incoming request, it would hang the called service's segment beside this subsegment.
    pub fn keep_existing(self, keep: bool) -> ClientSubsegmentLayer {
        self.with(|settings| settings.keep_existing = keep)
    }

    /// Sends W3C `traceparent` too, for services that only know OpenTelemetry; one already there is
    /// replaced. Off unless told.
    pub fn w3c(self, w3c: bool) -> ClientSubsegmentLayer {
        self.with(|settings| settings.w3c = w3c)
    }

    /// Errors of type `E` are recorded with their chain of sources, which is where hyper's clients say
    /// "connection refused".
    ///
    /// Needless for `Box<dyn Error + Send + Sync>`, `std::io::Error` and reqwest's error. Of other
    /// types only the type's name and its own text are known, for a service's error need not be an
    /// [`Error`].
    ///
    /// # Examples
    ///
    /// ```
    /// xray_tower::client().error_chain::<hyper_util::client::legacy::Error>();
    /// ```
    pub fn error_chain<E: Error + 'static>(self) -> ClientSubsegmentLayer {
        self.with(|settings| settings.errors.push(reveal::<E>))
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> ClientSubsegmentLayer {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S> Layer<S> for ClientSubsegmentLayer {
    type Service = ClientSubsegment<S>;

    fn layer(&self, inner: S) -> ClientSubsegment<S> {
        ClientSubsegment { inner, settings: Arc::clone(&self.settings) }
    }
}

#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(crate) traced: bool,
    pub(crate) keep_existing: bool,
    pub(crate) w3c: bool,
    pub(crate) errors: Vec<Reveal>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("traced", &self.traced)
            .field("keep_existing", &self.keep_existing)
            .field("w3c", &self.w3c)
            .finish_non_exhaustive()
    }
}
