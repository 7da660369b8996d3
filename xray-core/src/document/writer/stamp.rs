//! What every segment of a program says about the program, written once.

use crate::document::escape;

/// What every segment of a program says about the program. Ready JSON members.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stamp {
    /// Members of `aws.xray`, at least the SDK's name and version.
    pub(crate) sdk: Vec<u8>,
    /// Members of the segment itself: `"origin":…`, `"service":{…}`.
    pub(crate) members: Vec<u8>,
    /// Members of its `aws` beside `xray`: `"ec2":{…}`, and how long the key with its colon is.
    aws: Vec<(Vec<u8>, usize)>,
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
            let mut member = Vec::new();
            escape::string(&mut member, name);
            member.push(b':');
            let key = member.len();
            member.extend_from_slice(value.to_string().as_bytes());
            self.aws.push((member, key));
        }
        self
    }

    /// Members of `aws` that the program does not say itself.
    pub(super) fn aws_beside(&self, says: impl Fn(&[u8]) -> bool) -> impl Iterator<Item = &[u8]> {
        let own = move |(member, key): &&(Vec<u8>, usize)| member.get(..*key).is_none_or(|key| !says(key));
        self.aws.iter().filter(own).map(|(member, _)| &member[..])
    }
}
