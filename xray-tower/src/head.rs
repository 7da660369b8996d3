//! Reads a request's head: host, URL, caller.
//!
//! Everything here came from the network. It is cut and compared, never trusted to be well formed,
//! and text is only built when a segment is recorded.

use std::net::{IpAddr, SocketAddr};

use http::header::{HOST, HeaderMap, HeaderName};
use http::request::Parts;
use http::uri::Uri;
use http::{Extensions, HeaderValue, Method, Request};
use xray_core::UrlParts;

/// A request's head, where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestHead<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) extensions: &'a Extensions,
    /// All of it in one piece, for functions of the program's that ask for that.
    pub(crate) parts: Option<&'a Parts>,
}

impl<'a> RequestHead<'a> {
    pub(crate) fn of<B>(request: &'a Request<B>) -> RequestHead<'a> {
        RequestHead {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
            parts: None,
        }
    }

    pub(crate) fn of_parts(parts: &'a Parts) -> RequestHead<'a> {
        let Parts { method, uri, headers, extensions, .. } = parts;
        RequestHead { method, uri, headers, extensions, parts: Some(parts) }
    }
}

/// Who called, and whether `X-Forwarded-For` said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) ip: IpAddr,
    pub(crate) forwarded: bool,
}

/// What is read of a request's headers, of each name the first.
///
/// Found in one pass, which takes some 15 instructions a header; to ask the map for one takes 90 to 170, be it there or
/// not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RequestHeaders<'a> {
    pub(crate) host: Option<&'a HeaderValue>,
    pub(crate) trace_header: Option<&'a HeaderValue>,
    pub(crate) traceparent: Option<&'a HeaderValue>,
    pub(crate) user_agent: Option<&'a HeaderValue>,
    pub(crate) forwarded_for: Option<&'a HeaderValue>,
    pub(crate) forwarded_proto: Option<&'a HeaderValue>,
}

impl<'a> RequestHeaders<'a> {
    pub(crate) fn of(headers: &'a HeaderMap) -> RequestHeaders<'a> {
        let mut found = RequestHeaders::default();
        for (name, value) in headers {
            let place = match name.as_str() {
                "host" => &mut found.host,
                xray_core::header::NAME => &mut found.trace_header,
                xray_core::header::TRACEPARENT => &mut found.traceparent,
                "user-agent" => &mut found.user_agent,
                "x-forwarded-for" => &mut found.forwarded_for,
                "x-forwarded-proto" => &mut found.forwarded_proto,
                _ => continue,
            };
            place.get_or_insert(value);
        }
        found
    }
}

/// What is read of a response's headers, in the same way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ResponseHeaders<'a> {
    pub(crate) content_type: Option<&'a [u8]>,
    content_length: Option<&'a HeaderValue>,
}

impl<'a> ResponseHeaders<'a> {
    pub(crate) fn of(headers: &'a HeaderMap) -> ResponseHeaders<'a> {
        let mut found = ResponseHeaders::default();
        for (name, value) in headers {
            match name.as_str() {
                "content-type" => _ = found.content_type.get_or_insert(value.as_bytes()),
                "content-length" => _ = found.content_length.get_or_insert(value),
                _ => {}
            }
        }
        found
    }

    /// The message's `Content-Length`, bytes.
    pub(crate) fn content_length(&self) -> Option<u64> {
        self.content_length?.to_str().ok()?.trim().parse().ok()
    }
}

/// Host and port as the request names them: the `Host` header, else the authority of the URI (HTTP/2).
pub(crate) fn authority<'a>(host: Option<&'a HeaderValue>, uri: &'a Uri) -> Option<&'a str> {
    let header = host.and_then(|host| host.to_str().ok()).filter(|host| !host.is_empty());
    header.or_else(|| uri.authority().map(http::uri::Authority::as_str)).map(without_userinfo)
}

/// Host and port that a request goes to: the authority of its URI, else the `Host` header.
pub(crate) fn authority_called<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let authority = uri.authority().map(http::uri::Authority::as_str);
    authority.or_else(|| headers.get(HOST).and_then(|host| host.to_str().ok())).map(without_userinfo)
}

