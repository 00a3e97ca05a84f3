//! Which buckets of the wheel have entries: 64 words of 64 bits, and one word that sums up the words.
//!
//! The next set bit, going round, is found with at most three words read. It knows nothing of ticks. Invariant: a bit
//! of the summary is set if and only if its word is not zero.

/// Words: what a single summary word can cover.
pub(super) const WORDS: usize = 64;
/// Bits in all.
pub(super) const BITS: usize = WORDS * 64;

/// Which buckets have entries, with a word that sums up the words.
pub(super) struct Bitmap {
    words: [u64; 64],
    summary: u64,
}

impl Bitmap {
    /// No bucket set.
    pub(super) const fn new() -> Bitmap {
        Bitmap {
            words: [0; 64],
            summary: 0,
        }
    }

    /// Sets a bucket's bit.
    pub(super) fn set(&mut self, bucket: usize) {
        self.words[bucket / 64] |= 1 << (bucket % 64);
        self.summary |= 1 << (bucket / 64);
    }

    /// Clears a bucket's bit.
    pub(super) fn clear(&mut self, bucket: usize) {
        let word = &mut self.words[bucket / 64];
        *word &= !(1 << (bucket % 64));
        if *word == 0 {
            self.summary &= !(1 << (bucket / 64));
        }
    }

    /// The set buckets among the 64 of a word, lowest first.
    pub(super) fn in_word(&self, word: usize) -> impl Iterator<Item = usize> {
        let mut left = self.words[word];
        std::iter::from_fn(move || {
            let bit = left.trailing_zeros() as usize;
            left &= left.checked_sub(1)?;
            Some(word * 64 + bit)
        })
    }

    /// Buckets from `bucket`, going round, to the first set one; zero if it is set itself, `None` if none is.
    pub(super) fn distance_from(&self, bucket: usize) -> Option<usize> {
        let word = bucket / 64;
        let here = self.words[word] >> (bucket % 64);
        if here != 0 {
            return Some(here.trailing_zeros() as usize);
        }
        if self.summary == 0 {
            return None;
        }
        // The words after this one first; this one comes last, with only its bits before `bucket` left.
        let ahead = self.summary.rotate_right(word as u32 + 1);
        let found = (word + 1 + ahead.trailing_zeros() as usize) % 64;
        let bit = self.words[found].trailing_zeros() as usize;
        Some((found * 64 + bit).wrapping_sub(bucket) % BITS)
    }

    /// Panics with a sentence where the summary is wrong.
    pub(super) fn check_invariants(&self) {
        for (index, &word) in self.words.iter().enumerate() {
            assert_eq!(
                self.summary >> index & 1 == 1,
                word != 0,
                "word {index}: the summary must say whether it is zero"
            );
        }
    }
}
