//! WebSocket frames (RFC 6455 §5) from the client's side: reads what a server sends, writes what a client may send. The
//! headers are tungstenite's, but for the commonest, which is read at sight.
//!
//! A frame is borrowed from the read buffer and never copied. Messages in several fragments, extensions and masked
//! frames are faults here: the servers under test send none of them. Text is not checked for UTF-8; whoever reads
//! the payload as JSON does that.

use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// A text message.
pub const TEXT: OpCode = OpCode::Data(Data::Text);
/// A binary message.
pub const BINARY: OpCode = OpCode::Data(Data::Binary);
/// The close handshake, its payload an optional code and reason.
pub const CLOSE: OpCode = OpCode::Control(Control::Close);
/// Asks for a pong with the same payload.
pub const PING: OpCode = OpCode::Control(Control::Ping);
/// Answers a ping.
pub const PONG: OpCode = OpCode::Control(Control::Pong);

/// The code of a close that nobody should mind.
pub const CLOSE_NORMAL: u16 = 1000;

/// One whole frame, its payload still in the read buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is for.
    pub opcode: OpCode,
    /// Its payload, never masked.
    pub payload: &'a [u8],
}

/// What a server did wrong in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A reserved bit is set although no extension was agreed.
    #[error("reserved bit set")]
    Reserved,
    /// An opcode that RFC 6455 does not define.
    #[error("unknown opcode {0}")]
    Opcode(u8),
    /// The message comes in several frames.
    #[error("message in fragments")]
    Fragmented,
    /// Servers must not mask (§5.1).
    #[error("masked by the server")]
    Masked,
    /// A control frame over 125 bytes.
    #[error("control frame over 125 bytes")]
    ControlTooLong,
    /// More payload bytes than the read buffer can hold.
    #[error("frame of {0} bytes, too long for this run")]
    TooLong(u64),
}

/// The header that starts `bytes`, how many bytes it takes, and those of the payload.
fn header(bytes: &[u8]) -> Result<Option<(FrameHeader, usize, u64)>, Fault> {
    let mut cursor = Cursor::new(bytes);
    match FrameHeader::parse(&mut cursor) {
        Ok(found) => Ok(found.map(|(header, length)| (header, cursor.position() as usize, length))),
        // It refuses nothing else.
        Err(_) => Err(Fault::Opcode(bytes[0] & 0x0f)),
    }
}

/// The header that starts `bytes`, with nothing wrong but perhaps its length: the opcode, how many bytes it takes, and
/// those of the payload.
#[cold]
fn sound_header(bytes: &[u8]) -> Result<Option<(OpCode, usize, u64)>, Fault> {
    let Some((header, start, length)) = header(bytes)? else {
        return Ok(None);
    };
    let opcode = header.opcode;
    match () {
        () if header.rsv1 || header.rsv2 || header.rsv3 => Err(Fault::Reserved),
        () if !header.is_final || opcode == OpCode::Data(Data::Continue) => Err(Fault::Fragmented),
        () if header.mask.is_some() => Err(Fault::Masked),
        () if matches!(opcode, OpCode::Control(_)) && length > 125 => Err(Fault::ControlTooLong),
        () => Ok(Some((opcode, start, length))),
    }
}

/// The first frame of `bytes` and how many bytes it takes, or `None` while it is not complete. A frame with more than
/// `payload_max` bytes is a fault as soon as its header is there.
#[inline]
pub fn parse(bytes: &[u8], payload_max: usize) -> Result<Option<(Frame<'_>, usize)>, Fault> {
    // Nearly all that comes is whole texts under 64 KiB. The library takes a hundred instructions for a header, which
    // would be a quarter of a delivery.
    let (opcode, start, length) = match *bytes {
        [0x81, length @ 0..=125, ..] => (TEXT, 2, length.into()),
        [0x81, 126, high, low, ..] => (TEXT, 4, u16::from_be_bytes([high, low]).into()),
        _ => match sound_header(bytes)? {
            Some(header) => header,
            None => return Ok(None),
        },
    };
    if length > payload_max as u64 {
        return Err(Fault::TooLong(length));
    }
    let end = start + length as usize;
    let payload = bytes.get(start..end);
    Ok(payload.map(|payload| (Frame { opcode, payload }, end)))
}

/// Bytes of the first frame of `bytes`, header and payload, if its header is there and complete.
pub fn length(bytes: &[u8]) -> Option<usize> {
    let (_, start, length) = header(bytes).ok()??;
    usize::try_from(length).ok()?.checked_add(start)
}

/// Appends one whole frame as a client sends it: masked with `mask`.
pub fn write(out: &mut Vec<u8>, opcode: OpCode, payload: &[u8], mask: [u8; 4]) {
    let header = FrameHeader {
        opcode,
        mask: Some(mask),
        ..FrameHeader::default()
    };
    header
        .format(payload.len() as u64, out)
        .expect("writing to a Vec cannot fail, it only grows");
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

#[cfg(test)]
mod tests {
    use super::*;

    fn server_frame(opcode: OpCode, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let header = FrameHeader {
            opcode,
            ..FrameHeader::default()
        };
        header.format(payload.len() as u64, &mut bytes).unwrap();
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn a_frame_cut_at_every_byte_is_incomplete_until_it_is_whole() {
        for size in [0, 1, 125, 126, 127, 300, 65_535, 65_536] {
            let payload = vec![b'x'; size];
            let mut bytes = server_frame(TEXT, &payload);
            let whole = bytes.len();
            bytes.extend(server_frame(PING, b"next"));
            for cut in 0..whole {
                assert_eq!(parse(&bytes[..cut], 1 << 20), Ok(None), "{size} at {cut}");
            }
            let (frame, used) = parse(&bytes, 1 << 20).unwrap().unwrap();
            assert_eq!((frame.opcode, frame.payload), (TEXT, &payload[..]));
            assert_eq!((used, length(&bytes)), (whole, Some(whole)));
            let (next, _) = parse(&bytes[used..], 1 << 20).unwrap().unwrap();
            assert_eq!((next.opcode, next.payload), (PING, &b"next"[..]));
        }
    }

    #[test]
    fn faults_are_found_in_the_header() {
        let fault = |bytes: &[u8]| parse(bytes, 1000).unwrap_err();
        assert_eq!(fault(&[0xc1, 0]), Fault::Reserved);
        assert_eq!(fault(&[0x83, 0]), Fault::Opcode(3));
        assert_eq!(fault(&[0x01, 0]), Fault::Fragmented);
        assert_eq!(fault(&[0x80, 0]), Fault::Fragmented);
        assert_eq!(fault(&[0x81, 0x80, 1, 2, 3, 4]), Fault::Masked);
        assert_eq!(fault(&[0x89, 126, 0, 126]), Fault::ControlTooLong);
        assert_eq!(fault(&[0x81, 126, 0x03, 0xe9]), Fault::TooLong(1001));
    }

    #[test]
    fn what_a_client_writes_is_masked_and_reads_back() {
        for length in [0, 5, 8, 15, 125, 126, 65_535, 65_536] {
            let payload: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let mut bytes = Vec::new();
            write(&mut bytes, PONG, &payload, [1, 2, 3, 4]);
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
