//! The map as SVG: callers to the left of those they call.
//!
//! Everything is an attribute, as the pages' security policy allows no inline style. A node is a link to its panel, and so
//! is the label of an edge; the lines themselves are for the eye. What a colour says, a letter or a number says too.
//!
//! Lengths are in units of the picture, pixels at its natural size.

use std::fmt::Write;

use maud::{Markup, html};

use super::links::Links;
use super::ring::{self, failures, health};
use super::view::{Link, Node, View};
use super::words;
use crate::graph::percentile;
use crate::text::{cut, duration};

/// From one column to the next.
const COLUMN: f64 = 188.0;
/// From one row to the next.
const ROW: f64 = 158.0;
/// Of a node's ring.
const RADIUS: u32 = 36;
/// From a node's middle to its first line of text, and from line to line.
const NAME: f64 = 58.0;
const LINE: f64 = 15.0;
/// Around the outermost nodes' middles: rings, names, and edges that lead back beneath them.
const MARGIN: (f64, f64) = (92.0, 62.0);
/// Beneath the last row's middle.
const BOTTOM: f64 = 112.0;
/// Columns of a name, and of a type.
const NAME_COLUMNS: usize = 22;

/// A node's middle.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    x: f64,
    y: f64,
}

/// Where an edge runs, and where its label is.
#[derive(Debug, PartialEq)]
struct Route {
    path: String,
    label: Point,
    /// It runs from left to right where the label is.
    is_level: bool,
}

/// Places of everything.
///
/// A row has its place whatever others there are, so that what a reader looks at stays when nodes come above it.
struct Sheet<'v, 's> {
    view: &'v View<'s>,
    top: f64,
    width: f64,
    height: f64,
}

/// The picture.
pub(super) fn drawing(view: &View<'_>, links: &Links<'_>) -> Markup {
    let sheet = Sheet::of(view);
    let counted = words::size(view);
    html! {
        svg #map-drawing role="group" aria-label={ "Service map: " (counted) } width=(sheet.width) height=(sheet.height)
            viewBox={ "0 " (sheet.top) " " (sheet.width) " " (sheet.height) } data-heights=(view.heights()) {
            defs {
                @for health in ["idle", "green", "yellow", "red"] {
                    marker id={ "arrow-" (health) } class={ "arrow " (health) } viewBox="0 0 8 8" refX="7" refY="4"
                        markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto" {
                        path d="M0 0L8 4L0 8z" {}
                    }
                }
            }
            @for link in &view.edges { (line(&sheet, link)) }
            @for link in &view.edges { (label(&sheet, link, links)) }
            @for node in view.in_reading_order() { (circle(&sheet, node, links)) }
        }
    }
}

fn line(sheet: &Sheet<'_, '_>, link: &Link<'_>) -> Markup {
    let health = health(link.edge.summary_statistics.as_ref());
    let kind = if link.edge.is_link() { "message" } else { "call" };
    html! {
        path class={ "edge " (kind) " " (health) } d=(sheet.route(link).path) marker-end={ "url(#arrow-" (health) ")" } {}
    }
}

/// The edge's numbers, which open its panel.
fn label(sheet: &Sheet<'_, '_>, link: &Link<'_>, links: &Links<'_>) -> Markup {
    let (Some(statistics), Some((from, to))) = (link.edge.summary_statistics, sheet.view.ends(link)) else {
        return Markup::default();
    };
    let route = sheet.route(link);
    let time = match link.edge.is_link() {
        true => percentile(&link.edge.received_event_age_histogram, 0.5).map(|wait| format!("wait {}", duration(wait))),
        false => statistics.mean().map(duration),
    };
    let failed = failures(&statistics).into_iter().map(|(share, text)| (share.word, text)).collect::<Vec<_>>();
    let wide = if link.edge.is_link() || failed.len() > 1 { 92.0 } else { 64.0 };
    let high = if failed.is_empty() { 34.0 } else { 48.0 };
    // On a slope the label lies on its line; a level line would hide behind it, so there it lies above.
    let Point { x, y } = route.label;
    let top = if route.is_level { y - high - 5.0 } else { y - high / 2.0 };
    html! {
        a.label href=(links.selected(&link.key)) data-key=(link.key)
            aria-current=[links.is_selected(&link.key).then_some("true")] transform={ "translate(" (x) " " (top) ")" } {
            // Large enough to be hit, and what the focus is drawn around.
            rect.back x=(-wide / 2.0) width=(wide) height=(high) rx="5" {}
            text.said { (words::between(from.service, to.service, link.edge)) " " }
            @if let Some(time) = time { text y="14" { (time) " " } }
            text.dim y="28" { (words::rate(statistics.total_count, links.seconds)) " " }
            @if !failed.is_empty() { (failed_line(42.0, &failed)) }
        }
    }
}

