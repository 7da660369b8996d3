//! What is wrong with a setting.

use std::error::Error;
use std::fmt;

use super::variables::SETTINGS;
use crate::diagnostics::messages::Chain;
use crate::emit::ParseDaemonAddressError;

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// An environment variable.
    Variable(&'static str),
    /// The program.
    Code,
    /// Nobody said anything.
    Default,
}

/// The variable's name, `code` or `default`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::Variable(name) => name,
            Origin::Code => "code",
            Origin::Default => "default",
        })
    }
}

/// A setting that cannot be used. Names where it came from, its value and what is expected.
///
/// `Debug` reads like `Display`, with what caused it: that is what a `main` that returns the error prints.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A value outside those that are known.
    #[error("{setting} is {value:?} (from {origin}), expected {expected}")]
    Value {
        /// Name of the setting.
        setting: &'static str,
        /// Where the value came from.
        origin: Origin,
        /// The value.
        value: String,
        /// What would be accepted.
        expected: &'static str,
    },
    /// The daemon's address.
    #[error("daemon address (from {origin}) cannot be used")]
    DaemonAddress {
        /// Where the value came from.
        origin: Origin,
        /// What is wrong with it.
        source: ParseDaemonAddressError,
    },
    /// The sampling rules.
    #[error("sampling rules (from {origin}) cannot be used")]
    Rules {
        /// Where the rules, or their path, came from.
        origin: Origin,
        /// File, rule, field and what is expected.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl ConfigError {
    /// For a variable whose value is not text.
    pub(crate) fn not_unicode(name: &str, value: &std::ffi::OsStr) -> Option<ConfigError> {
        let (setting, name) = SETTINGS.iter().find_map(|setting| {
            let mut names = setting.variables.iter().chain(setting.fallbacks);
            Some((setting.name, *names.find(|known| **known == name)?))
        })?;
        let value = value.to_string_lossy().into_owned();
        Some(ConfigError::Value { setting, origin: Origin::Variable(name), value, expected: "text in UTF-8" })
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Chain(self), f)
    }
}
