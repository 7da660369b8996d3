//! Whether a trace is meant.
//!
//! Reads [`Facts`] only. What is absent is not compared: every comparison with it is false, `!=` too.

use super::expression::{CauseKind, CausePart, Expression, Flag, Likeness, NodePattern, Number, Text, Wanted};
use crate::query::{Cause, Entity, Facts, Flags, Label, Record, Segment, Value, root_cause};

/// What the conditions of a block speak of.
trait Subject {
    fn flag(&self, field: Flag) -> Option<bool>;
    fn number(&self, field: Number) -> Option<f64>;
    fn text(&self, field: Text) -> Option<&str>;

    fn fits(&self, condition: &Expression) -> bool {
        match condition {
            Expression::All(all) => all.iter().all(|condition| self.fits(condition)),
            Expression::Any(all) => all.iter().any(|condition| self.fits(condition)),
            Expression::Not(inner) => !self.fits(inner),
            Expression::Flag { field, wanted: None } => self.flag(*field) == Some(true),
            Expression::Flag { field, wanted: Some((equality, wanted)) } => {
                self.flag(*field).is_some_and(|value| equality.holds(value, *wanted))
            }
            Expression::Number { field, wanted } => fits_number(self.number(*field), wanted.as_ref()),
            Expression::Text { field, wanted } => fits_text(self.text(*field), wanted.as_ref()),
            // The parser lets none of these into a block.
            Expression::Annotation { .. }
            | Expression::Service { .. }
            | Expression::Edge { .. }
            | Expression::Group { .. }
            | Expression::Cause { .. }
            | Expression::CauseJson { .. } => false,
        }
    }
}

fn fits_number(value: Option<f64>, wanted: Option<&(super::expression::Order, f64)>) -> bool {
    value.is_some_and(|value| wanted.is_none_or(|(order, wanted)| order.holds(value, *wanted)))
}

fn fits_text(value: Option<&str>, wanted: Option<&(Likeness, String)>) -> bool {
    value.is_some_and(|value| wanted.is_none_or(|(likeness, wanted)| likeness.holds(value, wanted)))
}

/// Outside of blocks.
pub(super) fn matches(facts: &Facts, condition: &Expression) -> bool {
    match condition {
        Expression::All(all) => all.iter().all(|condition| matches(facts, condition)),
        Expression::Any(all) => all.iter().any(|condition| matches(facts, condition)),
        Expression::Not(inner) => !matches(facts, inner),
        Expression::Flag { field: Flag::Throttle, wanted } => flag(facts.is_throttled(), wanted),
        Expression::Flag { field: Flag::Partial, wanted } => flag(facts.is_partial(), wanted),
        Expression::Flag { field: Flag::Inferred, wanted } => {
            flag(facts.segments().iter().any(|segment| segment.record.flags.has(Flags::INFERRED)), wanted)
        }
        Expression::Number { field: Number::Duration, wanted } => fits_number(facts.duration(), wanted.as_ref()),
        Expression::Text { field, wanted } => match of_any_segment(*field) {
            Some(label) => facts.labels(label).any(|(_, text)| fits_text(Some(text), wanted.as_ref())),
            None => root(facts).is_some_and(|root| root.fits(condition)),
        },
        Expression::Flag { .. } | Expression::Number { .. } => root(facts).is_some_and(|root| root.fits(condition)),
        Expression::Annotation { key, wanted } => annotation(facts, key, wanted.as_ref()),
        Expression::Service { node, block } => facts.segments().iter().enumerate().any(|(index, segment)| {
            node.fits(facts, segment)
                && block.as_deref().is_none_or(|block| OfSegment { facts, index, segment }.fits(block))
        }),
        Expression::Edge { from, to, block } => facts.calls().iter().enumerate().any(|(index, call)| {
            let is = |node: &NodePattern, at: u32| facts.segment(at).is_some_and(|segment| node.fits(facts, segment));
            let inferred = || facts.segment(call.to).is_some_and(|to| to.record.flags.has(Flags::INFERRED));
            is(from, call.from)
                && is(to, call.to)
                && block
                    .as_deref()
                    .is_none_or(|block| OfCall { facts, index, record: &call.record, inferred: inferred() }.fits(block))
        }),
        Expression::Group { meaning, .. } => matches(facts, meaning),
        Expression::Cause { kind, part, block } => {
            let of_kind = facts.causes().iter().filter(|cause| cause.kind == *kind);
            of_kind.into_iter().any(|cause| cause_fits(facts, cause, *part, block.as_deref()))
        }
        Expression::CauseJson { kind, causes, .. } => {
            let of_kind = |cause: &&Cause| kind.is_none_or(|kind: CauseKind| cause.kind == kind);
            let found: Vec<_> = facts.causes().iter().filter(of_kind).map(|cause| root_cause(facts, cause)).collect();
            causes.iter().all(|wanted| found.iter().any(|cause| wanted.fits(cause)))
        }
    }
}

