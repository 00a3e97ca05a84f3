//! WebSocket frames (RFC 6455 §5) from the client's side: reads what a server sends, writes what a client may send.
//!
//! A frame is borrowed from the read buffer and never copied. Messages in several fragments, extensions and masked
//! frames are faults here: the servers under test send none of them. Text is not checked for UTF-8; whoever reads
//! the payload as JSON does that.

use std::fmt;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// A text message.
    Text,
    /// A binary message.
    Binary,
    /// The close handshake, its payload an optional code and reason.
    Close,
    /// Asks for a pong with the same payload.
    Ping,
    /// Answers a ping.
    Pong,
}

/// One whole frame, its payload still in the read buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is for.
    pub opcode: Opcode,
    /// Its payload, never masked.
    pub payload: &'a [u8],
}

/// What a server did wrong in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A reserved bit is set although no extension was agreed.
    Reserved,
    /// An opcode that RFC 6455 does not define.
    Opcode(u8),
    /// The message comes in several frames.
    Fragmented,
    /// Servers must not mask (§5.1).
    Masked,
    /// A control frame over 125 bytes.
    ControlTooLong,
    /// More payload bytes than the read buffer can hold.
    TooLong(u64),
}

impl Opcode {
    const fn number(self) -> u8 {
        match self {
            Opcode::Text => 1,
            Opcode::Binary => 2,
            Opcode::Close => 8,
            Opcode::Ping => 9,
            Opcode::Pong => 10,
        }
    }

    const fn from_number(number: u8) -> Result<Opcode, Fault> {
        match number {
            0 => Err(Fault::Fragmented),
            1 => Ok(Opcode::Text),
            2 => Ok(Opcode::Binary),
            8 => Ok(Opcode::Close),
            9 => Ok(Opcode::Ping),
            10 => Ok(Opcode::Pong),
            other => Err(Fault::Opcode(other)),
        }
    }

    const fn is_control(self) -> bool {
        self.number() >= 8
    }
}

/// The first frame of `bytes` and how many bytes it takes, or `None` while it is not complete. A frame with more than
/// `payload_max` bytes is a fault as soon as its header is there.
pub fn parse(bytes: &[u8], payload_max: usize) -> Result<Option<(Frame<'_>, usize)>, Fault> {
    let &[first, second, ref rest @ ..] = bytes else {
        return Ok(None);
    };
    if first & 0x70 != 0 {
        return Err(Fault::Reserved);
    }
    let opcode = Opcode::from_number(first & 0x0f)?;
    if first & 0x80 == 0 {
        return Err(Fault::Fragmented);
    }
    if second & 0x80 != 0 {
        return Err(Fault::Masked);
    }
    let (length, header) = match second {
        126 => match rest.first_chunk::<2>() {
            Some(length) => (u64::from(u16::from_be_bytes(*length)), 4),
            None => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(length) => (u64::from_be_bytes(*length), 10),
            None => return Ok(None),
        },
        short => (u64::from(short), 2),
    };
    if opcode.is_control() && length > 125 {
        return Err(Fault::ControlTooLong);
    }
    if length > payload_max as u64 {
        return Err(Fault::TooLong(length));
    }
    let end = header + length as usize;
    Ok(bytes
        .get(header..end)
        .map(|payload| (Frame { opcode, payload }, end)))
}

/// Bytes of the first frame of `bytes`, header and payload, if its header is there and complete.
pub fn length(bytes: &[u8]) -> Option<usize> {
    let &[_, second, ref rest @ ..] = bytes else {
        return None;
    };
    let (length, header) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
        127 => (u64::from_be_bytes(*rest.first_chunk()?), 10),
        short => (u64::from(short), 2),
    };
    usize::try_from(length).ok()?.checked_add(header)
}

