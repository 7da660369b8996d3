//! One line that sets up logs and X-Ray together.

use std::io;
use std::path::Path;

use tracing::subscriber::{SetGlobalDefaultError, set_global_default};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;
use tracing_subscriber::{Registry, fmt};
use xray_core::SegmentLayer;
use xray_core::log::with_trace_id;

use crate::settings::{is_lambda, switch, variable};

/// Sends log lines to standard output and the function's subsegments to Lambda's X-Ray daemon.
///
/// Installs a global subscriber: the registry with [`layer`] and log lines as
/// `lambda_runtime::tracing::init_default_subscriber` writes them, with the current trace id in each. It takes that
/// function's place: a program can have one subscriber.
///
/// | variable | what it does |
/// |---|---|
/// | `AWS_LAMBDA_LOG_LEVEL`, else `RUST_LOG` | level of the log lines, `INFO` unless set; subsegments do not depend on it |
/// | `RUST_LOG` | `target=level`, separated by commas, for single targets |
/// | `AWS_LAMBDA_LOG_FORMAT` | `JSON` writes JSON objects |
///
/// Outside Lambda (no `LAMBDA_TASK_ROOT`, or `sam local`) there are log lines and no X-Ray, unless
/// `AWS_XRAY_SDK_ENABLED` is true.
///
/// # Errors
///
/// [`InitError::Subscriber`] when there is a global subscriber already. A setting that cannot be understood is told on
/// standard error (XR025) and its default used.
///
/// # Examples
///
/// ```no_run
/// xray_lambda::init()?;
/// tracing::info!("ready");
/// # Ok::<(), xray_lambda::InitError>(())
/// ```
pub fn init() -> Result<(), InitError> {
    let Logs { filter, json, refused } = Logs::read(variable);
    let lines = fmt::layer::<Registry>().with_target(false).without_time();
    let lines = if json {
        lines.json().map_event_format(with_trace_id).with_filter(filter).boxed()
    } else {
        lines.map_event_format(with_trace_id).with_filter(filter).boxed()
    };
    // Not `try_init`, which would fail over a logger of the `log` crate after it has installed the subscriber.
    set_global_default(tracing_subscriber::registry().with(lines).with(layer()))?;
    for directive in refused {
        tracing::warn!(directive, "log directive ignored: only a level and target=level are understood");
    }
    Ok(())
}

/// The X-Ray layer for a Lambda function, for a subscriber of your own.
///
/// Named for `POWERTOOLS_SERVICE_NAME`, else the function. Sends synchronously, without a thread. Configured by
/// `AWS_XRAY_*`, `XRAY_*` and `POWERTOOLS_TRACE_DISABLED`. Outside Lambda it is switched off, unless
/// `AWS_XRAY_SDK_ENABLED` is true. In Lambda it leaves the file by which the platform sees that X-Ray is set up.
///
/// # Examples
///
/// ```
/// use tracing_subscriber::prelude::*;
///
/// let subscriber = tracing_subscriber::registry().with(xray_lambda::layer());
/// # drop(subscriber);
/// ```
pub fn layer() -> SegmentLayer {
    let in_lambda = is_lambda(variable);
    if in_lambda {
        // As the official SDKs do; where it cannot be written, nothing else suffers.
        let _ = mark_initialized(&std::env::temp_dir());
    }
    let named = variable("POWERTOOLS_SERVICE_NAME").or_else(|| variable("AWS_LAMBDA_FUNCTION_NAME"));
    let builder = SegmentLayer::builder(named.unwrap_or_else(|| "function".to_owned())).lambda(true);
    let told = variable("AWS_XRAY_SDK_ENABLED").and_then(|text| switch(&text)) == Some(true);
    if in_lambda || told { builder.build_lossy() } else { builder.enabled(false).build_lossy() }
}

/// Why [`init`] installed nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// There is a global subscriber already, and a program can have one only.
    #[error(
        "a global tracing subscriber exists already (probably lambda_runtime::tracing::init_default_subscriber): remove \
         that call, or add xray_lambda::layer to it instead of calling xray_lambda::init; X-Ray is off (XR003)"
    )]
    Subscriber(#[from] SetGlobalDefaultError),
}

