//! From texts to values, with the meanings the official SDKs give their variables.

use std::time::Duration;

use super::variables as rows;
use super::{
    Config, ConfigError, ContextMissing, LateCapture, Origin, Sampling, Setting, Settings, Sourced, SpanFields,
};
use crate::Trust;
use crate::diagnostics::DiagnosticsLevel;
use crate::emit::DaemonAddress;

pub(super) fn read(lookup: &dyn Fn(&str) -> Option<String>, settings: Settings) -> (Config, Vec<ConfigError>) {
    let mut reader = Reader { lookup, refused: Vec::new() };
    let config = Config {
        service: reader.text(&rows::SERVICE, settings.service, "service".to_owned()),
        enabled: reader.enabled(settings.enabled),
        daemon: reader.daemon(settings.daemon),
        sampling: reader.value(&rows::SAMPLING, settings.sampling, Sampling::default(), SAMPLING_TEXTS, sampling),
        sampling_rules: reader.text(&rows::SAMPLING_RULES, settings.sampling_rules.map(Some), None),
        reload_after: reader.value(
            &rows::RELOAD_AFTER,
            settings.reload_after.map(unless_zero),
            Some(Duration::from_secs(10)),
            "seconds from 0 to 86400",
            seconds,
        ),
        late_capture: reader.value(
            &rows::LATE_CAPTURE,
            settings.late_capture,
            LateCapture::default(),
            super::late::EXPECTED,
            |text| text.parse().ok(),
        ),
        trust: reader.value(&rows::TRUST, settings.trust, Trust::default(), "full, join or none", trust),
        context_missing: reader.value(
            &rows::CONTEXT_MISSING,
            settings.context_missing,
            ContextMissing::default(),
            "LOG_ERROR, IGNORE_ERROR or RUNTIME_ERROR",
            context_missing,
        ),
        root_spans: reader.value(&rows::ROOT_SPANS, settings.root_spans, true, "on or off", switch),
        span_fields: reader.value(
            &rows::SPAN_FIELDS,
            settings.span_fields,
            SpanFields::default(),
            "all, none, or field names separated by commas",
            span_fields,
        ),
        // Text that is no clear yes is a no: queries may hold what must not leave.
        sql_queries: reader.value(&rows::SQL_QUERIES, settings.sql_queries, false, "true or false", |text| {
            Some(switch(text) == Some(true))
        }),
        stream_after: reader
            .value(&rows::STREAM_AFTER, settings.stream_after, 100, "a whole number", |text| text.parse().ok()),
        in_progress_after: reader.value(
            &rows::IN_PROGRESS_AFTER,
            settings.in_progress_after.map(unless_zero),
            Some(Duration::from_secs(5)),
            "seconds from 0 to 86400",
            seconds,
        ),
        diagnostics: reader.diagnostics(settings.diagnostics),
        origin: reader.origin(settings.origin),
        in_lambda: reader.value(&rows::LAMBDA, settings.in_lambda, false, "a path", |_| Some(true)),
    };
    (config, reader.refused)
}

struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    refused: Vec<ConfigError>,
}

