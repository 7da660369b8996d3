//! The `sql` block.

use xray_core::document::{Document, Sql, names};

use super::attributes::{Reader, cut};
use super::naming;
use crate::losses::Losses;

pub(super) fn describe(document: &mut Document, reader: &mut Reader<'_>, queries: bool, losses: &mut Losses) {
    let system = reader.peek(&["db.system.name", "db.system"]);
    if !system.is_some_and(is_sql) && reader.peek(&["aws.xray.sql.url"]).is_none() {
        // Of other databases too, the query is withheld unless asked for.
        if !queries {
            reader.text(&QUERY);
        }
        return;
    }
    let host = naming::host(reader).map(str::to_owned);
    reader.text(&["db.system.name", "db.system"]);
    let database = reader.text(&["db.namespace", "db.name"]);
    let port = reader.int(&["server.port", "net.peer.port"]);
    reader.text(&["server.address", "net.peer.name"]);
    let mut sql = Sql::default();
    sql.database_type = system.map(|system| cut(system, SHORT_CHARS, losses).into_owned());
    sql.user = reader.text(&["db.user"]).map(|user| cut(user, SHORT_CHARS, losses).into_owned());
    sql.sanitized_query =
        reader.text(&QUERY).filter(|_| queries).map(|query| cut(query, QUERY_CHARS, losses).into_owned());
    sql.connection_string = reader.text(&["db.connection_string"]).map(|text| names::connection(text).into_owned());
    let mut restored = |key: &str| reader.text(&[key]).map(|text| cut(text, SHORT_CHARS, losses).into_owned());
    sql.database_version = restored("aws.xray.sql.database_version");
    sql.driver_version = restored("aws.xray.sql.driver_version");
    sql.preparation = restored("aws.xray.sql.preparation").filter(|word| word == "call" || word == "statement");
    let told = restored("aws.xray.sql.url").map(|url| names::url(&url).into_owned());
    // Receivers want `scheme://host/database`, and refuse the whole document over anything else.
    let scheme = system.unwrap_or_default().rsplit(['.', ' ']).next().filter(|scheme| !scheme.is_empty());
    let url = host.zip(scheme).map(|(host, scheme)| {
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        names::url(&format!("{scheme}://{host}{port}/{}", database.unwrap_or_default())).into_owned()
    });
    sql.url = told.or(url);
    document.sql = Some(sql);
}

/// Databases that speak SQL, as the old and the stable conventions spell them.
fn is_sql(system: &str) -> bool {
    matches!(
        system.to_ascii_lowercase().as_str(),
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

const QUERY: [&str; 2] = ["db.query.text", "db.statement"];
/// Source: X-Ray Developer Guide, "Segment documents" (250 characters, unless it says more).
const SHORT_CHARS: usize = 250;
/// Longest query, characters. Ours to choose, as the `tracing` layer's.
const QUERY_CHARS: usize = 16 * 1024;
