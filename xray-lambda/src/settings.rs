//! What a wrapper was told, by its builder and by variables.
//!
//! Code wins over Powertools' variables, as everywhere in this family.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use xray_core::Code;

use crate::failure::Reveal;

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) service: Option<String>,
    pub(crate) trigger: Option<String>,
    pub(crate) capture_response: bool,
    pub(crate) capture_error: bool,
    /// Time before the deadline at which what is open is announced; zero for never.
    pub(crate) margin: Duration,
    pub(crate) reveals: Vec<Reveal>,
    pub(crate) environment: Environment,
    pub(crate) cold: &'static ColdStart,
}

impl Settings {
    pub(crate) fn new(environment: Environment, cold: &'static ColdStart) -> Settings {
        Settings {
            name: DEFAULT_NAME.to_owned(),
            service: environment.service.clone(),
            trigger: None,
            capture_response: environment.capture_response.unwrap_or(false),
            capture_error: environment.capture_error.unwrap_or(true),
            margin: DEFAULT_MARGIN,
            reveals: Vec::new(),
            environment,
            cold,
        }
    }
}

/// The variables that a wrapper asks for, read once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    pub(crate) in_lambda: bool,
    /// `POWERTOOLS_SERVICE_NAME`.
    pub(crate) service: Option<String>,
    /// `POWERTOOLS_TRACER_CAPTURE_RESPONSE`.
    pub(crate) capture_response: Option<bool>,
    /// `POWERTOOLS_TRACER_CAPTURE_ERROR`.
    pub(crate) capture_error: Option<bool>,
    /// `AWS_LAMBDA_MAX_CONCURRENCY`: invocations served at a time; 1 unless more.
    pub(crate) concurrency: u32,
    /// Initialised ahead of any invocation: none is a cold start.
    pub(crate) provisioned: bool,
    /// Restored from a snapshot before the first invocation.
    pub(crate) snap_start: bool,
    /// Variables that say neither yes nor no, with what they say.
    pub(crate) refused: Vec<(&'static str, String)>,
}

impl Environment {
    pub(crate) fn read(lookup: impl Fn(&str) -> Option<String>) -> Environment {
        let text = |name: &str| lookup(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let initialization = text("AWS_LAMBDA_INITIALIZATION_TYPE").unwrap_or_default();
        let mut refused = Vec::new();
        let mut yes_or_no = |name: &'static str| {
            let text = text(name)?;
            let said = switch(&text);
            if said.is_none() {
                refused.push((name, text));
            }
            said
        };
        let capture_response = yes_or_no("POWERTOOLS_TRACER_CAPTURE_RESPONSE");
        let capture_error = yes_or_no("POWERTOOLS_TRACER_CAPTURE_ERROR");
        Environment {
            in_lambda: is_lambda(&lookup),
            service: text("POWERTOOLS_SERVICE_NAME"),
            capture_response,
            capture_error,
            concurrency: text("AWS_LAMBDA_MAX_CONCURRENCY").and_then(|text| text.parse().ok()).unwrap_or(1).max(1),
            provisioned: initialization == "provisioned-concurrency",
            snap_start: initialization == "snap-start",
            refused,
        }
    }

    /// Tells what was not understood (XR025).
    pub(crate) fn tell(&self) {
        if self.refused.is_empty() {
            return;
        }
        xray_core::report(Code::Xr025, || {
            let said: Vec<_> = self.refused.iter().map(|(name, text)| format!("{name}={text:?}")).collect();
            format!("{} says neither yes nor no and is not used; set true or false", said.join(", "))
        });
    }

    /// The process's own.
    pub(crate) fn of_process() -> Environment {
        Environment::read(variable)
    }
}

/// Whether what errors say is recorded, by Powertools' variable alone.
#[cfg(feature = "sqs")]
pub(crate) fn captures_errors(lookup: impl Fn(&str) -> Option<String>) -> bool {
    lookup("POWERTOOLS_TRACER_CAPTURE_ERROR").and_then(|text| switch(&text)) != Some(false)
}

/// A variable of the process.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// True in Lambda; false at home, and in SAM's imitation of it, which has no X-Ray.
pub(crate) fn is_lambda(lookup: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &str| lookup(name).is_some_and(|value| !value.trim().is_empty());
    set("LAMBDA_TASK_ROOT") && !set("AWS_SAM_LOCAL")
}

/// The texts that Powertools takes for yes and no.
pub(crate) fn switch(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" | "t" | "true" | "on" | "1" => Some(true),
        "n" | "no" | "f" | "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// Whether an invocation is the first: of the process, however many handlers are cloned in it.
#[derive(Debug)]
pub(crate) struct ColdStart(AtomicBool);

impl ColdStart {
    pub(crate) const fn new() -> ColdStart {
        ColdStart(AtomicBool::new(true))
    }

    /// True once.
    pub(crate) fn take(&self) -> bool {
        self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::Relaxed)
    }
}

/// The process's.
pub(crate) static COLD_START: ColdStart = ColdStart::new();

/// As Powertools names it.
const DEFAULT_NAME: &str = "## handler";
/// Long enough for a busy event loop to come round, short enough that few invocations need it. Ours to choose.
const DEFAULT_MARGIN: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Environment {
        Environment::read(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn powertools_variables_are_heard() {
        let environment = read(&[
            ("POWERTOOLS_SERVICE_NAME", "payment"),
            ("POWERTOOLS_TRACER_CAPTURE_RESPONSE", "true"),
            ("POWERTOOLS_TRACER_CAPTURE_ERROR", "0"),
        ]);
        let settings = Settings::new(environment, &COLD_START);
        assert_eq!(settings.service.as_deref(), Some("payment"));
        assert!(settings.capture_response && !settings.capture_error);
    }

    #[test]
    fn responses_stay_and_errors_leave_unless_told() {
        for variables in
            [&[][..], &[("POWERTOOLS_TRACER_CAPTURE_RESPONSE", "perhaps"), ("POWERTOOLS_SERVICE_NAME", " ")]]
        {
            let settings = Settings::new(read(variables), &COLD_START);
            assert!(!settings.capture_response && settings.capture_error && settings.service.is_none());
        }
    }

    #[test]
    fn sams_imitation_is_not_lambda() {
        assert!(read(&[("LAMBDA_TASK_ROOT", "/var/task")]).in_lambda);
        assert!(!read(&[("LAMBDA_TASK_ROOT", "/var/task"), ("AWS_SAM_LOCAL", "true")]).in_lambda);
        assert!(!read(&[("LAMBDA_TASK_ROOT", "")]).in_lambda);
    }

    #[test]
    fn a_concurrency_that_is_no_number_is_one() {
        for (text, expected) in [("8", 8), ("0", 1), ("many", 1), ("-1", 1)] {
            assert_eq!(read(&[("AWS_LAMBDA_MAX_CONCURRENCY", text)]).concurrency, expected, "{text}");
        }
    }

    #[test]
    fn only_one_invocation_is_first() {
        let cold = ColdStart::new();
        assert_eq!([cold.take(), cold.take(), cold.take()], [true, false, false]);
    }
}
