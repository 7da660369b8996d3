//! A trace along time: head, bars, and what was recorded with it.

use std::collections::BTreeSet;
use std::fmt::Write;

use xray_core::document::{Annotation, Document};

use super::format::{cut, date_time, duration};
use super::waterfall::{Line, Waterfall};
use super::{Color, Style, escape, label};
use crate::query::Facts;
use crate::timeline::{Axis, Mark, Row, RowKind, Timeline};
use crate::{Filter, Trace};

/// Which rows are shown, and how.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ShowOptions {
    /// Rows shorter than so many seconds are hidden, unless they or what is beneath them failed or is open.
    pub min_seconds: f64,
    /// Rows beneath so many others are hidden.
    pub max_depth: usize,
    /// Only rows of the critical path.
    pub critical: bool,
    /// Only rows that this means, each taken for a trace of its own, and those above them.
    pub only: Option<Filter>,
    /// Fold long times in which nothing was active.
    pub fold: bool,
    /// Most rows shown; of the others the number is told.
    pub rows: usize,
}

impl Default for ShowOptions {
    /// Everything, up to 1,000 rows, gaps folded.
    fn default() -> ShowOptions {
        ShowOptions { min_seconds: 0.0, max_depth: usize::MAX, critical: false, only: None, fold: true, rows: 1_000 }
    }
}

/// Most annotations and exceptions that are shown.
const NOTES: usize = 20;

/// The trace as lines of text.
///
/// # Examples
///
/// ```
/// use xray_console::text::{ShowOptions, Style, show};
/// use xray_console::{Trace, demo};
/// use xray_core::document::Document;
///
/// let documents = demo::shop(1, 1465510280.0);
/// let documents: Vec<_> = documents.iter().map(|text| Document::parse(text).unwrap()).collect();
/// let trace = Trace::assemble(&documents[0].trace_id.clone().unwrap(), documents);
///
/// let text = show(&trace, &ShowOptions::default(), Style::new(120));
/// assert!(text.contains("api.stripe.com POST /v1/charges"));
/// ```
pub fn show(trace: &Trace, options: &ShowOptions, style: Style) -> String {
    let timeline = Timeline::of(trace);
    let (visible, hidden) = visible(trace, &timeline, options);
    let lines = lines(&timeline, &visible);
    let axis = if options.fold { Axis::folded(&timeline) } else { Axis::even(&timeline) };
    let waterfall = Waterfall::new(style, &axis, &lines);

    let mut text = head(trace, &timeline, style);
    text.push('\n');
    let drawn = std::iter::once(waterfall.ruler()).chain(lines.iter().map(|line| waterfall.line(line)));
    for line in drawn.chain(foot(trace, &timeline, &axis, hidden, style)) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn head(trace: &Trace, timeline: &Timeline<'_>, style: Style) -> String {
    let mut parts = vec![(escape(&trace.id).into_owned(), Color::Plain)];
    if let Some(root) = trace.root() {
        let request = root.document.http.as_ref().and_then(|http| http.request.as_ref());
        let method = request.and_then(|request| request.method.as_deref());
        let path = request.and_then(|request| request.url.as_deref()).map(label::path);
        let status = root.document.http_status().map(|status| status.to_string());
        let texts = [method, path, status.as_deref()].into_iter().flatten();
        parts.extend(texts.map(|text| (escape(text).into_owned(), Color::Plain)));
        let mark = Mark::of(&root.document);
        let word = match mark {
            Mark::Ok if root.document.in_progress => "IN PROGRESS",
            Mark::Ok => "OK",
            Mark::Error => "ERROR",
            Mark::Throttle => "THROTTLE",
            Mark::Fault => "FAULT",
        };
        parts.push((word.to_owned(), Color::of(mark)));
    }
    let of = |kind: &dyn Fn(&RowKind) -> bool| timeline.rows.iter().filter(|row| kind(&row.kind)).count();
    let segments = of(&|kind| *kind == RowKind::Segment);
    let subsegments = of(&|kind| matches!(kind, RowKind::Subsegment | RowKind::Call));
    let times = if timeline.gaps.is_empty() {
        duration(timeline.length)
    } else {
        format!("{} active, {} wall", duration(timeline.active()), duration(timeline.length))
    };
    let times = if style.ascii { times.replace('µ', "u") } else { times };
    let facts =
        [date_time(timeline.start) + " UTC", times, count(segments, "segment"), count(subsegments, "subsegment")];
    let lines = [wrap("", parts, style), wrap("", facts.map(|fact| (fact, Color::Dim)).into(), style)];
    lines.concat().join("\n")
}

/// What was recorded, and what is not shown.
fn foot(trace: &Trace, timeline: &Timeline<'_>, axis: &Axis, hidden: usize, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    for fold in axis.folds() {
        let (gap, after) = (duration(fold.seconds()), duration(fold.start));
        lines.push(format!("{} {gap} in which nothing was active, after {after}", style.pick("╱╱", "//")));
    }
    let documents = || timeline.rows.iter().filter_map(|row| row.document);
    let annotation = |(key, value): (&String, &Annotation)| {
        // Values hold no more than can be read at a glance.
        let value = serde_json::to_string(value).unwrap_or_default();
        cut(&format!("{}={}", escape(key), escape(&value)), 60, style.ascii)
    };
    let annotations: BTreeSet<String> =
        documents().flat_map(|document| document.annotations.iter().map(annotation)).take(10 * NOTES).collect();
    if !annotations.is_empty() {
        let annotations = annotations.into_iter().take(NOTES).map(|annotation| (annotation, Color::Plain));
        lines.extend(wrap("annotations", annotations.collect(), style));
    }
    let mut told = BTreeSet::new();
    for document in documents() {
        for exception in document.exceptions() {
            if told.len() < NOTES && told.insert(&exception.id) {
                lines.push(failure(document, exception, style));
            }
        }
    }
    if !trace.orphans.is_empty() {
        let orphans = count(trace.orphans.len(), "subsegment");
        let note = format!("? {orphans} whose segment never came: AWS X-Ray would not show it");
        lines.push(style.paint(Color::Yellow, &cut(&note, style.width, style.ascii)));
    }
    if hidden > 0 {
        lines.push(style.paint(Color::Dim, &format!("{} not shown", count(hidden, "row"))));
    }
    lines.iter().map(|line| if style.ascii { line.replace('µ', "u") } else { line.clone() }).collect()
}

