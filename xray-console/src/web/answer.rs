//! What a browser is answered, and the headers that keep it safe there.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, LOCATION, SET_COOKIE, VARY};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use maud::Markup;

use super::asked::Asked;
use crate::api::Body;

/// Nothing but what this server sends as a file of its own; no frames around it, no forms to elsewhere.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                                 connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Bytes from which compressing is worth its time.
const COMPRESSED: usize = 1_024;

/// An answer before the browser's wishes are known.
pub(super) struct Answer {
    status: StatusCode,
    content_type: &'static str,
    body: Bytes,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Answer {
    fn new(content_type: &'static str, body: impl Into<Bytes>) -> Answer {
        let cache = (CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Answer { status: StatusCode::OK, content_type, body: body.into(), headers: vec![cache] }
    }

    /// A whole page; pages make it by [`Asked::page`].
    pub(super) fn page(page: Markup) -> Answer {
        Answer::new("text/html; charset=utf-8", page.into_string())
    }

    /// A part of a page, for the page's script.
    pub(super) fn part(part: Markup) -> Answer {
        Answer::page(part)
    }

    /// Data for the page's script: JSON.
    pub(super) fn data(value: &impl serde::Serialize) -> Answer {
        // Writing to memory cannot fail, and every key is a string.
        Answer::new("application/json", serde_json::to_vec(value).unwrap_or_default())
    }

    /// JSON as it is.
    pub(super) fn json(body: Vec<u8>) -> Answer {
        Answer::new("application/json", body)
    }

    /// Text as it is.
    pub(super) fn text(text: String) -> Answer {
        Answer::new("text/plain; charset=utf-8", text)
    }

    /// A file of ours, which the browser keeps until it has changed.
    pub(super) fn file(content_type: &'static str, body: Bytes, etag: &str) -> Answer {
        let mut answer = Answer::new(content_type, body).with(ETAG, etag);
        answer.headers.retain(|(name, _)| name != CACHE_CONTROL);
        answer.with(CACHE_CONTROL, "no-cache")
    }

    /// Somewhere else on this server.
    pub(super) fn redirect(to: &str) -> Answer {
        Answer::new("text/plain; charset=utf-8", "").with_status(StatusCode::SEE_OTHER).with(LOCATION, to)
    }

    /// A mistake of ours.
    pub(super) fn broken_off() -> Answer {
        Answer::text("the page broke off; this is a mistake of xray-console".to_owned())
            .with_status(StatusCode::INTERNAL_SERVER_ERROR)
    }

    #[must_use]
    pub(super) fn with_status(self, status: StatusCode) -> Answer {
        Answer { status, ..self }
    }

    #[must_use]
    pub(super) fn with_cookie(self, cookie: &str) -> Answer {
        self.with(SET_COOKIE, cookie)
    }

    #[must_use]
    fn with(mut self, name: HeaderName, value: &str) -> Answer {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// A body that is compressed already.
    #[must_use]
    pub(super) fn compressed(self) -> Answer {
        self.with(CONTENT_ENCODING, "gzip")
    }

    pub(super) fn into_response(self, asked: &Asked) -> Response<Body> {
        self.into_response_for(asked.takes_gzip)
    }

    pub(super) fn into_response_for(self, takes_gzip: bool) -> Response<Body> {
        let is_compressed = self.headers.iter().any(|(name, _)| name == CONTENT_ENCODING);
        let zipped = (takes_gzip && !is_compressed && self.body.len() >= COMPRESSED)
            .then(|| gzip(&self.body, Compression::fast()));
        let zipped = zipped.flatten();
        let is_compressed_here = zipped.is_some();
        let mut response = Response::new(Body::Whole(Full::new(zipped.unwrap_or(self.body))));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        protect(headers);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if is_compressed_here {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        headers.extend(self.headers);
        response
    }
}

/// What every answer to a browser says.
pub(super) fn protect(headers: &mut http::HeaderMap) {
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        // Not `no-referrer`: with it browsers send the origin `null` with a form, which is nobody's.
        ("referrer-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Compressed: what is made for one answer quickly rather than well, for the way is short.
pub(super) fn gzip(bytes: &[u8], how: Compression) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), how);
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().map(Bytes::from)
}
