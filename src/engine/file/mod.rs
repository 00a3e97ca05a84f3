//! The engine that keeps everything in one file, with SQLite, on a thread of its own.
//!
//! The loop hands over what was decided in a turn and never waits: the thread makes of whatever has gathered one transaction,
//! synced, and tells what became of it. So however many changes come while the disk is at work, the next sync is for all of
//! them. One thread has the one connection, which locks everybody else out for as long as it is open.
//!
//! # What is in it
//!
//! | table | columns | what |
//! |---|---|---|
//! | `sessions`, `tasks`, `rooms` | `id`, `record` | a record, as JSON, by its identifier |
//! | `players`, `messages` | `id`, `record` | the same of one room: the identifier is `ROOM_ID/ID` |
//! | `logs` | `name`, `epoch`, `number` | a numbering, `tasks` or `rooms/ROOM_ID`: its life, and its newest number |
//! | `posts` | `log`, `number`, `at`, `topic`, `text` | what was published in it; `at` in milliseconds since 1970, `text` without its position |
//! | `meta` | `name`, `value` | `secret`: what signs, in hexadecimal digits; of an app, as `durability:tasks` and `clean:tasks`: how it was kept last, and that the stop of that process was one in good order |
//!
//! `PRAGMA user_version` is the version of these tables, `PRAGMA application_id` says that they are ours. While the hub runs,
//! the file is locked; a backup can be read by anybody who may. Which sessions are open?
//!
//! ```text
//! $ sqlite3 backup.db "SELECT id, record ->> 'created_at' FROM sessions WHERE record ->> 'status' = 'pending'"
//! ```
//!
//! # What it promises beyond the seam
//!
//! - What is refused at the start is left as it was, and so are the rows of an app whose `durability` is `none`.
//! - A log goes on in its epoch if nothing of it can be missing: always if its app was last kept with `commit`, and if with
//!   `lazy`, after a stop in good order. A process with `none` changes nothing of that.
//! - The histories of `events` and `stream`, which only such a stop writes, are struck before anything is published anew, so
//!   that no number is given twice.

mod channel;
mod copy;
mod header;
mod holder;
mod keeper;
mod meta;
mod opening;
mod options;
mod queue;
mod restore;
mod rows;
mod schema;
mod transaction;
mod trim;
mod trouble;
mod wal;

use std::any::Any;
use std::collections::VecDeque;
use std::fs;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread;
use std::time::Duration;

use self::channel::{Order, Report, Reporter};
pub use self::options::Options;
use super::{Engine, Health, Job, Outcome, Restored, Row};

/// Reports that wait for the loop at most; of what is restored, this is what is in memory twice.
const REPORTS: usize = 4;

/// How long what nobody waits for may stay in memory, so that not every change of that kind is a sync.
const LAZY_FOR: Duration = Duration::from_millis(250);

/// Bytes of rows that nobody waits for, from when they are submitted until they are so: beyond that they are lost.
const KEPT_BYTES: usize = 64 << 20;

/// Times of transactions that are kept for who asks.
const MICROS: usize = 10_000;

/// The loop's end of it.
pub struct File {
    orders: Sender<Order>,
    reports: Receiver<Report>,
    /// What was submitted in this turn.
    gathered: Vec<Job>,
    /// The numbers of the jobs whose outcome has not been told, in their order.
    waiting: VecDeque<u64>,
    /// Of what is submitted now; it rises when a failure has been told.
    generation: u64,
    /// What is submitted is of this generation once those have been told that waited when the failure was heard of.
    failing: Option<u64>,
    /// So many of those that wait, from the first on, are told to have failed.
    doomed: usize,
    /// What waits up to here is so.
    upto: Option<u64>,
    /// Those among that which are not, because they do not fit.
    misfits: VecDeque<u64>,
    /// Bytes of rows that nobody waits for and that are not so yet.
    lazy: usize,
    /// Whether some of them were let go of.
    has_lost: bool,
    restored: std::vec::IntoIter<Restored>,
    /// The log that was given last.
    log: String,
    health: Health,
    has_ended: bool,
    /// The thread, which gives back what it wakes with: were that dropped at its end, a wake that the loop has not heard of
    /// yet would be, too.
    _thread: Option<Box<dyn Any>>,
}

impl File {
    /// Opens the file, on a thread of its own, which `wake`s the loop when there is something to be told.
    pub fn open(mut options: Options, wake: impl Fn() + Send + 'static) -> File {
        // What SQLite puts beside a file stands beside that which a link leads to.
        options.path = fs::canonicalize(&options.path).unwrap_or(options.path);
        let (orders, taken) = mpsc::channel();
        let (sender, reports) = mpsc::sync_channel(REPORTS);
        let reporter = Reporter::new(sender.clone(), wake);
        let thread = thread::Builder::new().name("roomcast-file".to_owned());
        let begun = thread.spawn(move || {
            keeper::keep(&options, &taken, &reporter);
            reporter
        });
        let thread: Option<Box<dyn Any>> = match begun {
            Ok(thread) => Some(Box::new(thread)),
            Err(error) => {
                let why = format!("no thread can be had for the data file: {error}");
                // There is space for it, and its reader is here.
                let _ = sender.try_send(Report::Broken(why));
                None
            }
        };
        File {
            orders,
            reports,
            gathered: Vec::new(),
            waiting: VecDeque::new(),
            generation: 0,
            failing: None,
            doomed: 0,
            upto: None,
            misfits: VecDeque::new(),
            lazy: 0,
            has_lost: false,
            restored: Vec::new().into_iter(),
            log: String::new(),
            health: Health::default(),
            has_ended: false,
            _thread: thread,
        }
    }

