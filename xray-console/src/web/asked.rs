//! A request for a page.

use std::sync::Arc;

use http::header::{ACCEPT, ACCEPT_ENCODING, COOKIE, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, Uri};
use maud::Markup;

use super::answer::Answer;
use super::frame::{Frame, frame};
use super::{Pages, Query};
use crate::Store;
use crate::api::Api;

/// What a browser asks for.
pub(super) struct Asked {
    pub(super) pages: Arc<Pages>,
    /// As it was sent, escapes and all.
    pub(super) path: String,
    /// What of the path is behind the page's own: the id of `/t/ID`.
    pub(super) rest: String,
    pub(super) query: Query,
    pub(super) theme: Theme,
    /// A person looks at the answer, not a program.
    pub(super) wants_html: bool,
    pub(super) takes_gzip: bool,
    /// What the browser has already, by its ETag.
    pub(super) has: Option<String>,
}

/// Light or dark, if somebody has chosen; the system's way otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Asked {
    pub(super) fn new(pages: Arc<Pages>, uri: &Uri, headers: &HeaderMap) -> Asked {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let theme = text(COOKIE).split(';').find_map(|pair| match pair.trim() {
            "xrc-theme=light" => Some(Theme::Light),
            "xrc-theme=dark" => Some(Theme::Dark),
            _ => None,
        });
        Asked {
            pages,
            path: uri.path().to_owned(),
            rest: String::new(),
            query: Query::parse(uri.query().unwrap_or_default()),
            theme: theme.unwrap_or_default(),
            wants_html: text(ACCEPT).contains("text/html"),
            takes_gzip: text(ACCEPT_ENCODING).split(',').any(|coding| coding.trim() == "gzip"),
            has: Some(text(IF_NONE_MATCH).to_owned()).filter(|tag| !tag.is_empty()),
        }
    }

    pub(super) fn api(&self) -> &Api {
        &self.pages.api
    }

    pub(super) fn store(&self) -> &Store {
        self.pages.api.store()
    }

    /// Seconds since the epoch.
    pub(super) fn now(&self) -> f64 {
        self.pages.api.now()
    }

    /// The part of the page that is wanted, if not all of it.
    pub(super) fn part(&self) -> Option<&str> {
        self.query.get("part")
    }

    /// The page: this markup in its frame.
    pub(super) fn page(&self, around: &Frame<'_>, body: Markup) -> Answer {
        Answer::page(frame(self, around, &body))
    }
}
