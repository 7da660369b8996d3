//! Every scene sampled: the whole trace, in one picture.

use expect_test::{Expect, expect};

use crate::scenes;
use crate::support::Scene;

#[track_caller]
fn check(scene: impl FnOnce(&Scene), picture: Expect) {
    picture.assert_eq(&Scene::sampled(scene));
}

#[test]
fn a_span_entered_twice_is_one_subsegment() {
    check(
        scenes::entered_twice,
        expect![[r#"
        orders  segment
        └ load
          ├ work
          │ └ detail
          └ work
            └ detail
    "#]],
    );
}

#[test]
fn a_span_entered_again_goes_on() {
    check(
        scenes::entered_again,
        expect![[r#"
        orders  segment
        ├ load
        │ ├ work
        │ │ └ detail
        │ └ work
        │   └ detail
        └ work
          └ detail
    "#]],
    );
}

#[test]
fn a_span_entered_again_beneath_another_request_has_its_own_children() {
    check(
        scenes::entered_again_beneath_another_request,
        expect![[r#"
        stock  segment
        └ page
          └ work
            └ detail

        orders  segment
        └ load
          ├ work
          │ └ detail
          └ work
            └ detail
    "#]],
    );
}

#[test]
fn spans_left_in_another_order_keep_their_places() {
    check(
        scenes::left_in_another_order,
        expect![[r#"
        orders  segment
        ├ load
        ├ page
        │ └ work
        │   └ detail
        └ work
          └ detail
    "#]],
    );
}

#[test]
fn a_node_left_before_its_span_leaves_the_span_in_place() {
    check(
        scenes::node_left_before_its_span,
        expect![[r#"
        orders  segment
        └ load
          └ work
            └ detail
    "#]],
    );
}

#[test]
fn a_future_polled_on_many_threads_is_one_trace() {
    check(
        scenes::polled_on_two_threads,
        expect![[r#"
        orders  segment
        └ work
          └ detail
    "#]],
    );
}

#[test]
fn tasks_that_tokio_moves_stay_in_their_traces() {
    check(
        scenes::moved_between_threads_by_tokio,
        expect![[r#"
        orders  segment
        └ work
          └ detail

        orders  segment
        └ work
          └ detail

        orders  segment
        └ work
          └ detail
    "#]],
    );
}

#[test]
fn a_future_dropped_half_way_ends_its_spans() {
    check(
        scenes::dropped_half_way,
        expect![[r#"
        orders  segment
        ├ work
        └ work
          └ detail
    "#]],
    );
}

#[test]
fn a_future_that_is_never_polled_leaves_an_empty_subsegment() {
    check(
        scenes::dropped_before_the_first_poll,
        expect![[r#"
        orders  segment
        ├ never polled
        └ work
          └ detail
    "#]],
    );
}

#[test]
fn a_cancelled_node_says_so() {
    check(
        scenes::cancelled,
        expect![[r#"
        orders  segment error
        └ stock  error
          └ work
    "#]],
    );
}

#[test]
fn a_task_with_a_span_lies_below_its_spawner() {
    check(
        scenes::spawned_with_instrument,
        expect![[r#"
        orders  segment
        └ task
          └ work
            └ detail
    "#]],
    );
}

#[test]
fn a_task_in_the_current_span_lies_below_it() {
    check(
        scenes::spawned_in_current_span,
        expect![[r#"
        orders  segment
        └ load
          └ work
            └ detail
    "#]],
    );
}

#[test]
fn a_task_in_the_carrier_lies_below_the_node() {
    check(
        scenes::spawned_in_the_carrier,
        expect![[r#"
        orders  segment
        └ work
          └ detail
    "#]],
    );
}

#[test]
fn a_task_without_a_span_is_a_trace_of_its_own() {
    check(
        scenes::spawned_without_its_span,
        expect![[r#"
        test  segment
        └ lost

        orders  segment
        └ work
          └ detail
    "#]],
    );
}

#[test]
fn blocking_work_lies_below_the_span_it_enters() {
    check(
        scenes::blocking_work,
        expect![[r#"
        orders  segment
        └ load
          └ work
            └ detail
    "#]],
    );
}

#[test]
fn joined_futures_lie_beside_each_other() {
    check(
        scenes::joined,
        expect![[r#"
        orders  segment
        ├ left
        │ └ work
        │   └ detail
        ├ right
        │ └ work
        │   └ detail
        └ work
          └ detail
    "#]],
    );
}

#[test]
fn the_loser_of_a_select_ends() {
    check(
        scenes::selected,
        expect![[r#"
        orders  segment
        ├ loses
        │ └ work
        │   └ detail
        ├ wins
        └ work
          └ detail
    "#]],
    );
}

#[test]
fn futures_of_a_set_lie_beside_each_other() {
    check(
        scenes::unordered,
        expect![[r#"
        orders  segment
        ├ part  {part=0}
        │ └ work
        │   └ detail
        ├ part  {part=1}
        │ └ work
        │   └ detail
        └ part  {part=2}
          └ work
            └ detail
    "#]],
    );
}

#[test]
fn requests_polled_by_another_request_keep_their_own_children() {
    check(
        scenes::requests_in_one_set,
        expect![[r#"
        orders  segment
        └ work
          └ detail

        orders  segment
        └ work
          └ detail

        orders  segment
        └ work
          └ detail

        batch  segment
        ├ wait
        ├ work
        │ └ detail
        ├ wait
        ├ work
        │ └ detail
        ├ wait
        ├ work
        │ └ detail
        └ wait
    "#]],
    );
}

#[test]
fn a_shared_future_belongs_where_it_was_made() {
    check(
        scenes::shared,
        expect![[r#"
        stock  segment
        └ work
          └ detail

        orders  segment
        └ refresh
          └ work
            └ detail
    "#]],
    );
}

#[test]
fn interleaved_requests_do_not_mix() {
    check(
        scenes::interleaved_by_hand,
        expect![[r#"
        first  segment
        ├ load
        │ └ work
        │   └ detail
        └ work
          └ detail

        second  segment
        ├ load
        │ └ work
        │   └ detail
        └ work
          └ detail
    "#]],
    );
}

#[test]
fn a_foreign_future_polled_inside_a_request_stays_in_its_own() {
    check(
        scenes::foreign_future_polled_inside,
        expect![[r#"
        stock  segment
        └ work
          └ detail

        orders  segment
        ├ own
        │ └ work
        │   └ detail
        └ serve
          ├ work
          │ └ detail
          └ work
            └ detail
    "#]],
    );
}

#[test]
fn an_explicit_parent_wins_over_the_thread() {
    check(
        scenes::parent_given,
        expect![[r#"
        stock  segment
        └ work
          └ detail

        orders  segment
        └ load
          ├ page
          │ └ work
          │   └ detail
          └ page by id
            └ work
              └ detail
    "#]],
    );
}

#[test]
fn an_explicit_parent_that_is_not_recorded_stands_for_the_one_above() {
    check(
        scenes::transparent_parent_given,
        expect![[r#"
        stock  segment

        orders  segment
        └ page
          └ work
            └ detail
    "#]],
    );
}

#[test]
fn a_span_without_parent_by_wish_is_a_trace_of_its_own() {
    check(
        scenes::root_asked_for,
        expect![[r#"
        test  segment
        └ apart

        orders  segment
        └ work
          └ detail
    "#]],
    );
}

#[test]
fn a_child_that_outlives_its_segment_comes_alone() {
    check(
        scenes::child_outlives_its_segment,
        expect![[r#"
        orders  segment
        └ load  lone
          └ work
            └ detail
    "#]],
    );
}

#[test]
fn a_grandchild_opened_after_the_segment_was_sent_is_kept() {
    check(
        scenes::grandchild_after_its_segment,
        expect![[r#"
        orders  segment
        └ load  lone
          └ page
            └ work
              └ detail
    "#]],
    );
}

#[test]
fn a_child_opened_after_the_segment_was_sent_is_kept() {
    check(
        scenes::child_opened_after_its_segment,
        expect![[r#"
        orders  segment
        ├ work  lone
        │ └ detail
        └ work  lone
          └ detail
    "#]],
    );
}

#[test]
fn nodes_and_spans_nest_across_awaits() {
    check(
        scenes::nested_nodes,
        expect![[r#"
        orders  segment
        ├ outer
        └ between
          └ inner
            └ work
              └ detail
    "#]],
    );
}

#[test]
fn an_entry_that_is_never_left_disturbs_no_other_request() {
    check(
        scenes::forgotten_entries,
        expect![[r#"
        orders  segment
        └ work
          └ detail

        stock  segment
        └ work
          └ detail

        elsewhere  segment
        └ work
          └ detail
    "#]],
    );
}

#[test]
fn a_panic_marks_every_span_it_leaves() {
    check(
        scenes::panic_inside_spans,
        expect![[r#"
        orders  segment
        ├ load  fault
        │ └ page  fault
        └ work
          └ detail
    "#]],
    );
}

#[test]
fn a_panic_in_a_future_is_recorded_and_goes_on() {
    check(
        scenes::panic_inside_a_future,
        expect![[r#"
        orders  segment fault
        └ work
          └ detail
    "#]],
    );
}

#[test]
fn a_kept_guard_never_writes_to_the_span_that_has_its_id_now() {
    check(
        scenes::ids_used_again,
        expect![[r#"
        other  segment
        └ again

        other  segment
        └ again

        other  segment
        └ again

        other  segment
        └ again

        other  segment
        └ again

        other  segment
        └ again

        other  segment
        └ again

        other  segment
        └ again

        other  segment
        └ again

        other  segment
        └ again

        orders  segment
        └ first  {kept=9999}
    "#]],
    );
}
