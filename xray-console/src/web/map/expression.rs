//! The filter expressions that nodes and edges stand for.

use super::super::condition::text;
use super::view::{Link, Node, View};
use crate::graph::Service;

/// Longest names, in bytes, that are written into an address; servers take no address much longer.
const LONGEST: usize = 2_000;

/// The traces that a node took part in: all of them, or those of which a segment of it meets a block. None if its name
/// is too long to be written.
pub(super) fn of_node(view: &View<'_>, node: &Node<'_>, block: Option<&str>) -> Option<String> {
    // A client has the name of the service it calls.
    Some(format!("service({}){}", pattern(view, node.service)?, braced(block)))
}

/// The traces with a call along this edge; a client's is the beginning of the trace.
pub(super) fn of_edge(view: &View<'_>, link: &Link<'_>, block: Option<&str>) -> Option<String> {
    let (from, to) = view.ends(link)?;
    let target = pattern(view, to.service)?;
    if from.service.is_client() {
        let block = block.map_or_else(|| "root".to_owned(), |block| format!("root AND {block}"));
        return Some(format!("service({target}) {{ {block} }}"));
    }
    Some(format!("edge({}, {target}){}", pattern(view, from.service)?, braced(block)))
}

/// Both: what the page shows, and what of it is asked for.
pub(super) fn both(shown: &str, wanted: &str) -> String {
    match shown.trim() {
        "" => wanted.to_owned(),
        shown => format!("({shown}) AND {wanted}"),
    }
}

fn braced(block: Option<&str>) -> String {
    block.map(|block| format!(" {{ {block} }}")).unwrap_or_default()
}

/// A node by its name, and by its type where others have the name too.
fn pattern(view: &View<'_>, service: &Service) -> Option<String> {
    let kind = service.kind.as_deref().filter(|_| !service.is_client() && !view.is_only(service));
    if service.name.len() + kind.map_or(0, str::len) > LONGEST {
        return None;
    }
    Some(match kind {
        Some(kind) => format!("id(name: {}, type: {})", text(&service.name), text(kind)),
        None => text(&service.name),
    })
}
