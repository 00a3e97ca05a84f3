//! Every seed is a run of its own; a failure prints the line that replays it.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::model::world::World;

/// Seeds of an ordinary test run.
const SEEDS: u64 = 256;
/// Failures that are told in words.
const TOLD_MAX: usize = 10;

#[test]
fn every_seed_keeps_every_promise() {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let (first, count) = match (number("ROOMCAST_SEED"), number("ROOMCAST_SEEDS")) {
        (None, count) => (0, count.unwrap_or(SEEDS)),
        (Some(first), count) => (first, count.unwrap_or(1)),
    };
    if count == 1 {
        // What the server logs is most of what there is to see of a run.
        simple_logger::init_with_level(log::Level::Debug).unwrap();
    }
    let next = AtomicU64::new(first);
    let failures = Mutex::new(Vec::new());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                return;
            }
            if let Err(why) = run(seed) {
                failures.lock().unwrap().push((seed, why));
            }
        }
    };
    let workers = thread::available_parallelism().map_or(1, |count| count.get());
    thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work))));
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    for (seed, why) in failures.iter().take(TOLD_MAX) {
        let replay = "cargo test --test simulation every_seed -- --nocapture";
        eprintln!("ROOMCAST_SEED={seed} {replay} # {why}");
    }
    let failed = failures.len();
    assert_eq!(failed, 0, "{failed} of {count} seeds failed");
}

#[test]
fn bytes_that_decide_what_happens_keep_every_promise() {
    for byte in (0..=u8::MAX).step_by(8) {
        let script: Vec<u8> = (0..200u8).map(|at| byte.wrapping_mul(at | 1)).collect();
        let mut step = 0;
        let outcome = World::scripted(&script).and_then(|mut world| world.run(&mut step));
        assert_eq!(outcome, Ok(()), "multiples of {byte}, step {step}");
    }
}

/// Runs one seed; the error says at which step it failed and what was expected.
fn run(seed: u64) -> Result<(), String> {
    let mut step = 0;
    let run = || World::new(seed)?.run(&mut step);
    let outcome = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied());
        Err(format!("panicked: {}", text.unwrap_or("without words")))
    });
    outcome.map_err(|why| format!("step {step}: {why}"))
}
