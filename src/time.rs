//! Times that we can construct: no clock is read here or anywhere above `transport/`.
//!
//! Two clocks exist and never mix. [`Micros`] and its coarser form [`Millis`] count from the start of the
//! transport and never go back; every deadline and every measurement uses them. The reactor hands them on without the
//! times for which the process did not run; only the ages of records have those in them. [`Unix`] is the wall clock, which
//! may jump; it is only ever shown to people, in messages and headers, and to a token that says itself until when it is good.
//!
//! Ages outlive the process, so they are counted from where the next one can go on: from 1970, by the wall clock as it was
//! when the transport was made, and by the monotonic one since. A wall clock that jumps while the process runs moves none of
//! them; one that was set between two processes makes what was kept older or younger by as much, but never younger than
//! what is made now.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds: a point on the monotonic clock, or a span of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

/// Microseconds on the same clock, for measurements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Micros(pub u64);

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unix(pub u64);

/// What time it is, sampled once a turn and handed down.
#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    /// The monotonic clock.
    pub micros: Micros,
    /// The same with the times for which the process did not run, which nobody is late for but everything ages in, behind
    /// what the wall clock showed at the start: it goes on in the next process. It never goes back.
    pub aged: Millis,
    /// The wall clock.
    pub unix: Unix,
}

impl Now {
    /// The time by which records age, as it is written in them.
    pub fn dated(self) -> Unix {
        Unix(self.aged.0)
    }

    /// The monotonic clock in the unit of deadlines.
    pub fn millis(self) -> Millis {
        self.micros.millis()
    }
}

impl Millis {
    /// A span of whole seconds.
    pub const fn seconds(seconds: u64) -> Millis {
        Millis(seconds * 1000)
    }

    /// The span from `earlier` to this point, zero if `earlier` is later.
    pub fn since(self, earlier: Millis) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }

    /// The same span for the standard library.
    pub fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

/// A time within the last seven weeks, in half the room: milliseconds that wrap.
#[derive(Clone, Copy, Debug)]
pub struct Recent(u32);

impl Recent {
    /// Keeps this time.
    pub fn new(time: Millis) -> Recent {
        Recent(time.0 as u32)
    }

    /// The time that was kept, seen from not much later.
    pub fn millis(self, now: Millis) -> Millis {
        let ago = (now.0 as u32).wrapping_sub(self.0);
        Millis(now.0.saturating_sub(u64::from(ago)))
    }
}

impl Add for Millis {
    type Output = Millis;
    fn add(self, span: Millis) -> Millis {
        Millis(self.0.saturating_add(span.0))
    }
}

impl Sub for Millis {
    type Output = Millis;
    fn sub(self, span: Millis) -> Millis {
        Millis(self.0.saturating_sub(span.0))
    }
}

impl Micros {
    /// The last whole millisecond.
    pub fn millis(self) -> Millis {
        Millis(self.0 / 1000)
    }

    /// Microseconds from `earlier` to this point, zero if `earlier` is later.
    pub fn since(self, earlier: Micros) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Unix {
    /// What counts the age of a record, for people to read.
    pub fn of_aged(aged: Millis) -> Unix {
        Unix(aged.0)
    }

    /// When something was changed, by what was kept of it, as its age is counted now. What lies in the future, by a clock
    /// that has been set back since, counts as now.
    pub fn aged(self, now: Millis) -> Millis {
        Millis(self.0).min(now)
    }

    /// The same instant for the standard library.
    pub fn system_time(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0)
    }
}

/// RFC 3339, UTC, millisecond precision, `Z`: the only way a time is written in a message.
impl fmt::Display for Unix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_millis(self.system_time()).fmt(f)
    }
}

/// Reads it as it is written.
impl<'de> serde::Deserialize<'de> for Unix {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Unix, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let read = humantime::parse_rfc3339(&text).ok();
        let since = read.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let since = since.ok_or_else(|| serde::de::Error::custom("no time of RFC 3339"))?;
        Ok(Unix(since.as_millis() as u64))
    }
}

impl serde::Serialize for Unix {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