fn failure(document: &Document, exception: &xray_core::document::Exception, style: Style) -> String {
    let mark = Mark::of(document);
    let word = match mark {
        Mark::Ok => "exception",
        Mark::Error => "error",
        Mark::Throttle => "throttle",
        Mark::Fault => "fault",
    };
    let kind = exception.kind.as_deref().unwrap_or("exception");
    let message = exception.message.as_deref().unwrap_or_default();
    let mut text = format!("{word:<11}  {}: {} in {}", escape(kind), escape(message), escape(&document.name));
    if let Some((path, line)) = exception.stack.first().and_then(|frame| Some((frame.path.as_ref()?, frame.line?))) {
        let _ = write!(text, " at {}:{line}", escape(path));
    }
    let color = if mark == Mark::Ok { Color::Plain } else { Color::of(mark) };
    style.paint(color, &cut(&text, style.width, style.ascii))
}

/// Words after a title, on as many lines as they need.
fn wrap(title: &str, words: Vec<(String, Color)>, style: Style) -> Vec<String> {
    let indent = super::columns(title);
    let mut lines = vec![(title.to_owned(), indent)];
    for (word, color) in words {
        let word = cut(&word, style.width.saturating_sub(indent + 2), style.ascii);
        let width = super::columns(&word);
        let Some((line, taken)) = lines.last_mut() else { break };
        let blanks = if *taken == 0 { "" } else { "  " };
        if *taken > indent && *taken + blanks.len() + width > style.width {
            let blanks = if indent > 0 { indent + 2 } else { 0 };
            lines.push((format!("{}{}", " ".repeat(blanks), style.paint(color, &word)), blanks + width));
        } else {
            let _ = write!(line, "{blanks}{}", style.paint(color, &word));
            *taken += blanks.len() + width;
        }
    }
    lines.into_iter().map(|(line, _)| line).collect()
}

