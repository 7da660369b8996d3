//! What the layer is told to do, from variables, code and defaults.
//!
//! Read once, through a look-up that is passed in, so that tests need no process environment. The table of
//! variables is [`SETTINGS`]; each value keeps its [`Origin`], and [`Config::explain`] prints both. An empty
//! variable counts as absent.

mod error;
mod late;
mod read;
mod variables;

use std::fmt;
use std::time::Duration;

pub use error::{ConfigError, Origin};
pub use late::{LateCapture, ParseLateCaptureError};
pub use variables::{SETTINGS, Setting};

use crate::Trust;
use crate::diagnostics::DiagnosticsLevel;
use crate::emit::DaemonAddress;

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub origin: Origin,
}

/// The effective configuration; [`SegmentLayer::explain`](crate::SegmentLayer::explain) prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Name of the segments this process opens.
    pub service: Sourced<String>,
    /// `false` switches everything off.
    pub enabled: Sourced<bool>,
    /// Where the daemon listens.
    pub daemon: Sourced<DaemonAddress>,
    /// Whose rules decide.
    pub sampling: Sourced<Sampling>,
    /// `all`, or the path of a rules file, not yet read; `None` for the default rule.
    pub sampling_rules: Sourced<Option<String>>,
    /// How often a file of rules is looked at for changes; `None` for never.
    pub reload_after: Sourced<Option<Duration>>,
    /// What is kept of what was not sampled.
    pub late_capture: Sourced<LateCapture>,
    /// How far incoming headers are believed.
    pub trust: Sourced<Trust>,
    /// What happens to a subsegment without a segment.
    pub context_missing: Sourced<ContextMissing>,
    /// Whether a span outside any segment opens one.
    pub root_spans: Sourced<bool>,
    /// Which fields of spans and events are recorded.
    pub span_fields: Sourced<SpanFields>,
    /// Whether the text of SQL queries is recorded.
    pub sql_queries: Sourced<bool>,
    /// Subsegments in a segment from which finished ones are sent early; 0 sends each as it ends.
    pub stream_after: Sourced<usize>,
    /// How long work is open before it is announced; `None` for never.
    pub in_progress_after: Sourced<Option<Duration>>,
    /// How much of our own trouble is told.
    pub diagnostics: Sourced<DiagnosticsLevel>,
    /// What the service runs on: a type such as `AWS::ECS::Container`, or `auto`.
    pub origin: Sourced<Option<String>>,
    /// Whether the process runs in AWS Lambda.
    pub in_lambda: Sourced<bool>,
}

/// What the program asks for, to [`Config::from_lookup`]. What is `None` is left to variables and defaults; variables win.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Name of the segments this process opens.
    pub service: Option<String>,
    /// `false` switches everything off.
    pub enabled: Option<bool>,
    /// `host:port`, or `udp:host:port tcp:host:port`.
    pub daemon: Option<String>,
    /// Whose rules decide.
    pub sampling: Option<Sampling>,
    /// `all`, or the path of a rules file.
    pub sampling_rules: Option<String>,
    /// How often a file of rules is looked at for changes; zero for never.
    pub reload_after: Option<Duration>,
    /// What is kept of what was not sampled.
    pub late_capture: Option<LateCapture>,
    /// How far incoming headers are believed.
    pub trust: Option<Trust>,
    /// What happens to a subsegment without a segment.
    pub context_missing: Option<ContextMissing>,
    /// Whether a span outside any segment opens one.
    pub root_spans: Option<bool>,
    /// Which fields of spans and events are recorded.
    pub span_fields: Option<SpanFields>,
    /// Whether the text of SQL queries is recorded.
    pub sql_queries: Option<bool>,
    /// Subsegments in a segment from which finished ones are sent early; 0 sends each as it ends.
    pub stream_after: Option<usize>,
    /// How long work is open before it is announced; zero for never.
    pub in_progress_after: Option<Duration>,
    /// How much of our own trouble is told.
    pub diagnostics: Option<DiagnosticsLevel>,
    /// What the service runs on: a type such as `AWS::ECS::Container`, or `auto`.
    pub origin: Option<String>,
    /// Whether the process runs in AWS Lambda.
    pub in_lambda: Option<bool>,
}

/// What happens to a subsegment that is asked for where no segment is open. It is never recorded.
///
/// Set by [`Builder::context_missing`](crate::Builder::context_missing).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContextMissing {
    /// XR005 says so.
    #[default]
    LogError,
    /// Nothing.
    IgnoreError,
    /// XR005 says so. SDKs of other languages throw here; a tracer must not end a server.
    RuntimeError,
}

impl fmt::Display for ContextMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ContextMissing::LogError => "LOG_ERROR",
            ContextMissing::IgnoreError => "IGNORE_ERROR",
            ContextMissing::RuntimeError => "RUNTIME_ERROR",
        })
    }
}

