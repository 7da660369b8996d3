//! Conditions that links write into the filter box.
//!
//! An expression is taken apart into the conditions that all have to hold, so that a link can add one or take it away.

use crate::filter::{Expression, Filter, FilterError};
use crate::query::AnnotationValue;

/// `service("shop")`.
pub(super) fn service(name: &str) -> String {
    format!("service({})", text(name))
}

/// `http.url = "…"`, `user = "…"`.
pub(super) fn equals(keyword: &str, value: &str) -> String {
    format!("{keyword} = {}", text(value))
}

/// `annotation.tier = "gold"`; none for an empty key or a number that cannot be written.
pub(super) fn annotation(key: &str, value: &AnnotationValue) -> Option<String> {
    let word = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.' | '-');
    if key.is_empty() {
        return None;
    }
    let place = match key.chars().all(word) {
        true => format!("annotation.{key}"),
        false => format!("annotation[{}]", text(key)),
    };
    Some(match value {
        AnnotationValue::Text(value) => format!("{place} = {}", text(value)),
        AnnotationValue::Number(value) if value.is_finite() => format!("{place} = {value}"),
        AnnotationValue::Number(_) => return None,
        AnnotationValue::Bool(value) => format!("{place} = {value}"),
    })
}

/// A text as filter expressions write it.
pub(super) fn text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The conditions of an expression that all have to hold, in one spelling; none if it is no expression.
pub(super) fn parts(filter: Option<&str>, parse: impl Fn(&str) -> Result<Filter, FilterError>) -> Option<Vec<String>> {
    let Some(filter) = filter else { return Some(Vec::new()) };
    let filter = parse(filter).ok()?;
    let bracketed = |one: &Expression| match one {
        Expression::Any(_) => format!("({one})"),
        one => one.to_string(),
    };
    Some(match filter.expression() {
        Expression::All(all) => all.iter().map(bracketed).collect(),
        one => vec![bracketed(one)],
    })
}

/// The expression with this condition, or without it if it has it; and whether it has it. What is no expression is
/// replaced.
pub(super) fn toggled(
    filter: Option<&str>,
    condition: &str,
    parse: impl Fn(&str) -> Result<Filter, FilterError>,
) -> (String, bool) {
    let mut parts = parts(filter, &parse).unwrap_or_default();
    let spelled = parse(condition).map_or_else(|_| condition.to_owned(), |filter| filter.to_string());
    let before = parts.len();
    parts.retain(|part| *part != spelled);
    let has = parts.len() < before;
    if !has {
        parts.push(spelled);
    }
    (joined(&parts), has)
}

/// What of an expression stays where other limits of the response time are added to it with `AND`: all but limits as the
/// histogram writes them.
pub(super) fn but_limits(filter: Option<&str>, parse: impl Fn(&str) -> Result<Filter, FilterError>) -> String {
    let mut parts = parts(filter, parse).unwrap_or_default();
    parts.retain(|part| !part.starts_with("responsetime >= ") && !part.starts_with("responsetime < "));
    parts.join(" AND ")
}

/// Conditions as one expression.
pub(super) fn joined(parts: &[String]) -> String {
    match parts {
        // Alone it needs no brackets.
        [one] => one.strip_prefix('(').and_then(|one| one.strip_suffix(')')).unwrap_or(one).to_owned(),
        parts => parts.join(" AND "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_added_and_taken_away_again() {
        for (filter, condition, expected) in [
            ("", "fault", "fault"),
            ("fault", "fault", ""),
            ("fault OR error", "ok", "(fault OR error) AND ok"),
            ("(fault OR error) AND ok", "ok", "fault OR error"),
            ("FAULT  service(\"a\")", "http.status = 500", "fault AND service(\"a\") AND http.status = 500"),
            ("this is none", "fault", "fault"),
        ] {
            let filter = Some(filter).filter(|filter| !filter.is_empty());
            assert_eq!(toggled(filter, condition, Filter::parse).0, expected, "{filter:?}");
        }
        assert!(toggled(Some("fault AND ok"), "ok", Filter::parse).1);
    }

    #[test]
    fn limits_are_added_to_the_whole_of_an_expression_and_in_the_place_of_older_ones() {
        for (filter, expected) in [
            ("", ""),
            ("fault", "fault"),
            ("(fault) OR (error)", "(fault OR error)"),
            ("fault OR(error)", "(fault OR error)"),
            ("fault\nor\nerror", "(fault OR error)"),
            ("(fault OR error) AND responsetime >= 1 AND responsetime < 2", "(fault OR error)"),
            ("responsetime >= 1 AND responsetime < 2", ""),
            ("responsetime > 1 AND service(\"a OR b\")", "responsetime > 1 AND service(\"a OR b\")"),
            ("this is none", ""),
        ] {
            assert_eq!(
                but_limits(Some(filter).filter(|filter| !filter.is_empty()), Filter::parse),
                expected,
                "{filter}"
            );
        }
    }

    #[test]
    fn whatever_a_name_holds_the_condition_is_one_that_parses() {
        for name in ["", "a", "\"", "\\", "\\\"", "</script>", "\0\u{202e}\n", "#[", "東京"] {
            let value = AnnotationValue::Text(name.to_owned());
            let all = [service(name), equals("user", name)];
            for condition in all.into_iter().chain(annotation(name, &value)) {
                let parsed = Filter::parse(&condition).unwrap_or_else(|error| panic!("{condition}: {error}"));
                assert_eq!(Filter::parse(&parsed.to_string()), Ok(parsed), "{condition}");
            }
        }
    }
}
