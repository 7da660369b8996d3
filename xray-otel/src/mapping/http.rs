//! The `http` block.

use std::net::IpAddr;

use xray_core::document::{Document, Http, HttpRequest, HttpResponse, names};

use super::attributes::{Reader, cut};
use crate::losses::Losses;
use crate::span::Kind;

pub(super) fn describe(document: &mut Document, kind: Kind, reader: &mut Reader<'_>, losses: &mut Losses) {
    let served = kind == Kind::Server;
    let original = reader.text(&["http.request.method_original"]);
    let method = reader.text(&["http.request.method", "http.method"]);
    // `_OTHER` stands for a method that the conventions do not know.
    let method = method.map(|method| if method == "_OTHER" { original.unwrap_or(method) } else { method });
    let status = reader.take(&["http.response.status_code", "http.status_code"], status);
    let length = reader.take(&["http.response.body.size", "http.response_content_length"], length);
    if method.is_none() && status.is_none() && reader.peek(&["url.full", "http.url"]).is_none() {
        return;
    }

    let mut request = HttpRequest::default();
    request.method = method.map(|method| short(method, losses));
    request.url = url(served, reader).map(|url| names::url(&url).into_owned()).filter(|url| !url.is_empty());
    // What a URL was put together of says nothing new; the query is nobody's business.
    for part in ["url.path", "url.scheme", "url.query", "http.target", "http.scheme", "url.fragment"] {
        reader.text(&[part]);
    }
    request.user_agent = reader.text(&["user_agent.original", "http.user_agent"]).map(|agent| short(agent, losses));
    if served {
        let forwarded = reader.take(&["client.address", "http.client_ip"], address);
        let peer = reader.take(&["network.peer.address", "net.sock.peer.addr", "net.peer.ip"], address);
        request.x_forwarded_for = forwarded.is_some() && peer.is_none() && document.kind.is_none();
        request.client_ip = forwarded.or(peer);
    }

    if !served {
        request.traced = reader.bool("aws.xray.traced") == Some(true);
    }

    let mut response = HttpResponse::default();
    response.status = status;
    response.content_length = length;
    let mut http = Http::default();
    http.request = Some(request).filter(|request| *request != HttpRequest::default());
    http.response = Some(response).filter(|response| *response != HttpResponse::default());
    document.http = Some(http).filter(|http| *http != Http::default());
}

fn url(served: bool, reader: &mut Reader<'_>) -> Option<String> {
    if let Some(url) = reader.text(&["url.full", "http.url"]) {
        // Clients say where they went in both ways.
        if !served && url.contains("://") {
            reader.text(&["server.address", "net.peer.name"]);
            reader.take(&["server.port", "net.peer.port"], port);
        }
        return Some(url.to_owned());
    }
    let scheme = reader.peek(&["url.scheme", "http.scheme"]).unwrap_or("http");
    let target = reader.peek(&["url.path", "http.target"]);
    // Other names of hosts and ports stay attributes: on a server they also tell which of its addresses was called.
    let host = if served {
        reader.peek(&["server.address", "http.host", "http.server_name", "net.host.name"])
    } else {
        reader.peek(&["server.address", "http.host", "net.peer.name", "network.peer.address", "net.peer.ip"])
    };
    let host = host.or(if served { reader.peek(&["host.name"]) } else { None });
    let path = target.map(|path| if path.starts_with('/') { path.to_owned() } else { format!("/{path}") });
    let Some(host) = host else { return path };
    let port = reader.take(&["server.port", if served { "net.host.port" } else { "net.peer.port" }], port);
    for name in
        ["server.address", "http.host", "http.server_name", if served { "net.host.name" } else { "net.peer.name" }]
    {
        reader.text(&[name]);
    }
    let usual = matches!((scheme, port), (_, None) | ("http", Some(80)) | ("https", Some(443)));
    // A bare IPv6 address has colons of its own.
    let bare = host.parse::<std::net::Ipv6Addr>().is_ok();
    let host = if bare { format!("[{host}]") } else { host.to_owned() };
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let port = match port {
        Some(port) if !usual && !has_port => format!(":{port}"),
        _ => String::new(),
    };
    Some(format!("{scheme}://{host}{port}{}", path.as_deref().unwrap_or("/")))
}

fn short(text: &str, losses: &mut Losses) -> String {
    cut(text, SHORT_CHARS, losses).into_owned()
}

type Value = crate::span::Value;

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn status(value: &Value) -> Option<i64> {
    number(value).filter(|status| (100..=999).contains(status))
}

fn length(value: &Value) -> Option<i64> {
    number(value).filter(|bytes| *bytes >= 0)
}

fn port(value: &Value) -> Option<u16> {
    number(value).and_then(|port| u16::try_from(port).ok())
}

fn address(value: &Value) -> Option<String> {
    let address: IpAddr = value.as_str()?.trim().parse().ok()?;
    Some(address.to_canonical().to_string())
}

/// Longest method or user agent, characters. Ours to choose, as the `tracing` layer's.
const SHORT_CHARS: usize = 250;
