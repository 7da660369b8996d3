//! Filter expressions in requests: those of traces, of groups, and the selectors of statistics.

use crate::filter::{Expression, Filter, FilterError, Group, NodePattern};
use crate::graph::{NodeRef, Selector};
use crate::store::Row;

use super::check::length;
use super::{Api, ApiError};

impl Api {
    /// What tells whether a trace is meant: every one, without an expression.
    pub(super) fn filter(&self, text: Option<&str>) -> Result<impl Fn(&Row) -> bool + use<>, ApiError> {
        let filter = text.filter(|text| !text.trim().is_empty()).map(|text| self.parsed(text)).transpose();
        let filter = filter.map_err(|error| ApiError::invalid(error.to_string()))?;
        Ok(move |row: &Row| filter.as_ref().is_none_or(|filter| filter.matches(&row.facts)))
    }

    /// An error if the expression is none.
    pub(super) fn check_filter(&self, text: Option<&str>) -> Result<(), ApiError> {
        self.filter(text).map(drop)
    }

    /// An expression that may name this console's groups.
    pub(crate) fn parsed(&self, text: &str) -> Result<Filter, FilterError> {
        let state = self.state();
        let groups = |group: Group<'_>| match group {
            Group::Name(name) => state.groups.get(Some(name), None).ok()?.filter_expression.clone(),
            Group::Arn(arn) => state.groups.get(None, Some(arn)).ok()?.filter_expression.clone(),
        };
        Filter::parse_with(text, groups)
    }
}

/// An EntitySelectorExpression: `service(…)`, `edge(…, …)` or `id(…)`, without a block.
pub(super) fn selector(text: &str) -> Result<Selector, ApiError> {
    length("EntitySelectorExpression", text, 1, 500)?;
    let text = text.trim();
    let is_id = text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("id"));
    let whole = if is_id { format!("service({text})") } else { text.to_owned() };
    let filter =
        Filter::parse(&whole).map_err(|error| ApiError::invalid(format!("EntitySelectorExpression: {error}")))?;
    match filter.expression() {
        Expression::Service { node, block: None } => Ok(Selector::Service(node_ref(node))),
        Expression::Edge { from, to, block: None } => Ok(Selector::Edge(node_ref(from), node_ref(to))),
        _ => Err(ApiError::invalid("EntitySelectorExpression is none of service(…), edge(…, …) and id(…)")),
    }
}

fn node_ref(node: &NodePattern) -> NodeRef {
    NodeRef { name: node.name.clone(), kind: node.kind.clone(), account: node.account.clone() }
}
