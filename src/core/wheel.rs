//! One deadline a connection: a hashed timer wheel over plain integer columns.
//!
//! Time is cut into ticks of 16 ms, and a deadline is rounded up to a tick: **it never fires early, and at most one
//! tick late** (counted from the later of the deadline itself and the last [`expire`](Wheel::expire), for a deadline
//! may be armed in the past; such a one fires with the next tick, so that a caller who keeps arming at *now* does not
//! spin). Tick `t` waits in bucket `t % 4096`, a round is therefore 65.5 s; deadlines further ahead share the buckets
//! of nearer ones and are passed over, once a round, until their tick has come.
//!
//! Arming, moving and disarming are constant time and touch only the entry and its neighbours. Finding the next
//! occupied bucket reads at most three words of a bitmap. Nothing is allocated but the column, 12 bytes a connection,
//! which grows to the largest key ever opened and keeps its size; the buckets are 16 KiB in all.
//!
//! What a deadline means is the caller's business, and no clock is read here. Ticks are kept as 32 bits and compared
//! by their distance from the cursor, so uptime does not wear them out; a deadline more than `HORIZON` ticks (397
//! days) ahead fires then.
//!
//! Invariants, checked by [`check_invariants`](Wheel::check_invariants):
//! - a key is closed, unarmed, or armed; an armed key is in exactly one bucket, that of its tick;
//! - no armed tick lies behind the cursor, the first tick not yet expired;
//! - a bucket's bit is set if and only if the bucket has an entry, a summary bit if and only if its word is not zero.

mod bitmap;

use crate::time::Millis;
use bitmap::Bitmap;

/// A tick is `1 << TICK_SHIFT` milliseconds: 16, finer than any deadline here needs and coarse enough that a round
/// outlasts most of them.
const TICK_SHIFT: u32 = 4;
/// Buckets of a round, as many as the bitmap has bits.
const BUCKETS: usize = bitmap::BITS;
/// Words of the bitmap.
const WORDS: usize = bitmap::WORDS;
/// The bucket of a tick is its low bits.
const MASK: usize = BUCKETS - 1;
/// Ticks ahead of the cursor that can be told apart from ticks behind it, with room to spare.
const HORIZON: u64 = 1 << 31;

/// The end of a bucket's list.
const NIL: u32 = u32::MAX;
/// In `next`: open, but no deadline.
const UNARMED: u32 = u32::MAX - 1;
/// In `next`: not open.
const CLOSED: u32 = u32::MAX - 2;
/// Keys at and above this would be mistaken for one of the marks.
const KEYS_MAX: u32 = CLOSED;

/// One connection's place in the wheel.
#[derive(Clone, Copy)]
struct Entry {
    /// The tick it fires at, low 32 bits; meaningless unless armed.
    tick: u32,
    /// The key before it in its bucket, or `NIL`.
    prev: u32,
    /// The key after it in its bucket, or one of the marks.
    next: u32,
}

impl Entry {
    const fn marked(mark: u32) -> Entry {
        Entry {
            tick: 0,
            prev: NIL,
            next: mark,
        }
    }

    fn is_armed(self) -> bool {
        self.next != UNARMED && self.next != CLOSED
    }
}

/// The deadlines of all connections.
pub struct Wheel {
    /// A connection's entry, by its key.
    entries: Vec<Entry>,
    /// The first key of each bucket, or `NIL`.
    heads: Box<[u32; BUCKETS]>,
    /// Which buckets have entries.
    occupied: Bitmap,
    /// The first tick not yet expired.
    cursor: u64,
    /// The first tick that was not asked for yet: later than the cursor while some of what was due is left.
    reached: u64,
    /// Armed deadlines.
    armed: usize,
}

impl Wheel {
    /// A wheel at time zero, with room for so many connections before its column must grow.
    pub fn with_capacity(connections: usize) -> Wheel {
        Wheel {
            entries: Vec::with_capacity(connections),
            heads: Box::new([NIL; BUCKETS]),
            occupied: Bitmap::new(),
            cursor: 0,
            reached: 0,
            armed: 0,
        }
    }

