//! The server layer and its settings.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;
use tower_layer::Layer;
use xray_core::Trust;

use super::ServerSegment;
use crate::failure::{Reveal, reveal};
use crate::head::RequestHead;
use crate::naming::Naming;

/// A layer that opens a segment for each request; see the [crate's front page](crate).
///
/// # Examples
///
/// ```
/// use http::{Request, Response};
/// use tower::{Layer, Service, service_fn};
///
/// let app = service_fn(async |_: Request<String>| Ok::<_, std::convert::Infallible>(Response::new(String::new())));
/// let mut app = xray_tower::server().layer(app);
/// let response = app.call(Request::new(String::new()));
/// ```
pub fn server() -> ServerSegmentLayer {
    ServerSegmentLayer::new()
}

/// Opens a segment for each request. Made by [`server()`]; the methods change its settings.
#[derive(Clone, Debug, Default)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct ServerSegmentLayer {
    settings: Arc<Settings>,
}

/// When a request's segment ends: [`ServerSegmentLayer::end_on`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndOn {
    /// With the response's head: for bodies that stay open for hours (event streams, long polls).
    /// The body is then no part of the segment: its errors are not seen, and what is recorded while
    /// it is produced has no parent.
    Head,
    /// With the response's body: at its end, its error, or when it is dropped.
    #[default]
    Body,
}

impl ServerSegmentLayer {
    /// The default settings: named for the service, incoming headers as the X-Ray layer's setting
    /// says, end on body.
    pub fn new() -> ServerSegmentLayer {
        ServerSegmentLayer::default()
    }

    /// Names the segments: a text for a fixed name, or [`Naming::host`].
    pub fn name(self, naming: impl Into<Naming>) -> ServerSegmentLayer {
        self.with(|settings| settings.naming = naming.into())
    }

    /// How far incoming trace headers are believed, in place of the X-Ray layer's setting.
    ///
    /// A service reachable from the internet should not be told by strangers what to record:
    /// [`Trust::JoinOnly`] joins their traces and decides itself, [`Trust::None`] ignores them.
    pub fn trust(self, trust: Trust) -> ServerSegmentLayer {
        self.with(|settings| settings.trust = Believe::Always(trust))
    }

    /// Asks for each request whether its trace headers are believed: `true` is [`Trust::Full`],
    /// `false` is [`Trust::None`].
    ///
    /// # Examples
    ///
    /// ```
    /// xray_tower::server().trust_if(|request| request.headers.contains_key("x-internal-token"));
    /// ```
    pub fn trust_if(self, predicate: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> ServerSegmentLayer {
        self.with(|settings| settings.trust = Believe::If(Arc::new(predicate)))
    }

    /// Where the caller's address is found when no `X-Forwarded-For` tells it; without this, a
    /// [`SocketAddr`](std::net::SocketAddr) among the request's extensions. Asked for recorded
    /// requests only.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::net::SocketAddr;
    /// use axum::extract::ConnectInfo;
    ///
    /// xray_tower::server().client_ip(|request| {
    ///     request.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip())
    /// });
    /// ```
    pub fn client_ip(self, find: impl Fn(&Parts) -> Option<IpAddr> + Send + Sync + 'static) -> ServerSegmentLayer {
        self.with(|settings| settings.client_ip = Some(Arc::new(find)))
    }

    /// When segments end; [`EndOn::Body`] unless told.
    pub fn end_on(self, end_on: EndOn) -> ServerSegmentLayer {
        self.with(|settings| settings.end_on = end_on)
    }

    /// Errors of type `E`, from the service or a body, are recorded with their chain of sources.
    ///
    /// Needless for `Box<dyn Error + Send + Sync>` and `std::io::Error`. Of other types only the
    /// type's name and its own text are known, for a service's error need not be an [`Error`].
    pub fn error_chain<E: Error + 'static>(self) -> ServerSegmentLayer {
        self.with(|settings| settings.errors.push(reveal::<E>))
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> ServerSegmentLayer {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S> Layer<S> for ServerSegmentLayer {
    type Service = ServerSegment<S>;

    fn layer(&self, inner: S) -> ServerSegment<S> {
        ServerSegment { inner, settings: Arc::clone(&self.settings) }
    }
}

#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(crate) naming: Naming,
    pub(crate) trust: Believe,
    pub(crate) client_ip: Option<Arc<FindIp>>,
    pub(crate) end_on: EndOn,
    pub(crate) errors: Vec<Reveal>,
}

type FindIp = dyn Fn(&Parts) -> Option<IpAddr> + Send + Sync;

/// Who says how far a request's trace headers are believed.
#[derive(Clone, Default)]
pub(crate) enum Believe {
    /// The X-Ray layer.
    #[default]
    AsConfigured,
    Always(Trust),
    If(Arc<dyn Fn(&Parts) -> bool + Send + Sync>),
}

impl Settings {
    /// Whether a function of the program's is to see a request's parts.
    pub(crate) fn show_parts(&self) -> bool {
        self.client_ip.is_some() || matches!(self.trust, Believe::If(_))
    }

    pub(crate) fn trust_in(&self, request: &RequestHead<'_>) -> Option<Trust> {
        match &self.trust {
            Believe::AsConfigured => None,
            Believe::Always(trust) => Some(*trust),
            Believe::If(predicate) => {
                Some(if request.parts.is_some_and(|parts| predicate(parts)) { Trust::Full } else { Trust::None })
            }
        }
    }

    pub(crate) fn client_ip_of(&self, request: &RequestHead<'_>) -> Option<IpAddr> {
        self.client_ip.as_ref()?(request.parts?)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trust: &dyn fmt::Debug = match &self.trust {
            Believe::AsConfigured => &"as configured",
            Believe::Always(trust) => trust,
            Believe::If(_) => &"a predicate",
        };
        f.debug_struct("Settings")
            .field("naming", &self.naming)
            .field("trust", trust)
            .field("client_ip", &self.client_ip.is_some())
            .field("end_on", &self.end_on)
            .finish_non_exhaustive()
    }
}
