//! Writes down the error of a handler, whose type is not ours to choose.

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
pub(crate) fn record<E: Display + 'static>(node: &Node, error: &E, known: Option<Reveal>) {
    if !node.is_recording() {
        // A sampler may want to know all the same.
        node.mark(Flags { fault: true, ..Flags::default() });
        return;
    }
    match known.and_then(|known| known(error)).or_else(|| well_known(error)) {
        Some(error) => {
            node.record_error(error);
        }
        None => {
            node.record_failure(short(type_name::<E>()), format_args!("{error:#}"));
        }
    }
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

/// `orders::pay::DeclinedError` as `DeclinedError`: what comes before says little and changes with every move.
fn short(name: &'static str) -> &'static str {
    let outer = name.split('<').next().unwrap_or(name);
    outer.rsplit("::").next().unwrap_or(outer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxed_errors_are_seen_through_their_box() {
        let boxed: Box<dyn Error + Send + Sync> = "disk".into();
        assert_eq!(well_known(&boxed).map(ToString::to_string).as_deref(), Some("disk"));
        let boxed: Box<dyn Error> = "disk".into();
        assert_eq!(well_known(&boxed).map(ToString::to_string).as_deref(), Some("disk"));
        assert!(well_known(&std::fmt::Error).is_none());
        assert!(reveal::<std::fmt::Error>(&std::fmt::Error).is_some());
    }

    #[test]
    fn a_type_goes_by_its_last_name() {
        assert_eq!(short(type_name::<std::fmt::Error>()), "Error");
        assert_eq!(short(type_name::<Option<std::fmt::Error>>()), "Option");
    }
}
