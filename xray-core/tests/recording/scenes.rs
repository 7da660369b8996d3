//! What programs do to spans and futures, each once: `hazards` plays them sampled, `unsampled` under rules that sample
//! nothing. At every depth a scene asks whether it is still in the trace it belongs to.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::thread;

use futures_util::future::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tracing::{Instrument, Span, debug_span, info_span};
use xray_core::subsegment;

use crate::support::{Scene, Trace, block_on, nothing_is_here, poll, threads, turn};

/// A span with a child, and a look around inside both.
fn work(trace: Trace) {
    info_span!("work").in_scope(|| {
        trace.is_here();
        info_span!("detail").in_scope(|| trace.is_here());
        trace.is_here();
    });
}

/// Work with a pause in each of its spans.
async fn slow_work(trace: Trace) {
    async {
        trace.is_here();
        turn().await;
        trace.is_here();
        async {
            turn().await;
            trace.is_here();
        }
        .instrument(info_span!("detail"))
        .await;
        trace.is_here();
    }
    .instrument(info_span!("work"))
    .await;
}

pub(crate) fn entered_twice(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    let _orders = orders.enter();
    let load = info_span!("load");
    load.in_scope(|| {
        load.in_scope(|| work(trace));
        trace.is_here();
        work(trace);
    });
    trace.is_here();
}

pub(crate) fn entered_again(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    let _orders = orders.enter();
    let load = info_span!("load");
    load.in_scope(|| work(trace));
    work(trace);
    load.in_scope(|| work(trace));
}

/// The registry takes the second entry for none, and `page` for the current span.
pub(crate) fn entered_again_beneath_another_request(scene: &Scene) {
    let (orders, first) = scene.segment("orders");
    let (stock, second) = scene.segment("stock");
    let load = orders.in_scope(|| info_span!("load"));
    let page = stock.in_scope(|| info_span!("page"));
    load.in_scope(|| {
        page.in_scope(|| {
            second.is_here();
            load.in_scope(|| work(first));
            work(second);
        });
        work(first);
    });
}

pub(crate) fn left_in_another_order(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    let _orders = orders.enter();
    let (load, page) = (info_span!("load"), info_span!("page"));
    let inside_load = load.enter();
    let inside_page = page.enter();
    drop(inside_load);
    work(trace);
    drop(inside_page);
    work(trace);
}

pub(crate) fn node_left_before_its_span(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    let inside = orders.enter();
    let load = info_span!("load");
    let inside_load = load.enter();
    drop(inside);
    work(trace);
    drop(inside_load);
    nothing_is_here();
}

pub(crate) fn polled_on_two_threads(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    let mut future = Box::pin(orders.instrument(slow_work(trace)));
    let mut ready = poll(future.as_mut());
    nothing_is_here();
    while !ready {
        let dispatch = scene.dispatch();
        (future, ready) = thread::spawn(move || {
            tracing::dispatcher::with_default(&dispatch, || {
                let ready = poll(future.as_mut());
                nothing_is_here();
                (future, ready)
            })
        })
        .join()
        .unwrap();
    }
}

pub(crate) fn moved_between_threads_by_tokio(scene: &Scene) {
    let mut tasks = Vec::new();
    let runtime = threads(scene.dispatch());
    for _ in 0..3 {
        let (orders, trace) = scene.segment("orders");
        tasks.push(runtime.spawn(orders.instrument(async move {
            for _ in 0..20 {
                tokio::task::yield_now().await;
                trace.is_here();
            }
            slow_work(trace).await;
        })));
    }
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
}

pub(crate) fn dropped_half_way(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    let _orders = orders.enter();
    let mut future = Box::pin(slow_work(trace));
    assert!(!poll(future.as_mut()));
    drop(future);
    work(trace);
}

pub(crate) fn dropped_before_the_first_poll(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    let _orders = orders.enter();
    drop(slow_work(trace).instrument(info_span!("never polled")));
    work(trace);
}

pub(crate) fn cancelled(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    let mut future = Box::pin(orders.instrument(async move {
        let call = subsegment("stock").open();
        call.instrument(slow_work(trace)).await;
    }));
    assert!(!poll(future.as_mut()));
    drop(future);
    nothing_is_here();
}

pub(crate) fn spawned_with_instrument(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    let runtime = threads(scene.dispatch());
    let task = orders.in_scope(|| runtime.spawn(slow_work(trace).instrument(info_span!("task"))));
    runtime.block_on(task).unwrap();
}

