//! Room codes: six characters that nobody mistakes for one another when they are read out.

use std::fmt;

use rand_chacha::rand_core::Rng;

/// No I, L, O, 0 or 1.
pub const ALPHABET: &[u8; 31] = b"ABCDEFGHJKMNPQRSTUVWXYZ23456789";
/// Characters of a code.
const LENGTH: usize = 6;

/// A code, in upper case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Code([u8; LENGTH]);

impl Code {
    /// Any code, each as likely as any other.
    pub fn draw(chance: &mut impl Rng) -> Code {
        let mut code = [0; LENGTH];
        let mut drawn = 0;
        while drawn < LENGTH {
            // Five bits are a number below 32; the one that is no letter's is drawn again.
            let number = chance.next_u32() >> 27;
            if let Some(&letter) = ALPHABET.get(number as usize) {
                code[drawn] = letter;
                drawn += 1;
            }
        }
        Code(code)
    }

    /// The code that was typed, in either case.
    pub fn parse(text: &str) -> Option<Code> {
        let mut code: [u8; LENGTH] = text.as_bytes().try_into().ok()?;
        code.make_ascii_uppercase();
        let known = code.iter().all(|letter| ALPHABET.contains(letter));
        known.then_some(Code(code))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Code(code) = self;
        code.iter()
            .try_for_each(|&letter| fmt::Write::write_char(f, letter.into()))
    }
}
