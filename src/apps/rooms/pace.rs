//! How fast one player may speak: ten messages a second, and twenty at once after a silence.
//!
//! The generic cell rate algorithm, as for arrivals: one time, at which the player will have used up nothing.

use crate::time::Millis;

/// Each message uses up this much time: ten a second.
const SPACING: Millis = Millis(100);
/// Messages at once.
const BURST: u64 = 20;

/// One player's pace.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    free_at: Millis,
}

impl Pace {
    /// Whether one more message may be said now; if so, it counts.
    pub fn admit(&mut self, now: Millis) -> bool {
        let next = self.free_at.max(now) + SPACING;
        let admitted = next <= now + Millis(SPACING.0 * BURST);
        if admitted {
            self.free_at = next;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_pass_at_once_and_then_one_each_tenth_of_a_second() {
        let mut pace = Pace::default();
        assert!((0..20).all(|_| pace.admit(Millis(5))));
        assert!(!pace.admit(Millis(5)));
        assert!(!pace.admit(Millis(104)));
        assert!(pace.admit(Millis(105)));
        assert!(!pace.admit(Millis(105)));
    }

    #[test]
    fn a_refused_message_uses_up_nothing() {
        let mut pace = Pace::default();
        assert!((0..20).all(|_| pace.admit(Millis(0))));
        assert!((0..1000).all(|_| !pace.admit(Millis(99))));
        assert!(pace.admit(Millis(100)));
    }

    #[test]
    fn a_silence_saves_up_twenty_and_no_more() {
        let mut pace = Pace::default();
        pace.admit(Millis(0));
        let later = Millis::seconds(3600);
        assert_eq!((0..100).filter(|_| pace.admit(later)).count(), 20);
    }
}
