//! Styles and scripts: files of `ui/` without their comments, made ready once when first asked for.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;

use bytes::Bytes;
use flate2::Compression;
use http::StatusCode;

use super::answer::{Answer, gzip};
use super::asked::Asked;
use super::lean::lean;

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// Name, type, text.
const FILES: &[(&str, &str, &str)] = &[
    ("axis.js", JS, include_str!("ui/axis.js")),
    ("base.css", CSS, include_str!("ui/base.css")),
    ("base.js", JS, include_str!("ui/base.js")),
    ("map.css", CSS, include_str!("ui/map.css")),
    ("map.js", JS, include_str!("ui/map.js")),
    ("trace.css", CSS, include_str!("ui/trace.css")),
    ("trace.js", JS, include_str!("ui/trace.js")),
    ("events.js", JS, include_str!("ui/events.js")),
    ("filter.js", JS, include_str!("ui/filter.js")),
    ("line.js", JS, include_str!("ui/line.js")),
    ("list.js", JS, include_str!("ui/list.js")),
    ("live.js", JS, include_str!("ui/live.js")),
    ("panels.css", CSS, include_str!("ui/panels.css")),
    ("panels.js", JS, include_str!("ui/panels.js")),
    ("rows.js", JS, include_str!("ui/rows.js")),
    ("traces.css", CSS, include_str!("ui/traces.css")),
    ("traces.js", JS, include_str!("ui/traces.js")),
    ("view.js", JS, include_str!("ui/view.js")),
    ("waterfall.js", JS, include_str!("ui/waterfall.js")),
];

/// The files, with what is worked out once.
pub(super) struct Assets(Vec<Asset>);

struct Asset {
    name: &'static str,
    content_type: &'static str,
    text: &'static str,
    etag: String,
    lean: OnceLock<Bytes>,
    zipped: OnceLock<Option<Bytes>>,
}

impl Assets {
    pub(super) fn new() -> Assets {
        let asset = |(name, content_type, text): &(&'static str, &'static str, &'static str)| {
            let mut hasher = DefaultHasher::new();
            text.hash(&mut hasher);
            let etag = format!("\"{:016x}\"", hasher.finish());
            Asset { name, content_type, text, etag, lean: OnceLock::new(), zipped: OnceLock::new() }
        };
        Assets(FILES.iter().map(asset).collect())
    }

    pub(super) fn answer(&self, name: &str, asked: &Asked) -> Answer {
        let Some(asset) = self.0.iter().find(|asset| asset.name == name) else {
            return Answer::text("there is no such file\n".to_owned()).with_status(StatusCode::NOT_FOUND);
        };
        if asked.has.as_deref().is_some_and(|has| has.contains(&asset.etag)) {
            let unchanged = Answer::file(asset.content_type, Bytes::new(), &asset.etag);
            return unchanged.with_status(StatusCode::NOT_MODIFIED);
        }
        let lean = asset.lean.get_or_init(|| Bytes::from(lean(asset.text)));
        let zipped = || asset.zipped.get_or_init(|| gzip(lean, Compression::best())).clone();
        match asked.takes_gzip.then(zipped).flatten() {
            Some(zipped) => Answer::file(asset.content_type, zipped, &asset.etag).compressed(),
            None => Answer::file(asset.content_type, lean.clone(), &asset.etag),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_a_script_goes_over_several_lines() {
        for (name, _, text) in FILES {
            for (number, line) in text.lines().enumerate() {
                let is_comment = line.trim_start().starts_with(['*', '/']);
                assert!(is_comment || line.matches('`').count() % 2 == 0, "{name}, line {}: {line}", number + 1);
            }
        }
    }
}
