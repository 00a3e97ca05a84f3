//! What stands around the machines in these tests: a socket that waits, and a hub that has one app.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use roomcast::engine::Table;
use roomcast::engine::redis::address::Login;
use roomcast::engine::redis::batch::Entry;
use roomcast::engine::redis::epoch::{Ask, Decision, Inquiry};
use roomcast::engine::redis::start::{Found, Start};
use roomcast::engine::redis::{
    self, Batch, Event, Keys, Link, Mark, Operation, Origin, Outcome, Request, Script, Tail, Told,
    Trouble,
};
use roomcast::time::Millis;
use roomcast::wire::resp::Value;

use super::server::Server;

const PATIENCE: Duration = Duration::from_secs(30);
/// Entries that are kept, where it does not matter.
const KEPT: u64 = 100_000;

/// Why nothing is answered.
#[derive(Debug)]
pub enum Cut {
    Trouble(Trouble),
    Gone,
}

/// A connection.
pub struct Shell {
    pub link: Link,
    socket: UnixStream,
}

impl Shell {
    pub fn new(server: &Server) -> Shell {
        Shell::open(server, &Login::default()).unwrap()
    }

    pub fn open(server: &Server, login: &Login) -> Result<Shell, Cut> {
        let socket = server.connect();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let link = Link::new(login, "test");
        let mut shell = Shell { link, socket };
        shell.wait(|event| assert_eq!(event, Event::Ready))?;
        Ok(shell)
    }

