//! Text becomes tokens, one at a time.

use serde_json::Value;

use super::error::{FilterError, quoted};

/// A word, sign or value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// A keyword, word operator, key or bare word.
    Word(&'a str),
    Text(String),
    Number(f64),
    /// `( ) { } [ ] , : ! = != < <= > >=`
    Sign(&'static str),
    /// What follows `#`.
    Json(Value),
    End,
}

impl Token<'_> {
    /// For a message.
    pub(super) fn shown(&self) -> String {
        match self {
            Token::Word(word) => quoted(word),
            Token::Text(text) => format!("the text {}", quoted(text)),
            Token::Number(number) => quoted(&number.to_string()),
            Token::Sign(sign) => quoted(sign),
            Token::Json(_) => "JSON".to_owned(),
            Token::End => "the end".to_owned(),
        }
    }
}

/// Reads tokens.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    source: &'a str,
    /// Bytes read.
    at: usize,
}

const SIGNS: [&str; 14] = ["!=", "<=", ">=", "(", ")", "{", "}", "[", "]", ",", ":", "!", "=", "<"];
/// Signs of other languages, to tell what they are here.
const FOREIGN: [&str; 8] = ["==", "&&", "||", "<>", "=>", "=<", "&", "|"];

impl<'a> Lexer<'a> {
    pub(super) fn new(source: &'a str) -> Lexer<'a> {
        Lexer { source, at: 0 }
    }

    /// The next token and where it begins, in bytes.
    pub(super) fn next(&mut self) -> Result<(Token<'a>, usize), FilterError> {
        let blank = |letter: char| letter.is_whitespace();
        self.at += self.rest().len() - self.rest().trim_start_matches(blank).len();
        let from = self.at;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok((Token::End, from)) };
        let token = match first {
            '"' => self.text()?,
            '#' => self.json()?,
            '0'..='9' | '-' => self.number()?,
            letter if letter.is_alphabetic() || letter == '_' => {
                let end = rest.find(|letter| !is_of_word(letter)).unwrap_or(rest.len());
                Token::Word(self.take(end))
            }
            _ => self.sign()?,
        };
        Ok((token, from))
    }

    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let taken = self.rest().get(..bytes).unwrap_or_default();
        self.at += taken.len();
        taken
    }

    fn sign(&mut self) -> Result<Token<'a>, FilterError> {
        let rest = self.rest();
        if let Some(foreign) = FOREIGN.iter().find(|foreign| rest.starts_with(**foreign)) {
            let mut error = self.error(self.at, format!("{} is no operator", quoted(foreign)), "");
            error.nearest = super::keywords::nearest(foreign, std::iter::empty());
            return Err(error);
        }
        let known = SIGNS.iter().chain(&[">"]).find(|sign| rest.starts_with(**sign));
        if let Some(sign) = known {
            self.at += sign.len();
            return Ok(Token::Sign(sign));
        }
        let first: String = rest.chars().take(1).collect();
        let expected = if first == "'" || first == "“" { "a text in double quotes (\"…\")" } else { "" };
        Err(self.error(self.at, format!("{} means nothing here", quoted(&first)), expected))
    }

    fn text(&mut self) -> Result<Token<'a>, FilterError> {
        let from = self.at;
        let mut text = String::new();
        let mut letters = self.rest().char_indices().skip(1);
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.at += at + 1;
                    return Ok(Token::Text(text));
                }
                // A backslash makes a quote or a backslash part of the text; before anything else it is itself.
                '\\' => match letters.next() {
                    Some((_, next @ ('"' | '\\'))) => text.push(next),
                    Some((_, next)) => text.extend(['\\', next]),
                    None => break,
                },
                letter => text.push(letter),
            }
        }
        Err(self.error(from, "a text that does not end".to_owned(), "a closing \""))
    }

    fn number(&mut self) -> Result<Token<'a>, FilterError> {
        let from = self.at;
        let rest = self.rest();
        let end = rest.char_indices().skip(1).find(|(_, letter)| !is_of_word(*letter)).map_or(rest.len(), |(at, _)| at);
        let written = self.take(end);
        let digits = written.strip_prefix('-').unwrap_or(written);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match written.parse::<f64>() {
            Ok(number) if is_digits(whole) && is_digits(fraction) && number.is_finite() => Ok(Token::Number(number)),
            _ => Err(self.error(from, format!("{} is not a number", quoted(written)), "digits such as 5 or 0.25")),
        }
    }

    fn json(&mut self) -> Result<Token<'a>, FilterError> {
        self.at += 1;
        let mut values = serde_json::Deserializer::from_str(self.rest()).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                self.at += values.byte_offset();
                Ok(Token::Json(value))
            }
            Some(Err(error)) => {
                // Its column counts bytes of the first line.
                let offset = if error.line() == 1 { error.column().saturating_sub(1) } else { 0 };
                let at = (self.at + offset).min(self.source.len());
                Err(self.error(at, "what follows # is not JSON".to_owned(), JSON))
            }
            None => Err(self.error(self.at, "nothing follows #".to_owned(), JSON)),
        }
    }

    pub(super) fn error(&self, position: usize, found: String, expected: &str) -> FilterError {
        let position = (0..=position).rev().find(|at| self.source.is_char_boundary(*at)).unwrap_or(0);
        let column = self.source.get(..position).map_or(0, |before| before.chars().count()) + 1;
        FilterError { position, column, found, expected: expected.to_owned(), nearest: None }
    }
}

pub(super) const JSON: &str = "a list such as #[{\"Services\":[{\"Name\":\"shop\"}]}]";

/// Letters of keywords, keys and numbers.
pub(super) fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '.' | '-')
}
