//! Which fields a set of rules may have where, and which wrong ones look like mistakes.
//!
//! An unknown field is usually somebody's note, so it is let through with a warning. But `fixedTarget` or `rates`
//! is a setting that would silently not count, so what is nearly a known field is refused.

/// Fields of the whole.
pub(super) const DOCUMENT: &[&str] = &["version", "default", "rules"];

/// Fields of the default rule. What it is called is nobody's concern, but SDKs let it be said.
pub(super) const DEFAULT: &[&str] = &["description", "fixed_target", "rate"];

/// Fields of a rule of version 1.
pub(super) const RULE_1: &[&str] = &["description", "service_name", "http_method", "url_path", "fixed_target", "rate"];

/// Fields of a rule of version 2: all there are.
pub(super) const RULE_2: &[&str] = &[
    "description",
    "host",
    "service_name",
    "service_type",
    "http_method",
    "url_path",
    "attributes",
    "priority",
    "fixed_target",
    "rate",
];

/// The known field that this unknown one was probably meant to be.
///
/// That is one which differs only in case and separators (`fixedTarget`, `url-path`), or by one letter added, lost,
/// changed or exchanged with its neighbour; two letters in names of more than five.
pub(super) fn meant(field: &str, known: &[&'static str]) -> Option<&'static str> {
    let field = letters(field);
    let distances = known.iter().map(|candidate| {
        let candidate_letters = letters(candidate);
        let allowed = if candidate_letters.len() > 5 { 2 } else { 1 };
        (distance(&field, &candidate_letters), allowed, *candidate)
    });
    distances
        .filter(|(distance, allowed, _)| distance <= allowed)
        .min_by_key(|(distance, ..)| *distance)
        .map(|(.., candidate)| candidate)
}

/// The letters and digits, in lower case. A name far longer than any known is cut, to bound the comparison.
fn letters(field: &str) -> Vec<char> {
    field
        .chars()
        .filter(|character| character.is_alphanumeric())
        .map(|character| character.to_ascii_lowercase())
        .take(32)
        .collect()
}

/// Stands for a cell outside the table, which is never asked for: more than any distance of 32 letters.
const FAR: usize = 1000;

/// Edits between two words, an exchange of neighbours counting as one (optimal string alignment).
fn distance(one: &[char], other: &[char]) -> usize {
    // The last two rows of the table of distances between starts of the words, older first.
    let mut older: Vec<usize> = Vec::new();
    let mut newer: Vec<usize> = (0..=other.len()).collect();
    let mut before = None;
    for (row, letter) in one.iter().enumerate() {
        let mut current = Vec::with_capacity(newer.len());
        let mut left = row + 1;
        current.push(left);
        let mut other_before = None;
        for (column, other_letter) in other.iter().enumerate() {
            let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(FAR);
            let changed = at(&newer, column) + usize::from(letter != other_letter);
            let mut least = changed.min(left + 1).min(at(&newer, column + 1) + 1);
            if before == Some(other_letter) && other_before == Some(letter) {
                // Both words have a letter before this one, so the older row and its column are there.
                least = least.min(at(&older, column.saturating_sub(1)) + 1);
            }
            current.push(least);
            left = least;
            other_before = Some(other_letter);
        }
        before = Some(letter);
        older = std::mem::replace(&mut newer, current);
    }
    newer.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_edits_and_exchanges() {
        let cases = [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("host", "host", 0),
            ("hots", "host", 1),
            ("hosts", "host", 1),
            ("hst", "host", 1),
            ("hast", "host", 1),
            ("ohst", "host", 1),
            ("kitten", "sitting", 3),
            ("ca", "abc", 3),
        ];
        for (one, other, expected) in cases {
            assert_eq!(distance(&letters(one), &letters(other)), expected, "{one} {other}");
            assert_eq!(distance(&letters(other), &letters(one)), expected, "{other} {one}");
        }
    }

    #[test]
    fn near_misses_are_recognised_and_notes_are_not() {
        let mistakes = [
            ("fixedTarget", "fixed_target"),
            ("fixed_taget", "fixed_target"),
            ("fixed-target", "fixed_target"),
            ("fixed_targets", "fixed_target"),
            ("FIXED_TARGET", "fixed_target"),
            ("rates", "rate"),
            ("Rate", "rate"),
            ("reate", "rate"),
            ("urlPath", "url_path"),
            ("url-path", "url_path"),
            ("urlpath", "url_path"),
            ("httpMethod", "http_method"),
            ("http_metod", "http_method"),
            ("hosts", "host"),
            ("Host", "host"),
            ("service_nam", "service_name"),
            ("serviceType", "service_type"),
            ("atributes", "attributes"),
            ("Priority", "priority"),
            ("desciption", "description"),
        ];
        for (field, expected) in mistakes {
            assert_eq!(meant(field, RULE_2), Some(expected), "{field}");
        }
        for field in [
            "name",
            "rule_name",
            "comment",
            "_comment",
            "note",
            "owner",
            "id",
            "team",
            "enabled",
            "$schema",
            "",
            "_",
            "path",
        ] {
            assert_eq!(meant(field, RULE_2), None, "{field}");
        }
        assert_eq!(meant("Version", DOCUMENT), Some("version"));
        assert_eq!(meant("defaults", DOCUMENT), Some("default"));
        assert_eq!(meant("rule", DOCUMENT), Some("rules"));
        assert_eq!(meant(&"x".repeat(1 << 20), DOCUMENT), None);
    }
}
