//! An expression as text that parses to itself.

use std::fmt::{self, Display, Formatter};

use super::expression::{CauseKind, CausePart, Equality, Expression, GroupKey, Likeness, NodePattern, Order, Wanted};
use super::keywords::{Field, name};

impl Display for Expression {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Expression::All(all) => list(to, all, " AND "),
            Expression::Any(all) => list(to, all, " OR "),
            Expression::Not(inner) => write!(to, "!{}", Bracketed(inner)),
            Expression::Flag { field, wanted } => {
                to.write_str(name(Field::Flag(*field)))?;
                match wanted {
                    Some((equality, value)) => write!(to, " {equality} {value}"),
                    None => Ok(()),
                }
            }
            Expression::Number { field, wanted } => {
                to.write_str(name(Field::Number(*field)))?;
                match wanted {
                    Some((order, number)) => write!(to, " {order} {number}"),
                    None => Ok(()),
                }
            }
            Expression::Text { field, wanted } => {
                to.write_str(name(Field::Text(*field)))?;
                match wanted {
                    Some((likeness, text)) => write!(to, " {likeness} {}", Quoted(text)),
                    None => Ok(()),
                }
            }
            Expression::Annotation { key, wanted } => annotation(to, key, wanted.as_ref()),
            Expression::Service { node, block } => {
                if *node == NodePattern::default() {
                    to.write_str("service()")?;
                } else {
                    write!(to, "service({node})")?;
                }
                write_block(to, block.as_deref())
            }
            Expression::Edge { from, to: target, block } => {
                write!(to, "edge({from}, {target})")?;
                write_block(to, block.as_deref())
            }
            Expression::Group { by: GroupKey::Name, value, .. } => write!(to, "group.name = {}", Quoted(value)),
            Expression::Group { by: GroupKey::Arn, value, .. } => write!(to, "group.arn = {}", Quoted(value)),
            Expression::Cause { kind, part, block } => {
                let part = match part {
                    CausePart::Service => "service",
                    CausePart::Entity => "entity",
                    CausePart::Exception => "exception",
                };
                write!(to, "rootcause.{}.{part}", kind_name(*kind))?;
                write_block(to, block.as_deref())
            }
            Expression::CauseJson { kind: None, json, .. } => write!(to, "rootcause.json = #{json}"),
            Expression::CauseJson { kind: Some(kind), json, .. } => {
                write!(to, "rootcause.{}.json = #{json}", kind_name(*kind))
            }
        }
    }
}

fn list(to: &mut Formatter<'_>, all: &[Expression], between: &str) -> fmt::Result {
    for (index, one) in all.iter().enumerate() {
        if index > 0 {
            to.write_str(between)?;
        }
        write!(to, "{}", Bracketed(one))?;
    }
    Ok(())
}

/// In brackets if it is made of several.
struct Bracketed<'a>(&'a Expression);

impl Display for Bracketed<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            several @ (Expression::All(_) | Expression::Any(_)) => write!(to, "({several})"),
            one => one.fmt(to),
        }
    }
}

struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        write!(to, "\"{}\"", self.0.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

fn annotation(to: &mut Formatter<'_>, key: &str, wanted: Option<&Wanted>) -> fmt::Result {
    if key.chars().all(super::lexer::is_of_word) {
        write!(to, "annotation.{key}")?;
    } else {
        write!(to, "annotation[{}]", Quoted(key))?;
    }
    match wanted {
        None => Ok(()),
        Some(Wanted::Bool(equality, value)) => write!(to, " {equality} {value}"),
        Some(Wanted::Number(order, number)) => write!(to, " {order} {number}"),
        Some(Wanted::Text(likeness, text)) => write!(to, " {likeness} {}", Quoted(text)),
    }
}

fn write_block(to: &mut Formatter<'_>, block: Option<&Expression>) -> fmt::Result {
    block.map_or(Ok(()), |block| write!(to, " {{ {block} }}"))
}

fn kind_name(kind: CauseKind) -> &'static str {
    match kind {
        CauseKind::Fault => "fault",
        CauseKind::Error => "error",
        CauseKind::ResponseTime => "responsetime",
    }
}

impl Display for NodePattern {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        if let (Some(name), None, None) = (&self.name, &self.kind, &self.account) {
            return Quoted(name).fmt(to);
        }
        let parts = [("name", &self.name), ("type", &self.kind), ("account.id", &self.account)];
        let parts = parts.into_iter().filter_map(|(key, value)| Some(format!("{key}: {}", Quoted(value.as_ref()?))));
        write!(to, "id({})", parts.collect::<Vec<_>>().join(", "))
    }
}

impl Display for Equality {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        to.write_str(if *self == Equality::Is { "=" } else { "!=" })
    }
}

impl Display for Order {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Order::Is => "=",
            Order::IsNot => "!=",
            Order::Less => "<",
            Order::AtMost => "<=",
            Order::More => ">",
            Order::AtLeast => ">=",
        })
    }
}

impl Display for Likeness {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Likeness::Is => "=",
            Likeness::IsNot => "!=",
            Likeness::Contains => "CONTAINS",
            Likeness::Begins => "BEGINSWITH",
            Likeness::Ends => "ENDSWITH",
        })
    }
}
