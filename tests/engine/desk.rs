//! The loop's side of an engine, as tests play it: it sleeps until it is woken.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use roomcast::bounds::Bounds;
use roomcast::engine::file::Options;
use roomcast::engine::{Engine, File, Job, Outcome, Restored, Row, Table};
use roomcast::time::Unix;

/// Says to a process of this program which part it plays, and where.
pub const PART: &str = "ROOMCAST_TEST_ENGINE_PART";
pub const PATH: &str = "ROOMCAST_TEST_ENGINE_PATH";

const PATIENCE: Duration = Duration::from_secs(30);

/// A folder of one test's own, which goes when it does.
pub struct Place(PathBuf);

impl Place {
    pub fn new() -> Place {
        Place::below(&std::env::temp_dir())
    }

    pub fn below(folder: &Path) -> Place {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("roomcast-engine-{}-{number}", std::process::id());
        let path = folder.join(name);
        fs::create_dir_all(&path).unwrap();
        Place(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn data(&self) -> PathBuf {
        self.0.join("roomcast.db")
    }

    /// The names of all that is there.
    pub fn names(&self) -> Vec<String> {
        let items = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = items
            .map(|item| item.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// What a process that is killed now would leave behind, in a place of its own.
    pub fn killed(&self) -> Place {
        let other = Place::new();
        for name in ["roomcast.db", "roomcast.db-wal"] {
            fs::copy(self.0.join(name), other.0.join(name)).unwrap();
        }
        other
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The usual options, for a file that has to be there at once.
pub fn options(path: impl Into<PathBuf>) -> Options {
    Options {
        wait: Duration::from_millis(0),
        with_secret: false,
        ..Options::new(path, &Bounds::default())
    }
}

pub struct Desk {
    pub file: File,
    woken: Receiver<()>,
}

impl Desk {
    pub fn open(options: Options) -> Desk {
        let (wake, woken) = mpsc::channel();
        let file = File::open(options, move || {
            let _ = wake.send(());
        });
        Desk { file, woken }
    }

    /// One whose thread stands still wherever it wakes the loop while the gate is held.
    pub fn gated(options: Options, gate: Arc<Mutex<()>>) -> Desk {
        let (wake, woken) = mpsc::channel();
        let file = File::open(options, move || {
            drop(gate.lock().unwrap());
            let _ = wake.send(());
        });
        Desk { file, woken }
    }

    /// Lets go of the engine as it is, and waits until its thread has ended.
    pub fn leave(self) {
        let Desk { file, woken } = self;
        drop(file);
        while woken.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Disconnected) {}
    }

    /// Opens and takes all that is given back.
    pub fn start(options: Options) -> (Desk, Vec<Restored>) {
        let mut desk = Desk::open(options);
        let mut restored = Vec::new();
        loop {
            match desk.outcome() {
                Outcome::Restored(found) => restored.push(found),
                Outcome::Started => return (desk, restored),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Opens a file of which nothing is expected.
    pub fn new(place: &Place) -> Desk {
        Desk::start(options(place.data())).0
    }

    /// The sentence with which it does not open.
    pub fn refusal(options: Options) -> String {
        let mut desk = Desk::open(options);
        loop {
            match desk.outcome() {
                Outcome::Broken(why) => return why,
                Outcome::Restored(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Sleeps until the engine wakes the loop.
    pub fn sleep(&self) {
        self.woken.recv_timeout(PATIENCE).unwrap();
    }

    /// The next outcome, as soon as there is one.
    pub fn outcome(&mut self) -> Outcome {
        loop {
            if let Some(outcome) = self.file.next() {
                return outcome;
            }
            self.sleep();
        }
    }

    pub fn submit(&mut self, serial: impl Into<Option<u64>>, rows: Vec<Row>) {
        let (serial, unix) = (serial.into(), now());
        self.file.submit(Job { serial, unix, rows });
    }

    /// Submits and sends.
    pub fn give(&mut self, serial: impl Into<Option<u64>>, rows: Vec<Row>) {
        self.submit(serial, rows);
        self.file.send();
    }

    /// Makes these rows so.
    #[track_caller]
    pub fn commit(&mut self, serial: u64, rows: Vec<Row>) {
        self.give(serial, rows);
        assert_eq!(self.outcome(), Outcome::Committed(serial));
    }

    pub fn stop(mut self, last: Vec<Row>) {
        self.file.stop(last);
        assert_eq!(self.outcome(), Outcome::Stopped);
        assert_eq!(self.file.next(), None);
    }
}

/// Runs this test program once more, as another process that plays a part.
pub fn play(part: &str, path: &Path) -> Child {
    program(std::env::current_exe().unwrap().as_os_str(), part, path)
        .args(["--exact", part, "--nocapture", "--test-threads=1"])
        .spawn()
        .unwrap()
}

/// A process that plays a part and is talked to through its standard input and output.
pub fn program(name: impl AsRef<std::ffi::OsStr>, part: &str, path: &Path) -> Command {
    let mut command = Command::new(name);
    command.env(PART, part).env(PATH, path);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// The path, if this process plays the part.
pub fn plays(part: &str) -> Option<PathBuf> {
    let is_mine = std::env::var(PART).is_ok_and(|mine| mine == part);
    is_mine.then(|| PathBuf::from(std::env::var_os(PATH).unwrap()))
}

pub fn now() -> Unix {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Unix(since.as_millis() as u64)
}

pub fn put(table: Table, key: &str, record: &str) -> Row {
    let (key, record) = (key.to_owned(), record.to_owned());
    Row::Put { table, key, record }
}

pub fn open(log: &str, epoch: u32, number: u64) -> Row {
    let log = log.to_owned();
    Row::Open { log, epoch, number }
}

pub fn post(log: &str, text: &str) -> Row {
    post_at(log, text, now())
}

pub fn post_at(log: &str, text: &str, at: Unix) -> Row {
    Row::Post {
        log: log.to_owned(),
        topic: "a topic".to_owned(),
        at,
        text: text.to_owned(),
    }
}

/// The logs among what was given back: name, epoch, newest, oldest.
pub fn logs(restored: &[Restored]) -> Vec<(&str, u32, u64, u64)> {
    let mut logs = Vec::new();
    for found in restored {
        if let Restored::Log {
            log,
            epoch,
            number,
            first,
        } = found
        {
            logs.push((log.as_str(), *epoch, *number, *first));
        }
    }
    logs
}

/// The posts among it: number and text.
pub fn posts(restored: &[Restored]) -> Vec<(u64, &str)> {
    let mut posts = Vec::new();
    for found in restored {
        if let Restored::Post { number, text, .. } = found {
            posts.push((*number, text.as_str()));
        }
    }
    posts
}

/// The records among it: table, key and record.
pub fn records(restored: &[Restored]) -> Vec<(Table, &str, &str)> {
    let mut records = Vec::new();
    for found in restored {
        if let Restored::Record { table, key, record } = found {
            records.push((*table, key.as_str(), record.as_str()));
        }
    }
    records
}
