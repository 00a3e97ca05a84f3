//! A pace lets a burst pass and then one at a time, and never forgets what is owed.

use roomcast::pace::*;
use roomcast::time::{Micros, Millis};

/// Ten a second, and twenty at once.
const SPEECH: Rate = Rate::a_second(10).with_burst(20);

fn at(millis: u64) -> Micros {
    Micros(millis * 1000)
}

/// How many single units pass now.
fn passing(pace: &mut Pace, rate: Rate, now: Micros) -> usize {
    (0..10_000)
        .take_while(|_| pace.admit(1, rate, now).is_ok())
        .count()
}

#[test]
fn a_burst_passes_at_once_and_then_one_each_tenth_of_a_second() {
    let mut pace = Pace::default();
    assert_eq!(passing(&mut pace, SPEECH, at(5)), 20);
    assert_eq!(pace.admit(1, SPEECH, at(5)), Err(Millis(100)));
    assert_eq!(pace.admit(1, SPEECH, at(104)), Err(Millis(1)));
    assert_eq!(passing(&mut pace, SPEECH, at(105)), 1);
}

#[test]
fn what_waits_uses_up_nothing() {
    let mut pace = Pace::default();
    assert_eq!(passing(&mut pace, SPEECH, at(0)), 20);
    assert!((0..1000).all(|_| pace.admit(1, SPEECH, at(99)).is_err()));
    assert_eq!(pace.admit(1, SPEECH, at(100)), Ok(()));
}

#[test]
fn a_silence_saves_up_a_burst_and_no_more() {
    let mut pace = Pace::default();
    pace.admit(1, SPEECH, at(0)).unwrap();
    assert!(!pace.is_free(at(99)) && pace.is_free(at(100)));
    assert_eq!(passing(&mut pace, SPEECH, at(3_600_000)), 20);
}

#[test]
fn units_that_come_together_use_up_what_they_would_one_by_one() {
    let rate = Rate::a_second(1000);
    let mut pace = Pace::default();
    assert_eq!(pace.admit(1001, rate, at(0)), Err(Millis(1)));
    assert_eq!(pace.admit(400, rate, at(0)), Ok(()));
    assert_eq!(passing(&mut pace, rate, at(0)), 600);
}

#[test]
fn who_keeps_to_a_rate_that_divides_nothing_never_waits() {
    for units in [3, 7, 999, 65_537, u32::MAX] {
        let (rate, mut pace) = (Rate::a_second(units), Pace::default());
        assert_eq!(pace.admit(units, rate, at(0)), Ok(()));
        assert!(pace.admit(units / 2 + 1, rate, at(0)).is_err());
        for second in 1..100 {
            let (one, rest) = (units / 3, units - units / 3);
            assert_eq!(pace.admit(one, rate, at(1000 * second)), Ok(()), "{units}");
            assert_eq!(pace.admit(rest, rate, at(1000 * second)), Ok(()), "{units}");
        }
    }
}

#[test]
fn a_burst_of_at_least_so_many_is_never_a_smaller_one() {
    let rate = Rate::a_second(100);
    assert_eq!(rate.with_burst_of_at_least(50), rate);
    let wide = rate.with_burst_of_at_least(250);
    assert_eq!(Pace::default().admit(250, wide, at(0)), Ok(()));
    assert!(Pace::default().admit(251, wide, at(0)).is_err());
    let widest = Rate::a_second(1).with_burst_of_at_least(1 << 30);
    assert_eq!(Pace::default().admit(1 << 30, widest, at(0)), Ok(()));
}

#[test]
fn ten_times_a_rate_is_ten_of_them() {
    let (one, mut pace) = (SPEECH.with_burst(7), Pace::default());
    assert_eq!(passing(&mut pace, one.times(10), at(0)), 70);
    assert_eq!(passing(&mut pace, one.times(10), at(1000)), 70);
    assert_eq!(passing(&mut pace, one.times(10), at(1010)), 1);
}

#[test]
fn an_hour_of_a_rate_admits_an_hours_worth_and_a_burst() {
    let (rate, mut pace) = (Rate::a_minute(10), Pace::default());
    let passed = (0..3_600_000_u64).step_by(100);
    let passed = passed.filter(|&now| pace.admit(1, rate, at(now)).is_ok());
    assert_eq!(passed.count(), 609);
}
