//! Elastic Beanstalk: the file that the platform writes for X-Ray's daemon.
//!
//! Source: Elastic Beanstalk Developer Guide, "Configuring AWS X-Ray debugging".

use serde_json::{Map, Value};

use super::{Detected, Sources, answer, copy};

const FILE: &str = "/var/elasticbeanstalk/xray/environment.conf";

pub(super) fn ask(sources: &Sources<'_>) -> Option<Detected> {
    let environment: Value = serde_json::from_str(&sources.file(FILE)?).ok()?;
    let mut block = Map::new();
    copy(&environment, &[("environment_name", "environment_name"), ("version_label", "version_label")], &mut block);
    if let Some(deployment) = environment.get("deployment_id").filter(|id| id.is_u64()) {
        block.insert("deployment_id".to_owned(), deployment.clone());
    }
    (!block.is_empty()).then(|| answer("AWS::ElasticBeanstalk::Environment", "elastic_beanstalk", block))
}
