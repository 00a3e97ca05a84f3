//! Every seed is a run of its own; a failure is made small, and printed as one line that replays it.

use std::cell::{Cell, RefCell};
use std::env;
use std::fmt::Debug;
use std::hint::black_box;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::thread;
use std::time::{Duration, Instant};

use crate::lives::run::{Lives, has_lives};
use crate::minimise::{Effort, minimise};
use crate::model::runs::chance::Chance;
use crate::model::runs::steps::Steps;
use crate::model::runs::world::World;

/// Seeds of an ordinary test run.
const SEEDS: u64 = 256;
/// The number of the first step of a run of several lives: behind those of the other run.
const LIVES_FROM: usize = 1000;
/// Failures that are told in words.
const TOLD_MAX: usize = 10;
/// Failures that are made small, and what each may cost.
const MINIMISED_MAX: usize = 3;
const EFFORT: Effort = Effort {
    tries_max: 400,
    time_max: Duration::from_secs(10),
};

/// A run that broke a promise.
struct Failure {
    /// The last step that was taken.
    step: usize,
    why: String,
}

#[test]
fn every_seed_keeps_every_promise() {
    let first = given::<u64>("ROOMCAST_SEED");
    let kept = given::<Steps>("ROOMCAST_STEPS");
    let seconds = given("ROOMCAST_SECONDS").map(Duration::from_secs);
    let count = match (given("ROOMCAST_SEEDS"), seconds) {
        (Some(count), _) => count,
        (None, Some(_)) => u64::MAX,
        (None, None) if first.is_some() => 1,
        (None, None) => SEEDS,
    };
    assert!(
        kept.is_none() || count == 1,
        "ROOMCAST_STEPS are those of one seed: say of which by ROOMCAST_SEED"
    );
    let first = first.unwrap_or(0);
    if count == 1 {
        // What the server logs is most of what there is to see of a run.
        simple_logger::init_with_level(log::Level::Debug).unwrap();
    }
    let stopped = Arc::new(AtomicBool::new(false));
    if seconds.is_some() {
        let overflows = caught(true, || {
            black_box(black_box(u8::MAX) + 1);
            Ok(())
        });
        let overflows = overflows.is_err();
        assert!(
            cfg!(debug_assertions) && overflows,
            "a sweep is run with assertions and overflow checks: scripts/sweep.sh builds it so"
        );
        // Whoever stops a sweep is told what it has found.
        signal_hook::flag::register(signal_hook::consts::SIGINT, stopped.clone()).unwrap();
    }
    let (began, next, ran) = (Instant::now(), AtomicU64::new(0), AtomicU64::new(0));
    let goes_on = || {
        let in_time = seconds.is_none_or(|seconds| began.elapsed() < seconds);
        in_time && !stopped.load(Ordering::Relaxed)
    };
    let failed = AtomicUsize::new(0);
    let work = || {
        while goes_on() {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            let seed = first.wrapping_add(number);
            let outcome = run(seed, kept.as_ref(), count > 1);
            ran.fetch_add(1, Ordering::Relaxed);
            if let Err(failure) = outcome {
                let earlier = failed.fetch_add(1, Ordering::Relaxed);
                if kept.is_some() || (MINIMISED_MAX..TOLD_MAX).contains(&earlier) {
                    tell(seed, kept.as_ref(), &failure);
                } else if earlier < MINIMISED_MAX {
                    let (steps, failure) = minimised(seed, failure);
                    tell(seed, Some(&steps), &failure);
                }
            }
        }
    };
    let workers = thread::available_parallelism().map_or(1, |count| count.get());
    thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work))));
    let (ran, failed) = (ran.into_inner(), failed.into_inner());
    let rate = ran as f64 / began.elapsed().as_secs_f64();
    println!("{ran} seeds from {first} on, {rate:.0} a second: {failed} failed");
    assert_eq!(failed, 0, "{failed} of {ran} seeds failed");
}

