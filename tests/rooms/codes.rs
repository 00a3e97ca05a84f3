//! Codes of rooms.

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;
use roomcast::apps::rooms::code::{ALPHABET, Code};

#[test]
fn a_code_is_read_in_either_case() {
    let mut chance = ChaCha12Rng::from_seed([7; 32]);
    for _ in 0..100 {
        let code = Code::draw(&mut chance);
        let text = code.to_string();
        assert_eq!(Code::parse(&text), Some(code));
        assert_eq!(Code::parse(&text.to_ascii_lowercase()), Some(code));
    }
}

#[test]
fn what_is_no_code_is_none() {
    for text in [
        "", "ABCDE", "ABCDEFG", "ABCDE0", "ABCDE1", "ABCDEI", "abcdel", "ABCDEO", "ABCD-E",
        "ABCÄ2", " ABCDE",
    ] {
        assert_eq!(Code::parse(text), None, "{text}");
    }
}

#[test]
fn every_letter_is_drawn_about_as_often() {
    let mut chance = ChaCha12Rng::from_seed([7; 32]);
    let mut counts = [0_u32; 31];
    for _ in 0..31_000 / 6 {
        for letter in Code::draw(&mut chance).to_string().bytes() {
            let number = ALPHABET.iter().position(|&known| known == letter);
            counts[number.unwrap()] += 1;
        }
    }
    assert!(
        counts.iter().all(|count| (850..1150).contains(count)),
        "{counts:?}"
    );
}
