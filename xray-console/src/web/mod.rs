//! The console's pages: what a browser shows, on the port that takes segments.
//!
//! HTML is rendered here and works without JavaScript; ES modules of ours (`ui/*.js`, shipped as they are written but for comments) make it
//! quicker: they fetch parts of the same pages, by the page's own URL with `part=…`. There is no other interface behind
//! the pages, and no request to any other host.
//!
//! | path | shows | in |
//! |---|---|---|
//! | `/traces` | the list | `traces/` |
//! | `/t/ID` | one trace along time | `trace/` |
//! | `/map` | the service map | `map/` |
//! | `/live` | traces as they end | `live/` |
//! | `/sampling`, `/diagnostics`, `/about` | rules and their counts; what came and what was refused; keys | each its own |
//! | `/assets/NAME` | styles and scripts | `assets.rs` |
//!
//! # Adding a page
//!
//! A function from [`Asked`] to [`Answer`], named in [`PAGES`]. It is called on one of the server's threads that may
//! block, after the guard has let the request in. It looks at [`Asked::query`], asks [`Asked::api`], and answers with
//! [`Asked::page`] (a [`Frame`] around its markup) or, if [`Asked::part`] names a part, with [`Answer::part`]. Styles and
//! scripts of its own are files in `ui/`, listed in `assets.rs` and named in the frame. Text of strangers goes through
//! [`shown`]; maud escapes the rest. A parameter of its own is added to `KNOWN` in `query.rs`; others are not read.
//!
//! # Safety
//!
//! Who may see pages is the guard's to say (`api/guard.rs`). Every answer forbids inline script and style, frames, other
//! hosts, and forms to elsewhere ([`answer::POLICY`]).

mod about;
mod answer;
mod asked;
mod assets;
mod condition;
mod demo;
mod diagnostics;
mod frame;
mod health;
mod item;
mod lean;
mod live;
mod map;
mod query;
mod sampling;
mod shown;
mod trace;
mod traces;
mod wrong;

use std::net::SocketAddr;
use std::sync::Arc;

use http::{Method, Request, Response};
use hyper::body::Incoming;
use maud::html;
use tokio::sync::Semaphore;

use crate::api::{Api, ApiError, Body, Caller, Guard, Kind};

pub(crate) use query::escaped;

use answer::Answer;
use asked::Asked;
use assets::Assets;
use frame::{Frame, Section};
use query::Query;
use shown::shown;

/// What all pages share.
pub(crate) struct Pages {
    api: Arc<Api>,
    /// Where the console listens by TCP.
    address: SocketAddr,
    /// Where it listens by UDP.
    udp: SocketAddr,
    assets: Assets,
    /// Traces somebody looks at.
    recent: trace::Recent,
    /// Browsers that are told what happens.
    followers: Arc<Semaphore>,
}

/// A page: the whole path, or what it begins with if that ends in `/`.
struct Page {
    path: &'static str,
    show: fn(&Asked) -> Answer,
}

/// Every page. `/assets/NAME` is apart, for it tells nothing about anybody.
static PAGES: &[Page] = &[
    Page { path: "/", show: |asked| Answer::redirect(&asked.query.href("/traces")) },
    Page { path: "/traces", show: traces::show },
    Page { path: "/t/", show: trace::show },
    Page { path: "/map", show: map::show },
    Page { path: "/live", show: live::show },
    Page { path: "/sampling", show: sampling::show },
    Page { path: "/diagnostics", show: diagnostics::show },
    Page { path: "/about", show: about::show },
];

impl Page {
    /// The page at this path, and what of the path is behind the page's own.
    fn at(path: &str) -> Option<(&'static Page, &str)> {
        PAGES.iter().find_map(|page| {
            let rest = path.strip_prefix(page.path)?;
            let is_whole = rest.is_empty() || (page.path.len() > 1 && page.path.ends_with('/'));
            is_whole.then_some((page, rest))
        })
    }
}

impl Pages {
    pub(crate) fn new(api: Arc<Api>, address: SocketAddr, udp: SocketAddr) -> Pages {
        Pages {
            api,
            address,
            udp,
            assets: Assets::new(),
            recent: trace::Recent::default(),
            followers: Arc::new(Semaphore::new(live::FOLLOWERS)),
        }
    }

    /// What `AWS_XRAY_DAEMON_ADDRESS` is set to by who calls this machine so.
    fn daemon(&self, host: &str) -> String {
        match (self.address.port(), self.udp.port()) {
            (tcp, udp) if tcp == udp => format!("{host}:{udp}"),
            (tcp, udp) => format!("tcp:{host}:{tcp} udp:{host}:{udp}"),
        }
    }

    /// Whether traces of the sample shop may be put in. What goes on to AWS X-Ray is nobody's to play with.
    fn sends_demo(&self) -> bool {
        self.api.upstream().is_none()
    }
}

