//! Where moments lie on a drawing in which long gaps are folded.

use super::{GAP_SHARE, Mark, Row, RowKind, Stretch, Timeline};

/// How wide a fold is, as a share of the drawing. A message that waited for minutes then leaves nine tenths to the work
/// before and after it.
const FOLD: f64 = 0.08;

/// Most buckets of a minimap: it is drawn one pixel a bucket.
const BUCKETS: usize = 400;

/// The times in which no row but waits was active, long enough to fold.
pub(super) fn gaps(rows: &[Row<'_>], length: f64) -> Vec<Stretch> {
    let active = rows.iter().filter(|row| row.kind != RowKind::Wait);
    let mut active: Vec<Stretch> = active.map(|row| Stretch { start: row.start, end: row.end }).collect();
    active.sort_by(|left, right| left.start.total_cmp(&right.start));
    let mut gaps = Vec::new();
    let mut until = 0.0;
    for stretch in active.iter().chain(&[Stretch { start: length, end: length }]) {
        let gap = Stretch { start: until, end: stretch.start };
        if gap.seconds() > 0.0 && gap.seconds() >= GAP_SHARE * length {
            gaps.push(gap);
        }
        until = stretch.end.max(until);
    }
    gaps
}

/// Most round moments that are named above a drawing.
const TICKS: usize = 50;

/// From seconds to a share of the drawing's width.
#[derive(Clone, Debug)]
pub struct Axis {
    length: f64,
    /// Seconds that are not folded.
    active: f64,
    folds: Vec<Stretch>,
    /// How wide a fold is, as a share of the whole.
    fold: f64,
}

impl Axis {
    /// With the gaps of the timeline folded.
    pub fn folded(timeline: &Timeline<'_>) -> Axis {
        let folds = timeline.gaps.clone();
        // There are no more than nine gaps of a tenth each; the work keeps at least a quarter.
        #[allow(clippy::cast_precision_loss)]
        let fold = FOLD.min(0.75 / folds.len().max(1) as f64);
        Axis { length: timeline.length, active: timeline.active(), folds, fold }
    }

    /// With nothing folded.
    pub fn even(timeline: &Timeline<'_>) -> Axis {
        Axis { length: timeline.length, active: timeline.length, folds: Vec::new(), fold: 0.0 }
    }

    /// Where a moment (seconds) lies: 0 at the start, 1 at the end.
    pub fn position(&self, moment: f64) -> f64 {
        let moment = moment.clamp(0.0, self.length.max(0.0));
        let mut folded = 0.0;
        let mut width = 0.0;
        for fold in &self.folds {
            let inside = (moment.min(fold.end) - fold.start).max(0.0);
            folded += inside;
            width += if fold.seconds() > 0.0 { self.fold * inside / fold.seconds() } else { 0.0 };
        }
        // All folded, or of no length: everything is at one point.
        let rest = if self.active > 0.0 { (moment - folded) / self.active } else { 0.0 };
        (rest * self.rest() + width).clamp(0.0, 1.0)
    }

    /// Seconds to one width of the drawing, outside folds.
    pub fn scale(&self) -> f64 {
        if self.rest() > 0.0 { self.active / self.rest() } else { self.active }
    }

    /// Round moments of a stretch, each at least this share of the drawing's width after the one before; at most 50.
    ///
    /// None is within a fold, but for the start of the whole. After a fold they go on with the next round moment.
    pub fn ticks(&self, within: Stretch, apart: f64) -> Vec<f64> {
        let wanted = self.scale() * apart;
        if !(wanted > 0.0 && wanted.is_finite()) {
            return vec![0.0];
        }
        let power = 10_f64.powf(wanted.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| *step >= wanted);
        let step = step.unwrap_or(10.0 * power);
        let mut ticks = if within.start <= 0.0 { vec![0.0] } else { Vec::new() };
        let mut moment = if within.start <= 0.0 { step } else { (within.start / step).ceil() * step };
        // Ten gaps at most are jumped over. Of numbers so large that a step changes nothing there may be any.
        for _ in 0..2 * TICKS {
            if moment >= within.end.min(self.length) || ticks.len() >= TICKS {
                break;
            }
            match self.folds.iter().find(|fold| fold.start <= moment && moment < fold.end) {
                Some(fold) => moment = ((fold.end / step).floor() + 1.0) * step,
                None => {
                    ticks.push(moment);
                    moment += step;
                }
            }
        }
        ticks
    }

    /// The gaps that are folded.
    pub fn folds(&self) -> &[Stretch] {
        &self.folds
    }

    /// The share of the drawing that is not folds.
    fn rest(&self) -> f64 {
        #[allow(clippy::cast_precision_loss)]
        let folds = self.folds.len() as f64;
        1.0 - folds * self.fold
    }
}

/// A column of a minimap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bucket {
    /// How many rows were active in it; waits do not count.
    pub active: usize,
    /// The gravest mark of the rows in it. Of a row and what is beneath it, the deepest that is marked as gravely counts:
    /// a failed request is red where it failed, not all along.
    pub mark: Mark,
}

pub(super) fn minimap(timeline: &Timeline<'_>, buckets: usize) -> Vec<Bucket> {
    let buckets = buckets.clamp(1, BUCKETS);
    let axis = Axis::folded(timeline);
    // The share is between 0 and 1, so the bucket is one of those there are.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let bucket = |moment: f64| ((axis.position(moment) * buckets as f64) as usize).min(buckets - 1);
    // How many begin and end, for all rows and for each mark: summed up from the left.
    let mut changes = vec![[0_i64; 4]; buckets + 1];
    let mut told_beneath = vec![false; timeline.rows.len()];
    for row in &timeline.rows {
        let Some(parent) = row.parent else { continue };
        if let (Some(told), Some(above)) = (told_beneath.get_mut(parent), timeline.rows.get(parent)) {
            *told |= row.mark >= above.mark;
        }
    }
    for (row, told) in timeline.rows.iter().zip(told_beneath).filter(|(row, _)| row.kind != RowKind::Wait) {
        let (from, to) = (bucket(row.start), bucket(row.end));
        let mark = Some(row.mark as usize).filter(|mark| *mark > 0 && !told);
        for lane in [Some(0), mark].into_iter().flatten() {
            for (place, change) in [(from, 1), (to + 1, -1)] {
                if let Some(count) = changes.get_mut(place).and_then(|counts| counts.get_mut(lane)) {
                    *count += change;
                }
            }
        }
    }
    let mut sums = [0_i64; 4];
    let sum = |counts: &[i64; 4]| {
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        let [active, error, throttle, fault] = sums;
        let mark = match () {
            () if fault > 0 => Mark::Fault,
            () if throttle > 0 => Mark::Throttle,
            () if error > 0 => Mark::Error,
            () => Mark::Ok,
        };
        Bucket { active: usize::try_from(active).unwrap_or(0), mark }
    };
    changes.iter().take(buckets).map(sum).collect()
}
