//! Stack traces of many languages, told apart line by line.
//!
//! A line that looks like a frame is one, whatever the language: `at Type.method(File.java:7)`, `at f (/a.js:7:3)`,
//! `at Type.Method() in /a.cs:line 7`, `File "a.py", line 7, in f`, `0: path::f` and `at src/a.rs:7:3` below it,
//! `main.f(…)` and `/a.go:7 +0x1f` below it, `#0 /a.php(7): f()`, `a.rb:7:in 'f'`. Lines that are none of these are
//! passed over.

use xray_core::document::StackFrame;

/// An error of a chain.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Trace {
    pub(super) kind: Option<String>,
    pub(super) message: Option<String>,
    /// Innermost first.
    pub(super) frames: Vec<StackFrame>,
    /// Frames that were left out.
    pub(super) truncated: i64,
}

impl Trace {
    pub(super) fn of_message(message: &str) -> Trace {
        Trace { message: Some(message.to_owned()).filter(|text| !text.is_empty()), ..Trace::default() }
    }

    fn push(&mut self, path: &str, line: Option<i64>, label: &str) {
        if self.frames.len() >= FRAMES {
            self.truncated += 1;
            return;
        }
        let text =
            |text: &str| Some(text.chars().take(FRAME_CHARS).collect::<String>()).filter(|text| !text.is_empty());
        let mut frame = StackFrame::default();
        frame.path = text(path);
        frame.line = line.filter(|line| *line >= 0);
        frame.label = text(label);
        self.frames.push(frame);
    }
}

/// A message that lists what caused it, as anyhow and eyre write it: the message, and the causes, outermost first.
pub(super) fn split_causes(message: &str) -> (String, Vec<String>) {
    let Some((text, causes)) = message.split_once("\n\nCaused by:") else {
        return (message.to_owned(), Vec::new());
    };
    let causes = causes.split("\n\nStack backtrace").next().unwrap_or(causes);
    let causes = causes.lines().map(str::trim).filter(|line| !line.is_empty()).map(without_number);
    (text.trim().to_owned(), causes.take(CAUSES).map(str::to_owned).collect())
}

/// `0: text` is `text`.
fn without_number(line: &str) -> &str {
    match line.split_once(": ") {
        Some((number, rest)) if number.parse::<u32>().is_ok() => rest,
        _ => line,
    }
}

/// The errors of a stack trace, the outermost first; none if there is nothing to be read.
pub(super) fn parse(text: &str) -> Vec<Trace> {
    let mut traces = if text.contains("Traceback (most recent call last)") { python(text) } else { others(text) };
    traces.truncate(CAUSES);
    traces
}

/// Innermost error last and innermost call last: both are turned round.
fn python(text: &str) -> Vec<Trace> {
    let mut traces = vec![Trace::default()];
    for line in text.lines().take(LINES) {
        let trimmed = line.trim();
        if trimmed.starts_with("Traceback (most recent call last)") {
            traces.push(Trace::default());
            continue;
        }
        let Some(trace) = traces.last_mut() else { break };
        if let Some((path, rest)) = trimmed.strip_prefix("File \"").and_then(|rest| rest.split_once('"')) {
            let number = rest.strip_prefix(", line ").map(|rest| rest.split(',').next().unwrap_or(rest));
            let label = rest.split_once(", in ").map_or("", |(_, label)| label);
            trace.push(path, number.and_then(|number| number.parse().ok()), label);
        } else if !line.starts_with(' ') && !trimmed.is_empty() && trace.kind.is_none() && !trace.frames.is_empty() {
            (trace.kind, trace.message) = headline(trimmed);
        }
    }
    traces.retain(|trace| !trace.frames.is_empty());
    traces.reverse();
    for trace in &mut traces {
        trace.frames.reverse();
    }
    traces
}

