//! Any text as a filter expression: it is refused with a place, or it prints as itself and can be held against a trace.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use xray_console::filter::{Filter, Group};
use xray_console::query::Facts;
use xray_console::{Trace, demo};
use xray_core::document::Document;

static TRACES: LazyLock<Vec<Facts>> = LazyLock::new(|| {
    let facts = |number| {
        let documents = demo::shop(number, 1_465_510_280.0).into_iter().filter_map(|text| Document::parse(text).ok());
        Facts::of(&Trace::assemble("1-5759e988-bd862e3fe1be46a994272793", documents))
    };
    [17, 18, 30, 99].map(facts).into()
});

/// A group, and one that is part of itself.
fn groups(group: Group<'_>) -> Option<String> {
    match group {
        Group::Name("a") => Some("fault OR group.name = \"b\"".to_owned()),
        Group::Name("b") => Some("responsetime > 1".to_owned()),
        Group::Name("c") => Some("ok AND group.name = \"c\"".to_owned()),
        _ => None,
    }
}

fuzz_target!(|text: &str| {
    match Filter::parse_with(text, groups) {
        Err(error) => {
            assert!(text.is_char_boundary(error.position()) && error.column() >= 1);
            assert!(!error.to_string().contains('\u{1b}'));
        }
        Ok(filter) => {
            let again = Filter::parse_with(&filter.to_string(), groups).expect("what is printed parses");
            assert_eq!(again, filter);
            for facts in TRACES.iter() {
                assert_eq!(again.matches(facts), filter.matches(facts));
            }
        }
    }
});
