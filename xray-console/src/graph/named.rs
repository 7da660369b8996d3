//! Nodes that many traces have in common, kept once.
//!
//! A store holds a hundred thousand traces that pass the same dozen nodes. Each part of the graph holds a pointer to a
//! node, and the graph compares pointers; the texts are compared only where two are not the same.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use crate::trace::Node;

/// How many nodes are kept for sharing; beyond it sharing begins anew.
const SHARED: usize = 4096;

/// Longest name and type that are shared, bytes: names come from the network.
const SHARED_LENGTH: usize = 512;

/// A node with its hash, which is worked out once.
#[derive(Debug)]
pub(super) struct Named {
    hash: u64,
    node: Node,
}

/// A pointer to a node that is probably shared.
#[derive(Clone, Debug)]
pub(super) struct Shared(Arc<Named>);

/// A map by node that does not hash texts again.
pub(super) type ByNode<V> = std::collections::HashMap<Shared, V, BuildHasherDefault<Given>>;

impl Shared {
    /// The one pointer to this node, as far as it is known already.
    pub(super) fn new(node: Node) -> Shared {
        // Seeded by chance, so that nobody can send names that all collide.
        static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        static NODES: Mutex<Option<HashSet<Shared, BuildHasherDefault<Given>>>> = Mutex::new(None);

        let new = Shared(Arc::new(Named { hash: SEED.hash_one(&node), node }));
        if new.length() > SHARED_LENGTH {
            return new;
        }
        let mut nodes = NODES.lock().unwrap_or_else(PoisonError::into_inner);
        let nodes = nodes.get_or_insert_default();
        if let Some(known) = nodes.get(&new) {
            return known.clone();
        }
        if nodes.len() >= SHARED {
            nodes.clear();
        }
        nodes.insert(new.clone());
        new
    }

    pub(super) fn node(&self) -> &Node {
        &self.0.node
    }

    /// Bytes this part holds for it alone: none where it is shared.
    pub(super) fn bytes(&self) -> usize {
        if self.length() > SHARED_LENGTH { self.length() + size_of::<Named>() } else { 0 }
    }

    fn length(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        self.0.node.name.len() + text(&self.0.node.kind) + text(&self.0.node.account)
    }
}

impl PartialEq for Shared {
    fn eq(&self, other: &Shared) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.hash == other.0.hash && self.0.node == other.0.node)
    }
}

impl Eq for Shared {}

impl Hash for Shared {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

/// Takes a hash that was worked out before.
#[derive(Default)]
pub(super) struct Given(u64);

impl Hasher for Given {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
