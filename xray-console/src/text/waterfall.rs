//! The bars of a timeline, a line for each row.
//!
//! ```text
//! shop POST /orders       F   912ms!████████████████████████
//! ├ DynamoDB PutItem      T   188ms!  ██████
//! └ pay                   ~  >640ms        ░░░░░░░░██████~
//! orders-q (queue wait)       4m12s                       ··╱╱··
//! ```

use super::format::{cut, duration, fit, right};
use super::{Color, Style, columns, label, letter};
use crate::timeline::{Axis, Mark, Row, RowKind, Stretch};

/// Most levels of a tree that are drawn; deeper rows say how deep they are.
const LEVELS: usize = 12;

/// Columns between name and bar: a blank, the mark, a blank, the duration, the critical path.
const FIXED: usize = 11;

/// A row with its place in the drawn tree.
pub(super) struct Line<'r, 'a> {
    pub(super) row: &'r Row<'a>,
    /// How many rows above it are drawn.
    pub(super) depth: usize,
    /// For each level, whether more rows of that level follow; the last is its own.
    pub(super) follows: Vec<bool>,
}

/// Where names end and bars begin.
pub(super) struct Waterfall<'x> {
    style: Style,
    axis: &'x Axis,
    names: usize,
    bars: usize,
}

/// A column of a line.
type Cell = (char, Color);

