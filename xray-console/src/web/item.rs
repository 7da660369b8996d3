//! A trace as one line of a list: what `/traces` and `/live` show of it.

use maud::{Markup, html};
use xray_core::TraceId;

use super::shown;
use crate::query::{CauseKind, Facts, Flags, Label};
use crate::store::Row;
use crate::text::{clock, date_time, duration, path};
use crate::timeline::Mark;

/// Services named of a trace; how many there are besides is told.
const SERVICES: usize = 2;

/// What a list shows of a trace.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) id: TraceId,
    /// Seconds since the epoch.
    pub(super) start: f64,
    pub(super) mark: Mark,
    /// Something of it is in progress.
    pub(super) is_open: bool,
    /// A segment of it came, not subsegments alone.
    has_root: bool,
    /// Something in it was throttled, though the whole was not.
    was_throttled: bool,
    service: String,
    method: Option<String>,
    path: Option<String>,
    status: Option<i32>,
    /// Seconds of the root segment.
    pub(super) response: Option<f64>,
    /// Seconds of the whole.
    duration: Option<f64>,
    /// Without those that sent nothing themselves.
    services: Vec<String>,
    segments: usize,
    /// The last exception of the first cause.
    exception: Option<String>,
}

impl Item {
    pub(super) fn of(row: &Row) -> Item {
        let facts = &row.facts;
        let root = facts.root();
        let own = |text: Option<&str>| text.map(str::to_owned);
        let sent = facts.segments().iter().filter(|segment| !segment.record.flags.has(Flags::INFERRED));
        let mut services: Vec<String> = Vec::new();
        let mut segments = 0;
        for name in sent.filter_map(|segment| facts.text(segment.name)) {
            segments += 1;
            // As many as are shown are told apart from all; of the rest, neighbours.
            if services.len() < 64 && !services.iter().any(|known| known == name) {
                services.push(name.to_owned());
            }
        }
        let mark = mark(facts);
        Item {
            id: *row.id(),
            start: facts.start_time().unwrap_or_default(),
            mark,
            is_open: facts.is_partial(),
            has_root: root.is_some(),
            was_throttled: facts.is_throttled() && mark != Mark::Throttle,
            service: own(root.and_then(|root| facts.text(root.name))).unwrap_or_default(),
            method: own(facts.label(0, Label::Method)),
            path: facts.label(0, Label::Url).map(|url| path(url).to_owned()),
            status: root.and_then(|root| root.record.status()),
            response: root.and_then(|root| root.record.seconds()),
            duration: facts.duration(),
            services,
            segments,
            exception: exception(facts),
        }
    }

    /// The line, as a row of a table; `longest` seconds fill the bar.
    pub(super) fn row(&self, longest: f64) -> Markup {
        let (letter, class, word) = mark_of(self.mark);
        let more = self.services.len().saturating_sub(SERVICES);
        html! {
            tr data-id=(self.id) data-mark=(class) data-response=[self.response] data-open[self.is_open] {
                td { (time(self.start)) }
                td {
                    a href={ "/t/" (self.id) } {
                        @if self.has_root { b { (shown(&self.service)) } } @else { "(no segment yet)" }
                        @if let Some(method) = &self.method { " " (shown(method)) }
                        @if let Some(path) = &self.path { " " (shown(path)) }
                    }
                    @if let Some(exception) = &self.exception { " " span.dim { (shown(exception)) } }
                }
                td.num.(class) title=(word) {
                    @if let Some(status) = self.status { (status) " " }
                    span.mark { (letter) }
                }
                td.num { (self.time_taken()) }
                td { (bar(self.response, longest, class)) }
                td.services {
                    @for (place, name) in self.services.iter().take(SERVICES).enumerate() {
                        @if place > 0 { ", " }
                        (shown(name))
                    }
                    @if more > 0 { " " span.dim { "+" (more) } }
                }
                td.num { (self.segments) }
                td {
                    @if self.is_open { span.open { "in progress" } " " }
                    @if self.was_throttled { span.throttle { "throttled" } " " }
                    @if self.is_long() { span.dim { (duration(self.duration.unwrap_or_default())) " in all" } }
                }
            }
        }
    }

    fn time_taken(&self) -> Markup {
        html! {
            @match self.response {
                Some(seconds) => { (duration(seconds)) }
                None if self.is_open => { span data-since=(self.start) { "open" } }
                None => { "-" }
            }
        }
    }

    /// Work went on long after the answer.
    fn is_long(&self) -> bool {
        self.response.zip(self.duration).is_some_and(|(response, all)| all > 2.0 * response && all - response > 0.001)
    }
}

/// Columns of [`Item::row`].
pub(super) const COLUMNS: [(&str, &str); 8] = [
    ("Time", ""),
    ("Request", ""),
    ("Status", "num"),
    ("Response", "num"),
    ("", "bars"),
    ("Services", ""),
    ("Segments", "num"),
    ("Notes", ""),
];

/// The head of a list that has one order only.
pub(super) fn head() -> Markup {
    html! {
        thead {
            tr { @for (name, class) in COLUMNS { th scope="col" class=[(!class.is_empty()).then_some(class)] { (heading(name)) } } }
        }
    }
}

/// The name of a column, for screen readers where it has none to see.
pub(super) fn heading(name: &str) -> Markup {
    html! { @if name.is_empty() { span.sr { "Response, drawn" } } @else { (name) } }
}

/// A time of day; scripts show it in the reader's time zone.
pub(super) fn time(seconds: f64) -> Markup {
    html! { time data-t=(format!("{seconds:.3}")) title={ (date_time(seconds)) " UTC" } { (clock(seconds)) } }
}

/// Letter, class and word of a mark.
pub(super) fn mark_of(mark: Mark) -> (&'static str, &'static str, &'static str) {
    match mark {
        Mark::Ok => ("", "ok", "ok"),
        Mark::Error => ("E", "error", "error: the caller's mistake"),
        Mark::Throttle => ("T", "throttle", "throttled: told to slow down"),
        Mark::Fault => ("F", "fault", "fault: the service failed"),
    }
}

/// How the request failed, by the segment that began the trace: the mark that the trace's own page shows.
pub(super) fn mark(facts: &Facts) -> Mark {
    let has = |flag| facts.root().is_some_and(|root| root.record.flags.has(flag));
    Mark::of_flags(has(Flags::FAULT), has(Flags::THROTTLE), has(Flags::ERROR))
}

fn exception(facts: &Facts) -> Option<String> {
    let causes = facts.causes().iter().filter(|cause| matches!(cause.kind, CauseKind::Fault | CauseKind::Error));
    let mut entities = causes.flat_map(|cause| facts.path(cause).iter().rev());
    let exception = entities.find_map(|entity| facts.exceptions(entity).first())?;
    let parts = [facts.text(exception.name), facts.text(exception.message)];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join(": "))
}

fn bar(seconds: Option<f64>, longest: f64, class: &str) -> Markup {
    let share = seconds.filter(|_| longest > 0.0).map_or(0.0, |seconds| (seconds / longest).clamp(0.0, 1.0));
    html! {
        @if share > 0.0 {
            svg.bar viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
                rect class={ (class) "-fill" } width=(format!("{:.1}", (share * 100.0).max(0.5))) height="10" {}
            }
        }
    }
}
