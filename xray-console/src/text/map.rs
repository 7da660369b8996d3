//! The service map as a tree: each node beneath the first that called it.
//!
//! ```text
//! (client)
//! └▶ shop             [▇▇▇▇▇▇▇F]  20.8/min  p50 41.0ms  p99  912ms  96.9 % ok  F 3.1 %
//!    ├▶ orders Table  [▇▇▇▇▇▇▇T]  41.0/min  p50 6.00ms  p99  188ms  99.0 % ok  T 1.0 %
//!    └▶ orders-q      [▇▇▇▇▇▇▇▇]   5.0/min  p50 24.0ms  p99 31.0ms   100 % ok
//!       └┄ billing    [▇▇▇▇▇▇▇▇]   5.0/min  p50  310ms  p99  402ms   100 % ok  waited p50 3.000s
//! ```

use std::collections::{BTreeMap, HashSet};

use super::format::{cut, duration, fit, right};
use super::show::count;
use super::{Color, Style, columns, escape};
use crate::graph::{Edge, Health, Service, SummaryStatistics, percentile};
use crate::layout::Layout;

/// How the map is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct MapOptions {
    /// Seconds the map is of, to tell requests by the minute; without it their number is told.
    pub seconds: Option<f64>,
}

impl MapOptions {
    /// Of so many seconds.
    pub fn over(seconds: f64) -> MapOptions {
        MapOptions { seconds: Some(seconds).filter(|seconds| *seconds > 0.0) }
    }
}

/// Cells of a bar of shares.
const BAR: usize = 8;

/// Most levels of the tree that are indented.
const LEVELS: usize = 12;

/// A node of the tree.
struct Entry<'s> {
    service: &'s Service,
    /// The edge that leads to it; none at the margin.
    edge: Option<&'s Edge>,
    tree: String,
    /// It was drawn before, with all that is beneath it.
    again: bool,
}

/// Below so many columns there is no bar: names say more.
const NARROW: usize = 50;

/// Columns of `99.9 % ok`.
const SHARE: usize = 9;

/// The map as lines of text.
pub fn map(services: &[Service], options: &MapOptions, style: Style) -> String {
    let entries = entries(services, style);
    let name = |entry: &Entry<'_>| format!("{}{}", entry.tree, label(entry.service));
    let longest = entries.iter().map(|entry| columns(&name(entry))).max().unwrap_or(0);
    let most = if style.width < NARROW { style.width - 2 - SHARE } else { style.width * 2 / 5 };
    let names = longest.clamp(8, most);
    let mut lines = Vec::new();
    for entry in &entries {
        let health = entry.service.summary_statistics.map_or(Health::Idle, |statistics| statistics.health());
        let name = style.paint(color(health), &fit(&name(entry), names, style.ascii));
        let told = if entry.again {
            "(above)".to_owned()
        } else {
            numbers(entry, options, style.width.saturating_sub(names + 2), style)
        };
        lines.push(format!("{name}  {told}").trim_end().to_owned());
    }
    let nodes = services.iter().filter(|service| !service.is_client()).count();
    let edges = services.iter().map(|service| service.edges.len()).sum();
    lines.push(String::new());
    let ok = style.pick('▇', '#');
    let legend = format!("{ok} ok  E error (4xx)  F fault (5xx)  T throttle (429)");
    lines.push(style.paint(Color::Dim, &format!("{}, {}", count(nodes, "node"), count(edges, "edge"))));
    lines.push(style.paint(Color::Dim, &cut(&legend, style.width, style.ascii)));
    lines.join("\n") + "\n"
}

fn color(health: Health) -> Color {
    match health {
        Health::Idle => Color::Plain,
        Health::Green => Color::Green,
        Health::Yellow => Color::Yellow,
        Health::Red => Color::Red,
    }
}

