//! Whatever is written.

use proptest::prelude::*;
use proptest::sample::select;

use super::{Filter, groups, parse, traces};

const SIMPLE: [&str; 22] = [
    "ok",
    "throttle != false",
    "partial = true",
    "inferred",
    "responsetime",
    "duration >= 0.25",
    "http.status != 200",
    "http.url",
    "http.method ENDSWITH \"T\"",
    "user CONTAINS \"a\\\"\\\\ä\"",
    "annotation.tier",
    "annotation[\"a b\"] = -1.5",
    "annotation.order-id.x = true",
    "annotation.n < 3",
    "service()",
    "service(id(type: \"AWS::Lambda\", account.id: \"1\")) { !root AND (fault OR index.x) }",
    "edge(\"a\", id(name: \"b\", type: \"c\")) { http.status > 499 OR inferred = false }",
    "group.name = \"slow\"",
    "rootcause.error.service",
    "rootcause.responsetime.entity { coverage > 0.5 first last = true }",
    "rootcause.fault.exception { message CONTAINS \"x\" OR index = 0 }",
    "rootcause.json = #[{\"Services\":[{\"EntityPath\":[{\"Exceptions\":[{\"Message\":\"é\"}]}]}]}]",
];

fn expression() -> impl Strategy<Value = String> {
    let simple = select(&SIMPLE[..]).prop_map(|text| text.replace("index.x", "error"));
    simple.prop_recursive(6, 40, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| format!("!({inner})")),
            inner.clone().prop_map(|inner| format!("({inner})")),
            (proptest::collection::vec(inner, 2..4), select(&[" AND ", " OR ", " and ", " "][..]))
                .prop_map(|(all, between)| all.join(between)),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_parses_to_itself_and_means_the_same(text in expression()) {
        let filter = parse(&text);
        let again = parse(&filter.to_string());
        prop_assert_eq!(&again, &filter);
        for (_, facts) in traces::all() {
            prop_assert_eq!(again.matches(&facts), filter.matches(&facts));
        }
    }

    #[test]
    fn any_text_parses_or_fails_quietly(text in ".{0,200}") {
        let _ = Filter::parse_with(&text, groups);
    }

    #[test]
    fn any_words_parse_or_fail_with_a_place(words in proptest::collection::vec(select(&[
        "ok", "!", "(", ")", "{", "}", "[", "]", ",", ":", "=", "!=", "<", "AND", "OR", "service", "edge", "id", "name",
        "annotation", "annotation.a", "rootcause.fault.entity", "rootcause.json", "#", "[]", "#[{}]", "\"a\"", "5",
        "true", "duration", "http.url", "CONTAINS", "group.name", "\"slow\"", "\\", "é",
    ][..]), 0..20)) {
        let text = words.join(" ");
        match Filter::parse_with(&text, groups) {
            Ok(filter) => prop_assert_eq!(parse(&filter.to_string()), filter),
            Err(error) => prop_assert!(text.is_char_boundary(error.position()), "{}", error),
        }
    }
}
