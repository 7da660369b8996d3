//! Open segments and subsegments: what a header and a decision become, and what documents are written from.
//!
//! [`Node`] is the public hand on one. Behind it, a [`Tree`] holds a segment with all below it in an arena
//! ([`tree`], [`items`]); [`slots`] finds a tree by [`Handle`]; [`current`] knows which node a thread is inside;
//! [`recorder`] opens and closes, and [`delivery`] is the sender's side.

mod aws;
mod current;
mod delivery;
mod guard;
mod handle;
mod head;
mod instrumented;
mod invocation;
mod items;
mod late;
mod parts;
mod record;
mod recorder;
mod reload;
mod segment;
mod setters;
mod slots;
mod subsegment;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tree;

pub use aws::AwsBlock;
pub use guard::{Entered, Node};
pub use instrumented::Instrumented;
pub use invocation::invocation;
pub use parts::{AnnotationValue, ExceptionParts, Flags, HttpRequestParts, Namespace, Trust, UrlParts};
pub(crate) use segment::account;
pub use segment::{Opening, SegmentBuilder, segment, service_segment};
#[cfg(feature = "fmt")]
pub(crate) use subsegment::current_of;
pub use subsegment::{SubsegmentBuilder, current, subsegment};

#[cfg(feature = "fmt")]
pub(crate) use current::innermost_tag;
pub(crate) use current::{
    Below, Frame, NO_SPAN, below, is_entered_again, mark_full, near_top, pop_near, pop_span, push, top,
};
pub(crate) use delivery::Delivery;
pub(crate) use handle::Handle;
pub(crate) use head::Kind;
pub(crate) use items::{Class, Draft, EVERY_KIND, EventOpening, ItemsOf, KeyOpening, end_of_key};
pub(crate) use record::{
    ANNOTATION_BYTES, HTTP_BYTES, MESSAGE_BYTES, METADATA_BYTES, Place, bounded_text, chain_length, error_chain,
    exception, formatted, give_back, member, take_draft, text_value, with_draft,
};
pub(crate) use recorder::{Behaviour, Recorder};
pub(crate) use reload::Reload;
pub(crate) use tree::{Label, NO_NODE, NodeData, Tree, flag};