fn flag(value: bool, wanted: &Option<(super::expression::Equality, bool)>) -> bool {
    wanted.map_or(value, |(equality, wanted)| equality.holds(value, wanted))
}

fn root(facts: &Facts) -> Option<OfSegment<'_>> {
    facts.root().map(|segment| OfSegment { facts, index: 0, segment })
}

/// Texts that outside of blocks any segment may have, not the root alone.
fn of_any_segment(field: Text) -> Option<Label> {
    matches!(field, Text::User | Text::Zone | Text::Instance | Text::Arn).then(|| label(field)).flatten()
}

fn label(field: Text) -> Option<Label> {
    Some(match field {
        Text::Url => Label::Url,
        Text::Method => Label::Method,
        Text::UserAgent => Label::UserAgent,
        Text::ClientIp => Label::ClientIp,
        Text::User => Label::User,
        Text::Zone => Label::Zone,
        Text::Instance => Label::Instance,
        Text::Arn => Label::Arn,
        Text::Name | Text::Type | Text::Message => return None,
    })
}

fn annotation(facts: &Facts, key: &str, wanted: Option<&Wanted>) -> bool {
    let of_key = facts.annotations().iter().filter(|annotation| facts.text(annotation.key) == Some(key));
    of_key.into_iter().any(|annotation| match (annotation.value, wanted) {
        (Value::Bool(value), None) => value,
        (Value::Text(_) | Value::Number(_), None) => true,
        (Value::Bool(value), Some(Wanted::Bool(equality, wanted))) => equality.holds(value, *wanted),
        (Value::Number(value), Some(Wanted::Number(order, wanted))) => order.holds(value, *wanted),
        (Value::Text(value), Some(Wanted::Text(likeness, wanted))) => {
            facts.text(value).is_some_and(|value| likeness.holds(value, wanted))
        }
        _ => false,
    })
}

impl NodePattern {
    fn fits(&self, facts: &Facts, segment: &Segment) -> bool {
        let is = |wanted: &Option<String>, text| wanted.as_ref().is_none_or(|wanted| facts.text(text) == Some(wanted));
        is(&self.name, segment.name) && is(&self.kind, segment.kind) && is(&self.account, segment.account)
    }
}

fn of_record(record: &Record, field: Flag) -> Option<bool> {
    Some(match field {
        Flag::Ok => !record.flags.has(Flags::NOT_OK),
        Flag::Error => record.flags.has(Flags::ERROR),
        Flag::Fault => record.flags.has(Flags::FAULT),
        Flag::Throttle => record.flags.has(Flags::THROTTLE),
        Flag::Partial => record.flags.has(Flags::PARTIAL),
        Flag::Inferred => record.flags.has(Flags::INFERRED),
        Flag::Root => record.flags.has(Flags::ROOT),
        Flag::First | Flag::Last | Flag::Remote => return None,
    })
}

fn number_of_record(record: &Record, field: Number) -> Option<f64> {
    match field {
        Number::ResponseTime | Number::Duration => record.seconds(),
        Number::Status => record.status().map(f64::from),
        Number::Index | Number::Coverage => None,
    }
}

