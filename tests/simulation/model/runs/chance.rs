//! All chance of a simulated run: SplitMix64 from one seed, which needs no library and never changes; or, as long as
//! there are any, bytes that somebody else has chosen, each of which decides something.
//!
//! From a seed every step has a stream of its own, so that it draws the same whether or not the steps before it were
//! taken: that is what lets a minimiser leave some out.

/// A stream of choices.
pub struct Chance {
    state: u64,
    /// What every step's stream is made from; without one, there is one stream for all steps.
    seed: Option<u64>,
    /// What decides before the seed does, the first byte last.
    bytes: Vec<u8>,
}

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x726f_6f6d_6361_7374,
            seed: Some(seed),
            bytes: Vec::new(),
        }
    }

    /// Choices by these bytes, one byte for each choice of few, and by a seed of no importance once they are used up.
    pub fn scripted(bytes: &[u8]) -> Chance {
        Chance {
            bytes: bytes.iter().rev().copied().collect(),
            seed: None,
            ..Chance::new(0)
        }
    }

    /// What follows belongs to this step.
    pub fn begin(&mut self, step: usize) {
        if let Some(seed) = self.seed {
            // One draw between the two, so that neighbouring steps of neighbouring seeds have nothing in common.
            self.state =
                Chance::new(seed).next() ^ (step as u64).wrapping_mul(0xd134_2543_de82_ef95);
        }
    }

    /// Whether bytes decide, or did until they were used up.
    pub fn is_scripted(&self) -> bool {
        self.seed.is_none()
    }

    /// Whether the bytes are used up.
    pub fn is_spent(&self) -> bool {
        self.bytes.is_empty()
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// From 0 to `bound`, which is left out.
    pub fn below(&mut self, bound: usize) -> usize {
        if self.bytes.is_empty() {
            return self.draw(bound);
        }
        // What is no choice uses nothing up.
        let first = if bound > 1 { self.bytes.pop() } else { None };
        let second = if bound > 256 { self.bytes.pop() } else { None };
        let third = if bound > 1 << 16 {
            self.bytes.pop()
        } else {
            None
        };
        let bytes = [third, second, first].map(|byte| usize::from(byte.unwrap_or(0)));
        let number = bytes[0] << 16 | bytes[1] << 8 | bytes[2];
        number % bound.max(1)
    }

    /// The same, but never by a script: what content is made of decides nothing.
    fn draw(&mut self, bound: usize) -> usize {
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
            .map(|_| (b'a' + self.draw(26) as u8) as char)
            .collect()
    }

    /// Text with characters of one to four bytes, `count` of them.
    pub fn text(&mut self, count: usize) -> String {
        let characters = ['a', 'é', '€', '🦀'];
        (0..count)
            .map(|_| characters[self.draw(characters.len())])
            .collect()
    }
}
