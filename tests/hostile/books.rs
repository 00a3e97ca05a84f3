//! What a server holds: what no client may leave behind.

use crate::ground::Ground;
use crate::harness::http::{Http, request};

/// Gauges of the hub's own metrics that are about clients.
const GAUGES: [&str; 4] = [
    "roomcast_connections",
    "roomcast_rooms",
    "roomcast_queue_bytes",
    "roomcast_queue_messages",
];

/// What a server holds at one moment.
#[derive(Debug, PartialEq)]
pub struct Books {
    descriptors: usize,
    /// Queued and half-received bytes, where they can be seen.
    held_bytes: u64,
    gauges: Vec<String>,
}

impl Books {
    /// What it holds now, without whoever asks.
    pub fn of(ground: &impl Ground) -> Books {
        // Before the question, which has a descriptor of its own.
        let descriptors = ground.descriptors();
        let gauges = metrics(ground)
            .lines()
            .filter(|line| GAUGES.iter().any(|name| names(line, name)))
            .map(String::from)
            .collect();
        Books {
            descriptors,
            held_bytes: ground.held_bytes(),
            gauges,
        }
    }

    /// Descriptors that it held.
    pub fn descriptors(&self) -> usize {
        self.descriptors
    }
}

/// Waits until the server holds again what it held.
#[track_caller]
pub fn settle(ground: &impl Ground, books: &Books) {
    let mut now = None;
    ground.until("nothing is left behind", &mut || {
        // The descriptors tell at once whether it is worth asking.
        let is_worth_it = ground.descriptors() <= books.descriptors;
        now = is_worth_it.then(|| Books::of(ground));
        now.as_ref() == Some(books)
    });
}

/// The value of one metric, labels and all.
pub fn metric(ground: &impl Ground, name: &str) -> f64 {
    let text = metrics(ground);
    let mut values = text
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    values.next().map_or(0.0, |value| value.parse().unwrap())
}

fn metrics(ground: &impl Ground) -> String {
    let mut asker = Http::over(ground.connect());
    asker.send(request("GET", "/metrics", "Connection: close\r\n", ""));
    let answer = asker.answer();
    assert_eq!(answer.status, 200);
    assert!(asker.is_over());
    answer.text()
}

fn names(line: &str, name: &str) -> bool {
    line.strip_prefix(name)
        .is_some_and(|rest| rest.starts_with(['{', ' ']))
}
