//! Ready text that documents and items are put together from.

/// A text that is written often. One of at most `N` bytes is copied as `N`, of which those too many are taken back: a
/// length known when this is compiled takes a few moves, where another takes a call of some 25 instructions.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece<const N: usize> {
    short: [u8; N],
    length: usize,
    /// What is longer than `N`; otherwise empty.
    long: Box<[u8]>,
}

impl<const N: usize> Piece<N> {
    pub(crate) fn new(text: &[u8]) -> Piece<N> {
        let mut short = [0; N];
        match short.get_mut(..text.len()) {
            Some(place) => place.copy_from_slice(text),
            None => return Piece { short, length: text.len(), long: text.into() },
        }
        Piece { short, length: text.len(), long: Box::default() }
    }

    #[inline(always)] // to be a few moves
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        if self.length > N {
            return out.extend_from_slice(&self.long);
        }
        let end = out.len() + self.length;
        out.extend_from_slice(&self.short);
        out.truncate(end);
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.short.get(..self.length).unwrap_or(&self.long)
    }
}

/// Writes the first `length` bytes of `text`, which may go on behind them: then short ones are copied as 32 or 96 bytes
/// and cut, as [`Piece`] does it.
#[inline(always)]
pub(crate) fn write_first(out: &mut Vec<u8>, text: &[u8], length: usize) {
    let end = out.len() + length;
    if length <= 32 {
        match text.first_chunk::<32>() {
            Some(text) => out.extend_from_slice(text),
            None => return write_exactly(out, text, length),
        }
    } else {
        match text.first_chunk::<96>() {
            Some(text) if length <= 96 => out.extend_from_slice(text),
            _ => return write_exactly(out, text, length),
        }
    }
    out.truncate(end);
}

#[inline(never)]
fn write_exactly(out: &mut Vec<u8>, text: &[u8], length: usize) {
    out.extend_from_slice(text.get(..length).unwrap_or(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_every_length_are_written_whole() {
        let text = b"0123456789";
        for length in 0..=text.len() {
            let piece = Piece::<6>::new(&text[..length]);
            let mut out = b"before ".to_vec();
            piece.write(&mut out);
            assert_eq!(out.strip_prefix(b"before "), Some(&text[..length]));
            assert_eq!(piece.as_bytes(), &text[..length]);
        }
    }

    #[test]
    fn the_first_bytes_of_a_longer_text_are_written_alone() {
        let text: Vec<u8> = (0..200).collect();
        for behind in [0, 1, 31, 32, 33, 95, 96, 97, 200] {
            for length in 0..=behind {
                let mut out = b"before ".to_vec();
                write_first(&mut out, &text[..behind], length);
                assert_eq!(out.strip_prefix(b"before "), Some(&text[..length]));
            }
        }
    }
}
