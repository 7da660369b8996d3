//! Writes down the error of a service or body whose type is not ours to choose.
//!
//! The middlewares accept any error that can be shown (`Display`), as tower-http's `TraceLayer` does:
//! the common ones share no more than that, for `Box<dyn Error>` is itself no `Error`. The chain of
//! sources is recorded where the type is known: boxed errors, I/O errors, reqwest's with that
//! feature, and the types a layer was told with `error_chain`.

use std::any::{Any, type_name};
use std::error::Error;
use std::fmt::Display;

use xray_core::{Flags, Node};

/// Sees an error of a known type in a value of unknown type.
pub(crate) type Reveal = fn(&dyn Any) -> Option<&(dyn Error + 'static)>;

/// A [`Reveal`] for errors of type `E`.
pub(crate) fn reveal<E: Error + 'static>(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
    error.downcast_ref::<E>().map(|error| error as &(dyn Error + 'static))
}

/// Records `error` with fault, with its sources where `known` or we ourselves know its type.
pub(crate) fn record<E: Display + 'static>(node: &Node, error: &E, known: &[Reveal]) {
    if !node.is_recording() {
        // A sampler may want to know all the same.
        node.mark(Flags { fault: true, ..Flags::default() });
        return;
    }
    let seen = known.iter().find_map(|reveal| reveal(error)).or_else(|| well_known(error));
    match seen {
        #[cfg(feature = "reqwest")]
        Some(error) if error.is::<reqwest::Error>() => record_reqwest(node, error),
        Some(error) => {
            node.record_error(error);
        }
        None => {
            node.record_failure(type_name::<E>(), format_args!("{error}"));
        }
    }
}

fn well_known(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
    if let Some(boxed) = error.downcast_ref::<Box<dyn Error + Send + Sync>>() {
        return Some(&**boxed);
    }
    #[cfg(feature = "reqwest")]
    if let Some(error) = reveal::<reqwest::Error>(error) {
        return Some(error);
    }
    reveal::<std::io::Error>(error)
}

/// reqwest's own text ends with the whole URL, query string and all; that part stays behind.
#[cfg(feature = "reqwest")]
fn record_reqwest(node: &Node, error: &(dyn Error + 'static)) {
    let text = error.to_string();
    let message = text.split_once(" for url (").map_or(text.as_str(), |(before, _)| before);
    node.record_failure(type_name::<reqwest::Error>(), format_args!("{message}"));
    if let Some(source) = error.source() {
        node.record_error(source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn a_boxed_error_is_seen_through_its_box() {
        let boxed: Box<dyn Error + Send + Sync> = Box::new(io::Error::other("disk"));
        let seen = well_known(&boxed).map(ToString::to_string);
        assert_eq!(seen.as_deref(), Some("disk"));
    }

    #[test]
    fn an_unknown_type_is_seen_only_by_its_own_reveal() {
        assert!(well_known(&std::fmt::Error).is_none());
        assert!(reveal::<std::fmt::Error>(&std::fmt::Error).is_some());
    }
}
