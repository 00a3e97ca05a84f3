//! Everything at once on real sockets, against one hub: all five apps in their own dialects, keep-alive calls, slow
//! readers, connections that come and go, and hostile clients; then both ends' books are held against each other, and
//! nothing may be left.
//!
//! The ordinary test takes a few seconds, so that it cannot rot; `scripts/soak.sh MINUTES` sets `ROOMCAST_SOAK_SECONDS`
//! and has it go on for as long as one likes, with memory held against what it was after the warm-up.
#![allow(clippy::unwrap_used, missing_docs)]

mod balance;
mod events;
mod hostile;
mod http_calls;
mod member;
mod memory;
mod rooms;
mod sessions;
mod stream;
mod tally;
mod tasks;
mod world;

#[allow(dead_code)]
#[path = "../harness/mod.rs"]
mod harness;

use std::thread;
use std::time::{Duration, Instant};

use balance::Balance;
use memory::Series;
use tally::Tally;
use world::World;

/// How long the ordinary test goes on.
const SECONDS: u64 = 3;

/// Between two samples of the server's memory.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(250);

#[test]
fn everything_at_once_balances_to_the_last_message_and_leaves_nothing() {
    let seconds = std::env::var("ROOMCAST_SOAK_SECONDS");
    let seconds = seconds.map_or(SECONDS, |text| {
        text.parse().expect("a whole number of seconds")
    });
    let world = World::new();
    let mut tally = Tally::default();
    let before = world.look(&mut tally);

    let listening = [
        events::listeners(&world),
        tasks::listeners(&world),
        stream::listeners(&world),
        rooms::players(&world),
    ];
    // Whoever publishes begins when everybody who stays is there.
    world.wait_for_listeners();
    let busy = [
        events::publishers(&world),
        tasks::publishers(&world),
        stream::publishers(&world),
        rooms::publishers(&world),
        sessions::workers(&world),
        http_calls::workers(&world),
        hostile::workers(&world),
    ];
    let start = Instant::now();
    let mut series = Series::new(Duration::from_secs(seconds));
    while start.elapsed() < Duration::from_secs(seconds) {
        series.sample(start.elapsed(), memory::rss(world.server.id()));
        thread::sleep(SAMPLE_INTERVAL);
    }
    world.stop();
    busy.into_iter()
        .flatten()
        .for_each(|worker| tally.add(worker.join().unwrap()));
    world.say_goodbye(&mut tally);
    listening
        .into_iter()
        .flatten()
        .for_each(|worker| tally.add(worker.join().unwrap()));

    let after = world.look_until_nothing_is_left(&before, &mut tally);
    let balance = Balance::new(&before, &after, &tally);
    println!("{balance}{series}");
    let mut problems = balance.problems();
    problems.extend(series.problem());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
