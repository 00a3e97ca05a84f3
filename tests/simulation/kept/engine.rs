//! The simulated engine: what every engine promises, and nothing more. It is late, by chance; it syncs in groups; it fails now
//! and then; and it has no effect any more once the power is cut.

use std::collections::VecDeque;
use std::rc::Rc;

use roomcast::engine::{Engine, Health, Job, Outcome, Restored, Row};
use roomcast::time::Millis;

use super::disk::Shared;
use super::state::State;
use crate::network::Power;

/// How long what nobody waits for may wait for others.
const LAZY_FOR: Millis = Millis(250);
/// How often it is tried whether the disk is well again.
const PROBED_EVERY: Millis = Millis(1000);

/// One process's end of a disk.
pub struct Simulated {
    disk: Shared,
    power: Rc<Power>,
    stage: Stage,
    /// What is so as soon as all has been given back.
    begun: State,
    /// Submitted in this turn.
    gathered: Vec<Job>,
    /// On their way.
    queue: VecDeque<Job>,
    /// Since when the oldest of them waits that nobody waits for.
    lazy_since: Option<Millis>,
    group: Option<Group>,
    /// The numbers of those who wait, in their order.
    waiting: VecDeque<u64>,
    /// Up to here they are so.
    upto: u64,
    /// All of them have failed, and that is being told.
    fails: bool,
    last: Option<Vec<Row>>,
    health: Health,
    probed: Millis,
}

/// How far it has come.
enum Stage {
    /// It gives back what was there, so many more of it at once, and then again at this time.
    Restores(VecDeque<Restored>, usize, Millis),
    Serves,
    /// It has let go of the disk, and is about to say so.
    HasStopped,
    Ended,
}

/// What is being synced.
struct Group {
    jobs: Vec<Job>,
    due: Millis,
    is_last: bool,
}

impl Simulated {
    /// A new process has the disk.
    pub fn open(disk: &Shared) -> Simulated {
        let mut held = disk.borrow_mut();
        let (restored, begun) = held.open();
        let due = held.power.now() + held.delay();
        let power = held.power.clone();
        drop(held);
        Simulated {
            disk: disk.clone(),
            power,
            stage: Stage::Restores(restored.into(), 0, due),
            begun,
            gathered: Vec::new(),
            queue: VecDeque::new(),
            lazy_since: None,
            group: None,
            waiting: VecDeque::new(),
            upto: 0,
            fails: false,
            last: None,
            health: Health::default(),
            probed: Millis(0),
        }
    }

    /// What is given back next, if it is time.
    fn restore(&mut self) -> Option<Outcome> {
        let now = self.power.now();
        let Stage::Restores(rows, at_once, due) = &mut self.stage else {
            return None;
        };
        if *at_once == 0 {
            if now < *due {
                return None;
            }
            let mut disk = self.disk.borrow_mut();
            (*at_once, *due) = (disk.habits.piece, now + disk.delay());
        }
        *at_once -= 1;
        if let Some(row) = rows.pop_front() {
            return Some(Outcome::Restored(row));
        }
        self.stage = Stage::Serves;
        self.disk
            .borrow_mut()
            .begin(std::mem::take(&mut self.begun));
        Some(Outcome::Started)
    }

    /// Ends the group that is due, and begins the next.
    fn go_on(&mut self) {
        if !matches!(self.stage, Stage::Serves) || !self.power.is_on() {
            return;
        }
        let now = self.power.now();
        // What is so is told before what is not.
        let is_told = !self.is_known();
        if let Some(group) = self.group.take_if(|group| is_told && group.due <= now) {
            self.end(group);
        }
        let is_full = self.disk.borrow().habits.is_full;
        if self.health.trouble.is_some() && now >= self.probed + PROBED_EVERY {
            self.probed = now;
            self.health.trouble = self.health.trouble.take().filter(|_| is_full);
        }
        let awaited = self.queue.iter().any(|job| job.serial.is_some());
        let is_old = self.lazy_since.is_some_and(|at| now >= at + LAZY_FOR);
        let is_last = self.last.is_some();
        if self.group.is_none() && !self.fails && (awaited || is_old || is_last) {
            self.begin(now);
        }
    }