/// Appends one whole frame as a client sends it: masked with `mask`.
pub fn write(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8], mask: [u8; 4]) {
    out.push(0x80 | opcode.number());
    match payload.len() {
        length @ 0..=125 => out.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    let start = out.len();
    out.extend_from_slice(payload);
    // Eight at a time, which the compiler makes many more of.
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = out[start..].as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// The code in the payload of a close frame; 1005 stands for none, as in §7.1.5.
pub fn close_code(payload: &[u8]) -> u16 {
    payload
        .first_chunk::<2>()
        .map_or(1005, |code| u16::from_be_bytes(*code))
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Reserved => f.write_str("reserved bit set"),
            Fault::Opcode(number) => write!(f, "unknown opcode {number}"),
            Fault::Fragmented => f.write_str("message in fragments"),
            Fault::Masked => f.write_str("masked by the server"),
            Fault::ControlTooLong => f.write_str("control frame over 125 bytes"),
            Fault::TooLong(length) => write!(f, "frame of {length} bytes, too long for this run"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length_of(bytes: &[u8]) -> usize {
        super::length(bytes).unwrap()
    }

    fn server_frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload.len() {
            length @ 0..=125 => bytes.push(length as u8),
            length @ 126..=0xffff => {
                bytes.push(126);
                bytes.extend((length as u16).to_be_bytes());
            }
            length => {
                bytes.push(127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn a_frame_cut_at_every_byte_is_incomplete_until_it_is_whole() {
        for length in [0, 1, 125, 126, 127, 300, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let mut bytes = server_frame(0x81, &payload);
            let whole = bytes.len();
            bytes.extend(server_frame(0x89, b"next"));
            for cut in 0..whole {
                assert_eq!(parse(&bytes[..cut], 1 << 20), Ok(None), "{length} at {cut}");
            }
            let (frame, used) = parse(&bytes, 1 << 20).unwrap().unwrap();
            assert_eq!((frame.opcode, frame.payload), (Opcode::Text, &payload[..]));
            assert_eq!((used, length_of(&bytes)), (whole, whole));
            let (next, _) = parse(&bytes[used..], 1 << 20).unwrap().unwrap();
            assert_eq!((next.opcode, next.payload), (Opcode::Ping, &b"next"[..]));
        }
    }

    #[test]
    fn faults_are_found_in_the_header() {
        let fault = |bytes: &[u8]| parse(bytes, 1000).unwrap_err();
        assert_eq!(fault(&[0xc1, 0]), Fault::Reserved);
        assert_eq!(fault(&[0x83, 0]), Fault::Opcode(3));
        assert_eq!(fault(&[0x01, 0]), Fault::Fragmented);
        assert_eq!(fault(&[0x80, 0]), Fault::Fragmented);
        assert_eq!(fault(&[0x81, 0x80]), Fault::Masked);
        assert_eq!(fault(&[0x89, 126, 0, 126]), Fault::ControlTooLong);
        assert_eq!(fault(&[0x81, 126, 0x03, 0xe9]), Fault::TooLong(1001));
    }

    #[test]
    fn what_a_client_writes_is_masked_and_reads_back() {
        for length in [0, 5, 8, 15, 125, 126, 65_535, 65_536] {
            let payload: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let mut bytes = Vec::new();
            write(&mut bytes, Opcode::Pong, &payload, [1, 2, 3, 4]);
            let header = bytes.len() - length - 4;
            assert_eq!(bytes[1] & 0x80, 0x80);
            assert_eq!(bytes[header..header + 4], [1, 2, 3, 4]);
            let unmasked = bytes[header + 4..].iter().enumerate();
            let unmasked: Vec<u8> = unmasked.map(|(i, b)| b ^ [1, 2, 3, 4][i % 4]).collect();
            assert_eq!(unmasked, payload);
        }
    }

    #[test]
    fn a_close_frame_without_a_code_reads_as_1005() {
        assert_eq!(close_code(&[0x03, 0xe8, b'b']), 1000);
        assert_eq!(close_code(&[]), 1005);
    }
}