/// The host of an authority, without port. An IPv6 address keeps its brackets.
pub(crate) fn host(authority: &str) -> &str {
    if authority.starts_with('[') {
        return match authority.split_once(']') {
            // The bracket is one byte long, so the cut is on a boundary.
            Some((address, _)) => authority.get(..=address.len()).unwrap_or(authority),
            None => authority,
        };
    }
    authority.split_once(':').map_or(authority, |(host, _)| host)
}

/// `scheme://authority/path`. What has no place in a URL that is written down is cut by whoever does that.
pub(crate) fn url<'a>(scheme: &'a str, authority: &'a str, path: &'a str) -> UrlParts<'a> {
    // `OPTIONS *` is about the server, not a resource: its URL has no path.
    UrlParts { scheme, authority, path: if path == "*" { "" } else { path } }
}

/// The scheme of a served request: the URI's own, else what a proxy in front of us says, else `http`.
///
/// `X-Forwarded-Proto` only ever chooses between the two words.
pub(crate) fn served_scheme<'a>(forwarded_proto: Option<&HeaderValue>, uri: &'a Uri) -> &'a str {
    match uri.scheme_str() {
        Some(scheme) => scheme,
        None => match forwarded_proto.and_then(first) {
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
            _ => "http",
        },
    }
}

/// The first address of `X-Forwarded-For`, else `peer`, else a [`SocketAddr`] among the extensions.
///
/// What is not an address (`unknown`, a host name) is passed over: the field is for addresses. Some
/// load balancers add the caller's port, which is taken off.
pub(crate) fn caller(
    forwarded_for: Option<&HeaderValue>,
    extensions: &Extensions,
    peer: Option<IpAddr>,
) -> Option<Caller> {
    if let Some(ip) = forwarded_for.and_then(first).and_then(address) {
        return Some(Caller { ip, forwarded: true });
    }
    let peer = peer.or_else(|| extensions.get::<SocketAddr>().map(SocketAddr::ip));
    peer.map(|ip| Caller { ip: ip.to_canonical(), forwarded: false })
}

/// The trace header, `X-Amzn-Trace-Id`.
pub(crate) const TRACE_HEADER: HeaderName = HeaderName::from_static(xray_core::header::NAME);
/// W3C Trace Context's header.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static(xray_core::header::TRACEPARENT);

/// The first element of a comma-separated header.
fn first(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()?.split(',').next().map(str::trim)
}

fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let ip = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|peer| peer.ip()));
    ip.map(|ip: IpAddr| ip.to_canonical())
}