struct OfSegment<'a> {
    facts: &'a Facts,
    index: usize,
    segment: &'a Segment,
}

impl Subject for OfSegment<'_> {
    fn flag(&self, field: Flag) -> Option<bool> {
        of_record(&self.segment.record, field)
    }

    fn number(&self, field: Number) -> Option<f64> {
        number_of_record(&self.segment.record, field)
    }

    fn text(&self, field: Text) -> Option<&str> {
        match field {
            Text::Name => self.facts.text(self.segment.name),
            Text::Type => self.facts.text(self.segment.kind),
            field => self.facts.label(self.index, label(field)?),
        }
    }
}

/// A call as its caller saw it.
struct OfCall<'a> {
    facts: &'a Facts,
    index: usize,
    record: &'a Record,
    inferred: bool,
}

impl Subject for OfCall<'_> {
    fn flag(&self, field: Flag) -> Option<bool> {
        if field == Flag::Inferred { Some(self.inferred) } else { of_record(self.record, field) }
    }

    fn number(&self, field: Number) -> Option<f64> {
        number_of_record(self.record, field)
    }

    fn text(&self, field: Text) -> Option<&str> {
        self.facts.label_of_call(self.index, label(field)?)
    }
}

fn cause_fits(facts: &Facts, cause: &Cause, part: CausePart, block: Option<&Expression>) -> bool {
    let path = facts.path(cause);
    let fits = |subject: &OnPath<'_>| block.is_none_or(|block| subject.fits(block));
    match part {
        CausePart::Service => {
            let services: Vec<_> = path
                .chunk_by(|left, right| left.segment == right.segment)
                .filter_map(|service| facts.segment(service.first()?.segment))
                .collect();
            let of = services.len();
            services.into_iter().enumerate().any(|(index, segment)| {
                let inferred = segment.record.flags.has(Flags::INFERRED);
                let (name, kind) = (facts.text(segment.name), facts.text(segment.kind));
                fits(&OnPath { index, of, name, kind, inferred: Some(inferred), ..OnPath::default() })
            })
        }
        CausePart::Entity => path.iter().enumerate().any(|(index, entity): (usize, &Entity)| {
            let coverage = (cause.kind == CauseKind::ResponseTime).then_some(entity.coverage);
            let (name, remote) = (facts.text(entity.name), Some(entity.remote));
            fits(&OnPath { index, of: path.len(), name, remote, coverage, ..OnPath::default() })
        }),
        CausePart::Exception => {
            let of = path.iter().map(|entity| facts.exceptions(entity).len()).sum();
            path.iter().flat_map(|entity| facts.exceptions(entity)).enumerate().any(|(index, exception)| {
                let (name, message) = (facts.text(exception.name), facts.text(exception.message));
                fits(&OnPath { index, of, name, message, ..OnPath::default() })
            })
        }
    }
}

/// A service, entity or exception of a root cause.
#[derive(Default)]
struct OnPath<'a> {
    index: usize,
    of: usize,
    name: Option<&'a str>,
    kind: Option<&'a str>,
    message: Option<&'a str>,
    inferred: Option<bool>,
    remote: Option<bool>,
    coverage: Option<f64>,
}

impl Subject for OnPath<'_> {
    fn flag(&self, field: Flag) -> Option<bool> {
        match field {
            Flag::First => Some(self.index == 0),
            Flag::Last => Some(self.index + 1 == self.of),
            Flag::Inferred => self.inferred,
            Flag::Remote => self.remote,
            _ => None,
        }
    }

    fn number(&self, field: Number) -> Option<f64> {
        match field {
            // Paths have at most a few hundred entities.
            Number::Index => u32::try_from(self.index).ok().map(f64::from),
            Number::Coverage => self.coverage,
            _ => None,
        }
    }

    fn text(&self, field: Text) -> Option<&str> {
        match field {
            Text::Name => self.name,
            Text::Type => self.kind,
            Text::Message => self.message,
            _ => None,
        }
    }
}
