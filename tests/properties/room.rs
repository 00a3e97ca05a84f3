//! How much room a half-received message is given.

use roomcast::core::protocol::{Limits, Protocol};
use roomcast::wire::buffer::Buffer;

const LIMITS: Limits = Limits {
    body_bytes_max: 0,
    message_bytes_max: 2 << 20,
    deflate: false,
};
/// What is kept beside the message itself.
const STATE_BYTES_MAX: usize = 200;

/// The bytes that are held once so much has come of a binary message in one frame, in pieces of so many bytes.
fn held_bytes(frame_bytes: usize, come_bytes: usize, piece_bytes: usize) -> usize {
    let mut buffer = Buffer::new(64 << 10);
    let mut protocol = Protocol::new();
    protocol.open();
    let header = [
        &[0x82, 0xff][..],
        &(frame_bytes as u64).to_be_bytes(),
        &[0; 4],
    ]
    .concat();
    let come = vec![7; come_bytes];
    for piece in [&header[..]].into_iter().chain(come.chunks(piece_bytes)) {
        buffer.space()[..piece.len()].copy_from_slice(piece);
        buffer.filled(piece.len());
        assert!(matches!(protocol.next(&mut buffer, LIMITS), Ok(None)));
    }
    protocol.held_bytes()
}

#[test]
fn a_long_frame_that_comes_in_full_reads_is_given_no_more_than_it_needs() {
    for frame_bytes in [100 << 10, 995 << 10, 1 << 20] {
        let held_bytes = held_bytes(frame_bytes, frame_bytes - 1, 64 << 10);
        let needed = frame_bytes..=frame_bytes + STATE_BYTES_MAX;
        assert!(
            needed.contains(&held_bytes),
            "{held_bytes} of {frame_bytes}"
        );
    }
}

#[test]
fn what_is_announced_costs_nothing_before_it_comes() {
    for frame_bytes in [70_000, 1 << 20] {
        for come_bytes in [1, 100, 2000, 20_000] {
            let held_bytes = held_bytes(frame_bytes, come_bytes, 1000);
            assert!(
                held_bytes <= 2 * come_bytes + STATE_BYTES_MAX,
                "{held_bytes} of {come_bytes}"
            );
        }
    }
}