pub(crate) fn spawned_in_current_span(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    let runtime = threads(scene.dispatch());
    let task = orders.in_scope(|| {
        let load = info_span!("load");
        load.in_scope(|| runtime.spawn(slow_work(trace).in_current_span()))
    });
    runtime.block_on(task).unwrap();
}

pub(crate) fn spawned_in_the_carrier(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    let runtime = threads(scene.dispatch());
    let task = orders.carrier().in_scope(|| runtime.spawn(slow_work(trace).in_current_span()));
    runtime.block_on(task).unwrap();
}

pub(crate) fn spawned_without_its_span(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    let runtime = threads(scene.dispatch());
    // Its span has nothing above it there, and opens a segment of its own.
    scene.more_segments(1);
    let task = orders.in_scope(|| {
        runtime.spawn(async {
            nothing_is_here();
            async { Trace::of(&xray_core::current()).is_here() }.instrument(info_span!("lost")).await;
            nothing_is_here();
        })
    });
    runtime.block_on(task).unwrap();
    orders.in_scope(|| work(trace));
}

pub(crate) fn blocking_work(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    let runtime = threads(scene.dispatch());
    let task = orders.in_scope(|| {
        let load = info_span!("load");
        runtime.spawn_blocking(move || load.in_scope(|| work(trace)))
    });
    runtime.block_on(task).unwrap();
}

pub(crate) fn joined(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    block_on(orders.instrument(async move {
        tokio::join!(
            slow_work(trace).instrument(info_span!("left")),
            slow_work(trace).instrument(info_span!("right")),
            async move {
                turn().await;
                work(trace);
            },
        );
        trace.is_here();
    }));
}

pub(crate) fn selected(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    block_on(orders.instrument(async move {
        tokio::select! {
            biased;
            () = slow_work(trace).instrument(info_span!("loses")) => unreachable!(),
            () = turn().instrument(info_span!("wins")) => {}
        }
        work(trace);
    }));
}

pub(crate) fn unordered(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    block_on(orders.instrument(async move {
        let mut all: FuturesUnordered<_> =
            (0..3).map(|part| slow_work(trace).instrument(info_span!("part", annotation.part = part))).collect();
        while all.next().await.is_some() {
            trace.is_here();
        }
    }));
}

/// Requests of different traces, polled by one `FuturesUnordered`, which itself is polled in a span of a third.
pub(crate) fn requests_in_one_set(scene: &Scene) {
    let (batch, trace) = scene.segment("batch");
    let mut all = FuturesUnordered::new();
    for _ in 0..3 {
        let (orders, trace) = scene.segment("orders");
        all.push(orders.instrument(slow_work(trace)));
    }
    block_on(batch.instrument(async move {
        while all.next().instrument(info_span!("wait")).await.is_some() {
            work(trace);
        }
    }));
}

/// Whoever polls a shared future, its work belongs where it was instrumented.
pub(crate) fn shared(scene: &Scene) {
    let (orders, first) = scene.segment("orders");
    let (stock, second) = scene.segment("stock");
    let shared = orders.in_scope(|| slow_work(first).instrument(info_span!("refresh"))).shared();
    let mut one = pin!(orders.instrument(shared.clone()));
    let mut two = pin!(stock.instrument(async move {
        shared.await;
        work(second);
    }));
    assert!(!poll(one.as_mut()));
    while !poll(two.as_mut()) {}
    assert!(poll(one.as_mut()));
}

pub(crate) fn interleaved_by_hand(scene: &Scene) {
    let (first, one) = scene.segment("first");
    let (second, two) = scene.segment("second");
    let request = |trace: Trace| async move {
        slow_work(trace).instrument(info_span!("load")).await;
        trace.is_here();
        slow_work(trace).await;
    };
    let mut first = Box::pin(first.instrument(request(one)));
    let mut second = Box::pin(second.instrument(request(two)));
    let (mut first_done, mut second_done) = (false, false);
    while !(first_done && second_done) {
        first_done = first_done || poll(first.as_mut());
        nothing_is_here();
        second_done = second_done || poll(second.as_mut());
        nothing_is_here();
    }
}

pub(crate) fn foreign_future_polled_inside(scene: &Scene) {
    let (orders, outer) = scene.segment("orders");
    let (stock, inner) = scene.segment("stock");
    let mut foreign = Box::pin(stock.instrument(slow_work(inner)));
    let mut plain = Box::pin(orders.in_scope(|| slow_work(outer).instrument(info_span!("own"))));
    orders.in_scope(|| {
        info_span!("serve").in_scope(|| {
            while !poll(foreign.as_mut()) {
                outer.is_here();
                work(outer);
            }
        });
    });
    // And the other way round: this one's span is a child of `orders`, polled where nothing is open.
    while !poll(plain.as_mut()) {
        nothing_is_here();
    }
}