fn without_userinfo(authority: &str) -> &str {
    // Looked at from the front first: to search a short text from its end takes three times as long.
    if authority.bytes().any(|byte| byte == b'@') {
        authority.rsplit_once('@').map_or(authority, |(_, host)| host)
    } else {
        authority
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Request, request};

    fn caller_of(parts: &request::Parts, peer: Option<IpAddr>) -> Option<Caller> {
        caller(RequestHeaders::of(&parts.headers).forwarded_for, &parts.extensions, peer)
    }

    fn parts(headers: &[(&'static str, &'static str)]) -> request::Parts {
        let mut request = Request::new(());
        for (name, value) in headers {
            request.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        request.into_parts().0
    }

    #[test]
    fn hosts_lose_port_and_user() {
        for (authority, expected) in [
            ("example.com", "example.com"),
            ("example.com:8080", "example.com"),
            ("[::1]:8080", "[::1]"),
            ("[::1]", "[::1]"),
            ("[::1", "[::1"),
            ("", ""),
            (":80", ""),
        ] {
            assert_eq!(host(authority), expected, "{authority}");
        }
    }

    #[test]
    fn an_authority_has_no_user_information() {
        assert_eq!(url("http", "example.com", "*").path, "");
        let uri = Uri::from_static("https://me:secret@example.com:8443/a");
        assert_eq!(authority(None, &uri), Some("example.com:8443"));
        assert_eq!(authority_called(&HeaderMap::new(), &uri), Some("example.com:8443"));
        let host = HeaderValue::from_static("me:se@cret@example.org");
        assert_eq!(authority(Some(&host), &uri), Some("example.org"));
        assert_eq!(authority(Some(&HeaderValue::from_static("")), &uri), Some("example.com:8443"));
    }

    #[test]
    fn of_headers_that_come_twice_the_first_is_read() {
        let names = ["host", "x-amzn-trace-id", "traceparent", "user-agent", "x-forwarded-for", "x-forwarded-proto"];
        let twice: Vec<_> = names.into_iter().flat_map(|name| [(name, name), (name, "second")]).collect();
        let headers = parts(&twice).headers;
        let found = RequestHeaders::of(&headers);
        let values = [
            found.host,
            found.trace_header,
            found.traceparent,
            found.user_agent,
            found.forwarded_for,
            found.forwarded_proto,
        ];
        assert_eq!(values.map(|value| value.unwrap().to_str().unwrap()), names);

        let headers = parts(&[("content-type", "a"), ("content-length", "1"), ("content-type", "b")]).headers;
        let found = ResponseHeaders::of(&headers);
        assert_eq!((found.content_type, found.content_length()), (Some(&b"a"[..]), Some(1)));
    }

    #[test]
    fn the_callers_address_is_the_first_forwarded_one() {
        for (value, expected) in [
            ("203.0.113.9, 10.0.0.1", Some("203.0.113.9")),
            (" 203.0.113.9 ", Some("203.0.113.9")),
            ("203.0.113.9:4711", Some("203.0.113.9")),
            ("2001:db8::7", Some("2001:db8::7")),
            ("[2001:db8::7]:443", Some("2001:db8::7")),
            ("[2001:db8::7]", Some("2001:db8::7")),
            ("unknown, 10.0.0.1", None),
            ("", None),
            ("<script>", None),
        ] {
            let caller = caller_of(&parts(&[("x-forwarded-for", value)]), None);
            let expected = expected.map(|ip| Caller { ip: ip.parse().unwrap(), forwarded: true });
            assert_eq!(caller, expected, "{value}");
        }
    }

    #[test]
    fn without_a_usable_forwarded_address_the_peer_counts() {
        let peer: IpAddr = "192.0.2.4".parse().unwrap();
        let expected = Some(Caller { ip: peer, forwarded: false });
        assert_eq!(caller_of(&parts(&[]), Some(peer)), expected);
        assert_eq!(caller_of(&parts(&[("x-forwarded-for", "unknown")]), Some(peer)), expected);

        let mut parts = parts(&[]);
        parts.extensions.insert(SocketAddr::new("::ffff:192.0.2.4".parse().unwrap(), 4711));
        assert_eq!(caller_of(&parts, None), expected);
    }

    #[test]
    fn the_forwarded_protocol_chooses_between_two_words() {
        let uri = Uri::from_static("/a");
        assert_eq!(served_scheme(None, &uri), "http");
        assert_eq!(served_scheme(Some(&HeaderValue::from_static("HTTPS, http")), &uri), "https");
        assert_eq!(served_scheme(Some(&HeaderValue::from_static("gopher")), &uri), "http");
        assert_eq!(served_scheme(None, &Uri::from_static("https://h/a")), "https");
    }

    #[test]
    fn a_content_length_that_is_no_number_is_none() {
        let length = |headers: &[_]| ResponseHeaders::of(&parts(headers).headers).content_length();
        assert_eq!(length(&[("content-length", "12")]), Some(12));
        assert_eq!(length(&[("content-length", "-1")]), None);
        assert_eq!(length(&[]), None);
    }
}
