//! Rules from JSON. The values are walked by hand, so that an error can name rule, field, value and mend.

mod twice;

use serde_json::{Map, Value};

use super::error::{RulesError, RulesErrorKind};
use super::fields::{DEFAULT, DOCUMENT, RULE_1, RULE_2, meant};
use super::{Rule, Rules};

/// As [`Rules::parse`].
pub(super) fn rules(json: &str) -> Result<Rules, RulesError> {
    if json.len() > Rules::MAX_BYTES {
        return Err(RulesError::too_long());
    }
    // Editors on Windows put a byte order mark there, which JSON does not know.
    let json = json.strip_prefix('\u{feff}').unwrap_or(json);
    let document: Value = serde_json::from_str(json)
        .map_err(|error| RulesError::new(RulesErrorKind::NotJson, format!("the text is not JSON: {error}")))?;
    if let Some((above, field)) = twice::find(json) {
        return Err(given_twice(&document, &above, &field));
    }
    let mut rules = Rules::default();
    let place = Place::Document;
    let document = place.object("the text", &document)?;
    place.check_fields(document, DOCUMENT, &mut rules)?;

    let expected = "1 or 2";
    let version = match place.required(document, "version", expected)? {
        Value::Number(number) if number.as_f64() == Some(1.0) => Version::One,
        Value::Number(number) if number.as_f64() == Some(2.0) => Version::Two,
        other => return Err(place.invalid("version", other, expected)),
    };

    let default = place.required(document, "default", "an object with fixed_target and rate")?;
    let default = place.object("default", default)?;
    Place::Default.check_fields(default, DEFAULT, &mut rules)?;
    let (fixed_target, rate) = (Place::Default.fixed_target(default)?, Place::Default.rate(default)?);
    rules = rules.with_default(fixed_target, rate);

    let list = match document.get("rules") {
        None => &[],
        Some(Value::Array(list)) => list.as_slice(),
        Some(other) => return Err(place.invalid("rules", other, "a list of rules")),
    };
    if list.len() > Rules::MAX_RULES {
        let problem = format!("there are {} rules; at most {} are read", list.len(), Rules::MAX_RULES);
        return Err(RulesError::new(RulesErrorKind::TooLarge, problem).at_field("rules"));
    }
    let read: Result<Vec<Rule>, RulesError> =
        list.iter().enumerate().map(|(index, value)| rule(value, index + 1, version, &mut rules)).collect();
    let read = read?;
    let late = read.iter().filter(|rule| rule.is_late()).count();
    if late > Rules::MAX_LATE {
        let problem = format!("there are {late} rules on the response; at most {} are read", Rules::MAX_LATE);
        return Err(RulesError::new(RulesErrorKind::TooLarge, problem).at_field("rules"));
    }
    rules.add(read);
    Ok(rules)
}