fn others(text: &str) -> Vec<Trace> {
    let mut traces = vec![Trace::default()];
    // A function whose place stands on the next line: Rust, Go.
    let mut pending: Option<String> = None;
    for line in text.lines().take(LINES) {
        let trimmed = line.trim();
        if let Some(cause) = trimmed.strip_prefix("Caused by: ") {
            let (kind, message) = headline(cause);
            traces.push(Trace { kind, message, ..Trace::default() });
            continue;
        }
        let Some(trace) = traces.last_mut() else { break };
        match read(trimmed, pending.is_some()) {
            Line::Frame { path, line, label } => {
                let label = pending.take().unwrap_or_else(|| label.to_owned());
                trace.push(path, line, &label);
            }
            Line::Function(label) => {
                if let Some(earlier) = pending.replace(label.to_owned()) {
                    trace.push("", None, &earlier);
                }
            }
            Line::Other => {}
        }
    }
    if let (Some(label), Some(trace)) = (pending, traces.last_mut()) {
        trace.push("", None, &label);
    }
    traces.retain(|trace| !trace.frames.is_empty() || trace.message.is_some() || trace.kind.is_some());
    traces
}

enum Line<'a> {
    Frame {
        path: &'a str,
        line: Option<i64>,
        label: &'a str,
    },
    /// A function; its place may follow.
    Function(&'a str),
    Other,
}

fn read(line: &str, after_function: bool) -> Line<'_> {
    if let Some(rest) = line.strip_prefix("at ") {
        return at(rest);
    }
    if let Some((number, rest)) = line.split_once(": ") {
        if number.parse::<u32>().is_ok() {
            return Line::Function(rest.trim());
        }
    }
    if let Some((_, rest)) = line.strip_prefix('#').and_then(|rest| rest.split_once(' ')) {
        // PHP: `#0 /a.php(7): f()`
        if let Some((place, label)) = rest.split_once("): ") {
            if let Some((path, number)) = place.rsplit_once('(') {
                return Line::Frame { path, line: number.parse().ok(), label };
            }
        }
    }
    if let Some((place, label)) = line.split_once(":in ") {
        let (path, line) = place_of(place);
        return Line::Frame { path, line, label: label.trim_matches(['`', '\'']) };
    }
    if after_function && line.starts_with('/') {
        let place = line.split(" +0x").next().unwrap_or(line);
        let (path, line) = place_of(place);
        return Line::Frame { path, line, label: "" };
    }
    // Go: `main.(*Server).serve(0x1, 0x2)`
    let is_go = line.ends_with(')') && line.contains('.') && !line.contains(' ') && line.contains('(');
    if is_go { Line::Function(line.rsplit_once('(').map_or(line, |(label, _)| label)) } else { Line::Other }
}

/// What follows `at `: Java, JavaScript, .NET, or the place of a Rust function.
fn at(rest: &str) -> Line<'_> {
    if let Some((label, place)) = rest.split_once(" in ") {
        let (path, number) = place.rsplit_once(":line ").unwrap_or((place, ""));
        return Line::Frame { path, line: number.trim().parse().ok(), label };
    }
    if let Some((label, place)) = rest.strip_suffix(')').and_then(|rest| rest.rsplit_once('(')) {
        let (path, line) = place_of(place);
        return Line::Frame { path, line, label: label.trim() };
    }
    let (path, line) = place_of(rest);
    Line::Frame { path, line, label: "" }
}

/// `path:line`, `path:line:column` or a path.
fn place_of(place: &str) -> (&str, Option<i64>) {
    let Some((before, last)) = place.rsplit_once(':') else { return (place, None) };
    let Ok(last) = last.parse::<i64>() else { return (place, None) };
    match before.rsplit_once(':') {
        Some((path, line)) => match line.parse() {
            Ok(line) => (path, Some(line)),
            Err(_) => (before, Some(last)),
        },
        None => (before, Some(last)),
    }
}

