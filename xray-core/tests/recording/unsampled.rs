//! Every scene again under rules that sample nothing: nothing is sent, no trace begins, and the decision and the real
//! trace are found at every depth.

use crate::scenes;
use crate::support::Scene;

/// A test for each scene, named for it.
macro_rules! unsampled {
    ($($scene:ident,)+) => {$(
        #[test]
        fn $scene() {
            Scene::unsampled(scenes::$scene);
        }
    )+};
}

unsampled! {
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
