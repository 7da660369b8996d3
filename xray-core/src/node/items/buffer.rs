//! The items of all nodes of a tree: runs of them, in the order in which they came.

use super::{
    Class, Draft, ITEM_HEADER, Items, JOINED, MAX_BYTES, MAX_ITEM, MAX_KEYED, MAX_RUN, NO_RUN, RUN_HEADER,
    end_of_member, item_header, key_of, kinds, read_u32, run_header, split_item_header,
};

/// First and last run of one node; [`NO_RUN`] in both when it has none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Runs {
    first: u32,
    last: u32,
}

impl Runs {
    pub(crate) const EMPTY: Runs = Runs { first: NO_RUN, last: NO_RUN };
}

/// What the values in a draft take the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Superseded {
    /// Annotations that died.
    pub(crate) annotations: u16,
    /// Of none, and the node has all the values of their kind that it may have.
    pub(crate) full: bool,
}

/// The items of all nodes of a tree.
#[derive(Clone, Debug, Default)]
pub(crate) struct ItemBuffer {
    bytes: Vec<u8>,
    /// Bytes of items that were overwritten.
    dead: u32,
    /// Bytes of runs that belong to no node any more. Both fit: [`MAX_BYTES`] is a thousandth of what they hold.
    forgotten: u32,
}