/// Bar, rate, percentiles, shares; of a message how long it waited. In so many columns: what matters less is left out.
fn numbers(entry: &Entry<'_>, options: &MapOptions, width: usize, style: Style) -> String {
    let service = entry.service;
    let Some(statistics) = service.summary_statistics else { return String::new() };
    let time = |seconds: Option<f64>| {
        let text = seconds.map_or_else(|| "-".to_owned(), duration);
        right(&if style.ascii { text.replace('µ', "u") } else { text }, 6)
    };
    let histogram = &service.response_time_histogram;
    let mut text = if style.width < NARROW { String::new() } else { bar(&statistics, style) };
    if width >= 66 {
        text += &format!("  {}", right(&rate(statistics.total_count, options), 9));
    }
    if width >= 42 {
        text += &format!("  p50 {}", time(percentile(histogram, 0.5)));
    }
    if width >= 54 {
        text += &format!("  p99 {}", time(percentile(histogram, 0.99)));
    }
    let mut notes = Vec::new();
    if statistics.total_count > 0 {
        let share = format!("{} ok", percent(statistics.ok_count, statistics.total_count));
        notes.push((right(&share, SHARE), Color::Plain));
        let failed = failures(&statistics).into_iter().filter(|(_, _, count)| *count > 0);
        let share = |count| percent(count, statistics.total_count);
        notes.extend(failed.map(|(letter, color, count)| (format!("{letter} {}", share(count)), color)));
    }
    if let Some(edge) = entry.edge.filter(|edge| edge.is_link()) {
        let waited = time(percentile(&edge.received_event_age_histogram, 0.5));
        notes.push((format!("waited p50 {}", waited.trim_start()), Color::Plain));
    }
    if is_guessed(service) {
        notes.push(("no segment from it".to_owned(), Color::Dim));
    }
    let mut taken = if style.width < NARROW { 0 } else { BAR + 2 }
        + [(66, 11), (42, 12), (54, 12)].iter().filter(|(from, _)| width >= *from).map(|it| it.1).sum::<usize>();
    for (note, color) in notes {
        let apart = if taken > 0 { 2 } else { 0 };
        if taken + apart + columns(&note) <= width {
            taken += apart + columns(&note);
            text += &" ".repeat(apart);
            text += &style.paint(color, &note);
        }
    }
    text
}

/// A service that could send segments and does not.
fn is_guessed(service: &Service) -> bool {
    let kind = service.kind.as_deref();
    service.state.as_deref() == Some("unknown") && matches!(kind, Some("remote" | "AWS::Lambda"))
}

fn rate(calls: u64, options: &MapOptions) -> String {
    #[allow(clippy::cast_precision_loss)]
    match options.seconds {
        Some(seconds) => format!("{:.1}/min", calls as f64 * 60.0 / seconds),
        None => calls.to_string(),
    }
}

/// Error, fault and throttle with their letters and colours.
fn failures(statistics: &SummaryStatistics) -> [(char, Color, u64); 3] {
    let errors = statistics.error_statistics;
    [
        ('T', Color::Purple, errors.throttle_count),
        ('E', Color::Yellow, errors.other_count),
        ('F', Color::Red, statistics.fault_statistics.total_count),
    ]
}

/// Shares of ok, throttle, error and fault in eight cells; whatever happened at all has one.
fn bar(statistics: &SummaryStatistics, style: Style) -> String {
    let total = u128::from(statistics.total_count);
    if total == 0 {
        return format!("[{}]", " ".repeat(BAR));
    }
    let cells = |count: u64| {
        let cells = (u128::from(count) * BAR as u128 * 2 + total) / (total * 2);
        usize::try_from(cells).unwrap_or(BAR).max(usize::from(count > 0))
    };
    let mut runs = Vec::new();
    let mut free = BAR - usize::from(statistics.ok_count > 0);
    for (letter, color, count) in failures(statistics).into_iter().rev() {
        let taken = cells(count).min(free);
        free -= taken;
        runs.push((letter, color, taken));
    }
    let failed: usize = runs.iter().map(|(_, _, taken)| taken).sum();
    // What rounding left over goes to the most frequent.
    let ok = BAR - failed;
    let (ok, worst) = if statistics.ok_count > 0 { (ok, 0) } else { (0, ok) };
    if let Some(run) = runs.iter_mut().max_by_key(|run| run.2) {
        run.2 += worst;
    }
    runs.push((style.pick('▇', '#'), Color::Green, ok));
    let cells = runs.iter().rev().map(|(letter, color, taken)| style.paint(*color, &letter.to_string().repeat(*taken)));
    format!("[{}]", cells.collect::<String>())
}

