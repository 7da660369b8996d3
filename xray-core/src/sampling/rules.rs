//! A set of sampling rules, in the order in which they are asked.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::error::RulesError;
use super::rule::NeverMet;
use super::{Rule, parse};

/// Sampling rules, and the default rule for what none of them matches.
///
/// Asked in rising order of priority, rules without one last, and in the order they were given among equals. The
/// first that matches decides. [`Rules::default`] holds no rule but the default: one a second, then 5 %.
///
/// # JSON
///
/// Version 2, and version 1 as older SDKs wrote it:
///
/// ```
/// use xray_core::sampling::Rules;
///
/// let rules = Rules::parse(r#"{
///   "version": 2,
///   "rules": [
///     {
///       "description": "health checks",
///       "host": "*", "http_method": "GET", "url_path": "/health",
///       "fixed_target": 0, "rate": 0.01
///     },
///     {
///       "description": "checkout", "priority": 1,
///       "host": "*", "http_method": "*", "url_path": "/checkout/*", "service_name": "orders*",
///       "fixed_target": 10, "rate": 0.5
///     }
///   ],
///   "default": { "fixed_target": 1, "rate": 0.05 }
/// }"#)?;
/// assert_eq!(rules.rules()[0].name(), "checkout");
/// # Ok::<(), xray_core::sampling::RulesError>(())
/// ```
///
/// | field of a rule | value | |
/// |---|---|---|
/// | `host` | pattern for the `Host` header | required; `service_name` in version 1 |
/// | `http_method`, `url_path` | patterns | required |
/// | `fixed_target` | traces each second that are recorded first, whole, 0 or more | required |
/// | `rate` | share of the others that is recorded, 0.0–1.0 | required |
/// | `description` | text; the rule's name, else `rule 1`, `rule 2` … as they stand in the text | |
/// | `service_name` | pattern for the segment's name | version 2 |
/// | `service_type` | pattern for what the service runs on | version 2 |
/// | `attributes` | object: pattern for each attribute named | version 2 |
/// | `priority` | whole, 0 or more; lowest first | version 2 |
///
/// `version` and `default` (with `fixed_target` and `rate`, and no patterns) are required. A field that is nearly
/// one of these is an error, any other unknown one a [warning](Rules::warnings). Patterns: see [`Rule`].
///
/// # Rules on the response
///
/// A rule that asks for one of these attributes is skipped when a request begins, and decides when it has ended:
///
/// | attribute | pattern |
/// |---|---|
/// | `http.status_code`, also `http.response.status_code`, `http.status`, `status_code`, `status` | `5*`: three digits |
/// | `fault`, `error`, `throttle` | `true` or `false` |
/// | `duration`, also `response_time`, `responsetime` | `>2.5` or `>=2.5`: seconds |
///
/// Until then each request that such a rule may keep is recorded, sampled or not. One that was not sampled is kept when
/// the rule matches its end, and the rule's `fixed_target`, then its `rate`, let it through. The order of rules holds: a
/// rule on the response is asked only for what no rule before it has decided, so give it a low `priority`. Requests that
/// were sampled at the start are not asked for again and take nothing of its `fixed_target`.
///
/// ```
/// use xray_core::sampling::{Rule, Rules};
///
/// let errors = Rule::new("errors").with_priority(1).with_attribute("http.status_code", "5*");
/// let rules = Rules::default().with_rule(errors.with_fixed_target(10).with_rate(1.0));
/// assert!(rules.rules()[0].is_late());
/// ```
///
/// Other attributes of the response (`rpc.grpc.status_code`, `error.type`, `exception.…`) are not known here: a rule that
/// asks for one can never match; it is kept in [`Rules::set_aside`] and warned about.
///
/// # Limits
///
/// Text of at most [`Rules::MAX_BYTES`] with at most [`Rules::MAX_RULES`] rules, [`Rules::MAX_LATE`] of them on the
/// response. In text, patterns have at most [`Rules::MAX_PATTERN`] characters and a rule at most
/// [`Rules::MAX_ATTRIBUTES`] attributes. A decision may have to ask every rule: tens are the usual, thousands are felt.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    rules: Vec<Rule>,
    set_aside: Vec<Rule>,
    default: Rule,
    warnings: Vec<String>,
}