/// Leaves an empty file `.aws-xray/initialized` in the folder for temporary files.
fn mark_initialized(temporary: &Path) -> io::Result<()> {
    let folder = temporary.join(".aws-xray");
    std::fs::create_dir_all(&folder)?;
    std::fs::File::create(folder.join("initialized")).map(drop)
}

/// How log lines are written.
struct Logs {
    filter: Targets,
    json: bool,
    /// Directives that cannot be followed: one of them must not silence the others.
    refused: Vec<String>,
}

impl Logs {
    fn read(lookup: impl Fn(&str) -> Option<String>) -> Logs {
        let rust_log = lookup("RUST_LOG").unwrap_or_default();
        let mut refused = Vec::new();
        let mut level = None;
        let mut targets = Targets::new();
        for directive in rust_log.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
            match directive.parse::<Targets>() {
                Ok(parsed) => {
                    level = parsed.default_level().or(level);
                    targets = targets.with_targets(parsed);
                }
                Err(_) => refused.push(directive.to_owned()),
            }
        }
        let advanced = lookup("AWS_LAMBDA_LOG_LEVEL").filter(|text| !text.trim().is_empty());
        if let Some(text) = advanced {
            match log_level(&text) {
                Some(asked) => level = Some(asked),
                None => refused.push(text),
            }
        }
        let json = lookup("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.trim().eq_ignore_ascii_case("json"));
        // The span that takes an invocation to spawned tasks says nothing in a line.
        targets = targets.with_target("xray_carrier", LevelFilter::OFF);
        Logs { filter: targets.with_default(level.unwrap_or(LevelFilter::INFO)), json, refused }
    }
}

/// Lambda's levels: those of `tracing`, and FATAL, which nothing in Rust has.
fn log_level(text: &str) -> Option<LevelFilter> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("fatal") { Some(LevelFilter::ERROR) } else { text.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    fn logs(variables: &[(&str, &str)]) -> Logs {
        Logs::read(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    fn loudest(logs: &Logs, target: &str) -> Option<Level> {
        let levels = [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR];
        levels.into_iter().find(|level| logs.filter.would_enable(target, level))
    }

    #[test]
    fn lambdas_level_wins_over_rust_log() {
        for (variables, expected) in [
            (&[][..], Level::INFO),
            (&[("AWS_LAMBDA_LOG_LEVEL", "DEBUG")], Level::DEBUG),
            (&[("AWS_LAMBDA_LOG_LEVEL", "FATAL")], Level::ERROR),
            (&[("AWS_LAMBDA_LOG_LEVEL", "WARN"), ("RUST_LOG", "debug")], Level::WARN),
            (&[("AWS_LAMBDA_LOG_LEVEL", ""), ("RUST_LOG", "debug")], Level::DEBUG),
            (&[("RUST_LOG", "warn")], Level::WARN),
            (&[("RUST_LOG", "orders=trace")], Level::INFO),
            (&[("AWS_LAMBDA_LOG_LEVEL", "loud"), ("RUST_LOG", "error")], Level::ERROR),
        ] {
            assert_eq!(loudest(&logs(variables), "billing"), Some(expected), "{variables:?}");
        }
    }

    #[test]
    fn a_target_can_be_louder_than_the_rest() {
        let logs = logs(&[("AWS_LAMBDA_LOG_LEVEL", "WARN"), ("RUST_LOG", "orders=trace, [bad]=x, billing=debug")]);
        assert_eq!(loudest(&logs, "orders"), Some(Level::TRACE));
        assert_eq!(loudest(&logs, "billing"), Some(Level::DEBUG));
        assert_eq!(loudest(&logs, "other"), Some(Level::WARN));
        assert_eq!(logs.refused, ["[bad]=x"]);
    }

    #[test]
    fn the_format_is_text_unless_json() {
        assert!(logs(&[("AWS_LAMBDA_LOG_FORMAT", "JSON")]).json);
        assert!(logs(&[("AWS_LAMBDA_LOG_FORMAT", "json")]).json);
        assert!(!logs(&[("AWS_LAMBDA_LOG_FORMAT", "Text")]).json);
        assert!(!logs(&[]).json);
    }
}