/// `Type: message`.
fn headline(text: &str) -> (Option<String>, Option<String>) {
    match text.split_once(": ") {
        Some((kind, message)) if !kind.contains(' ') => (Some(kind.to_owned()), Some(message.to_owned())),
        _ if text.contains(' ') => (None, Some(text.to_owned())),
        _ => (Some(text.to_owned()), None),
    }
}

/// Most frames of an error that are kept, and longest text of one in characters. Ours to choose.
const FRAMES: usize = 50;
const FRAME_CHARS: usize = 250;
/// Most errors of one text.
const CAUSES: usize = 16;
/// Most lines of a text that are read.
const LINES: usize = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for trace in parse(text) {
            lines.push(format!("{}: {}", trace.kind.unwrap_or_default(), trace.message.unwrap_or_default()));
            for frame in trace.frames {
                let line = frame.line.map(|line| line.to_string()).unwrap_or_default();
                lines.push(format!("  {} {} {line}", frame.label.unwrap_or_default(), frame.path.unwrap_or_default()));
            }
        }
        lines
    }

    #[test]
    fn frames_of_every_language_are_read() {
        for (text, expected) in [
            (
                "java.io.IOException: x\n\tat shop.Cart.add(Cart.java:7)\n\tat a.B.c(Native Method)\nCaused by: a.Bug: y\n\tat q.R.s(R.java:1)\n\t... 3 more",
                &[": ", "  shop.Cart.add Cart.java 7", "  a.B.c Native Method ", "a.Bug: y", "  q.R.s R.java 1"][..],
            ),
            (
                "Error: x\n    at add (/srv/cart.js:7:3)\n    at /srv/main.js:1:2",
                &[": ", "  add /srv/cart.js 7", "   /srv/main.js 1"],
            ),
            (
                "Traceback (most recent call last):\n  File \"a.py\", line 1, in inner\n    boom()\nKeyError: 'k'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"b.py\", line 2, in outer\n  File \"c.py\", line 3, in deep\nValueError: bad",
                &["ValueError: bad", "  deep c.py 3", "  outer b.py 2", "KeyError: 'k'", "  inner a.py 1"],
            ),
            (
                "   0: shop::add\n             at src/cart.rs:7:3\n   1: shop::main\n   2: std::rt\n             at /rustc/x.rs:9",
                &[": ", "  shop::add src/cart.rs 7", "  shop::main  ", "  std::rt /rustc/x.rs 9"],
            ),
            (
                "goroutine 1 [running]:\nmain.add(0x1)\n\t/srv/cart.go:7 +0x1d\nmain.main()\n\t/srv/main.go:1",
                &[": ", "  main.add /srv/cart.go 7", "  main.main /srv/main.go 1"],
            ),
            (
                "   at Shop.Cart.Add(Int32 n) in /srv/Cart.cs:line 7\n   at Shop.Main()",
                &[": ", "  Shop.Cart.Add(Int32 n) /srv/Cart.cs 7", "  Shop.Main  "],
            ),
            ("#0 /srv/cart.php(7): add()\n#1 {main}", &[": ", "  add() /srv/cart.php 7"]),
            ("cart.rb:7:in `add'", &[": ", "  add cart.rb 7"]),
            ("nothing of the kind", &[]),
            ("", &[]),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn an_endless_stack_is_cut_and_counted() {
        let text = "  at f (/a.js:1:1)\n".repeat(70);
        let [trace] = &parse(&text)[..] else { panic!("one trace") };
        assert_eq!((trace.frames.len(), trace.truncated), (50, 20));
    }

    #[test]
    fn causes_in_a_message_are_told_from_it() {
        let (message, causes) = split_causes("no order\n\nCaused by:\n    0: no table\n    1: timeout: 3 s\n");
        assert_eq!((message.as_str(), causes), ("no order", vec!["no table".to_owned(), "timeout: 3 s".to_owned()]));
        assert_eq!(split_causes("plain").0, "plain");
        assert_eq!(split_causes("a\n\nCaused by:\n    b\n\nStack backtrace:\n   0: x").1, ["b"]);
    }
}
