//! Times as they are counted and written.

use roomcast::time::*;

#[test]
fn timestamps_are_rfc3339_with_milliseconds() {
    assert_eq!(
        Unix(1_700_000_000_007).to_string(),
        "2023-11-14T22:13:20.007Z"
    );
}

#[test]
fn a_recent_time_is_kept_however_long_the_clock_has_run() {
    for start in [0, u64::from(u32::MAX) - 5, 1 << 40] {
        for span in [0, 1, 10, 6 * 7 * 24 * 3_600_000] {
            let (then, now) = (Millis(start), Millis(start + span));
            assert_eq!(Recent::new(then).millis(now), then, "{start} and {span}");
        }
    }
}

#[test]
fn spans_never_wrap_below_zero() {
    assert_eq!(Millis(3).since(Millis(5)), Millis(0));
    assert_eq!(Micros(3).since(Micros(5)), 0);
}
