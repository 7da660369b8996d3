//! The `cause` member: why a segment or subsegment failed.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::read::{self, Field, NonEmpty, is_absent, take};

/// Why it failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cause {
    /// The id of an exception recorded elsewhere in the trace, mostly on a subsegment beneath; 16 hex
    /// digits.
    Id(String),
    /// The exceptions themselves.
    Object(CauseObject),
}

impl Field for Cause {
    fn fits(value: &Value) -> bool {
        value.is_string() || value.is_object()
    }

    fn read(value: Value) -> Option<Cause> {
        match value {
            Value::String(id) => Some(Cause::Id(id)),
            Value::Object(members) => Some(Cause::Object(CauseObject::read(members))),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Cause {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Cause, D::Error> {
        let unfit = || serde::de::Error::custom("cause is neither a string nor an object");
        Field::read(Value::deserialize(from)?).ok_or_else(unfit)
    }
}

/// Exceptions and where they were raised.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CauseObject {
    /// The program's working directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
    /// Where the program's modules lie.
    #[serde(skip_serializing_if = "is_absent")]
    pub paths: Vec<String>,
    /// The exceptions, the outermost first.
    #[serde(skip_serializing_if = "is_absent")]
    pub exceptions: Vec<Exception>,
    /// Every other member, and those not of the type above.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl CauseObject {
    fn read(mut from: Map<String, Value>) -> CauseObject {
        let from = &mut from;
        CauseObject {
            working_directory: take(from, "working_directory"),
            paths: NonEmpty::take(from, "paths"),
            exceptions: NonEmpty::take(from, "exceptions"),
            other: std::mem::take(from),
        }
    }
}

read::object!(CauseObject);

/// One error of the chain that made the work fail.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Exception {
    /// 16 hex digits, unique in the trace.
    #[serde(skip_serializing_if = "is_absent")]
    pub id: String,
    /// The wire's `type`: the error's type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What the error says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The service called raised it.
    #[serde(skip_serializing_if = "is_absent")]
    pub remote: bool,
    /// Stack frames left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated: Option<i64>,
    /// Exceptions left out between this one and the one it was caused by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<i64>,
    /// The id of the exception this one was caused by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The call stack, innermost first.
    #[serde(skip_serializing_if = "is_absent")]
    pub stack: Vec<StackFrame>,
    /// Every other member, and those not of the type above.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Exception {
    fn read(mut from: Map<String, Value>) -> Exception {
        let from = &mut from;
        Exception {
            id: NonEmpty::take(from, "id"),
            kind: take(from, "type"),
            message: take(from, "message"),
            remote: NonEmpty::take(from, "remote"),
            truncated: take(from, "truncated"),
            skipped: take(from, "skipped"),
            cause: take(from, "cause"),
            stack: NonEmpty::take(from, "stack"),
            other: std::mem::take(from),
        }
    }
}

read::object!(Exception);

/// One call of a stack.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StackFrame {
    /// The source file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The line in it; some senders write null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<i64>,
    /// The function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Every other member, and those not of the type above.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl StackFrame {
    fn read(mut from: Map<String, Value>) -> StackFrame {
        let from = &mut from;
        StackFrame {
            path: take(from, "path"),
            line: take(from, "line"),
            label: take(from, "label"),
            other: std::mem::take(from),
        }
    }
}

read::object!(StackFrame);
