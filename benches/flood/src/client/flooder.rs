//! A client that sends small messages as fast as the server takes them, from the one thread that everything here runs
//! on, and at little cost to it: many frames, put together beforehand, go out in each write.

use crate::client::crowd::Crowd;
use crate::client::frame::{self, TEXT};

/// Bytes of one write. More would keep the one thread from the clients that are timed; and a server needs longer for so
/// many small messages than they take to be written, so its socket is full all the time.
const PIECE_BYTES: usize = 64 << 10;

/// What every frame is masked with; it need not be secret on loopback.
const MASK: [u8; 4] = [0x3a, 0x91, 0x5c, 0xe7];

/// The client, and what it sends.
#[derive(Debug)]
pub struct Flooder {
    client: u32,
    piece: Vec<u8>,
    messages_a_piece: u64,
    pieces: u64,
    is_gone: bool,
}

impl Flooder {
    /// Has `client` send text messages of so many bytes.
    pub fn new(client: u32, message_bytes: usize) -> Flooder {
        let text = vec![b'x'; message_bytes];
        let (mut piece, mut messages_a_piece) = (Vec::new(), 0);
        while messages_a_piece == 0 || piece.len() < PIECE_BYTES {
            frame::write(&mut piece, TEXT, &text, MASK);
            messages_a_piece += 1;
        }
        Flooder {
            client,
            piece,
            messages_a_piece,
            pieces: 0,
            is_gone: false,
        }
    }

    /// Sends one more piece, if the socket has taken the last one; says whether it has room for more at once.
    pub fn pour(&mut self, crowd: &mut Crowd) -> bool {
        if self.is_gone || crowd.client(self.client).is_stuck() {
            return false;
        }
        self.pieces += 1;
        self.is_gone = !crowd.send_raw(self.client, &self.piece);
        !self.is_gone && !crowd.client(self.client).is_stuck()
    }

    /// Messages sent so far, or on their way into the socket.
    pub fn messages(&self) -> u64 {
        self.pieces * self.messages_a_piece
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_whole_frames_and_about_as_long_as_one_write_should_be() {
        for (bytes, frame_bytes) in [(0, 6), (1, 7), (125, 131), (1000, 1008), (100_000, 100_014)] {
            let flooder = Flooder::new(3, bytes);
            let frames = flooder.messages_a_piece as usize;
            assert_eq!(flooder.piece.len(), frames * frame_bytes, "{bytes} bytes");
            assert!(flooder.piece.len() < PIECE_BYTES + frame_bytes);
        }
    }
}
