//! The timer wheel beside a sorted map of exact deadlines.
//!
//! The twin knows nothing of ticks: it holds, for each key, the deadline as it was asked for and the time at which it
//! was armed. From those alone follow the promises: never early, at most a tick late, exactly once.

use std::collections::BTreeMap;

use proptest::prelude::*;
use roomcast::core::wheel::Wheel;
use roomcast::time::Millis;

const KEYS: u32 = 24;
const TICK: u64 = 16;
const ROUND: u64 = 4096 * TICK;

#[derive(Clone, Copy, Debug)]
enum Step {
    Open(u32),
    Close(u32),
    /// Milliseconds from now, before it if negative.
    Arm(u32, i64),
    ArmEarlier(u32, i64),
    Disarm(u32),
    /// Milliseconds that pass before the wheel is expired, and how many of those that are due are taken at most.
    Expire(u64, usize),
    /// Sleep until the wheel says so, as the loop does.
    Sleep,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || 0..KEYS;
    let round = ROUND as i64;
    let offset = || {
        prop_oneof![
            4 => -40..400i64,
            4 => 0..round,
            2 => round - 40..round + 40,
            1 => 0..round * 50,
            1 => Just(-10 * round),
        ]
    };
    let pass = prop_oneof![
        4 => 0..50u64,
        3 => 0..ROUND,
        2 => ROUND - 40..ROUND + 40,
        1 => 0..ROUND * 60,
        1 => Just(1 << 37),
    ];
    let due_max = prop_oneof![2 => Just(usize::MAX), 1 => 1..6usize];
    let step = prop_oneof![
        3 => key().prop_map(Step::Open),
        1 => key().prop_map(Step::Close),
        5 => (key(), offset()).prop_map(|(key, offset)| Step::Arm(key, offset)),
        3 => (key(), offset()).prop_map(|(key, offset)| Step::ArmEarlier(key, offset)),
        1 => key().prop_map(Step::Disarm),
        3 => (pass, due_max).prop_map(|(pass, due_max)| Step::Expire(pass, due_max)),
        2 => Just(Step::Sleep),
    ];
    prop::collection::vec(step, 1..120)
}

/// An armed deadline, as the twin remembers it.
#[derive(Clone, Copy, Debug)]
struct Armed {
    at: u64,
    since: u64,
}

impl Armed {
    /// It fires at the latest a tick after this.
    fn owed(self) -> u64 {
        self.at.max(self.since)
    }
}

/// The wheel and its twin; an open key is in `twin`, with or without a deadline.
struct Pair {
    wheel: Wheel,
    twin: BTreeMap<u32, Option<Armed>>,
    now: u64,
}

impl Pair {
    fn new(start: u64) -> Pair {
        let mut pair = Pair {
            wheel: Wheel::with_capacity(4),
            twin: BTreeMap::new(),
            now: start,
        };
        pair.expire(usize::MAX);
        pair
    }

    fn take(&mut self, step: Step) {
        let now = self.now;
        let at = |offset| now.saturating_add_signed(offset);
        match step {
            Step::Open(key) if !self.twin.contains_key(&key) => {
                self.wheel.open(key);
                self.twin.insert(key, None);
            }
            Step::Close(key) if self.twin.remove(&key).is_some() => self.wheel.close(key),
            Step::Arm(key, offset) if self.twin.contains_key(&key) => self.arm(key, at(offset)),
            Step::ArmEarlier(key, offset) => self.arm_earlier(key, at(offset)),
            Step::Disarm(key) if self.twin.contains_key(&key) => {
                self.wheel.disarm(key);
                self.twin.insert(key, None);
            }
            Step::Expire(pass, due_max) => {
                self.now += pass;
                self.expire(due_max);
            }
            Step::Sleep => {
                if let Some(Millis(next)) = self.wheel.next() {
                    assert!(
                        next > self.now || self.wheel.is_behind(),
                        "a loop that sleeps until then does not spin"
                    );
                    self.now = self.now.max(next);
                    self.expire(usize::MAX);
                }
            }
            _ => {}
        }
    }

    fn arm(&mut self, key: u32, at: u64) {
        self.wheel.arm(key, Millis(at));
        let since = self.now;
        self.twin.insert(key, Some(Armed { at, since }));
    }

    fn arm_earlier(&mut self, key: u32, at: u64) {
        let Some(&armed) = self.twin.get(&key) else {
            return;
        };
        let before = self.wheel.deadline(key);
        self.wheel.arm_earlier(key, Millis(at));
        let after = self.wheel.deadline(key).unwrap();
        assert!(before.is_none_or(|before| after <= before));
        let since = self.now;
        if armed.is_none_or(|armed| at < armed.at) {
            self.twin.insert(key, Some(Armed { at, since }));
        }
    }

    /// Expires both, and holds the wheel to its promises.
    fn expire(&mut self, due_max: usize) {
        let mut due = Vec::new();
        self.wheel.expire(Millis(self.now), due_max, &mut due);
        let is_full = due.len() == due_max;
        assert!(due.len() <= due_max || self.now >= 1 << 35);
        for key in due {
            let armed = self.twin.insert(key, None);
            let armed = armed.unwrap().expect("only an armed key fires, and once");
            assert!(
                armed.at <= self.now,
                "never early: {armed:?}, now {}",
                self.now
            );
        }
        if self.wheel.is_behind() {
            return assert!(is_full, "nobody is left while there is room");
        }
        for armed in self.twin.values().flatten() {
            let latest = armed.owed() + TICK;
            assert!(
                self.now < latest,
                "at most a tick late: {armed:?}, now {}",
                self.now
            );
        }
    }

    fn check(&self) {
        self.wheel.check_invariants();
        let armed: Vec<_> = self.twin.values().flatten().collect();
        assert_eq!(self.wheel.len(), armed.len());
        assert_eq!(self.wheel.is_empty(), armed.is_empty());
        assert_eq!(self.wheel.next().is_none(), armed.is_empty());
        for key in 0..KEYS {
            let deadline = self.wheel.deadline(key);
            let armed = self.twin.get(&key).copied().flatten();
            assert_eq!(deadline.is_some(), armed.is_some(), "key {key}");
            if let (Some(Millis(deadline)), Some(armed)) = (deadline, armed) {
                assert!(deadline >= armed.at && deadline <= armed.owed() + TICK);
                assert!(self.wheel.next().unwrap() <= Millis(deadline));
            }
        }
    }

    /// Sleeps until nothing is armed; says how often the loop woke.
    fn drain(&mut self) -> u64 {
        let mut wakes = 0;
        while !self.wheel.is_empty() {
            self.take(Step::Sleep);
            wakes += 1;
        }
        wakes
    }
}

proptest! {
    #[test]
    fn the_wheel_keeps_the_deadlines_of_a_sorted_map(
        start in prop_oneof![Just(0), 0..ROUND * 3, Just((1 << 36) - ROUND)],
        steps in steps(),
    ) {
        let mut pair = Pair::new(start);
        for step in steps {
            pair.take(step);
            pair.check();
        }
        let last = pair.twin.values().flatten().map(|armed| armed.owed()).max();
        let rounds = last.map_or(0, |last| last.saturating_sub(pair.now) / ROUND + 2);
        let wakes = pair.drain();
        prop_assert!(wakes <= rounds * u64::from(KEYS), "{wakes} wakes in {rounds} rounds");
    }
}
