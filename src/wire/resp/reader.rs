//! Builds a value of bytes that a scanner has found whole.

use super::head::{self, END, FORMAT_BYTES, Head, Kind, Text};
use super::value::Value;

/// Bytes that are whole values, and have been held against the bounds.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Of the bytes of whole values.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// The next value, without what is said of it.
    pub fn value(&mut self) -> Value<'a> {
        let mut attributes = 0;
        loop {
            let value = match self.head() {
                Head::Whole(byte, text) => {
                    let value = head::scalar(byte, text);
                    value.expect("a scanner has read each of them")
                }
                Head::Bytes(text, length) => self.text(text, length),
                Head::Values(Kind::Attribute, count) => {
                    attributes += count;
                    continue;
                }
                Head::Values(kind, count) => self.aggregate(kind, count),
            };
            if attributes == 0 {
                return value;
            }
            attributes -= 1;
        }
    }

    fn aggregate(&mut self, kind: Kind, count: usize) -> Value<'a> {
        match kind {
            Kind::Array => Value::Array(self.values(count)),
            Kind::Set => Value::Set(self.values(count)),
            Kind::Push => Value::Push(self.values(count)),
            Kind::Map | Kind::Attribute => {
                let pairs = (0..count / 2).map(|_| (self.value(), self.value()));
                Value::Map(pairs.collect())
            }
        }
    }

    fn values(&mut self, count: usize) -> Vec<Value<'a>> {
        (0..count).map(|_| self.value()).collect()
    }

    fn text(&mut self, text: Text, length: usize) -> Value<'a> {
        let bytes = &self.rest[..length];
        self.rest = &self.rest[length + END.len()..];
        match text {
            Text::Blob => Value::Blob(bytes),
            Text::Error => Value::Error(bytes),
            Text::Verbatim => Value::Verbatim(&bytes[FORMAT_BYTES..]),
        }
    }

    fn head(&mut self) -> Head<'a> {
        let head = Head::parse(self.rest, &mut 0);
        let (head, length) = head
            .ok()
            .flatten()
            .expect("a scanner has taken each line apart");
        self.rest = &self.rest[length..];
        head
    }
}
