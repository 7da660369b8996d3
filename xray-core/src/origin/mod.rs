//! Where the program runs: the `origin` of its segments, their `aws` blocks and log groups.
//!
//! Asked once, on a thread of its own, while the program goes on: segments that end before the answer is there are sent
//! without it. Files and variables are asked first, then, where those say that there is one, a metadata service with
//! short time-outs. A service that is slow, wrong or absent costs that thread its time-outs and nothing else.
//!
//! Every source that answers adds its block; the origin is that of the most specific: Elastic Beanstalk, then EKS, ECS,
//! EC2. In AWS Lambda nothing is asked, since the platform owns the segment.
//!
//! | source | `origin` | blocks of `aws` |
//! |---|---|---|
//! | the agent's file of Elastic Beanstalk | `AWS::ElasticBeanstalk::Environment` | `elastic_beanstalk` |
//! | the service account's token, `/proc` | `AWS::EKS::Container` | `eks` |
//! | ECS task metadata, version 4 | `AWS::ECS::Container` | `ecs`, `cloudwatch_logs`, `account_id` |
//! | EC2 instance metadata, version 2 | `AWS::EC2::Instance` | `ec2`, `account_id` |
//! | `AWS_LOG_GROUP` | | `cloudwatch_logs` |
//!
//! Source: X-Ray Developer Guide, "Segment documents", "AWS resource data"; the metadata pages of the EC2 and ECS guides.
//! Precedence and blocks are those of the X-Ray SDK for Java.

mod beanstalk;
mod ec2;
mod ecs;
mod eks;
mod metadata;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// What is known of where the program runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Detected {
    /// The `origin` of segments, as `AWS::ECS::Container`.
    pub(crate) name: Option<&'static str>,
    /// Members of the segments' `aws`.
    pub(crate) aws: Map<String, Value>,
}

/// Whom to ask: variables, files below a root, the address of the instance metadata service.
pub(crate) struct Sources<'a> {
    pub(crate) lookup: &'a dyn Fn(&str) -> Option<String>,
    pub(crate) root: PathBuf,
    pub(crate) instance_metadata: String,
}

impl<'a> Sources<'a> {
    /// This machine's.
    pub(crate) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Sources<'a> {
        let instance_metadata = lookup(ec2::ENDPOINT_VARIABLE).unwrap_or_else(|| ec2::ENDPOINT.to_owned());
        Sources { lookup, root: PathBuf::from("/"), instance_metadata }
    }

    fn variable(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.trim().is_empty())
    }

    /// A file's text, up to [`FILE_BYTES`].
    fn file(&self, path: impl AsRef<Path>) -> Option<String> {
        use std::io::Read;
        let path = path.as_ref();
        let below = path.strip_prefix("/").unwrap_or(path);
        let mut text = String::new();
        std::fs::File::open(self.root.join(below)).ok()?.take(FILE_BYTES).read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// The name containers give their host: the container's or pod's own.
    fn hostname(&self) -> Option<Value> {
        let name = self.file("/etc/hostname").or_else(|| self.variable("HOSTNAME"))?;
        text(name.trim())
    }
}

/// Asks all sources. Waits for those that have to be waited for: not for the thread of a request.
pub(crate) fn detect(sources: &Sources<'_>) -> Detected {
    let mut found = Detected::default();
    // From the least to the most specific, so that the last origin stands.
    for ask in [ec2::ask, ecs::ask, eks::ask, beanstalk::ask] {
        if let Some(answer) = ask(sources) {
            found.name = answer.name;
            found.aws.extend(answer.aws);
        }
    }
    if let Some(group) = sources.variable("AWS_LOG_GROUP").and_then(|group| text(&group)) {
        found.aws.insert("cloudwatch_logs".to_owned(), log_group(group, None));
    }
    found
}

/// One source's answer: an origin and its block.
fn answer(name: &'static str, block: &str, members: Map<String, Value>) -> Detected {
    let mut aws = Map::new();
    aws.insert(block.to_owned(), Value::Object(members));
    Detected { name: Some(name), aws }
}

/// The member `cloudwatch_logs` of one group.
fn log_group(group: Value, arn: Option<String>) -> Value {
    let mut entry = Map::new();
    entry.insert("log_group".to_owned(), group);
    if let Some(arn) = arn.and_then(|arn| text(&arn)) {
        entry.insert("arn".to_owned(), arn);
    }
    Value::Array(vec![Value::Object(entry)])
}

/// A text for a document: not empty, no longer than X-Ray keeps.
fn text(value: &str) -> Option<Value> {
    (!value.is_empty() && value.chars().count() <= TEXT_CHARS).then(|| Value::String(value.to_owned()))
}

/// Copies members that are texts, under the names X-Ray has for them: `(from, to)`.
fn copy(from: &Value, names: &[(&str, &str)], to: &mut Map<String, Value>) {
    for (theirs, ours) in names {
        if let Some(value) = from.get(theirs).and_then(Value::as_str).and_then(text) {
            to.insert((*ours).to_owned(), value);
        }
    }
}

/// The container's id: the last path element of 64 hex digits in the tables of this process's groups and mounts.
fn container_id(sources: &Sources<'_>) -> Option<Value> {
    let is_id = |part: &str| part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let find = |table: String| {
        table
            .lines()
            .filter(|line| !line.contains("/sandboxes/"))
            .flat_map(|line| line.split(['/', ' ', ':', '-', '.']))
            .find(|part| is_id(part))
            .and_then(text)
    };
    ["/proc/self/cgroup", "/proc/self/mountinfo"].into_iter().find_map(|path| sources.file(path).and_then(find))
}

/// Longest text taken from a source, characters. Source: X-Ray Developer Guide, "Segment documents".
const TEXT_CHARS: usize = 250;
/// No file that is asked is near as long, bytes.
const FILE_BYTES: u64 = 64 * 1024;

#[cfg(test)]
mod tests;
