//! The `aws` block, member by member.

use serde::Serialize;

use super::guard::Node;
use super::items::{Class, Draft};
use super::record;
use crate::document::escape;

/// Members of an `aws` block: see [`Node::describe_aws`].
#[derive(Debug)]
pub struct AwsBlock<'a> {
    draft: &'a mut Draft,
    /// A key may have come twice.
    doubled: bool,
}

impl AwsBlock<'_> {
    /// A text: what [`value`](AwsBlock::value) writes of one, at half the cost.
    pub fn text(&mut self, key: &str, value: &str) -> &mut Self {
        if value.len() > PLAIN_BYTES {
            return self.value(key, value);
        }
        escape::string(self.start(key), value);
        self.draft.finish(Class::Aws);
        self
    }

    /// Any JSON up to 16 KiB; what is longer, or does not serialise, is left out, counted (`values_truncated`).
    pub fn value(&mut self, key: &str, value: impl Serialize) -> &mut Self {
        let written = record::serialized(self.start(key), &value);
        if written {
            self.draft.finish(Class::Aws);
        } else {
            self.draft.discard();
            self.draft.losses.values_cut += 1;
        }
        self
    }

    fn start(&mut self, key: &str) -> &mut Vec<u8> {
        let plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        self.doubled |= !plain || self.draft.items().any(|(_, item)| is_under(item, key.as_bytes()));
        let out = self.draft.start();
        escape::string(out, key);
        out.push(b':');
        out
    }
}

/// A text of so many bytes fits, be all of it written as `\\u0000`.
const PLAIN_BYTES: usize = record::METADATA_BYTES / 8;

/// The item's key is this one.
fn is_under(item: &[u8], key: &[u8]) -> bool {
    let behind = item.strip_prefix(b"\"").and_then(|item| item.strip_prefix(key));
    behind.is_some_and(|behind| behind.starts_with(b"\":"))
}

/// Fills a draft; of a key that comes twice, the later value stays.
pub(super) fn fill(draft: &mut Draft, describe: impl FnOnce(&mut AwsBlock<'_>)) {
    let mut block = AwsBlock { draft, doubled: false };
    describe(&mut block);
    if block.doubled {
        block.draft.drop_doubles();
    }
}

impl Node {
    /// Sets members of the `aws` block together: `operation`, `region`, `request_id`, `table_name`, …
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_core::{Namespace, subsegment};
    ///
    /// let call = subsegment("DynamoDB").namespace(Namespace::Aws).open();
    /// call.describe_aws(|aws| {
    ///     aws.text("operation", "GetItem").value("resource_names", ["orders"]);
    /// });
    /// ```
    pub fn describe_aws(&self, describe: impl FnOnce(&mut AwsBlock<'_>)) -> &Self {
        if self.is_recording() {
            self.fill(|draft| fill(draft, describe));
        }
        self
    }

    /// Sets one member of the `aws` block. Any JSON up to 16 KiB. A segment's member `xray` is the layer's own, and stays.
    pub fn set_aws(&self, key: &str, value: impl Serialize) -> &Self {
        self.describe_aws(|aws| {
            aws.value(key, value);
        })
    }
}
