//! Traces and maps as text, for terminals and logs.
//!
//! Pure functions from answers to strings: they know no terminal, no clock and no locale. Everything that came from the
//! network goes through [`escape`] first, and widths are counted in columns, not characters.
//!
//! | function | shows |
//! |---|---|
//! | [`show`] | a trace along time |
//! | [`map`] | the service map as a tree; [`dot`] and [`mermaid`] for programs that draw |
//! | [`segment`] | all fields of one segment or subsegment |
//! | [`traces`] | a list of traces |

mod drawing;
mod escape;
mod format;
pub(crate) mod label;
mod map;
mod segment;
mod show;
#[cfg(test)]
mod tests;
mod traces;
mod waterfall;

pub use drawing::{dot, mermaid};
pub use escape::escape;
pub use format::{CUT, clock, columns, cut, date_time, duration};
#[cfg(feature = "web")]
pub(crate) use label::path;
pub use map::{MapOptions, map};
pub use segment::segment;
pub use show::{ShowOptions, show};
pub use traces::traces;

#[cfg(feature = "web")]
pub(crate) use map::percent;

use crate::timeline::Mark;

/// How text is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Style {
    /// Columns of a line, 40 at least.
    pub width: usize,
    /// With colours of the terminal. Marks have letters too, so nothing is told by colour alone.
    pub color: bool,
    /// Nothing but ASCII in what is drawn around the names.
    pub ascii: bool,
}

impl Style {
    /// So many columns, without colour, with the drawing characters of Unicode.
    pub fn new(width: usize) -> Style {
        Style { width: width.max(40), color: false, ascii: false }
    }

    /// With or without colours.
    #[must_use]
    pub fn with_color(self, color: bool) -> Style {
        Style { color, ..self }
    }

    /// In ASCII or not.
    #[must_use]
    pub fn with_ascii(self, ascii: bool) -> Style {
        Style { ascii, ..self }
    }

    fn pick<T>(self, unicode: T, ascii: T) -> T {
        if self.ascii { ascii } else { unicode }
    }

    fn paint(self, color: Color, text: &str) -> String {
        let code = match color {
            Color::Plain => return text.to_owned(),
            Color::Dim => 2,
            Color::Red => 31,
            Color::Green => 32,
            Color::Yellow => 33,
            Color::Purple => 35,
        };
        if self.color && !text.is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// X-Ray's colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Color {
    Plain,
    Dim,
    Red,
    Green,
    Yellow,
    Purple,
}

impl Color {
    fn of(mark: Mark) -> Color {
        match mark {
            Mark::Ok => Color::Green,
            Mark::Error => Color::Yellow,
            Mark::Throttle => Color::Purple,
            Mark::Fault => Color::Red,
        }
    }
}

/// The letter of a mark; a blank where all is well.
fn letter(mark: Mark) -> char {
    match mark {
        Mark::Ok => ' ',
        Mark::Error => 'E',
        Mark::Throttle => 'T',
        Mark::Fault => 'F',
    }
}