    /// What is known already.
    fn known(&mut self) -> Option<Outcome> {
        if let Some(mut restored) = self.restored.next() {
            match &mut restored {
                Restored::Log { log, .. } => self.log.clone_from(log),
                Restored::Post { log, .. } => log.clone_from(&self.log),
                Restored::Secret(_) | Restored::Record { .. } => {}
            }
            return Some(Outcome::Restored(restored));
        }
        if self.doomed > 0 {
            self.doomed -= 1;
            let failed = self.waiting.pop_front();
            self.rise();
            return failed.map(Outcome::Failed);
        }
        let serial = self
            .waiting
            .pop_front_if(|serial| Some(*serial) <= self.upto)?;
        let misfit = self.misfits.pop_front_if(|misfit| *misfit == serial);
        Some(match misfit {
            Some(serial) => Outcome::Failed(serial),
            None => Outcome::Committed(serial),
        })
    }

    /// Once those have been told that waited when a failure was heard of, another generation begins: those that were submitted
    /// meanwhile fail with it, and none joins them, so that there is an end of it however many are submitted.
    fn rise(&mut self) {
        if self.doomed == 0
            && let Some(generation) = self.failing.take()
        {
            self.generation = generation;
            self.doomed = self.waiting.len();
            self.gathered.retain(|job| job.serial.is_none());
        }
    }

    /// What a report says by itself, beside what it makes known.
    fn hear(&mut self, report: Report) -> Option<Outcome> {
        match report {
            Report::Restored(piece) => self.restored = piece.into_iter(),
            Report::Given => self.order(Order::Begin),
            Report::Started { bytes } => {
                self.health.bytes = bytes;
                return Some(Outcome::Started);
            }
            Report::Committed {
                upto,
                misfits,
                lazy,
                micros,
                bytes,
            } => {
                self.upto = upto.max(self.upto);
                self.misfits.extend(misfits);
                self.lazy -= lazy;
                self.health.bytes = bytes;
                if micros.is_some() {
                    self.health.trouble = None;
                }
                self.health.commits += u64::from(micros.is_some());
                if self.health.commit_micros.len() < MICROS {
                    self.health.commit_micros.extend(micros);
                }
            }
            Report::Well { bytes } => {
                self.health.bytes = bytes;
                self.health.trouble = None;
            }
            Report::Failed {
                generation,
                trouble,
            } => {
                if generation.is_some() {
                    self.failing = generation;
                    self.doomed = self.waiting.len();
                    self.rise();
                }
                self.health.failures += 1;
                self.health.trouble = Some(trouble);
            }
            Report::Copied(number, copied) => return Some(Outcome::Copied(number, copied)),
            Report::Piece(number, piece) => return Some(Outcome::Piece(number, piece)),
            Report::Stopped => {
                self.has_ended = true;
                return Some(Outcome::Stopped);
            }
            Report::Broken(why) => {
                self.has_ended = true;
                return Some(Outcome::Broken(why));
            }
        }
        None
    }

    /// A thread that is gone has told why, or this is told at the next look.
    fn order(&self, order: Order) {
        if self.orders.send(order).is_err() {
            log::debug!("the data file is not kept any more");
        }
    }
}

impl Engine for File {
    fn keeps(&self) -> bool {
        true
    }

    fn submit(&mut self, job: Job) {
        if job.serial.is_none() {
            let bytes = queue::bytes(&job.rows);
            if self.lazy + bytes > KEPT_BYTES {
                if !std::mem::replace(&mut self.has_lost, true) {
                    self.order(Order::Lost);
                }
                return;
            }
            self.lazy += bytes;
        }
        self.waiting.extend(job.serial);
        self.gathered.push(job);
    }

    fn send(&mut self) {
        if !self.gathered.is_empty() {
            let jobs = std::mem::take(&mut self.gathered);
            let generation = self.generation;
            self.order(Order::Jobs { generation, jobs });
        }
    }

    fn next(&mut self) -> Option<Outcome> {
        loop {
            if let Some(outcome) = self.known() {
                return Some(outcome);
            }
            match self.reports.try_recv() {
                Ok(report) => {
                    if let Some(outcome) = self.hear(report) {
                        return Some(outcome);
                    }
                }
                Err(TryRecvError::Disconnected) if !self.has_ended => {
                    self.has_ended = true;
                    let why = "the thread that has the data file has ended".to_owned();
                    return Some(Outcome::Broken(why));
                }
                Err(_) => return None,
            }
        }
    }

    fn health(&mut self) -> Health {
        let commit_micros = std::mem::take(&mut self.health.commit_micros);
        Health {
            commit_micros,
            ..self.health.clone()
        }
    }

    fn copy(&mut self, number: u64, with_secret: bool) {
        self.order(Order::Copy {
            number,
            with_secret,
        });
    }

    fn read_copy(&mut self, number: u64) {
        self.order(Order::Read(number));
    }

    fn drop_copy(&mut self, number: u64) {
        self.order(Order::Drop(number));
    }

    fn stop(&mut self, last: Vec<Row>) {
        self.send();
        self.order(Order::Stop(last));
    }
}