fn failed_line(y: f64, failed: &[(&str, String)]) -> Markup {
    html! {
        text.failed y=(y) {
            @for (index, (word, text)) in failed.iter().take(2).enumerate() {
                @if index > 0 { "  " }
                tspan class=(word) { (text) }
            }
        }
    }
}

fn circle(sheet: &Sheet<'_, '_>, node: &Node<'_>, links: &Links<'_>) -> Markup {
    let Point { x, y } = sheet.middle(node);
    let service = node.service;
    let statistics = service.summary_statistics.as_ref();
    let (first, second) = inside(sheet.view, node, links.seconds);
    let kind = words::kind(service).map(|kind| cut(&kind, NAME_COLUMNS, false));
    let failed = statistics.map(failures).unwrap_or_default();
    let failed = failed.into_iter().map(|(share, text)| (share.word, text)).collect::<Vec<_>>();
    let class = if service.is_client() { "client" } else { health(statistics) };
    html! {
        a class={ "node " (class) } href=(links.selected(&node.key)) data-key=(node.key)
            aria-current=[links.is_selected(&node.key).then_some("true")] transform={ "translate(" (x) " " (y) ")" } {
            circle.halo r=(RADIUS + 8) {}
            circle.disc r=(RADIUS) {}
            // In the order in which it is to be read out.
            @if service.is_client() {
                circle.ring r=(RADIUS) {}
                text y="5" { "clients" }
                text.said { " of " (words::name(service)) }
            } @else {
                (ring::ring(statistics, RADIUS))
                text.name y=(NAME) { (cut(&words::name(service), NAME_COLUMNS, false)) " " }
                @if let Some(kind) = &kind { text.dim y=(NAME + LINE) { (kind) " " } }
                text.time y="-1" { (first) " " }
                text.dim y="14" { (second) " " }
                @if !failed.is_empty() {
                    (failed_line(NAME + LINE * if kind.is_some() { 2.0 } else { 1.0 }, &failed))
                }
            }
        }
    }
}

/// What a node's circle says: how long, and how often. Of a queue, how long messages wait in it.
fn inside(view: &View<'_>, node: &Node<'_>, seconds: f64) -> (String, String) {
    let Some(statistics) = node.service.summary_statistics else { return ("-".to_owned(), String::new()) };
    let rate = words::rate(statistics.total_count, seconds);
    match words::wait(view, node) {
        Some(wait) => (duration(wait), "wait".to_owned()),
        None => (statistics.mean().map_or_else(|| "-".to_owned(), duration), rate),
    }
}

impl<'v, 's> Sheet<'v, 's> {
    fn of(view: &'v View<'s>) -> Sheet<'v, 's> {
        let heights = || view.nodes.iter().map(|node| node.y);
        let (top, bottom) = (heights().fold(f64::INFINITY, f64::min), heights().fold(f64::NEG_INFINITY, f64::max));
        let last = view.nodes.iter().map(|node| node.layer).max().unwrap_or(0);
        if view.nodes.is_empty() {
            return Sheet { view, top: 0.0, width: 0.0, height: 0.0 };
        }
        let (width, height) = (column(last) + MARGIN.0, (bottom - top) * ROW + MARGIN.1 + BOTTOM);
        Sheet { view, top: row(top) - MARGIN.1, width, height }
    }

