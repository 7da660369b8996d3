//! Tokens become an expression.
//!
//! Recursive descent; brackets, blocks, `!` and groups nest at most [`DEPTH`] deep, so that no text exhausts the stack.

use super::error::{FilterError, quoted};
use super::expression::{
    CauseKind, CausePart, Equality, Expression, Flag, GroupKey, Likeness, NodePattern, Number, Order, Text, Wanted,
};
use super::keywords::{self, Field, Scope, in_scope, keyword, nearest};
use super::lexer::{JSON, Lexer, Token};
use super::{Group, json};

/// Levels of nesting. What people write has fewer than ten.
pub(super) const DEPTH: usize = 64;
/// Conditions in all, those of groups counted as often as they are named. Keeps groups of groups from growing without
/// bound, and a trace's match within microseconds.
pub(super) const CONDITIONS: usize = 1_000;
/// Bytes of an expression.
pub(super) const BYTES: usize = 64 * 1024;

/// How an error within a group's expression begins.
const IN_GROUP: &str = "in the expression of the group of";

/// Finds the expression of a group.
pub(super) type Groups<'g> = &'g dyn Fn(Group<'_>) -> Option<String>;

pub(super) struct Parser<'a, 'g> {
    lexer: Lexer<'a>,
    token: Token<'a>,
    /// Where `token` begins and, before it, the last one ended.
    from: usize,
    scope: Scope,
    depth: usize,
    groups: Groups<'g>,
    /// Groups whose expressions are being read.
    open: &'g [String],
    conditions: usize,
}

type Parsed<T> = Result<T, FilterError>;

impl<'a, 'g> Parser<'a, 'g> {
    pub(super) fn parse(source: &'a str, groups: Groups<'g>) -> Parsed<Expression> {
        Parser::new(source, groups, &[], 0, 0)?.whole()
    }

    fn new(source: &'a str, groups: Groups<'g>, open: &'g [String], depth: usize, conditions: usize) -> Parsed<Self> {
        let mut lexer = Lexer::new(source);
        if source.len() > BYTES {
            let found = format!("the expression has {} bytes", source.len());
            return Err(lexer.error(0, found, &format!("at most {BYTES}")));
        }
        let (token, from) = lexer.next()?;
        Ok(Parser { lexer, token, from, scope: Scope::Trace, depth, groups, open, conditions })
    }

    fn whole(&mut self) -> Parsed<Expression> {
        let expression = self.any()?;
        match self.token {
            Token::End => Ok(expression),
            _ => Err(self.unexpected("AND, OR or the end")),
        }
    }

    fn any(&mut self) -> Parsed<Expression> {
        let mut all = vec![self.all()?];
        while self.take_word("OR")? {
            all.push(self.all()?);
        }
        Ok(one_or(all, Expression::Any))
    }

    fn all(&mut self) -> Parsed<Expression> {
        let mut all = vec![self.unary()?];
        loop {
            // Two conditions side by side are both asked for.
            let goes_on = self.take_word("AND")? || self.begins_condition();
            if !goes_on {
                return Ok(one_or(all, Expression::All));
            }
            all.push(self.unary()?);
        }
    }

    fn begins_condition(&self) -> bool {
        match &self.token {
            Token::Word(word) => !is_operator(word),
            Token::Sign(sign) => matches!(*sign, "!" | "("),
            _ => false,
        }
    }

    fn unary(&mut self) -> Parsed<Expression> {
        if self.take("!")? {
            return Ok(Expression::Not(Box::new(self.nested(Parser::unary)?)));
        }
        if self.take("(")? {
            let inner = self.nested(Parser::any)?;
            self.want(")", "AND, OR or )")?;
            return Ok(inner);
        }
        self.conditions += 1;
        if self.conditions > CONDITIONS {
            let found = format!("more than {CONDITIONS} conditions, those of groups counted");
            return Err(self.error(found, "fewer"));
        }
        self.condition()
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == DEPTH {
            let found = format!("more than {DEPTH} levels of brackets, blocks and !");
            return Err(self.error(found, "fewer"));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn condition(&mut self) -> Parsed<Expression> {
        let Token::Word(word) = self.token else { return Err(self.unexpected(self.scope.sample())) };
        if let Some((field, allowed)) = keyword(word, self.scope) {
            if !allowed {
                let found = format!("{word} cannot stand {}", self.scope.place());
                let expected = format!("{}; {word} stands {}", self.scope.sample(), keywords::places(word));
                return Err(self.error(found, &expected));
            }
            self.advance()?;
            return match field {
                Field::Flag(field) => self.flag(field),
                Field::Number(field) => self.number(field),
                Field::Text(field) => self.text(field),
            };
        }
        if is_operator(word) {
            return Err(self.unexpected(self.scope.sample()));
        }
        let lower = word.to_ascii_lowercase();
        let special = lower.starts_with("annotation.") || keywords::SPECIAL.contains(&lower.as_str());
        let special = special || cause(&lower).is_some();
        if special && self.scope != Scope::Trace {
            return Err(
                self.error(format!("{} cannot stand {}", quoted(word), self.scope.place()), self.scope.sample())
            );
        }
        if let Some((kind, part)) = cause(&lower) {
            self.advance()?;
            return self.cause(kind, part);
        }
        match lower.as_str() {
            "service" => self.service(),
            "edge" => self.edge(),
            "group.name" => self.group(GroupKey::Name),
            "group.arn" => self.group(GroupKey::Arn),
            _ if lower == "annotation" || lower.starts_with("annotation.") => self.annotation(word),
            _ => {
                const CAUSE: &str = "rootcause.fault, rootcause.error or rootcause.responsetime and then .service, \
                                     .entity, .exception or .json; or rootcause.json";
                let expected = if lower.starts_with("rootcause") { CAUSE } else { self.scope.sample() };
                let mut error = self.error(format!("unknown keyword {}", quoted(word)), expected);
                error.nearest = nearest(word, in_scope(self.scope));
                Err(error)
            }
        }
    }

    fn flag(&mut self, field: Flag) -> Parsed<Expression> {
        let Token::Sign(sign @ ("=" | "!=" | "<" | "<=" | ">" | ">=")) = self.token else {
            return Ok(Expression::Flag { field, wanted: None });
        };
        let Some(equality) = equality(sign) else { return Err(self.unexpected("= or != (it is true or false)")) };
        self.advance()?;
        let Some(value) = self.boolean() else { return Err(self.unexpected("true or false")) };
        self.advance()?;
        Ok(Expression::Flag { field, wanted: Some((equality, value)) })
    }

    fn number(&mut self, field: Number) -> Parsed<Expression> {
        let Some(order) = self.order() else {
            return match (self.likeness(), &self.token) {
                (Some(_), _) | (_, Token::Number(_)) => Err(self.unexpected("=, !=, <, <=, > or >= (it is a number)")),
                _ => Ok(Expression::Number { field, wanted: None }),
            };
        };
        self.advance()?;
        let Token::Number(number) = self.token else { return Err(self.unexpected("a number")) };
        self.advance()?;
        Ok(Expression::Number { field, wanted: Some((order, number)) })
    }

    fn text(&mut self, field: Text) -> Parsed<Expression> {
        let Some(likeness) = self.likeness() else {
            return match (self.order(), &self.token) {
                (Some(_), _) | (_, Token::Text(_)) => {
                    Err(self.unexpected("=, !=, CONTAINS, BEGINSWITH or ENDSWITH (it is a text)"))
                }
                _ => Ok(Expression::Text { field, wanted: None }),
            };
        };
        self.advance()?;
        let text = match &self.token {
            // An example of AWS's own has a bare word here.
            Token::Word(word) if field == Text::Name => (*word).to_owned(),
            _ => return self.quoted_text().map(|text| Expression::Text { field, wanted: Some((likeness, text)) }),
        };
        self.advance()?;
        Ok(Expression::Text { field, wanted: Some((likeness, text)) })
    }

    /// `annotation.key` or `annotation[key]`, and what is asked of it.
    fn annotation(&mut self, word: &'a str) -> Parsed<Expression> {
        const KEY: &str = "a key, as in annotation.tier or annotation[\"tier\"]";
        let from = self.from;
        self.advance()?;
        let key = match word.split_once('.') {
            Some((_, "")) => return Err(self.lexer.error(from, "annotation without a key".to_owned(), KEY)),
            Some((_, key)) => key.to_owned(),
            None => {
                self.want("[", "[ or . and a key, as in annotation.tier or annotation[\"tier\"]")?;
                let key = match &self.token {
                    Token::Word(key) => (*key).to_owned(),
                    Token::Text(key) if !key.is_empty() => key.clone(),
                    _ => return Err(self.unexpected(KEY)),
                };
                self.advance()?;
                self.want("]", "]")?;
                key
            }
        };
        let (order, likeness) = (self.order(), self.likeness());
        if order.is_none() && likeness.is_none() {
            return Ok(Expression::Annotation { key, wanted: None });
        }
        let equality = if let Token::Sign(sign) = self.token { equality(sign) } else { None };
        self.advance()?;
        let wanted = match (&self.token, order, likeness) {
            (Token::Number(number), Some(order), _) => Wanted::Number(order, *number),
            (Token::Text(text), _, Some(likeness)) => Wanted::Text(likeness, text.clone()),
            (_, Some(_), _) if equality.is_some() => match (self.boolean(), equality) {
                (Some(value), Some(equality)) => Wanted::Bool(equality, value),
                _ => return Err(self.unexpected("a text in double quotes, a number, true or false")),
            },
            (_, Some(_), _) => return Err(self.unexpected("a number")),
            _ => return Err(self.unexpected("a text in double quotes")),
        };
        self.advance()?;
        Ok(Expression::Annotation { key, wanted: Some(wanted) })
    }

    fn service(&mut self) -> Parsed<Expression> {
        self.advance()?;
        self.want("(", "(, as in service(\"name\")")?;
        let node = match self.token {
            Token::Sign(")") => NodePattern::default(),
            _ => self.node()?,
        };
        self.want(")", ")")?;
        Ok(Expression::Service { node, block: self.block(Scope::Service)? })
    }

    fn edge(&mut self) -> Parsed<Expression> {
        self.advance()?;
        self.want("(", "(, as in edge(\"caller\", \"called\")")?;
        let from = self.node()?;
        self.want(",", ", and the service called")?;
        let to = self.node()?;
        self.want(")", ")")?;
        Ok(Expression::Edge { from, to, block: self.block(Scope::Edge)? })
    }

    fn node(&mut self) -> Parsed<NodePattern> {
        const NODE: &str = "a name in double quotes or id(name: \"…\", type: \"…\", account.id: \"…\")";
        const PART: &str = "name, type or account.id";
        match &self.token {
            Token::Text(name) => {
                let node = NodePattern { name: Some(name.clone()), ..NodePattern::default() };
                self.advance()?;
                Ok(node)
            }
            Token::Word(word) if word.eq_ignore_ascii_case("id") => {
                self.advance()?;
                self.want("(", "(, as in id(name: \"…\")")?;
                let mut node = NodePattern::default();
                loop {
                    let Token::Word(part) = self.token else { return Err(self.unexpected(PART)) };
                    let place = match part.to_ascii_lowercase().as_str() {
                        "name" => &mut node.name,
                        "type" => &mut node.kind,
                        "account.id" => &mut node.account,
                        _ => {
                            let mut error = self.unexpected(PART);
                            error.nearest = nearest(part, ["name", "type", "account.id"].into_iter());
                            return Err(error);
                        }
                    };
                    if place.is_some() {
                        return Err(self.error(format!("{part} comes twice"), "each part once"));
                    }
                    self.advance()?;
                    self.want(":", ":")?;
                    *place = Some(self.quoted_text()?);
                    if !self.take(",")? {
                        break;
                    }
                }
                self.want(")", ", or )")?;
                Ok(node)
            }
            _ => Err(self.unexpected(NODE)),
        }
    }

    fn block(&mut self, scope: Scope) -> Parsed<Option<Box<Expression>>> {
        if !self.take("{")? {
            return Ok(None);
        }
        let outside = std::mem::replace(&mut self.scope, scope);
        let inner = self.nested(Parser::any)?;
        self.want("}", "AND, OR or }")?;
        self.scope = outside;
        Ok(Some(Box::new(inner)))
    }

    fn cause(&mut self, kind: Option<CauseKind>, part: Option<CausePart>) -> Parsed<Expression> {
        if let Some(part) = part {
            let scope = match part {
                CausePart::Service => Scope::CauseService,
                CausePart::Entity => Scope::CauseEntity,
                CausePart::Exception => Scope::CauseException,
            };
            let kind = kind.unwrap_or(CauseKind::Fault);
            return Ok(Expression::Cause { kind, part, block: self.block(scope)? });
        }
        self.want("=", "=, as in rootcause.json = #[…]")?;
        let Token::Json(value) = &self.token else { return Err(self.unexpected(JSON)) };
        let causes = match json::causes(value) {
            Ok(causes) => causes,
            Err((found, nearest)) => {
                let mut error = self.error(found, "");
                error.nearest = nearest;
                return Err(error);
            }
        };
        let json = value.to_string();
        self.advance()?;
        Ok(Expression::CauseJson { kind, json, causes })
    }

    fn group(&mut self, by: GroupKey) -> Parsed<Expression> {
        let place = self.from;
        self.advance()?;
        self.want("=", "=")?;
        let Token::Text(value) = &self.token else { return Err(self.unexpected("a text in double quotes")) };
        let value = value.clone();
        self.advance()?;
        let (what, group) = match by {
            GroupKey::Name => ("name", Group::Name(&value)),
            GroupKey::Arn => ("ARN", Group::Arn(&value)),
        };
        let key = format!("{what} {}", quoted(&value));
        let fail = |found: String| Err(self.lexer.error(place, found, ""));
        if self.open.contains(&key) {
            return fail(format!("the group of {key} is part of its own expression"));
        }
        let Some(source) = (self.groups)(group) else { return fail(format!("there is no group of {key}")) };
        if self.depth == DEPTH {
            return fail(format!("more than {DEPTH} levels of groups"));
        }
        if source.trim().is_empty() {
            return fail(format!("the group of {key} has no expression"));
        }
        let open: Vec<String> = self.open.iter().cloned().chain([key.clone()]).collect();
        let inner = Parser::new(&source, self.groups, &open, self.depth + 1, self.conditions);
        let read = inner.and_then(|mut inner| Ok((inner.whole()?, inner.conditions)));
        match read {
            Ok((meaning, conditions)) => {
                self.conditions = conditions;
                Ok(Expression::Group { by, value, meaning: Box::new(meaning) })
            }
            // Of groups within groups, the one that is wrong is named.
            Err(error) if error.found.starts_with(IN_GROUP) => fail(error.found),
            Err(error) => {
                let mut reason = format!("{IN_GROUP} {key}, column {}: ", error.column);
                // Writing to a string does not fail.
                let _ = error.reason(&mut reason);
                fail(reason)
            }
        }
    }

    fn quoted_text(&mut self) -> Parsed<String> {
        let Token::Text(text) = &self.token else { return Err(self.unexpected("a text in double quotes")) };
        let text = text.clone();
        self.advance()?;
        Ok(text)
    }

    fn boolean(&self) -> Option<bool> {
        let Token::Word(word) = self.token else { return None };
        let is = |value: &str| word.eq_ignore_ascii_case(value);
        if is("true") { Some(true) } else { is("false").then_some(false) }
    }

    fn order(&self) -> Option<Order> {
        let Token::Sign(sign) = self.token else { return None };
        Some(match sign {
            "=" => Order::Is,
            "!=" => Order::IsNot,
            "<" => Order::Less,
            "<=" => Order::AtMost,
            ">" => Order::More,
            ">=" => Order::AtLeast,
            _ => return None,
        })
    }

    fn likeness(&self) -> Option<Likeness> {
        Some(match self.token {
            Token::Sign("=") => Likeness::Is,
            Token::Sign("!=") => Likeness::IsNot,
            Token::Word(word) if word.eq_ignore_ascii_case("CONTAINS") => Likeness::Contains,
            Token::Word(word) if word.eq_ignore_ascii_case("BEGINSWITH") => Likeness::Begins,
            Token::Word(word) if word.eq_ignore_ascii_case("ENDSWITH") => Likeness::Ends,
            _ => return None,
        })
    }

    fn advance(&mut self) -> Parsed<()> {
        (self.token, self.from) = self.lexer.next()?;
        Ok(())
    }

    fn take(&mut self, sign: &str) -> Parsed<bool> {
        let is = matches!(self.token, Token::Sign(found) if found == sign);
        if is {
            self.advance()?;
        }
        Ok(is)
    }

    fn take_word(&mut self, word: &str) -> Parsed<bool> {
        let is = matches!(self.token, Token::Word(found) if found.eq_ignore_ascii_case(word));
        if is {
            self.advance()?;
        }
        Ok(is)
    }

    fn want(&mut self, sign: &str, expected: &str) -> Parsed<()> {
        if self.take(sign)? { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn unexpected(&self, expected: &str) -> FilterError {
        let mut error = self.error(format!("found {}", self.token.shown()), expected);
        if let Token::Word(word) = self.token {
            const OPERATORS: [&str; 5] = ["AND", "OR", "CONTAINS", "BEGINSWITH", "ENDSWITH"];
            error.nearest = nearest(word, OPERATORS.into_iter()).filter(|nearest| !nearest.eq_ignore_ascii_case(word));
        }
        error
    }

    fn error(&self, found: String, expected: &str) -> FilterError {
        self.lexer.error(self.from, found, expected)
    }
}

fn one_or(mut all: Vec<Expression>, several: fn(Vec<Expression>) -> Expression) -> Expression {
    match all.pop() {
        Some(only) if all.is_empty() => only,
        Some(last) => {
            all.push(last);
            several(all)
        }
        None => several(all),
    }
}

fn is_operator(word: &str) -> bool {
    ["AND", "OR", "CONTAINS", "BEGINSWITH", "ENDSWITH", "true", "false"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(word))
}

fn equality(sign: &str) -> Option<Equality> {
    match sign {
        "=" => Some(Equality::Is),
        "!=" => Some(Equality::IsNot),
        _ => None,
    }
}

/// `rootcause.…`, in small letters: the kind (any, if none) and the part (the whole as JSON, if none).
fn cause(word: &str) -> Option<(Option<CauseKind>, Option<CausePart>)> {
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
