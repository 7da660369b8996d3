//! Groups: filter expressions with a name. At most 25 besides `Default`, which is always there, without an expression.
//!
//! Source: X-Ray API Reference, "CreateGroup" and its neighbours; 25 is the quota of an account.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::check::{arn, length, one_of};
use super::{Api, ApiError, Empty, Operation, Tag, page};

/// Most groups besides `Default`.
const MOST: usize = 25;
/// Longest name of a group, characters.
const NAME: usize = 32;
const PAGE: usize = 100;
/// The group of all traces.
const DEFAULT: &str = "Default";

/// A filter expression with a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Group {
    /// Its name, 1–32 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    /// Its ARN.
    #[serde(rename = "GroupARN", skip_serializing_if = "Option::is_none")]
    pub group_arn: Option<String>,
    /// Which traces are in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_expression: Option<String>,
    /// Kept as it was set; there are no insights here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insights_configuration: Option<InsightsConfiguration>,
}

/// Whether insights and their notifications are on for a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InsightsConfiguration {
    /// Insights are on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insights_enabled: Option<bool>,
    /// Notifications too: only where insights are on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notifications_enabled: Option<bool>,
}

/// Makes a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateGroup {
    /// Its name, 1–32 characters, of which there is none yet.
    pub group_name: String,
    /// Which traces are in it; all, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_expression: Option<String>,
    /// Kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insights_configuration: Option<InsightsConfiguration>,
    /// Tags to begin with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<Tag>>,
}

/// Changes a group, named by name or ARN: what is given replaces what was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateGroup {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    /// Its ARN.
    #[serde(rename = "GroupARN", skip_serializing_if = "Option::is_none")]
    pub group_arn: Option<String>,
    /// The new expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_expression: Option<String>,
    /// The new configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insights_configuration: Option<InsightsConfiguration>,
}

/// Removes a group, named by name or ARN.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteGroup {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    /// Its ARN.
    #[serde(rename = "GroupARN", skip_serializing_if = "Option::is_none")]
    pub group_arn: Option<String>,
}

/// Gives a group, named by name or ARN.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetGroup {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    /// Its ARN.
    #[serde(rename = "GroupARN", skip_serializing_if = "Option::is_none")]
    pub group_arn: Option<String>,
}

/// One group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GroupAnswer {
    /// The group as it is now.
    pub group: Group,
}

/// Gives all groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetGroups {
    /// From the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A page of groups, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetGroupsAnswer {
    /// The groups.
    pub groups: Vec<Group>,
    /// For the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// All groups, by name.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Groups(BTreeMap<String, Group>);

impl Default for Groups {
    fn default() -> Groups {
        let group = Group {
            group_name: Some(DEFAULT.to_owned()),
            group_arn: Some(arn(&format!("group/{DEFAULT}"))),
            insights_configuration: Some(off()),
            ..Group::default()
        };
        Groups([(DEFAULT.to_owned(), group)].into())
    }
}

impl Groups {
    /// With the group that is always there.
    pub(super) fn whole(mut self) -> Groups {
        for (name, group) in Groups::default().0 {
            self.0.entry(name).or_insert(group);
        }
        self
    }

    /// The name of the group meant, which there is.
    fn named(&self, name: Option<&str>, arn: Option<&str>) -> Result<String, ApiError> {
        one_of("GroupName", name, "GroupARN", arn)?;
        let found = match (name, arn) {
            (Some(name), _) => self.0.get_key_value(name).map(|(name, _)| name),
            (None, arn) => self.0.iter().find(|(_, group)| group.group_arn.as_deref() == arn).map(|(name, _)| name),
        };
        found
            .cloned()
            .ok_or_else(|| ApiError::invalid(format!("there is no group {:?}", name.or(arn).unwrap_or_default())))
    }

    /// The group meant: an error if there is none.
    pub(super) fn get(&self, name: Option<&str>, arn: Option<&str>) -> Result<&Group, ApiError> {
        let name = self.named(name, arn)?;
        self.0.get(&name).ok_or_else(|| ApiError::internal("the group is gone"))
    }

    pub(super) fn has_arn(&self, arn: &str) -> bool {
        self.0.values().any(|group| group.group_arn.as_deref() == Some(arn))
    }
}

fn off() -> InsightsConfiguration {
    InsightsConfiguration { insights_enabled: Some(false), notifications_enabled: Some(false) }
}

