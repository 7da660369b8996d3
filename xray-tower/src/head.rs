//! Reads a request's head: host, URL, caller.
//!
//! Everything here came from the network. It is cut and compared, never trusted to be well formed,
//! and text is only built when a segment is recorded.

use std::net::{IpAddr, SocketAddr};

use http::header::{HOST, HeaderMap, HeaderName};
use http::uri::Uri;
use http::{HeaderValue, request};

/// Who called, and whether `X-Forwarded-For` said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) ip: IpAddr,
    pub(crate) forwarded: bool,
}

/// Host and port as the request names them: the `Host` header, else the authority of the URI (HTTP/2).
pub(crate) fn authority<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let header = headers.get(HOST).and_then(|host| host.to_str().ok()).filter(|host| !host.is_empty());
    header.or_else(|| uri.authority().map(http::uri::Authority::as_str)).map(without_userinfo)
}

/// Host and port that a request goes to: the authority of its URI, else the `Host` header.
pub(crate) fn authority_called<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let authority = uri.authority().map(http::uri::Authority::as_str);
    authority.or_else(|| headers.get(HOST).and_then(|host| host.to_str().ok())).map(without_userinfo)
}

/// The host of `authority`, without port. An IPv6 address keeps its brackets.
pub(crate) fn host(authority: &str) -> &str {
    let authority = without_userinfo(authority);
    if authority.starts_with('[') {
        return match authority.split_once(']') {
            // The bracket is one byte long, so the cut is on a boundary.
            Some((address, _)) => authority.get(..=address.len()).unwrap_or(authority),
            None => authority,
        };
    }
    authority.split_once(':').map_or(authority, |(host, _)| host)
}

/// `scheme://authority/path`, without query, fragment and user information.
pub(crate) fn url(scheme: &str, authority: &str, path: &str) -> String {
    let mut url = String::with_capacity(scheme.len() + 3 + authority.len() + path.len());
    url.push_str(scheme);
    url.push_str("://");
    url.push_str(without_userinfo(authority));
    // `OPTIONS *` is about the server, not a resource: its URL has no path.
    if path != "*" {
        url.push_str(path);
    }
    url
}

/// The scheme of a served request: the URI's own, else what a proxy in front of us says, else `http`.
///
/// `X-Forwarded-Proto` only ever chooses between the two words.
pub(crate) fn served_scheme<'a>(headers: &HeaderMap, uri: &'a Uri) -> &'a str {
    match uri.scheme_str() {
        Some(scheme) => scheme,
        None => match first(headers, &X_FORWARDED_PROTO) {
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
            _ => "http",
        },
    }
}

/// The first address of `X-Forwarded-For`, else `peer`, else a [`SocketAddr`] among the extensions.
///
/// What is not an address (`unknown`, a host name) is passed over: the field is for addresses. Some
/// load balancers add the caller's port, which is taken off.
pub(crate) fn caller(parts: &request::Parts, peer: Option<IpAddr>) -> Option<Caller> {
    if let Some(ip) = first(&parts.headers, &X_FORWARDED_FOR).and_then(address) {
        return Some(Caller { ip, forwarded: true });
    }
    let peer = peer.or_else(|| parts.extensions.get::<SocketAddr>().map(SocketAddr::ip));
    peer.map(|ip| Caller { ip: ip.to_canonical(), forwarded: false })
}

/// A message's `Content-Length`, bytes.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Bytes of a header, for the parsers that take them.
pub(crate) fn bytes<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    headers.get(name).map(HeaderValue::as_bytes)
}

/// The trace header, `X-Amzn-Trace-Id`.
pub(crate) const TRACE_HEADER: HeaderName = HeaderName::from_static(xray_core::header::NAME);
/// W3C Trace Context's header.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static(xray_core::header::TRACEPARENT);
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The first element of a comma-separated header.
fn first<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()?.split(',').next().map(str::trim)
}

fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let ip = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|peer| peer.ip()));
    ip.map(|ip: IpAddr| ip.to_canonical())
}

fn without_userinfo(authority: &str) -> &str {
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

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
            ("user:secret@example.com:80", "example.com"),
            ("", ""),
            (":80", ""),
        ] {
            assert_eq!(host(authority), expected, "{authority}");
        }
    }

    #[test]
    fn a_url_has_no_user_information() {
        assert_eq!(url("http", "example.com", "*"), "http://example.com");
        assert_eq!(url("https", "me:secret@example.com:8443", "/a"), "https://example.com:8443/a");
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
            let caller = caller(&parts(&[("x-forwarded-for", value)]), None);
            let expected = expected.map(|ip| Caller { ip: ip.parse().unwrap(), forwarded: true });
            assert_eq!(caller, expected, "{value}");
        }
    }

    #[test]
    fn without_a_usable_forwarded_address_the_peer_counts() {
        let peer: IpAddr = "192.0.2.4".parse().unwrap();
        let expected = Some(Caller { ip: peer, forwarded: false });
        assert_eq!(caller(&parts(&[]), Some(peer)), expected);
        assert_eq!(caller(&parts(&[("x-forwarded-for", "unknown")]), Some(peer)), expected);

        let mut parts = parts(&[]);
        parts.extensions.insert(SocketAddr::new("::ffff:192.0.2.4".parse().unwrap(), 4711));
        assert_eq!(caller(&parts, None), expected);
    }

    #[test]
    fn the_forwarded_protocol_chooses_between_two_words() {
        let uri = Uri::from_static("/a");
        assert_eq!(served_scheme(&parts(&[]).headers, &uri), "http");
        assert_eq!(served_scheme(&parts(&[("x-forwarded-proto", "HTTPS, http")]).headers, &uri), "https");
        assert_eq!(served_scheme(&parts(&[("x-forwarded-proto", "gopher")]).headers, &uri), "http");
        assert_eq!(served_scheme(&parts(&[]).headers, &Uri::from_static("https://h/a")), "https");
    }

    #[test]
    fn a_content_length_that_is_no_number_is_none() {
        assert_eq!(content_length(&parts(&[("content-length", "12")]).headers), Some(12));
        assert_eq!(content_length(&parts(&[("content-length", "-1")]).headers), None);
        assert_eq!(content_length(&parts(&[]).headers), None);
    }
}
