//! The end of a node raced by its children, in every order there is.
//!
//! All of a tree lies behind one lock, so what can go differently is the order in which threads take it. Each thread
//! here is a list of what it does under the lock; every way of interleaving the lists is played.

use std::collections::BTreeMap;

use super::handle::Handle;
use super::items::{Class, Draft};
use super::slots::Slots;
use super::testing::head;
use super::tree::{Leaving, NodeData, Tree, flag};

/// What a thread does while it has the lock once.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Opens a node beneath another one; both by their names here.
    Open(usize, usize),
    /// Ends a node and gives its reference back, as a guard's drop does.
    End(usize),
    /// Takes a further reference to a node, as a transparent span does.
    Alias(usize),
    /// Gives that back.
    Close(usize),
}

const SEGMENT: usize = 0;

/// A tree in its slot, and everything that left it.
struct Played {
    slots: Slots,
    nodes: Vec<Option<Handle>>,
    /// By id: the parent's id, where there is one, and how often it left.
    left: BTreeMap<u64, (u64, u32)>,
    stream_after: u32,
    done: bool,
}

fn id_of(name: usize) -> u64 {
    name as u64 + 1
}

impl Played {
    fn new(stream_after: u32) -> Played {
        let slots = Slots::new();
        let mut tree = Box::new(Tree::new(head()));
        assert_eq!(tree.open_segment(id_of(SEGMENT), 0, None), Some(0));
        tree.retain(0);
        let segment = slots.insert(tree).unwrap();
        Played { slots, nodes: vec![Some(segment)], left: BTreeMap::new(), stream_after, done: false }
    }

    fn handle(&self, name: usize) -> Handle {
        self.nodes[name].unwrap()
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Open(parent, name) => {
                let above = self.handle(parent);
                let node = NodeData::new(id_of(name), 1, None, 0);
                let opened = self.slots.with(above, |tree| tree.open_child(above.node(), node, &mut Draft::new()));
                let opened = opened.unwrap().unwrap();
                self.nodes.resize(self.nodes.len().max(name + 1), None);
                self.nodes[name] = Some(above.at_node(opened));
            }
            Act::Alias(name) => {
                let handle = self.handle(name);
                self.slots.with(handle, |tree| tree.retain(handle.node())).unwrap();
            }
            Act::End(name) => self.finish(name, true),
            Act::Close(name) => self.finish(name, false),
        }
    }

    fn finish(&mut self, name: usize, end: bool) {
        let (handle, stream_after) = (self.handle(name), self.stream_after);
        let (leaving, done) = self
            .slots
            .finish(handle, |tree| {
                tree.release(handle.node());
                if end { tree.end(handle.node(), 2, stream_after) } else { Leaving::Nothing }
            })
            .unwrap();
        self.done |= done.is_some();
        match leaving {
            Leaving::Nothing => {}
            Leaving::Part(part) | Leaving::Streamed(part) => self.count(&part),
            Leaving::Whole => self.count(&done.unwrap()),
        }
    }

    /// Counts what is written of a tree: its tops, and all below them.
    fn count(&mut self, tree: &Tree) {
        let mut pending: Vec<(u32, u64)> = tree
            .tops()
            .map(|top| {
                let node = tree.node(top).unwrap();
                let hex = tree.items_of(node, Class::ParentId).last();
                let parent = hex.map_or(0, |hex| u64::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap());
                assert_eq!(parent == 0, node.is(flag::SEGMENT), "a lone node names its parent");
                (top, parent)
            })
            .collect();
        while let Some((node, parent)) = pending.pop() {
            let data = tree.node(node).unwrap();
            assert!(data.is(flag::ENDED), "only what has ended leaves");
            let (known, times) = self.left.entry(data.id).or_insert((parent, 0));
            assert_eq!(*known, parent);
            *times += 1;
            pending.extend(tree.children(node).map(|child| (child, data.id)));
        }
    }
}

