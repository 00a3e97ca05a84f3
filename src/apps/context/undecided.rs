//! What apps have decided and the engine has not made so yet: the changes, in the order in which it has them, and who waits.

use std::any::Any;
use std::collections::{HashMap, HashSet, VecDeque};

use crate::id::{AppId, ConnId};
use crate::time::Millis;

/// Changes that wait at most (65,536: a second's worth of what the loop can take).
const CHANGES_MAX: usize = 1 << 16;
/// Clients that are served again in a turn, of those whose requests are about the same, once that is settled (16). One of
/// them may change it, and the others wait again: were it all of them, each would be served as often as there are others.
const WOKEN_MAX: usize = 16;

/// Whose change it is, and who is to be told what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The request of this client, which waits for its answer.
    Request(ConnId),
    /// The entry of this client, which says nothing more before it is in.
    Entry(ConnId),
    /// Something that this client said, or nobody.
    Said(ConnId),
}

/// A change that waits.
pub struct Pending {
    serial: u64,
    /// Whose app it is.
    pub app: AppId,
    /// Whose change it is.
    pub origin: Origin,
    /// What it is: the app's own business.
    pub change: Box<dyn Any>,
    about: Option<u64>,
    bytes: u64,
    since: Millis,
}

/// All that wait.
#[derive(Default)]
pub struct Undecided {
    changes: VecDeque<Pending>,
    last: u64,
    /// What is being changed, or has been, as its app numbers it, and the clients whose requests are about the same.
    about: HashMap<(AppId, u64), Behind>,
    /// That of it which is settled, and some of those clients still wait.
    left: Vec<(AppId, u64)>,
    entering: HashSet<ConnId>,
    bytes: u64,
}

/// Who waits until something has been changed.
#[derive(Default)]
struct Behind {
    /// The changes to it that are not settled.
    changes: u32,
    waiting: VecDeque<ConnId>,
}

impl Origin {
    /// The client.
    pub fn conn(self) -> ConnId {
        let (Origin::Request(conn) | Origin::Entry(conn) | Origin::Said(conn)) = self;
        conn
    }
}

impl Undecided {
    /// Whether there is capacity for another, given what all of them may cost.
    pub fn has_capacity(&self, bytes_max: u64) -> bool {
        self.changes.len() < CHANGES_MAX && self.bytes < bytes_max
    }

    /// Keeps a change behind all others, and gives its number.
    pub fn push(
        &mut self,
        app: AppId,
        origin: Origin,
        about: Option<u64>,
        bytes: u64,
        change: Box<dyn Any>,
        now: Millis,
    ) -> u64 {
        self.last += 1;
        if let Some(about) = about {
            self.about.entry((app, about)).or_default().changes += 1;
        }
        if let Origin::Entry(conn) = origin {
            self.entering.insert(conn);
        }
        self.bytes += bytes;
        self.changes.push_back(Pending {
            serial: self.last,
            app,
            origin,
            change,
            about,
            bytes,
            since: now,
        });
        self.last
    }

    /// Takes the oldest, of which the engine has told, and appends those who have waited for that; of many the first, and the
    /// others are for [`Undecided::wake_more`].
    ///
    /// # Panics
    /// If that is not the one of this number: an engine tells of them in their order.
    pub fn settle(&mut self, serial: u64, waited: &mut Vec<ConnId>) -> Pending {
        let oldest = self.changes.pop_front();
        let settled = oldest.filter(|oldest| oldest.serial == serial);
        let settled = settled.expect("an engine tells of changes in their order");
        self.bytes -= settled.bytes;
        if let Some(about) = settled.about {
            let about = (settled.app, about);
            if let Some(behind) = self.about.get_mut(&about) {
                behind.changes -= 1;
            }
            if self.wake(about, waited) {
                self.left.push(about);
            }
        }
        match settled.origin {
            Origin::Request(conn) => waited.push(conn),
            Origin::Entry(conn) => {
                self.entering.remove(&conn);
                waited.push(conn);
            }
            Origin::Said(_) => {}
        }
        settled
    }

    /// Appends more of those who have waited for what is settled.
    pub fn wake_more(&mut self, waited: &mut Vec<ConnId>) {
        let mut left = std::mem::take(&mut self.left);
        left.retain(|&about| self.wake(about, waited));
        self.left = left;
    }

    /// Whether some wait for what is settled.
    pub fn has_left(&self) -> bool {
        !self.left.is_empty()
    }

    /// Appends the first of those who wait for this, if nothing more of it is to be settled; whether there are others then.
    fn wake(&mut self, about: (AppId, u64), waited: &mut Vec<ConnId>) -> bool {
        let Some(behind) = self.about.get_mut(&about).filter(|it| it.changes == 0) else {
            return false;
        };
        let woken = behind.waiting.len().min(WOKEN_MAX);
        waited.extend(behind.waiting.drain(..woken));
        let are_others = !behind.waiting.is_empty();
        if !are_others {
            self.about.remove(&about);
        }
        are_others
    }

    /// Whether something is being changed.
    pub fn is_about(&self, app: AppId, about: u64) -> bool {
        let behind = match self.about.is_empty() {
            true => None,
            false => self.about.get(&(app, about)),
        };
        behind.is_some_and(|behind| behind.changes > 0)
    }

    /// A client's request waits until what is being changed is settled; false if that is so already.
    pub fn wait(&mut self, app: AppId, about: u64, conn: ConnId) -> bool {
        let behind = self.about.get_mut(&(app, about));
        behind.filter(|it| it.changes > 0).is_some_and(|behind| {
            behind.waiting.push_back(conn);
            true
        })
    }

    /// Whether this client's entry waits.
    pub fn enters(&self, conn: ConnId) -> bool {
        !self.entering.is_empty() && self.entering.contains(&conn)
    }

    /// The app whose change is the oldest.
    pub fn oldest(&self) -> Option<AppId> {
        self.changes.front().map(|oldest| oldest.app)
    }

    /// Since when the oldest waits.
    pub fn since(&self) -> Option<Millis> {
        self.changes.front().map(|oldest| oldest.since)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// What they cost.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}
