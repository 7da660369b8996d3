//! What the tests share: layers in memory, and traces that are asked for at every depth.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use tracing::Dispatch;
use xray_core::document::Document;
use xray_core::{Builder, LateCapture, Node, Rules, Sampled, TraceId, current, segment};
use xray_test::{Captured, ManualClock, SeededEntropy};

/// Seconds since the epoch at which every test begins.
pub(crate) const START: f64 = 1_465_510_280.5;

pub(crate) fn captured() -> Captured {
    captured_with(|builder| builder)
}

pub(crate) fn captured_with(settings: impl FnOnce(Builder) -> Builder) -> Captured {
    Captured::with(ManualClock::at(START), SeededEntropy::new(7), settings)
}

/// With the clock to move.
pub(crate) fn timed(settings: impl FnOnce(Builder) -> Builder) -> (Captured, ManualClock) {
    let clock = ManualClock::at(START);
    (Captured::with(clock.clone(), SeededEntropy::new(7), settings), clock)
}

/// A layer that samples everything or nothing, and the number of segments that a test opened.
pub(crate) struct Scene {
    pub(crate) xray: Captured,
    opened: AtomicU64,
}

impl Scene {
    /// Plays a scene that is sampled; its picture.
    #[track_caller]
    pub(crate) fn sampled(scene: impl FnOnce(&Scene)) -> String {
        let played = Scene::play(captured(), scene);
        assert_eq!(played.xray.stats().segments_unsampled, 0);
        played.xray.picture()
    }

    /// Plays a scene under rules that sample nothing: nothing is sent, and no trace begins that was not asked for.
    #[track_caller]
    pub(crate) fn unsampled(scene: impl FnOnce(&Scene)) {
        let played = Scene::play(captured_with(|builder| builder.rules(Rules::none())), scene);
        let [] = played.xray.documents();
        assert_eq!(played.xray.stats().segments_sampled, 0);
        assert_eq!(played.xray.stats().subsegments_opened, 0);
    }

    /// The same with late capture on, under conditions that no scene meets: recorded, and forgotten at the end.
    #[track_caller]
    pub(crate) fn undecided(scene: impl FnOnce(&Scene)) {
        let never = LateCapture::rules().with_slower_than(std::time::Duration::from_secs(86_400));
        let played = Scene::play(captured_with(|builder| builder.rules(Rules::none()).late_capture(never)), scene);
        let [] = played.xray.documents();
        assert_eq!(played.xray.stats().segments_sampled, 0);
    }

    #[track_caller]
    fn play(xray: Captured, scene: impl FnOnce(&Scene)) -> Scene {
        let played = Scene { xray, opened: AtomicU64::new(0) };
        played.xray.run(|| scene(&played));
        let stats = played.xray.stats();
        assert_eq!(stats.segments_opened, played.opened.load(Ordering::Relaxed), "segments: {stats}");
        // What is still open now would never have been sent.
        played.xray.layer().shutdown(std::time::Duration::ZERO);
        assert_eq!(played.xray.stats().in_progress_announced, 0, "left open:\n{}", played.xray.picture());
        played
    }

    pub(crate) fn segment(&self, name: &str) -> (Node, Trace) {
        self.more_segments(1);
        let node = segment(name).open();
        let trace = Trace::of(&node);
        let undecided = self.xray.stats().late_recorded > 0;
        assert_eq!(trace.sampled == Sampled::Yes || undecided, node.is_recording());
        (node, trace)
    }

    /// Segments that the scene makes otherwise.
    pub(crate) fn more_segments(&self, count: u64) {
        self.opened.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn dispatch(&self) -> Dispatch {
        self.xray.dispatch().clone()
    }
}

/// A trace that a test expects to find itself in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trace {
    root: TraceId,
    sampled: Sampled,
}

impl Trace {
    #[track_caller]
    pub(crate) fn of(node: &Node) -> Trace {
        let header = node.trace_header().expect("a trace header");
        Trace { root: header.root(), sampled: header.sampled().expect("a decision") }
    }

    /// The innermost node of this thread is one of this trace, under its decision.
    #[track_caller]
    pub(crate) fn is_here(self) {
        let header = current().trace_header().expect("a trace where this runs");
        assert_eq!((header.root(), header.sampled()), (self.root, Some(self.sampled)));
        let decision = current().decision().expect("a decision where this runs");
        assert_eq!(decision.sampled(), self.sampled == Sampled::Yes);
    }
}

/// No node is open on this thread.
#[track_caller]
pub(crate) fn nothing_is_here() {
    assert_eq!(current().trace_header(), None);
}

/// Polls once; true when it is ready.
pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> bool {
    future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// Pending once, then ready.
pub(crate) fn turn() -> impl Future<Output = ()> + Send {
    let mut waited = false;
    std::future::poll_fn(move |context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
}

/// Runs a future on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// A runtime of four threads that all have this dispatcher.
pub(crate) fn threads(dispatch: Dispatch) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .on_thread_start(move || std::mem::forget(tracing::dispatcher::set_default(&dispatch)))
        .build()
        .unwrap()
}

/// A test for each scene, named for it, that plays it in one way.
macro_rules! every_scene {
    ($play:path) => {
        every_scene! { @ $play:
            entered_twice,
            entered_again,
            entered_again_beneath_another_request,
            left_in_another_order,
            node_left_before_its_span,
            polled_on_two_threads,
            moved_between_threads_by_tokio,
            dropped_half_way,
            dropped_before_the_first_poll,
            cancelled,
            spawned_with_instrument,
            spawned_in_current_span,
            spawned_in_the_carrier,
            spawned_without_its_span,
            blocking_work,
            joined,
            selected,
            unordered,
            requests_in_one_set,
            shared,
            interleaved_by_hand,
            foreign_future_polled_inside,
            parent_given,
            transparent_parent_given,
            root_asked_for,
            child_outlives_its_segment,
            grandchild_after_its_segment,
            child_opened_after_its_segment,
            nested_nodes,
            forgotten_entries,
            panic_inside_spans,
            panic_inside_a_future,
            ids_used_again,
        }
    };
    (@ $play:path: $($scene:ident,)+) => {$(
        #[test]
        fn $scene() {
            $play(scenes::$scene);
        }
    )+};
}

pub(crate) use every_scene;

/// What a test knows of a subsegment by its name alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Name of the one it hangs on, by nesting or by id; the id where that is not among the documents.
    pub(crate) parent: Option<String>,
    pub(crate) in_progress: bool,
}

/// Every segment and subsegment of these documents by name. Each must be there once: names are unique in such tests.
#[track_caller]
pub(crate) fn by_name(documents: &[Document]) -> BTreeMap<String, Found> {
    let nodes = || documents.iter().flat_map(Document::walk);
    let mut names = BTreeMap::new();
    for node in nodes() {
        // Announced or as it stood at shutdown, then complete: the same node.
        assert!(names.get(&node.id).is_none_or(|name| *name == node.name), "two nodes with the id {}", node.id);
        names.insert(node.id.clone(), node.name.clone());
    }
    let mut found = BTreeMap::new();
    let mut add = |node: &Document, parent: Option<String>| {
        let before = found.insert(node.name.clone(), Found { parent, in_progress: node.in_progress });
        assert_eq!(before, None, "{} came twice", node.name);
    };
    for top in documents {
        let parent = top.parent_id.as_ref().map(|id| names.get(id).unwrap_or(id).clone());
        add(top, parent);
        for node in top.walk() {
            for child in &node.subsegments {
                add(child, Some(node.name.clone()));
            }
        }
    }
    found
}