impl Rules {
    /// Most rules that are read from text. Ours to choose.
    pub const MAX_RULES: usize = 10_000;

    /// Longest text, or file, that rules are read from, bytes: 8 MiB. Ours to choose.
    pub const MAX_BYTES: usize = 8 * 1024 * 1024;

    /// Most rules on the response. Ours to choose: they are asked for each request that is not sampled.
    pub const MAX_LATE: usize = 64;

    /// Longest pattern that is read from text, characters. Ours to choose; X-Ray's own rules take 128 at most.
    pub const MAX_PATTERN: usize = 512;

    /// Most attributes of a rule that is read from text. Ours to choose; X-Ray's own rules take 5.
    pub const MAX_ATTRIBUTES: usize = 32;

    /// Name of the default rule in decisions. Source: X-Ray's own rules.
    pub const DEFAULT_NAME: &str = "Default";

    /// Records everything.
    #[must_use]
    pub fn all() -> Rules {
        Rules::default().with_default(0, 1.0)
    }

    /// Records nothing that does not come with a decision of its own.
    #[must_use]
    pub fn none() -> Rules {
        Rules::default().with_default(0, 0.0)
    }

    /// Reads rules from JSON text, whose form [`Rules`] describes.
    ///
    /// # Errors
    ///
    /// [`RulesError`], which names the rule, the field, the value and what is expected: text that is no JSON, a field
    /// that is missing, misspelt, misplaced, of the wrong type or out of range, and what exceeds the limits.
    pub fn parse(json: &str) -> Result<Rules, RulesError> {
        parse::rules(json)
    }