/// The address of the pages of a console that listens here. What listens everywhere is here by the name `localhost`.
pub(crate) fn link(address: SocketAddr, token: Option<&str>) -> String {
    let token = token.map(|token| format!("?token={}", escaped(token))).unwrap_or_default();
    match address.ip().is_unspecified() {
        true => format!("http://localhost:{}/{token}", address.port()),
        false => format!("http://{address}/{token}"),
    }
}

/// Answers what a browser asks for; gives back what is no page's.
pub(crate) async fn serve(
    pages: &Arc<Pages>,
    guard: &Guard,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Request<Incoming>> {
    let acts = *request.method() == Method::POST && request.uri().path() == demo::PATH;
    if !acts && !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(request);
    }
    let asked = Asked::new(Arc::clone(pages), request.uri(), request.headers());
    let page = Page::at(&asked.path).map(|(page, rest)| (page.show, rest.to_owned()));
    let page = if acts { Some((demo::send as fn(&Asked) -> Answer, String::new())) } else { page };
    let follows = asked.path == live::EVENTS;
    let asset = asked.path.strip_prefix("/assets/").filter(|_| guard.queries);
    if page.is_none() && asset.is_none() && !follows && !asked.wants_html {
        return Err(request);
    }
    if uri_bytes(request.uri()) > query::ADDRESS || asked.query.is_too_long() {
        return Ok(too_long().into_response(&asked));
    }
    if let Some(name) = asset {
        return Ok(pages.assets.answer(name, &asked).into_response(&asked));
    }
    let caller = Caller { peer: peer.ip(), uri: request.uri(), headers: request.headers() };
    if let Some(token) = asked.query.get("token").filter(|token| guard.knows(token)) {
        return Ok(welcome(&asked, &guard.cookie(&caller), token).into_response(&asked));
    }
    if let Err(error) = guard.admit(if acts { Kind::Query } else { Kind::Page }, &caller) {
        return Ok(refused(&asked, &error).into_response(&asked));
    }
    if follows {
        return Ok(live::follow(&asked));
    }
    let Some((show, rest)) = page else { return Ok(missing(&asked).into_response(&asked)) };
    let asked = Asked { rest, ..asked };
    let takes_gzip = asked.takes_gzip;
    let shown = tokio::task::spawn_blocking(move || show(&asked).into_response(&asked)).await;
    Ok(shown.unwrap_or_else(|_| Answer::broken_off().into_response_for(takes_gzip)))
}

fn uri_bytes(uri: &http::Uri) -> usize {
    uri.path().len() + uri.query().map_or(0, str::len)
}

/// The address that was asked for, if a page of ours is there; else that of the list. What a path may begin with
/// besides (`//name`, `/\name`) means another host in a link.
fn own(asked: &Asked, query: &Query) -> String {
    query.href(Page::at(&asked.path).map_or("/traces", |_| &asked.path))
}

/// Takes the token out of the address, into a cookie. Not by a redirect: after a link on another site's page browsers
/// would send the cookie to none of the redirects that follow, but they do to what the page itself leads to.
fn welcome(asked: &Asked, cookie: &str, token: &str) -> Answer {
    let to = own(asked, &asked.query.without("token"));
    let page = html! {
        (maud::DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; meta http-equiv="refresh" content={ "0;url=" (to) }; title { "xrc" } }
            body { p { a href=(to) { "Go on to the console" } } }
        }
    };
    Answer::page(page).with_cookie(&format!("{cookie}={}; Path=/; HttpOnly; SameSite=Strict", escaped(token)))
}

/// Who is not let in gets no frame, and the reason.
fn refused(asked: &Asked, error: &ApiError) -> Answer {
    let body = html! {
        h1 { "No entry" }
        p { (shown(error.message())) }
        // After a link on another site's page the cookie is not sent; after one on this page it is.
        p { a href=(own(asked, &asked.query)) { "Try again" } }
        p { "With the token, the address is the one that " code { "xrc up" } " printed, which ends in " code { "?token=…" } }
    };
    Answer::page(frame::bare("No entry", &body)).with_status(error.kind().status())
}

/// Its parameters would be in each of the page's links.
fn too_long() -> Answer {
    let body = html! {
        h1 { "The address is too long" }
        p { "Pages are shown for addresses of at most " (query::ADDRESS) " bytes. A shorter filter makes a shorter address." }
        p { a href="/traces" { "Traces" } " · " a href="/map" { "Map" } " · " a href="/about" { "Help" } }
    };
    Answer::page(frame::bare("The address is too long", &body)).with_status(http::StatusCode::URI_TOO_LONG)
}

fn missing(asked: &Asked) -> Answer {
    let body = html! {
        h1 { "No such page" }
        p { "There is nothing at " code { (shown(&asked.path)) } "." }
        p { a href="/traces" { "Traces" } " · " a href="/map" { "Map" } " · " a href="/about" { "Help" } }
    };
    let frame = Frame { title: "No such page", ..Frame::new(Section::None) };
    asked.page(&frame, body).with_status(http::StatusCode::NOT_FOUND)
}
