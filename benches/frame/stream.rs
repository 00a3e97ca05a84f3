//! A stream in memory: the same frames over and over, as many bytes at once as the reader has room for.

use std::io::{self, Read, Write};

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A client's frames without an end.
pub struct Frames {
    bytes: Vec<u8>,
    at: usize,
}

impl Frames {
    /// Frames of one message each, with this payload.
    pub fn new(opcode: u8, payload: &[u8]) -> Frames {
        let frame = frame(opcode, payload);
        // Long enough that a read seldom comes to the end of it.
        let copies = (256 << 10) / frame.len() + 1;
        Frames {
            bytes: frame.repeat(copies),
            at: 0,
        }
    }
}

impl Read for Frames {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = &self.bytes[self.at..];
        let bytes = left.len().min(into.len());
        into[..bytes].copy_from_slice(&left[..bytes]);
        self.at = (self.at + bytes) % self.bytes.len();
        Ok(bytes)
    }
}

/// What is answered goes nowhere.
impl Write for Frames {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One masked frame that is a whole message.
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80 | opcode];
    match payload.len() {
        length @ ..126 => bytes.push(0x80 | length as u8),
        length @ ..0x1_0000 => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    let masked = payload.iter().zip(MASK.iter().cycle());
    bytes.extend(masked.map(|(byte, mask)| byte ^ mask));
    bytes
}
