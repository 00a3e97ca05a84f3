//! What a client writes: commands, which are arrays of blobs.

use super::head::END;

/// Writes a command of these parts, the first of which is its name.
pub fn command(out: &mut Vec<u8>, parts: &[&[u8]]) {
    begin(out, parts.len());
    for bytes in parts {
        part(out, bytes);
    }
}

/// Begins a command of so many parts, all of which must follow.
pub fn begin(out: &mut Vec<u8>, parts: usize) {
    line(out, b'*', parts);
}

/// Writes a part of the command that was begun.
pub fn part(out: &mut Vec<u8>, bytes: &[u8]) {
    line(out, b'$', bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(END);
}

/// The same, of a number's decimal digits.
pub fn number(out: &mut Vec<u8>, number: impl itoa::Integer) {
    part(out, itoa::Buffer::new().format(number).as_bytes());
}

fn line(out: &mut Vec<u8>, byte: u8, length: usize) {
    out.push(byte);
    out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
    out.extend_from_slice(END);
}