    /// Adds a connection, unarmed.
    pub fn open(&mut self, key: u32) {
        debug_assert!(
            key < KEYS_MAX,
            "a slab key must stay below the wheel's marks"
        );
        let index = key as usize;
        if index >= self.entries.len() {
            self.entries.resize(index + 1, Entry::marked(CLOSED));
        }
        debug_assert!(
            self.entries[index].next == CLOSED,
            "a key must be closed before it is opened again"
        );
        self.entries[index] = Entry::marked(UNARMED);
    }

    /// Forgets a connection, and its deadline if it has one.
    pub fn close(&mut self, key: u32) {
        self.disarm(key);
        self.entries[key as usize] = Entry::marked(CLOSED);
    }

    /// Sets the deadline of an open connection, or moves it.
    pub fn arm(&mut self, key: u32, at: Millis) {
        self.arm_at_tick(key, self.tick_of(at));
    }

    /// Sets the deadline, unless there is one that is not later.
    pub fn arm_earlier(&mut self, key: u32, at: Millis) {
        let tick = self.tick_of(at);
        let entry = self.entries[key as usize];
        if !entry.is_armed() || tick < self.tick_in_full(entry) {
            self.arm_at_tick(key, tick);
        }
    }

    /// Removes the deadline, if there is one.
    pub fn disarm(&mut self, key: u32) {
        let entry = self.entries[key as usize];
        debug_assert!(
            entry.next != CLOSED,
            "only an open connection has a deadline"
        );
        if entry.is_armed() {
            self.unlink(entry);
            self.entries[key as usize] = Entry::marked(UNARMED);
        }
    }

    /// Moves keys whose deadline has come to the end of `due`, until there are `due_max` in it; they are unarmed from
    /// here on. A key that is left comes first in the next call, before any that is armed meanwhile.
    ///
    /// The cost is that of the occupied buckets passed and of the entries in them, each visited once however long the
    /// jump. Keys come out bucket by bucket; within a tick, and in a jump of more than a round, in no promised order
    /// (but in the same one for the same calls). A `now` before that of an earlier call does nothing.
    pub fn expire(&mut self, now: Millis, due_max: usize, due: &mut Vec<u32>) {
        let target = now.0 >> TICK_SHIFT;
        let Some(span) = (target + 1).checked_sub(self.cursor) else {
            return;
        };
        self.reached = self.reached.max(target + 1);
        // Who is further behind than ticks can be told apart has to catch up at once.
        let due_max = if span > HORIZON { usize::MAX } else { due_max };
        let start = self.cursor as usize;
        let buckets = span.min(BUCKETS as u64) as usize;
        let mut passed = 0;
        while passed < buckets {
            let Some(distance) = self.occupied.distance_from((start + passed) & MASK) else {
                break;
            };
            passed += distance;
            if passed < buckets {
                if !self.expire_bucket((start + passed) & MASK, span, due_max, due) {
                    self.cursor += passed as u64;
                    return;
                }
                passed += 1;
            }
        }
        self.cursor += span;
    }

    /// When [`expire`](Wheel::expire) is next worth calling; `None` if nothing is armed.
    ///
    /// Never later than the moment at which the earliest deadline fires. It may be earlier, at most once a round, when
    /// the next occupied bucket holds only deadlines of later rounds.
    pub fn next(&self) -> Option<Millis> {
        let distance = self.occupied.distance_from(self.cursor as usize & MASK)?;
        Some(millis_of(self.cursor + distance as u64))
    }

    /// When the connection's deadline fires, rounded up to a tick as it is kept.
    pub fn deadline(&self, key: u32) -> Option<Millis> {
        let entry = *self.entries.get(key as usize)?;
        entry
            .is_armed()
            .then(|| millis_of(self.tick_in_full(entry)))
    }

    /// Whether some of what was due at the last [`expire`](Wheel::expire) may be left.
    pub fn is_behind(&self) -> bool {
        self.cursor < self.reached
    }

    /// Deadlines armed.
    pub fn len(&self) -> usize {
        self.armed
    }

    /// Whether no deadline is armed.
    pub fn is_empty(&self) -> bool {
        self.armed == 0
    }

