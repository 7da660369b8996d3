//! Where the page's links lead: to itself with something selected, and to traces.

use xray_core::TraceId;

use super::super::query::Query;
use super::expression::both;

/// What links keep of the page they are on.
pub(super) struct Links<'a> {
    /// The page's own address.
    pub(super) query: &'a Query,
    /// Seconds of the time it speaks of; 0 if that is all of time.
    pub(super) seconds: f64,
    /// The only trace it is of, if it is of one.
    pub(super) trace: Option<TraceId>,
}

impl Links<'_> {
    /// The key of what is selected.
    pub(super) fn selection(&self) -> Option<&str> {
        self.query.get("sel")
    }

    pub(super) fn is_selected(&self, key: &str) -> bool {
        self.selection() == Some(key)
    }

    /// This page with this selected.
    pub(super) fn selected(&self, key: &str) -> String {
        self.same().with("sel", key).href("/map")
    }

    /// This page with nothing selected.
    pub(super) fn unselected(&self) -> String {
        self.same().href("/map")
    }

    fn same(&self) -> Query {
        self.query.only(&["q", "w", "from", "to", "trace"])
    }

    /// The traces of this page that are also of this expression; of a single trace that one, where it holds this name.
    pub(super) fn traces(&self, expression: Option<String>, name: &str) -> Option<String> {
        if let Some(trace) = self.trace {
            return Some(Query::default().with("find", name).href(&format!("/t/{trace}")));
        }
        let expression = both(self.query.filter().unwrap_or_default(), &expression?);
        Some(self.query.carried().with("q", &expression).href("/traces"))
    }
}