/// A second value may be a slip of the pen: which of the two counts would be the reader's choice.
fn given_twice(document: &Value, above: &[String], field: &str) -> RulesError {
    let above: Vec<&str> = above.iter().map(String::as_str).collect();
    let (place, within) = match above.as_slice() {
        ["rules", number, within @ ..] => {
            let number = number.parse().unwrap_or_default();
            let rule = document.get("rules").and_then(|rules| rules.get(number - 1_usize.min(number)));
            let description = rule.and_then(|rule| rule.get("description")).and_then(Value::as_str).map(str::trim);
            (Place::Rule { number, description: description.unwrap_or_default(), version: Version::Two }, within)
        }
        ["default", within @ ..] => (Place::Default, within),
        within => (Place::Document, within),
    };
    let field = within.iter().copied().chain([field]).map(shown).collect::<Vec<_>>().join(".");
    place.error(RulesErrorKind::Twice, format!("{field} is given twice; expected it once")).at_field(&field)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

fn rule(value: &Value, number: usize, version: Version, rules: &mut Rules) -> Result<Rule, RulesError> {
    let description = value.get("description").and_then(Value::as_str).map(str::trim).unwrap_or_default();
    let place = Place::Rule { number, description, version };
    let object = place.object("the rule", value)?;
    place.check_fields(object, if version == Version::One { RULE_1 } else { RULE_2 }, rules)?;
    if let Some(other) = object.get("description").filter(|value| !value.is_string()) {
        return Err(place.invalid("description", other, "text"));
    }

    let rule = match description {
        "" => Rule::new(&format!("rule {number}")),
        name => Rule::new(name),
    };
    let host = if version == Version::One { "service_name" } else { "host" };
    let mut rule = rule
        .with_host(place.pattern(object, host)?)
        .with_method(place.pattern(object, "http_method")?)
        .with_path(place.pattern(object, "url_path")?)
        .with_fixed_target(place.fixed_target(object)?)
        .with_rate(place.rate(object)?);
    if version == Version::One {
        return Ok(rule);
    }
    if object.contains_key("service_name") {
        rule = rule.with_service(place.pattern(object, "service_name")?);
    }
    if object.contains_key("service_type") {
        rule = rule.with_service_type(place.pattern(object, "service_type")?);
    }
    if let Some(value) = object.get("priority") {
        let expected = "a whole number, 0 or more; rules with the lowest are asked first";
        let priority = whole(value).ok_or_else(|| place.invalid("priority", value, expected))?;
        rule = rule.with_priority(priority);
    }
    if let Some(value) = object.get("attributes") {
        let expected = "an object of attribute names and patterns, such as {\"tenant\": \"gold*\"}";
        let attributes = value.as_object().ok_or_else(|| place.invalid("attributes", value, expected))?;
        if attributes.len() > Rules::MAX_ATTRIBUTES {
            let problem = format!("attributes are {}; expected at most {}", attributes.len(), Rules::MAX_ATTRIBUTES);
            return Err(place.error(RulesErrorKind::TooLarge, problem).at_field("attributes"));
        }
        for (name, value) in attributes {
            let field = format!("attributes.{}", shown(name));
            let pattern = place.text_of_pattern(&field, value)?;
            rule = rule.with_attribute(name, pattern);
            // Another attribute of the response is the author's word for something we do not know, and only warned about.
            if let Some(wrong) = rule.never_met().filter(|wrong| wrong.is_known && wrong.name == name) {
                return Err(place.invalid(&field, value, wrong.expected));
            }
        }
    }
    Ok(rule)
}

const PATTERN: &str = "a pattern in quotes, such as \"*\"";

/// Where in the text we are, for errors.
#[derive(Clone, Copy)]
enum Place<'a> {
    Document,
    Default,
    Rule { number: usize, description: &'a str, version: Version },
}

impl Place<'_> {
    fn check_fields(
        self,
        object: &Map<String, Value>,
        allowed: &[&'static str],
        rules: &mut Rules,
    ) -> Result<(), RulesError> {
        for field in object.keys() {
            if allowed.contains(&field.as_str()) {
                continue;
            }
            // A rule is compared with the fields of all versions: `Host` is a mistake in version 1, too.
            let known = if let Place::Document = self { DOCUMENT } else { RULE_2 };
            if known.contains(&field.as_str()) {
                let problem = format!("{field} has no place here; {}", self.why_not(field));
                return Err(self.error(RulesErrorKind::Misplaced, problem).at_field(field));
            }
            if let Some(meant) = meant(field, known) {
                let problem = format!("{:?} is no known field; did you mean {meant}", shown(field));
                return Err(self.error(RulesErrorKind::Misspelt, problem).at_field(field));
            }
            let place = self.name().map(|name| format!("{name}: ")).unwrap_or_default();
            rules.warn(format!("{place}unknown field {:?} is ignored", shown(field)));
        }
        Ok(())
    }

    fn why_not(self, field: &str) -> &'static str {
        match (self, field) {
            (Place::Rule { .. }, "host") => "version 1 calls the host service_name; use that, or version 2",
            (Place::Rule { .. }, _) => "only version 2 knows it",
            _ => "the default rule is for every request that no other rule matches; put it into a rule",
        }
    }

    fn required<'v>(
        self,
        object: &'v Map<String, Value>,
        field: &str,
        expected: &str,
    ) -> Result<&'v Value, RulesError> {
        object.get(field).ok_or_else(|| {
            let mut problem = format!("{field} is missing; expected {expected}");
            let version_two = matches!(self, Place::Rule { version: Version::Two, .. });
            if version_two && field == "host" && object.contains_key("service_name") {
                problem.push_str(" (service_name is the host only in version 1, and the segment's name in version 2)");
            }
            self.error(RulesErrorKind::Missing, problem).at_field(field)
        })
    }

    fn object<'v>(self, field: &str, value: &'v Value) -> Result<&'v Map<String, Value>, RulesError> {
        value.as_object().ok_or_else(|| self.invalid(field, value, "an object"))
    }

    fn pattern<'v>(self, object: &'v Map<String, Value>, field: &str) -> Result<&'v str, RulesError> {
        let value = self.required(object, field, PATTERN)?;
        self.text_of_pattern(field, value)
    }

    fn text_of_pattern<'v>(self, field: &str, value: &'v Value) -> Result<&'v str, RulesError> {
        let text = value.as_str().ok_or_else(|| self.invalid(field, value, PATTERN))?;
        let length = text.chars().count();
        if length > Rules::MAX_PATTERN {
            let problem = format!(
                "{field} is a pattern of {length} characters ({}); expected at most {}",
                shown(text),
                Rules::MAX_PATTERN
            );
            return Err(self.error(RulesErrorKind::TooLarge, problem).at_field(field));
        }
        Ok(text)
    }

    fn fixed_target(self, object: &Map<String, Value>) -> Result<u32, RulesError> {
        let expected = "a whole number of traces each second, 0 or more";
        let value = self.required(object, "fixed_target", expected)?;
        whole(value).ok_or_else(|| self.invalid("fixed_target", value, expected))
    }

    fn rate(self, object: &Map<String, Value>) -> Result<f64, RulesError> {
        let expected = "a number from 0.0 to 1.0";
        let value = self.required(object, "rate", expected)?;
        let rate = value.as_f64().filter(|rate| (0.0..=1.0).contains(rate));
        rate.ok_or_else(|| self.invalid("rate", value, expected))
    }

    fn invalid(self, field: &str, value: &Value, expected: &str) -> RulesError {
        let problem = format!("{field} is {}; expected {expected}", shown(&value.to_string()));
        self.error(RulesErrorKind::Invalid, problem).at_field(field)
    }

    fn error(self, kind: RulesErrorKind, problem: String) -> RulesError {
        RulesError::new(kind, problem).in_rule(self.name())
    }

    fn name(self) -> Option<String> {
        match self {
            Place::Document => None,
            Place::Default => Some("default rule".to_owned()),
            Place::Rule { number, description: "", .. } => Some(format!("rule {number}")),
            Place::Rule { number, description, .. } => Some(format!("rule {number} ({:?})", shown(description))),
        }
    }
}

/// A whole number that fits, also when it is written `10.0`.
fn whole(value: &Value) -> Option<u32> {
    let number = value.as_f64()?;
    let fits = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    fits.then_some(number as u32)
}

/// A piece of configuration for a message, cut after 60 characters.
fn shown(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
