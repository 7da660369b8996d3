//! Answers in pages: the token that leads to the next one.
//!
//! A token names the operation it belongs to and where the last page ended. It is absent on the last page, and one
//! that no page of the operation ended with is refused. It holds no memory here and does not expire; what was added or
//! removed between two pages is seen or not, by where it stands.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{ApiError, Operation};

/// Longest token that is read, bytes. Ours to choose; no token of ours comes near.
const LONGEST: usize = 2_048;

/// The token of a page of `O` that ended at this place.
pub(crate) fn token<O: Operation>(place: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}\n{place}", O::NAME))
}

/// Where the page before ended: none for the first page.
pub(crate) fn place<O: Operation>(token: Option<&str>) -> Result<Option<String>, ApiError> {
    // Clients that write every member send an empty one.
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(token.get(..LONGEST).map_or(token, |_| "")).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (name, place) = text.split_once('\n')?;
        (name == O::NAME).then(|| place.to_owned())
    };
    match read() {
        Some(place) => Ok(Some(place)),
        None => Err(refused::<O>()),
    }
}

/// As [`place`], where the place is a number.
pub(crate) fn index<O: Operation>(token: Option<&str>) -> Result<usize, ApiError> {
    match place::<O>(token)? {
        None => Ok(0),
        Some(place) => place.parse().map_err(|_| refused::<O>()),
    }
}

pub(crate) fn refused<O: Operation>() -> ApiError {
    ApiError::invalid(format!("NextToken is none that {} has given", O::NAME))
}

/// The page of `items`, in order of their keys, that follows the one the token ends; with the next token.
pub(crate) fn by_key<O: Operation, T>(
    items: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> &str,
    token_before: Option<&str>,
    size: usize,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    let after = place::<O>(token_before)?;
    let mut items = items.into_iter().filter(|item| after.as_deref().is_none_or(|after| key(item) > after));
    let page: Vec<T> = items.by_ref().take(size).collect();
    let more = items.next().is_some();
    let next = page.last().filter(|_| more).map(|last| token::<O>(key(last)));
    Ok((page, next))
}

/// The page of `items` that begins at `start`; with the next token.
pub(crate) fn by_index<O: Operation, T>(items: Vec<T>, start: usize, size: usize) -> (Vec<T>, Option<String>) {
    let end = start.saturating_add(size);
    let next = (items.len() > end).then(|| token::<O>(&end.to_string()));
    (items.into_iter().skip(start).take(size).collect(), next)
}