#[test]
fn bytes_that_decide_what_happens_keep_every_promise() {
    for byte in (0..=u8::MAX).step_by(8) {
        let script: Vec<u8> = (0..200u8).map(|at| byte.wrapping_mul(at | 1)).collect();
        let mut step = 0;
        let outcome = World::scripted(&script).and_then(|mut world| world.run(None, &mut step));
        assert_eq!(outcome, Ok(()), "multiples of {byte}, step {step}");
    }
}

#[test]
fn steps_are_read_as_they_are_written() {
    let steps = Steps::new(vec![3, 17, 40, 41, 42, 43, 44, 600, 601]);
    assert_eq!(steps.to_string(), "3,17,40-44,600-601");
    assert_eq!(steps.to_string().parse(), Ok(steps));
    assert_eq!("".parse(), Ok(Steps::new(Vec::new())));
    assert!("3-x".parse::<Steps>().is_err());
}

#[test]
fn a_step_draws_the_same_whatever_was_drawn_before() {
    let drawn = |before: usize| {
        let mut chance = Chance::new(5);
        (0..before).for_each(|_| drop(chance.bytes(3)));
        chance.begin(17);
        chance.bytes(20)
    };
    assert_eq!(drawn(0), drawn(100));
    let mut other = Chance::new(5);
    other.begin(18);
    assert_ne!(drawn(0), other.bytes(20));
}

/// What the environment says of this, if it says anything.
fn given<T: FromStr<Err: Debug>>(name: &str) -> Option<T> {
    let text = env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|why| panic!("{name}={text}: {why:?}")),
    )
}

/// Prints a failure as the line that replays it.
fn tell(seed: u64, kept: Option<&Steps>, Failure { step, why }: &Failure) {
    let steps = kept.map_or_else(String::new, |kept| format!(" ROOMCAST_STEPS={kept}"));
    let replay = "cargo test --test simulation every_seed -- --nocapture";
    eprintln!("ROOMCAST_SEED={seed}{steps} {replay} # step {step}: {why}");
}

/// Leaves out what steps can be left out, and says how it fails without them.
fn minimised(seed: u64, mut failure: Failure) -> (Steps, Failure) {
    let steps = minimise((1..=failure.step).collect(), EFFORT, |steps| {
        match run(seed, Some(&Steps::new(steps.to_vec())), true) {
            Ok(()) => false,
            Err(shorter) => {
                failure = shorter;
                true
            }
        }
    });
    (Steps::new(steps), failure)
}

/// Runs one seed, or some steps of it; the error says at which step it failed and what was expected.
fn run(seed: u64, kept: Option<&Steps>, quietly: bool) -> Result<(), Failure> {
    let mut step = 0;
    let run = || {
        World::new(seed)?.run(kept, &mut step)?;
        match has_lives(seed) {
            true => Lives::new(seed).run(LIVES_FROM, kept, &mut step),
            false => Ok(()),
        }
    };
    let outcome = caught(quietly, run);
    outcome.map_err(|why| Failure { step, why })
}

thread_local! {
    /// Whether panics on this thread are only to be remembered.
    static QUIET: Cell<bool> = const { Cell::new(false) };
    /// What the last one said, and where.
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Makes an error of a panic, which is printed only if it is not to be quiet.
fn caught(quietly: bool, act: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let words = panic.payload_as_str().unwrap_or("without words");
            let place = panic
                .location()
                .map_or_else(String::new, ToString::to_string);
            // One line, for it becomes a part of one.
            let words = words.lines().collect::<Vec<_>>().join(" ");
            PANIC.set(format!("panicked at {place}: {words}"));
            if !QUIET.get() {
                usual(panic);
            }
        }));
    });
    QUIET.set(quietly);
    let outcome = catch_unwind(AssertUnwindSafe(act));
    QUIET.set(false);
    outcome.unwrap_or_else(|_| Err(PANIC.take()))
}
