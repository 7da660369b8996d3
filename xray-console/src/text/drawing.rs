//! The service map for programs that draw: Graphviz and Mermaid.

use std::fmt::Write;

use super::duration;
use super::map::label;
use crate::graph::{Edge, Health, Service, SummaryStatistics};

/// The map in the language of Graphviz.
///
/// # Examples
///
/// ```
/// use xray_console::{graph::ServiceGraph, text::dot};
///
/// assert_eq!(dot(&ServiceGraph::default().services()), "digraph map {\n  rankdir=LR;\n  node [shape=box];\n}\n");
/// ```
pub fn dot(services: &[Service]) -> String {
    // A backslash begins a command of Graphviz, a quotation mark ends the text.
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut out = String::from("digraph map {\n  rankdir=LR;\n  node [shape=box];\n");
    for service in services {
        let numbers = numbers(service.summary_statistics.as_ref()).map(|text| format!("\\n{text}")).unwrap_or_default();
        let color = color(service);
        // Writing to memory cannot fail.
        let _ = writeln!(
            out,
            "  n{} [label=\"{}{numbers}\", color=\"{color}\"];",
            service.reference_id,
            quoted(&label(service))
        );
    }
    for (service, edge) in edges(services) {
        let style = if edge.is_link() { ", style=dashed" } else { "" };
        let numbers = numbers(edge.summary_statistics.as_ref()).unwrap_or_default();
        let _ = writeln!(out, "  n{} -> n{} [label=\"{numbers}\"{style}];", service.reference_id, edge.reference_id);
    }
    out + "}\n"
}

/// The map in the language of Mermaid, which many pages that show Markdown draw.
///
/// # Examples
///
/// ```
/// use xray_console::{graph::ServiceGraph, text::mermaid};
///
/// assert_eq!(mermaid(&ServiceGraph::default().services()), "flowchart LR\n");
/// ```
pub fn mermaid(services: &[Service]) -> String {
    let mut out = String::from("flowchart LR\n");
    for service in services {
        let label = label(service);
        let numbers =
            numbers(service.summary_statistics.as_ref()).map(|text| format!("<br>{text}")).unwrap_or_default();
        let (open, close) = if service.is_client() { ("([", "])") } else { ("[", "]") };
        let _ = writeln!(out, "  n{}{open}\"{}{numbers}\"{close}", service.reference_id, entities(&label));
        let _ = writeln!(out, "  style n{} stroke:{}", service.reference_id, color(service));
    }
    for (service, edge) in edges(services) {
        let arrow = if edge.is_link() { "-.->" } else { "-->" };
        let numbers = numbers(edge.summary_statistics.as_ref()).map(|text| format!("|\"{text}\"|")).unwrap_or_default();
        let _ = writeln!(out, "  n{} {arrow}{numbers} n{}", service.reference_id, edge.reference_id);
    }
    out
}

fn edges(services: &[Service]) -> impl Iterator<Item = (&Service, &Edge)> {
    services.iter().flat_map(|service| service.edges.iter().map(move |edge| (service, edge)))
}

/// All but letters, digits and a few signs as Mermaid's entities: a name may hold its marks and HTML.
fn entities(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        if character.is_alphanumeric() || " _-.()/:@+".contains(character) {
            out.push(character);
        } else {
            let _ = write!(out, "#{};", u32::from(character));
        }
    }
    out
}

fn numbers(statistics: Option<&SummaryStatistics>) -> Option<String> {
    let statistics = statistics.filter(|statistics| statistics.total_count > 0)?;
    let mean = statistics.mean().filter(|mean| *mean > 0.0).map(|mean| format!(", {}", duration(mean)));
    let failed = statistics.total_count - statistics.ok_count.min(statistics.total_count);
    let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    Some(format!("{}{}{failed}", statistics.total_count, mean.unwrap_or_default()))
}

fn color(service: &Service) -> &'static str {
    match service.summary_statistics.map_or(Health::Idle, |statistics| statistics.health()) {
        Health::Idle => "gray",
        Health::Green => "green",
        Health::Yellow => "goldenrod",
        Health::Red => "red",
    }
}
