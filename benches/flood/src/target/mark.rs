//! The flood's own text inside every message that it publishes: which run, which room, which message, when it was
//! meant to be sent, and padding.
//!
//! All of it is hexadecimal digits, `=`, `x` and `.`, so no server has to quote it, and it has the same number of bytes
//! for every message. What a server wraps around it is an [`envelope`](crate::measure::envelope)'s business.

use data_encoding::HEXLOWER;

const START: &[u8] = b"flood=";

/// The numbers of a mark: 2 bytes of run, 2 of room, 4 of sequence number, 5 of time.
const NUMBER_BYTES: usize = 13;
const AT_US_MAX: u64 = (1 << 40) - 1;

/// Bytes of a mark without padding.
pub const MARK_BYTES: usize = START.len() + 2 * NUMBER_BYTES + 1;

/// The number of the message that is sent before all others and counted nowhere.
pub const PROBE: u32 = u32::MAX;

/// What tells one published message from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The run it belongs to.
    pub run: u16,
    /// The room it was published to, or the connection that sent it.
    pub room: u16,
    /// Counts the messages of the room, from 0.
    pub seq: u32,
    /// When it was meant to be sent, in microseconds on the run's clock.
    pub at_us: u64,
}

impl Mark {
    /// Message `seq` of a room, meant to be sent at so many microseconds.
    pub const fn new(run: u16, room: u32, seq: u32, at_us: u64) -> Mark {
        Mark {
            run,
            room: room as u16,
            seq,
            at_us,
        }
    }

    /// Appends the mark with `pad` bytes of padding.
    pub fn write(self, out: &mut Vec<u8>, pad: usize) {
        let start = out.len();
        out.resize(start + MARK_BYTES - 1 + pad, b'x');
        self.write_head(&mut out[start..]);
        out.push(b'.');
    }

    /// Writes all of the mark that comes before the padding. An echo does so twice, where `write!` would be felt.
    pub fn write_head(self, head: &mut [u8]) {
        let front = u64::from(self.run) << 48 | u64::from(self.room) << 32 | u64::from(self.seq);
        let numbers = u128::from(front) << 40 | u128::from(self.at_us & AT_US_MAX);
        head[..START.len()].copy_from_slice(START);
        let digits = &mut head[START.len()..MARK_BYTES - 1];
        HEXLOWER.encode_mut(&numbers.to_be_bytes()[3..], digits);
    }

    /// The mark in `text` and where it starts, looked for at `hint` first.
    pub fn find(text: &[u8], hint: usize) -> Option<(Mark, usize)> {
        let at_hint = text.get(hint..).and_then(Mark::read);
        if let Some(mark) = at_hint {
            return Some((mark, hint));
        }
        (0..text.len()).find_map(|at| Some((Mark::read(&text[at..])?, at)))
    }

    /// The mark that starts `text`.
    fn read(text: &[u8]) -> Option<Mark> {
        let digits = text.strip_prefix(START)?.get(..2 * NUMBER_BYTES)?;
        let mut bytes = [0; 16];
        HEXLOWER.decode_mut(digits, &mut bytes[3..]).ok()?;
        let numbers = u128::from_be_bytes(bytes);
        Some(Mark {
            run: (numbers >> 88) as u16,
            room: (numbers >> 72) as u16,
            seq: (numbers >> 40) as u32,
            at_us: numbers as u64 & AT_US_MAX,
        })
    }

    /// Whether the mark that starts `text` goes on with `pad` bytes of padding and its end.
    pub fn is_whole(text: &[u8], pad: usize) -> bool {
        let rest = text.get(MARK_BYTES - 1..);
        let parts = rest.and_then(|rest| rest.split_at_checked(pad));
        parts.is_some_and(|(pad, end)| {
            pad.iter().all(|&byte| byte == b'x') && end.first() == Some(&b'.')
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: Mark = Mark::new(7, 3, 42, 1_234_567);

    fn text(mark: Mark, pad: usize) -> Vec<u8> {
        let mut out = Vec::new();
        mark.write(&mut out, pad);
        out
    }

    #[test]
    fn a_mark_reads_back_wherever_it_is() {
        let largest = Mark::new(u16::MAX, 0xffff, u32::MAX, (1 << 40) - 1);
        for mark in [MARK, largest] {
            for pad in [0, 1, 1000] {
                let text = [b"{\"m\":\"", &text(mark, pad)[..], b"flood=\"}"].concat();
                assert_eq!(text.len(), 6 + MARK_BYTES + pad + 8);
                for hint in [0, 6, 5000] {
                    assert_eq!(Mark::find(&text, hint), Some((mark, 6)));
                }
                assert!(Mark::is_whole(&text[6..], pad));
            }
        }
    }

    #[test]
    fn a_mark_that_is_cut_or_damaged_is_not_whole() {
        let whole = text(MARK, 20);
        for cut in 0..whole.len() {
            assert!(!Mark::is_whole(&whole[..cut], 20), "at {cut}");
        }
        for cut in 0..MARK_BYTES - 1 {
            assert_eq!(Mark::find(&whole[..cut], 0), None, "at {cut}");
        }
        assert!(!Mark::is_whole(&whole, 19));
        assert!(!Mark::is_whole(&whole, 21));
        let mut damaged = whole.clone();
        damaged[MARK_BYTES + 3] = b'y';
        assert!(!Mark::is_whole(&damaged, 20));
        let mut damaged = whole;
        damaged[8] = b'g';
        assert_eq!(Mark::find(&damaged, 0), None);
    }
}
