//! However a stream is cut, it means the same.

use proptest::prelude::*;
use roomcast::core::protocol::Phase;

use crate::conversation::{
    Conversation, babble, conversations, frames, pieces, rude_frames, spoil, spoils, upgrade,
};
use crate::reader::{Seen, read, read_whole};
use crate::theirs::{Theirs, read_by_tungstenite};

proptest! {
    #[test]
    fn a_valid_stream_means_what_it_says_however_it_is_cut(
        conversation in conversations(),
        pieces in pieces(),
    ) {
        let Conversation { bytes, means } = conversation;
        let outcome = read(&bytes, &pieces);
        prop_assert_eq!(&outcome.seen, &means);
        let is_over = matches!(means.last(), Some(Seen::Close(_)));
        prop_assert_eq!(outcome.phase == Phase::Over, is_over);
        prop_assert!(!outcome.is_midway);
    }

    #[test]
    fn a_spoiled_stream_means_the_same_however_it_is_cut(
        conversation in conversations(),
        spoils in spoils(),
        pieces in pieces(),
    ) {
        let bytes = spoil(conversation.bytes, &spoils);
        prop_assert_eq!(read(&bytes, &pieces).blurred(), read_whole(&bytes).blurred());
    }

    #[test]
    fn babble_means_the_same_however_it_is_cut(bytes in babble(), pieces in pieces()) {
        prop_assert_eq!(read(&bytes, &pieces).blurred(), read_whole(&bytes).blurred());
    }

    #[test]
    fn frames_of_babble_mean_the_same_however_they_are_cut(
        deflate in any::<bool>(),
        frames in prop_oneof![rude_frames(), prop::collection::vec(any::<u8>(), 0..300)],
        pieces in pieces(),
    ) {
        let bytes = [upgrade(deflate).bytes, frames].concat();
        prop_assert_eq!(read(&bytes, &pieces).blurred(), read_whole(&bytes).blurred());
    }

    #[test]
    fn valid_frames_mean_what_another_reader_makes_of_them(frames in frames(false)) {
        let theirs = read_by_tungstenite(&frames.bytes);
        prop_assert_eq!(theirs.messages, frames.means);
        prop_assert_eq!(theirs.is_refused, false);
    }

    #[test]
    fn spoiled_frames_are_refused_where_another_reader_refuses_them(
        frames in frames(false),
        spoils in spoils(),
    ) {
        let frames = spoil(frames.bytes, &spoils);
        compare_with_tungstenite(&frames)?;
    }

    #[test]
    fn rude_frames_are_refused_where_another_reader_refuses_them(
        frames in rude_frames(),
    ) {
        compare_with_tungstenite(&frames)?;
    }
}

proptest! {
    // A head is looked at again with each piece of it, so byte by byte a long one takes its time.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_head_over_its_limits_is_refused_however_it_is_cut(
        parts in (0..9000usize, 0..18_000usize, 0..110usize),
        spoils in prop_oneof![Just(Vec::new()), spoils()],
        pieces in pieces(),
    ) {
        let (line, value, headers) = parts;
        let head = format!("GET /{} HTTP/1.1\r\nHost: a\r\n", "x".repeat(line));
        let headers = format!("A: {}\r\n{}\r\n", "b".repeat(value), "C: d\r\n".repeat(headers));
        let bytes = spoil((head + &headers).into_bytes(), &spoils);
        prop_assert_eq!(read(&bytes, &pieces).blurred(), read_whole(&bytes).blurred());
    }
}

/// We may refuse earlier, for what has come of a message, or for what only we forbid; never later, and never another
/// message than they.
fn compare_with_tungstenite(frames: &[u8]) -> Result<(), TestCaseError> {
    let theirs = read_by_tungstenite(frames);
    let mut ours = read_whole(&[&upgrade(false).bytes, frames].concat()).seen;
    ours.remove(0);
    let is_refused = matches!(ours.last(), Some(Seen::Fault(_)));
    ours.retain(|seen| !matches!(seen, Seen::Fault(_)));
    let ours = Theirs::would_show(&ours);
    let messages = theirs.messages;
    prop_assert!(messages.starts_with(&ours), "{messages:?} and {ours:?}");
    prop_assert!(is_refused || !theirs.is_refused && messages == ours);
    Ok(())
}