/// Whose rules decide what is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sampling {
    /// This process's own.
    #[default]
    Local,
    /// Those of the X-Ray service, asked for through the daemon; the local ones while there are none. Needs the feature
    /// `central-sampling`, and is not for AWS Lambda, where the platform decides.
    Central,
}

impl fmt::Display for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Sampling::Local => "local",
            Sampling::Central => "central",
        })
    }
}

/// Which fields of spans and events leave the process: [`Builder::span_fields`](crate::Builder::span_fields).
///
/// `annotation.*` and `metadata.*` are asked for by name in the code and are not meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpanFields {
    /// All; values under secret-looking names are masked.
    #[default]
    All,
    /// None.
    None,
    /// Those with exactly these names.
    Only(Vec<String>),
}

impl SpanFields {
    /// Whether a field of this name is recorded.
    pub fn allow(&self, name: &str) -> bool {
        match self {
            SpanFields::All => true,
            SpanFields::None => false,
            SpanFields::Only(names) => names.iter().any(|known| known == name),
        }
    }
}

impl fmt::Display for SpanFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpanFields::All => f.write_str("all"),
            SpanFields::None => f.write_str("none"),
            SpanFields::Only(names) => f.write_str(&names.join(",")),
        }
    }
}

impl Config {
    /// The value of [`origin`](Config::origin) that asks the machine.
    pub(crate) const AUTO: &str = "auto";

    /// From the variables `lookup` finds and what the program asks for.
    ///
    /// # Errors
    ///
    /// The first setting that cannot be used, in the order of [`SETTINGS`].
    ///
    /// # Examples
    ///
    /// What the layer would do, for what is put together by hand:
    ///
    /// ```
    /// use xray_core::{Config, Settings};
    ///
    /// let config = Config::from_lookup(&|name| std::env::var(name).ok(), Settings::default())?;
    /// println!("{}", config.explain());
    /// let _emitter = xray_core::Udp::new(config.daemon.value); // AWS_XRAY_DAEMON_ADDRESS, or 127.0.0.1:2000
    /// # Ok::<(), xray_core::ConfigError>(())
    /// ```
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>, settings: Settings) -> Result<Config, ConfigError> {
        let (config, refused) = Config::from_lookup_lossy(lookup, settings);
        refused.into_iter().next().map_or(Ok(config), Err)
    }

    /// As [`Config::from_lookup`], with the default in place of each setting that cannot be used.
    pub fn from_lookup_lossy(
        lookup: &dyn Fn(&str) -> Option<String>,
        settings: Settings,
    ) -> (Config, Vec<ConfigError>) {
        read::read(lookup, settings)
    }

    /// What is kept of what was not sampled: in AWS Lambda nothing, whatever was asked for.
    pub(crate) fn late_capture_in_effect(&self) -> Sourced<LateCapture> {
        match &self.in_lambda {
            Sourced { value: true, origin } => Sourced { value: LateCapture::off(), origin: *origin },
            _ => self.late_capture.clone(),
        }
    }

    /// The effective values, one `setting = value (from origin)` a line, in the order of [`SETTINGS`].
    pub fn explain(&self) -> String {
        let trust = match self.trust.value {
            Trust::Full => "full",
            Trust::JoinOnly => "join",
            Trust::None => "none",
        };
        let rules = self.sampling_rules.value.as_deref().unwrap_or(variables::SAMPLING_RULES.default);
        let runs_on = self.origin.value.as_deref().unwrap_or(variables::ORIGIN.default);
        let root_spans = if self.root_spans.value { "on" } else { "off" };
        let reload = self.reload_after.value.unwrap_or_default().as_secs_f64();
        let in_progress = self.in_progress_after.value.unwrap_or_default().as_secs_f64();
        let late_capture = self.late_capture_in_effect();
        let values: [(&dyn fmt::Display, Origin); SETTINGS.len()] = [
            (&self.service.value, self.service.origin),
            (&self.enabled.value, self.enabled.origin),
            (&self.daemon.value, self.daemon.origin),
            (&self.sampling.value, self.sampling.origin),
            (&rules, self.sampling_rules.origin),
            (&reload, self.reload_after.origin),
            (&late_capture.value, late_capture.origin),
            (&trust, self.trust.origin),
            (&self.context_missing.value, self.context_missing.origin),
            (&root_spans, self.root_spans.origin),
            (&self.span_fields.value, self.span_fields.origin),
            (&self.sql_queries.value, self.sql_queries.origin),
            (&self.stream_after.value, self.stream_after.origin),
            (&in_progress, self.in_progress_after.origin),
            (&self.diagnostics.value, self.diagnostics.origin),
            (&runs_on, self.origin.origin),
            (&self.in_lambda.value, self.in_lambda.origin),
        ];
        let lines = SETTINGS.iter().zip(values);
        lines.map(|(setting, (value, origin))| format!("{} = {value} (from {origin})\n", setting.name)).collect()
    }
}

#[cfg(test)]
mod tests;
