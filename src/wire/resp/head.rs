//! The line that a value begins with: its type, and the value itself or how much follows.

use super::fault::Fault;
use super::number::{double, integer, is_decimal};
use super::value::Value;

/// What ends a line, and a blob.
pub const END: &[u8; 2] = b"\r\n";
/// The bytes in front of the text of a verbatim string: three letters for its format, and a colon.
pub const FORMAT_BYTES: usize = 4;

/// Bytes of a line that is taken apart in one go: a type and so few digits that no number overflows.
const SHORT_BYTES_MAX: usize = 10;

/// What a verbatim string lacks that has no format.
pub const NO_FORMAT: Fault = Fault::Form("a verbatim string begins with its format");

/// A line, taken apart.
#[derive(Clone, Copy, Debug)]
pub enum Head<'a> {
    /// It is the whole value: its type, and the rest of the line.
    Whole(u8, &'a [u8]),
    /// So many bytes follow, and a line end.
    Bytes(Text, usize),
    /// So many values follow.
    Values(Kind, usize),
}

/// What the bytes behind a head are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// Any bytes.
    Blob,
    /// An error.
    Error,
    /// Text that is to be shown as it is, behind its format.
    Verbatim,
}

/// What the values behind a head are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Elements, in their order.
    Array,
    /// Elements, in no order.
    Set,
    /// What nobody asked for.
    Push,
    /// Keys, each with a value behind it.
    Map,
    /// The same, said of the value behind them.
    Attribute,
}

impl<'a> Head<'a> {
    /// Takes the line at the front of `bytes` apart, and says how long it is with its end; `None` while it is not whole. Up
    /// to `searched` it has no end, which is moved on.
    pub fn parse(
        bytes: &'a [u8],
        searched: &mut usize,
    ) -> Result<Option<(Head<'a>, usize)>, Fault> {
        let Some(&byte) = bytes.first() else {
            return Ok(None);
        };
        if is_counted(byte) {
            if let Some((count, length)) = short(bytes) {
                return Ok(Some((Head::counted(byte, count), length)));
            }
        } else if !is_scalar(byte) {
            return Err(Fault::Type(byte));
        }
        let Some(end) = line_end(bytes, searched)? else {
            return Ok(None);
        };
        let text = &bytes[1..end];
        let head = match is_counted(byte) && !is_null(byte, text) {
            true => Head::counted(byte, count(text)?),
            false => Head::Whole(byte, text),
        };
        Ok(Some((head, end + END.len())))
    }

    /// What a type that says how much follows says of so many bytes, values or pairs.
    fn counted(byte: u8, count: usize) -> Head<'a> {
        match byte {
            b'$' => Head::Bytes(Text::Blob, count),
            b'!' => Head::Bytes(Text::Error, count),
            b'=' => Head::Bytes(Text::Verbatim, count),
            b'*' => Head::Values(Kind::Array, count),
            b'~' => Head::Values(Kind::Set, count),
            b'>' => Head::Values(Kind::Push, count),
            b'%' => Head::Values(Kind::Map, count.saturating_mul(2)),
            _ => Head::Values(Kind::Attribute, count.saturating_mul(2)),
        }
    }
}

/// A count of few digits, which most are, and the length of its line; nothing if that is not all that there is.
fn short(bytes: &[u8]) -> Option<(usize, usize)> {
    let (mut count, mut at) = (0, 1);
    while at < SHORT_BYTES_MAX {
        let digit = bytes.get(at)?.wrapping_sub(b'0');
        if digit > 9 {
            let is_whole = at > 1 && bytes[at..].starts_with(END);
            return is_whole.then_some((count, at + END.len()));
        }
        count = 10 * count + usize::from(digit);
        at += 1;
    }
    None
}

/// Where the line ends, without CR LF.
fn line_end(bytes: &[u8], searched: &mut usize) -> Result<Option<usize>, Fault> {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let Some(length) = bytes[*searched..].iter().position(is_end) else {
        *searched = bytes.len();
        return Ok(None);
    };
    *searched += length;
    match &bytes[*searched..] {
        [b'\r', b'\n', ..] => Ok(Some(*searched)),
        [b'\r'] => Ok(None),
        _ => Err(Fault::Form("a line ends with CR LF")),
    }
}

/// Whether a type says how much follows.
fn is_counted(byte: u8) -> bool {
    matches!(byte, b'$' | b'!' | b'=' | b'*' | b'~' | b'>' | b'%' | b'|')
}

/// Whether a value of this type is its line.
fn is_scalar(byte: u8) -> bool {
    matches!(byte, b'+' | b'-' | b':' | b',' | b'(' | b'#' | b'_')
}

/// The nothing of RESP2.
fn is_null(byte: u8, text: &[u8]) -> bool {
    matches!(byte, b'$' | b'*') && text == b"-1"
}

/// A value that is its line.
pub fn scalar(byte: u8, text: &[u8]) -> Result<Value<'_>, Fault> {
    match (byte, text) {
        _ if is_null(byte, text) => Ok(Value::Null),
        (b'+', _) => Ok(Value::Simple(text)),
        (b'-', _) => Ok(Value::Error(text)),
        (b'_', b"") => Ok(Value::Null),
        (b'_', _) => Err(Fault::Form("a null has nothing behind its type")),
        (b'#', b"t") => Ok(Value::Boolean(true)),
        (b'#', b"f") => Ok(Value::Boolean(false)),
        (b'#', _) => Err(Fault::Form("a boolean is t or f")),
        (b':', _) => integer(text)
            .map(Value::Integer)
            .ok_or(Fault::Form("an integer is a decimal number of 64 bits")),
        (b',', _) => double(text)
            .map(Value::Double)
            .ok_or(Fault::Form("a double is a decimal number, inf or nan")),
        (b'(', _) if is_decimal(text) => Ok(Value::BigNumber(text)),
        (b'(', _) => Err(Fault::Form("a big number is a decimal number")),
        _ => Err(Fault::Type(byte)),
    }
}

/// How much follows. What is more than there can be is as much as there can be.
fn count(text: &[u8]) -> Result<usize, Fault> {
    if text == b"?" {
        return Err(Fault::Form("a length comes first, nothing is streamed"));
    }
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Err(Fault::Form("a length is a decimal number"));
    }
    let digits = text.iter().map(|digit| usize::from(digit - b'0'));
    Ok(digits.fold(0, |sum: usize, digit| {
        sum.saturating_mul(10).saturating_add(digit)
    }))
}