pub(crate) fn parent_given(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    let (stock, other) = scene.segment("stock");
    let load = orders.in_scope(|| info_span!("load"));
    stock.in_scope(|| {
        info_span!(parent: &load, "page").in_scope(|| work(trace));
        info_span!(parent: load.id(), "page by id").in_scope(|| work(trace));
        work(other);
    });
    drop(load);
    nothing_is_here();
}

/// Parents that are not recorded stand for what is above them.
pub(crate) fn transparent_parent_given(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    let (stock, _) = scene.segment("stock");
    let quiet = orders.in_scope(|| debug_span!("quiet"));
    let quieter = debug_span!(parent: &quiet, "quieter");
    stock.in_scope(|| info_span!(parent: &quieter, "page").in_scope(|| work(trace)));
}

/// `parent: None` asks for a root: a segment of its own.
pub(crate) fn root_asked_for(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    scene.more_segments(1);
    orders.in_scope(|| {
        info_span!(parent: None, "apart").in_scope(|| {
            let apart = xray_core::current().trace_id();
            assert!(apart.is_some() && apart != orders.trace_id());
        });
        work(trace);
    });
}

pub(crate) fn child_outlives_its_segment(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    let load = orders.in_scope(|| info_span!("load"));
    orders.end();
    load.in_scope(|| work(trace));
}

pub(crate) fn grandchild_after_its_segment(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    let load = orders.in_scope(|| info_span!("load"));
    orders.end();
    let page = load.in_scope(|| info_span!("page"));
    drop(load);
    page.in_scope(|| work(trace));
}

/// A view keeps nothing open, but what is opened beneath it afterwards still finds its place.
pub(crate) fn child_opened_after_its_segment(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    let carrier = orders.carrier();
    orders.end();
    carrier.in_scope(|| {
        work(trace);
        work(trace);
    });
}

pub(crate) fn nested_nodes(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    block_on(orders.instrument(async move {
        let call = async {
            trace.is_here();
            let inner = subsegment("inner").open();
            inner.instrument(slow_work(trace)).await;
        };
        let outer = subsegment("outer").open();
        outer.instrument(call.instrument(info_span!("between"))).await;
        trace.is_here();
    }));
}

pub(crate) fn forgotten_entries(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    std::mem::forget(orders.enter());
    work(trace);
    orders.end();
    // What is left of it on this thread disturbs no other request, here or elsewhere.
    let (stock, other) = scene.segment("stock");
    stock.in_scope(|| work(other));
    drop(stock);
    nothing_is_here();
    let dispatch = scene.dispatch();
    thread::scope(|scope| {
        scope.spawn(|| {
            tracing::dispatcher::with_default(&dispatch, || {
                let (stock, other) = scene.segment("elsewhere");
                stock.in_scope(|| work(other));
            });
        });
    });
}

pub(crate) fn panic_inside_spans(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    orders.in_scope(|| {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            info_span!("load").in_scope(|| info_span!("page").in_scope(|| std::panic::resume_unwind(Box::new("torn"))))
        }));
        assert!(caught.is_err());
        trace.is_here();
        work(trace);
    });
}

pub(crate) fn panic_inside_a_future(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    let caught = catch_unwind(AssertUnwindSafe(|| {
        block_on(orders.instrument(async move {
            slow_work(trace).await;
            std::panic::resume_unwind(Box::new("torn"));
        }))
    }));
    assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"torn"));
    nothing_is_here();
}

/// Spans come from one pool of ids, and a guard that is kept must never write to the one that has its id now.
pub(crate) fn ids_used_again(scene: &Scene) {
    let (orders, trace) = scene.segment("orders");
    let kept = orders.in_scope(|| info_span!("first").in_scope(xray_core::current));
    for round in 0..10_000_u32 {
        if round % 1_000 == 0 {
            let (other, trace) = scene.segment("other");
            other.in_scope(|| info_span!("again").in_scope(|| trace.is_here()));
        } else {
            let span = debug_span!(parent: None, "again");
            span.in_scope(Span::current);
        }
        kept.annotate("kept", round);
    }
    orders.in_scope(|| trace.is_here());
}
