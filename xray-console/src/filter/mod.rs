//! X-Ray's filter expressions: the whole language.
//!
//! AWS publishes examples and no grammar; this one takes every example of the guide and the API reference.
//!
//! ```text
//! expression  = all { "OR" all }
//! all         = unary { [ "AND" ] unary }                     both of two conditions side by side; AND before OR
//! unary       = "!" unary | "(" expression ")" | condition
//! condition   = flag [ ( "=" | "!=" ) ( "true" | "false" ) ]
//!             | number [ ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) 0.25 ]
//!             | text [ ( "=" | "!=" | "CONTAINS" | "BEGINSWITH" | "ENDSWITH" ) "…" ]
//!             | ( annotation.key | annotation["key"] ) [ any of these comparisons ]
//!             | service( [ node ] ) [ block ] | edge( node, node ) [ block ]
//!             | ( group.name | group.arn ) = "…"
//!             | rootcause.( fault | error | responsetime ).( service | entity | exception ) [ block ]
//!             | rootcause.[ fault | error | responsetime . ]json = #[ … ]
//! block       = "{" expression "}"
//! node        = "name" | id( name: "…", type: "…", account.id: "…" )      at least one of them
//! flag        = ok error fault throttle partial inferred; in blocks root first last remote
//! number      = responsetime duration http.status; in blocks index coverage
//! text        = http.url http.method http.useragent http.clientip user availabilityzone instance.id resource.arn;
//!               in blocks name type message
//! ```
//!
//! Keywords may be in any case; texts are compared as they are. Texts are in double quotes, with `\"` and `\\`.
//!
//! Outside of blocks `ok`, `error`, `fault`, `responsetime` and `http.*` speak of the segment that began the trace;
//! `duration` of the whole trace; `throttle`, `partial`, `inferred`, `user`, `availabilityzone`, `instance.id`,
//! `resource.arn` and annotations of any segment. `service(…) { … }` asks for one segment of that service that meets the
//! whole block, `edge(…) { … }` for one call, as its caller saw it. A keyword alone asks whether it is true, else
//! whether it is there. What is absent fits no comparison, not even `!=`. Numbers, texts and booleans of annotations
//! are never converted into one another. A queue between a sender and a consumer is a service with edges to both.
//!
//! Of a root cause's path, `index` counts from 0, `first` and `last` are its ends; how such paths are found is told
//! beside [`RootCause`](crate::query::RootCause)'s making, in `query/facts/causes.rs`.
//!
//! Limits: 64 KiB of text, 64 levels of nesting, 1,000 conditions.
//!
//! Source: X-Ray Developer Guide, "Using filter expressions"; X-Ray API Reference, "GetTraceSummaries".

mod display;
mod error;
mod evaluate;
mod expression;
mod json;
mod keywords;
mod lexer;
mod parser;
#[cfg(test)]
mod tests;
mod tokens;

use std::fmt;
use std::str::FromStr;

pub use error::FilterError;
pub(crate) use expression::{Expression, NodePattern};

use crate::query::Facts;

/// Words that a condition may begin with, and those that join conditions.
#[cfg(feature = "web")]
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    keywords::in_scope(keywords::Scope::Trace).chain(["AND", "OR", "CONTAINS", "BEGINSWITH", "ENDSWITH"])
}

/// A filter expression.
///
/// `Display` writes it in one spelling, which parses to the same filter.
///
/// # Examples
///
/// ```
/// use xray_console::{Filter, Trace, query::Facts};
/// use xray_core::document::Document;
///
/// let filter = Filter::parse(r#"service("shop") { fault } AND responsetime > 1"#)?;
///
/// let shop = r#"{"name":"shop","id":"000000000000000a","start_time":1.0,"end_time":2.5,"fault":true}"#;
/// let trace = Trace::assemble("1-5759e988-bd862e3fe1be46a994272793", [Document::parse(shop).unwrap()]);
/// assert!(filter.matches(&Facts::of(&trace)));
/// # Ok::<(), xray_console::FilterError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Filter(Expression);

/// How an expression names a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Group<'a> {
    /// By its name.
    Name(&'a str),
    /// By its ARN.
    Arn(&'a str),
}

impl Filter {
    /// Reads an expression that names no group.
    ///
    /// # Errors
    ///
    /// [`FilterError`] with the place, what was expected there and the nearest keyword.
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        Filter::parse_with(text, |_| None)
    }

    /// Reads an expression; `groups` knows the expressions of groups, which may name others in turn.
    ///
    /// # Errors
    ///
    /// As [`parse`](Filter::parse); also for a group that is not known, whose expression is wrong, or that is part of
    /// itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_console::filter::{Filter, Group};
    ///
    /// let groups = |group: Group<'_>| (group == Group::Name("slow")).then(|| "responsetime > 5".to_owned());
    /// let filter = Filter::parse_with(r#"group.name = "slow" AND user = "alice""#, groups)?;
    /// assert_eq!(filter.to_string(), r#"group.name = "slow" AND user = "alice""#);
    /// # Ok::<(), xray_console::FilterError>(())
    /// ```
    pub fn parse_with(text: &str, groups: impl Fn(Group<'_>) -> Option<String>) -> Result<Filter, FilterError> {
        parser::Parser::parse(text, &groups).map(Filter)
    }

    /// What it says.
    pub(crate) fn expression(&self) -> &Expression {
        &self.0
    }

    /// Whether the trace is meant.
    pub fn matches(&self, facts: &Facts) -> bool {
        evaluate::matches(facts, &self.0)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(to)
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Filter, FilterError> {
        Filter::parse(text)
    }
}
