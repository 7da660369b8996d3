//! Tags of groups and sampling rules.
//!
//! Source: X-Ray API Reference, "TagResource": at most 50 a resource; key 1–128, value 0–256 characters; keys that begin
//! with `aws:` are AWS's own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::check::{count, length};
use super::{Api, ApiError, ApiErrorKind, Empty, Operation, State, page};

/// Most tags a resource has.
const MOST: usize = 50;
/// Most tags, or keys, that one request brings.
const REQUEST: usize = 200;
const PAGE: usize = 25;

/// A key and a value on a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// 1–128 characters, once a resource.
    pub key: String,
    /// 0–256 characters.
    pub value: String,
}

/// Sets tags of a group or sampling rule; those with other keys stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagResource {
    /// ARN of the group or rule.
    #[serde(rename = "ResourceARN")]
    pub resource_arn: String,
    /// What to set.
    pub tags: Vec<Tag>,
}

/// Removes tags of a group or sampling rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UntagResource {
    /// ARN of the group or rule.
    #[serde(rename = "ResourceARN")]
    pub resource_arn: String,
    /// Which; keys it does not have are passed over.
    pub tag_keys: Vec<String>,
}

/// Gives the tags of a group or sampling rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagsForResource {
    /// ARN of the group or rule.
    #[serde(rename = "ResourceARN")]
    pub resource_arn: String,
    /// From the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A page of tags, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagsForResourceAnswer {
    /// The tags.
    pub tags: Vec<Tag>,
    /// For the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Tags by ARN and key.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tags(BTreeMap<String, BTreeMap<String, String>>);

impl Tags {
    /// The tags a new resource begins with.
    pub(crate) fn create(&mut self, arn: &str, tags: Option<Vec<Tag>>) -> Result<(), ApiError> {
        self.0.remove(arn);
        self.set(arn, tags.unwrap_or_default())
    }

    /// All of them, or none and an error.
    fn set(&mut self, arn: &str, tags: Vec<Tag>) -> Result<(), ApiError> {
        count("Tags", &tags, REQUEST)?;
        let mut after = self.0.get(arn).cloned().unwrap_or_default();
        for tag in tags {
            length("Key", &tag.key, 1, 128)?;
            length("Value", &tag.value, 0, 256)?;
            if tag.key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
                return Err(ApiError::invalid("tag keys that begin with aws: are AWS's own"));
            }
            after.insert(tag.key, tag.value);
        }
        if after.len() > MOST {
            let message = format!("the resource would have {} tags; expected at most {MOST}", after.len());
            return Err(ApiError::new(ApiErrorKind::TooManyTagsException, message).of(arn));
        }
        if !after.is_empty() {
            self.0.insert(arn.to_owned(), after);
        }
        Ok(())
    }

    /// Forgets those of a resource that is gone.
    pub(crate) fn remove(&mut self, arn: &str) {
        self.0.remove(arn);
    }
}

fn exists(api: &Api, state: &State, arn: &str) -> Result<(), ApiError> {
    length("ResourceARN", arn, 1, 1011)?;
    if state.groups.has_arn(arn) || api.sampling().has_arn(arn) {
        return Ok(());
    }
    Err(ApiError::not_found("there is no group and no sampling rule with this ARN", arn))
}

impl Operation for TagResource {
    type Answer = Empty;
    const NAME: &'static str = "TagResource";
    const PATH: &'static str = "/TagResource";
    const CHANGES: bool = true;

    fn answer(self, api: &Api) -> Result<Empty, ApiError> {
        let mut state = api.state();
        exists(api, &state, &self.resource_arn)?;
        state.tags.set(&self.resource_arn, self.tags)?;
        Ok(Empty {})
    }
}

impl Operation for UntagResource {
    type Answer = Empty;
    const NAME: &'static str = "UntagResource";
    const PATH: &'static str = "/UntagResource";
    const CHANGES: bool = true;

    fn answer(self, api: &Api) -> Result<Empty, ApiError> {
        count("TagKeys", &self.tag_keys, REQUEST)?;
        let mut state = api.state();
        exists(api, &state, &self.resource_arn)?;
        if let Some(tags) = state.tags.0.get_mut(&self.resource_arn) {
            tags.retain(|key, _| !self.tag_keys.contains(key));
        }
        Ok(Empty {})
    }
}

impl Operation for ListTagsForResource {
    type Answer = ListTagsForResourceAnswer;
    const NAME: &'static str = "ListTagsForResource";
    const PATH: &'static str = "/ListTagsForResource";

    fn answer(self, api: &Api) -> Result<ListTagsForResourceAnswer, ApiError> {
        let state = api.state();
        exists(api, &state, &self.resource_arn)?;
        let tags = state.tags.0.get(&self.resource_arn);
        let tags = tags.into_iter().flatten();
        let (page, next_token) =
            page::by_key::<ListTagsForResource, _>(tags, |(key, _)| key, self.next_token.as_deref(), PAGE)?;
        let tags = page.into_iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect();
        Ok(ListTagsForResourceAnswer { tags, next_token })
    }
}
