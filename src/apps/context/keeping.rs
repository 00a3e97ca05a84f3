//! What an app does to have kept what it keeps: it submits changes, writes behind, and takes up what was kept.

use std::any::Any;

use super::undecided::Origin;
use super::{Common, Context};
use crate::bounds::Durability;
use crate::core::outbox::{Kept, Reopened};
use crate::engine::{Job, Row};
use crate::id::{LogId, Topic};
use crate::wire::frame::Frame;

/// Of the memory budget, changes that wait may take one part in so many.
const UNDECIDED_SHARE: u64 = 4;

/// What was to be so is not: it cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unkept;

impl Context<'_> {
    /// How the app's changes are kept.
    pub fn durability(&self) -> Durability {
        match self.common.keeps {
            true => self.bounds().durability,
            false => Durability::None,
        }
    }

    /// Whether other hubs make changes, too.
    pub fn shares(&self) -> bool {
        self.common.engine.shares()
    }

    /// Whether something that the app numbers so is being changed.
    pub fn is_undecided(&self, about: u64) -> bool {
        self.common.undecided.is_about(self.app, about)
    }

    /// Submits a change to what the app numbers so, as it is to be written, and as the app is to be told of it; gives it back
    /// if there is no capacity for it, or nothing is kept any more.
    pub fn submit(
        &mut self,
        origin: Origin,
        about: Option<u64>,
        rows: Vec<Row>,
        change: Box<dyn Any>,
    ) -> Result<(), (Unkept, Box<dyn Any>)> {
        let app = self.app;
        let Common {
            undecided,
            engine,
            bounds,
            now,
            health,
            ..
        } = &mut *self.common;
        let bytes_max = bounds.memory_budget_bytes / UNDECIDED_SHARE;
        let is_taken = !(health.stopped || health.wedged || health.failing);
        if !is_taken || !undecided.has_capacity(bytes_max) {
            return Err((Unkept, change));
        }
        // The change is about as much again as its rows.
        let bytes = 2 * rows.iter().map(Row::bytes).sum::<usize>() as u64;
        let serial = undecided.push(app, origin, about, bytes, change, now.millis());
        engine.submit(Job {
            serial: Some(serial),
            unix: now.unix,
            rows,
        });
        Ok(())
    }

    /// Has rows written behind, for which nobody waits, if the app's changes are kept at all.
    pub fn write_behind(&mut self, rows: Vec<Row>) {
        let is_kept = self.durability() != Durability::None && !self.common.health.stopped;
        if !is_kept || rows.is_empty() {
            return;
        }
        self.common.engine.submit(Job {
            serial: None,
            unix: self.common.now.unix,
            rows,
        });
    }

    /// Takes up the numbering of a log, in which nothing has been published.
    pub fn reopen_log(&mut self, log: LogId, reopened: Reopened) {
        self.common.outbox.reopen_log(log, reopened);
    }

    /// Takes up a message of a log, which gets the number that it had.
    pub fn republish(&mut self, log: LogId, topic: Topic, frame: Frame) {
        let Common { outbox, now, .. } = &mut *self.common;
        let message = outbox.store_published(frame, self.app, now.micros);
        outbox.publish_to_nobody(message, Some((log, topic)));
    }

    /// What the history of a log has, the oldest first.
    pub fn kept(&self, log: LogId) -> impl Iterator<Item = Kept<'_>> {
        self.common.outbox.kept(log)
    }
}
