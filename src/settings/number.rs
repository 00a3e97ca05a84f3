//! Values that are numbers: counts, sizes and spans of time, each within a range; some may be any.

use std::ops::RangeInclusive;

use crate::settings::text::{duration, parse_count, parse_duration, parse_size, quote, size};
use crate::settings::value::{AnySlot, Slot};
use crate::time::Millis;

/// The word for a limit that is none, which a program may write as the number that stands for it.
const ANY: &str = "any";

/// The largest number of a count that may be any.
const ANY_COUNT: u64 = u32::MAX as u64;

/// What a number counts: how it is read and written.
struct Unit {
    parse: fn(&str) -> Option<u64>,
    write: fn(u64) -> String,
    /// Whether it is a text in TOML.
    is_text: bool,
    placeholder: &'static str,
    /// What is expected, before the range.
    expected: &'static str,
}

static COUNT: Unit = Unit {
    parse: parse_count,
    write: |number| number.to_string(),
    is_text: false,
    placeholder: "N",
    expected: "a whole number",
};
static SIZE: Unit = Unit {
    parse: parse_size,
    write: size,
    is_text: true,
    placeholder: "SIZE",
    expected: "a size such as 512KiB, 1MiB or plain bytes,",
};
static SPAN: Unit = Unit {
    parse: parse_duration,
    write: |millis| duration(Millis(millis)),
    is_text: true,
    placeholder: "D",
    expected: "a duration such as 500ms, 30s or 5m,",
};

/// Where a number stands.
enum Place<'a> {
    Short(&'a mut u32),
    Long(&'a mut u64),
}

/// A number within a range, which may have one for any.
struct Number<'a> {
    place: Place<'a>,
    unit: &'static Unit,
    range: RangeInclusive<u64>,
    any: Option<u64>,
}

impl Number<'_> {
    fn number(&self) -> u64 {
        match &self.place {
            Place::Short(number) => u64::from(**number),
            Place::Long(number) => **number,
        }
    }
}

impl Slot for Number<'_> {
    fn shown(&self) -> String {
        let number = self.number();
        if self.any == Some(number) {
            return quote(ANY);
        }
        let text = (self.unit.write)(number);
        match self.unit.is_text {
            true => quote(&text),
            false => text,
        }
    }

    fn expected(&self) -> String {
        let limits = self.limits().unwrap_or_default();
        let from = match self.any {
            Some(ANY_COUNT) => ",",
            _ => " from",
        };
        format!("{}{from} {limits}", self.unit.expected)
    }

    fn placeholder(&self) -> &'static str {
        self.unit.placeholder
    }

    fn take_one(&mut self, text: &str) -> bool {
        let number = match self.any {
            Some(any) if text == ANY => Some(any),
            any => (self.unit.parse)(text)
                .filter(|number| self.range.contains(number) || any == Some(*number)),
        };
        match (&mut self.place, number) {
            (_, None) => return false,
            (Place::Short(place), Some(number)) => match u32::try_from(number) {
                Ok(number) => **place = number,
                Err(_) => return false,
            },
            (Place::Long(place), Some(number)) => **place = number,
        }
        true
    }

    fn limits(&self) -> Option<String> {
        let least = (self.unit.write)(*self.range.start());
        let most = (self.unit.write)(*self.range.end());
        Some(match self.any {
            Some(ANY_COUNT) => format!("{least} or more, or {ANY}"),
            Some(_) => format!("{least} to {most}, or {ANY}"),
            None => format!("{least} to {most}"),
        })
    }
}

/// A plain number; where it may be the largest there is, that one is any.
pub(super) fn count(place: &mut u32, range: RangeInclusive<u32>) -> AnySlot<'_> {
    let range = u64::from(*range.start())..=u64::from(*range.end());
    Box::new(Number {
        place: Place::Short(place),
        unit: &COUNT,
        any: Some(ANY_COUNT).filter(|any| range.contains(any)),
        range,
    })
}

/// A plain number up to a largest one; 0 is any.
pub(super) fn limit(place: &mut u32, most: u32) -> AnySlot<'_> {
    Box::new(Number {
        place: Place::Short(place),
        unit: &COUNT,
        range: 1..=u64::from(most),
        any: Some(0),
    })
}

/// Bytes.
pub(super) fn bytes(place: &mut u32, range: RangeInclusive<u64>) -> AnySlot<'_> {
    Box::new(Number {
        place: Place::Short(place),
        unit: &SIZE,
        range,
        any: None,
    })
}

/// Bytes up to a largest number of them; 0 is any.
pub(super) fn bytes_limit(place: &mut u32, most: u32) -> AnySlot<'_> {
    Box::new(Number {
        place: Place::Short(place),
        unit: &SIZE,
        range: 1..=u64::from(most),
        any: Some(0),
    })
}

/// Bytes, where four gibibytes may not be enough.
pub(super) fn many_bytes(place: &mut u64, range: RangeInclusive<u64>) -> AnySlot<'_> {
    Box::new(Number {
        place: Place::Long(place),
        unit: &SIZE,
        range,
        any: None,
    })
}

/// A span of time, its range in milliseconds.
pub(super) fn span(place: &mut Millis, range: RangeInclusive<u64>) -> AnySlot<'_> {
    Box::new(Number {
        place: Place::Long(&mut place.0),
        unit: &SPAN,
        range,
        any: None,
    })
}
