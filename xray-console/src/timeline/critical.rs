//! The critical path: the rows that decided when the root answered.
//!
//! Followed backwards from the end of the root: the child that ended last is on the path, before its start the one that
//! had ended last by then, and so on; in each of these the same. Each row is looked at once and its children are sorted
//! once. Work that began with a message is not on it: nobody waited for that.

use super::{Row, RowKind};

pub(super) fn mark(rows: &mut [Row<'_>]) {
    let Some(root) = rows.iter().position(|row| row.kind == RowKind::Segment) else { return };
    let children = children(rows);
    let mut open = vec![(root, f64::INFINITY)];
    while let Some((index, latest)) = open.pop() {
        let Some(row) = rows.get_mut(index) else { continue };
        row.critical = true;
        let end = row.end.min(latest);
        let mut cursor = end;
        for child in children.of(index) {
            let Some(child_row) = rows.get(*child) else { continue };
            // A child that outlives its parent counts until its parent's end.
            if child_row.end.min(end) <= cursor && child_row.start < cursor {
                open.push((*child, cursor));
                cursor = child_row.start;
            }
        }
    }
}

/// The children of all rows in one list, those of a row side by side, the last to end first.
struct Children {
    list: Vec<usize>,
    /// Where in the list the children of a row begin; one more than there are rows.
    first: Vec<usize>,
}

impl Children {
    fn of(&self, row: usize) -> &[usize] {
        let bounds = self.first.get(row).zip(self.first.get(row + 1));
        bounds.and_then(|(from, to)| self.list.get(*from..*to)).unwrap_or_default()
    }
}

fn children(rows: &[Row<'_>]) -> Children {
    // How many each has, then where those of each begin.
    let mut first = vec![0; rows.len() + 1];
    for parent in rows.iter().filter_map(|row| row.parent) {
        if let Some(count) = first.get_mut(parent + 1) {
            *count += 1;
        }
    }
    let mut sum = 0;
    for count in &mut first {
        sum += *count;
        *count = sum;
    }
    let mut list = vec![0; sum];
    let mut next = first.clone();
    for (index, parent) in rows.iter().enumerate().filter_map(|(index, row)| Some((index, row.parent?))) {
        let Some(place) = next.get_mut(parent) else { continue };
        if let Some(child) = list.get_mut(*place) {
            *child = index;
        }
        *place += 1;
    }
    let end = |row: &usize| rows.get(*row).map_or(0.0, |row| row.end);
    for bounds in first.windows(2) {
        let &[from, to] = bounds else { continue };
        if let Some(children) = list.get_mut(from..to) {
            children.sort_by(|left, right| end(right).total_cmp(&end(left)));
        }
    }
    Children { list, first }
}
