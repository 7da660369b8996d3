//! What plain `tracing` cannot say: keys known only at run time, values by serde, errors with their chain.

use std::error::Error;
use std::panic::Location;
use std::sync::Arc;

use serde::Serialize;

use super::{installed, node};
use crate::header::TraceHeader;
use crate::node::{AnnotationValue, Node, Place};

/// Recording on a `tracing` span what its fields cannot.
///
/// A span that is not recorded (filtered out, below INFO, of an infrastructure crate) stands for what is above it.
/// `Span::current()` where no span is entered stands for the innermost open node: in a handler behind the server
/// layer that is the request's segment. Without a layer everything here does nothing.
///
/// # Examples
///
/// ```
/// use xray_core::SpanExt;
///
/// let key = format!("shelf_{}", 7);
/// tracing::Span::current()
///     .annotate(&key, true)
///     .add_metadata("order", serde_json::json!({ "id": 7, "lines": [1, 2] }))
///     .set_user("customer-12");
/// ```
pub trait SpanExt {
    /// Sets an annotation under a key known only at run time; otherwise a field `annotation.key = value` does it.
    /// Rules and limits: [`Node::annotate`].
    fn annotate<'v>(&self, key: &str, value: impl Into<AnnotationValue<'v>>) -> &Self;

    /// Sets metadata in the namespace `default` to any serialisable value: [`Node::add_metadata`].
    fn add_metadata(&self, key: &str, value: impl Serialize) -> &Self;

    /// Sets metadata in a namespace: [`Node::add_metadata_in`].
    fn add_metadata_in(&self, namespace: &str, key: &str, value: impl Serialize) -> &Self;

    /// Records an error with its sources and marks the span as fault: [`Node::record_error`].
    fn record_error(&self, error: &(dyn Error + 'static)) -> &Self;

    /// Sets the segment's user: [`Node::set_user`].
    fn set_user(&self, user: &str) -> &Self;

    /// The header for a call made from this span: [`Node::trace_header`].
    fn trace_header(&self) -> Option<TraceHeader>;

    /// The node this span stands for: a view, which does not end it.
    fn xray_node(&self) -> Node;
}

impl SpanExt for tracing::Span {
    fn annotate<'v>(&self, key: &str, value: impl Into<AnnotationValue<'v>>) -> &Self {
        self.xray_node().annotate(key, value);
        self
    }

    fn add_metadata(&self, key: &str, value: impl Serialize) -> &Self {
        self.xray_node().add_metadata(key, value);
        self
    }

    fn add_metadata_in(&self, namespace: &str, key: &str, value: impl Serialize) -> &Self {
        self.xray_node().add_metadata_in(namespace, key, value);
        self
    }

    fn record_error(&self, error: &(dyn Error + 'static)) -> &Self {
        self.xray_node().record_error(error);
        self
    }

    fn set_user(&self, user: &str) -> &Self {
        self.xray_node().set_user(user);
        self
    }

    fn trace_header(&self) -> Option<TraceHeader> {
        self.xray_node().trace_header()
    }

    fn xray_node(&self) -> Node {
        let found = self.with_subscriber(|(id, dispatch)| {
            let shared = installed(dispatch)?;
            let span = id.into_u64();
            let handle = match shared.spans.get(span) {
                Some(handle) => handle,
                None => shared.climb(dispatch.downcast_ref::<tracing_subscriber::Registry>()?, span)?,
            };
            Some((Arc::clone(&shared.recorder), handle))
        });
        match found {
            // A disabled span has no subscriber to ask.
            None => node::current(),
            Some(None) => Node::NONE,
            Some(Some((recorder, handle))) => Node::view(&recorder, handle.as_own()),
        }
    }
}

/// Recording an error in passing.
///
/// `#[instrument(err)]` records an error's text; its type and what caused it are lost before any layer sees it.
/// This keeps both.
///
/// # Examples
///
/// ```
/// use xray_core::ResultExt;
///
/// fn parse(text: &str) -> Result<u16, std::num::ParseIntError> {
///     text.parse().record_err()
/// }
/// assert!(parse("many").is_err());
/// ```
pub trait ResultExt<T, E> {
    /// On `Err`, records the error on the innermost open node, with its type, its sources and this line, and marks it
    /// as fault. The result goes on unchanged.
    fn record_err(self) -> Self
    where
        E: Error + 'static;

    /// The same for errors that are not [`Error`] themselves, as `anyhow`'s or a `Box<dyn Error + Send + Sync>`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::error::Error;
    /// use xray_core::ResultExt;
    ///
    /// fn load() -> Result<(), Box<dyn Error + Send + Sync>> {
    ///     Err("no such shelf".into())
    /// }
    /// assert!(load().record_err_as(|error| &**error).is_err());
    /// ```
    fn record_err_as(self, view: impl FnOnce(&E) -> &(dyn Error + 'static)) -> Self;
}

impl<T, E> ResultExt<T, E> for Result<T, E> {
    #[track_caller]
    fn record_err(self) -> Self
    where
        E: Error + 'static,
    {
        if let Err(error) = &self {
            node::current().record_error_of(error, Some(short_name(std::any::type_name::<E>())), here());
        }
        self
    }

    #[track_caller]
    fn record_err_as(self, view: impl FnOnce(&E) -> &(dyn Error + 'static)) -> Self {
        if let Err(error) = &self {
            node::current().record_error_of(view(error), None, here());
        }
        self
    }
}

#[track_caller]
fn here() -> Place {
    let caller = Location::caller();
    Place { file: Some(caller.file()), line: Some(caller.line()), label: "record_err" }
}

/// `my_crate::pay::DeclinedError` as `DeclinedError`: what comes before says little and changes with every move.
fn short_name(name: &'static str) -> &'static str {
    let outer = name.split('<').next().unwrap_or(name);
    let start = outer.rfind("::").map_or(0, |at| at + 2);
    name.get(start..).unwrap_or(name)
}
