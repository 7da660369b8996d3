//! Traces on the terminal.

use xray_console::Trace;
use xray_console::text::{ShowOptions, Style, show};

/// Columns of a picture.
const WIDTH: usize = 100;

/// Prints the trace along time: each row a segment or subsegment, with what its exceptions say.
pub(crate) fn print(margin: &str, trace: &Trace) {
    for line in show(trace, &ShowOptions::default(), Style::new(WIDTH)).lines() {
        println!("{}", format!("{margin}{line}").trim_end());
    }
}
