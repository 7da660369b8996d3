//! The pages in `docs` keep up with the code, and with one another.
#![cfg(feature = "layer")]
#![allow(clippy::unwrap_used, clippy::panic)] // tests fail by panics

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use xray_core::document::limits;
use xray_core::sampling::Rules;
use xray_core::{Code, Counter, LateCapture, RuleCounts, SETTINGS, TraceHeader};

const DIAGNOSTICS: &str = include_str!("../../docs/diagnostics.md");
const DEFAULTS: &str = include_str!("../../docs/defaults.md");
const FIELDS: &str = include_str!("../../docs/fields.md");
const LIMITS: &str = include_str!("../../docs/limits.md");
const PRODUCTION: &str = include_str!("../../docs/production.md");
const SAMPLING: &str = include_str!("../../docs/sampling.md");
const SYMPTOMS: &str = include_str!("../../docs/where-are-my-traces.md");
const CALLSITE: &str = include_str!("../src/layer/callsite.rs");

#[test]
fn every_message_has_a_row() {
    let rows = DIAGNOSTICS.lines().filter_map(|line| line.strip_prefix("| XR"));
    let documented: Vec<String> = rows.filter_map(|row| row.get(..3)).map(|number| format!("XR{number}")).collect();
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(documented, codes);
}

#[test]
fn every_message_has_a_symptom_and_no_page_names_another() {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    for code in &codes {
        assert!(SYMPTOMS.contains(code), "{code} has no symptom");
    }
    for (page, text) in pages() {
        for found in text.match_indices("XR0").filter_map(|(at, _)| text.get(at..at + 5)) {
            assert!(codes.contains(&found), "{}: {found}", page.display());
        }
    }
}

#[test]
fn every_variable_that_a_page_names_is_one() {
    let known = |name: &str| {
        let mut variables = SETTINGS.iter().flat_map(|setting| setting.variables.iter().chain(setting.fallbacks));
        variables.any(|variable| *variable == name)
    };
    for (page, text) in pages() {
        let names = text.split(|c: char| !c.is_ascii_uppercase() && c != '_').map(|name| name.trim_matches('_'));
        for name in names.filter(|name| name.starts_with("XRAY_") || name.starts_with("AWS_XRAY_")) {
            assert!(known(name), "{}: {name}", page.display());
        }
    }
}

/// Links within the repository, to files and to headings.
#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    for (page, text) in &pages {
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
        for link in links.filter(|link| !link.contains("://")) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => page.clone(),
                path => page.parent().unwrap().join(path),
            };
            let Ok(target) = target.canonicalize() else { panic!("{}: {link}", page.display()) };
            if !heading.is_empty() {
                let headings = pages.get(&target).map(|text| headings(text)).unwrap_or_default();
                assert!(headings.iter().any(|known| known == heading), "{}: {link}: {headings:?}", page.display());
            }
        }
    }
}

/// What a program on a page uses stands there as a dependency, or in the README's application.
#[test]
fn every_crate_that_a_page_uses_is_named_on_it() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, application) = readme.split_once("```toml").unwrap();
    let (application, _) = application.split_once("```").unwrap();
    let mut count = 0;
    for (page, text) in pages() {
        // A part that is code begins with its language.
        let parts: Vec<&str> = text.split("\n```").collect();
        let (code, rest) = parts.iter().partition::<Vec<&str>, _>(|part| part.starts_with("rust"));
        let named = |name: &str| rest.iter().chain([&application]).any(|part| part.contains(name));
        let lines = code.iter().flat_map(|code| code.lines()).filter(|line| !line.trim_start().starts_with("# "));
        for line in lines.filter_map(|line| line.trim_start().strip_prefix("use ")) {
            let name: String = line.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            assert!(name == "std" || named(&name) || named(&name.replace('_', "-")), "{}: {name}", page.display());
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
}

#[test]
fn every_page_is_in_the_index() {
    let index = fs::read_to_string(root().join("docs/README.md")).unwrap();
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_page = name.ends_with(".md") && name != "README.md";
        assert!(!is_page || index.contains(&format!("]({name})")), "{name}");
    }
}

#[test]
fn counters_to_watch_exist() {
    let (_, table) = PRODUCTION.split_once("| counter |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let lowercase = |text: &&str| text.contains('_') && text.chars().all(|c| c == '_' || c.is_ascii_lowercase());
    let names: Vec<&str> = table.lines().flat_map(quoted).filter(lowercase).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        assert!(Counter::ALL.iter().any(|counter| counter.name() == name), "{name}");
    }
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

/// Every page of the repository that is written by hand for its users, by its path.
fn pages() -> BTreeMap<PathBuf, String> {
    let root = root();
    let folders = ["", "docs", "deploy", "deploy/iam", "bench"].map(|folder| root.join(folder)).into_iter();
    let examples = fs::read_dir(root.join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let crates = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path());
    let crates = crates.filter(|path| path.join("src/lib.rs").exists());
    let files = folders
        .chain(examples)
        .chain(crates)
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path());
    let pages: BTreeMap<PathBuf, String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .collect();
    assert!(pages.len() > 20, "{pages:?}");
    pages
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().canonicalize().unwrap()
}

/// The names by which a page's headings are linked to, as GitHub makes them.
fn headings(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    lines.map(|line| line.to_lowercase().chars().filter(|c| kept(*c)).collect::<String>().replace(' ', "-")).collect()
}

/// What stands between backticks in a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}
