//! A hub that keeps what it answers, on a disk that outlives it: its processes come one after the other.

use roomcast::bounds::Bounds;
use roomcast::reactor::Reactor;
use roomcast::time::Millis;
use serde_json::Value;

use super::disk::{Disk, Habits, Shared};
use super::engine::Simulated;
use crate::model::runs::chance::Chance;
use crate::model::runs::rules::KEY;
use crate::model::runs::world;
use crate::model::wire::answers::Answer;
use crate::model::wire::frames::{self, TEXT};
use crate::network::{Client, Sim};
use crate::stage::{Stage, text};

/// Where members of the tasks ask for the upgrade.
const TASKS: &str = "/api/v1/tasks/ws?version=1.0&api_key=a%20key%20of%20the%20simulation";
/// More than any start takes.
const START_MAX: Millis = Millis::seconds(60);

pub struct Hub {
    pub stage: Stage,
    pub disk: Shared,
    bounds: Bounds,
}

/// A process on this ground that keeps what it answers on this disk.
pub fn process(sim: Sim, bounds: Bounds, disk: &Shared) -> Reactor<Sim> {
    world::reactor(sim, bounds).keeping(Box::new(Simulated::open(disk)))
}

impl Hub {
    /// One that has begun on a new disk, with the default limits, changed by `change`.
    pub fn new(habits: Habits, change: impl FnOnce(&mut Bounds)) -> Hub {
        let mut hub = Hub::beginning(habits, change);
        hub.start();
        hub
    }

    /// The same, and it has not been given back yet what there is.
    pub fn beginning(habits: Habits, change: impl FnOnce(&mut Bounds)) -> Hub {
        let mut bounds = Bounds {
            connections_max: 64,
            pong_timeout: Millis(u64::MAX),
            drain: Millis(100),
            ..Bounds::default()
        };
        change(&mut bounds);
        let sim = Sim::new(7);
        let disk = Disk::new(habits, bounds, sim.power(), Chance::new(7));
        let stage = Stage::of(process(sim, bounds, &disk));
        Hub {
            stage,
            disk,
            bounds,
        }
    }

    /// Turns until what there was has been taken up.
    pub fn start(&mut self) {
        let until = self.stage.now() + START_MAX;
        self.stage.sim().set_horizon(until);
        while !self.disk.borrow().has_started {
            assert!(self.stage.now() < until, "it does not start");
            self.stage.turn();
        }
        let now = self.stage.now();
        self.stage.sim().set_horizon(now);
        self.stage.settle();
    }

    /// Its disk behaves like this from now on.
    pub fn behave(&mut self, change: impl FnOnce(&mut Habits)) {
        change(&mut self.disk.borrow_mut().habits);
    }

    /// It dies at this moment, and another process begins.
    pub fn crash(&mut self) {
        self.stage.sim().power().cut_after(0);
        self.succeed();
        self.start();
    }

    /// It ends in good order, and another process begins.
    pub fn restart(&mut self) {
        self.stage.shut_down();
        self.stage.wait(Millis::seconds(30));
        assert!(self.stage.exited, "it does not end");
        self.succeed();
        self.start();
    }

    /// Its process is over, and another one begins.
    pub fn succeed(&mut self) {
        let mut sim = std::mem::replace(self.stage.sim(), Sim::new(7));
        sim.restart();
        self.disk.borrow_mut().crash();
        self.stage = Stage::of(process(sim, self.bounds, &self.disk));
    }

    /// A client that has sent a request and is not answered yet.
    pub fn ask(&mut self, method: &str, path: &str, body: &str) -> Client {
        self.stage.client(call(method, path, body))
    }

    /// The same, and its answer, which waits for nothing.
    pub fn get(&mut self, path: &str) -> Answer {
        let client = self.ask("GET", path, "");
        self.stage.answer(client)
    }

    /// What is shown of this, as JSON.
    pub fn shown(&mut self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// A change that is waited for, and its answer.
    pub fn change(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let client = self.ask(method, path, body);
        self.stage.wait(Millis::seconds(3));
        self.stage.answer(client)
    }

    /// Makes a task, and gives its path.
    pub fn create(&mut self, title: &str) -> String {
        let answer = self.change("POST", "/api/v1/tasks", &task(title));
        assert_eq!(answer.status, 201, "{}", answer.body);
        path_of(&answer)
    }

    /// A member that hears of every task, since a position if one is given; what it has been answered.
    pub fn member(&mut self, since: Option<&str>) -> (Client, Value) {
        let client = self.stage.open(TASKS);
        let since = since.map_or(String::new(), |since| format!(r#","since":"{since}""#));
        let says = format!(r#"{{"type":"subscribe","data":{{"repositories":["*"]{since}}}}}"#);
        self.stage.send(client, text(&says));
        let mut heard = self.heard(client);
        // What it has missed follows at once.
        let answer = heard.remove(0)["data"].clone();
        (client, answer_with(answer, heard))
    }

    /// The messages that have come.
    pub fn heard(&mut self, client: Client) -> Vec<Value> {
        let frames = self.stage.frames(client);
        let texts = frames.iter().filter(|frame| frame.opcode == TEXT);
        let read = |frame: &frames::Received| serde_json::from_slice(&frame.payload).unwrap();
        texts.map(read).collect()
    }

    /// The titles and numbers of the tasks' messages that have come; of a deletion, no title.
    pub fn titles(&mut self, client: Client) -> Vec<(String, u64)> {
        self.heard(client).iter().map(title_of).collect()
    }
}

/// What a member has been answered, and the titles of what follows.
fn answer_with(mut answer: Value, heard: Vec<Value>) -> Value {
    answer["follows"] = heard.iter().map(|it| title_of(it).0).collect();
    answer
}

fn title_of(message: &Value) -> (String, u64) {
    let title = message["data"]["task"]["title"].as_str().unwrap_or("");
    (title.into(), number_of(&message["position"]))
}

/// The number of a position.
pub fn number_of(position: &Value) -> u64 {
    let (_, number) = position.as_str().unwrap().split_once('-').unwrap();
    number.parse().unwrap()
}

/// A request with the key.
pub fn call(method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// What makes a task of this title.
pub fn task(title: &str) -> String {
    format!(r#"{{"repository":"web","title":"{title}"}}"#)
}

/// Where the task is that is answered.
pub fn path_of(answer: &Answer) -> String {
    let task: Value = serde_json::from_str(&answer.body).unwrap();
    format!("/api/v1/tasks/{}", task["id"].as_str().unwrap())
}