    /// Walks everything and panics with a sentence at the first rule that is broken.
    pub fn check_invariants(&self) {
        // Word by word and as slices, because simulations ask after every turn.
        const EMPTY: [u32; BUCKETS / WORDS] = [NIL; BUCKETS / WORDS];
        let mut linked = 0;
        for (word, heads) in self.heads.chunks_exact(BUCKETS / WORDS).enumerate() {
            let mut expected = EMPTY;
            for bucket in self.occupied.in_word(word) {
                let head = self.heads[bucket];
                assert_ne!(
                    head, NIL,
                    "bucket {bucket}: its bit says that it has entries"
                );
                expected[bucket % (BUCKETS / WORDS)] = head;
                linked += self.check_bucket(bucket);
            }
            assert_eq!(
                heads, expected,
                "word {word}: who has no bit has no entries"
            );
        }
        let armed = self.entries.iter().filter(|entry| entry.is_armed()).count();
        assert_eq!(armed, self.armed, "the count of armed keys must be right");
        assert_eq!(linked, self.armed, "every armed key is in a bucket");
        self.occupied.check_invariants();
    }

    /// Walks one bucket's list, and says how long it is.
    fn check_bucket(&self, bucket: usize) -> usize {
        let (mut prev, mut key, mut linked) = (NIL, self.heads[bucket], 0);
        while key != NIL {
            let entry = self.entries[key as usize];
            assert!(entry.is_armed(), "key {key}: only armed keys are linked");
            assert_eq!(entry.prev, prev, "key {key}: links must agree both ways");
            assert_eq!(
                entry.tick as usize & MASK,
                bucket,
                "key {key}: it must be in the bucket of its tick"
            );
            assert!(
                self.ticks_ahead(entry) <= HORIZON,
                "key {key}: no armed tick lies behind the cursor"
            );
            linked += 1;
            assert!(linked <= self.armed, "a bucket's list must end");
            (prev, key) = (key, entry.next);
        }
        linked
    }

    fn arm_at_tick(&mut self, key: u32, tick: u64) {
        let low = tick as u32;
        let entry = self.entries[key as usize];
        debug_assert!(entry.next != CLOSED, "only an open connection is armed");
        if entry.is_armed() {
            if entry.tick == low {
                return;
            }
            self.unlink(entry);
        }
        let bucket = low as usize & MASK;
        let next = self.heads[bucket];
        self.entries[key as usize] = Entry {
            tick: low,
            prev: NIL,
            next,
        };
        if next == NIL {
            self.occupied.set(bucket);
        } else {
            self.entries[next as usize].prev = key;
        }
        self.heads[bucket] = key;
        self.armed += 1;
    }

    /// Takes an armed entry out of its bucket; the caller overwrites the entry itself.
    fn unlink(&mut self, entry: Entry) {
        let bucket = entry.tick as usize & MASK;
        if entry.prev != NIL {
            self.entries[entry.prev as usize].next = entry.next;
        } else {
            self.heads[bucket] = entry.next;
            if entry.next == NIL {
                self.occupied.clear(bucket);
            }
        }
        if entry.next != NIL {
            self.entries[entry.next as usize].prev = entry.prev;
        }
        self.armed -= 1;
    }

    /// Unarms what is less than `span` ticks ahead of the cursor in one bucket; false if `due` has no room for all of it.
    fn expire_bucket(
        &mut self,
        bucket: usize,
        span: u64,
        due_max: usize,
        due: &mut Vec<u32>,
    ) -> bool {
        let mut key = self.heads[bucket];
        while key != NIL {
            let entry = self.entries[key as usize];
            if self.ticks_ahead(entry) < span {
                if due.len() >= due_max {
                    return false;
                }
                self.unlink(entry);
                self.entries[key as usize] = Entry::marked(UNARMED);
                due.push(key);
            }
            key = entry.next;
        }
        true
    }

    /// The tick at which a deadline fires: rounded up, neither one that was asked for already nor past the horizon.
    fn tick_of(&self, at: Millis) -> u64 {
        at.0.div_ceil(1 << TICK_SHIFT)
            .clamp(self.reached, self.cursor + HORIZON)
    }

    /// Ticks from the cursor to an armed entry's.
    fn ticks_ahead(&self, entry: Entry) -> u64 {
        u64::from(entry.tick.wrapping_sub(self.cursor as u32))
    }

    /// An armed entry's tick with its high bits.
    fn tick_in_full(&self, entry: Entry) -> u64 {
        self.cursor + self.ticks_ahead(entry)
    }
}

fn millis_of(tick: u64) -> Millis {
    Millis(tick << TICK_SHIFT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_twelve_bytes() {
        assert_eq!(size_of::<Entry>(), 12);
    }
}
