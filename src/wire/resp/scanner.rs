//! Where the next value ends. What is looked at is remembered and not looked at again, and what was a fault stays one.

use super::fault::Fault;
use super::head::{self, END, FORMAT_BYTES, Head, Kind, NO_FORMAT, Text};
use super::reader::Reader;
use super::value::Value;

/// What is taken of a server, in one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes, from its type to its last line end.
    pub bytes_max: usize,
    /// Elements of all its aggregates together, keys and attributes too.
    pub elements_max: usize,
    /// Aggregates in one another. They are built and dropped on the stack, so some hundreds are too many.
    pub depth_max: usize,
}

/// Finds the ends of values in a stream, one after the other.
#[derive(Debug)]
pub struct Scanner {
    bounds: Bounds,
    /// Where the next line, or the blob that is awaited, begins in the value.
    at: usize,
    /// Bytes of that line in which no end was found.
    searched: usize,
    /// The blob that is awaited, and where it ends.
    blob: Option<(Text, usize)>,
    /// What the value still lacks, and then each aggregate that is open, the innermost last.
    lacking: Vec<usize>,
    /// Elements that were announced.
    elements: usize,
}

impl Scanner {
    /// For a stream that has not begun.
    pub fn new(bounds: Bounds) -> Scanner {
        Scanner {
            bounds,
            at: 0,
            searched: 0,
            blob: None,
            lacking: vec![1],
            elements: 0,
        }
    }

    /// The next value and its length, if it is whole. `bytes` begin where it begins, and are the same as the last time and
    /// more, until it is.
    pub fn read<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<(Value<'a>, usize)>, Fault> {
        let Some(length) = self.complete(bytes)? else {
            return Ok(None);
        };
        let value = Reader::new(&bytes[..length]).value();
        Ok(Some((value, length)))
    }

    /// The length of the next value, if it is whole; then the one behind it is next.
    pub fn complete(&mut self, bytes: &[u8]) -> Result<Option<usize>, Fault> {
        // Of what is longer than a value may be nothing is looked at.
        let seen = &bytes[..bytes.len().min(self.bounds.bytes_max)];
        while self.lacking != [0] {
            let goes_on = match self.blob {
                Some((text, end)) => self.pass_blob(seen, text, end)?,
                None => self.pass_line(seen)?,
            };
            if !goes_on && seen.len() == self.bounds.bytes_max {
                return Err(Fault::TooLong(self.bounds.bytes_max));
            }
            if !goes_on {
                return Ok(None);
            }
        }
        let length = self.at;
        (self.at, self.elements) = (0, 0);
        self.lacking[0] = 1;
        Ok(Some(length))
    }

    /// Takes up the line at the place where it is, if it is whole.
    fn pass_line(&mut self, bytes: &[u8]) -> Result<bool, Fault> {
        let line = bytes.get(self.at..).unwrap_or_default();
        let Some((head, length)) = Head::parse(line, &mut self.searched)? else {
            return Ok(false);
        };
        let behind = self.at + length;
        match head {
            Head::Whole(byte, text) => {
                head::scalar(byte, text)?;
                self.found();
            }
            Head::Bytes(Text::Verbatim, ..FORMAT_BYTES) => return Err(NO_FORMAT),
            Head::Bytes(text, length) => {
                let end = behind.saturating_add(length);
                if end.saturating_add(END.len()) > self.bounds.bytes_max {
                    return Err(Fault::TooLong(self.bounds.bytes_max));
                }
                self.blob = Some((text, end));
            }
            Head::Values(kind, count) => self.open(kind, count)?,
        }
        (self.at, self.searched) = (behind, 0);
        Ok(true)
    }

    /// Takes up the blob at the place where it is, if it is whole.
    fn pass_blob(&mut self, bytes: &[u8], text: Text, end: usize) -> Result<bool, Fault> {
        let behind = end + END.len();
        let Some(tail) = bytes.get(end..behind) else {
            return Ok(false);
        };
        if tail != END {
            return Err(Fault::Form("a blob is as long as it says, and then CR LF"));
        }
        if text == Text::Verbatim && bytes[self.at + FORMAT_BYTES - 1] != b':' {
            return Err(NO_FORMAT);
        }
        (self.at, self.blob) = (behind, None);
        self.found();
        Ok(true)
    }

    /// An aggregate begins.
    fn open(&mut self, kind: Kind, count: usize) -> Result<(), Fault> {
        let (depth, elements) = (self.lacking.len(), self.elements.saturating_add(count));
        if elements > self.bounds.elements_max {
            return Err(Fault::TooMany(self.bounds.elements_max));
        }
        if kind == Kind::Push && depth > 1 {
            return Err(Fault::Form("a push is in no other value"));
        }
        if kind != Kind::Attribute && depth > self.bounds.depth_max {
            return Err(Fault::TooDeep(self.bounds.depth_max));
        }
        self.elements = elements;
        if kind == Kind::Attribute {
            // The value that it is said of is still to come.
            *self.innermost() += count;
            return Ok(());
        }
        self.lacking.push(count + 1);
        self.found();
        Ok(())
    }

    /// A value is whole, and perhaps what it is in.
    fn found(&mut self) {
        *self.innermost() -= 1;
        while self.lacking.len() > 1 && *self.innermost() == 0 {
            self.lacking.pop();
            *self.innermost() -= 1;
        }
    }

    fn innermost(&mut self) -> &mut usize {
        let innermost = self.lacking.last_mut();
        innermost.expect("the value itself is never taken from the list")
    }
}
