//! Lines with start, duration and a bar.

use xray_core::document::Document;

use super::Line;
use super::line::milliseconds;

/// Columns of a bar that lasts as long as its trace.
const BAR: usize = 30;

/// Labels up to this width are padded to the widest of them; longer ones push their own line.
const LABEL: usize = 64;

/// The lines of one trace, in columns.
pub(super) fn draw(lines: &[Line<'_>]) -> String {
    let width = |line: &str| line.chars().count();
    let widths = lines.iter().map(|(line, _)| width(line)).filter(|width| *width <= LABEL);
    let label = widths.max().unwrap_or(LABEL);
    let span = Span::of(lines.iter().filter_map(|(_, document)| *document));

    let mut drawn = String::new();
    for (line, document) in lines {
        let columns = document.map(|document| span.columns(document)).unwrap_or_default();
        let padded = format!("{line:label$}{columns}");
        drawn.push_str(padded.trim_end());
        drawn.push('\n');
    }
    drawn
}

/// From the first start to the last end, seconds since the epoch.
struct Span {
    start: f64,
    seconds: f64,
}

impl Span {
    fn of<'a>(documents: impl Iterator<Item = &'a Document>) -> Span {
        let (mut start, mut end) = (f64::INFINITY, f64::NEG_INFINITY);
        for document in documents {
            start = document.start_time.map_or(start, |time| start.min(time));
            end = [document.start_time, document.end_time].into_iter().flatten().fold(end, f64::max);
        }
        Span { start, seconds: end - start }
    }

    fn columns(&self, document: &Document) -> String {
        let Some(start) = document.start_time.map(|time| time - self.start) else {
            return String::new();
        };
        let duration = document.seconds().map_or("open".to_owned(), milliseconds);
        let bar = match document.seconds() {
            Some(seconds) => self.bar(start, start + seconds, "█"),
            None => self.bar(start, self.seconds, "░"),
        };
        format!("{:>10}{duration:>9}  {bar}", milliseconds(start))
    }

    fn bar(&self, from: f64, to: f64, stroke: &str) -> String {
        let column = |time: f64| {
            let share = if self.seconds > 0.0 { time / self.seconds } else { 0.0 };
            // Saturates: an end before the trace's start is its start.
            (share * BAR as f64).round() as usize
        };
        let from = column(from).min(BAR - 1);
        match column(to).min(BAR).saturating_sub(from) {
            0 => format!("{:from$}▏", ""),
            strokes => format!("{:from$}{}", "", stroke.repeat(strokes)),
        }
    }
}