    /// Sends what is to be sent, and waits for what comes next.
    pub fn wait<T>(&mut self, read: impl FnOnce(Event<'_>) -> T) -> Result<T, Cut> {
        let mut bytes = vec![0; 64 << 10];
        loop {
            if let Some(event) = self.link.event().map_err(Cut::Trouble)? {
                return Ok(read(event));
            }
            self.send();
            match self.socket.read(&mut bytes) {
                Ok(0) | Err(_) => return Err(Cut::Gone),
                Ok(length) => self.link.take(&bytes[..length]),
            }
        }
    }

    /// What is answered to what was asked under this tag, which is the next to be answered.
    pub fn answer<T>(
        &mut self,
        tag: u64,
        read: impl FnOnce(Result<&Value<'_>, Trouble>) -> T,
    ) -> Result<T, Cut> {
        self.wait(|event| match event {
            Event::Answer(of, answer) if of == tag => match answer {
                Ok(value) => read(Ok(&value)),
                Err(trouble) => read(Err(trouble)),
            },
            other => panic!("{other:?} instead of an answer to {tag}"),
        })
    }

    /// Asks and reads what is answered.
    pub fn ask<T>(&mut self, request: &Request, read: impl FnOnce(&Value<'_>) -> T) -> T {
        self.link.ask(9, request).unwrap();
        self.answer(9, |answer| read(answer.unwrap())).unwrap()
    }

    /// What a command answers, as text.
    pub fn say(&mut self, parts: &[&str]) -> String {
        self.ask(&Request::of(parts), |value| match value.as_str() {
            Some(text) => text.to_owned(),
            None => value
                .as_integer()
                .map_or(String::new(), |number| number.to_string()),
        })
    }

    pub fn send(&mut self) {
        let out = self.link.out();
        let _ = self.socket.write_all(out);
        out.clear();
    }
}

/// An app's keys in every test.
pub fn keys() -> Keys {
    Keys::new("test", "rooms")
}

pub fn change<'a>(serial: u64, operations: &'a [Operation<'a>]) -> Entry<'a> {
    Entry {
        serial,
        language: 1,
        change: "{}",
        expects: &[],
        operations,
    }
}

pub fn put<'a>(key: &'a str, record: &'a str) -> Operation<'a> {
    Operation::Put((Table::Rooms, key), record)
}

/// Records by their keys, with their versions.
pub type Records = Vec<(String, u64, String)>;

/// A hub with one app.
pub struct Hub {
    pub shell: Shell,
    pub keys: Keys,
    pub origin: Origin,
    pub epoch: String,
    pub kept: u64,
}

impl Hub {
    /// One that has come to an epoch, and joined.
    pub fn new(server: &Server, name: &str) -> Hub {
        let mut hub = Hub {
            shell: Shell::new(server),
            keys: keys(),
            origin: Origin::new(name, 7),
            epoch: String::new(),
            kept: KEPT,
        };
        let decision = hub.inquire(None, 0xaaaa);
        hub.epoch = decision.epoch;
        hub.join();
        hub
    }

    pub fn join(&mut self) {
        let request = redis::join(&self.keys, &self.origin);
        self.shell.ask(&request, |_| ());
    }

    /// The replication id of the server.
    pub fn replid(&mut self) -> String {
        let info = self.shell.say(&["INFO", "replication"]);
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("master_replid:"));
        line.unwrap().to_owned()
    }

    /// Asks until it is decided which epoch holds; the clock goes on by a tenth of a second each time.
    pub fn inquire(&mut self, applied: Option<Mark>, fresh: u32) -> Decision {
        let replid = self.replid();
        let mut inquiry = Inquiry::new(&self.keys, &self.origin, applied, replid, Millis(0));
        for now in (0..=20).map(|tenth| Millis(tenth * 100)) {
            if let Some(decision) = self.inquire_once(&mut inquiry, now, fresh) {
                return decision;
            }
        }
        panic!("nothing is decided after two seconds");
    }

    /// All that is to be asked at this time.
    pub fn inquire_once(
        &mut self,
        inquiry: &mut Inquiry,
        now: Millis,
        fresh: u32,
    ) -> Option<Decision> {
        while let Some(ask) = inquiry.ask(now, fresh) {
            match ask {
                Ask::Plain(request) => self.shell.ask(&request, |_| ()),
                Ask::Run(script, request) => {
                    self.shell.link.run(1, script, request).unwrap();
                    let take =
                        |answer: Result<&Value<'_>, Trouble>| inquiry.take(answer.unwrap(), now);
                    let decision = self.shell.answer(1, take).unwrap().unwrap();
                    if decision.is_some() {
                        return decision;
                    }
                }
            }
        }
        None
    }

    pub fn batch(&self, entries: &[Entry<'_>]) -> Batch {
        let mut batch = Batch::new(&self.keys, &self.epoch, &self.origin, self.kept);
        for entry in entries {
            batch.add(entry);
        }
        batch
    }

    /// Sends a batch, whose answer is to be waited for.
    pub fn submit(&mut self, entries: &[Entry<'_>]) {
        let request = self.batch(entries).request();
        self.shell.link.run(1, Script::Commit, request).unwrap();
        self.shell.send();
    }

    pub fn outcome(&mut self) -> Result<Outcome, Trouble> {
        let read = |answer: Result<&Value<'_>, Trouble>| answer.and_then(Outcome::read);
        self.shell.answer(1, read).unwrap()
    }

    pub fn commit(&mut self, entries: &[Entry<'_>]) -> Outcome {
        self.submit(entries);
        self.outcome().unwrap()
    }

    /// The number of the entry of a change that becomes so.
    pub fn commit_one(&mut self, entry: Entry<'_>) -> u64 {
        match self.commit(&[entry]) {
            Outcome::Judged(verdicts) => match &verdicts[..] {
                [redis::Verdict::Committed(number, _)] => *number,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    /// All that the app has, and where its stream is; nothing if there is no epoch. Records by key.
    pub fn read(&mut self) -> (Records, Vec<(String, u64)>, Option<Mark>) {
        let mut start = Start::new(&self.keys);
        let (mut records, mut logs, mut mark) = (Vec::new(), Vec::new(), None);
        while let Some(request) = start.ask() {
            self.shell.ask(&request, |answer| {
                for found in start.take(answer).unwrap() {
                    match found {
                        Found::Log(name, _, number) => logs.push((name.to_owned(), number)),
                        Found::Record((table, key), version, text) => {
                            let key = format!("{}/{key}", table.name());
                            records.push((key, version, text.to_owned()));
                        }
                        Found::All(all) => mark = Some(all),
                        Found::Nothing => {}
                    }
                }
            });
        }
        records.sort();
        records.dedup();
        logs.sort();
        logs.dedup();
        (records, logs, mark)
    }

    pub fn mark(&mut self) -> Mark {
        self.read().2.unwrap()
    }
}

/// What a tail has told, kept for a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Number, author, change, numbers of its posts.
    Entry(u64, String, String, Vec<u64>),
    Newer(u64, u32),
    Trimmed(u64),
    Began(u64, String),
    Lost,
}

/// A hub that only follows.
pub struct Follower {
    pub shell: Shell,
    pub tail: Tail,
}

impl Follower {
    pub fn new(server: &Server, mark: Mark) -> Follower {
        let mut tail = Tail::new([keys().stream], 1);
        tail.follow(0, mark);
        let shell = Shell::new(server);
        Follower { shell, tail }
    }

    /// Asks, and the answer is to be waited for.
    pub fn ask(&mut self) {
        let request = self.tail.ask().unwrap();
        self.shell.link.ask(2, &request).unwrap();
        self.shell.send();
    }

    pub fn hear(&mut self) -> Vec<Heard> {
        let tail = &mut self.tail;
        let take = |answer: Result<&Value<'_>, Trouble>| {
            let told = tail.take(answer.unwrap()).unwrap();
            told.into_iter().map(|(_, told)| heard(told)).collect()
        };
        self.shell.answer(2, take).unwrap()
    }

    /// Asks until so much has been told.
    pub fn hear_all(&mut self, count: usize) -> Vec<Heard> {
        let (mut all, mut silent) = (Vec::new(), 0);
        while all.len() < count {
            self.ask();
            let heard = self.hear();
            silent = if heard.is_empty() { silent + 1 } else { 0 };
            assert!(silent < 10, "nothing follows {all:?}");
            all.extend(heard);
        }
        all
    }

    /// The same tail on another connection.
    pub fn reconnect(&mut self, server: &Server) {
        self.shell = Shell::new(server);
        self.tail.interrupted();
    }
}

fn heard(told: Told<'_>) -> Heard {
    match told {
        Told::Entry(entry) => Heard::Entry(
            entry.number,
            entry.author().unwrap().to_string(),
            entry.change.to_owned(),
            entry.numbers(),
        ),
        Told::Newer(entry) => Heard::Newer(entry.number, entry.language),
        Told::Trimmed(from) => Heard::Trimmed(from),
        Told::Began(entry) => Heard::Began(entry.number, entry.epoch.to_owned()),
        Told::Lost => Heard::Lost,
    }
}