    fn begin(&mut self, now: Millis) {
        let mut jobs: Vec<Job> = self.queue.drain(..).collect();
        self.lazy_since = None;
        let last = self.last.take();
        let is_last = last.is_some();
        let unix = jobs.last().map(|job| job.unix).unwrap_or_default();
        jobs.extend(last.map(|rows| Job {
            serial: None,
            unix,
            rows,
        }));
        let mut disk = self.disk.borrow_mut();
        disk.write(&jobs, is_last);
        self.group = Some(Group {
            jobs,
            due: now + disk.delay(),
            is_last,
        });
    }

    fn end(&mut self, group: Group) {
        let now = self.power.now();
        let Group { jobs, is_last, .. } = group;
        if self.disk.borrow_mut().sync() {
            let serials = jobs.iter().filter_map(|job| job.serial);
            self.upto = serials.max().unwrap_or(self.upto);
            self.health.commits += 1;
            self.health.trouble = None;
        } else {
            self.fails = !self.waiting.is_empty();
            self.disk.borrow_mut().is_failing = self.fails;
            self.health.failures += 1;
            self.health.trouble = Some("the disk of the simulation is not well".into());
            self.probed = now;
            // What nobody waits for is tried again, in front of what came later.
            for job in jobs.into_iter().rev() {
                if job.serial.is_none() && !is_last {
                    self.lazy_since = Some(now);
                    self.queue.push_front(job);
                }
            }
        }
        if is_last {
            self.disk.borrow_mut().let_go();
            self.stage = Stage::HasStopped;
        }
    }

    /// Whether the oldest that waits is so.
    fn is_known(&self) -> bool {
        self.waiting.front().is_some_and(|it| *it <= self.upto)
    }

    /// What has become of the oldest that waits, if that is known.
    fn known(&mut self) -> Option<Outcome> {
        if self.fails {
            if let Some(serial) = self.waiting.pop_front() {
                return Some(Outcome::Failed(serial));
            }
            // Whatever was decided before this was told is undone with it.
            self.fails = false;
            self.disk.borrow_mut().is_failing = false;
            self.queue.retain(|job| job.serial.is_none());
            self.gathered.retain(|job| job.serial.is_none());
        }
        let serial = self.waiting.pop_front_if(|serial| *serial <= self.upto)?;
        Some(Outcome::Committed(serial))
    }
}

impl Engine for Simulated {
    fn keeps(&self) -> bool {
        true
    }

    fn submit(&mut self, job: Job) {
        assert!(
            matches!(self.stage, Stage::Serves) && self.last.is_none(),
            "nothing is submitted before the start, or behind the last"
        );
        self.waiting.extend(job.serial);
        self.gathered.push(job);
    }

    fn send(&mut self) {
        if !self.power.step() {
            return;
        }
        if self.gathered.iter().any(|job| job.serial.is_none()) {
            self.lazy_since.get_or_insert(self.power.now());
        }
        self.queue.extend(self.gathered.drain(..));
        self.go_on();
    }

    fn next(&mut self) -> Option<Outcome> {
        if !self.power.step() {
            return None;
        }
        if let Some(restored) = self.restore() {
            return Some(restored);
        }
        self.go_on();
        if let Stage::HasStopped = self.stage {
            self.stage = Stage::Ended;
            return Some(Outcome::Stopped);
        }
        self.known()
    }

    fn next_at(&self) -> Option<Millis> {
        if !self.power.is_on() {
            return None;
        }
        match &self.stage {
            Stage::Restores(_, 0, due) => Some(*due),
            Stage::Restores(..) | Stage::HasStopped => Some(Millis(0)),
            Stage::Ended => None,
            Stage::Serves if self.is_known() || self.fails => Some(Millis(0)),
            Stage::Serves => {
                let group = self.group.as_ref().map(|group| group.due);
                let lazy = self.lazy_since.map(|at| at + LAZY_FOR);
                let probe = self.health.trouble.as_ref();
                let probe = probe.map(|_| self.probed + PROBED_EVERY);
                let lazy = lazy.filter(|_| group.is_none());
                [group, lazy, probe].into_iter().flatten().min()
            }
        }
    }

    fn health(&mut self) -> Health {
        self.health.clone()
    }

    fn stop(&mut self, last: Vec<Row>) {
        assert!(
            self.waiting.is_empty(),
            "what waits is settled before the end"
        );
        if let Stage::Restores(..) = self.stage {
            // What has not begun leaves all as it was.
            self.disk.borrow_mut().let_go();
            self.stage = Stage::HasStopped;
            return;
        }
        self.last = Some(last);
        self.send();
    }
}
