//! All chance of a simulated run, from one seed: SplitMix64, which needs no library and never changes.

/// A stream of choices.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x726f_6f6d_6361_7374)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// From 0 to `bound`, which is left out.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// From `low` to `high`, both among them.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// True once in so many times.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Mostly small, sometimes up to `most`: sizes that are worth a test.
    pub fn size(&mut self, most: usize) -> usize {
        let scale = self.pick(&[1, 10, 130, 1000, 70_000]);
        self.below(scale.min(most) + 1)
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }

    /// Letters that compress badly.
    pub fn noise(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| (b'a' + self.below(26) as u8) as char)
            .collect()
    }

    /// Text with characters of one to four bytes, `count` of them.
    pub fn text(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| self.pick(&['a', 'é', '€', '🦀']))
            .collect()
    }
}
