//! The rules a console begins with: everything, X-Ray's stock rule, or a file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use xray_core::sampling::{Rules, RulesError};

use super::rules::{DEFAULT, DEFAULT_PRIORITY, check};
use super::{SamplingRule, SamplingRuleRecord};

/// Longest name of a rule, characters. Source: X-Ray API Reference, "SamplingRule".
const NAME: usize = 32;

/// The sampling rules a console serves until they are changed through its API. `Default` is always among them.
///
/// # Examples
///
/// ```
/// use xray_console::sampling::ServedRules;
///
/// // A developer wants to see every request, which is the default; X-Ray's own stock rule is one a second, then 5 %.
/// assert_eq!(ServedRules::default(), ServedRules::all());
/// assert_ne!(ServedRules::default(), ServedRules::stock());
///
/// // The file that SDKs read; or what `aws xray get-sampling-rules` printed.
/// let rules = ServedRules::parse(r#"{"version": 2, "default": {"fixed_target": 1, "rate": 0.1}}"#)?;
/// # Ok::<(), xray_console::sampling::ServedRulesError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ServedRules {
    rules: Vec<SamplingRule>,
    left_out: Vec<String>,
}

/// Why text holds no sampling rules.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServedRulesError {
    /// The file cannot be read.
    #[error("sampling rules file {path}: {reason}")]
    Read {
        /// The file as it was named.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// No rules file of the SDKs.
    #[error(transparent)]
    Local(#[from] RulesError),
    /// No answer of GetSamplingRules either.
    #[error("sampling rules in the form of X-Ray's API: {0}")]
    Api(String),
}

impl Default for ServedRules {
    fn default() -> ServedRules {
        ServedRules::all()
    }
}

/// A rule that matches everything.
fn any(name: &str, priority: i64, reservoir_size: i64, fixed_rate: f64) -> SamplingRule {
    let star = || "*".to_owned();
    SamplingRule {
        rule_name: Some(name.to_owned()),
        resource_arn: star(),
        priority,
        fixed_rate,
        reservoir_size,
        service_name: star(),
        service_type: star(),
        host: star(),
        http_method: star(),
        url_path: star(),
        version: 1,
        ..SamplingRule::default()
    }
}

impl ServedRules {
    /// Everything is sampled.
    #[must_use]
    pub fn all() -> ServedRules {
        ServedRules::of(vec![any(DEFAULT, DEFAULT_PRIORITY, 1, 1.0)])
    }

    /// As an AWS account begins: one a second, then 5 %.
    #[must_use]
    pub fn stock() -> ServedRules {
        ServedRules::of(vec![any(DEFAULT, DEFAULT_PRIORITY, 1, 0.05)])
    }

    /// Reads a file, as [`parse`](ServedRules::parse) does.
    ///
    /// # Errors
    ///
    /// [`ServedRulesError`]: the file cannot be read, or holds no rules.
    pub fn from_file(path: impl AsRef<Path>) -> Result<ServedRules, ServedRulesError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ServedRulesError::Read { path: path.display().to_string(), reason: error.to_string() })?;
        ServedRules::parse(&text)
    }

    /// Reads rules from JSON: the file that SDKs read ([`Rules`]), or what X-Ray's API answers to `GetSamplingRules`
    /// (`{"SamplingRuleRecords": […]}`), or a list of its rules.
    ///
    /// Rules of the file come in the order in which they are asked, and are served with priorities 1, 2, 3 …; names
    /// are cut at 32 characters and numbered where two are the same; those on the response are
    /// [left out](ServedRules::left_out). Rules of the API keep what they have. A default that is missing is the stock
    /// one.
    ///
    /// # Errors
    ///
    /// [`ServedRulesError`], which names the rule, the member and what is expected.
    pub fn parse(json: &str) -> Result<ServedRules, ServedRulesError> {
        if json.contains("\"SamplingRuleRecords\"") || json.trim_start().starts_with('[') {
            return from_api(json).map_err(ServedRulesError::Api);
        }
        let rules = Rules::parse(json)?;
        Ok(from_local(&rules))
    }

    /// Names of the file's rules that are not served: those that decide by the response, when a request has ended. They
    /// are for the process that reads the file; X-Ray's API has no such rules, and no SDK knows them.
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_console::sampling::ServedRules;
    ///
    /// let rules = ServedRules::parse(
    ///     r#"{"version": 2, "default": {"fixed_target": 1, "rate": 0.1}, "rules": [
    ///         {"description": "failures", "host": "*", "http_method": "*", "url_path": "*", "fixed_target": 0, "rate": 1,
    ///          "attributes": {"fault": "true"}}]}"#,
    /// )?;
    /// assert_eq!(rules.left_out(), ["failures"]);
    /// # Ok::<(), xray_console::sampling::ServedRulesError>(())
    /// ```
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    fn of(rules: Vec<SamplingRule>) -> ServedRules {
        ServedRules { rules, left_out: Vec::new() }
    }

    pub(super) fn into_rules(self) -> Vec<SamplingRule> {
        self.rules
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ApiText {
    Answer {
        #[serde(rename = "SamplingRuleRecords")]
        records: Vec<SamplingRuleRecord>,
    },
    Rules(Vec<SamplingRule>),
}

fn from_api(json: &str) -> Result<ServedRules, String> {
    let text: ApiText = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let rules = match text {
        ApiText::Answer { records } => records.into_iter().filter_map(|record| record.sampling_rule).collect(),
        ApiText::Rules(rules) => rules,
    };
    let mut served: BTreeMap<String, SamplingRule> = BTreeMap::new();
    for rule in rules {
        let name = rule.rule_name.clone().ok_or("a rule has no RuleName")?;
        check(&rule).map_err(|error| format!("rule {name:?}: {}", error.message()))?;
        if served.insert(name.clone(), rule).is_some() {
            return Err(format!("there are two rules {name:?}"));
        }
    }
    let default = served.remove(DEFAULT).unwrap_or_else(|| any(DEFAULT, DEFAULT_PRIORITY, 1, 0.05));
    // It stands after all others, whatever is written.
    let default = SamplingRule { priority: DEFAULT_PRIORITY, ..default };
    Ok(ServedRules::of(served.into_values().chain([default]).collect()))
}

fn from_local(rules: &Rules) -> ServedRules {
    let mut names = BTreeSet::from([DEFAULT.to_owned()]);
    let left_out = rules.rules().iter().filter(|rule| rule.is_late()).map(|rule| rule.name().to_owned()).collect();
    let served = rules.rules().iter().filter(|rule| !rule.is_late()).zip(1..).map(|(rule, priority)| SamplingRule {
        service_name: rule.service().to_owned(),
        service_type: rule.service_type().to_owned(),
        host: rule.host().to_owned(),
        http_method: rule.method().to_owned(),
        url_path: rule.path().to_owned(),
        attributes: Some(rule.attributes().map(|(name, pattern)| (name.to_owned(), pattern.to_owned())).collect()),
        ..any(&unused(rule.name(), &mut names), priority, i64::from(rule.fixed_target()), rule.rate())
    });
    let default = rules.default_rule();
    let default = any(DEFAULT, DEFAULT_PRIORITY, i64::from(default.fixed_target()), default.rate());
    ServedRules { rules: served.chain([default]).collect(), left_out }
}

/// The name, cut to what X-Ray takes, numbered if it is there already.
fn unused(name: &str, names: &mut BTreeSet<String>) -> String {
    let numbered = |number: usize| {
        let mark = if number == 1 { String::new() } else { format!("~{number}") };
        name.chars().take(NAME - mark.len()).chain(mark.chars()).collect::<String>()
    };
    // Ends: there are finitely many names.
    let free = (1..).map(numbered).find(|name| !names.contains(name)).unwrap_or_default();
    names.insert(free.clone());
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rules_file_of_the_sdks_is_served_in_the_order_in_which_it_is_asked() {
        let rules = ServedRules::parse(
            r#"{"version": 2, "rules": [
                {"description": "health", "host": "*", "http_method": "GET", "url_path": "/health", "fixed_target": 0, "rate": 0.0},
                {"description": "a description of more than thirty-two letters", "priority": 1, "host": "a.*", "http_method": "*",
                 "url_path": "*", "service_name": "shop", "fixed_target": 5, "rate": 0.5, "attributes": {"tenant": "gold"}},
                {"description": "health", "host": "*", "http_method": "*", "url_path": "/ping", "fixed_target": 0, "rate": 0.0}
            ], "default": {"fixed_target": 2, "rate": 0.25}}"#,
        );
        let summary: Vec<String> = rules
            .unwrap()
            .into_rules()
            .iter()
            .map(|rule| {
                let name = rule.rule_name.as_deref().unwrap();
                let patterns =
                    [&rule.service_name, &rule.host, &rule.http_method, &rule.url_path].map(String::as_str).join(" ");
                format!("{} {name}: {patterns}: {} then {}", rule.priority, rule.reservoir_size, rule.fixed_rate)
            })
            .collect();
        assert_eq!(
            summary,
            [
                "1 a description of more than thirt: shop a.* * *: 5 then 0.5",
                "2 health: * * GET /health: 0 then 0",
                "3 health~2: * * * /ping: 0 then 0",
                "10000 Default: * * * *: 2 then 0.25",
            ]
        );
    }

    #[test]
    fn what_the_api_answered_is_served_again() {
        let rule = r#"{"RuleName": "r", "ResourceARN": "*", "Priority": 7, "FixedRate": 0.1, "ReservoirSize": 3, "ServiceName": "*",
            "ServiceType": "*", "Host": "*", "HTTPMethod": "*", "URLPath": "/x", "Version": 1, "Attributes": {}}"#;
        for text in
            [format!(r#"{{"SamplingRuleRecords": [{{"SamplingRule": {rule}, "CreatedAt": 0}}]}}"#), format!("[{rule}]")]
        {
            let rules = ServedRules::parse(&text).unwrap().into_rules();
            let names: Vec<_> = rules.iter().map(|rule| (rule.rule_name.as_deref().unwrap(), rule.priority)).collect();
            assert_eq!(names, [("r", 7), ("Default", 10_000)]);
        }
        let twice = ServedRules::parse(&format!("[{rule}, {rule}]")).unwrap_err();
        assert_eq!(twice.to_string(), r#"sampling rules in the form of X-Ray's API: there are two rules "r""#);
        let error = ServedRules::parse(&format!("[{}]", rule.replace("0.1", "1.5"))).unwrap_err();
        let expected = r#"sampling rules in the form of X-Ray's API: rule "r": FixedRate is 1.5; expected 0 to 1"#;
        assert_eq!(error.to_string(), expected);
    }
}
