//! Where a new node belongs: what this thread is in, and what a frame or a span stands for.

use super::Recorder;
use crate::node::current;
use crate::node::handle::Handle;
use crate::node::head::Kind;
use crate::stats::Counter;

/// What a new node would hang on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Above {
    Node(Handle),
    Unsampled(Handle),
    /// Something that is not recorded and whose trace is not known.
    Silent,
    Nothing,
}

impl Recorder {
    /// Where a node without an explicit parent belongs on this thread.
    pub(crate) fn above(&self) -> Above {
        match current::top(self.tag) {
            None => Above::Nothing,
            Some(frame) => self.resolve(frame.handle, frame.span),
        }
    }

    /// What a frame or a span stands for.
    pub(crate) fn resolve(&self, handle: Handle, span: u64) -> Above {
        let handle = if handle == Handle::QUIET {
            match crate::layer::climb(self, span) {
                Some(found) => found,
                // It was made in a span that a filter hides from this layer, and that one elsewhere: an unsampled request
                // that it runs in still passes on that it is unsampled. A recorded one is not to have it for a child.
                None => match current::nearest(self.tag).filter(|handle| handle.is_unsampled()) {
                    Some(found) => found,
                    None => return Above::Silent,
                },
            }
        } else {
            handle
        };
        if handle.is_recorded() {
            match self.delivery.slots.with(handle, |tree| (tree.is_abandoned(), tree.is_dropped())) {
                Some((false, _)) => Above::Node(handle.as_own()),
                Some((true, true)) => Above::Unsampled(handle.as_own()),
                Some((true, false)) => Above::Nothing,
                None => Above::Silent,
            }
        } else if handle.is_unsampled() {
            Above::Unsampled(handle)
        } else {
            Above::Nothing
        }
    }

    /// An explicit segment opens beneath a span's implicit one: that one was not meant, and goes unsent.
    pub(crate) fn abandon_implicit(&self) {
        let Some(frame) = current::top(self.tag) else { return };
        if frame.handle.is_recorded() {
            let abandoned = self.delivery.slots.with(frame.handle, |tree| {
                let implicit = tree.head.kind == Kind::Implicit && !tree.is_abandoned();
                if implicit {
                    self.give_late_room_back(tree);
                    tree.abandon();
                }
                implicit
            });
            if abandoned == Some(true) {
                self.stats().add(Counter::AbandonedRoots, 1);
            }
        }
    }
}