impl ItemBuffer {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        (self.dead, self.forgotten) = (0, 0);
    }

    /// Bytes that a copy would leave behind.
    pub(crate) fn garbage(&self) -> usize {
        (self.dead + self.forgotten) as usize
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Appends a draft of these kinds to a node's runs; false when the tree is full.
    #[inline(always)] // under the lock, twice a span
    pub(crate) fn append(&mut self, runs: &mut Runs, draft: &mut Draft, kinds: u32) -> bool {
        self.append_within(MAX_BYTES, runs, draft, kinds)
    }

    /// The same, however full the tree is: for what is small, comes once a node, and no document can be without.
    #[cold]
    pub(crate) fn append_anyway(&mut self, runs: &mut Runs, draft: &mut Draft, kinds: u32) {
        self.append_within(usize::MAX, runs, draft, kinds);
    }

    /// Whether a draft would be appended.
    pub(crate) fn has_room(&self, draft: &Draft) -> bool {
        self.bytes.len() + draft.bytes.len() <= MAX_BYTES
    }

    #[inline(always)]
    fn append_within(&mut self, most: usize, runs: &mut Runs, draft: &mut Draft, kinds: u32) -> bool {
        let length = draft.bytes.len().saturating_sub(RUN_HEADER);
        if let Some(header) = draft.bytes.first_chunk_mut() {
            *header = run_header(kinds, length);
        }
        let start = self.bytes.len();
        let fits = start + draft.bytes.len() <= most;
        if fits {
            if self.bytes.capacity() - start < draft.bytes.len() {
                self.grow(draft.bytes.len());
            }
            self.bytes.extend_from_slice(&draft.bytes);
            self.link(runs, start);
        }
        fits
    }

    /// Makes room for so many bytes more. By a quarter, where a vector of its own accord doubles: of what an open request
    /// holds, a sixth was empty.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, more: usize) {
        self.bytes.reserve_exact(more.max(self.bytes.len() / 4));
    }

    /// Hangs the run that starts there on the node's last one.
    #[inline(always)]
    fn link(&mut self, runs: &mut Runs, start: usize) {
        let last = std::mem::replace(&mut runs.last, start as u32);
        if last == NO_RUN {
            runs.first = start as u32;
        } else if let Some(next) = self.bytes.get_mut(last as usize..).and_then(|run| run.first_chunk_mut::<4>()) {
            *next = (start as u32).to_le_bytes();
        }
    }

    /// The items of a node, in the order they were recorded.
    pub(crate) fn items(&self, runs: Runs) -> impl Iterator<Item = (Class, &[u8])> {
        self.runs(runs).flat_map(|(_, run)| Items::new(run)).filter(|(class, _)| *class != Class::Dead)
    }

    /// The same, of one class.
    pub(crate) fn items_of(&self, runs: Runs, class: Class) -> ItemsOf<'_> {
        ItemsOf { all: self.all(runs), class: class as u8, kind: kinds(class.bit()) }
    }

    /// All items of a node, dead ones too, for the writer.
    pub(crate) fn all(&self, runs: Runs) -> AllItems<'_> {
        AllItems { bytes: &self.bytes, next_run: runs.first, rest: &[], left: 0 }
    }

    /// A node's items are of no use any more; its runs are not asked for again.
    pub(crate) fn forget(&mut self, runs: Runs) {
        let bytes: usize = self.runs(runs).map(|(_, run)| run.len() + RUN_HEADER).sum();
        self.forgotten += bytes as u32;
    }

    /// Copies a node's items into another buffer, but for those that were overwritten: as one run.
    pub(crate) fn copy(&self, runs: Runs, into: &mut ItemBuffer) -> Runs {
        let mut copied = Runs::EMPTY;
        let mut copy = |kinds: u32, items: &[u8]| {
            let start = into.bytes.len();
            into.bytes.extend_from_slice(&run_header(kinds, items.len()));
            into.bytes.extend_from_slice(items);
            into.link(&mut copied, start);
        };
        if self.dead == 0 {
            self.runs(runs).for_each(|(kinds, run)| copy(kinds, run));
            return copied;
        }
        let (mut live, mut classes) = (Vec::new(), 0);
        for (class, item) in self.items(runs) {
            live.extend_from_slice(&item_header(class, item.len()).to_le_bytes());
            live.extend_from_slice(item);
            classes |= class.bit();
        }
        if !live.is_empty() {
            copy(kinds(classes), &live);
        }
        copied
    }

    /// Marks as dead every item of `runs` that has the class and key of one in `draft`: the later value wins.
    pub(crate) fn supersede(&mut self, runs: Runs, draft: &Draft) -> Superseded {
        let (mut annotations, mut all, mut most) = (0, 0, 0);
        for (class, item) in draft.items() {
            let key = if class.is_keyed() { key_of(class, item) } else { b"" };
            if class.is_keyed() || class == Class::Name {
                let (killed, seen) = self.kill(runs, class, key);
                annotations += if class == Class::Annotation { killed } else { 0 };
                all += killed;
                most = most.max(seen);
            }
        }
        Superseded { annotations, full: all == 0 && most >= MAX_KEYED }
    }

    /// How many died, of how many of the class that were looked at.
    fn kill(&mut self, runs: Runs, class: Class, key: &[u8]) -> (u16, u32) {
        let (mut killed, mut seen) = (0, 0);
        let mut run = runs.first;
        while let Some((next, _, length)) = self.run_header(run) {
            let mut at = run as usize + RUN_HEADER;
            let end = at + length;
            while at < end {
                let Some(header) = read_u32(&self.bytes, at) else { return (killed, seen) };
                let (found, length) = split_item_header(header);
                seen += u32::from(found == class);
                let body = at + ITEM_HEADER;
                if found == class && header & JOINED != 0 {
                    while self.cut_out(at, key) {
                        killed += 1;
                    }
                } else if found == class
                    && self.bytes.get(body..body + length).is_some_and(|item| item.starts_with(key))
                {
                    if let Some(header) = self.bytes.get_mut(at..body) {
                        header.copy_from_slice(&item_header(Class::Dead, length).to_le_bytes());
                        self.dead += (ITEM_HEADER + length) as u32;
                        killed += 1;
                    }
                }
                at = body + length;
            }
            run = next;
        }
        (killed, seen)
    }

    /// Takes the first member with this key out of the joined item that starts there; false when it has none. What is behind
    /// the member moves down, and a dead item fills the rest.
    fn cut_out(&mut self, at: usize, key: &[u8]) -> bool {
        let Some(header) = read_u32(&self.bytes, at).filter(|header| header & JOINED != 0) else { return false };
        let (body, length) = (at + ITEM_HEADER, split_item_header(header).1);
        let Some(item) = self.bytes.get_mut(body..body + length) else { return false };
        let mut start = 0;
        let end = loop {
            let Some(rest) = item.get(start..).filter(|rest| !rest.is_empty()) else { return false };
            let end = start + end_of_member(rest);
            if rest.starts_with(key) {
                break end;
            }
            start = end + 1;
        };
        if start == 0 && end == length {
            self.dead += (ITEM_HEADER + length) as u32;
            self.write_header(at, item_header(Class::Dead, length));
            return true;
        }
        // With the comma behind it; of the last member, with the one before it.
        let gone = end + 1 - start;
        if end < length {
            item.copy_within(end + 1.., start);
        }
        let kept = length - gone;
        self.dead += gone as u32;
        self.write_header(at, item_header(Class::Metadata, kept) | JOINED);
        // There is room for a header: the shortest member and its comma are `"":0,`.
        self.write_header(body + kept, item_header(Class::Dead, gone.saturating_sub(ITEM_HEADER)));
        true
    }

    fn write_header(&mut self, at: usize, header: u32) {
        if let Some(place) = self.bytes.get_mut(at..).and_then(|item| item.first_chunk_mut()) {
            *place = header.to_le_bytes();
        }
    }

    /// Next run, kinds, length.
    fn run_header(&self, run: u32) -> Option<(u32, u32, usize)> {
        if run == NO_RUN {
            return None;
        }
        let length = read_u32(&self.bytes, run as usize + 4)?;
        Some((read_u32(&self.bytes, run as usize)?, length & !MAX_RUN, (length & MAX_RUN) as usize))
    }

    /// Kinds and items of each run.
    fn runs(&self, runs: Runs) -> impl Iterator<Item = (u32, &[u8])> {
        let mut run = runs.first;
        std::iter::from_fn(move || {
            let (next, kinds, length) = self.run_header(run)?;
            let start = run as usize + RUN_HEADER;
            run = next;
            Some((kinds, self.bytes.get(start..start + length)?))
        })
    }
}

