//! The `sql` block.

use xray_core::document::{Document, Sql, names};

use super::attributes::{Reader, cut};
use super::naming;
use crate::losses::Losses;

pub(super) fn describe(document: &mut Document, reader: &mut Reader<'_>, queries: bool, losses: &mut Losses) {
    let Some(system) = reader.peek(&["db.system.name", "db.system"]).filter(|system| is_sql(system)) else {
        // Of other databases too, the query is withheld unless asked for.
        if !queries {
            reader.text(&QUERY);
        }
        return;
    };
    let host = naming::host(reader).map(str::to_owned);
    reader.text(&["db.system.name", "db.system"]);
    let database = reader.text(&["db.namespace", "db.name"]);
    let port = reader.int(&["server.port", "net.peer.port"]);
    reader.text(&["server.address", "net.peer.name"]);
    let mut sql = Sql::default();
    sql.database_type = Some(cut(system, SHORT_CHARS, losses).into_owned());
    sql.user = reader.text(&["db.user"]).map(|user| cut(user, SHORT_CHARS, losses).into_owned());
    sql.sanitized_query =
        reader.text(&QUERY).filter(|_| queries).map(|query| cut(query, QUERY_CHARS, losses).into_owned());
    sql.connection_string = reader.text(&["db.connection_string"]).map(without_secrets);
    // Receivers want `scheme://host/database`, and refuse the whole document over anything else.
    sql.url = host.map(|host| {
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let scheme = system.rsplit(['.', ' ']).next().unwrap_or(system);
        names::url(&format!("{scheme}://{host}{port}/{}", database.unwrap_or_default())).into_owned()
    });
    document.sql = Some(sql);
}

/// Databases that speak SQL, as the old and the stable conventions spell them.
fn is_sql(system: &str) -> bool {
    matches!(
        system,
        "aws.redshift"
            | "redshift"
            | "clickhouse"
            | "cockroachdb"
            | "db2"
            | "derby"
            | "firebirdsql"
            | "h2"
            | "hive"
            | "hsqldb"
            | "ibm.db2"
            | "ibm.informix"
            | "mariadb"
            | "microsoft.sql_server"
            | "mssql"
            | "mysql"
            | "oracle"
            | "oracle.db"
            | "other_sql"
            | "postgresql"
            | "sap.hana"
            | "sap.maxdb"
            | "softwareag.adabas"
            | "spanner"
            | "gcp.spanner"
            | "sqlite"
            | "teradata"
            | "trino"
    )
}

/// A connection string without user, password and parameters, among which passwords are kept.
fn without_secrets(text: &str) -> String {
    let end = text.find([';', '?']).unwrap_or(text.len());
    names::url(text.get(..end).unwrap_or(text)).into_owned()
}

const QUERY: [&str; 2] = ["db.query.text", "db.statement"];
/// Source: X-Ray Developer Guide, "Segment documents" (250 characters, unless it says more).
const SHORT_CHARS: usize = 250;
/// Longest query, characters. Ours to choose, as the `tracing` layer's.
const QUERY_CHARS: usize = 16 * 1024;
