//! The current trace id in the lines of `tracing-subscriber`'s fmt layer.
//!
//! ```
//! use tracing_subscriber::prelude::*;
//!
//! let logs = tracing_subscriber::fmt::layer().map_event_format(xray_core::log::with_trace_id);
//! let subscriber = tracing_subscriber::registry().with(xray_core::layer("orders")).with(logs);
//! # drop(subscriber);
//! ```
//!
//! Text lines start with `xray_trace_id=1-… xray_segment_id=…`, JSON lines have both as their first members. Lines
//! outside any segment are unchanged. The key is the one Powertools' logger writes.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Compact, Format, Full, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::current_in_callback;

/// Adds the current trace and segment id to what `format` writes. For `Layer::map_event_format`.
///
/// # Examples
///
/// ```
/// let logs = tracing_subscriber::fmt::layer::<tracing_subscriber::Registry>()
///     .compact()
///     .map_event_format(xray_core::log::with_trace_id);
/// # drop(logs);
/// ```
pub fn with_trace_id<F: LineFormat>(format: F) -> TraceIdFormat<F> {
    TraceIdFormat { format }
}

/// A format whose lines name the current trace. Made by [`with_trace_id`].
#[derive(Clone, Debug)]
pub struct TraceIdFormat<F> {
    format: F,
}

/// The formats of `tracing-subscriber`, and where in their lines the ids go. Implemented here only.
pub trait LineFormat: sealed::Sealed {
    /// Lines are JSON objects.
    #[doc(hidden)]
    const JSON: bool;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! line_format {
    ($($format:ty => $json:literal),*) => {$(
        impl<T> sealed::Sealed for Format<$format, T> {}
        impl<T> LineFormat for Format<$format, T> {
            const JSON: bool = $json;
        }
    )*};
}

line_format!(Full => false, Compact => false);
#[cfg(feature = "json")]
line_format!(tracing_subscriber::fmt::format::Json => true);

impl<S, N, F> FormatEvent<S, N> for TraceIdFormat<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N> + LineFormat,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let node = current_in_callback();
        let (Some(trace), Some(segment)) = (node.trace_id(), node.id()) else {
            return self.format.format_event(context, writer, event);
        };
        if !F::JSON {
            write!(writer, "xray_trace_id={trace} xray_segment_id={segment} ")?;
            return self.format.format_event(context, writer, event);
        }
        let mut line = String::new();
        self.format.format_event(context, Writer::new(&mut line), event)?;
        match line.strip_prefix('{') {
            Some(rest) => {
                let separator = if rest.starts_with('}') { "" } else { "," };
                write!(writer, r#"{{"xray_trace_id":"{trace}","xray_segment_id":"{segment}"{separator}{rest}"#)
            }
            None => writer.write_str(&line),
        }
    }
}