/// All items of a node, joined ones whole. The writer's inner loop.
pub(crate) struct AllItems<'a> {
    bytes: &'a [u8],
    next_run: u32,
    /// What is left of the present run, and of the buffer behind it.
    rest: &'a [u8],
    /// Bytes of `rest` that are the run's.
    left: usize,
}

impl<'a> AllItems<'a> {
    /// The next item of the runs of these kinds: its class, it and what happens to lie behind it in the buffer, and how
    /// many bytes of that are the item's.
    #[inline(always)]
    pub(crate) fn next_wide(&mut self, kinds: u32) -> Option<(u8, &'a [u8], usize)> {
        while self.left < ITEM_HEADER {
            let (header, run) = self.bytes.get(self.next_run as usize..)?.split_first_chunk::<RUN_HEADER>()?;
            let header = u64::from_le_bytes(*header);
            self.next_run = header as u32;
            let length = (header >> 32) as u32;
            if length & kinds != 0 {
                self.rest = run;
                self.left = (length & MAX_RUN) as usize;
            }
        }
        let (header, item) = self.rest.split_first_chunk::<ITEM_HEADER>()?;
        let header = u32::from_le_bytes(*header);
        let length = (header & MAX_ITEM as u32) as usize;
        self.rest = item.get(length..)?;
        self.left = self.left.checked_sub(ITEM_HEADER + length)?;
        Some(((header >> 24) as u8, item, length))
    }
}

/// Items of one class of one node, joined ones whole.
pub(crate) struct ItemsOf<'a> {
    all: AllItems<'a>,
    class: u8,
    /// Runs without this kind are passed over.
    kind: u32,
}

impl<'a> ItemsOf<'a> {
    /// The next item, and what happens to lie behind it in the buffer: its first `.1` bytes are the item's.
    #[inline(always)]
    pub(crate) fn next_wide(&mut self) -> Option<(&'a [u8], usize)> {
        loop {
            let (class, item, length) = self.all.next_wide(self.kind)?;
            if class == self.class {
                return Some((item, length));
            }
        }
    }
}

impl<'a> Iterator for ItemsOf<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (item, length) = self.next_wide()?;
        item.get(..length)
    }
}
