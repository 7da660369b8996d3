//! `/traces`: the list.

use maud::html;

use super::answer::Answer;
use super::asked::Asked;
use super::frame::{Frame, Section};
use super::shown;
use crate::query::TraceSummary;

pub(super) fn show(asked: &Asked) -> Answer {
    let mut summaries = Vec::new();
    asked.store().scan(&asked.query.span(asked.now()).window(), |row| {
        summaries.push(TraceSummary::of(row.id.as_str(), &row.facts));
        summaries.len() < 100
    });
    let body = html! {
        ul { @for summary in &summaries { li { a href={ "/t/" (summary.id) } { (shown(&summary.id)) } } } }
    };
    asked.page(&Frame { command: "xrc traces", ..Frame::new(Section::Traces) }, body)
}
