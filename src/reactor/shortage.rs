//! What the kernel had no memory for, or no descriptor, to be tried again a little later.
//!
//! `ENOBUFS` and `ENOMEM` say nothing about a connection: they pass. But no edge tells when, so a socket that met one
//! would wait forever for an event that does not come. A connection that did is on a list here, once, and all of them are tried
//! again together. Nothing is written twice or lost meanwhile, because nothing was taken; a queue that gets nothing out
//! for as long as the write timeout is closed for that, as ever.

use std::collections::BTreeSet;

use crate::id::ConnId;
use crate::time::Millis;

/// How long the kernel is given: long enough that trying again costs nothing, short enough that nobody notices.
const PAUSE: Millis = Millis(50);

/// The connections that wait for the kernel.
#[derive(Debug, Default)]
pub(super) struct Shortage {
    /// When they are tried again; `None` if nobody waits.
    next: Option<Millis>,
    conns: BTreeSet<ConnId>,
    accepts: bool,
}

impl Shortage {
    /// A connection that could not be read or written.
    pub(super) fn defer(&mut self, conn: ConnId, now: Millis) {
        self.conns.insert(conn);
        self.begin(now);
    }

    /// Nobody could be accepted.
    pub(super) fn defer_accepts(&mut self, now: Millis) {
        self.accepts = true;
        self.begin(now);
    }

    fn begin(&mut self, now: Millis) {
        self.next.get_or_insert(now + PAUSE);
    }

    /// When a connection is to be tried again.
    pub(super) fn next(&self) -> Option<Millis> {
        self.next
    }

    /// Whether nobody is to be accepted yet.
    pub(super) fn defers_accepts(&self) -> bool {
        self.accepts
    }

    /// The connections to be tried again, if it is time; then accepts may be tried again, too.
    pub(super) fn take_due(&mut self, now: Millis) -> BTreeSet<ConnId> {
        if self.next.is_none_or(|next| now < next) {
            return BTreeSet::new();
        }
        std::mem::take(self).conns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_tried_again_at_once_and_not_before_it_is_time() {
        let [one, two] = [1, 2].map(|key| ConnId { key, generation: 7 });
        let mut shortage = Shortage::default();
        assert_eq!(
            (shortage.next(), shortage.take_due(Millis(9))),
            (None, BTreeSet::new())
        );
        shortage.defer(one, Millis(100));
        shortage.defer_accepts(Millis(120));
        shortage.defer(two, Millis(149));
        shortage.defer(one, Millis(149));
        assert_eq!(shortage.next(), Some(Millis(150)));
        assert_eq!(shortage.take_due(Millis(149)), BTreeSet::new());
        assert!(shortage.defers_accepts());
        assert_eq!(shortage.take_due(Millis(150)), [one, two].into());
        assert!(!shortage.defers_accepts());
        assert_eq!(
            (shortage.next(), shortage.take_due(Millis(151))),
            (None, BTreeSet::new())
        );
    }
}
