//! What a segment or a subsegment is called on a line: its name, and what was asked of whom.

use xray_core::document::Document;

use super::escape;
use crate::timeline::{Row, RowKind};
use crate::trace::Node;

/// Most characters of a part of a label: documents hold up to 64 kB.
const PART: usize = 200;

/// The label of a row, escaped.
pub(crate) fn of(row: &Row<'_>) -> String {
    match (row.kind, row.document) {
        (RowKind::Wait, _) => format!("{} (queue wait)", part(&row.name)),
        (_, Some(document)) => of_document(document),
        (_, None) => part(&row.name),
    }
}

/// The label of a segment or subsegment, escaped.
pub(super) fn of_document(document: &Document) -> String {
    let mut label = part(&document.name);
    for detail in details(document) {
        label.push(' ');
        label.push_str(&part(&detail));
    }
    label
}

fn part(text: &str) -> String {
    match text.char_indices().nth(PART) {
        Some((end, _)) => escape(text.get(..end).unwrap_or_default()).into_owned(),
        None => escape(text).into_owned(),
    }
}

/// Operation, resource and retries of an AWS call; method, path and, where it failed, the status of an HTTP exchange.
fn details(document: &Document) -> Vec<String> {
    let mut details = Vec::new();
    if document.namespace.as_deref() == Some("aws") {
        let operation = document.aws.as_ref().and_then(|aws| aws.operation());
        details.extend(operation.map(str::to_owned));
        let resource = Node::of_call(document).name;
        if !resource.eq_ignore_ascii_case(&document.name) {
            details.push(resource);
        }
        let retries = document.aws.as_ref().and_then(|aws| aws.retries()).filter(|retries| *retries > 0);
        details
            .extend(retries.map(|retries| format!("({retries} {})", if retries == 1 { "retry" } else { "retries" })));
        return details;
    }
    let request = document.http.as_ref().and_then(|http| http.request.as_ref());
    details.extend(request.and_then(|request| request.method.clone()));
    details.extend(request.and_then(|request| request.url.as_deref()).map(|url| path(url).to_owned()));
    if document.sql.is_some() {
        details.push("sql".to_owned());
    }
    let failed = document.fault || document.error || document.throttle;
    details.extend(document.http_status().filter(|_| failed).map(|status| status.to_string()));
    details
}

/// The path of a URL, without its query.
pub(crate) fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = match rest.find('/') {
        Some(slash) if rest.len() != url.len() => rest.get(slash..).unwrap_or_default(),
        None if rest.len() != url.len() => "/",
        _ => rest,
    };
    path.split(['?', '#']).next().unwrap_or_default()
}
