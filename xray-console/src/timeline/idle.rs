//! Rows in which for long nothing happened that anybody recorded.
//!
//! Children come after their parents and by start, so one pass over the rows is enough: for each parent it keeps until
//! when its children have been active, and the longest time before the next.

use super::{IDLE_SHARE, Row, Stretch};

/// What is known of the children of a row.
#[derive(Clone, Copy)]
struct Covered {
    until: f64,
    longest: Stretch,
}

pub(super) fn mark(rows: &mut [Row<'_>]) {
    let mut parents: Vec<Option<Covered>> = vec![None; rows.len()];
    for row in rows.iter() {
        let Some((parent, covered)) = row.parent.and_then(|at| Some((rows.get(at)?, parents.get_mut(at)?))) else {
            continue;
        };
        let known = covered.get_or_insert(Covered {
            until: parent.start,
            longest: Stretch { start: parent.start, end: parent.start },
        });
        known.reach(row.start.min(parent.end));
        known.until = known.until.max(row.end);
    }
    for (row, covered) in rows.iter_mut().zip(parents) {
        let Some(mut covered) = covered else { continue };
        covered.reach(row.end);
        row.idle = Some(covered.longest)
            .filter(|longest| longest.seconds() > 0.0 && longest.seconds() >= IDLE_SHARE * row.seconds());
    }
}

impl Covered {
    /// Nothing was active from the last end to this moment.
    fn reach(&mut self, moment: f64) {
        let stretch = Stretch { start: self.until, end: moment };
        if stretch.seconds() > self.longest.seconds() {
            self.longest = stretch;
        }
    }
}
