//! Which column a node stands in: one behind the last of its callers.

/// The layer of each node, and its calls without those that close a circle.
pub(super) fn of(calls: &[Vec<usize>], first: &[usize]) -> (Vec<usize>, Vec<Vec<usize>>) {
    let (order, calls) = without_circles(calls, first);
    let mut layers = vec![0_usize; calls.len()];
    // Callers come before those they call, so each layer is final when it is used.
    for node in order {
        let next = layers.get(node).map_or(0, |layer| layer + 1);
        for target in calls.get(node).into_iter().flatten() {
            if let Some(layer) = layers.get_mut(*target) {
                *layer = (*layer).max(next);
            }
        }
    }
    (layers, calls)
}

/// How far the walk is with a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    /// On the way from where the walk began to where it is.
    Open,
    Done,
}

/// The nodes with callers before those they call, and all calls but those that lead back.
fn without_circles(calls: &[Vec<usize>], first: &[usize]) -> (Vec<usize>, Vec<Vec<usize>>) {
    let mut states = vec![State::New; calls.len()];
    let mut kept: Vec<Vec<usize>> = vec![Vec::new(); calls.len()];
    let mut order = Vec::with_capacity(calls.len());
    let mut called = vec![false; calls.len()];
    for target in calls.iter().flatten() {
        called.get_mut(*target).into_iter().for_each(|called| *called = true);
    }
    let uncalled = (0..calls.len()).filter(|node| called.get(*node) == Some(&false));
    let starts: Vec<usize> = first.iter().copied().chain(uncalled).chain(0..calls.len()).collect();
    for start in starts {
        if states.get(start) != Some(&State::New) {
            continue;
        }
        // A node and how many of its calls have been followed.
        let mut way = vec![(start, 0_usize)];
        set(&mut states, start, State::Open);
        while let Some((node, followed)) = way.last_mut() {
            let node = *node;
            let Some(target) = calls.get(node).and_then(|calls| calls.get(*followed)).copied() else {
                set(&mut states, node, State::Done);
                order.push(node);
                way.pop();
                continue;
            };
            *followed += 1;
            let state = states.get(target).copied().unwrap_or(State::Open);
            if state != State::Open {
                kept.get_mut(node).into_iter().for_each(|kept| kept.push(target));
            }
            if state == State::New {
                set(&mut states, target, State::Open);
                way.push((target, 0));
            }
        }
    }
    order.reverse();
    (order, kept)
}

fn set(states: &mut [State], node: usize, state: State) {
    if let Some(known) = states.get_mut(node) {
        *known = state;
    }
}
