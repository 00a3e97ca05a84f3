//! A client's own idea of RFC 6455: frames written with a mask, and a server's frames read with every rule checked.
//!
//! Written from the RFC, not from the server's encoder, so that the two check each other.

use super::deflate;

pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// The nonce that every simulated client sends, and what RFC 6455 §1.3 says the answer to it is.
pub const NONCE: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A whole upgrade request.
pub fn upgrade(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {NONCE}\r\n\r\n"
    )
}

/// The same with an offer of extensions.
pub fn upgrade_with(path: &str, extensions: &str) -> String {
    let header = format!("\r\nSec-WebSocket-Extensions: {extensions}\r\n\r\n");
    upgrade(path).replace("\r\n\r\n", &header)
}

/// A client's whole frame.
pub fn frame(last: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(u8::from(last) << 7 | opcode, payload.len() as u64);
    let masked = payload.iter().zip(MASK.iter().cycle());
    bytes.extend(masked.map(|(byte, mask)| byte ^ mask));
    bytes
}

/// A client's frame header: this first byte, the shortest length, the mask.
pub fn header(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match length {
        0..=125 => bytes.push(0x80 | length as u8),
        126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes
}

/// Bytes of a server's frame with so many of payload.
pub fn whole_bytes(payload: usize) -> u64 {
    let header = match payload {
        0..=125 => 2,
        126..=0xffff => 4,
        _ => 10,
    };
    header + payload as u64
}

/// A client's close frame; 1005 is one without a code.
pub fn close(code: u16, reason: &str) -> Vec<u8> {
    if code == 1005 {
        return frame(true, CLOSE, b"");
    }
    let payload = [&code.to_be_bytes()[..], reason.as_bytes()].concat();
    frame(true, CLOSE, &payload)
}

/// A server's frame.
#[derive(Debug)]
pub struct Received {
    pub opcode: u8,
    /// As it was before it was compressed.
    pub payload: Vec<u8>,
    pub compressed: bool,
    /// With its header.
    pub bytes: usize,
}

/// Reads a server's frame from the front; `None` while it is not whole. Messages may be compressed for a window of so
/// many bits, if it is not zero.
pub fn read(bytes: &[u8], window_bits: u8) -> Result<Option<Received>, String> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    let (opcode, compressed) = (first & 0x0f, first & 0x40 != 0);
    let may_be_compressed = window_bits > 0 && matches!(opcode, TEXT | BINARY);
    if first & 0xb0 != 0x80 || compressed && !may_be_compressed {
        return Err(format!(
            "a server's frames here are whole and plain, not {first:#04x}"
        ));
    }
    if !matches!(opcode, TEXT | BINARY | CLOSE | PING | PONG) {
        return Err(format!("opcode {opcode} from the server"));
    }
    if second & 0x80 != 0 {
        return Err("a server must not mask".into());
    }
    let (length, length_bytes) = match (second & 0x7f, rest) {
        (126, [a, b, ..]) => (u64::from(u16::from_be_bytes([*a, *b])), 2),
        (127, [a, b, c, d, e, f, g, h, ..]) => {
            (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), 8)
        }
        (126 | 127, _) => return Ok(None),
        (short, _) => (u64::from(short), 0),
    };
    let shortest = match length {
        0..=125 => 0,
        126..=0xffff => 2,
        _ => 8,
    };
    if length_bytes != shortest {
        return Err(format!(
            "a length of {length} written in {length_bytes} bytes"
        ));
    }
    if opcode >= CLOSE && length > 125 {
        return Err(format!("a control frame of {length} bytes"));
    }
    let Some(payload) = rest.get(length_bytes..length_bytes + length as usize) else {
        return Ok(None);
    };
    let bytes = 2 + length_bytes + payload.len();
    let payload = if compressed {
        let message = deflate::inflate(payload, window_bits)?;
        if message.len() <= payload.len() {
            return Err(format!("{} bytes made longer", message.len()));
        }
        message
    } else {
        payload.to_vec()
    };
    Ok(Some(Received {
        opcode,
        payload,
        compressed,
        bytes,
    }))
}

/// The code of a server's close frame, 1005 for none.
pub fn close_code(payload: &[u8]) -> Result<u16, String> {
    match payload {
        [] => Ok(1005),
        [_] => Err("a close frame with half a code".into()),
        [high, low, reason @ ..] => {
            std::str::from_utf8(reason).map_err(|_| "a close reason that is not UTF-8")?;
            Ok(u16::from_be_bytes([*high, *low]))
        }
    }
}
