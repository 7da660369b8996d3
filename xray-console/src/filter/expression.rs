//! What an expression says.

/// An expression or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    /// All of these, at least two.
    All(Vec<Expression>),
    /// Any of these, at least two.
    Any(Vec<Expression>),
    Not(Box<Expression>),
    Flag {
        field: Flag,
        wanted: Option<(Equality, bool)>,
    },
    Number {
        field: Number,
        wanted: Option<(Order, f64)>,
    },
    Text {
        field: Text,
        wanted: Option<(Likeness, String)>,
    },
    Annotation {
        key: String,
        wanted: Option<Wanted>,
    },
    Service {
        node: NodePattern,
        block: Option<Box<Expression>>,
    },
    Edge {
        from: NodePattern,
        to: NodePattern,
        block: Option<Box<Expression>>,
    },
    Group {
        by: GroupKey,
        value: String,
        meaning: Box<Expression>,
    },
    Cause {
        kind: CauseKind,
        part: CausePart,
        block: Option<Box<Expression>>,
    },
    CauseJson {
        kind: Option<CauseKind>,
        json: String,
        causes: Vec<super::json::CausePattern>,
    },
}

pub(crate) use crate::query::CauseKind;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flag {
    Ok,
    Error,
    Fault,
    Throttle,
    Partial,
    Inferred,
    Root,
    First,
    Last,
    Remote,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    ResponseTime,
    Duration,
    Status,
    Index,
    Coverage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    Url,
    Method,
    UserAgent,
    ClientIp,
    User,
    Zone,
    Instance,
    Arn,
    Name,
    Type,
    Message,
}

/// `=` or `!=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Equality {
    Is,
    IsNot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Is,
    IsNot,
    Less,
    AtMost,
    More,
    AtLeast,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Likeness {
    Is,
    IsNot,
    Contains,
    Begins,
    Ends,
}

/// What an annotation is compared with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wanted {
    Bool(Equality, bool),
    Number(Order, f64),
    Text(Likeness, String),
}

/// Which nodes of the service map are meant; what is none is not asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct NodePattern {
    pub(crate) name: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) account: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupKey {
    Name,
    Arn,
}

/// What of a root cause's path a block speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CausePart {
    Service,
    Entity,
    Exception,
}

impl Order {
    pub(crate) fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Order::Is => left == right,
            Order::IsNot => left != right,
            Order::Less => left < right,
            Order::AtMost => left <= right,
            Order::More => left > right,
            Order::AtLeast => left >= right,
        }
    }
}

impl Likeness {
    pub(crate) fn holds(self, left: &str, right: &str) -> bool {
        match self {
            Likeness::Is => left == right,
            Likeness::IsNot => left != right,
            Likeness::Contains => left.contains(right),
            Likeness::Begins => left.starts_with(right),
            Likeness::Ends => left.ends_with(right),
        }
    }
}

impl Equality {
    pub(crate) fn holds<T: PartialEq>(self, left: T, right: T) -> bool {
        (left == right) == (self == Equality::Is)
    }
}
