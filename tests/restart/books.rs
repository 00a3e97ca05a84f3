//! What everybody did and saw: counts, each publish with the receivers that its answer named, and what went wrong.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex};

use crate::harness::patience::PATIENCE;
use crate::hub::Port;
use crate::load::Publisher;

/// Failures that are kept to be shown.
const SHOWN: usize = 10;

/// How often something happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    /// TCP connections that were made.
    pub connects: u64,
    /// WebSockets that were opened.
    pub upgrades: u64,
    /// WebSockets that were closed with 1001.
    pub told: u64,
    /// Publishes that were answered with 202.
    pub accepted: u64,
    /// Messages that came.
    pub received: u64,
    /// Whatever else happened.
    pub failures: u64,
}

#[derive(Default)]
struct Pages {
    count: Count,
    failures: Vec<String>,
    published: u64,
    receivers: HashMap<u64, u64>,
    received: HashMap<u64, u64>,
}

/// The books of one test, shared by its threads.
#[derive(Default)]
pub struct Books {
    pages: Mutex<Pages>,
    written: Condvar,
}

impl Books {
    /// The number of the next publish.
    pub fn next(&self) -> u64 {
        let mut pages = self.pages.lock().unwrap();
        pages.published += 1;
        pages.published
    }

    pub fn connected(&self) {
        self.write(|pages| pages.count.connects += 1);
    }

    pub fn upgraded(&self) {
        self.write(|pages| pages.count.upgrades += 1);
    }

    pub fn told(&self) {
        self.write(|pages| pages.count.told += 1);
    }

    pub fn accepted(&self, number: u64, receivers: u64) {
        self.write(|pages| {
            pages.count.accepted += 1;
            pages.receivers.insert(number, receivers);
        });
    }

    pub fn received(&self, number: u64) {
        self.write(|pages| {
            pages.count.received += 1;
            *pages.received.entry(number).or_default() += 1;
        });
    }

    pub fn failed(&self, what: String) {
        self.write(|pages| {
            pages.count.failures += 1;
            if pages.failures.len() < SHOWN {
                pages.failures.push(what);
            }
        });
    }

    fn write(&self, entry: impl FnOnce(&mut Pages)) {
        entry(&mut self.pages.lock().unwrap());
        self.written.notify_all();
    }

    pub fn count(&self) -> Count {
        self.pages.lock().unwrap().count
    }

    /// Waits until the counts are so.
    pub fn until(&self, what: &str, is_so: impl Fn(&Count) -> bool) {
        let pages = self.pages.lock().unwrap();
        let (pages, waited) = self
            .written
            .wait_timeout_while(pages, PATIENCE, |pages| !is_so(&pages.count))
            .unwrap();
        let (count, failures) = (pages.count, &pages.failures);
        assert!(
            !waited.timed_out(),
            "waited in vain until {what}: {count:?} {failures:?}"
        );
    }

    /// Publishes once more, and waits until so many have received it.
    pub fn mark(&self, port: &Port, receivers: u64) {
        let number = Publisher::once(port, self);
        let pages = self.pages.lock().unwrap();
        let missing = |pages: &mut Pages| pages.received.get(&number) != Some(&receivers);
        let (pages, waited) = self
            .written
            .wait_timeout_while(pages, PATIENCE, missing)
            .unwrap();
        assert!(
            !waited.timed_out(),
            "the last message came {:?} times",
            pages.received.get(&number)
        );
    }

    /// Nothing failed, and every publish was received as often as its answer said.
    pub fn check(&self) {
        let pages = self.pages.lock().unwrap();
        assert_eq!(pages.count.failures, 0, "{:#?}", pages.failures);
        assert_eq!(pages.count.accepted, pages.published);
        for (number, receivers) in &pages.receivers {
            let received = pages.received.get(number).copied().unwrap_or(0);
            assert_eq!(received, *receivers, "receivers of message {number}");
        }
    }
}
