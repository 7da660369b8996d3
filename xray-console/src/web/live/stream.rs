//! `/live/events`: what happens in the store, for pages that are open, as server-sent events.
//!
//! | event | data |
//! |---|---|
//! | `rows` | the lines of traces that came or changed, as rows of the list |
//! | `reload` | none: more happened than is told, or everything was forgotten |
//! | `alive` | none: the first of each stream, and what comes when nothing else does |
//! | `full` | how many pages follow: as many as may, so that this one is not told. An answer of its own, as `EventSource` does not tell a page the status of an answer |
//! | `again` | none: the stream ends, before the server would end its connection; the page asks anew |
//!
//! With `after`, the time at which the page was made (seconds since the epoch), it begins with what came since: between a
//! page and its events nothing is lost: if more came than is told, `reload` is. With `trace`, it is of that trace alone, for the pages that show one.
//!
//! Changes are gathered for a quarter of a second. Nobody who reads slowly makes memory grow: a handful of messages wait
//! for the reader, and while they do, changes are left to the store's channel, which drops the oldest; then all the reader
//! gets is `reload`.
//!
//! Source: HTML Living Standard, "Server-sent events".

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, sleep, sleep_until};
use xray_core::TraceId;

use crate::Filter;
use crate::api::Body;
use crate::store::Change;
use crate::web::Pages;
use crate::web::answer::{Answer, protect};
use crate::web::asked::Asked;
use crate::web::health::is_health_check;
use crate::web::item::Item;

/// Where it is.
pub(in crate::web) const EVENTS: &str = "/live/events";

/// Browsers told at once; a connection each.
pub(in crate::web) const FOLLOWERS: usize = 32;

/// Between two messages, at least.
const PAUSE: Duration = Duration::from_millis(250);
/// After so long without news, a sign of life; it also finds readers that have gone without closing. What happens to
/// others is no news: a page is to know that it is told.
const ALIVE: Duration = Duration::from_secs(15);
/// A stream's life: less than the server gives a connection, so that no page takes its end for the console's.
const LIFE: Duration = Duration::from_secs(540);
/// Traces told of in one message; if more changed, the list is to be asked for.
const TRACES: usize = 100;
/// Seconds before `after` that are told again: a page looks before it is made, and a line told twice does no harm.
const BEFORE: f64 = 1.0;
/// Messages that wait for a slow reader.
const WAITING: usize = 2;

/// Who follows, and what of.
struct Follower {
    pages: Arc<Pages>,
    /// Of this trace alone.
    trace: Option<TraceId>,
    filter: Option<Filter>,
    /// Health checks, too.
    health: bool,
}

/// What changed since the last message.
#[derive(Default)]
struct Changed {
    /// Nothing else is told.
    only: Option<TraceId>,
    ids: Vec<TraceId>,
    /// More than are told, or what is shown was forgotten.
    reload: bool,
}

/// The stream; a filter that is none is answered at once.
pub(in crate::web) fn follow(asked: &Asked) -> Response<Body> {
    let filter = match asked.query.filter().map(|text| asked.api().parsed(text)).transpose() {
        Ok(filter) => filter,
        Err(error) => {
            return Answer::text(error.to_string()).with_status(StatusCode::BAD_REQUEST).into_response(asked);
        }
    };
    let Ok(permit) = Arc::clone(&asked.pages.followers).try_acquire_owned() else {
        return streamed(Body::Whole(Full::new(event("full", &FOLLOWERS.to_string()))));
    };
    let trace = asked.query.get("trace").and_then(|id| id.parse().ok());
    let follower = Follower {
        pages: Arc::clone(&asked.pages),
        trace,
        filter,
        health: trace.is_some() || asked.query.get("health") == Some("1"),
    };
    let (to, parts) = mpsc::channel(WAITING);
    let changes = asked.store().subscribe();
    let after = asked.query.get("after").and_then(|after| after.parse::<f64>().ok());
    tokio::spawn(run(Arc::new(follower), after, changes, to, permit));
    streamed(Body::Stream(parts))
}

