//! One line that sets up logs and X-Ray together, for programs without a subscriber of their own.

use std::fmt;

use tracing::subscriber::{SetGlobalDefaultError, set_global_default};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;
use xray_core::{ConfigError, Guard};

/// Sends log lines to standard output and segments of `service` to the X-Ray daemon.
///
/// Installs a global subscriber: the registry with the X-Ray layer and tracing-subscriber's text
/// layer, whose lines carry the current trace id. `RUST_LOG` (such as `info,orders=debug`; `INFO`
/// without it) filters the log lines and nothing else: segments do not depend on it. X-Ray is
/// configured by `AWS_XRAY_*` and `XRAY_*` variables.
///
/// Keep the guard until the end of `main`: dropped, it sends what is still queued, for 500 ms at most.
///
/// With a subscriber of your own, add the layer to it:
/// `registry().with(xray_core::layer("orders"))`.
///
/// # Errors
///
/// [`InitError::Config`] for a variable that cannot be understood, [`InitError::Subscriber`] when
/// there is a global subscriber already. Nothing is installed then, and segments are not recorded.
///
/// # Examples
///
/// ```no_run
/// # fn main() -> Result<(), xray_tower::InitError> {
/// let _xray = xray_tower::init("orders")?;
/// tracing::info!("ready");
/// # Ok(())
/// # }
/// ```
pub fn init(service: &str) -> Result<Guard, InitError> {
    let layer = xray_core::try_layer(service)?;
    let guarded = layer.clone();
    let (filter, refused) = log_filter(std::env::var("RUST_LOG").ok().as_deref());
    let lines = tracing_subscriber::fmt::layer().map_event_format(xray_core::log::with_trace_id);
    // Not `try_init`, which would fail over a logger of the `log` crate after it has installed the subscriber.
    set_global_default(tracing_subscriber::registry().with(layer).with(lines.with_filter(filter)))?;
    for directive in refused {
        tracing::warn!(directive, "RUST_LOG directive ignored: only `level` and `target=level` are understood");
    }
    Ok(guarded.guard())
}

/// Why [`init`] installed nothing.
///
/// `Debug` reads like `Display`: that is what a `main` that returns the error prints.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// A setting of X-Ray cannot be understood.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is a global subscriber already, and a program can have one only.
    #[error(
        "a global tracing subscriber exists already (probably tracing_subscriber::fmt::init, or another crate's): \
         remove that call, or add xray_core::layer to it instead of calling xray_tower::init; X-Ray is off (XR003)"
    )]
    Subscriber(#[from] SetGlobalDefaultError),
}

impl fmt::Debug for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InitError::Config(error) => fmt::Debug::fmt(error, f),
            InitError::Subscriber(_) => fmt::Display::fmt(self, f),
        }
    }
}

/// The filter that `RUST_LOG` asks for, and the directives in it that it cannot be asked for.
///
/// One bad directive must not silence the others, nor keep the program from starting.
fn log_filter(text: Option<&str>) -> (Targets, Vec<String>) {
    let mut refused = Vec::new();
    let mut good = Vec::new();
    for directive in text.unwrap_or_default().split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        // What EnvFilter means by brackets would be taken for a part of the target's name.
        let known = !directive.contains(['[', ']', '{', '}', '*']);
        match directive.parse::<Targets>() {
            Ok(_) if known => good.push(directive),
            _ => refused.push(directive.to_owned()),
        }
    }
    let parsed = if good.is_empty() { None } else { good.join(",").parse().ok() };
    (parsed.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO)), refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn logs_are_info_unless_told() {
        for text in [None, Some(""), Some(" , ")] {
            let (filter, refused) = log_filter(text);
            assert!(filter.would_enable("orders", &Level::INFO) && !filter.would_enable("orders", &Level::DEBUG));
            assert!(refused.is_empty());
        }
    }

    #[test]
    fn a_target_can_be_louder_than_the_rest() {
        let (filter, _) = log_filter(Some("warn,orders=debug"));
        assert!(filter.would_enable("orders", &Level::DEBUG) && !filter.would_enable("billing", &Level::INFO));
    }

    #[test]
    fn a_bad_directive_leaves_the_good_ones() {
        let (filter, refused) = log_filter(Some("orders=loud,billing=debug"));
        assert_eq!(refused, ["orders=loud"]);
        assert!(filter.would_enable("billing", &Level::DEBUG));
    }

    #[test]
    fn what_only_an_env_filter_understands_is_refused() {
        let (filter, refused) = log_filter(Some("orders[w]=debug,*"));
        assert_eq!(refused, ["orders[w]=debug", "*"]);
        assert!(filter.would_enable("orders", &Level::INFO));
    }
}
