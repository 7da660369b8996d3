//! The pages in `docs` keep up with the code.
#![cfg(feature = "layer")]

use xray_core::document::limits;
use xray_core::sampling::Rules;
use xray_core::{Code, Counter, LateCapture, RuleCounts, SETTINGS, TraceHeader};

const DIAGNOSTICS: &str = include_str!("../../docs/diagnostics.md");
const DEFAULTS: &str = include_str!("../../docs/defaults.md");
const FIELDS: &str = include_str!("../../docs/fields.md");
const LIMITS: &str = include_str!("../../docs/limits.md");
const SAMPLING: &str = include_str!("../../docs/sampling.md");
const CALLSITE: &str = include_str!("../src/layer/callsite.rs");

#[test]
fn every_message_has_a_row() {
    let rows = DIAGNOSTICS.lines().filter_map(|line| line.strip_prefix("| XR"));
    let documented: Vec<String> = rows.filter_map(|row| row.get(..3)).map(|number| format!("XR{number}")).collect();
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(documented, codes);
}

#[test]
fn every_variable_has_a_row() {
    let mut variables: Vec<&str> =
        SETTINGS.iter().flat_map(|setting| setting.variables.iter().chain(setting.fallbacks)).copied().collect();
    variables.sort_unstable();
    let table = DEFAULTS.lines().filter(|line| line.starts_with("| "));
    let is_variable = |text: &&str| text.contains('_') && text.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let mut documented: Vec<&str> = table.flat_map(quoted).filter(is_variable).collect();
    documented.retain(|text| !["LOG_ERROR", "IGNORE_ERROR", "RUNTIME_ERROR"].contains(text));
    documented.sort_unstable();
    assert_eq!(documented, variables);
}

/// The names that the layer understands stand in one `match`; those that it only hands on, in its last arm.
#[test]
fn every_field_that_means_something_has_a_row() {
    let (_, arms) = CALLSITE.split_once("    match name {").unwrap();
    let (arms, _) = arms.split_once("_ => (Meaning::Metadata, name)").unwrap();
    let patterns = arms.lines().filter_map(|arm| arm.split_once("=>")).map(|(pattern, _)| pattern);
    let mut known: Vec<&str> = patterns.flat_map(|pattern| pattern.split('"').skip(1).step_by(2)).collect();
    known.retain(|name| !["message", "xray"].contains(name)); // an event's own text; a row of ours
    known.sort_unstable();

    let (_, table) = FIELDS.split_once("## OpenTelemetry's names").unwrap();
    let (table, _) = table.split_once("## Events").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.map(|row| row.split(" | ").next().unwrap_or_default());
    // `otel.kind` = `client`: what comes after the sign is a value.
    let mut documented: Vec<&str> = cells
        .flat_map(|cell| cell.split(" = ").next().unwrap().split(", "))
        .map(|name| name.trim_matches('`'))
        .collect();
    documented.sort_unstable();
    assert_eq!(documented, known);
}

#[test]
fn limits_are_those_of_the_code() {
    for (what, limit) in [
        ("document with its header line | 64,000 bytes", limits::DOCUMENT_BYTES == 64_000),
        ("name of a segment or subsegment | 200 characters", limits::NAME_CHARS == 200),
        ("URL | 250 characters", limits::URL_CHARS == 250),
        ("annotation key | letters, digits and `_`, 500 characters", limits::ANNOTATION_KEY_CHARS == 500),
        ("annotation text | 1,000", limits::ANNOTATION_TEXT_CHARS == 1000),
        ("annotations of a trace | 50", limits::ANNOTATIONS == 50),
        ("nesting of one document | 60 subsegments", limits::NESTED_SUBSEGMENTS == 60),
        ("trace header | 8 KiB", TraceHeader::MAX_READ == 8 * 1024),
        ("256 bytes are carried on", TraceHeader::MAX_DATA == 256),
        ("8 MiB of text, 10,000 rules", Rules::MAX_BYTES == 8 << 20 && Rules::MAX_RULES == 10_000),
        ("64 of them on the response", Rules::MAX_LATE == 64),
        ("patterns of 512 characters, 32 attributes a rule", Rules::MAX_PATTERN == 512 && Rules::MAX_ATTRIBUTES == 32),
        (
            "4,096 segments, and 16 MiB in all",
            LateCapture::DEFAULT_SEGMENTS == 4096 && LateCapture::DEFAULT_BYTES == 16 << 20,
        ),
        ("10 segments a second", LateCapture::DEFAULT_LIMIT == 10),
        ("the first 100 that decided anything", RuleCounts::MAX_ROWS == 100),
    ] {
        assert!(LIMITS.contains(what), "{what} is not in the page");
        assert!(limit, "{what} is not what the code holds");
    }
}

#[test]
fn the_rules_shown_are_those_of_the_example_and_of_the_code_beside_them() {
    let rules = include_str!("../../examples/sampling/rules.json");
    assert!(SAMPLING.contains(rules.trim_end()), "the page shows another file");
    for rule in Rules::parse(rules).unwrap().rules() {
        assert!(SAMPLING.contains(&format!("Rule::new({:?})", rule.name())), "{rule} is not in the page's code");
    }
    for counter in ["upstream_unsampled", "late_recorded", "late_no_room", "rules_refused"] {
        assert!(SAMPLING.contains(counter) && Counter::ALL.iter().any(|known| known.name() == counter), "{counter}");
    }
}

#[test]
fn counters_named_in_the_limits_exist() {
    let counters = Counter::ALL.iter().map(|counter| counter.name()).collect::<Vec<_>>();
    let named = LIMITS
        .lines()
        .flat_map(quoted)
        .filter(|text| text.len() > 1 && text.contains('_') && !text.contains([' ', ':']));
    let mut count = 0;
    for name in named {
        assert!(counters.contains(&name), "{name}");
        count += 1;
    }
    assert!(count > 0);
}

/// What stands between backticks in a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}