/// Plays every interleaving of the threads' acts, behind those of the set-up and under every threshold, and says how
/// many there are. Whatever the order, each node is to leave once, under its parent, and nothing is to stay.
fn interleave(setup: &[Act], threads: &[&[Act]], parents: &[(usize, usize)]) -> u32 {
    fn go(at: &mut Vec<usize>, order: &mut Vec<Act>, threads: &[&[Act]], check: &mut dyn FnMut(&[Act])) {
        let mut last = true;
        for thread in 0..threads.len() {
            if let Some(act) = threads[thread].get(at[thread]).copied() {
                last = false;
                at[thread] += 1;
                order.push(act);
                go(at, order, threads, check);
                order.pop();
                at[thread] -= 1;
            }
        }
        if last {
            check(order);
        }
    }
    let mut played = 0;
    let expected: BTreeMap<u64, (u64, u32)> =
        parents.iter().map(|(child, parent)| (id_of(*child), (id_of(*parent), 1))).collect();
    go(&mut vec![0; threads.len()], &mut Vec::new(), threads, &mut |order| {
        // Streams at once, soon, never.
        for stream_after in [0, 1, 100] {
            let mut tree = Played::new(stream_after);
            setup.iter().chain(order).for_each(|act| tree.act(*act));
            let mut left = tree.left;
            assert_eq!(left.remove(&id_of(SEGMENT)), Some((0, 1)), "{order:?}");
            assert_eq!(left, expected, "{order:?}");
            assert!(tree.done && tree.slots.used() == 0, "{order:?}");
        }
        played += 1;
    });
    played
}

const CHILD: usize = 1;
const GRANDCHILD: usize = 2;
const OTHER: usize = 3;
const LEAF: usize = 4;

#[test]
fn a_child_ends_while_its_segment_does() {
    let played = interleave(
        &[Act::Open(SEGMENT, CHILD)],
        &[&[Act::End(SEGMENT)], &[Act::Open(CHILD, GRANDCHILD), Act::End(GRANDCHILD), Act::End(CHILD)]],
        &[(CHILD, SEGMENT), (GRANDCHILD, CHILD)],
    );
    assert_eq!(played, 4);
}

#[test]
fn a_grandchild_comes_and_goes_while_all_above_it_end() {
    // Somebody else holds the child by a span that is not recorded, and may let go before or after its own work ends.
    for third in [
        [Act::Open(CHILD, GRANDCHILD), Act::End(GRANDCHILD), Act::Close(CHILD)],
        [Act::Open(CHILD, GRANDCHILD), Act::Close(CHILD), Act::End(GRANDCHILD)],
    ] {
        let played = interleave(
            &[Act::Open(SEGMENT, CHILD), Act::Alias(CHILD)],
            &[&[Act::End(SEGMENT)], &[Act::End(CHILD)], &third],
            &[(CHILD, SEGMENT), (GRANDCHILD, CHILD)],
        );
        assert_eq!(played, 20);
    }
}

#[test]
fn branches_that_grow_while_they_are_cut() {
    let played = interleave(
        &[Act::Open(SEGMENT, CHILD), Act::Alias(CHILD), Act::Alias(SEGMENT)],
        &[
            &[Act::End(SEGMENT)],
            &[Act::End(CHILD)],
            &[
                Act::Open(CHILD, GRANDCHILD),
                Act::Open(GRANDCHILD, LEAF),
                Act::End(GRANDCHILD),
                Act::Close(CHILD),
                Act::End(LEAF),
            ],
            &[Act::Open(SEGMENT, OTHER), Act::Close(SEGMENT), Act::End(OTHER)],
        ],
        &[(CHILD, SEGMENT), (GRANDCHILD, CHILD), (LEAF, GRANDCHILD), (OTHER, SEGMENT)],
    );
    assert_eq!(played, 5_040);
}

#[test]
fn a_full_tree_keeps_the_value_that_it_cannot_replace() {
    let mut tree = Tree::new(head());
    tree.open_segment(id_of(SEGMENT), 0, None);
    let append = |tree: &mut Tree, class, text: &str| {
        let mut draft = Draft::new();
        draft.push(class, text.as_bytes());
        tree.append(0, &mut draft, true);
        !draft.losses.refused
    };
    assert!(append(&mut tree, Class::HttpResponse, r#""status":200"#));
    for length in (0..=20).rev().map(|power| 1 << power) {
        while append(&mut tree, Class::Precursor, &"0".repeat(length)) {}
    }
    assert!(!append(&mut tree, Class::HttpResponse, r#""status":500"#));
    let kept: Vec<&[u8]> = tree.items_of(tree.node(0).unwrap(), Class::HttpResponse).collect();
    assert_eq!(kept, [br#""status":200"#]);
}

#[test]
#[cfg(target_pointer_width = "64")]
fn an_open_request_holds_no_more_than_it_did() {
    // Every open request has one tree, and a node for each of its subsegments: what is rarely needed stands in a box.
    assert_eq!((size_of::<Tree>(), size_of::<NodeData>()), (240, 64));
}
