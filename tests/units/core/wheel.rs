//! Deadlines fire at their tick, however far the clock jumps.

use roomcast::core::wheel::*;
use roomcast::time::Millis;

fn wheel(keys: u32) -> Wheel {
    let mut wheel = Wheel::with_capacity(keys as usize);
    (0..keys).for_each(|key| wheel.open(key));
    wheel
}

fn expired(wheel: &mut Wheel, now: u64) -> Vec<u32> {
    let mut due = Vec::new();
    wheel.expire(Millis(now), usize::MAX, &mut due);
    wheel.check_invariants();
    due
}

#[test]
fn a_deadline_fires_at_its_tick_and_not_before() {
    let mut wheel = wheel(1);
    wheel.arm(0, Millis(17));
    assert_eq!(wheel.deadline(0), Some(Millis(32)));
    assert_eq!(wheel.next(), Some(Millis(32)));
    assert!(expired(&mut wheel, 31).is_empty());
    assert_eq!(expired(&mut wheel, 32), [0]);
    assert_eq!((wheel.deadline(0), wheel.next()), (None, None));
}

#[test]
fn a_deadline_in_the_past_fires_with_the_next_tick() {
    let mut wheel = wheel(1);
    expired(&mut wheel, 1000);
    wheel.arm(0, Millis(5));
    assert!(expired(&mut wheel, 1007).is_empty());
    assert_eq!(expired(&mut wheel, 1008), [0]);
}

#[test]
fn a_deadline_rounds_ahead_wakes_the_loop_at_most_once_a_round() {
    let mut wheel = wheel(1);
    let at = 10 * 65_536 + 160;
    wheel.arm(0, Millis(at));
    let (mut now, mut wakes) = (0, 0);
    while let Some(Millis(next)) = wheel.next() {
        now = next;
        wakes += 1;
        expired(&mut wheel, now);
    }
    assert_eq!((now, wakes), (at, 11));
}

#[test]
fn who_does_not_fit_in_a_turn_comes_first_in_the_next() {
    let mut wheel = wheel(6);
    (0..4).for_each(|key| wheel.arm(key, Millis(16)));
    wheel.arm(4, Millis(32));
    let mut fired = Vec::new();
    for turn in 1..=3 {
        let mut due = Vec::new();
        wheel.expire(Millis(50), 2, &mut due);
        wheel.check_invariants();
        assert_eq!(due.len(), if turn < 3 { 2 } else { 1 });
        // Late already, and again and again: it must not come before those who are left.
        wheel.arm(5, Millis(0));
        assert_eq!(wheel.deadline(5), Some(Millis(64)));
        assert_eq!(wheel.is_behind(), turn < 3);
        fired.append(&mut due);
    }
    assert_eq!(fired[4], 4);
    fired.sort_unstable();
    assert_eq!(fired, [0, 1, 2, 3, 4]);
    assert_eq!(expired(&mut wheel, 64), [5]);
}

#[test]
fn a_jump_of_days_visits_each_bucket_once() {
    let mut wheel = wheel(3);
    wheel.arm(0, Millis(100));
    wheel.arm(1, Millis::seconds(70_000));
    wheel.arm(2, Millis::seconds(200_000));
    let mut due = expired(&mut wheel, 100_000_000);
    due.sort_unstable();
    assert_eq!(due, [0, 1]);
    assert_eq!(wheel.deadline(2), Some(Millis::seconds(200_000)));
}

#[test]
fn a_jump_of_exactly_a_round_leaves_the_tick_after_it() {
    let mut wheel = wheel(1);
    wheel.arm(0, Millis(65_536));
    assert!(expired(&mut wheel, 65_535).is_empty());
    assert_eq!(expired(&mut wheel, 65_536), [0]);
}

#[test]
fn ticks_outlive_their_32_bits() {
    let mut wheel = wheel(2);
    let late = (1 << 36) - 40;
    expired(&mut wheel, late);
    wheel.arm(0, Millis(late + 160));
    wheel.arm(1, Millis(u64::MAX));
    assert_eq!(
        wheel.deadline(0),
        Some(Millis((late + 160).div_ceil(16) * 16))
    );
    assert!(expired(&mut wheel, late + 100).is_empty());
    assert_eq!(expired(&mut wheel, late + 176), [0]);
    assert_eq!(wheel.len(), 1);
}

#[test]
fn arm_earlier_never_puts_a_deadline_off() {
    let mut wheel = wheel(1);
    wheel.arm_earlier(0, Millis(320));
    wheel.arm_earlier(0, Millis(640));
    assert_eq!(wheel.deadline(0), Some(Millis(320)));
    wheel.arm_earlier(0, Millis(160));
    assert_eq!(wheel.deadline(0), Some(Millis(160)));
}
