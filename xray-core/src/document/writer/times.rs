//! Times as a document has them: seconds with six decimals.

use crate::document::escape::{self, three_digits, two_digits};
use crate::id::hex;

/// Writes times as seconds with six decimals.
///
/// Texts of known length are copied several times as fast, and the second rarely changes within a document: all
/// texts keep it, and only the other digits are set.
#[derive(Debug)]
pub(super) struct Times {
    /// Nanoseconds at which the second in the texts begins; `u64::MAX` while there is none.
    second: u64,
    /// The second has ten digits, as it has until the year 2286.
    usual: bool,
    /// How an event begins that is not the first.
    event: [u8; 26],
    /// Id and times of a node that has ended, within the same second.
    frame: [u8; 84],
}

impl Default for Times {
    fn default() -> Times {
        Times {
            second: u64::MAX,
            usual: false,
            event: *br#",{"time":0000000000.000000"#,
            frame: *br#","id":"0000000000000000","start_time":0000000000.000000,"end_time":0000000000.000000"#,
        }
    }
}

impl Times {
    pub(super) fn write(&mut self, out: &mut Vec<u8>, nanoseconds: u64) {
        self.set_event(nanoseconds);
        if self.usual {
            out.extend_from_slice(&self.event[9..]);
        } else {
            unusual(out, nanoseconds);
        }
    }

    /// `{"time":…`, behind a comma where it is not the first.
    #[inline(always)] // once an event
    pub(super) fn open_event(&mut self, out: &mut Vec<u8>, nanoseconds: u64, first: bool) {
        self.set_event(nanoseconds);
        match (self.usual, first) {
            (true, false) => out.extend_from_slice(&self.event),
            (true, true) => out.extend_from_slice(&self.event[1..]),
            (false, _) => {
                out.extend_from_slice(if first { br#"{"time":"# } else { br#",{"time":"# });
                unusual(out, nanoseconds);
            }
        }
    }

    #[inline(always)]
    fn set_event(&mut self, nanoseconds: u64) {
        let decimals = self.decimals(nanoseconds);
        self.event[20..].copy_from_slice(&decimals);
    }

    /// `,"id":…,"start_time":…,"end_time":…` of a node, if its times have the usual length and the same second.
    #[inline(always)] // once a node
    pub(super) fn frame(&mut self, id: u64, start: u64, end: u64) -> Option<&[u8; 84]> {
        let start = self.decimals(start);
        let second = self.second;
        let end = self.decimals(end);
        if !self.usual || self.second != second {
            return None;
        }
        self.frame[7..23].copy_from_slice(&hex(id));
        self.frame[49..55].copy_from_slice(&start);
        self.frame[78..].copy_from_slice(&end);
        Some(&self.frame)
    }

    /// The six decimals of a time. Its second is that of the texts from then on.
    #[inline(always)]
    fn decimals(&mut self, nanoseconds: u64) -> [u8; 6] {
        let mut below = nanoseconds.wrapping_sub(self.second);
        if below >= SECOND {
            below = self.turn_to(nanoseconds);
        }
        micros(below as u32)
    }

    /// Puts another second into the texts; says how many nanoseconds into it the time is.
    #[cold]
    fn turn_to(&mut self, nanoseconds: u64) -> u64 {
        let (second, below) = (nanoseconds / SECOND, nanoseconds % SECOND);
        self.second = nanoseconds - below;
        self.usual = (1_000_000_000..10_000_000_000).contains(&second);
        let mut digits = [0; 10];
        let mut rest = second;
        for pair in digits.chunks_exact_mut(2).rev() {
            pair.copy_from_slice(&two_digits((rest % 100) as usize));
            rest /= 100;
        }
        self.event[9..19].copy_from_slice(&digits);
        self.frame[38..48].copy_from_slice(&digits);
        self.frame[67..77].copy_from_slice(&digits);
        below
    }
}

/// A time whose second has not ten digits.
#[cold]
fn unusual(out: &mut Vec<u8>, nanoseconds: u64) {
    escape::unsigned(out, nanoseconds / SECOND);
    out.push(b'.');
    out.extend_from_slice(&micros((nanoseconds % SECOND) as u32));
}

/// The six digits of the microseconds in so many nanoseconds, less than a second.
#[inline(always)]
fn micros(nanoseconds: u32) -> [u8; 6] {
    let three = |number: u32| u64::from(u32::from_le_bytes(three_digits(number as usize)));
    let (high, low) = (three(nanoseconds / 1_000_000), three(nanoseconds / 1000 % 1000));
    let [a, b, c, d, e, f, ..] = (high | low << 24).to_le_bytes();
    [a, b, c, d, e, f]
}

const SECOND: u64 = 1_000_000_000;
