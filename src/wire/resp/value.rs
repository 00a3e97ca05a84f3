//! A value that a server has sent, and what a client can take it for. Its bytes are those that were read.

use std::fmt;

use super::number;

/// A value of RESP3, or of RESP2.
#[derive(Clone, PartialEq)]
pub enum Value<'a> {
    /// Any bytes.
    Blob(&'a [u8]),
    /// Bytes without a line end, as `OK`.
    Simple(&'a [u8]),
    /// What went wrong, long or short: a code in capitals, a blank, a sentence.
    Error(&'a [u8]),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Double(f64),
    /// Yes or no.
    Boolean(bool),
    /// Nothing.
    Null,
    /// A whole number of more than 64 bits, in decimal digits.
    BigNumber(&'a [u8]),
    /// Text to be shown as it is, without its format.
    Verbatim(&'a [u8]),
    /// Elements, in their order.
    Array(Vec<Value<'a>>),
    /// Keys and what they stand for, in the order in which they came.
    Map(Vec<(Value<'a>, Value<'a>)>),
    /// Elements, in no order.
    Set(Vec<Value<'a>>),
    /// What is no reply, and says first what it is.
    Push(Vec<Value<'a>>),
}

impl<'a> Value<'a> {
    /// The bytes of whatever is bytes and no error.
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        match *self {
            Value::Blob(bytes)
            | Value::Simple(bytes)
            | Value::Verbatim(bytes)
            | Value::BigNumber(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The same, if it is text.
    pub fn as_str(&self) -> Option<&'a str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    /// A whole number, also one that was kept as text.
    pub fn as_integer(&self) -> Option<i64> {
        match *self {
            Value::Integer(number) => Some(number),
            _ => number::integer(self.as_bytes()?),
        }
    }

    /// A number, also one that is whole, or was kept as text.
    pub fn as_double(&self) -> Option<f64> {
        match *self {
            Value::Double(number) => Some(number),
            Value::Integer(number) => Some(number as f64),
            _ => number::double(self.as_bytes()?),
        }
    }

    /// Yes or no, also as the numbers 1 and 0.
    pub fn as_boolean(&self) -> Option<bool> {
        match *self {
            Value::Boolean(is) => Some(is),
            Value::Integer(0) => Some(false),
            Value::Integer(1) => Some(true),
            _ => None,
        }
    }

    /// Whether it is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The elements of an array or a set.
    pub fn as_array(&self) -> Option<&[Value<'a>]> {
        match self {
            Value::Array(elements) | Value::Set(elements) => Some(elements),
            _ => None,
        }
    }

    /// The keys of a map, and what they stand for.
    pub fn as_map(&self) -> Option<&[(Value<'a>, Value<'a>)]> {
        match self {
            Value::Map(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// What is no reply: what it is, and what it says.
    pub fn as_push(&self) -> Option<&[Value<'a>]> {
        match self {
            Value::Push(elements) => Some(elements),
            _ => None,
        }
    }

    /// The pairs of a map, or of an array of keys with a value behind each, which is how the fields of a stream come.
    pub fn pairs(&self) -> Option<Pairs<'_, 'a>> {
        match self {
            Value::Map(pairs) => Some(Pairs::Map(pairs.iter())),
            Value::Array(elements) if elements.len() % 2 == 0 => {
                Some(Pairs::Array(elements.chunks_exact(2)))
            }
            _ => None,
        }
    }

    /// What the first of its keys that is so stands for.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        let mut pairs = self.pairs()?;
        let found = pairs.find(|(name, _)| name.as_bytes() == Some(key.as_bytes()));
        found.map(|(_, value)| value)
    }

    /// What went wrong, whole.
    pub fn as_error(&self) -> Option<&'a [u8]> {
        match *self {
            Value::Error(text) => Some(text),
            _ => None,
        }
    }

    /// The code of what went wrong: `NOSCRIPT`, `LOADING`, `ERR` and others.
    pub fn error_code(&self) -> Option<&'a [u8]> {
        self.as_error()?.split(|&byte| byte == b' ').next()
    }
}

/// Shows bytes as text, since most are.
impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = |name, bytes: &[u8]| write!(f, "{name}(\"{}\")", bytes.escape_ascii());
        match self {
            Value::Blob(bytes) => text("Blob", bytes),
            Value::Simple(bytes) => text("Simple", bytes),
            Value::Error(bytes) => text("Error", bytes),
            Value::BigNumber(bytes) => text("BigNumber", bytes),
            Value::Verbatim(bytes) => text("Verbatim", bytes),
            Value::Integer(number) => f.debug_tuple("Integer").field(number).finish(),
            Value::Double(number) => f.debug_tuple("Double").field(number).finish(),
            Value::Boolean(is) => f.debug_tuple("Boolean").field(is).finish(),
            Value::Null => f.write_str("Null"),
            Value::Array(elements) => f.debug_tuple("Array").field(elements).finish(),
            Value::Map(pairs) => f.debug_tuple("Map").field(pairs).finish(),
            Value::Set(elements) => f.debug_tuple("Set").field(elements).finish(),
            Value::Push(elements) => f.debug_tuple("Push").field(elements).finish(),
        }
    }
}

/// Keys, and what they stand for.
#[derive(Clone, Debug)]
pub enum Pairs<'v, 'a> {
    /// Of a map.
    Map(std::slice::Iter<'v, (Value<'a>, Value<'a>)>),
    /// Of an array.
    Array(std::slice::ChunksExact<'v, Value<'a>>),
}

impl<'v, 'a> Iterator for Pairs<'v, 'a> {
    type Item = (&'v Value<'a>, &'v Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Pairs::Map(pairs) => pairs.next().map(|(key, value)| (key, value)),
            Pairs::Array(twos) => twos.next().map(|two| (&two[0], &two[1])),
        }
    }
}
