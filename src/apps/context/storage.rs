//! How it is with what is kept, for the operator: looked at now and then, and whenever somebody asks.

use serde::Serialize;

use super::{Common, Context};
use crate::time::Unix;

/// What went wrong last with what is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// What it is, for the operator.
    pub sentence: String,
    /// When it began.
    pub since: Unix,
    /// Whether it is still so: nothing has been kept since.
    pub is_now: bool,
}

impl Common {
    /// Looks at how the engine is; nothing is to be seen of one that keeps nothing.
    pub fn look_at_engine(&mut self) {
        if !self.keeps {
            return;
        }
        let health = self.engine.health();
        let store = self.metrics.store.get_or_insert_default();
        (store.commits, store.failures) = (health.commits, health.failures);
        store.bytes = health.bytes;
        store.waiting = self.undecided.len() as u64;
        store.waiting_bytes = self.undecided.bytes();
        for micros in health.commit_micros {
            store.commit.observe(micros);
        }
        self.health.storage = health.trouble.is_some() || self.health.wedged;
        match (health.trouble, &mut self.trouble) {
            (Some(sentence), Some(known)) if known.is_now => known.sentence = sentence,
            (Some(sentence), last) => {
                *last = Some(Trouble {
                    sentence,
                    since: self.now.unix,
                    is_now: true,
                });
            }
            (None, Some(known)) => known.is_now = false,
            (None, None) => {}
        }
    }
}

impl Context<'_> {
    /// What went wrong last with what is kept, if anything has.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.common.trouble.as_ref()
    }
}
