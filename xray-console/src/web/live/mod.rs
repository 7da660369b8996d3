//! `/live`: traces as they end, and open ones while they run.

mod stream;

use maud::html;

use super::answer::Answer;
use super::asked::Asked;
use super::frame::{Frame, Section};
use super::health::is_health_check;
use super::item::{Item, head};
use super::shown::quoted;
use super::wrong;
use crate::store::Window;

pub(super) use stream::{EVENTS, FOLLOWERS, follow};

/// Lines to begin with.
const LINES: usize = 30;

pub(super) fn show(asked: &Asked) -> Answer {
    let filter = asked.query.filter().map(|text| asked.api().parsed(text)).transpose();
    let error = filter.as_ref().err().map(|error| wrong::wrong(asked, error, "/live"));
    let mut items = Vec::new();
    if let Ok(filter) = &filter {
        asked.store().scan(&Window::ALL, |row| {
            if filter.as_ref().is_none_or(|filter| filter.matches(&row.facts)) && !is_health_check(&row.facts) {
                items.push(Item::of(row));
            }
            items.len() < LINES
        });
    }
    let longest = items.iter().filter_map(|item| item.response).fold(0.0, f64::max);
    let expression = asked.query.filter().map(|filter| format!(" {}", quoted(filter))).unwrap_or_default();
    let body = html! {
        h1.sr { "Live" }
        p.state {
            span #state role="status" { "Live needs JavaScript; without it, this is how things were when the page was asked for." }
            button #pause type="button" hidden { "Pause" }
        }
        div.wide { table #list { (head()) tbody { @for item in &items { (item.row(longest)) } } } }
        @if items.is_empty() { p #waiting.dim { "Waiting for traces at UDP " (asked.pages.udp) "." } }
    };
    let command = format!("xrc tail{expression}");
    let frame = Frame {
        command: &command,
        error: error.as_ref(),
        styles: &["traces.css"],
        scripts: &["live.js"],
        ..Frame::new(Section::Live)
    };
    let answer = asked.page(&frame, body);
    if error.is_some() { answer.with_status(http::StatusCode::BAD_REQUEST) } else { answer }
}
