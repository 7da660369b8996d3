//! What the model says of members, said once.

use super::ApiError;

/// The ARN of a resource here: no region of AWS, no account.
pub(crate) fn arn(resource: &str) -> String {
    format!("arn:aws:xray:local:000000000000:{resource}")
}

/// A text's length in characters, `least` to `most`.
pub(crate) fn length(member: &str, text: &str, least: usize, most: usize) -> Result<(), ApiError> {
    let length = text.chars().count();
    if (least..=most).contains(&length) {
        return Ok(());
    }
    let wanted = if least == most { format!("{most}") } else { format!("{least} to {most}") };
    Err(ApiError::invalid(format!("{member} has {length} characters; expected {wanted}")))
}

/// The number of a list's elements, at most `most`.
pub(crate) fn count<T>(member: &str, list: &[T], most: usize) -> Result<(), ApiError> {
    if list.len() <= most {
        return Ok(());
    }
    Err(ApiError::invalid(format!("{member} has {} elements; expected at most {most}", list.len())))
}

/// A number, `least` to `most`.
pub(crate) fn range<N: PartialOrd + std::fmt::Display>(
    member: &str,
    number: N,
    least: N,
    most: N,
) -> Result<(), ApiError> {
    if number >= least && number <= most {
        return Ok(());
    }
    Err(ApiError::invalid(format!("{member} is {number}; expected {least} to {most}")))
}

/// A thing is named by one of two members, not both, not neither.
pub(crate) fn one_of(a: &str, first: Option<&str>, b: &str, second: Option<&str>) -> Result<(), ApiError> {
    match (first, second) {
        (Some(_), Some(_)) => Err(ApiError::invalid(format!("{a} and {b} are both given; expected one of them"))),
        (None, None) => Err(ApiError::invalid(format!("neither {a} nor {b} is given"))),
        _ => Ok(()),
    }
}

/// A time range: `start` before `end`, both numbers.
pub(crate) fn times(start: f64, end: f64) -> Result<(), ApiError> {
    if start < end {
        return Ok(());
    }
    Err(ApiError::invalid(format!("StartTime {start} is not before EndTime {end}")))
}
