//! Finding text in a trace: in names, ids, annotations, metadata, addresses, queries, errors; not in what is the same in
//! every document (names of members, times).
//!
//! Upper and lower case are one. Every row is looked at, however many are on the screen.

use serde_json::Value;
use xray_core::document::{Annotation, Cause, Document};

use crate::text::label;
use crate::timeline::Timeline;

/// Indices of the rows that hold the text; none for no text.
pub(super) fn find(timeline: &Timeline<'_>, text: &str) -> Vec<usize> {
    let text = text.trim();
    if text.is_empty() {
        return Vec::new();
    }
    let wanted = Wanted(text.to_lowercase());
    let rows = timeline.rows.iter().enumerate();
    let holds = rows.filter(|(_, row)| match row.document {
        Some(document) => wanted.is_in_document(document),
        None => wanted.is_in(&label::of(row)),
    });
    holds.map(|(index, _)| index).collect()
}

/// What is looked for, in lower case.
struct Wanted(String);

impl Wanted {
    fn is_in(&self, text: &str) -> bool {
        if !self.0.is_ascii() {
            return text.to_lowercase().contains(&self.0);
        }
        let wanted = self.0.as_bytes();
        text.len() >= wanted.len()
            && text.as_bytes().windows(wanted.len()).any(|part| part.eq_ignore_ascii_case(wanted))
    }

    fn is_in_document(&self, document: &Document) -> bool {
        let Document { name, id, namespace, origin, resource_arn, user, .. } = document;
        let texts = [namespace, origin, resource_arn, user].into_iter().flatten();
        self.is_in(name)
            || self.is_in(id)
            || texts.into_iter().any(|text| self.is_in(text))
            || document.annotations.iter().any(|(key, value)| self.is_in(key) || self.is_in_annotation(value))
            || self.is_in_members(&document.metadata)
            || self.is_in_members(&document.other)
            || document.http.as_ref().is_some_and(|http| self.is_in_http(http))
            || document.aws.as_ref().is_some_and(|aws| self.is_in_members(&aws.0))
            || document.sql.as_ref().is_some_and(|sql| self.is_in_sql(sql))
            || document
                .service
                .as_ref()
                .and_then(|service| service.version.as_ref())
                .is_some_and(|text| self.is_in(text))
            || document.cause.as_ref().is_some_and(|cause| self.is_in_cause(cause))
    }

    fn is_in_annotation(&self, annotation: &Annotation) -> bool {
        match annotation {
            Annotation::String(text) => self.is_in(text),
            Annotation::Number(number) => self.is_in(&number.to_string()),
            Annotation::Bool(value) => self.is_in(if *value { "true" } else { "false" }),
            Annotation::Other(value) => self.is_in_value(value),
        }
    }

    fn is_in_http(&self, http: &xray_core::document::Http) -> bool {
        let request = http.request.as_ref();
        let texts = request.into_iter().flat_map(|request| {
            [&request.method, &request.url, &request.user_agent, &request.client_ip].into_iter().flatten()
        });
        let status = http.response.as_ref().and_then(|response| response.status);
        texts.into_iter().any(|text| self.is_in(text)) || status.is_some_and(|status| self.is_in(&status.to_string()))
    }

    fn is_in_sql(&self, sql: &xray_core::document::Sql) -> bool {
        let texts = [&sql.url, &sql.connection_string, &sql.sanitized_query, &sql.database_type, &sql.user];
        texts.into_iter().flatten().any(|text| self.is_in(text))
    }

    fn is_in_cause(&self, cause: &Cause) -> bool {
        let Cause::Object(cause) = cause else { return false };
        cause.exceptions.iter().any(|exception| {
            let frames = exception.stack.iter().flat_map(|frame| [&frame.path, &frame.label]);
            [&exception.kind, &exception.message].into_iter().chain(frames).flatten().any(|text| self.is_in(text))
        })
    }

    fn is_in_members(&self, members: &serde_json::Map<String, Value>) -> bool {
        members.iter().any(|(key, value)| self.is_in(key) || self.is_in_value(value))
    }

    /// Values are at most 128 deep, as the reader of documents has it.
    fn is_in_value(&self, value: &Value) -> bool {
        match value {
            Value::Null => false,
            Value::Bool(value) => self.is_in(if *value { "true" } else { "false" }),
            Value::Number(number) => self.is_in(&number.to_string()),
            Value::String(text) => self.is_in(text),
            Value::Array(values) => values.iter().any(|value| self.is_in_value(value)),
            Value::Object(members) => self.is_in_members(members),
        }
    }
}