fn streamed(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    protect(response.headers_mut());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Until the reader is gone, or the server.
async fn run(
    follower: Arc<Follower>,
    mut after: Option<f64>,
    mut changes: Receiver<Change>,
    to: mpsc::Sender<Bytes>,
    permit: OwnedSemaphorePermit,
) {
    // The head of the answer leaves with the first bytes.
    let mut message = event("alive", "");
    let end = Instant::now() + LIFE;
    loop {
        if to.send(message).await.is_err() {
            return;
        }
        if let Some(after) = after.take() {
            let follower = Arc::clone(&follower);
            let told = move || follower.since(after - BEFORE).map(|ids| follower.rows(&ids));
            let Ok(told) = tokio::task::spawn_blocking(told).await else { return };
            match told.as_deref() {
                Some("") => {}
                told => {
                    message = told.map_or_else(|| event("reload", ""), |rows| event("rows", rows));
                    continue;
                }
            }
        }
        if Instant::now() >= end {
            // Its place is free before the page asks for it anew.
            drop(permit);
            let _ = to.send(event("again", "")).await;
            return;
        }
        let silent = (Instant::now() + ALIVE).min(end);
        message = loop {
            let mut changed = Changed { only: follower.trace, ..Changed::default() };
            // In this order: where changes never cease, a sign of life is due all the same.
            let next = tokio::select! {
                biased;
                () = to.closed() => return,
                () = sleep_until(silent) => break event("alive", ""),
                next = changes.recv() => next,
            };
            match next {
                Ok(change) => changed.add(change),
                Err(RecvError::Lagged(_)) => changed.reload = true,
                Err(RecvError::Closed) => return,
            }
            if changed.is_empty() {
                continue;
            }
            sleep(PAUSE).await;
            changed.gather(&mut changes);
            if changed.reload {
                break event("reload", "");
            }
            let follower = Arc::clone(&follower);
            let Ok(rows) = tokio::task::spawn_blocking(move || follower.rows(&changed.ids)).await else { return };
            if !rows.is_empty() {
                break event("rows", &rows);
            }
        };
    }
}

impl Changed {
    fn add(&mut self, change: Change) {
        match change {
            Change::Put { id, .. } | Change::Evicted(id) if self.only.is_some_and(|only| only != id) => {}
            Change::Put { id, .. } if self.ids.contains(&id) => {}
            Change::Put { id, .. } if self.ids.len() < TRACES => self.ids.push(id),
            Change::Put { .. } | Change::Cleared => self.reload = true,
            // A list goes on without it.
            Change::Evicted(_) => self.reload |= self.only.is_some(),
        }
    }

    fn is_empty(&self) -> bool {
        self.ids.is_empty() && !self.reload
    }

    /// All that is there by now.
    fn gather(&mut self, changes: &mut Receiver<Change>) {
        loop {
            match changes.try_recv() {
                Ok(change) => self.add(change),
                Err(TryRecvError::Lagged(_)) => self.reload = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }
}

impl Follower {
    /// The traces of which something came at this time or later, in the order in which it came; none if that are more
    /// than are told.
    fn since(&self, after: f64) -> Option<Vec<TraceId>> {
        let store = self.pages.api.store();
        let after = Duration::try_from_secs_f64(after.max(0.0)).unwrap_or(Duration::MAX);
        let Some(trace) = self.trace else { return store.changed_since(after, TRACES) };
        let info = store.info(trace.as_str());
        Some(info.filter(|info| info.last >= after).map(|_| trace).into_iter().collect())
    }

    /// The lines of those that are meant, in the order in which they came.
    fn rows(&self, ids: &[TraceId]) -> String {
        let rows = ids.iter().filter_map(|id| self.pages.api.store().row(id.as_str()));
        let meant = rows.filter(|row| {
            self.filter.as_ref().is_none_or(|filter| filter.matches(&row.facts))
                && (self.health || !is_health_check(&row.facts))
        });
        let row = |row: crate::store::Row| {
            let item = Item::of(&row);
            item.row(item.response.unwrap_or_default()).into_string()
        };
        meant.map(row).collect()
    }
}

/// A message. Lines of data are marked one by one.
fn event(name: &str, data: &str) -> Bytes {
    let mut message = format!("event: {name}\n");
    for line in data.split(['\n', '\r']) {
        message.push_str("data: ");
        message.push_str(line);
        message.push('\n');
    }
    message.push('\n');
    Bytes::from(message)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::sync::Semaphore;
    use tokio::time::timeout;
    use xray_core::document::Document;

    use super::*;
    use crate::{Console, Store};

    fn put(store: &Store, number: usize) {
        let document = format!(
            r#"{{"name":"a","id":"53995c3f42cd8ad8","trace_id":"1-5759e988-{number:024x}","start_time":1,"end_time":2}}"#
        );
        store.put(&Document::parse(document).unwrap());
    }

    #[test]
    fn changes_are_told_once_each_and_too_many_as_a_reload() {
        let store = Store::new();
        let mut changes = store.subscribe();
        for number in [1, 2, 1, 2, 3] {
            put(&store, number);
        }
        let mut changed = Changed::default();
        changed.gather(&mut changes);
        assert_eq!((changed.ids.len(), changed.reload), (3, false));

        (0..=TRACES).for_each(|number| put(&store, number));
        let mut changed = Changed::default();
        changed.gather(&mut changes);
        assert!(changed.reload);

        (0..=crate::store::CHANGES).for_each(|_| put(&store, 1));
        let mut changed = Changed::default();
        changed.gather(&mut changes);
        assert!(changed.reload, "who lags is told to look again");

        let only = "1-5759e988-0000000000000000000000aa".parse().ok();
        let mut changed = Changed { only, ..Changed::default() };
        (0..=TRACES).for_each(|number| put(&store, number));
        changed.gather(&mut changes);
        assert_eq!((changed.ids.len(), changed.reload), (0, false), "of others nothing");
        put(&store, 0xaa);
        changed.gather(&mut changes);
        assert_eq!((changed.ids.len(), changed.reload), (1, false));

        store.clear();
        let mut changed = Changed::default();
        changed.gather(&mut changes);
        assert!(changed.reload);
    }

    fn follower(console: &Console, filter: Option<&str>) -> Follower {
        let here = SocketAddr::from(([127, 0, 0, 1], 2000));
        let pages = Arc::new(Pages::new(console.api(), here, here));
        Follower { pages, trace: None, filter: filter.map(|filter| Filter::parse(filter).unwrap()), health: true }
    }

    #[tokio::test(start_paused = true)]
    async fn where_nothing_that_changes_fits_there_are_signs_of_life_and_an_end() {
        let console = Console::start().unwrap();
        let store = console.store().clone();
        let (to, mut parts) = mpsc::channel(WAITING);
        let permit = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
        tokio::spawn(run(Arc::new(follower(&console, Some("fault"))), None, store.subscribe(), to, permit));
        tokio::spawn(async move {
            loop {
                put(&store, 1);
                sleep(PAUSE / 2).await;
            }
        });
        let mut told = Vec::new();
        while let Some(message) = timeout(ALIVE + 2 * PAUSE, parts.recv()).await.expect("a sign of life") {
            told.push(message);
        }
        assert_eq!(told.pop(), Some(event("again", "")));
        assert!(told.iter().all(|message| *message == event("alive", "")), "{told:?}");
        assert!((36..40).contains(&told.len()), "540 s, at most 15.25 s each: {}", told.len());
    }

    #[test]
    fn of_what_came_since_all_is_told_or_that_it_is_not() {
        let console = Console::start().unwrap();
        let follower = follower(&console, None);
        (0..TRACES).for_each(|number| put(console.store(), number));
        assert_eq!(follower.since(0.0).map(|ids| ids.len()), Some(TRACES));
        put(console.store(), TRACES);
        assert_eq!(follower.since(0.0), None);
        assert_eq!(follower.since(f64::MAX), Some(Vec::new()));
    }

    #[test]
    fn a_message_cannot_be_broken_out_of() {
        assert_eq!(event("rows", "a\n\nevent: b\rc"), "event: rows\ndata: a\ndata: \ndata: event: b\ndata: c\n\n");
    }
}
