//! Where the page's links lead: to itself with something selected, and to traces.

use super::super::query::Query;
use super::expression::both;

/// What links keep of the page they are on.
pub(super) struct Links<'a> {
    /// The page's own address.
    pub(super) query: &'a Query,
    /// Seconds of the time it speaks of; 0 if that is all of time.
    pub(super) seconds: f64,
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
        self.query.carried().with("sel", key).href("/map")
    }

    /// This page with nothing selected.
    pub(super) fn unselected(&self) -> String {
        self.query.carried().href("/map")
    }

    /// The traces of this page that are also of this expression.
    pub(super) fn traces(&self, expression: Option<String>) -> Option<String> {
        let expression = both(self.query.filter().unwrap_or_default(), &expression?);
        Some(self.query.carried().with("q", &expression).href("/traces"))
    }
}
