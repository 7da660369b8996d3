//! What is wrong with sampling rules, told to the person who wrote them.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Rules;

/// Why sampling rules were refused.
///
/// The message names the file, the rule, the field, the value and what is expected there:
///
/// ```text
/// sampling rules in rules.json: rule 2 ("checkout"): rate is 2.0; expected a number from 0.0 to 1.0
/// ```
///
/// Values are shown because they are configuration, not network input; long ones are cut.
#[derive(Clone, Debug)]
pub struct RulesError(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: RulesErrorKind,
    file: Option<PathBuf>,
    rule: Option<String>,
    field: Option<String>,
    problem: String,
    source: Option<Arc<io::Error>>,
}

/// What kind of fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RulesErrorKind {
    /// The file could not be read (the [source](Error::source) says why), or is not UTF-8.
    Unreadable,
    /// More bytes or more rules than [`Rules`](super::Rules) reads.
    TooLarge,
    /// The text is not JSON.
    NotJson,
    /// A required field is missing, or the setting is empty.
    Missing,
    /// A field is nearly one that is known.
    Misspelt,
    /// A field is given twice.
    Twice,
    /// A known field stands where it has no meaning: a pattern on the default rule, a field of another version.
    Misplaced,
    /// A value has the wrong type or is out of range.
    Invalid,
}

impl RulesError {
    /// What kind of fault it is.
    pub fn kind(&self) -> RulesErrorKind {
        self.0.kind
    }

    /// The file the rules were read from; `None` for text.
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// The rule at fault: `rule 2 ("checkout")`, counted from 1 as they stand in the text, or `default rule`; `None`
    /// when the fault lies outside the rules.
    pub fn rule(&self) -> Option<&str> {
        self.0.rule.as_deref()
    }

    /// The field at fault, if it is one.
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    pub(super) fn new(kind: RulesErrorKind, problem: String) -> RulesError {
        RulesError(Box::new(Inner { kind, file: None, rule: None, field: None, problem, source: None }))
    }

    pub(super) fn unreadable(source: io::Error) -> RulesError {
        let problem = format!("the file cannot be read ({})", source.kind());
        let mut error = RulesError::new(RulesErrorKind::Unreadable, problem);
        error.0.source = Some(Arc::new(source));
        error
    }

    pub(super) fn not_utf8() -> RulesError {
        RulesError::new(RulesErrorKind::Unreadable, "the file is not UTF-8".to_owned())
    }

    pub(super) fn too_long() -> RulesError {
        let problem = format!("the text is longer than {} bytes", Rules::MAX_BYTES);
        RulesError::new(RulesErrorKind::TooLarge, problem)
    }

    pub(super) fn empty_setting() -> RulesError {
        let problem = "the setting is empty; expected \"all\", \"none\", the path of a JSON file, or JSON text";
        RulesError::new(RulesErrorKind::Missing, problem.to_owned())
    }

    pub(super) fn in_file(mut self, file: &Path) -> RulesError {
        self.0.file = Some(file.to_owned());
        self
    }

    pub(super) fn in_rule(mut self, rule: Option<String>) -> RulesError {
        self.0.rule = rule;
        self
    }

    pub(super) fn at_field(mut self, field: &str) -> RulesError {
        self.0.field = Some(field.to_owned());
        self
    }
}

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sampling rules")?;
        if let Some(file) = &self.0.file {
            write!(f, " in {}", file.display())?;
        }
        if let Some(rule) = &self.0.rule {
            write!(f, ": {rule}")?;
        }
        write!(f, ": {}", self.0.problem)
    }
}

impl Error for RulesError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