impl<'x> Waterfall<'x> {
    pub(super) fn new(style: Style, axis: &'x Axis, lines: &[Line<'_, '_>]) -> Waterfall<'x> {
        let longest = lines.iter().map(|line| columns(&name(line, style))).max().unwrap_or(0);
        let names = longest.clamp(12, (style.width * 2 / 5).max(12));
        Waterfall { style, axis, names, bars: style.width.saturating_sub(names + FIXED).max(10) }
    }

    /// The times above the bars.
    pub(super) fn ruler(&self) -> String {
        let mut text = String::new();
        let whole = Stretch { start: 0.0, end: f64::INFINITY };
        for moment in self.axis.ticks(whole, 10.0 / self.bars_f64()) {
            let place = self.column(moment);
            let label = self.time(moment);
            let taken = columns(&text);
            let fits = place + columns(&label) <= self.bars && (taken == 0 || place > taken);
            if fits && !self.folds().any(|(from, to)| place + columns(&label) > from && place < to) {
                text = format!("{}{label}", fit(&text, place, self.style.ascii));
            }
        }
        let mut cells: Vec<char> = text.chars().collect();
        for (from, to) in self.folds() {
            cells.resize(cells.len().max(to), ' ');
            cells.get_mut(from..to).into_iter().flatten().for_each(|cell| *cell = self.style.pick('╱', '/'));
        }
        let cells: String = cells.into_iter().collect();
        let line = format!("{}{cells}", " ".repeat(self.names + FIXED));
        self.style.paint(Color::Dim, line.trim_end())
    }

    pub(super) fn line(&self, line: &Line<'_, '_>) -> String {
        let row = line.row;
        let name = fit(&name(line, self.style), self.names, self.style.ascii);
        let mark = if row.in_progress && row.mark == Mark::Ok { '~' } else { letter(row.mark) };
        let time = self.time(row.seconds());
        let time = if row.in_progress { format!(">{time}") } else { time };
        let color = if row.mark == Mark::Ok { Color::Plain } else { Color::of(row.mark) };
        let mark = self.style.paint(color, &mark.to_string());
        let critical = if row.critical { '!' } else { ' ' };
        format!("{} {mark} {}{critical}{}", self.style.paint(color, &name), right(&time, 7), self.bar(row))
            .trim_end()
            .to_owned()
    }

    fn time(&self, seconds: f64) -> String {
        let text = duration(seconds);
        if self.style.ascii { text.replace('µ', "u") } else { text }
    }

    fn bar(&self, row: &Row<'_>) -> String {
        let mut cells: Vec<Cell> = vec![(' ', Color::Plain); self.bars];
        let mut draw = |from: usize, to: usize, cell: Cell| {
            cells.get_mut(from..to.min(self.bars)).into_iter().flatten().for_each(|place| *place = cell);
        };
        let fold = (self.style.pick('╱', '/'), Color::Dim);
        for (from, to) in self.folds() {
            draw(from, to, fold);
        }
        let (from, to) = self.extent(row.start, row.end);
        let color = Color::of(row.mark);
        if row.kind == RowKind::Wait {
            draw(from, to, (self.style.pick('·', '.'), Color::Dim));
            for (from, to) in self.folds() {
                draw(from, to, fold);
            }
        } else {
            let width = (self.axis.position(row.end) - self.axis.position(row.start)) * self.bars_f64();
            let is_thin = width < 0.5 && to == from + 1;
            let full = if is_thin { self.style.pick('▏', '|') } else { self.style.pick('█', '#') };
            draw(from, to, (full, color));
            if let Some(Stretch { start, end }) = row.idle {
                // Only the columns that are idle from side to side.
                let (from, to) = ((self.place(start) - 1e-6).ceil(), (self.place(end) + 1e-6).floor());
                draw(whole(from), whole(to), (self.style.pick('░', '-'), color));
            }
            if row.in_progress {
                draw(to.saturating_sub(1), to, ('~', color));
            }
        }
        let used = cells.iter().rposition(|(character, _)| *character != ' ').map_or(0, |last| last + 1);
        cells.truncate(used);
        let runs = cells.chunk_by(|(_, left), (_, right)| left == right);
        let paint = |run: &[Cell]| {
            let text: String = run.iter().map(|(character, _)| *character).collect();
            self.style.paint(run.first().map_or(Color::Plain, |(_, color)| *color), &text)
        };
        runs.map(paint).collect()
    }

    /// From which to which column something lasts, one at least.
    fn extent(&self, start: f64, end: f64) -> (usize, usize) {
        let from = self.column(start).min(self.bars.saturating_sub(1));
        let to = whole((self.place(end) - 1e-6).ceil()).clamp(from + 1, self.bars.max(from + 1));
        (from, to)
    }

    fn folds(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.axis.folds().iter().map(|fold| {
            // What ends or begins at a fold has the column that both are in.
            let from = whole((self.place(fold.start) - 1e-6).ceil()).min(self.bars.saturating_sub(1));
            let to = whole((self.place(fold.end) + 1e-6).floor()).clamp(from + 1, self.bars.max(from + 1));
            (from, to)
        })
    }

    fn column(&self, moment: f64) -> usize {
        whole((self.place(moment) + 1e-6).floor())
    }

    fn place(&self, moment: f64) -> f64 {
        self.axis.position(moment) * self.bars_f64()
    }

    fn bars_f64(&self) -> f64 {
        u32::try_from(self.bars).map_or(f64::from(u32::MAX), f64::from)
    }
}

/// Never negative, and a column of the drawing.
fn whole(place: f64) -> usize {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let place = place.clamp(0.0, 1e6) as usize;
    place
}

/// The name with the tree before it.
fn name(line: &Line<'_, '_>, style: Style) -> String {
    let mut name = String::new();
    if line.depth > LEVELS {
        name = format!("{}{} ", style.pick("⋯", "..."), line.depth);
    } else if let Some((own, above)) = line.follows.split_last().filter(|_| line.depth > 0) {
        for follows in above {
            name.push_str(if *follows { style.pick("│ ", "| ") } else { "  " });
        }
        name.push_str(if *own { style.pick("├ ", "|-") } else { style.pick("└ ", "`-") });
    }
    if line.row.kind == RowKind::Orphan && line.depth == 0 {
        name.push_str("? ");
    }
    name.push_str(&label::of(line.row));
    cut(&name, style.width, style.ascii)
}