fn checked(insights: InsightsConfiguration) -> Result<InsightsConfiguration, ApiError> {
    let enabled = insights.insights_enabled.unwrap_or(false);
    let notified = insights.notifications_enabled.unwrap_or(false);
    if notified && !enabled {
        return Err(ApiError::invalid("NotificationsEnabled needs InsightsEnabled"));
    }
    Ok(InsightsConfiguration { insights_enabled: Some(enabled), notifications_enabled: Some(notified) })
}

impl Operation for CreateGroup {
    type Answer = GroupAnswer;
    const NAME: &'static str = "CreateGroup";
    const PATH: &'static str = "/CreateGroup";
    const CHANGES: bool = true;

    fn answer(self, api: &Api) -> Result<GroupAnswer, ApiError> {
        length("GroupName", &self.group_name, 1, NAME)?;
        api.check_filter(self.filter_expression.as_deref())?;
        let insights = checked(self.insights_configuration.unwrap_or_default())?;
        let mut state = api.state();
        if state.groups.0.contains_key(&self.group_name) {
            return Err(ApiError::invalid(format!("there is a group {:?} already", self.group_name)));
        }
        if state.groups.0.len() > MOST {
            return Err(ApiError::invalid(format!("there are {MOST} groups already, the most there may be")));
        }
        let group = Group {
            group_arn: Some(arn(&format!("group/{}", self.group_name))),
            group_name: Some(self.group_name.clone()),
            filter_expression: self.filter_expression,
            insights_configuration: Some(insights),
        };
        state.tags.create(group.group_arn.as_deref().unwrap_or_default(), self.tags)?;
        state.groups.0.insert(self.group_name, group.clone());
        Ok(GroupAnswer { group })
    }
}

impl Operation for UpdateGroup {
    type Answer = GroupAnswer;
    const NAME: &'static str = "UpdateGroup";
    const PATH: &'static str = "/UpdateGroup";
    const CHANGES: bool = true;

    fn answer(self, api: &Api) -> Result<GroupAnswer, ApiError> {
        api.check_filter(self.filter_expression.as_deref())?;
        let insights = self.insights_configuration.map(checked).transpose()?;
        let mut state = api.state();
        let name = state.groups.named(self.group_name.as_deref(), self.group_arn.as_deref())?;
        if name == DEFAULT && self.filter_expression.is_some() {
            return Err(ApiError::invalid("the Default group holds all traces; it takes no FilterExpression"));
        }
        let Some(group) = state.groups.0.get_mut(&name) else { return Err(ApiError::internal("the group is gone")) };
        if self.filter_expression.is_some() {
            group.filter_expression = self.filter_expression;
        }
        if insights.is_some() {
            group.insights_configuration = insights;
        }
        Ok(GroupAnswer { group: group.clone() })
    }
}

impl Operation for DeleteGroup {
    type Answer = Empty;
    const NAME: &'static str = "DeleteGroup";
    const PATH: &'static str = "/DeleteGroup";
    const CHANGES: bool = true;

    fn answer(self, api: &Api) -> Result<Empty, ApiError> {
        let mut state = api.state();
        let name = state.groups.named(self.group_name.as_deref(), self.group_arn.as_deref())?;
        if name == DEFAULT {
            return Err(ApiError::invalid("the Default group cannot be deleted"));
        }
        if let Some(arn) = state.groups.0.remove(&name).and_then(|group| group.group_arn) {
            state.tags.remove(&arn);
        }
        Ok(Empty {})
    }
}

impl Operation for GetGroup {
    type Answer = GroupAnswer;
    const NAME: &'static str = "GetGroup";
    const PATH: &'static str = "/GetGroup";

    fn answer(self, api: &Api) -> Result<GroupAnswer, ApiError> {
        let state = api.state();
        let group = state.groups.get(self.group_name.as_deref(), self.group_arn.as_deref())?.clone();
        Ok(GroupAnswer { group })
    }
}

impl Operation for GetGroups {
    type Answer = GetGroupsAnswer;
    const NAME: &'static str = "GetGroups";
    const PATH: &'static str = "/Groups";

    fn answer(self, api: &Api) -> Result<GetGroupsAnswer, ApiError> {
        let state = api.state();
        let (page, next_token) =
            page::by_key::<GetGroups, _>(state.groups.0.iter(), |(name, _)| name, self.next_token.as_deref(), PAGE)?;
        Ok(GetGroupsAnswer { groups: page.into_iter().map(|(_, group)| group.clone()).collect(), next_token })
    }
}