/// Which rows are shown, by their index; and how many are not.
fn visible(trace: &Trace, timeline: &Timeline<'_>, options: &ShowOptions) -> (Vec<bool>, usize) {
    let is_meant = |row: &Row<'_>| options.only.as_ref().is_none_or(|only| is_meant(row, only, &trace.id));
    let mut visible: Vec<bool> = timeline.rows.iter().map(|row| is_wanted(row, options) && is_meant(row)).collect();
    // Who failed or was asked for is shown with all that is above, up to the depth that was asked for.
    for (index, row) in timeline.rows.iter().enumerate().rev() {
        let matters = row.mark != Mark::Ok || row.in_progress || options.only.is_some();
        let shows = visible.get(index).copied().unwrap_or(false) && matters;
        if let Some(parent) = row.parent.filter(|_| shows).and_then(|parent| visible.get_mut(parent)) {
            *parent |= !options.critical;
        }
    }
    let mut shown = 0;
    for row in &mut visible {
        *row = *row && shown < options.rows;
        shown += usize::from(*row);
    }
    let hidden = visible.len() - shown;
    (visible, hidden)
}

fn is_wanted(row: &Row<'_>, options: &ShowOptions) -> bool {
    let is_long = row.seconds() >= options.min_seconds || row.mark != Mark::Ok || row.in_progress;
    is_long && row.depth <= options.max_depth && (row.critical || !options.critical)
}

/// Whether the row alone, as a segment that called nobody, is a trace that the filter means.
fn is_meant(row: &Row<'_>, only: &Filter, trace: &str) -> bool {
    let Some(document) = row.document else { return false };
    let mut alone = document.clone();
    alone.subsegments.clear();
    alone.trace_id = Some(trace.to_owned());
    (alone.kind, alone.parent_id, alone.namespace) = (None, None, None);
    only.matches(&Facts::of(&Trace::assemble(trace, [alone])))
}

/// The rows that are shown, with their places in the tree of those.
fn lines<'r, 'a>(timeline: &'r Timeline<'a>, visible: &[bool]) -> Vec<Line<'r, 'a>> {
    let shown = |index: usize| visible.get(index).copied().unwrap_or(false);
    // The nearest row above that is shown: parents come before children.
    let mut above: Vec<Option<usize>> = Vec::with_capacity(timeline.rows.len());
    for row in &timeline.rows {
        let parent = row.parent.and_then(|parent| if shown(parent) { Some(parent) } else { *above.get(parent)? });
        above.push(parent);
    }
    let mut follows = vec![false; timeline.rows.len()];
    let mut seen = vec![false; timeline.rows.len()];
    for index in (0..timeline.rows.len()).rev().filter(|index| shown(*index)) {
        let parent = above.get(index).copied().flatten();
        if let Some((seen, follows)) = parent.and_then(|parent| seen.get_mut(parent)).zip(follows.get_mut(index)) {
            *follows = std::mem::replace(seen, true);
        }
    }
    let mut open: Vec<(usize, bool)> = Vec::new();
    let mut lines = Vec::new();
    for (index, row) in timeline.rows.iter().enumerate().filter(|(index, _)| shown(*index)) {
        let parent = above.get(index).copied().flatten();
        while open.last().is_some_and(|(last, _)| Some(*last) != parent) {
            open.pop();
        }
        open.push((index, follows.get(index).copied().unwrap_or(false)));
        // The margin has no branches, and far down nobody can follow them.
        let branches = open.iter().skip(1).map(|(_, follows)| *follows).take(64).collect();
        lines.push(Line { row, depth: open.len() - 1, follows: branches });
    }
    lines
}

pub(super) fn count(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
