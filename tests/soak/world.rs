//! What all workers share: the hub, when to begin and when to stop; and looks at what the hub holds and has counted.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::harness::patience::PATIENCE;
use crate::harness::process::roomcast;
use crate::harness::server::Server;
use crate::member::Caller;
use crate::tally::Tally;
use crate::{events, rooms, stream, tasks};

/// Small queues and short deadlines, so that all of them matter within seconds, though not so short that a client whose
/// machine is busy is late; stores and histories that are soon as full as they get, and histories that are soon too old.
const FLAGS: &str = "--queue-messages 32 --memory-budget 64MiB --write-timeout 10s --header-timeout 10s \
                     --ping-interval 2s --pong-timeout 60s --max-message 64KiB --set stream.connections_per_minute=0 \
                     --set rooms.max_messages=50 --loop-lag-limit 60s \
                     --set events.history_messages=16 --set events.history_age=1s \
                     --set tasks.history_messages=16 --set tasks.history_age=1s \
                     --set stream.history_messages=16 --set stream.history_age=1s \
                     --set rooms.history_messages=16 --set rooms.history_age=1s";

pub type Workers = Vec<JoinHandle<Tally>>;

pub struct World {
    pub server: Server,
    shared: Arc<Shared>,
    /// The games: code, and the path of the player that comes and goes.
    rooms: Mutex<Vec<(String, String)>>,
}

/// What a worker knows.
pub struct Shared {
    pub address: SocketAddr,
    is_over: AtomicBool,
    goodbye: AtomicBool,
    /// Listeners that were started, and those that are there.
    asked: AtomicU32,
    here: Mutex<u32>,
    more: Condvar,
}

/// What the hub holds and has counted.
pub struct Look {
    pub descriptors: usize,
    pub numbers: BTreeMap<String, f64>,
}

impl World {
    pub fn new() -> World {
        let mut command = roomcast(&format!("--listen 127.0.0.1:0 {FLAGS}"));
        command.env("RUST_LOG", "info");
        let server = Server::over(command);
        pin(&server);
        let shared = Shared {
            address: server.address(),
            is_over: AtomicBool::new(false),
            goodbye: AtomicBool::new(false),
            asked: AtomicU32::new(0),
            here: Mutex::new(0),
            more: Condvar::new(),
        };
        World {
            server,
            shared: Arc::new(shared),
            rooms: Mutex::default(),
        }
    }

    pub fn add_room(&self, code: String, third: String) {
        self.rooms.lock().unwrap().push((code, third));
    }

    pub fn rooms(&self) -> Vec<(String, String)> {
        self.rooms.lock().unwrap().clone()
    }

    /// Starts somebody who does this until it is over.
    pub fn worker(
        &self,
        does: impl FnOnce(&Shared, &mut Tally) + Send + 'static,
    ) -> JoinHandle<Tally> {
        let shared = Arc::clone(&self.shared);
        // A run that hangs or fails says who it was.
        let name = std::any::type_name_of_val(&does).trim_start_matches("soak::");
        let worker = thread::Builder::new().name(name.to_owned());
        let work = move || {
            let mut tally = Tally::default();
            does(&shared, &mut tally);
            tally
        };
        worker.spawn(work).unwrap()
    }

    /// The same for somebody who says when he is there, for others not to begin before.
    pub fn listener(
        &self,
        does: impl FnOnce(&Shared, &mut Tally) + Send + 'static,
    ) -> JoinHandle<Tally> {
        self.shared.asked.fetch_add(1, Ordering::SeqCst);
        self.worker(does)
    }

    pub fn wait_for_listeners(&self) {
        let asked = self.shared.asked.load(Ordering::SeqCst);
        let here = self.shared.here.lock().unwrap();
        let all = self
            .shared
            .more
            .wait_timeout_while(here, PATIENCE, |here| *here < asked);
        assert!(!all.unwrap().1.timed_out(), "not all listeners are there");
    }

    /// Nothing more is published.
    pub fn stop(&self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
    }

    /// Tells the listeners of every app, in its own words, that this was all.
    pub fn say_goodbye(&self, tally: &mut Tally) {
        self.shared.goodbye.store(true, Ordering::SeqCst);
        let mut caller = Caller::new(self.shared.address);
        events::end(&mut caller, tally);
        tasks::end(&mut caller, tally);
        stream::end(&mut caller, tally);
        rooms::end(
            &mut caller,
            tally,
            self.rooms().into_iter().map(|(code, _)| code),
        );
    }

    pub fn look(&self, tally: &mut Tally) -> Look {
        let mut caller = Caller::new(self.shared.address);
        // An answer is counted once it is made, so this one is not among those that it tells of.
        let text = caller
            .ask(&mut Tally::default(), "GET", "/metrics", "")
            .text();
        let look = Look {
            descriptors: self.server.descriptors(),
            numbers: parse(&text),
        };
        tally.status(200);
        look
    }

    /// Looks until the hub holds nothing that it did not hold before.
    pub fn look_until_nothing_is_left(&self, before: &Look, tally: &mut Tally) -> Look {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut looked = Tally::default();
            let after = self.look(&mut looked);
            if after.holdings() == before.holdings() || Instant::now() >= deadline {
                return after;
            }
            tally.add(looked);
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Shared {
    pub fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::SeqCst)
    }

    pub fn is_goodbye(&self) -> bool {
        self.goodbye.load(Ordering::SeqCst)
    }

    pub fn here_i_am(&self) {
        *self.here.lock().unwrap() += 1;
        self.more.notify_all();
    }
}

/// Puts the hub on the first core, if there are several and a tool to do it.
fn pin(server: &Server) {
    if thread::available_parallelism().map_or(1, usize::from) > 1 {
        let mut taskset = Command::new("taskset");
        taskset.args(["-cp", "0", &server.id().to_string()]);
        let _ = taskset.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// The pace of whoever does something again and again.
pub fn pause(milliseconds: u64) {
    thread::sleep(Duration::from_millis(milliseconds));
}

fn parse(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.map(|line| line.rsplit_once(' ').unwrap());
    pairs
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

impl Look {
    pub fn get(&self, name: &str) -> u64 {
        self.numbers.get(name).map_or(0, |&value| value as u64)
    }

    /// Every line of a family: its labels, and the number.
    pub fn family<'a>(&'a self, family: &'a str) -> impl Iterator<Item = (&'a str, u64)> {
        let lines = self.numbers.iter();
        lines.filter_map(move |(name, &value)| {
            let labels = name.strip_prefix(family)?.strip_prefix('{')?;
            Some((labels.trim_end_matches('}'), value as u64))
        })
    }

    /// What must be as before once everybody has left.
    pub fn holdings(&self) -> [(&'static str, u64); 5] {
        let sum = |family| self.family(family).map(|(_, value)| value).sum();
        [
            ("descriptors", self.descriptors as u64),
            ("connections", sum("roomcast_connections")),
            ("rooms", sum("roomcast_rooms")),
            ("queued messages", self.get("roomcast_queue_messages")),
            ("queued bytes", self.get("roomcast_queue_bytes")),
        ]
    }
}
