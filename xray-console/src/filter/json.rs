//! Root causes as partial JSON: `rootcause.json = #[…]`.
//!
//! What is written must be there and be equal, what is left out may be anything. Lists are equal if they have the same
//! length and their elements fit, in order.
//!
//! Source: X-Ray Developer Guide, "Using filter expressions", root cause keywords.

use serde_json::{Map, Value};

use super::keywords::nearest;
use crate::query::{RootCause, RootCauseEntity, RootCauseException, RootCauseService};

/// The wanted members of a root cause.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CausePattern {
    services: Option<Vec<ServicePattern>>,
    client_impacting: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct ServicePattern {
    name: Option<String>,
    names: Option<Vec<String>>,
    kind: Option<String>,
    account: Option<String>,
    inferred: Option<bool>,
    path: Option<Vec<EntityPattern>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct EntityPattern {
    name: Option<String>,
    coverage: Option<f64>,
    remote: Option<bool>,
    exceptions: Option<Vec<ExceptionPattern>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct ExceptionPattern {
    name: Option<String>,
    message: Option<String>,
}

/// What is wrong with the JSON, and the member that was probably meant.
pub(super) type Wrong = (String, Option<&'static str>);

/// Reads the list after `#`.
pub(super) fn causes(json: &Value) -> Result<Vec<CausePattern>, Wrong> {
    let causes = list("rootcause.json", json, |cause| {
        let mut members = Members::of("a root cause", cause, &["Services", "ClientImpacting"])?;
        Ok(CausePattern {
            services: members.get("Services", |value| list("Services", value, service))?,
            client_impacting: members.get("ClientImpacting", boolean)?,
        })
    })?;
    if causes.is_empty() { Err(("the list is empty".to_owned(), None)) } else { Ok(causes) }
}

fn service(json: &Value) -> Result<ServicePattern, Wrong> {
    const MEMBERS: [&str; 6] = ["Name", "Names", "Type", "AccountId", "Inferred", "EntityPath"];
    let mut members = Members::of("an element of Services", json, &MEMBERS)?;
    Ok(ServicePattern {
        name: members.get("Name", text)?,
        names: members.get("Names", |value| list("Names", value, text))?,
        kind: members.get("Type", text)?,
        account: members.get("AccountId", text)?,
        inferred: members.get("Inferred", boolean)?,
        path: members.get("EntityPath", |value| list("EntityPath", value, entity))?,
    })
}

fn entity(json: &Value) -> Result<EntityPattern, Wrong> {
    let mut members = Members::of("an element of EntityPath", json, &["Name", "Coverage", "Remote", "Exceptions"])?;
    Ok(EntityPattern {
        name: members.get("Name", text)?,
        coverage: members.get("Coverage", |value| value.as_f64().ok_or(("is not a number".to_owned(), None)))?,
        remote: members.get("Remote", boolean)?,
        exceptions: members.get("Exceptions", |value| list("Exceptions", value, exception))?,
    })
}

fn exception(json: &Value) -> Result<ExceptionPattern, Wrong> {
    let mut members = Members::of("an element of Exceptions", json, &["Name", "Message"])?;
    Ok(ExceptionPattern { name: members.get("Name", text)?, message: members.get("Message", text)? })
}

fn text(json: &Value) -> Result<String, Wrong> {
    json.as_str().map(str::to_owned).ok_or(("is not a text".to_owned(), None))
}

fn boolean(json: &Value) -> Result<bool, Wrong> {
    json.as_bool().ok_or(("is neither true nor false".to_owned(), None))
}

fn list<T>(name: &str, json: &Value, read: impl Fn(&Value) -> Result<T, Wrong>) -> Result<Vec<T>, Wrong> {
    let elements = json.as_array().ok_or_else(|| (format!("{name} is not a list"), None))?;
    elements.iter().map(read).collect()
}

struct Members<'a>(&'a Map<String, Value>);

impl<'a> Members<'a> {
    fn of(what: &str, json: &'a Value, known: &[&'static str]) -> Result<Members<'a>, Wrong> {
        let members = json.as_object().ok_or_else(|| (format!("{what} is not an object"), None))?;
        match members.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => {
                let all = known.join(", ");
                let key_shown = super::error::quoted(key);
                Err((format!("{what} has no member {key_shown}, only {all}"), nearest(key, known.iter().copied())))
            }
            None => Ok(Members(members)),
        }
    }

    fn get<T>(&mut self, key: &str, read: impl Fn(&Value) -> Result<T, Wrong>) -> Result<Option<T>, Wrong> {
        let named = |(wrong, nearest): Wrong| {
            let is_of_value = wrong.starts_with("is ");
            (if is_of_value { format!("{key} {wrong}") } else { wrong }, nearest)
        };
        self.0.get(key).map(|value| read(value).map_err(named)).transpose()
    }
}

/// Whether the value is the wanted one, if one is wanted.
fn fits<W, T: ?Sized>(wanted: &Option<W>, value: &T, same: impl Fn(&W, &T) -> bool) -> bool {
    wanted.as_ref().is_none_or(|wanted| same(wanted, value))
}

fn each<W, T>(wanted: &[W], values: &[T], same: impl Fn(&W, &T) -> bool) -> bool {
    wanted.len() == values.len() && wanted.iter().zip(values).all(|(wanted, value)| same(wanted, value))
}

fn equal(wanted: &String, value: &Option<String>) -> bool {
    value.as_ref() == Some(wanted)
}

impl CausePattern {
    pub(super) fn fits(&self, cause: &RootCause) -> bool {
        fits(&self.client_impacting, &cause.client_impacting, |wanted, value| wanted == value)
            && fits(&self.services, &cause.services, |wanted, services| each(wanted, services, ServicePattern::fits))
    }
}

impl ServicePattern {
    fn fits(&self, service: &RootCauseService) -> bool {
        fits(&self.name, &service.name, equal)
            && fits(&self.names, &service.names, |wanted, names| wanted == names)
            && fits(&self.kind, &service.kind, equal)
            && fits(&self.account, &service.account_id, equal)
            && fits(&self.inferred, &service.inferred, |wanted, value| wanted == value)
            && fits(&self.path, &service.entity_path, |wanted, path| each(wanted, path, EntityPattern::fits))
    }
}

impl EntityPattern {
    fn fits(&self, entity: &RootCauseEntity) -> bool {
        fits(&self.name, &entity.name, equal)
            && fits(&self.coverage, &entity.coverage, |wanted, value| *value == Some(*wanted))
            && fits(&self.remote, &entity.remote, |wanted, value| wanted == value)
            && fits(&self.exceptions, &entity.exceptions, |wanted, found| each(wanted, found, ExceptionPattern::fits))
    }
}

impl ExceptionPattern {
    fn fits(&self, exception: &RootCauseException) -> bool {
        fits(&self.name, &exception.name, equal) && fits(&self.message, &exception.message, equal)
    }
}
