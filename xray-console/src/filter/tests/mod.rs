//! The language held against traces, bad expressions against their messages, any text against the parser.

mod bad;
mod properties;
mod table;
mod traces;

use super::{Filter, Group};

/// The groups of the tests.
fn groups(group: Group<'_>) -> Option<String> {
    let expression = match group {
        Group::Name("slow") => "responsetime >= 2",
        Group::Arn("arn:aws:xray:eu-central-1:1:group/slow") => r#"group.name = "slow""#,
        Group::Name("circle") => r#"ok OR group.name = "other half""#,
        Group::Name("other half") => r#"group.name = "circle""#,
        Group::Name("wrong") => "falut",
        Group::Name("empty") => " ",
        Group::Name("double 0") => "ok",
        Group::Name(name) => {
            let number: u32 = name.strip_prefix("double ")?.parse().ok()?;
            return Some(format!(r#"group.name = "double {0}" OR group.name = "double {0}""#, number.checked_sub(1)?));
        }
        Group::Arn(_) => return None,
    };
    Some(expression.to_owned())
}

fn parse(text: &str) -> Filter {
    Filter::parse_with(text, groups).unwrap_or_else(|error| panic!("{text}\n{error}"))
}
