//! Facts become a summary.

use std::collections::{BTreeMap, HashSet};

use super::facts::{Cause, CauseKind, Entity, Facts, Flags, Label, Segment, Value};
use super::shapes::{
    AnnotationValue, AvailabilityZone, HttpSummary, InstanceId, ResourceArn, RootCause, RootCauseEntity,
    RootCauseException, RootCauseService, ServiceId, TraceSummary, TraceUser, ValueWithServiceIds,
};

impl TraceSummary {
    /// The summary of the trace of this id, of which these are the facts.
    ///
    /// `revision` is 0 and `matched_event_time` absent: the store knows them.
    pub fn of(id: &str, facts: &Facts) -> TraceSummary {
        let root = facts.root();
        let root_has = |flag| root.is_some_and(|root| root.record.flags.has(flag));
        let causes = |kind| {
            let of_kind = facts.causes().iter().filter(move |cause| cause.kind == kind);
            of_kind.map(|cause| root_cause(facts, cause)).collect()
        };
        TraceSummary {
            id: id.to_owned(),
            start_time: facts.start_time(),
            duration: facts.duration(),
            response_time: root.and_then(|root| root.record.seconds()),
            has_fault: root_has(Flags::FAULT),
            has_error: root_has(Flags::ERROR),
            has_throttle: facts.is_throttled(),
            is_partial: facts.is_partial(),
            http: HttpSummary {
                http_url: owned(facts.label(0, Label::Url)),
                http_status: root.and_then(|root| root.record.status()),
                http_method: owned(facts.label(0, Label::Method)),
                user_agent: owned(facts.label(0, Label::UserAgent)),
                client_ip: owned(facts.label(0, Label::ClientIp)),
            },
            annotations: annotations(facts),
            users: users(facts),
            service_ids: distinct(facts.segments().iter().map(|segment| service_id(facts, segment))),
            resource_arns: labels(facts, Label::Arn, |arn| ResourceArn { arn }),
            instance_ids: labels(facts, Label::Instance, |id| InstanceId { id }),
            availability_zones: labels(facts, Label::Zone, |name| AvailabilityZone { name }),
            entry_point: root.map(|root| service_id(facts, root)),
            fault_root_causes: causes(CauseKind::Fault),
            error_root_causes: causes(CauseKind::Error),
            response_time_root_causes: causes(CauseKind::ResponseTime),
            revision: 0,
            matched_event_time: None,
        }
    }
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

fn service_id(facts: &Facts, segment: &Segment) -> ServiceId {
    let name = owned(facts.text(segment.name));
    ServiceId {
        names: name.iter().cloned().collect(),
        name,
        account_id: owned(facts.text(segment.account)),
        kind: owned(facts.text(segment.kind)),
    }
}

/// In the order in which they first come.
fn distinct(ids: impl Iterator<Item = ServiceId>) -> Vec<ServiceId> {
    let mut seen = HashSet::new();
    ids.filter(|id| seen.insert((id.name.clone(), id.kind.clone(), id.account_id.clone()))).collect()
}

fn services(facts: &Facts, segments: &[u32]) -> Vec<ServiceId> {
    distinct(segments.iter().filter_map(|index| facts.segment(*index)).map(|segment| service_id(facts, segment)))
}

fn labels<T>(facts: &Facts, label: Label, shape: impl Fn(Option<String>) -> T) -> Vec<T> {
    let mut seen = HashSet::new();
    let texts = facts.labels(label).map(|(_, text)| text).filter(|text| seen.insert(*text));
    texts.map(|text| shape(Some(text.to_owned()))).collect()
}

fn users(facts: &Facts) -> Vec<TraceUser> {
    let mut users: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for (segment, user) in facts.labels(Label::User) {
        users.entry(user).or_default().push(segment);
    }
    let user = |(name, segments): (&str, Vec<u32>)| TraceUser {
        user_name: Some(name.to_owned()),
        service_ids: services(facts, &segments),
    };
    users.into_iter().map(user).collect()
}

fn annotations(facts: &Facts) -> BTreeMap<String, Vec<ValueWithServiceIds>> {
    let mut found = BTreeMap::new();
    for of_key in facts.annotations().chunk_by(|left, right| left.key == right.key) {
        let Some(key) = of_key.first().and_then(|annotation| facts.text(annotation.key)) else { continue };
        let mut values: Vec<(AnnotationValue, Vec<u32>)> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for annotation in of_key {
            let (known, value) = match annotation.value {
                Value::Text(text) => {
                    let text = facts.text(text).unwrap_or_default();
                    (text.to_owned(), AnnotationValue::Text(text.to_owned()))
                }
                Value::Number(number) => (format!("\0{number}"), AnnotationValue::Number(number)),
                Value::Bool(value) => (format!("\0{value}"), AnnotationValue::Bool(value)),
            };
            let place = *places.entry(known).or_insert(values.len());
            match values.get_mut(place) {
                Some((_, segments)) => segments.push(annotation.segment),
                None => values.push((value, vec![annotation.segment])),
            }
        }
        let value = |(annotation_value, segments): (AnnotationValue, Vec<u32>)| ValueWithServiceIds {
            annotation_value,
            service_ids: services(facts, &segments),
        };
        found.insert(key.to_owned(), values.into_iter().map(value).collect());
    }
    found
}

/// A root cause in the shape of the API.
pub(crate) fn root_cause(facts: &Facts, cause: &Cause) -> RootCause {
    let path = facts.path(cause).chunk_by(|left, right| left.segment == right.segment);
    let service = |entities: &[Entity]| {
        let segment = entities.first().and_then(|entity| facts.segment(entity.segment));
        let id = segment.map(|segment| service_id(facts, segment)).unwrap_or_default();
        RootCauseService {
            name: id.name,
            names: id.names,
            kind: id.kind,
            account_id: id.account_id,
            entity_path: entities.iter().map(|entity| root_cause_entity(facts, cause, entity)).collect(),
            inferred: segment.is_some_and(|segment| segment.record.flags.has(Flags::INFERRED)),
        }
    };
    RootCause { services: path.map(service).collect(), client_impacting: cause.impacts_client }
}

fn root_cause_entity(facts: &Facts, cause: &Cause, entity: &Entity) -> RootCauseEntity {
    let exceptions = facts.exceptions(entity).iter().map(|exception| RootCauseException {
        name: owned(facts.text(exception.name)),
        message: owned(facts.text(exception.message)),
    });
    RootCauseEntity {
        name: owned(facts.text(entity.name)),
        exceptions: exceptions.collect(),
        coverage: (cause.kind == CauseKind::ResponseTime).then_some(entity.coverage),
        remote: entity.remote,
    }
}