impl Reader<'_> {
    /// The first of `names` that is present and not blank.
    fn find(&self, names: &[&'static str]) -> Option<(&'static str, String)> {
        names.iter().find_map(|name| {
            let value = (self.lookup)(name)?.trim().to_owned();
            (!value.is_empty()).then_some((*name, value))
        })
    }

    /// A text, by the order of precedence; blank code counts as absent too.
    fn text<T: FromText>(&self, row: &Setting, code: Option<T>, default: T) -> Sourced<T> {
        if let Some((name, text)) = self.find(row.variables) {
            return Sourced { value: T::from_text(text), origin: Origin::Variable(name) };
        }
        if let Some(value) = code.filter(|value| !value.is_blank()) {
            return Sourced { value, origin: Origin::Code };
        }
        match self.find(row.fallbacks) {
            Some((name, text)) => Sourced { value: T::from_text(text), origin: Origin::Variable(name) },
            None => Sourced { value: default, origin: Origin::Default },
        }
    }

    /// A value of few texts. One that is refused is noted, and the default holds: guessing on with code would
    /// hide that the operator's word was not heard.
    fn value<T>(
        &mut self,
        row: &Setting,
        code: Option<T>,
        default: T,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Sourced<T> {
        let Some((name, text)) = self.find(row.variables) else {
            let origin = if code.is_some() { Origin::Code } else { Origin::Default };
            return Sourced { value: code.unwrap_or(default), origin };
        };
        let origin = Origin::Variable(name);
        match parse(&text) {
            Some(value) => Sourced { value, origin },
            None => {
                self.refused.push(ConfigError::Value { setting: row.name, origin, value: text, expected });
                Sourced { value: default, origin: Origin::Default }
            }
        }
    }

    fn daemon(&mut self, code: Option<String>) -> Sourced<DaemonAddress> {
        let given = self.text(&rows::DAEMON, code, String::new());
        if given.origin == Origin::Default {
            return Sourced { value: DaemonAddress::default(), origin: Origin::Default };
        }
        match DaemonAddress::parse(&given.value) {
            Ok(value) => Sourced { value, origin: given.origin },
            Err(source) => {
                self.refused.push(ConfigError::DaemonAddress { origin: given.origin, source });
                Sourced { value: DaemonAddress::default(), origin: Origin::Default }
            }
        }
    }

    /// Any type is a good one, `auto` only where it can be done.
    fn origin(&mut self, code: Option<String>) -> Sourced<Option<String>> {
        let given = self.text(&rows::ORIGIN, code.map(Some), None);
        if given.value.as_deref() == Some(Config::AUTO) && !cfg!(feature = "origins") {
            self.refused.push(ConfigError::Value {
                setting: rows::ORIGIN.name,
                origin: given.origin,
                value: Config::AUTO.to_owned(),
                expected: "a type such as AWS::ECS::Container, or the feature `origins` of xray-core",
            });
            return Sourced { value: None, origin: Origin::Default };
        }
        given
    }

    /// `AWS_XRAY_SDK_ENABLED` is Python's: false for `n no f false off 0`, true for anything else.
    /// `AWS_XRAY_SDK_DISABLED` is Go's: true for `true` alone. Powertools' takes `y yes t true on 1`,
    /// OpenTelemetry's `true`; their other values say nothing.
    fn enabled(&self, code: Option<bool>) -> Sourced<bool> {
        let enabled = self.find(&["AWS_XRAY_SDK_ENABLED"]).map(|(name, text)| (name, switch(&text) != Some(false)));
        let disabled =
            self.find(&["AWS_XRAY_SDK_DISABLED"]).map(|(name, text)| (name, !text.eq_ignore_ascii_case("true")));
        let official = enabled.into_iter().chain(disabled);
        if let Some((name, value)) = official.min_by_key(|(_, value)| *value) {
            return Sourced { value, origin: Origin::Variable(name) };
        }
        if let Some(value) = code {
            return Sourced { value, origin: Origin::Code };
        }
        let powertools = self.find(&["POWERTOOLS_TRACE_DISABLED"]).filter(|(_, text)| switch(text) == Some(true));
        let otel = self.find(&["OTEL_SDK_DISABLED"]).filter(|(_, text)| text.eq_ignore_ascii_case("true"));
        match powertools.or(otel) {
            Some((name, _)) => Sourced { value: false, origin: Origin::Variable(name) },
            None => Sourced { value: true, origin: Origin::Default },
        }
    }

    /// `XRAY_DIAG` is ours and strict; the Node SDK's two variables are heard as far as they fit.
    fn diagnostics(&mut self, code: Option<DiagnosticsLevel>) -> Sourced<DiagnosticsLevel> {
        if self.find(&["XRAY_DIAG"]).is_none() {
            let debug = self.find(&["AWS_XRAY_DEBUG_MODE"]).map(|(name, _)| (name, DiagnosticsLevel::Verbose));
            let log_level = || {
                let (name, text) = self.find(&["AWS_XRAY_LOG_LEVEL"])?;
                let level = match text.to_ascii_lowercase().as_str() {
                    "debug" => DiagnosticsLevel::Verbose,
                    "info" | "warn" | "error" => DiagnosticsLevel::Warn,
                    "silent" => DiagnosticsLevel::Off,
                    _ => return None,
                };
                Some((name, level))
            };
            if let Some((name, value)) = debug.or_else(log_level) {
                return Sourced { value, origin: Origin::Variable(name) };
            }
        }
        let own = Setting { variables: &["XRAY_DIAG"], ..rows::DIAGNOSTICS };
        self.value(&own, code, DiagnosticsLevel::default(), "off, warn or verbose", level)
    }
}

/// What [`Reader::text`] can read.
trait FromText {
    fn from_text(text: String) -> Self;
    fn is_blank(&self) -> bool;
}

impl FromText for String {
    fn from_text(text: String) -> String {
        text
    }

    fn is_blank(&self) -> bool {
        self.trim().is_empty()
    }
}

impl FromText for Option<String> {
    fn from_text(text: String) -> Option<String> {
        Some(text)
    }

    fn is_blank(&self) -> bool {
        self.as_ref().is_none_or(String::is_blank)
    }
}

/// What is not built in is refused by name, so that nobody believes it to be on.
const SAMPLING_TEXTS: &str = if cfg!(feature = "central-sampling") {
    "local or central"
} else {
    "local (central needs the feature `central-sampling`, of xray-tower or xray-core)"
};

fn sampling(text: &str) -> Option<Sampling> {
    match text.to_ascii_lowercase().as_str() {
        "local" => Some(Sampling::Local),
        "central" if cfg!(feature = "central-sampling") => Some(Sampling::Central),
        _ => None,
    }
}

fn trust(text: &str) -> Option<Trust> {
    match text.to_ascii_lowercase().as_str() {
        "full" => Some(Trust::Full),
        "join" => Some(Trust::JoinOnly),
        "none" => Some(Trust::None),
        _ => None,
    }
}

fn context_missing(text: &str) -> Option<ContextMissing> {
    match text.to_ascii_uppercase().as_str() {
        "LOG_ERROR" => Some(ContextMissing::LogError),
        "IGNORE_ERROR" => Some(ContextMissing::IgnoreError),
        "RUNTIME_ERROR" => Some(ContextMissing::RuntimeError),
        _ => None,
    }
}

fn level(text: &str) -> Option<DiagnosticsLevel> {
    match text.to_ascii_lowercase().as_str() {
        "off" => Some(DiagnosticsLevel::Off),
        "warn" => Some(DiagnosticsLevel::Warn),
        "verbose" => Some(DiagnosticsLevel::Verbose),
        _ => None,
    }
}

/// The texts Python's SDK and Powertools know.
fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "t" | "true" | "on" | "1" => Some(true),
        "n" | "no" | "f" | "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

fn span_fields(text: &str) -> Option<SpanFields> {
    if text.eq_ignore_ascii_case("all") {
        return Some(SpanFields::All);
    }
    if text.eq_ignore_ascii_case("none") {
        return Some(SpanFields::None);
    }
    let names: Vec<String> =
        text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    (!names.is_empty()).then_some(SpanFields::Only(names))
}

fn seconds(text: &str) -> Option<Option<Duration>> {
    let seconds: f64 = text.parse().ok()?;
    // NaN is in no range.
    (0.0..=86_400.0).contains(&seconds).then(|| unless_zero(Duration::from_secs_f64(seconds)))
}

fn unless_zero(duration: Duration) -> Option<Duration> {
    (!duration.is_zero()).then_some(duration)
}
