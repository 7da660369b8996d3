//! Writes a tree's documents: JSON straight from the nodes' items, never through a value tree.
//!
//! The order of members is fixed, and what is absent is not written. Depth costs no stack: the walk follows
//! the nodes' links.
//!
//! Source of the fields: X-Ray Developer Guide, "Segment documents".

use super::escape::{self, three_digits, two_digits};
use super::piece::write_first;
use crate::id::hex;
use crate::node::{Class, EVERY_KIND, ItemsOf, NO_NODE, NodeData, Tree, flag};

/// What every segment of a program says about the program. Ready JSON members.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stamp {
    /// Members of `aws.xray`, at least the SDK's name and version.
    pub(crate) sdk: Vec<u8>,
    /// Members of the segment itself: `"origin":…`, `"service":{…}`.
    pub(crate) members: Vec<u8>,
    /// Members of its `aws` beside `xray`, each behind a comma: `,"ec2":{…}`.
    pub(crate) aws: Vec<u8>,
    /// What the program runs on: what rules call its service type.
    pub(crate) origin: Option<Box<str>>,
}

impl Stamp {
    pub(crate) fn new(service_version: Option<&str>, origin: Option<&str>) -> Stamp {
        let mut stamp = Stamp {
            sdk: concat!(r#""sdk":"X-Ray for Rust","sdk_version":""#, env!("CARGO_PKG_VERSION"), "\"").into(),
            members: Vec::new(),
            aws: Vec::new(),
            origin: origin.map(Into::into),
        };
        if let Some(version) = service_version {
            stamp.members.extend_from_slice(br#","service":{"version":"#);
            escape::string(&mut stamp.members, version);
            stamp.members.push(b'}');
        }
        if let Some(origin) = origin {
            stamp.members.extend_from_slice(br#","origin":"#);
            escape::string(&mut stamp.members, origin);
        }
        stamp
    }

    /// With these members in `aws`.
    #[cfg(feature = "origins")]
    pub(crate) fn with_aws(mut self, members: &serde_json::Map<String, serde_json::Value>) -> Stamp {
        for (name, value) in members {
            self.aws.push(b',');
            escape::string(&mut self.aws, name);
            self.aws.push(b':');
            self.aws.extend_from_slice(value.to_string().as_bytes());
        }
        self
    }
}

/// Writes the document of the node `top` with all below it, and says how many subsegments deep it is.
pub(crate) fn write(out: &mut Vec<u8>, tree: &Tree, top: u32, stamp: &Stamp) -> usize {
    let mut times = Times::default();
    let (mut depth, mut deepest) = (0, 0);
    let mut current = top;
    while let Some(node) = tree.node(current) {
        members(out, tree, node, current == top, stamp, &Trim::default(), &mut times);
        if node.first_child != NO_NODE {
            out.extend_from_slice(br#","subsegments":["#);
            current = node.first_child;
            depth += 1;
            deepest = deepest.max(depth);
            continue;
        }
        out.push(b'}');
        // Up and on: close every parent whose last child this was.
        while current != top {
            let Some(done) = tree.node(current) else { return deepest };
            if done.next != NO_NODE {
                out.push(b',');
                break;
            }
            out.extend_from_slice(b"]}");
            current = done.parent;
            depth -= 1;
        }
        if current == top {
            break;
        }
        current = tree.node(current).map_or(NO_NODE, |done| done.next);
    }
    deepest
}

/// Writes the document of a node without what is below it.
#[inline(never)]
pub(crate) fn write_alone(out: &mut Vec<u8>, tree: &Tree, top: u32, stamp: &Stamp, trim: &Trim) {
    let Some(node) = tree.node(top) else { return };
    members(out, tree, node, true, stamp, trim, &mut Times::default());
    out.push(b'}');
}

/// What has to be left out of nodes that would not fit otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trim {
    /// Metadata values and events of at least this many bytes go, values leaving a mark. 0: none.
    pub(crate) from: usize,
    /// All metadata goes, leaving one mark.
    pub(crate) all: bool,
    /// So does all else but the name, the ids, the times and the flags.
    pub(crate) bare: bool,
}

impl Trim {
    /// Longest item that stays whole.
    fn keeps(&self, item: &[u8]) -> bool {
        self.from == 0 || item.len() < self.from
    }
}

/// Everything of a node but its subsegments and its closing brace.
#[inline(always)] // into the loop over a document's nodes, and the rare other way
fn members(out: &mut Vec<u8>, tree: &Tree, node: &NodeData, top: bool, stamp: &Stamp, trim: &Trim, times: &mut Times) {
    let has = |class: Class| node.classes & class.bit() != 0;
    let renamed = if has(Class::Name) { tree.items_of(node, Class::Name).last() } else { None };
    match (renamed, node.label) {
        (None, Some(label)) => label.opening.write(out),
        (renamed, _) => {
            out.extend_from_slice(br#"{"name":"#);
            out.extend_from_slice(renamed.unwrap_or(br#""unknown""#));
        }
    }
    let (start, end) = (tree.head.origin.wrapping_add(node.start), tree.head.origin.wrapping_add(node.end));
    let frame = if top || !node.is(flag::ENDED) { None } else { times.frame(node.id, start, end) };
    match frame {
        Some(frame) => out.extend_from_slice(frame),
        None => id_and_times(out, tree, node, top, times),
    }
    if trim.bare {
        marks(out, node);
        return removed(out, tree, node, !(Class::Name.bit() | Class::ParentId.bit()));
    }
    // Most nodes have nothing but annotations, metadata and events.
    if node.is(flag::SEGMENT | MARKS) || node.classes & !COMMON != 0 {
        uncommon_members(out, tree, node, stamp);
    }
    if has(Class::Annotation) {
        object(out, br#","annotations":{"#, tree.items_of(node, Class::Annotation));
    }
    if node.classes & METADATA != 0 {
        metadata(out, tree, node, trim, times);
    }
}

/// The same as [`Times::frame`], of the first node of a document, one in progress, or one of several seconds.
#[inline(never)]
fn id_and_times(out: &mut Vec<u8>, tree: &Tree, node: &NodeData, top: bool, times: &mut Times) {
    out.extend_from_slice(br#","id":""#);
    out.extend_from_slice(&hex(node.id));
    out.push(b'"');
    if top {
        head_members(out, tree, node);
    }
    out.extend_from_slice(br#","start_time":"#);
    times.write(out, tree.head.origin.wrapping_add(node.start));
    if node.is(flag::ENDED) {
        out.extend_from_slice(br#","end_time":"#);
        times.write(out, tree.head.origin.wrapping_add(node.end));
    } else {
        out.extend_from_slice(br#","in_progress":true"#);
    }
}

fn marks(out: &mut Vec<u8>, node: &NodeData) {
    if node.is(flag::AWS | flag::REMOTE) {
        out.extend_from_slice(if node.is(flag::AWS) { br#","namespace":"aws""# } else { br#","namespace":"remote""# });
    }
    for (bit, text) in FLAGS {
        if node.is(bit) {
            out.extend_from_slice(text);
        }
    }
}

/// Members between the times and the annotations.
#[inline(never)]
fn uncommon_members(out: &mut Vec<u8>, tree: &Tree, node: &NodeData, stamp: &Stamp) {
    let has = |class: Class| node.classes & class.bit() != 0;
    let of = |class: Class| tree.items_of(node, class);
    marks(out, node);
    if has(Class::HttpRequest) || has(Class::HttpResponse) {
        out.extend_from_slice(br#","http":{"#);
        let request = object(out, br#""request":{"#, of(Class::HttpRequest));
        if request && has(Class::HttpResponse) {
            out.push(b',');
        }
        object(out, br#""response":{"#, of(Class::HttpResponse));
        out.push(b'}');
    }
    if node.is(flag::SEGMENT) {
        out.extend_from_slice(&stamp.members);
        out.extend_from_slice(br#","aws":{"xray":{"#);
        out.extend_from_slice(&stamp.sdk);
        if let Some(rule) = tree.head.decision.rule() {
            out.extend_from_slice(br#","sampling_rule_name":"#);
            escape::string(out, rule);
        }
        out.push(b'}');
        out.extend_from_slice(&stamp.aws);
        for item in of(Class::Aws) {
            out.push(b',');
            out.extend_from_slice(item);
        }
        out.push(b'}');
    } else if has(Class::Aws) {
        object(out, br#","aws":{"#, of(Class::Aws));
    }
    if has(Class::Sql) {
        object(out, br#","sql":{"#, of(Class::Sql));
    }
    for item in of(Class::Member) {
        out.push(b',');
        out.extend_from_slice(item);
    }
    if has(Class::Exception) {
        out.extend_from_slice(br#","cause":{"exceptions":["#);
        list(out, of(Class::Exception));
        out.extend_from_slice(b"]}");
    }
    if has(Class::Link) {
        out.extend_from_slice(br#","links":["#);
        list(out, of(Class::Link));
        out.push(b']');
    }
    if has(Class::Precursor) {
        out.extend_from_slice(br#","precursor_ids":["#);
        list(out, of(Class::Precursor));
        out.push(b']');
    }
}

/// What only the first node of a document says: which trace, and what it hangs on.
fn head_members(out: &mut Vec<u8>, tree: &Tree, node: &NodeData) {
    out.extend_from_slice(br#","trace_id":""#);
    out.extend_from_slice(tree.head.trace_id.as_bytes());
    out.push(b'"');
    let segment = node.is(flag::SEGMENT);
    if !segment {
        out.extend_from_slice(br#","type":"subsegment""#);
    }
    let remote = tree.head.parent.as_ref().map(|parent| &parent.as_bytes()[..]);
    let parent = if segment { remote } else { tree.items_of(node, Class::ParentId).last() };
    if let Some(parent) = parent {
        out.extend_from_slice(br#","parent_id":""#);
        out.extend_from_slice(parent);
        out.push(b'"');
    }
}

fn metadata(out: &mut Vec<u8>, tree: &Tree, node: &NodeData, trim: &Trim, times: &mut Times) {
    // Almost always there is one namespace, nothing to leave out, and no value that came after an event.
    let start = out.len();
    if node.classes & Class::MetadataIn.bit() != 0
        || trim.from > 0
        || trim.all
        || !plain_metadata(out, tree, node, times)
    {
        out.truncate(start);
        any_metadata(out, tree, node, trim, times);
    }
}

/// Values and then events, in one walk over the items: with one for each it was a sixth of the document. False where a
/// value comes after an event.
#[inline(always)] // once a node
fn plain_metadata(out: &mut Vec<u8>, tree: &Tree, node: &NodeData, times: &mut Times) -> bool {
    const VALUE: u8 = Class::Metadata as u8;
    const EVENT: u8 = Class::Event as u8;
    let origin = tree.head.origin;
    let mut items = tree.all_items(node);
    let mut last = 0;
    while let Some((class, item, length)) = items.next_wide(EVERY_KIND) {
        match (class, last) {
            (VALUE, EVENT) => return false,
            (VALUE, _) => {
                if last == VALUE {
                    out.push(b',');
                } else {
                    out.extend_from_slice(br#","metadata":{"default":{"#);
                }
                write_first(out, item, length);
            }
            (EVENT, _) => {
                let Some((time, rest)) = item.split_first_chunk::<8>() else { return false };
                match last {
                    EVENT => {}
                    VALUE => out.extend_from_slice(br#"},"tracing":{"events":["#),
                    _ => out.extend_from_slice(br#","metadata":{"tracing":{"events":["#),
                }
                times.open_event(out, origin.wrapping_add(u64::from_le_bytes(*time)), last != EVENT);
                write_first(out, rest, length.saturating_sub(time.len()));
            }
            _ => continue,
        }
        last = class;
    }
    match last {
        VALUE => out.extend_from_slice(b"}}"),
        EVENT => out.extend_from_slice(b"]}}"),
        _ => {}
    }
    true
}

/// Several namespaces, or values that are left out.
#[inline(never)]
fn any_metadata(out: &mut Vec<u8>, tree: &Tree, node: &NodeData, trim: &Trim, times: &mut Times) {
    let has = |class: Class| node.classes & class.bit() != 0;
    let of = |class: Class| tree.items_of(node, class);
    if trim.all {
        return removed(out, tree, node, METADATA);
    }
    out.extend_from_slice(br#","metadata":{"#);
    let mut first = true;
    let mut separate = |out: &mut Vec<u8>| {
        if !std::mem::replace(&mut first, false) {
            out.push(b',');
        }
    };
    if has(Class::Metadata) {
        separate(out);
        out.extend_from_slice(br#""default":{"#);
        let each = tree.items(node).filter(|(class, _)| *class == Class::Metadata);
        trimmed(out, each.map(|(_, member)| member), trim);
        out.push(b'}');
    }
    // Few nodes have other namespaces and few have many: going over them once per namespace is enough.
    let mut written: Vec<&[u8]> = Vec::new();
    while has(Class::MetadataIn) {
        let pending = of(Class::MetadataIn)
            .map(split_namespace)
            .find(|(namespace, _)| !(written.contains(namespace) || (has(Class::Event) && *namespace == EVENTS)));
        let Some((namespace, _)) = pending else { break };
        separate(out);
        out.extend_from_slice(namespace);
        out.push(b'{');
        let same = of(Class::MetadataIn).map(split_namespace).filter(|(found, _)| *found == namespace);
        trimmed(out, same.map(|(_, member)| member), trim);
        out.push(b'}');
        written.push(namespace);
    }
    if has(Class::Event) {
        separate(out);
        out.extend_from_slice(EVENTS);
        out.push(b'{');
        let beside = of(Class::MetadataIn).map(split_namespace).filter(|(namespace, _)| *namespace == EVENTS);
        let mut beside =
            beside.map(|(_, member)| member).filter(|member| !member.starts_with(br#""events":"#)).peekable();
        if beside.peek().is_some() {
            trimmed(out, beside, trim);
            out.push(b',');
        }
        out.extend_from_slice(br#""events":["#);
        events(out, tree, of(Class::Event).filter(|event| trim.keeps(event)), times);
        out.extend_from_slice(b"]}");
    }
    out.push(b'}');
}

fn events<'a>(out: &mut Vec<u8>, tree: &Tree, events: impl Iterator<Item = &'a [u8]>, times: &mut Times) {
    let mut first = true;
    for event in events {
        let Some((time, rest)) = event.split_first_chunk::<8>() else { continue };
        times.open_event(out, tree.head.origin.wrapping_add(u64::from_le_bytes(*time)), first);
        first = false;
        out.extend_from_slice(rest);
    }
}

/// The mark of items of these classes that were left out.
fn removed(out: &mut Vec<u8>, tree: &Tree, node: &NodeData, classes: u16) {
    let gone: usize =
        tree.items(node).filter(|(class, _)| classes & class.bit() != 0).map(|(_, item)| item.len()).sum();
    out.extend_from_slice(br#","metadata":{"default":{"removed":""#);
    escape::unsigned(out, gone as u64);
    out.extend_from_slice(br#" bytes"}}"#);
}

/// Members of a metadata namespace; those too long are replaced by a mark that says how long they were.
fn trimmed<'a>(out: &mut Vec<u8>, members: impl Iterator<Item = &'a [u8]>, trim: &Trim) {
    for (index, member) in members.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        if trim.keeps(member) {
            out.extend_from_slice(member);
            continue;
        }
        let key = member.get(..crate::node::end_of_key(member, 0)).unwrap_or_default();
        out.extend_from_slice(key);
        out.extend_from_slice(br#""[removed: "#);
        escape::unsigned(out, (member.len() - key.len()) as u64);
        out.extend_from_slice(br#" bytes]""#);
    }
}

/// `"namespace":` and the member behind it.
fn split_namespace(item: &[u8]) -> (&[u8], &[u8]) {
    item.split_at_checked(crate::node::end_of_key(item, 0)).unwrap_or((item, b""))
}

/// `opening`, the items, and a closing brace; nothing at all without items.
fn object(out: &mut Vec<u8>, opening: &[u8], mut items: ItemsOf<'_>) -> bool {
    let Some(first) = items.next_wide() else { return false };
    out.extend_from_slice(opening);
    list_from(out, first, items);
    out.push(b'}');
    true
}

#[inline(always)] // called several times a node, most often for one to three items
fn list<'a>(out: &mut Vec<u8>, items: impl Iterator<Item = &'a [u8]>) {
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(item);
    }
}

/// The same, several instructions an item cheaper; from the first item on.
#[inline(always)]
fn list_from(out: &mut Vec<u8>, (item, length): (&[u8], usize), mut items: ItemsOf<'_>) {
    write_first(out, item, length);
    while let Some((item, length)) = items.next_wide() {
        out.push(b',');
        write_first(out, item, length);
    }
}

/// Writes times as seconds with six decimals.
///
/// Texts of known length are copied several times as fast, and the second rarely changes within a document: all
/// texts keep it, and only the other digits are set.
#[derive(Debug)]
struct Times {
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
    fn write(&mut self, out: &mut Vec<u8>, nanoseconds: u64) {
        self.set_event(nanoseconds);
        if self.usual {
            out.extend_from_slice(&self.event[9..]);
        } else {
            unusual(out, nanoseconds);
        }
    }

    /// `{"time":…`, behind a comma where it is not the first.
    #[inline(always)] // once an event
    fn open_event(&mut self, out: &mut Vec<u8>, nanoseconds: u64, first: bool) {
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
    fn frame(&mut self, id: u64, start: u64, end: u64) -> Option<&[u8; 84]> {
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

/// The namespace of events, as it stands before its members.
const EVENTS: &[u8] = br#""tracing":"#;

/// What a node usually has.
const COMMON: u16 = METADATA | 1 << Class::Annotation as u16 | 1 << Class::Name as u16;
const METADATA: u16 = 1 << Class::Metadata as u16 | 1 << Class::MetadataIn as u16 | 1 << Class::Event as u16;
const MARKS: u16 = flag::AWS | flag::REMOTE | flag::ERROR | flag::THROTTLE | flag::FAULT;

const FLAGS: [(u16, &[u8]); 3] =
    [(flag::ERROR, br#","error":true"#), (flag::THROTTLE, br#","throttle":true"#), (flag::FAULT, br#","fault":true"#)];
