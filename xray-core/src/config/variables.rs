//! The one table of environment variables.
//!
//! For each setting the first of these that is present decides: `variables` in order, code, `fallbacks` in order,
//! `default`. That variables win over code is what operators of X-Ray's SDKs expect; the fallbacks belong to
//! other tools and only speak where nobody was explicit.
//!
//! Source: X-Ray Developer Guide, the SDK configuration pages; Powertools and OpenTelemetry documentation.

/// One setting and where it comes from.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Setting {
    /// Its name in [`Config::explain`](super::Config::explain).
    pub name: &'static str,
    /// Variables that win over code.
    pub variables: &'static [&'static str],
    /// Variables that are asked after code.
    pub fallbacks: &'static [&'static str],
    /// What it does and which values it takes.
    pub meaning: &'static str,
    /// What holds when nobody says anything.
    pub default: &'static str,
}

/// Declares the table and a constant per row, so that code names rows, not positions.
macro_rules! settings {
    ($($row:ident { $name:literal, $variables:expr, $fallbacks:expr, $default:literal, $meaning:literal })+) => {
        $(pub(super) const $row: Setting = Setting {
            name: $name,
            variables: &$variables,
            fallbacks: &$fallbacks,
            default: $default,
            meaning: $meaning,
        };)+

        /// Every setting, in the order it is explained in.
        pub const SETTINGS: &[Setting] = &[$($row),+];
    };
}

settings! {
    SERVICE {
        "service", ["AWS_XRAY_TRACING_NAME"], ["POWERTOOLS_SERVICE_NAME", "OTEL_SERVICE_NAME"], "service",
        "name of the segments this process opens"
    }
    ENABLED {
        "enabled", ["AWS_XRAY_SDK_ENABLED", "AWS_XRAY_SDK_DISABLED"], ["POWERTOOLS_TRACE_DISABLED", "OTEL_SDK_DISABLED"], "true",
        "false switches everything off; when two variables disagree, off wins"
    }
    DAEMON {
        "daemon address", ["AWS_XRAY_DAEMON_ADDRESS"], [], "127.0.0.1:2000",
        "host:port, or \"udp:host:port tcp:host:port\""
    }
    SAMPLING {
        "sampling", ["XRAY_SAMPLING"], [], "local",
        "central: the rules of the X-Ray service, local ones until they are there; local: those alone"
    }
    SAMPLING_RULES {
        "sampling rules", ["XRAY_SAMPLING_RULES"], [], "1 a second, then 5 %",
        "all, none, the path of a rules file, or the rules themselves as JSON"
    }
    RELOAD_AFTER {
        "rules reloaded after", ["XRAY_SAMPLING_RELOAD"], [], "10",
        "seconds between two looks at a rules file, which is read again when it has changed; 0 never looks"
    }
    LATE_CAPTURE {
        "late capture", ["XRAY_LATE_CAPTURE"], [], "rules",
        "requests not sampled that are kept for how they end: off; rules (on the response); or fault, error, throttle, slow=SECONDS, limit=COUNT, upstream, separated by commas"
    }
    TRUST {
        "trust", ["XRAY_TRUST"], [], "full",
        "incoming headers: full (join and obey), join (join, decide here) or none (ignore)"
    }
    CONTEXT_MISSING {
        "context missing", ["AWS_XRAY_CONTEXT_MISSING"], [], "LOG_ERROR",
        "a subsegment without a segment: LOG_ERROR, IGNORE_ERROR or RUNTIME_ERROR"
    }
    ROOT_SPANS {
        "root spans", ["XRAY_ROOT_SPANS"], [], "on",
        "on: a span outside any segment opens one; off: it is not recorded"
    }
    SPAN_FIELDS {
        "span fields", ["XRAY_SPAN_FIELDS"], [], "all",
        "fields of spans and events that are recorded: all, none, or names separated by commas"
    }
    SQL_QUERIES {
        "sql queries", ["AWS_XRAY_COLLECT_SQL_QUERIES"], [], "false",
        "true records the text of SQL queries"
    }
    STREAM_AFTER {
        "stream after", ["XRAY_STREAM_AFTER"], [], "100",
        "subsegments in a segment from which finished ones are sent early; 0 sends each as it ends"
    }
    IN_PROGRESS_AFTER {
        "in progress after", ["XRAY_IN_PROGRESS_AFTER"], [], "5",
        "seconds after which open work is announced; 0 never announces"
    }
    DIAGNOSTICS {
        "diagnostics", ["XRAY_DIAG", "AWS_XRAY_DEBUG_MODE", "AWS_XRAY_LOG_LEVEL"], [], "warn",
        "our own messages: off, warn or verbose"
    }
    ORIGIN {
        "origin", ["XRAY_ORIGIN"], [], "not said",
        "what the service runs on: auto asks the machine (feature `origins`), else a type such as AWS::ECS::Container"
    }
    LAMBDA {
        "in lambda", ["LAMBDA_TASK_ROOT"], [], "false",
        "set by AWS Lambda: the platform owns the segment, documents are sent synchronously"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_belongs_to_one_setting() {
        let mut names: Vec<_> =
            SETTINGS.iter().flat_map(|setting| setting.variables.iter().chain(setting.fallbacks)).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