    /// Reads rules from a JSON file, once: later changes to the file are not seen.
    ///
    /// # Errors
    ///
    /// As [`Rules::parse`], with the file named; and when the file cannot be read, is not UTF-8 or is too long.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Rules, RulesError> {
        let path = path.as_ref();
        read(path).and_then(|json| Rules::parse(&json)).map_err(|error| error.in_file(path))
    }

    /// Reads the setting `XRAY_SAMPLING_RULES`: `all`, `none`, JSON text, or the path of a JSON file.
    ///
    /// What begins with `{` or `[` is JSON text. Spaces around it are ignored.
    ///
    /// # Errors
    ///
    /// As [`Rules::parse`] and [`Rules::from_file`]; and when the text is empty.
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_core::sampling::Rules;
    ///
    /// assert_eq!(Rules::from_setting("all")?, Rules::all());
    /// let error = Rules::from_setting(r#"{"version": 2, "default": {"fixed_target": 1, "rate": 2.0}}"#);
    /// assert_eq!(
    ///     error.unwrap_err().to_string(),
    ///     "sampling rules: default rule: rate is 2.0; expected a number from 0.0 to 1.0"
    /// );
    /// # Ok::<(), xray_core::sampling::RulesError>(())
    /// ```
    pub fn from_setting(text: &str) -> Result<Rules, RulesError> {
        if let Some(path) = Rules::path_in_setting(text) {
            return Rules::from_file(path);
        }
        let text = text.trim();
        if text.is_empty() {
            Err(RulesError::empty_setting())
        } else if text.eq_ignore_ascii_case("all") {
            Ok(Rules::all())
        } else if text.eq_ignore_ascii_case("none") {
            Ok(Rules::none())
        } else {
            Rules::parse(text)
        }
    }

    /// The path that the text of the setting is, if it is one.
    pub(crate) fn path_in_setting(text: &str) -> Option<&Path> {
        let text = text.trim();
        let word = text.is_empty() || text.eq_ignore_ascii_case("all") || text.eq_ignore_ascii_case("none");
        (!word && !text.starts_with(['{', '['])).then(|| Path::new(text))
    }

    /// The same rules and this one, in its place by priority.
    #[must_use]
    pub fn with_rule(mut self, rule: Rule) -> Rules {
        self.add([rule]);
        self
    }

    /// The same rules with this default: `fixed_target` traces a second, then the share `rate` (0.0–1.0) of the
    /// rest.
    ///
    /// A rate outside is brought to the nearer end (what is no number to 0.0), with a warning.
    #[must_use]
    pub fn with_default(mut self, fixed_target: u32, rate: f64) -> Rules {
        let default = Rule::new(Rules::DEFAULT_NAME).with_fixed_target(fixed_target).with_rate(rate);
        self.default = self.in_range(default);
        self
    }

    /// The rules, in the order in which they are asked.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule for what no other matches.
    pub fn default_rule(&self) -> &Rule {
        &self.default
    }

    /// Rules that can never match: they ask for something of the response that is not known here.
    pub fn set_aside(&self) -> &[Rule] {
        &self.set_aside
    }

    /// What was accepted although it may be a mistake, one line each: unknown fields, rules set aside, rates out of
    /// range in code.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(super) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    pub(super) fn add(&mut self, rules: impl IntoIterator<Item = Rule>) {
        let mut late = self.rules.iter().filter(|rule| rule.is_late()).count();
        for rule in rules {
            let rule = self.in_range(rule);
            let reason = match rule.never_met() {
                Some(NeverMet { name, pattern, expected, .. }) => Some(format!(
                    "attribute {name:?} is of the response and can never match {pattern:?}; expected {expected}"
                )),
                None if rule.is_late() && late >= Rules::MAX_LATE => {
                    Some(format!("there are more than {} rules on the response", Rules::MAX_LATE))
                }
                None => None,
            };
            if let Some(reason) = reason {
                self.warnings.push(format!("rule {:?} is set aside: {reason}", rule.name()));
                self.set_aside.push(rule);
            } else {
                late += usize::from(rule.is_late());
                self.rules.push(rule);
            }
        }
        // Stable: equals stay in the order they came in. Without a priority comes after the lowest there is.
        self.rules.sort_by_key(|rule| rule.priority().map_or(u64::MAX, u64::from));
    }

    fn in_range(&mut self, rule: Rule) -> Rule {
        let rate = rule.rate();
        if (0.0..=1.0).contains(&rate) {
            return rule;
        }
        let nearest = if rate > 1.0 { 1.0 } else { 0.0 };
        self.warnings.push(format!("rule {:?}: rate {rate} is not from 0.0 to 1.0; taken as {nearest:?}", rule.name()));
        rule.with_rate(nearest)
    }
}

/// Only the default rule: one trace a second, then 5 % of the rest.
impl Default for Rules {
    fn default() -> Rules {
        Rules {
            rules: Vec::new(),
            set_aside: Vec::new(),
            default: Rule::new(Rules::DEFAULT_NAME),
            warnings: Vec::new(),
        }
    }
}

/// One line for each rule in the order in which they are asked, the default, then those set aside.
impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for rule in &self.rules {
            writeln!(f, "{rule}")?;
        }
        f.write_str("default: ")?;
        self.default.write_terms(f)?;
        for rule in &self.set_aside {
            write!(f, "\nset aside: {rule}")?;
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<String, RulesError> {
    let mut bytes = Vec::new();
    // One byte past the limit, so that what is too long is noticed and what never ends is not read for ever.
    let limit = Rules::MAX_BYTES as u64 + 1;
    File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(RulesError::unreadable)?;
    if bytes.len() > Rules::MAX_BYTES {
        return Err(RulesError::too_long());
    }
    String::from_utf8(bytes).map_err(|_| RulesError::not_utf8())
}

#[cfg(test)]
mod tests;
