//! `/map`: the service map, drawn here and working without JavaScript; `ui/map.js` keeps it up to date, and lets it be
//! moved and enlarged.
//!
//! | parameter | says |
//! |---|---|
//! | `q`, `w`, `from`, `to` | of which traces the map is |
//! | `trace` | in their place: the id of the only trace it is of |
//! | `z` | for the script: what of the picture is in view, `x,y,width,height` in its own units |
//! | `sel` | the node or edge whose panel is open, by its [key](view) |
//! | `part=map` | what is inside the frame, for the script |
//! | `at` | with it: where nodes stood, so that they stay there while others come |
//!
//! A page that is loaded anew is laid out anew; nothing of it is kept here.

mod drawing;
mod expression;
mod histogram;
mod links;
mod panel;
mod ring;
mod table;
#[cfg(test)]
mod tests;
mod view;
mod words;

use http::StatusCode;
use maud::{Markup, html};
use xray_core::TraceId;

use super::answer::Answer;
use super::asked::Asked;
use super::frame::{Frame, Section};
use super::shown;
use super::shown::quoted;
use super::wrong::wrong;
use crate::Filter;
use crate::api::GetTraceGraph;
use crate::graph::Service;
use crate::store::Row;
use links::Links;
use view::View;

pub(super) fn show(asked: &Asked) -> Answer {
    let span = asked.query.span(asked.now());
    let trace: Option<TraceId> = asked.query.get("trace").and_then(|id| id.parse().ok());
    let filter = asked.query.filter().map(|filter| asked.api().parsed(filter)).transpose();
    let error = filter.as_ref().err().map(|error| wrong(asked, error, "/map"));
    // What is no expression means no trace.
    let is_meant = |row: &Row| match &filter {
        Ok(filter) => filter.as_ref().is_none_or(|filter| filter.matches(&row.facts)),
        Err(_) => false,
    };
    let ((services, traces), seconds) = match trace {
        Some(id) => (of_one(asked, id), 0.0),
        None => {
            let seconds = if span.start.is_finite() { span.end.min(asked.now()) - span.start } else { 0.0 };
            (asked.api().map(&span.window(), is_meant), seconds)
        }
    };
    let body = body(&services, traces, &Links { query: &asked.query, seconds, trace });
    if asked.part() == Some("map") {
        return Answer::part(body);
    }
    let filter = asked.query.filter().map(|filter| format!(" {}", quoted(filter))).unwrap_or_default();
    let command = match trace {
        Some(id) => format!("xrc map --trace {id}"),
        None => format!("xrc map{filter}{}", span.option(asked.now())),
    };
    let title = title(&services);
    let frame = Frame {
        title: &title,
        command: &command,
        error: error.as_ref(),
        styles: &["map.css"],
        scripts: &["map.js"],
        ..Frame::new(Section::Map)
    };
    let answer = asked.page(&frame, body);
    if error.is_some() { answer.with_status(StatusCode::BAD_REQUEST) } else { answer }
}

/// The map of a single trace, and 1; of one that is not here, nothing.
fn of_one(asked: &Asked, id: TraceId) -> (Vec<Service>, u64) {
    let one = GetTraceGraph { trace_ids: vec![id.as_str().to_owned()], next_token: None };
    let services = asked.api().call(one).map(|answer| answer.services).unwrap_or_default();
    (services, u64::from(asked.store().info(id.as_str()).is_some()))
}

/// What is inside the frame.
fn body(services: &[Service], traces: u64, links: &Links<'_>) -> Markup {
    let view = View::of(services, links.query.get("at"));
    let selected = links.selection().and_then(|key| view.selected(key));
    html! {
        div #map {
            div.summary {
                h1 { "Service map" }
                p #map-size {
                    (words::size(&view)) ", "
                    @match links.trace {
                        Some(id) => { "of trace " a href={ "/t/" (id) } { (id) } }
                        None => (words::count(traces, "trace")),
                    }
                }
                @if view.more > 0 {
                    p.notice { (words::count(view.more as u64, "node")) " with fewer requests not shown: a filter makes the map smaller" }
                }
                (legend())
                div #map-tools role="group" aria-label="Zoom" hidden {
                    button type="button" data-zoom="in" aria-label="Zoom in" title="Zoom in (w, or Ctrl and the wheel)" { "+" }
                    button type="button" data-zoom="out" aria-label="Zoom out" title="Zoom out (s, or Ctrl and the wheel)" { "−" }
                    button type="button" data-zoom="all" title="Show the whole map (0)" { "All" }
                }
            }
            @if view.nodes.is_empty() {
                (empty(links))
            } @else {
                div.stage.with-panel[selected.is_some()] {
                    div #map-picture { (drawing::drawing(&view, links)) }
                    @if let Some(selected) = selected { (panel::panel(&view, selected, links)) }
                }
                @if selected.is_none() && links.selection().is_some() {
                    p.notice { "What the address selects is not in this map." }
                }
                (table::tables(&view, links))
            }
        }
    }
}

fn legend() -> Markup {
    html! {
        ul #map-legend aria-label="Legend" {
            @for (word, letter, what) in
                [("ok", "✓", "ok"), ("throttle", "T", "throttle (429)"), ("error", "E", "error (4xx)"), ("fault", "F", "fault (5xx)")]
            {
                li { span class={ "mark " (word) } aria-hidden="true" { (letter) } " " (what) }
            }
        }
    }
}

fn empty(links: &Links<'_>) -> Markup {
    html! {
        div.empty {
            @if let Some(id) = links.trace {
                p { "Nothing is here of this trace. " a href={ "/t/" (id) } { "Why?" } }
            } @else if let Some(filter) = links.query.filter() {
                @if Filter::parse(filter).is_ok() {
                    p { "No trace of this time matches " code { (shown(filter)) } "." }
                } @else {
                    p { "Nothing is shown, for " code { (shown(filter)) } " is not understood." }
                }
                p { a href=(links.query.carried().without("q").href("/map")) { "Show the map without the filter" } }
            } @else {
                p { "No traces in this time." }
                p { a href=(links.query.with("w", "all").only(&["w"]).href("/map")) { "Look at all there is" } " or send some: " code { "xrc demo" } }
            }
        }
    }
}

/// `2 of 12 nodes red`: the state, for the window's title.
fn title(services: &[Service]) -> String {
    let services = services.iter().filter_map(|service| service.summary_statistics);
    let (mut all, mut red) = (0_u64, 0_u64);
    for statistics in services {
        all += 1;
        red += u64::from(ring::health(Some(&statistics)) == "red");
    }
    if red == 0 { "Map".to_owned() } else { format!("{red} of {all} red - Map") }
}
