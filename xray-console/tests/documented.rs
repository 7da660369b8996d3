//! What the documentation asks is in the language.

use xray_console::Filter;

const RUNBOOK: &str = include_str!("../../docs/runbook.md");

#[test]
fn every_question_of_the_runbook_can_be_asked() {
    let questions: Vec<&str> = RUNBOOK
        .split("`xrc traces '")
        .skip(1)
        .map(|rest| rest.split_once("'`").expect("an expression in quotes").0)
        .collect();
    assert!(questions.len() > 10, "{questions:?}");
    for question in questions {
        if let Err(error) = Filter::parse(question) {
            panic!("{question}: {error}");
        }
    }
}
