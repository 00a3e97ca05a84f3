//! The thread that has the file: takes what has gathered, makes it so in one transaction, tells, and begins again.
//!
//! What can wait (checkpoints, trimming, looking whether a disk is well again) is done when nothing has come for a while.

use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

use super::LAZY_FOR;
use super::channel::{Deserted, Order, Report, Reporter};
use super::copy::Copy;
use super::opening::Unopened;
use super::options::Options;
use super::queue::Queue;
use super::restore::{Halt, Restore};
use super::transaction::{transact, write, write_each};
use super::trim::{Round, Trim};
use super::trouble::{Trouble, sentence, unusable};
use super::{copy, meta, opening, queue, wal};
use crate::engine::{Job, Row};
use crate::id::AppId;
use crate::time::Unix;

/// After so long without a job there is time for other things.
const IDLE_AFTER: Duration = Duration::from_secs(1);

/// So long after the end of a round through the logs the next one begins.
const ROUND_EVERY: Duration = Duration::from_secs(60);

/// How often it is told that something does not fit.
const MISFITS_TOLD_EVERY: Duration = Duration::from_secs(1);

/// How often it is tried whether a disk is well again.
const PROBED_EVERY: Duration = Duration::from_secs(1);

/// Serves the loop until it stops, or is gone.
pub fn keep<W: Fn()>(options: &Options, orders: &Receiver<Order>, reports: &Reporter<W>) {
    let mut copy = None;
    let end = begin(options, orders, reports).and_then(|connection| {
        let mut keeper = Keeper::new(&connection, options, orders, reports);
        let stopped = keeper.serve().map_err(|Deserted| Halt::Deserted)?;
        copy = keeper.copy.take();
        if stopped && let Err((_, error)) = connection.close() {
            log::error!("the data file cannot be closed: {}", sentence(&error));
        }
        Ok(stopped)
    });
    let told = match end {
        Ok(true) | Err(Halt::Unwanted) => reports.tell(Report::Stopped),
        Ok(false) | Err(Halt::Deserted) => Ok(()),
        Err(Halt::Broken(why)) => reports.tell(Report::Broken(why)),
    };
    if told.is_err() {
        log::debug!("nobody heard of the end of the data file");
    } else if let Some(copy) = copy {
        hand_over(copy, orders, reports);
    }
}

/// Opens the file and gives back what is in it.
fn begin<W: Fn()>(
    options: &Options,
    orders: &Receiver<Order>,
    reports: &Reporter<W>,
) -> Result<Connection, Halt> {
    // Before all has been given back there is nothing else to be asked for than the stop.
    let go_on = || matches!(orders.try_recv(), Err(TryRecvError::Empty));
    let connection = opening::open(options, &go_on).map_err(|unopened| match unopened {
        Unopened::Refused(why) => Halt::Broken(why),
        Unopened::Unwanted => Halt::Unwanted,
    })?;
    let broken = |why: &str| Halt::Broken(unusable(&options.path, options.is_default, why));
    let give = |piece| match go_on() {
        true => Ok(reports.tell(Report::Restored(piece))?),
        false => Err(Halt::Unwanted),
    };
    let amends = match Restore::new(&connection, options, now(), give).all() {
        Ok(amends) => amends,
        Err(Halt::Broken(why)) => return Err(broken(&why)),
        Err(halt) => return Err(halt),
    };
    reports.tell(Report::Given)?;
    // Whether what was given back can be taken up, only the loop knows; and it may want to stop.
    match orders.recv() {
        Ok(Order::Begin) if go_on() => {}
        Ok(_) => return Err(Halt::Unwanted),
        Err(_) => return Err(Halt::Deserted),
    }
    opening::settle(&connection, &options.path).map_err(|why| broken(&why))?;
    copy::clear(&options.path);
    let made = amends.make(&connection);
    made.map_err(|error| broken(&sentence(&error)))?;
    let bytes = wal::total_bytes(&options.path);
    reports.tell(Report::Started { bytes })?;
    Ok(connection)
}

/// What the thread knows while it serves.
struct Keeper<'a, W> {
    connection: &'a Connection,
    options: &'a Options,
    orders: &'a Receiver<Order>,
    reports: &'a Reporter<W>,
    queue: Queue,
    /// The copy that is to be made, until it has been: its number, and whether the secret may be in it.
    asked: Option<(u64, bool)>,
    /// The one that has been.
    copy: Option<Copy>,
    /// What is to be written last, once it has been said.
    last: Option<Vec<Row>>,
    is_deserted: bool,
    is_failing: bool,
    tried_at: Instant,
    /// When it was last told that something does not fit.
    misfit_at: Option<Instant>,
    busy_at: Instant,
    wal: wal::Wal,
    trim: Trim,
    round_at: Instant,
}

