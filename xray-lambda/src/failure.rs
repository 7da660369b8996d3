//! Writes down the error of a handler, whose type is not ours to choose.
//!
//! Of a handler's error no more is known than its `Debug` text, which lambda_runtime logs, and that it becomes a
//! [`Diagnostic`]: the common error types share no more, for `Box<dyn Error>` is itself no `Error`. What it says and
//! the chain of its sources are recorded where the type is known: boxed errors, I/O errors, text, `Diagnostic`, and
//! the types a wrapper was told by `error_chain`.

use std::any::{Any, type_name};
use std::error::Error;
use std::fmt::Debug;

use lambda_runtime::Diagnostic;
use xray_core::{ExceptionParts, Flags, Node};

/// Sees an error of a known type in a value of unknown type.
pub(crate) type Reveal = fn(&dyn Any) -> Option<&(dyn Error + 'static)>;

/// A [`Reveal`] for errors of type `E`.
pub(crate) fn reveal<E: Error + 'static>(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
    error.downcast_ref::<E>().map(|error| error as &(dyn Error + 'static))
}

/// Marks the node as fault, and records `error` where `capture` says so.
pub(crate) fn record<E: Debug + 'static>(node: &Node, error: &E, capture: bool, known: &[Reveal]) {
    if !node.is_recording() {
        return;
    }
    node.mark(Flags { fault: true, ..Flags::default() });
    if !capture {
        return;
    }
    let any: &dyn Any = error;
    let text = any.downcast_ref::<String>().map(String::as_str).or_else(|| any.downcast_ref::<&str>().copied());
    if let Some(seen) = known.iter().find_map(|reveal| reveal(any)).or_else(|| well_known(any)) {
        node.record_error(seen);
    } else if let Some(Diagnostic { error_type, error_message }) = any.downcast_ref::<Diagnostic>() {
        record_text(node, error_type, error_message);
    } else if let Some(text) = text {
        record_text(node, "error", text);
    } else {
        node.record_failure(type_name::<E>(), format_args!("{error:?}"));
    }
}

fn record_text(node: &Node, kind: &str, message: &str) {
    node.record_exception(ExceptionParts { kind, message, remote: false });
}

fn well_known(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
    if let Some(boxed) = error.downcast_ref::<Box<dyn Error + Send + Sync>>() {
        return Some(&**boxed);
    }
    if let Some(boxed) = error.downcast_ref::<Box<dyn Error>>() {
        return Some(&**boxed);
    }
    reveal::<std::io::Error>(error)
}

/// The text of `panic!`, which is all that a payload can be asked for.
pub(crate) fn record_panic(node: &Node, payload: &(dyn Any + Send)) {
    let text = payload.downcast_ref::<&'static str>().copied();
    let message = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = message.unwrap_or("panic with a payload that is not text");
    node.record_exception(ExceptionParts { kind: "panic", message, remote: false });
    node.mark(Flags { fault: true, ..Flags::default() });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn boxed_errors_are_seen_through_their_box() {
        let boxed: Box<dyn Error + Send + Sync> = Box::new(io::Error::other("disk"));
        assert_eq!(well_known(&boxed).map(ToString::to_string).as_deref(), Some("disk"));
        let boxed: Box<dyn Error> = Box::new(io::Error::other("disk"));
        assert_eq!(well_known(&boxed).map(ToString::to_string).as_deref(), Some("disk"));
    }

    #[test]
    fn an_unknown_type_is_seen_only_by_its_own_reveal() {
        assert!(well_known(&std::fmt::Error).is_none());
        assert!(reveal::<std::fmt::Error>(&std::fmt::Error).is_some());
    }
}
