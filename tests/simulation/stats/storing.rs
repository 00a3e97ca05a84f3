//! Scenarios of what the operator is shown of what is kept: the numbers, the trouble, and nothing where nothing is kept.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use roomcast::bounds::Bounds;
use roomcast::engine::{Engine, Health, Job, Outcome, Row};
use serde_json::{Value, json};

use crate::model::runs::rules::KEY;
use crate::model::runs::world;
use crate::network::{Client, Sim};
use crate::stage::Stage;

const FULL: &str = "the disk is full";

/// What the engine has to tell, in the hands of the test.
#[derive(Default)]
struct State {
    waiting: VecDeque<u64>,
    outcomes: VecDeque<Outcome>,
    health: Health,
    /// Something becomes so in the turn in which it is told that something failed.
    is_over_once_told: bool,
}

struct Held(Rc<RefCell<State>>);

impl Engine for Held {
    fn keeps(&self) -> bool {
        true
    }

    fn submit(&mut self, job: Job) {
        self.0.borrow_mut().waiting.extend(job.serial);
    }

    fn send(&mut self) {}

    fn next(&mut self) -> Option<Outcome> {
        let mut state = self.0.borrow_mut();
        let outcome = state.outcomes.pop_front();
        if outcome.is_none() && state.is_over_once_told {
            state.health.trouble = None;
        }
        outcome
    }

    fn health(&mut self) -> Health {
        let health = &mut self.0.borrow_mut().health;
        let commit_micros = std::mem::take(&mut health.commit_micros);
        Health {
            commit_micros,
            ..health.clone()
        }
    }

    fn stop(&mut self, _: Vec<Row>) {}
}

impl State {
    /// All that waits becomes so together, after so many microseconds.
    fn commit(&mut self, micros: u64) {
        self.health.commits += 1;
        self.health.commit_micros.push(micros);
        self.health.bytes += 4096;
        self.health.trouble = None;
        let settled = self.waiting.drain(..).map(Outcome::Committed);
        self.outcomes.extend(settled);
    }

    /// None of it does.
    fn fail(&mut self) {
        self.health.failures += 1;
        self.health.trouble = Some(FULL.to_owned());
        let settled = self.waiting.drain(..).map(Outcome::Failed);
        self.outcomes.extend(settled);
    }
}

/// A hub that has taken up what was kept, and its engine.
fn keeping() -> (Stage, Rc<RefCell<State>>) {
    let state = Rc::new(RefCell::new(State::default()));
    let bounds = Bounds {
        connections_max: 64,
        ..Bounds::default()
    };
    let reactor = world::reactor(Sim::new(7), bounds);
    let reactor = reactor.keeping(Box::new(Held(Rc::clone(&state))));
    state.borrow_mut().outcomes.push_back(Outcome::Started);
    let mut stage = Stage::of(reactor);
    stage.turn();
    (stage, state)
}

impl Stage {
    /// Asks for a task, which is answered when it is kept.
    fn create(&mut self) -> Client {
        let body = json!({"repository": "r", "title": "t"}).to_string();
        let length = body.len();
        self.client(format!(
            "POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    }

    /// The loop hears what the engine has to tell.
    fn hear(&mut self) {
        self.turn();
        self.settle();
    }

    fn scrape(&mut self) -> String {
        let key = format!("Authorization: Bearer {KEY}\r\n");
        self.ask("GET", "/metrics", &key, "").body
    }
}

/// The numbers of the store in a scrape, by the rest of their names.
fn numbers(scrape: &str) -> Vec<(&str, &str)> {
    let lines = scrape.lines();
    let lines = lines.filter_map(|line| line.strip_prefix("roomcast_store_"));
    let numbers = lines.filter_map(|line| line.rsplit_once(' '));
    numbers.filter(|(name, _)| !name.contains('{')).collect()
}

#[test]
fn metrics_tell_what_waits_and_what_became_of_it() {
    let (mut stage, state) = keeping();
    let [first, second] = [stage.create(), stage.create()];
    let scrape = stage.scrape();
    let waiting = numbers(&scrape);
    let bytes: u64 = waiting[4].1.parse().unwrap();
    assert_eq!(
        waiting[3..5],
        [("waiting", "2"), ("waiting_bytes", waiting[4].1)]
    );
    assert!((200..20_000).contains(&bytes), "{bytes}");

    state.borrow_mut().commit(150);
    stage.hear();
    assert_eq!(
        [first, second].map(|client| stage.answer(client).status),
        [201, 201]
    );
    let refused = stage.create();
    state.borrow_mut().fail();
    stage.hear();
    assert_eq!(stage.answer(refused).status, 503);
    let scrape = stage.scrape();
    let expected = [
        ("commits_total", "1"),
        ("failures_total", "1"),
        ("bytes", "4096"),
        ("waiting", "0"),
        ("waiting_bytes", "0"),
        ("commit_seconds_sum", "0.00015"),
        ("commit_seconds_count", "1"),
    ];
    assert_eq!(numbers(&scrape), expected);
}

#[test]
fn a_dashboard_is_told_what_is_kept_how_fast_and_what_went_wrong_last() {
    let (mut stage, state) = keeping();
    state.borrow_mut().health.commit_micros.push(90_000);
    let client = stage.look();
    stage.told(client);
    for _ in 0..3 {
        stage.create();
        state.borrow_mut().commit(150);
        stage.hear();
    }
    stage.create();
    let store = stage.report(client)["store"].take();
    let commit = &store["commit"];
    assert_eq!(
        (&commit["count"], &commit["recent"]),
        (&json!(4), &json!(3))
    );
    assert!(
        (100..=250).contains(&commit["p99_micros"].as_u64().unwrap()),
        "{commit}"
    );
    let [commits, bytes, waiting] = ["commits", "bytes", "waiting"].map(|name| &store[name]);
    assert_eq!(
        [commits, bytes, waiting],
        [&json!(3), &json!(12_288), &json!(1)]
    );
    assert_eq!(store["trouble"], Value::Null);

    state.borrow_mut().fail();
    stage.hear();
    let report = stage.report(client);
    let trouble = &report["store"]["trouble"];
    assert_eq!(
        (&report["status"], &trouble["is_now"]),
        (&json!("storage"), &json!(true))
    );
    assert_eq!(trouble["sentence"], FULL);
    let since = trouble["since"].clone();
    assert!(
        since.as_str().unwrap() < report["timestamp"].as_str().unwrap(),
        "{report}"
    );

    state.borrow_mut().commit(150);
    stage.hear();
    let report = stage.report(client);
    let trouble = json!({"sentence": FULL, "since": since, "is_now": false});
    assert_eq!(
        (&report["status"], &report["store"]["trouble"]),
        (&json!("ready"), &trouble)
    );
    assert_eq!(report["store"]["failures"], 1);
}

#[test]
fn a_trouble_that_is_over_before_anybody_looked_is_told() {
    let (mut stage, state) = keeping();
    let client = stage.look();
    stage.create();
    {
        let mut state = state.borrow_mut();
        state.fail();
        state.is_over_once_told = true;
    }
    stage.hear();
    let trouble = stage.report(client)["store"]["trouble"].take();
    assert_eq!(
        (&trouble["sentence"], &trouble["is_now"]),
        (&json!(FULL), &json!(false))
    );
}

#[test]
fn of_what_keeps_nothing_nothing_is_shown() {
    let mut stage = Stage::new(|_| ());
    let answer = stage.create();
    assert_eq!(stage.answer(answer).status, 201);
    assert_eq!(numbers(&stage.scrape()), []);
    let client = stage.look();
    assert_eq!(stage.report(client).get("store"), None);
}
