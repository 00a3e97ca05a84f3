//! How much room a half-received message or body is given.

use roomcast::core::protocol::{Event, Limits, Protocol};
use roomcast::wire::buffer::Buffer;

const LIMITS: Limits = Limits {
    body_bytes_max: 2 << 20,
    message_bytes_max: 2 << 20,
    deflate: false,
    cost_max: u64::MAX,
};
/// What is kept beside the message itself.
const STATE_BYTES_MAX: usize = 200;
/// A message of the first byte's kind that says how long it is, and a body that does.
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;

/// One connection's input, and the buffer that it would share.
struct Input(Protocol, Buffer);

impl Input {
    fn new(is_open: bool) -> Input {
        let mut protocol = Protocol::new();
        if is_open {
            protocol.open();
        }
        Input(protocol, Buffer::new(64 << 10))
    }

    /// Takes a piece that makes nothing whole; how many bytes are held then.
    fn take(&mut self, piece: &[u8]) -> usize {
        let Input(protocol, buffer) = self;
        buffer.space()[..piece.len()].copy_from_slice(piece);
        buffer.filled(piece.len());
        loop {
            match protocol.next(buffer, LIMITS) {
                Ok(Some(Event::Body { .. })) => {}
                Ok(None) => return protocol.held_bytes(),
                Ok(Some(_)) => panic!("nothing is whole yet"),
                Err(fault) => panic!("{fault}"),
            }
        }
    }

    /// The header of a frame that begins with this byte.
    fn begin_frame(&mut self, first: u8, frame_bytes: usize) -> usize {
        let length = (frame_bytes as u64).to_be_bytes();
        let header = match frame_bytes {
            0..126 => vec![first, 0x80 | frame_bytes as u8],
            126..65_536 => [&[first, 0xfe][..], &length[6..]].concat(),
            _ => [&[first, 0xff][..], &length].concat(),
        };
        self.take(&[&header[..], &[0; 4]].concat())
    }
}

/// The most that is held while so much comes of a whole of so many bytes, in pieces.
fn most_held(mut input: Input, come_bytes: usize, piece_bytes: usize) -> usize {
    let come = vec![b'a'; come_bytes];
    let held = come.chunks(piece_bytes).map(|piece| input.take(piece));
    held.max().unwrap_or(0)
}

/// A frame or body of so many bytes that has begun, and what it holds beside them.
fn begun(bytes: usize) -> [(Input, usize); 3] {
    let [text, binary] = [TEXT, BINARY].map(|first| {
        let mut input = Input::new(true);
        input.begin_frame(first, bytes);
        (input, STATE_BYTES_MAX)
    });
    let mut body = Input::new(false);
    let head = format!("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {bytes}\r\n\r\n");
    body.take(head.as_bytes());
    [text, binary, (body, STATE_BYTES_MAX + head.len())]
}

#[test]
fn what_says_how_long_it_is_is_given_no_more_than_that() {
    for bytes in [5 << 10, 100 << 10, 995 << 10, 1 << 20] {
        for piece_bytes in [7, 1000, 30 << 10, 64 << 10] {
            for (input, beside) in begun(bytes) {
                let held = most_held(input, bytes - 1, piece_bytes);
                assert!(
                    (bytes - 1..=bytes + beside).contains(&held),
                    "{held} of {bytes} by {piece_bytes}"
                );
            }
        }
    }
}

#[test]
fn what_is_announced_costs_nothing_before_it_comes() {
    for bytes in [70_000, 1 << 20] {
        for come_bytes in [1, 100, 2000, 20_000] {
            for (input, beside) in begun(bytes) {
                let held = most_held(input, come_bytes, 1000);
                assert!(held <= 2 * (come_bytes + beside), "{held} of {come_bytes}");
            }
        }
    }
}

#[test]
fn what_may_go_on_for_ever_is_held_with_half_as_much_room_again_at_most() {
    let bounds = |come: usize| come..=come + come / 2 + 2 * STATE_BYTES_MAX;
    for piece_bytes in [500, 5000, 50_000] {
        let piece = vec![b'a'; piece_bytes];
        let (mut fragments, mut chunks) = (Input::new(true), Input::new(false));
        chunks.take(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
        for number in 1..(1 << 20) / piece_bytes {
            fragments.begin_frame(if number == 1 { 2 } else { 0 }, piece_bytes);
            let of_fragments = fragments.take(&piece);
            let size = format!("{piece_bytes:x}\r\n");
            let of_chunks = chunks.take(&[size.as_bytes(), &piece, b"\r\n"].concat());
            let come = number * piece_bytes;
            // What is short is left to the vector.
            if come >= 8 << 10 {
                assert!(
                    bounds(come).contains(&of_fragments),
                    "{of_fragments} of {come}"
                );
                assert!(bounds(come).contains(&of_chunks), "{of_chunks} of {come}");
            }
        }
    }
}
