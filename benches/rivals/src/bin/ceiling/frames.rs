//! A client's frames, turned into a server's where they lie: the key taken off, the header made shorter by it.
//!
//! Nothing is checked. A payload passes in whatever pieces it comes; only a header must be there as a whole.

/// Where one connection is in its client's frames.
#[derive(Default)]
pub struct Frames {
    /// Payload bytes of this frame that are still to come.
    left: u64,
    /// The key, turned so that the next byte is masked with the first of it.
    key: [u8; 4],
    opcode: u8,
}

/// What became of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Turned {
    /// Bytes that were used up; the rest is the start of a header.
    pub taken: usize,
    /// Bytes at the start that are to be sent.
    pub ready: usize,
    /// Whether the last of them is the end of a close frame.
    pub closed: bool,
}

const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

impl Frames {
    /// Turns as many bytes as can be; messages are dropped unless `echoes`, pings and closes are always answered.
    pub fn turn(&mut self, bytes: &mut [u8], echoes: bool) -> Turned {
        let (mut taken, mut ready) = (0, 0);
        loop {
            let sends = echoes || self.opcode >= CLOSE;
            let here = usize::try_from(self.left)
                .unwrap_or(usize::MAX)
                .min(bytes.len() - taken);
            if here > 0 {
                if sends {
                    fastwebsockets::unmask(&mut bytes[taken..taken + here], self.key);
                    bytes.copy_within(taken..taken + here, ready);
                    ready += here;
                }
                self.key.rotate_left(here % 4);
                self.left -= here as u64;
                taken += here;
            }
            if self.left == 0 && self.opcode == CLOSE {
                return Turned {
                    taken,
                    ready,
                    closed: true,
                };
            }
            let header = match self.left {
                0 => header_bytes(&bytes[taken..]),
                _ => None,
            };
            let Some(header) = header else {
                return Turned {
                    taken,
                    ready,
                    closed: false,
                };
            };
            self.begin(&mut bytes[taken..taken + header]);
            if echoes || self.opcode >= CLOSE {
                bytes.copy_within(taken..taken + header - 4, ready);
                ready += header - 4;
            }
            taken += header;
        }
    }

    /// Takes in a header, and makes a server's of all of it but the last four bytes.
    fn begin(&mut self, header: &mut [u8]) {
        let key = header.len() - 4;
        self.key.copy_from_slice(&header[key..]);
        self.opcode = header[0] & 0x0f;
        if self.opcode == PING {
            header[0] = header[0] & 0xf0 | PONG;
        }
        header[1] &= 0x7f;
        self.left = match key {
            2 => u64::from(header[1]),
            // A length of two bytes, or of eight.
            _ => header[2..key]
                .iter()
                .fold(0, |length, byte| length << 8 | u64::from(*byte)),
        };
    }
}

/// How long the masked header at the start is, if all of it is there.
fn header_bytes(bytes: &[u8]) -> Option<usize> {
    let header = match bytes.get(1)? & 0x7f {
        126 => 8,
        127 => 14,
        _ => 6,
    };
    (bytes.len() >= header).then_some(header)
}

/// A text message as one frame from the server.
pub fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(0x81);
    match text.len() {
        length @ 0..126 => out.push(length as u8),
        length @ 126..65_536 => {
            out.push(126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let key = [1, 2, 3, 4];
        let mut frame = server(opcode, payload);
        let header = frame.len() - payload.len();
        frame[1] |= 0x80;
        frame.splice(header..header, key);
        for (byte, key) in frame[header + 4..].iter_mut().zip(key.iter().cycle()) {
            *byte ^= key;
        }
        frame
    }

    fn server(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        push_text(&mut frame, std::str::from_utf8(payload).unwrap());
        frame[0] = 0x80 | opcode;
        frame
    }

    #[test]
    fn frames_are_turned_however_they_are_cut() {
        let payloads = [0, 1, 125, 126, 300, 65_535, 70_000].map(|length| vec![b'a'; length]);
        let sent: Vec<u8> = payloads.iter().flat_map(|it| masked(1, it)).collect();
        let expected: Vec<u8> = payloads.iter().flat_map(|it| server(1, it)).collect();
        for cut in [1, 2, 3, 5, 7, 16, 4096, 100_000, 1 << 20] {
            let mut frames = Frames::default();
            let (mut spill, mut out) = (Vec::new(), Vec::new());
            for piece in sent.chunks(cut) {
                spill.extend_from_slice(piece);
                let turned = frames.turn(&mut spill, true);
                out.extend_from_slice(&spill[..turned.ready]);
                spill.drain(..turned.taken);
            }
            assert!(out == expected && spill.is_empty(), "in pieces of {cut}");
        }
    }

    #[test]
    fn a_member_is_answered_pings_and_a_close_and_nothing_else() {
        let frames = [masked(1, b"hello"), masked(9, b"x"), masked(8, b"")];
        let mut bytes = frames.concat();
        let turned = Frames::default().turn(&mut bytes, false);
        assert!(turned.closed && turned.taken == bytes.len());
        assert_eq!(
            bytes[..turned.ready],
            [server(10, b"x"), server(8, b"")].concat()
        );
    }
}
