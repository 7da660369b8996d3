//! How high a node stands in its column.

use std::collections::BTreeSet;

/// How often the order is improved, to the right and back. More gains little on maps of a hundred nodes.
const SWEEPS: usize = 4;

/// The height of each node. Those that have one already keep it.
pub(super) fn of(layers: &[usize], calls: &[Vec<usize>], old: &[Option<f64>]) -> Vec<f64> {
    let mut callers: Vec<Vec<usize>> = vec![Vec::new(); layers.len()];
    for (from, targets) in calls.iter().enumerate() {
        for to in targets {
            callers.get_mut(*to).into_iter().for_each(|callers| callers.push(from));
        }
    }
    let mut columns: Vec<Vec<usize>> = vec![Vec::new(); layers.iter().max().map_or(0, |last| last + 1)];
    for (node, layer) in layers.iter().enumerate() {
        columns.get_mut(*layer).into_iter().for_each(|column| column.push(node));
    }
    let mut heights: Vec<f64> = vec![0.0; layers.len()];
    for column in &columns {
        spread(column, &mut heights);
    }
    for (height, old) in heights.iter_mut().zip(old) {
        *height = old.unwrap_or(*height);
    }
    if old.iter().any(Option::is_some) {
        for column in &columns {
            settle(column, &callers, old, &mut heights);
        }
        return heights;
    }
    for _ in 0..SWEEPS {
        for column in &mut columns {
            sort(column, &callers, &mut heights);
        }
        for column in columns.iter_mut().rev() {
            sort(column, calls, &mut heights);
        }
    }
    heights
}

/// One apart, around the middle, in this order.
fn spread(column: &[usize], heights: &mut [f64]) {
    // Columns are far shorter than 2^53.
    #[allow(clippy::cast_precision_loss)]
    let (middle, index) = ((column.len().saturating_sub(1)) as f64 / 2.0, |at: usize| at as f64);
    for (at, node) in column.iter().enumerate() {
        heights.get_mut(*node).into_iter().for_each(|height| *height = index(at) - middle);
    }
}

/// By the mean height of the neighbours on one side; who has none there stays about where it is.
fn sort(column: &mut [usize], neighbours: &[Vec<usize>], heights: &mut [f64]) {
    let wish = |node: &usize| barycentre(*node, neighbours, heights).unwrap_or_else(|| height(*node, heights));
    let mut wishes: Vec<(f64, usize)> = column.iter().map(|node| (wish(node), *node)).collect();
    // A stable sort: equal wishes leave the order alone.
    wishes.sort_by(|left, right| left.0.total_cmp(&right.0));
    for (place, (_, node)) in column.iter_mut().zip(wishes) {
        *place = node;
    }
    spread(column, heights);
}

/// New nodes of a column, each at the free place nearest to its callers.
fn settle(column: &[usize], callers: &[Vec<usize>], old: &[Option<f64>], heights: &mut [f64]) {
    let is_old = |node: &usize| old.get(*node).copied().flatten().is_some();
    // In halves, as columns of even and odd length stand between each other.
    let mut taken: BTreeSet<i64> = BTreeSet::new();
    // A node that moved here from another column may find its height taken.
    let (old, new): (Vec<usize>, Vec<usize>) = column.iter().partition(|node| is_old(node));
    for node in old.into_iter().chain(new) {
        let wish = if is_old(&node) { None } else { barycentre(node, callers, heights) };
        let wish = wish.unwrap_or_else(|| height(node, heights));
        let free = nearest_free(halves(wish), &taken);
        taken.insert(free);
        #[allow(clippy::cast_precision_loss)]
        heights.get_mut(node).into_iter().for_each(|height| *height = free as f64 / 2.0);
    }
}

fn nearest_free(wish: i64, taken: &BTreeSet<i64>) -> i64 {
    let is_free = |place: &i64| taken.range(place - 1..=place + 1).next().is_none();
    let outwards = (0..).flat_map(|step| [wish + step, wish - step]);
    // One of the places around all that are taken is free.
    outwards.into_iter().find(is_free).unwrap_or(wish)
}

fn halves(height: f64) -> i64 {
    // Heights are counts of nodes.
    #[allow(clippy::cast_possible_truncation)]
    let halves = (height * 2.0).round() as i64;
    halves
}

fn barycentre(node: usize, neighbours: &[Vec<usize>], heights: &[f64]) -> Option<f64> {
    let neighbours = neighbours.get(node).filter(|neighbours| !neighbours.is_empty())?;
    #[allow(clippy::cast_precision_loss)]
    let count = neighbours.len() as f64;
    Some(neighbours.iter().map(|node| height(*node, heights)).sum::<f64>() / count)
}

fn height(node: usize, heights: &[f64]) -> f64 {
    heights.get(node).copied().unwrap_or_default()
}
