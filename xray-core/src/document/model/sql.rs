//! The `sql` member.

use serde::Serialize;
use serde_json::{Map, Value};

use super::read::{self, take};

/// A query to an SQL database.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Sql {
    /// Where it went, if not a URL; without passwords.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_string: Option<String>,
    /// Where it went, without passwords.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The query, user values replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sanitized_query: Option<String>,
    /// The name of the database engine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_type: Option<String>,
    /// The version of the database engine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_version: Option<String>,
    /// Name and version of the driver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver_version: Option<String>,
    /// The database user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// `call` for a prepared call, `statement` for a prepared statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preparation: Option<String>,
    /// Every other member, and those not of the type above.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Sql {
    fn read(mut from: Map<String, Value>) -> Sql {
        let from = &mut from;
        Sql {
            connection_string: take(from, "connection_string"),
            url: take(from, "url"),
            sanitized_query: take(from, "sanitized_query"),
            database_type: take(from, "database_type"),
            database_version: take(from, "database_version"),
            driver_version: take(from, "driver_version"),
            user: take(from, "user"),
            preparation: take(from, "preparation"),
            other: std::mem::take(from),
        }
    }
}

read::object!(Sql);
