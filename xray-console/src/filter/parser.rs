//! Tokens become an expression.
//!
//! Recursive descent; brackets, blocks, `!` and groups nest at most [`DEPTH`] deep, so that no text exhausts the stack.

use super::error::quoted;
use super::expression::{CauseKind, CausePart, Expression, Flag, GroupKey, NodePattern, Number, Text, Wanted};
use super::keywords::{self, Field, Scope, in_scope, keyword, nearest};
use super::lexer::{JSON, Token};
use super::tokens::{Parsed, Tokens};
use super::{Group, json};

/// Levels of nesting. What people write has fewer than ten.
pub(super) const DEPTH: usize = 64;
/// Conditions in all, those of groups counted as often as they are named. Keeps groups of groups from growing without
/// bound, and a trace's match within microseconds.
pub(super) const CONDITIONS: usize = 1_000;

/// How an error within a group's expression begins.
const IN_GROUP: &str = "in the expression of the group of";

/// Finds the expression of a group.
pub(super) type Groups<'g> = &'g dyn Fn(Group<'_>) -> Option<String>;

pub(super) struct Parser<'a, 'g> {
    tokens: Tokens<'a>,
    scope: Scope,
    depth: usize,
    groups: Groups<'g>,
    /// Groups whose expressions are being read.
    open: &'g [String],
    conditions: usize,
}

impl<'a, 'g> Parser<'a, 'g> {
    pub(super) fn parse(source: &'a str, groups: Groups<'g>) -> Parsed<Expression> {
        Parser::new(source, groups, &[], 0, 0)?.whole()
    }

    fn new(source: &'a str, groups: Groups<'g>, open: &'g [String], depth: usize, conditions: usize) -> Parsed<Self> {
        let tokens = Tokens::of(source)?;
        Ok(Parser { tokens, scope: Scope::Trace, depth, groups, open, conditions })
    }

    fn whole(&mut self) -> Parsed<Expression> {
        let expression = self.any()?;
        match self.tokens.now {
            Token::End => Ok(expression),
            _ => Err(self.tokens.unexpected("AND, OR or the end")),
        }
    }

    fn any(&mut self) -> Parsed<Expression> {
        let mut all = vec![self.all()?];
        while self.tokens.take_word("OR")? {
            all.push(self.all()?);
        }
        Ok(one_or(all, Expression::Any))
    }

    fn all(&mut self) -> Parsed<Expression> {
        let mut all = vec![self.unary()?];
        loop {
            // Two conditions side by side are both asked for.
            let goes_on = self.tokens.take_word("AND")? || self.begins_condition();
            if !goes_on {
                return Ok(one_or(all, Expression::All));
            }
            all.push(self.unary()?);
        }
    }

    fn begins_condition(&self) -> bool {
        match &self.tokens.now {
            Token::Word(word) => !keywords::is_operator(word),
            Token::Sign(sign) => matches!(*sign, "!" | "("),
            _ => false,
        }
    }

    fn unary(&mut self) -> Parsed<Expression> {
        if self.tokens.take("!")? {
            return Ok(Expression::Not(Box::new(self.nested(Parser::unary)?)));
        }
        if self.tokens.take("(")? {
            let inner = self.nested(Parser::any)?;
            self.tokens.want(")", "AND, OR or )")?;
            return Ok(inner);
        }
        self.conditions += 1;
        if self.conditions > CONDITIONS {
            let found = format!("more than {CONDITIONS} conditions, those of groups counted");
            return Err(self.tokens.error(found, "fewer"));
        }
        self.condition()
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == DEPTH {
            let found = format!("more than {DEPTH} levels of brackets, blocks and !");
            return Err(self.tokens.error(found, "fewer"));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn condition(&mut self) -> Parsed<Expression> {
        let Token::Word(word) = self.tokens.now else { return Err(self.tokens.unexpected(self.scope.sample())) };
        if let Some((field, allowed)) = keyword(word, self.scope) {
            if !allowed {
                let found = format!("{word} cannot stand {}", self.scope.place());
                let expected = format!("{}; {word} stands {}", self.scope.sample(), keywords::places(word));
                return Err(self.tokens.error(found, &expected));
            }
            self.tokens.advance()?;
            return match field {
                Field::Flag(field) => self.flag(field),
                Field::Number(field) => self.number(field),
                Field::Text(field) => self.text(field),
            };
        }
        if keywords::is_operator(word) {
            return Err(self.tokens.unexpected(self.scope.sample()));
        }
        let lower = word.to_ascii_lowercase();
        let special = lower.starts_with("annotation.") || keywords::SPECIAL.contains(&lower.as_str());
        let special = special || keywords::cause(&lower).is_some();
        if special && self.scope != Scope::Trace {
            return Err(self
                .tokens
                .error(format!("{} cannot stand {}", quoted(word), self.scope.place()), self.scope.sample()));
        }
        if let Some((kind, part)) = keywords::cause(&lower) {
            self.tokens.advance()?;
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
                let mut error = self.tokens.error(format!("unknown keyword {}", quoted(word)), expected);
                error.nearest = nearest(word, in_scope(self.scope));
                Err(error)
            }
        }
    }

    fn flag(&mut self, field: Flag) -> Parsed<Expression> {
        if self.tokens.order().is_none() {
            return Ok(Expression::Flag { field, wanted: None });
        }
        let Some(equality) = self.tokens.equality() else {
            return Err(self.tokens.unexpected("= or != (it is true or false)"));
        };
        self.tokens.advance()?;
        let Some(value) = self.tokens.boolean() else { return Err(self.tokens.unexpected("true or false")) };
        self.tokens.advance()?;
        Ok(Expression::Flag { field, wanted: Some((equality, value)) })
    }

    fn number(&mut self, field: Number) -> Parsed<Expression> {
        let Some(order) = self.tokens.order() else {
            return match (self.tokens.likeness(), &self.tokens.now) {
                (Some(_), _) | (_, Token::Number(_)) => {
                    Err(self.tokens.unexpected("=, !=, <, <=, > or >= (it is a number)"))
                }
                _ => Ok(Expression::Number { field, wanted: None }),
            };
        };
        self.tokens.advance()?;
        let Token::Number(number) = self.tokens.now else { return Err(self.tokens.unexpected("a number")) };
        self.tokens.advance()?;
        Ok(Expression::Number { field, wanted: Some((order, number)) })
    }

    fn text(&mut self, field: Text) -> Parsed<Expression> {
        let Some(likeness) = self.tokens.likeness() else {
            return match (self.tokens.order(), &self.tokens.now) {
                (Some(_), _) | (_, Token::Text(_)) => {
                    Err(self.tokens.unexpected("=, !=, CONTAINS, BEGINSWITH or ENDSWITH (it is a text)"))
                }
                _ => Ok(Expression::Text { field, wanted: None }),
            };
        };
        self.tokens.advance()?;
        let text = match self.tokens.now {
            // An example of AWS's own has a bare word here.
            Token::Word(word) if field == Text::Name => {
                self.tokens.advance()?;
                word.to_owned()
            }
            _ => self.tokens.quoted_text()?,
        };
        Ok(Expression::Text { field, wanted: Some((likeness, text)) })
    }

    /// `annotation.key` or `annotation[key]`, and what is asked of it.
    fn annotation(&mut self, word: &'a str) -> Parsed<Expression> {
        const KEY: &str = "a key, as in annotation.tier or annotation[\"tier\"]";
        let from = self.tokens.from;
        self.tokens.advance()?;
        let key = match word.split_once('.') {
            Some((_, "")) => return Err(self.tokens.error_at(from, "annotation without a key".to_owned(), KEY)),
            Some((_, key)) => key.to_owned(),
            None => {
                self.tokens.want("[", "[ or . and a key, as in annotation.tier or annotation[\"tier\"]")?;
                let key = match &self.tokens.now {
                    Token::Word(key) => (*key).to_owned(),
                    Token::Text(key) if !key.is_empty() => key.clone(),
                    _ => return Err(self.tokens.unexpected(KEY)),
                };
                self.tokens.advance()?;
                self.tokens.want("]", "]")?;
                key
            }
        };
        let (order, likeness) = (self.tokens.order(), self.tokens.likeness());
        if order.is_none() && likeness.is_none() {
            return Ok(Expression::Annotation { key, wanted: None });
        }
        let equality = self.tokens.equality();
        self.tokens.advance()?;
        let wanted = match (&self.tokens.now, order, likeness) {
            (Token::Number(number), Some(order), _) => Wanted::Number(order, *number),
            (Token::Text(text), _, Some(likeness)) => Wanted::Text(likeness, text.clone()),
            (_, Some(_), _) if equality.is_some() => match (self.tokens.boolean(), equality) {
                (Some(value), Some(equality)) => Wanted::Bool(equality, value),
                _ => return Err(self.tokens.unexpected("a text in double quotes, a number, true or false")),
            },
            (_, Some(_), _) => return Err(self.tokens.unexpected("a number")),
            _ => return Err(self.tokens.unexpected("a text in double quotes")),
        };
        self.tokens.advance()?;
        Ok(Expression::Annotation { key, wanted: Some(wanted) })
    }

    fn service(&mut self) -> Parsed<Expression> {
        self.tokens.advance()?;
        self.tokens.want("(", "(, as in service(\"name\")")?;
        let node = match self.tokens.now {
            Token::Sign(")") => NodePattern::default(),
            _ => self.node()?,
        };
        self.tokens.want(")", ")")?;
        Ok(Expression::Service { node, block: self.block(Scope::Service)? })
    }

    fn edge(&mut self) -> Parsed<Expression> {
        self.tokens.advance()?;
        self.tokens.want("(", "(, as in edge(\"caller\", \"called\")")?;
        let from = self.node()?;
        self.tokens.want(",", ", and the service called")?;
        let to = self.node()?;
        self.tokens.want(")", ")")?;
        Ok(Expression::Edge { from, to, block: self.block(Scope::Edge)? })
    }

    fn node(&mut self) -> Parsed<NodePattern> {
        const NODE: &str = "a name in double quotes or id(name: \"…\", type: \"…\", account.id: \"…\")";
        const PART: &str = "name, type or account.id";
        match &self.tokens.now {
            Token::Text(name) => {
                let node = NodePattern { name: Some(name.clone()), ..NodePattern::default() };
                self.tokens.advance()?;
                Ok(node)
            }
            Token::Word(word) if word.eq_ignore_ascii_case("id") => {
                self.tokens.advance()?;
                self.tokens.want("(", "(, as in id(name: \"…\")")?;
                let mut node = NodePattern::default();
                loop {
                    let Token::Word(part) = self.tokens.now else { return Err(self.tokens.unexpected(PART)) };
                    let place = match part.to_ascii_lowercase().as_str() {
                        "name" => &mut node.name,
                        "type" => &mut node.kind,
                        "account.id" => &mut node.account,
                        _ => {
                            let mut error = self.tokens.unexpected(PART);
                            error.nearest = nearest(part, ["name", "type", "account.id"].into_iter());
                            return Err(error);
                        }
                    };
                    if place.is_some() {
                        return Err(self.tokens.error(format!("{part} comes twice"), "each part once"));
                    }
                    self.tokens.advance()?;
                    self.tokens.want(":", ":")?;
                    *place = Some(self.tokens.quoted_text()?);
                    if !self.tokens.take(",")? {
                        break;
                    }
                }
                self.tokens.want(")", ", or )")?;
                Ok(node)
            }
            _ => Err(self.tokens.unexpected(NODE)),
        }
    }

    fn block(&mut self, scope: Scope) -> Parsed<Option<Box<Expression>>> {
        if !self.tokens.take("{")? {
            return Ok(None);
        }
        let outside = std::mem::replace(&mut self.scope, scope);
        let inner = self.nested(Parser::any)?;
        self.tokens.want("}", "AND, OR or }")?;
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
        self.tokens.want("=", "=, as in rootcause.json = #[…]")?;
        let Token::Json(value) = &self.tokens.now else { return Err(self.tokens.unexpected(JSON)) };
        let causes = match json::causes(value) {
            Ok(causes) => causes,
            Err((found, nearest)) => {
                let mut error = self.tokens.error(found, "");
                error.nearest = nearest;
                return Err(error);
            }
        };
        let json = value.to_string();
        self.tokens.advance()?;
        Ok(Expression::CauseJson { kind, json, causes })
    }

    fn group(&mut self, by: GroupKey) -> Parsed<Expression> {
        let place = self.tokens.from;
        self.tokens.advance()?;
        self.tokens.want("=", "=")?;
        let Token::Text(value) = &self.tokens.now else {
            return Err(self.tokens.unexpected("a text in double quotes"));
        };
        let value = value.clone();
        self.tokens.advance()?;
        let (what, group) = match by {
            GroupKey::Name => ("name", Group::Name(&value)),
            GroupKey::Arn => ("ARN", Group::Arn(&value)),
        };
        let key = format!("{what} {}", quoted(&value));
        let fail = |found: String| Err(self.tokens.error_at(place, found, ""));
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