/// Never `100.0 %` or `0.0 %` of what is not all or nothing.
pub(crate) fn percent(count: u64, total: u64) -> String {
    if count == total {
        return "100 %".to_owned();
    }
    let tenths = (u128::from(count) * 1_000 + u128::from(total) / 2) / u128::from(total.max(1));
    let tenths = tenths.clamp(u128::from(count > 0), 999);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// Name and, where it tells something, type; escaped.
pub(super) fn label(service: &Service) -> String {
    let name = cut(&escape(&service.name), 80, true);
    if service.is_client() {
        return "(client)".to_owned();
    }
    match service.kind.as_deref() {
        None | Some("remote") => name,
        Some(kind) => {
            let kind = cut(&escape(kind.strip_prefix("AWS::").unwrap_or(kind)), 40, true).replace("::", " ");
            if kind.eq_ignore_ascii_case(&name) { name } else { format!("{name} ({kind})") }
        }
    }
}

/// The tree, clients first, then who is called by nobody, then what is left of circles.
fn entries<'s>(services: &'s [Service], style: Style) -> Vec<Entry<'s>> {
    let layout = Layout::of(services, None);
    let by_id: BTreeMap<i64, usize> =
        services.iter().enumerate().map(|(index, service)| (service.reference_id, index)).collect();
    let height = |index: usize| layout.places.get(index).map_or((0, 0.0), |place| (place.layer, place.y));
    let higher = |left: &usize, right: &usize| {
        let (left, right) = (height(*left), height(*right));
        left.0.cmp(&right.0).then_with(|| left.1.total_cmp(&right.1))
    };
    let mut starts: Vec<usize> = (0..services.len()).collect();
    starts.sort_by(higher);

    let mut drawn: HashSet<usize> = HashSet::new();
    let mut entries = Vec::new();
    for start in starts {
        // A node, the edge to it, how deep it is, the tree of its caller, and whether it is the last there.
        let mut open = vec![(start, None::<&Edge>, 0_usize, String::new(), true)];
        if drawn.contains(&start) {
            continue;
        }
        while let Some((index, edge, depth, above, last)) = open.pop() {
            let Some(service) = services.get(index) else { continue };
            let again = !drawn.insert(index);
            let tree = match edge {
                None => String::new(),
                Some(edge) => format!("{above}{} ", branch(edge, last, style)),
            };
            entries.push(Entry { service, edge, tree, again });
            if again {
                continue;
            }
            let follow = if last { "   " } else { style.pick("│  ", "|  ") };
            let beneath = if depth == 0 || depth > LEVELS { above } else { format!("{above}{follow}") };
            let called = |edge: &'s Edge| Some((*by_id.get(&edge.reference_id)?, edge));
            let mut called: Vec<_> = service.edges.iter().filter_map(called).collect();
            called.sort_by(|left, right| higher(&left.0, &right.0));
            let last = called.len().saturating_sub(1);
            let called = called.into_iter().enumerate();
            let called = called.map(|(at, (index, edge))| (index, Some(edge), depth + 1, beneath.clone(), at == last));
            open.extend(called.collect::<Vec<_>>().into_iter().rev());
        }
    }
    entries
}

fn branch(edge: &Edge, last: bool, style: Style) -> &'static str {
    match (edge.is_link(), last) {
        (false, false) => style.pick("├▶", "|>"),
        (false, true) => style.pick("└▶", "`>"),
        (true, false) => style.pick("├┄", "|~"),
        (true, true) => style.pick("└┄", "`~"),
    }
}
