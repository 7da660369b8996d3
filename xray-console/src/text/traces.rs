//! A list of traces.
//!
//! ```text
//! TIME      TRACE                                REQUEST                   STATUS  RESPONSE           DURATION  FLAGS
//! 14:02:31  1-6b02f3a1-8fd2bd9779286d079b507bfe  checkout POST /orders      500 F   1.284s ██████████     4m14s  fault
//! ```

use super::format::{clock, cut, duration, fit, right};
use super::{Color, Style, columns, escape, label, letter};
use crate::query::TraceSummary;
use crate::timeline::Mark;

/// Columns of the bar that compares response times.
const BAR: usize = 8;

/// Where in an id the time ends: `1-5759e988-…`.
const RANDOM: usize = 11;

/// A line for each trace, in the order given. Times of day are in UTC.
///
/// Where the width does not reach for a whole trace id, a part of it is shown, which `xrc show` takes as well: of what
/// is random in it, for the rest is the time. Below 72 columns there is no duration, below 60 there are no flags (`~` is
/// what is under way), below 50 no time of day.
pub fn traces(summaries: &[TraceSummary], style: Style) -> String {
    let longest = summaries.iter().filter_map(|summary| summary.response_time).fold(0.0, f64::max);
    let names: Vec<String> = summaries.iter().map(|summary| request(summary, style)).collect();
    let flags: Vec<String> = summaries.iter().map(flags).collect();
    // What has a width of its own, and the blanks between.
    let time_width = if style.width >= 50 { 8 + 2 } else { 0 };
    let bar_width = if style.width >= 100 { BAR + 1 } else { 0 };
    let duration_width = if style.width >= 72 { 8 + 2 } else { 0 };
    let longest_flags = flags.iter().map(String::len).max().unwrap_or(0).clamp(5, style.width / 6);
    let flag_width = if style.width >= 60 { longest_flags + 2 } else { 0 };
    let fixed = time_width + 2 + 5 + 2 + 8 + bar_width + duration_width + flag_width;
    let free = style.width.saturating_sub(fixed);
    let wanted = names.iter().map(|name| columns(name)).max().unwrap_or(0).max(7);
    let id_width = if free >= 35 + wanted.min(30) + 2 { 35 } else { 11 };
    let request_width = free.saturating_sub(id_width + 2).clamp(1, wanted);

    let mut lines = vec![
        style.paint(
            Color::Dim,
            format!(
                "{}{}  {}  STAT   RESPONSE{}{}{}",
                if time_width > 0 { "TIME      " } else { "" },
                fit("TRACE", id_width, style.ascii),
                fit("REQUEST", request_width, style.ascii),
                " ".repeat(bar_width),
                if duration_width > 0 { "  DURATION" } else { "" },
                if flag_width > 0 { "  FLAGS" } else { "" },
            )
            .trim_end(),
        ),
    ];
    for ((summary, name), flags) in summaries.iter().zip(&names).zip(&flags) {
        let mark = Mark::of_summary(summary);
        let color = if mark == Mark::Ok { Color::Plain } else { Color::of(mark) };
        let status = summary.http.http_status.map(|status| status.to_string()).unwrap_or_default();
        let time = |seconds: Option<f64>| {
            let text = seconds.map(duration).unwrap_or_default();
            if style.ascii { text.replace('µ', "u") } else { text }
        };
        let bar = style.paint(Color::of(mark), &bar(summary.response_time, longest, style));
        let letter = if mark == Mark::Ok && flag_width == 0 && summary.is_partial { '~' } else { letter(mark) };
        let started = summary.start_time.map_or_else(|| "-".to_owned(), clock);
        let line = format!(
            "{}{}  {}  {}  {}{}{}{}",
            if time_width > 0 { format!("{}  ", right(&started, 8)) } else { String::new() },
            fit(&id(&escape(&summary.id), id_width, style), id_width, style.ascii),
            style.paint(color, &fit(name, request_width, style.ascii)),
            style.paint(color, &format!("{status:>3} {letter}")),
            right(&time(summary.response_time), 8),
            if bar_width > 0 { format!(" {bar}") } else { String::new() },
            if duration_width > 0 { format!("  {}", right(&time(summary.duration), 8)) } else { String::new() },
            if flag_width > 0 { format!("  {}", cut(flags, flag_width - 2, style.ascii)) } else { String::new() },
        );
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n") + "\n"
}

/// The id, or what tells it from others of the same second.
fn id(id: &str, width: usize, style: Style) -> String {
    match id.get(RANDOM..RANDOM + width - 1) {
        Some(random) if columns(id) > width => format!("{}{random}", style.pick('…', '~')),
        _ => id.to_owned(),
    }
}

fn request(summary: &TraceSummary, style: Style) -> String {
    let name = summary.entry_point.as_ref().and_then(|entry| entry.name.as_deref()).unwrap_or("-");
    let path = summary.http.http_url.as_deref().map(label::path);
    let parts = [Some(name), summary.http.http_method.as_deref(), path];
    let parts: Vec<_> = parts.into_iter().flatten().map(|part| cut(&escape(part), 60, style.ascii)).collect();
    parts.join(" ")
}

/// How it failed, what failed inside although it did not show, and what is missing.
fn flags(summary: &TraceSummary) -> String {
    let mark = Mark::of_summary(summary);
    let flags = [
        (mark == Mark::Fault, "fault"),
        (mark == Mark::Error, "error"),
        (summary.has_throttle, "throttle"),
        (summary.is_partial, "in-progress"),
        (summary.entry_point.is_none(), "no-segment"),
    ];
    let flags: Vec<_> = flags.into_iter().filter_map(|(is_set, word)| is_set.then_some(word)).collect();
    flags.join(" ")
}

fn bar(seconds: Option<f64>, longest: f64, style: Style) -> String {
    let share = seconds.filter(|_| longest > 0.0).map_or(0.0, |seconds| (seconds / longest).clamp(0.0, 1.0));
    // A share of eight columns.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let cells = (share * BAR as f64).ceil() as usize;
    format!("{}{}", style.pick("█", "#").repeat(cells.min(BAR)), " ".repeat(BAR - cells.min(BAR)))
}