impl<'a, W: Fn()> Keeper<'a, W> {
    fn new(
        connection: &'a Connection,
        options: &'a Options,
        orders: &'a Receiver<Order>,
        reports: &'a Reporter<W>,
    ) -> Keeper<'a, W> {
        let now = Instant::now();
        Keeper {
            connection,
            options,
            orders,
            reports,
            queue: Queue::default(),
            asked: None,
            copy: None,
            last: None,
            is_deserted: false,
            is_failing: false,
            tried_at: now,
            misfit_at: None,
            busy_at: now,
            wal: wal::Wal::new(&options.path),
            trim: Trim::default(),
            round_at: now,
        }
    }

    /// Until it is stopped; the loop may be gone before it says so, which is `false`.
    fn serve(&mut self) -> Result<bool, Deserted> {
        loop {
            match self.orders.recv_timeout(self.patience()) {
                Ok(order) => self.take(order),
                Err(RecvTimeoutError::Timeout) => self.pass_time()?,
                Err(RecvTimeoutError::Disconnected) => return Ok(false),
            }
            self.gather();
            if self.queue.is_due() {
                self.commit()?;
            }
            if let Some(last) = self.last.take() {
                self.stop(last)?;
                return Ok(true);
            }
            if let Some((number, with_secret)) = self.asked {
                self.copy(number, with_secret)?;
            }
        }
    }

    /// How long nothing has to be done, if nothing comes.
    fn patience(&self) -> Duration {
        let is_pending = self.last.is_some() || self.asked.is_some();
        if is_pending || (self.queue.is_due() && !self.is_failing) {
            return Duration::ZERO;
        }
        let lazy = self.queue.since().map(|since| since + LAZY_FOR);
        let at = match self.is_failing {
            true => self.tried_at + PROBED_EVERY,
            false => lazy.unwrap_or_else(|| self.idle_at()),
        };
        at.saturating_duration_since(Instant::now())
    }

    /// When there is time for what can wait.
    fn idle_at(&self) -> Instant {
        let next = match self.wal.is_written_back() {
            true => self.round_at,
            false => self.wal.next_at(),
        };
        next.max(self.busy_at + IDLE_AFTER)
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Jobs { generation, jobs } => {
                self.busy_at = Instant::now();
                self.queue.take(generation, jobs);
            }
            Order::Copy {
                number,
                with_secret,
            } => self.asked = Some((number, with_secret)),
            Order::Read(number) => {
                let told = tell_piece(&mut self.copy, number, self.reports);
                self.is_deserted |= told.is_err();
            }
            Order::Drop(number) => {
                self.asked.take_if(|(asked, _)| *asked == number);
                self.copy.take_if(|copy| copy.number() == number);
            }
            Order::Begin => {}
            Order::Lost => self.queue.lose("there are too many of them"),
            Order::Stop(last) => self.last = Some(last),
        }
    }

    /// Takes what has come meanwhile.
    fn gather(&mut self) {
        loop {
            match self.orders.try_recv() {
                Ok(order) => self.take(order),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.is_deserted = true;
                    return;
                }
            }
        }
    }

    /// Makes one group so, and tells what became of it; whether it does not have to be tried again.
    fn commit(&mut self) -> Result<bool, Deserted> {
        let group = self.queue.group();
        let started = Instant::now();
        let written = match group.iter().all(|job| job.rows.is_empty()) {
            true => Ok(Vec::new()),
            false => self.write_group(&group),
        };
        let misfits = match written {
            Ok(misfits) => misfits,
            Err(trouble) => return self.fail(group, trouble).map(|()| false),
        };
        // What has no rows, or none that fit, says nothing of the disk.
        let with_rows = group.iter().filter(|job| !job.rows.is_empty());
        let is_written = with_rows.count() > misfits.len();
        if is_written {
            self.is_failing = false;
            self.wal.grows();
        }
        let lazy = group.iter().filter(|job| job.serial.is_none());
        self.reports.tell(Report::Committed {
            lazy: lazy.map(|job| queue::bytes(&job.rows)).sum(),
            upto: group.iter().rev().find_map(|job| job.serial),
            misfits: misfits.iter().filter_map(|at| group[*at].serial).collect(),
            micros: is_written.then(|| started.elapsed().as_micros() as u64),
            bytes: self.wal.total_bytes(),
        })?;
        if self.wal.is_large() {
            self.wal.write_back(self.connection);
        }
        Ok(true)
    }

    /// Writes a group: together, or, if there is something in it that does not fit, all but the jobs that do not. Which those
    /// are.
    fn write_group(&mut self, group: &[Job]) -> Result<Vec<usize>, Trouble> {
        let (connection, options) = (self.connection, self.options);
        let why = match transact(connection, || write(connection, options, group)) {
            Ok(()) => return Ok(Vec::new()),
            Err(Trouble::Rows(why)) => why,
            Err(trouble) => return Err(trouble),
        };
        let misfits = transact(connection, || write_each(connection, options, group))?;
        let is_told = |at: Instant| at.elapsed() < MISFITS_TOLD_EVERY;
        if !self.misfit_at.is_some_and(is_told) {
            self.misfit_at = Some(Instant::now());
            log::error!("changes do not fit the data file, and are not kept in it: {why}");
        }
        if misfits.iter().any(|at| group[*at].serial.is_none()) {
            self.queue.lose(&why);
        }
        Ok(misfits)
    }

    /// What waits has failed with the group; what nobody waits for is tried again.
    fn fail(&mut self, group: Vec<Job>, trouble: Trouble) -> Result<(), Deserted> {
        if !std::mem::replace(&mut self.is_failing, true) {
            log::error!("the data file cannot be written: {}", trouble.sentence());
        }
        self.tried_at = Instant::now();
        self.reports.tell(Report::Failed {
            generation: self.queue.fail(group),
            trouble: trouble.sentence().to_owned(),
        })
    }

    /// Nothing has come for a while.
    fn pass_time(&mut self) -> Result<(), Deserted> {
        if self.is_failing {
            return self.probe();
        }
        if Instant::now() < self.idle_at() || !self.queue.is_empty() {
            return Ok(());
        }
        if Instant::now() >= self.round_at {
            self.wal.grows();
            match self.trim.slice(self.connection, self.options, now()) {
                Ok(Round::Goes) => return Ok(()),
                Ok(Round::Over) => {}
                Err(error) => log::error!("old posts stay in the file: {}", sentence(&error)),
            }
            self.round_at = Instant::now() + ROUND_EVERY;
        }
        if !self.wal.is_written_back() {
            self.wal.write_back(self.connection);
        }
        Ok(())
    }

    /// Tries whether the disk is well again: with what nobody waits for, if there is any.
    fn probe(&mut self) -> Result<(), Deserted> {
        if !self.queue.is_empty() {
            return self.commit().map(drop);
        }
        self.tried_at = Instant::now();
        match transact(self.connection, || Ok(meta::probe(self.connection)?)) {
            Ok(()) => {
                self.is_failing = false;
                self.wal.grows();
                log::info!("the data file can be written again");
                let bytes = self.wal.total_bytes();
                self.reports.tell(Report::Well { bytes })
            }
            Err(trouble) => self.fail(Vec::new(), trouble),
        }
    }

    /// Makes a copy, if it is still wanted when it is made.
    fn copy(&mut self, number: u64, with_secret: bool) -> Result<(), Deserted> {
        let (connection, path) = (self.connection, &self.options.path);
        let asked = Some((number, with_secret));
        let mut go_on = || {
            self.gather();
            let committed = !self.queue.is_due() || self.commit().is_ok();
            let is_wanted = self.asked == asked && self.last.is_none();
            committed && is_wanted && !self.is_deserted
        };
        let made = Copy::make(number, connection, path, with_secret, &mut go_on);
        if self.asked != asked {
            return Ok(());
        }
        self.asked = None;
        let bytes = made.as_ref().map(Copy::bytes).map_err(String::clone);
        self.copy = made.ok();
        self.reports.tell(Report::Copied(number, bytes))
    }

    /// Writes what waits and what is the last, and that this was all.
    fn stop(&mut self, last: Vec<Row>) -> Result<(), Deserted> {
        if let Some((number, _)) = self.asked.take() {
            let why = Err("the hub stops".to_owned());
            self.reports.tell(Report::Copied(number, why))?;
        }
        let mut is_whole = true;
        while is_whole && !self.queue.is_empty() {
            is_whole = self.commit()?;
        }
        let is_whole = is_whole && !self.queue.has_lost();
        let last = [Job {
            serial: None,
            unix: now(),
            rows: last,
        }];
        let (connection, options) = (self.connection, self.options);
        let written = transact(connection, || {
            write(connection, options, &last)?;
            let apps = AppId::ALL.into_iter();
            for app in apps.filter(|app| is_whole && options.keeps(*app)) {
                meta::mark_clean(connection, app, true)?;
            }
            Ok(())
        });
        if let Err(trouble) = written {
            let why = trouble.sentence();
            log::error!("what was to be written last is not in the data file: {why}");
        }
        self.wal.write_back(self.connection);
        Ok(())
    }
}

/// Hands over what is still wanted of a copy, when the file has been let go of.
fn hand_over<W: Fn()>(copy: Copy, orders: &Receiver<Order>, reports: &Reporter<W>) {
    let number = copy.number();
    let mut copy = Some(copy);
    while let Ok(order) = orders.recv() {
        let told = match order {
            Order::Read(of) => tell_piece(&mut copy, of, reports),
            Order::Drop(of) if of == number => return,
            _ => Ok(()),
        };
        if told.is_err() {
            return;
        }
    }
}

/// Tells what comes next of a copy, if it is the one of this number.
fn tell_piece<W: Fn()>(
    copy: &mut Option<Copy>,
    number: u64,
    reports: &Reporter<W>,
) -> Result<(), Deserted> {
    let copy = copy.as_mut().filter(|copy| copy.number() == number);
    let piece = copy.map(Copy::piece).unwrap_or_default();
    reports.tell(Report::Piece(number, piece))
}

fn now() -> Unix {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Unix(since.unwrap_or_default().as_millis() as u64)
}