    fn middle(&self, node: &Node<'_>) -> Point {
        Point { x: column(node.layer), y: row(node.y) }
    }

    /// From ring to ring; forwards by curves through the gaps of the columns between, backwards beneath the nodes, and to
    /// the node itself by a loop above it.
    fn route(&self, link: &Link<'_>) -> Route {
        let Some((from, to)) = self.view.ends(link) else {
            return Route { path: String::new(), label: Point { x: 0.0, y: 0.0 }, is_level: false };
        };
        let (a, b) = (self.middle(from), self.middle(to));
        let radius = f64::from(RADIUS);
        if link.from == link.to {
            let path = format!("M{:.1} {:.1}c-34 -46 62 -46 28 0", a.x - 14.0, a.y - radius);
            return Route { path, label: Point { x: a.x + 46.0, y: a.y - radius - 14.0 }, is_level: false };
        }
        if to.layer <= from.layer {
            let low = a.y.max(b.y) + radius + 70.0;
            let path = format!(
                "M{:.1} {:.1}C{:.1} {low:.1} {:.1} {low:.1} {:.1} {:.1}",
                a.x,
                a.y + radius,
                a.x,
                b.x,
                b.x,
                b.y + radius
            );
            // The middle of such a curve is three quarters of the way to its control points.
            let y = (a.y + b.y) / 2.0 + radius + (low - (a.y + b.y) / 2.0 - radius) * 0.75;
            return Route { path, label: Point { x: (a.x + b.x) / 2.0, y }, is_level: false };
        }
        let mut points = vec![Point { x: a.x + radius + 4.0, y: a.y }];
        points.extend((from.layer + 1..to.layer).map(|layer| self.gap(layer, from, to)));
        points.push(Point { x: b.x - radius - 6.0, y: b.y });
        curve(&points)
    }

    /// Where an edge crosses a column between its ends: straight on, or through the nearest gap between nodes.
    fn gap(&self, layer: usize, from: &Node<'_>, to: &Node<'_>) -> Point {
        // Layers are few.
        #[allow(clippy::cast_precision_loss)]
        let part = (layer - from.layer) as f64 / (to.layer - from.layer).max(1) as f64;
        let wish = from.y + (to.y - from.y) * part;
        let column: Vec<f64> = self.view.nodes.iter().filter(|node| node.layer == layer).map(|node| node.y).collect();
        let is_free = |y: &f64| column.iter().all(|node| *y <= node - ABOVE || *y >= node + BELOW);
        let around = column.iter().flat_map(|node| [node - ABOVE, node + BELOW]);
        let nearest = std::iter::once(wish).chain(around).filter(is_free);
        let y = nearest.min_by(|left, right| (left - wish).abs().total_cmp(&(right - wish).abs())).unwrap_or(wish);
        Point { x: self::column(layer), y: row(y) }
    }
}

/// Rows that a node takes above its middle, and below with its name.
const ABOVE: f64 = 0.33;
const BELOW: f64 = 0.65;

fn column(layer: usize) -> f64 {
    // Layers are few.
    #[allow(clippy::cast_precision_loss)]
    let layer = layer as f64;
    MARGIN.0 + layer * COLUMN
}

fn row(y: f64) -> f64 {
    y * ROW
}

/// A smooth line that is level at each of its points; the label in the middle of its last part.
fn curve(points: &[Point]) -> Route {
    let mut path = String::new();
    if let Some(first) = points.first() {
        // Writing to memory cannot fail.
        let _ = write!(path, "M{:.1} {:.1}", first.x, first.y);
    }
    let (mut label, mut is_level) = (Point { x: 0.0, y: 0.0 }, false);
    for pair in points.windows(2) {
        let [p, q] = pair else { continue };
        let half = (q.x - p.x) / 2.0;
        let _ = write!(path, "C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}", p.x + half, p.y, q.x - half, q.y, q.x, q.y);
        label = Point { x: (p.x + q.x) / 2.0, y: (p.y + q.y) / 2.0 };
        is_level = (p.y - q.y).abs() < 1.0;
    }
    Route { path, label, is_level }
}
