//! The tokens of an expression, one at a time, and what they can be taken for.
//!
//! Everything here looks at the token at hand and goes on by one at most; what follows what is the
//! [`parser`](super::parser)'s.

use super::error::FilterError;
use super::expression::{Equality, Likeness, Order};
use super::keywords::nearest;
use super::lexer::{Lexer, Token};

/// Bytes of an expression.
pub(super) const BYTES: usize = 64 * 1024;

pub(super) type Parsed<T> = Result<T, FilterError>;

pub(super) struct Tokens<'a> {
    lexer: Lexer<'a>,
    /// The one at hand.
    pub(super) now: Token<'a>,
    /// Where it begins, bytes.
    pub(super) from: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn of(source: &'a str) -> Parsed<Tokens<'a>> {
        let mut lexer = Lexer::new(source);
        if source.len() > BYTES {
            let found = format!("the expression has {} bytes", source.len());
            return Err(lexer.error(0, found, &format!("at most {BYTES}")));
        }
        let (now, from) = lexer.next()?;
        Ok(Tokens { lexer, now, from })
    }

    pub(super) fn quoted_text(&mut self) -> Parsed<String> {
        let Token::Text(text) = &self.now else { return Err(self.unexpected("a text in double quotes")) };
        let text = text.clone();
        self.advance()?;
        Ok(text)
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        let Token::Word(word) = self.now else { return None };
        let is = |value: &str| word.eq_ignore_ascii_case(value);
        if is("true") { Some(true) } else { is("false").then_some(false) }
    }

    pub(super) fn order(&self) -> Option<Order> {
        let Token::Sign(sign) = self.now else { return None };
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

    pub(super) fn equality(&self) -> Option<Equality> {
        match self.now {
            Token::Sign("=") => Some(Equality::Is),
            Token::Sign("!=") => Some(Equality::IsNot),
            _ => None,
        }
    }

    pub(super) fn likeness(&self) -> Option<Likeness> {
        Some(match self.now {
            Token::Sign("=") => Likeness::Is,
            Token::Sign("!=") => Likeness::IsNot,
            Token::Word(word) if word.eq_ignore_ascii_case("CONTAINS") => Likeness::Contains,
            Token::Word(word) if word.eq_ignore_ascii_case("BEGINSWITH") => Likeness::Begins,
            Token::Word(word) if word.eq_ignore_ascii_case("ENDSWITH") => Likeness::Ends,
            _ => return None,
        })
    }

    pub(super) fn advance(&mut self) -> Parsed<()> {
        (self.now, self.from) = self.lexer.next()?;
        Ok(())
    }

    pub(super) fn take(&mut self, sign: &str) -> Parsed<bool> {
        let is = matches!(self.now, Token::Sign(found) if found == sign);
        if is {
            self.advance()?;
        }
        Ok(is)
    }

    pub(super) fn take_word(&mut self, word: &str) -> Parsed<bool> {
        let is = matches!(self.now, Token::Word(found) if found.eq_ignore_ascii_case(word));
        if is {
            self.advance()?;
        }
        Ok(is)
    }

    pub(super) fn want(&mut self, sign: &str, expected: &str) -> Parsed<()> {
        if self.take(sign)? { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    pub(super) fn unexpected(&self, expected: &str) -> FilterError {
        let mut error = self.error(format!("found {}", self.now.shown()), expected);
        if let Token::Word(word) = self.now {
            const OPERATORS: [&str; 5] = ["AND", "OR", "CONTAINS", "BEGINSWITH", "ENDSWITH"];
            error.nearest = nearest(word, OPERATORS.into_iter()).filter(|nearest| !nearest.eq_ignore_ascii_case(word));
        }
        error
    }

    pub(super) fn error(&self, found: String, expected: &str) -> FilterError {
        self.lexer.error(self.from, found, expected)
    }

    pub(super) fn error_at(&self, from: usize, found: String, expected: &str) -> FilterError {
        self.lexer.error(from, found, expected)
    }
}
