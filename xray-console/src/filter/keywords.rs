//! The words of the language, and where each may stand.

use super::expression::{CauseKind, CausePart, Flag, Number, Text};

/// What the conditions around speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Trace,
    Service,
    Edge,
    CauseService,
    CauseEntity,
    CauseException,
}

impl Scope {
    const ALL: [Scope; 6] =
        [Scope::Trace, Scope::Service, Scope::Edge, Scope::CauseService, Scope::CauseEntity, Scope::CauseException];

    /// Where it is, in a message.
    pub(super) fn place(self) -> &'static str {
        match self {
            Scope::Trace => "outside of blocks",
            Scope::Service => "in the block of service()",
            Scope::Edge => "in the block of edge()",
            Scope::CauseService => "in the block of rootcause.….service",
            Scope::CauseEntity => "in the block of rootcause.….entity",
            Scope::CauseException => "in the block of rootcause.….exception",
        }
    }

    /// A condition that may stand there, for messages.
    pub(super) fn sample(self) -> &'static str {
        match self {
            Scope::Trace => "a condition (such as fault, responsetime > 1 or service(\"name\"))",
            Scope::Service => "a condition on a service (such as fault or responsetime > 1)",
            Scope::Edge => "a condition on a call (such as fault or responsetime > 1)",
            Scope::CauseService => "a condition on a service (name, type, inferred, first, last or index)",
            Scope::CauseEntity => "a condition on an entity (name, remote, coverage, first, last or index)",
            Scope::CauseException => "a condition on an exception (name, message, first, last or index)",
        }
    }
}

/// What a keyword reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Flag(Flag),
    Number(Number),
    Text(Text),
}

/// Each keyword, what it reads, and where it may stand, in the order of [`Scope::ALL`].
const KEYWORDS: [(&str, Field, [bool; 6]); 26] = {
    const T: bool = true;
    const F: bool = false;
    [
        ("ok", Field::Flag(Flag::Ok), [T, T, T, F, F, F]),
        ("error", Field::Flag(Flag::Error), [T, T, T, F, F, F]),
        ("fault", Field::Flag(Flag::Fault), [T, T, T, F, F, F]),
        ("throttle", Field::Flag(Flag::Throttle), [T, T, T, F, F, F]),
        ("partial", Field::Flag(Flag::Partial), [T, T, T, F, F, F]),
        ("inferred", Field::Flag(Flag::Inferred), [T, T, T, T, F, F]),
        ("root", Field::Flag(Flag::Root), [F, T, F, F, F, F]),
        ("first", Field::Flag(Flag::First), [F, F, F, T, T, T]),
        ("last", Field::Flag(Flag::Last), [F, F, F, T, T, T]),
        ("remote", Field::Flag(Flag::Remote), [F, F, F, F, T, F]),
        ("responsetime", Field::Number(Number::ResponseTime), [T, T, T, F, F, F]),
        ("duration", Field::Number(Number::Duration), [T, T, T, F, F, F]),
        ("http.status", Field::Number(Number::Status), [T, T, T, F, F, F]),
        ("index", Field::Number(Number::Index), [F, F, F, T, T, T]),
        ("coverage", Field::Number(Number::Coverage), [F, F, F, F, T, F]),
        ("http.url", Field::Text(Text::Url), [T, T, T, F, F, F]),
        ("http.method", Field::Text(Text::Method), [T, T, T, F, F, F]),
        ("http.useragent", Field::Text(Text::UserAgent), [T, T, T, F, F, F]),
        ("http.clientip", Field::Text(Text::ClientIp), [T, T, T, F, F, F]),
        ("user", Field::Text(Text::User), [T, T, F, F, F, F]),
        ("availabilityzone", Field::Text(Text::Zone), [T, T, F, F, F, F]),
        ("instance.id", Field::Text(Text::Instance), [T, T, F, F, F, F]),
        ("resource.arn", Field::Text(Text::Arn), [T, T, F, F, F, F]),
        ("name", Field::Text(Text::Name), [F, T, F, T, T, T]),
        ("type", Field::Text(Text::Type), [F, T, F, T, F, F]),
        ("message", Field::Text(Text::Message), [F, F, F, F, F, T]),
    ]
};

/// What begins a condition of a shape of its own, outside of blocks.
pub(super) const SPECIAL: [&str; 16] = [
    "annotation",
    "service",
    "edge",
    "group.name",
    "group.arn",
    "rootcause.fault.service",
    "rootcause.fault.entity",
    "rootcause.fault.exception",
    "rootcause.error.service",
    "rootcause.error.entity",
    "rootcause.error.exception",
    "rootcause.responsetime.service",
    "rootcause.responsetime.entity",
    "rootcause.responsetime.exception",
    "rootcause.json",
    "id",
];

