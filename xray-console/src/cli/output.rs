//! How answers are printed: tables for people, JSON lines for programs.
//!
//! Whatever came from a network is passed through [`text::escape`] first.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use xray_console::text::{self, Style};

use super::args::{Color, Format, Global};
use super::failure::{Done, Failure};

/// Standard output and how it is written to.
pub(crate) struct Output {
    to: Box<dyn Write>,
    pub(crate) format: Format,
    pub(crate) color: bool,
    pub(crate) ascii: bool,
    pub(crate) width: usize,
}

impl Output {
    /// As the options and the terminal say.
    pub(crate) fn new(options: &Global) -> Output {
        let terminal = io::stdout().is_terminal();
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let color = match options.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => (terminal && !set("NO_COLOR")) || set("CLICOLOR_FORCE"),
        };
        let found = || terminal_size::terminal_size().map(|(width, _)| width.0);
        // A terminal knows better: what a shell hands on may be of before its window was resized.
        let told = || std::env::var("COLUMNS").ok()?.parse().ok();
        let width = options.width.or_else(|| found().filter(|_| terminal)).or_else(told).unwrap_or(120);
        Output {
            to: Box::new(io::BufWriter::new(io::stdout())),
            format: options.format.unwrap_or(if terminal { Format::Table } else { Format::Json }),
            color,
            ascii: options.ascii,
            width: usize::from(width.clamp(40, 500)),
        }
    }

    /// How text is drawn here.
    pub(crate) fn style(&self) -> Style {
        Style::new(self.width).with_color(self.color).with_ascii(self.ascii)
    }

    /// One line.
    pub(crate) fn line(&mut self, line: impl AsRef<str>) -> Done {
        self.write(line.as_ref()).and_then(|()| self.write("\n"))
    }

    /// A text as it is.
    pub(crate) fn write(&mut self, text: &str) -> Done {
        self.to.write_all(text.as_bytes()).map_err(|error| closed(&error))
    }

    /// One JSON value on a line.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Done {
        let json = serde_json::to_string(value).map_err(|error| Failure::io(format!("cannot be written: {error}")))?;
        self.line(ascii_controls(&json))
    }

    /// The value as JSON, or what is printed for people.
    pub(crate) fn either(&mut self, value: &impl Serialize, table: impl FnOnce(&mut Output) -> Done) -> Done {
        match self.format {
            Format::Json => self.json(value),
            Format::Table | Format::Dot | Format::Mermaid => table(self),
        }
    }

    /// So that what was written is seen.
    pub(crate) fn flush(&mut self) -> Done {
        self.to.flush().map_err(|error| closed(&error))
    }
}

/// JSON escapes only some of the characters that a terminal obeys. The others stand in strings, where an escape is the
/// same character.
fn ascii_controls(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for letter in json.chars() {
        let mut buffer = [0; 4];
        let shown = text::escape(letter.encode_utf8(&mut buffer)) == letter.encode_utf8(&mut [0; 4]) as &str;
        if shown {
            safe.push(letter);
        } else {
            letter.encode_utf16(&mut [0; 2]).iter().for_each(|unit| safe.push_str(&format!("\\u{unit:04x}")));
        }
    }
    safe
}

/// Who reads may stop reading (`xrc traces | head`): the end, and no failure.
pub(crate) fn closed(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure { status: 0, message: String::new() };
    }
    Failure::io(format!("standard output: {error}"))
}

/// `1 trace`, `2 traces`.
pub(crate) fn counted<N: std::fmt::Display + PartialEq + From<u8>>(number: N, what: &str) -> String {
    format!("{number} {what}{}", if number == N::from(1) { "" } else { "s" })
}

/// A whole number with commas: `34,862,400`.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{:.0}", number.max(0.0));
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Columns as wide as their widest cell; numbers of the second argument are right-aligned columns.
pub(crate) fn columns(rows: &[Vec<String>], right: &[usize]) -> Vec<String> {
    let width = |text: &str| unicode_width::UnicodeWidthStr::width(text);
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max().unwrap_or(0))
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, wide))| {
            let pad = " ".repeat(wide.saturating_sub(width(cell)));
            if right.contains(&column) { format!("{pad}{cell}") } else { format!("{cell}{pad}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