/// Habits of other languages and what they are here.
const FOREIGN: [(&str, &str); 14] = [
    ("not", "!"),
    ("==", "="),
    ("<>", "!="),
    ("=>", ">="),
    ("=<", "<="),
    ("&&", "AND"),
    ("&", "AND"),
    ("|", "OR"),
    ("||", "OR"),
    ("like", "CONTAINS"),
    ("startswith", "BEGINSWITH"),
    ("status", "http.status"),
    ("latency", "responsetime"),
    ("url", "http.url"),
];

/// The keyword of this name, in any case, and whether it may stand in this scope.
pub(super) fn keyword(word: &str, scope: Scope) -> Option<(Field, bool)> {
    let (_, field, scopes) = KEYWORDS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(word))?;
    let allowed = Scope::ALL.iter().zip(scopes).any(|(of, allowed)| *of == scope && *allowed);
    Some((*field, allowed))
}

/// Where this keyword may stand, in a message.
pub(super) fn places(word: &str) -> String {
    let found = KEYWORDS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(word));
    let scopes = found.into_iter().flat_map(|(.., scopes)| Scope::ALL.iter().zip(scopes));
    let places: Vec<&str> = scopes.filter(|(_, allowed)| **allowed).map(|(scope, _)| scope.place()).collect();
    places.join(" or ")
}

/// The name of what reads this.
pub(super) fn name(of: Field) -> &'static str {
    KEYWORDS.iter().find(|(_, field, _)| *field == of).map_or("", |(name, ..)| name)
}

/// The keywords that may stand in this scope.
pub(super) fn in_scope(scope: Scope) -> impl Iterator<Item = &'static str> {
    let simple = KEYWORDS.iter().filter(move |(name, ..)| keyword(name, scope).is_some_and(|(_, allowed)| allowed));
    let special = SPECIAL.iter().filter(move |word| scope == Scope::Trace && **word != "id");
    simple.map(|(name, ..)| *name).chain(special.copied())
}

/// The word most like this one, if any is.
pub(super) fn nearest(word: &str, among: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    if let Some((_, ours)) = FOREIGN.iter().find(|(theirs, _)| *theirs == word) {
        return Some(ours);
    }
    let most = (word.chars().count() / 3).clamp(1, 3);
    // Far longer than any keyword: not worth comparing.
    if word.len() > 64 {
        return None;
    }
    let near = among.map(|known| (distance(&word, &known.to_ascii_lowercase()), known));
    near.filter(|(distance, _)| *distance <= most).min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

/// How many letters have to be added, left out, changed or swapped with their neighbour.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    let mut last = None;
    for (line, letter) in left.chars().enumerate() {
        let mut next = vec![line + 1];
        for (column, other) in right.iter().enumerate() {
            let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
            let change = at(&row, column) + usize::from(letter != *other);
            let mut best = change.min(at(&row, column + 1) + 1).min(at(&next, column) + 1);
            let crossed = column > 0 && last == Some(*other) && right.get(column - 1) == Some(&letter);
            if crossed {
                best = best.min(at(&before, column - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
        last = Some(letter);
    }
    row.last().copied().unwrap_or(0)
}

/// Words that stand between conditions or between a keyword and its value, and the values that are words.
pub(super) fn is_operator(word: &str) -> bool {
    ["AND", "OR", "CONTAINS", "BEGINSWITH", "ENDSWITH", "true", "false"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(word))
}

/// `rootcause.…`, in small letters: the kind (any, if none) and the part (the whole as JSON, if none).
pub(super) fn cause(word: &str) -> Option<(Option<CauseKind>, Option<CausePart>)> {
    let rest = word.strip_prefix("rootcause.")?;
    if rest == "json" {
        return Some((None, None));
    }
    let (kind, part) = rest.split_once('.')?;
    let kind = match kind {
        "fault" => CauseKind::Fault,
        "error" => CauseKind::Error,
        "responsetime" => CauseKind::ResponseTime,
        _ => return None,
    };
    let part = match part {
        "service" => Some(CausePart::Service),
        "entity" => Some(CausePart::Entity),
        "exception" => Some(CausePart::Exception),
        "json" => None,
        _ => return None,
    };
    Some((Some(kind), part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (left, right, expected) in
            [("", "ab", 2), ("fault", "fault", 0), ("falut", "fault", 1), ("flt", "fault", 2), ("ok", "kok", 1)]
        {
            assert_eq!(distance(left, right), expected, "{left} {right}");
        }
    }

    #[test]
    fn nearest_keywords() {
        let near = |word| nearest(word, in_scope(Scope::Trace));
        assert_eq!(near("responsetme"), Some("responsetime"));
        assert_eq!(near("Falut"), Some("fault"));
        assert_eq!(near("http.sttus"), Some("http.status"));
        assert_eq!(near("servce"), Some("service"));
        assert_eq!(near("NOT"), Some("!"));
        assert_eq!(near("banana"), None);
        assert_eq!(near(&"x".repeat(1_000_000)), None);
    }
}
