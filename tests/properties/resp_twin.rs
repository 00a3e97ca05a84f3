//! RESP3 the slow, obvious way: the whole stream is read from its front again whenever more has come, by a function that
//! calls itself; and values are written.

use roomcast::wire::resp::{Bounds, Fault, Value};

/// The value at the front, and how long it is; `None` while it is not whole. Of a [`Fault::Form`] the text is left out.
pub fn read<'a>(bytes: &'a [u8], bounds: &Bounds) -> Result<Option<(Value<'a>, usize)>, Fault> {
    let mut twin = Twin {
        bytes: &bytes[..bytes.len().min(bounds.bytes_max)],
        at: 0,
        elements: 0,
        bounds: *bounds,
    };
    match twin.value(0) {
        Ok(value) => Ok(Some((value, twin.at))),
        Err(Stop::Fault(fault)) => Err(fault),
        Err(Stop::More) if bytes.len() >= bounds.bytes_max => Err(Fault::TooLong(bounds.bytes_max)),
        Err(Stop::More) => Ok(None),
    }
}

/// All the values of a stream, as text, since what is no number equals nothing; and the fault that ends it.
pub fn seen(mut stream: &[u8], bounds: Bounds) -> (Vec<String>, Option<Fault>) {
    let mut seen = Vec::new();
    while !stream.is_empty() {
        match read(stream, &bounds) {
            Ok(Some((value, length))) => {
                seen.push(format!("{value:?}"));
                stream = &stream[length..];
            }
            Ok(None) => break,
            Err(fault) => return (seen, Some(fault)),
        }
    }
    (seen, None)
}

/// A fault as the twin tells it.
pub fn plain(fault: Fault) -> Fault {
    match fault {
        Fault::Form(_) => FORM,
        other => other,
    }
}

const FORM: Fault = Fault::Form("");

enum Stop {
    More,
    Fault(Fault),
}

struct Twin<'a> {
    bytes: &'a [u8],
    at: usize,
    elements: u128,
    bounds: Bounds,
}

impl<'a> Twin<'a> {
    fn value(&mut self, depth: usize) -> Result<Value<'a>, Stop> {
        let first = *self.bytes.get(self.at).ok_or(Stop::More)?;
        if !b"$*:+-%~>_,#!=(|".contains(&first) {
            return Err(Stop::Fault(Fault::Type(first)));
        }
        let text = &self.line()?[1..];
        let digits = std::str::from_utf8(text).unwrap_or("no text");
        match first {
            b'+' => Ok(Value::Simple(text)),
            b'-' => Ok(Value::Error(text)),
            b'_' if text.is_empty() => Ok(Value::Null),
            b'#' if text == b"t" => Ok(Value::Boolean(true)),
            b'#' if text == b"f" => Ok(Value::Boolean(false)),
            b':' => digits.parse().map(Value::Integer).map_err(|_| wrong()),
            b',' => digits.parse().map(Value::Double).map_err(|_| wrong()),
            b'(' => {
                let number = digits.strip_prefix(['+', '-']).unwrap_or(digits);
                let is_number = !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit());
                is_number
                    .then_some(Value::BigNumber(text))
                    .ok_or_else(wrong)
            }
            b'$' | b'*' if text == b"-1" => Ok(Value::Null),
            b'$' => self.blob(digits, 0).map(Value::Blob),
            b'!' => self.blob(digits, 0).map(Value::Error),
            b'=' => {
                let text = self.blob(digits, 4)?;
                let is_formatted = text[3] == b':';
                is_formatted
                    .then_some(Value::Verbatim(&text[4..]))
                    .ok_or_else(wrong)
            }
            b'*' => self.values(digits, 1, depth, true).map(Value::Array),
            b'~' => self.values(digits, 1, depth, true).map(Value::Set),
            b'>' => self.values(digits, 1, depth, depth == 0).map(Value::Push),
            b'%' => {
                let mut flat = self.values(digits, 2, depth, true)?.into_iter();
                let mut pairs = Vec::new();
                while let (Some(key), Some(value)) = (flat.next(), flat.next()) {
                    pairs.push((key, value));
                }
                Ok(Value::Map(pairs))
            }
            b'|' => {
                for _ in 0..self.announced(digits, 2)? {
                    self.value(depth)?;
                }
                self.value(depth)
            }
            _ => Err(wrong()),
        }
    }

    fn values(
        &mut self,
        digits: &str,
        each: u128,
        depth: usize,
        may: bool,
    ) -> Result<Vec<Value<'a>>, Stop> {
        let count = self.announced(digits, each)?;
        if !may {
            return Err(wrong());
        }
        if depth >= self.bounds.depth_max {
            return Err(Stop::Fault(Fault::TooDeep(self.bounds.depth_max)));
        }
        (0..count).map(|_| self.value(depth + 1)).collect()
    }

    fn announced(&mut self, digits: &str, each: u128) -> Result<u128, Stop> {
        let count = length(digits)?.saturating_mul(each);
        self.elements = self.elements.saturating_add(count);
        if self.elements > self.bounds.elements_max as u128 {
            return Err(Stop::Fault(Fault::TooMany(self.bounds.elements_max)));
        }
        Ok(count)
    }

    fn blob(&mut self, digits: &str, least: u128) -> Result<&'a [u8], Stop> {
        let length = length(digits)?;
        if length < least {
            return Err(wrong());
        }
        let end = length.saturating_add(self.at as u128);
        if end.saturating_add(2) > self.bounds.bytes_max as u128 {
            return Err(Stop::Fault(Fault::TooLong(self.bounds.bytes_max)));
        }
        let (from, to) = (self.at, end as usize);
        let tail = self.bytes.get(to..to + 2).ok_or(Stop::More)?;
        if tail != b"\r\n" {
            return Err(wrong());
        }
        self.at = to + 2;
        Ok(&self.bytes[from..to])
    }

    fn line(&mut self) -> Result<&'a [u8], Stop> {
        let from = self.at;
        for at in from..self.bytes.len() {
            match (self.bytes[at], self.bytes.get(at + 1)) {
                (b'\r', Some(b'\n')) => {
                    self.at = at + 2;
                    return Ok(&self.bytes[from..at]);
                }
                (b'\r', None) => return Err(Stop::More),
                (b'\r' | b'\n', _) => return Err(wrong()),
                _ => {}
            }
        }
        Err(Stop::More)
    }
}

/// A length; what is too long for a number of 128 bits is as long as such a number can say.
fn length(digits: &str) -> Result<u128, Stop> {
    if digits.is_empty() || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return Err(wrong());
    }
    Ok(digits.parse().unwrap_or(u128::MAX))
}

fn wrong() -> Stop {
    Stop::Fault(FORM)
}

/// Writes a value as a server does, with what RESP3 has for it.
pub fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Blob(bytes) => blob(out, '$', bytes),
        Value::Verbatim(text) => blob(out, '=', &[b"txt:", *text].concat()),
        Value::Error(text) if text.iter().any(|byte| b"\r\n".contains(byte)) => {
            blob(out, '!', text)
        }
        Value::Simple(text) => line(out, '+', text),
        Value::Error(text) => line(out, '-', text),
        Value::BigNumber(digits) => line(out, '(', digits),
        Value::Integer(number) => line(out, ':', number.to_string().as_bytes()),
        Value::Double(number) => line(out, ',', number.to_string().as_bytes()),
        Value::Boolean(is) => line(out, '#', if *is { b"t" } else { b"f" }),
        Value::Null => line(out, '_', b""),
        Value::Array(elements) => values(out, '*', elements),
        Value::Set(elements) => values(out, '~', elements),
        Value::Push(elements) => values(out, '>', elements),
        Value::Map(pairs) => {
            line(out, '%', pairs.len().to_string().as_bytes());
            for (key, value) in pairs {
                write(key, out);
                write(value, out);
            }
        }
    }
}

fn values(out: &mut Vec<u8>, first: char, elements: &[Value]) {
    line(out, first, elements.len().to_string().as_bytes());
    elements.iter().for_each(|element| write(element, out));
}

fn blob(out: &mut Vec<u8>, first: char, bytes: &[u8]) {
    line(out, first, bytes.len().to_string().as_bytes());
    out.extend([bytes, b"\r\n"].concat());
}

fn line(out: &mut Vec<u8>, first: char, text: &[u8]) {
    out.push(first as u8);
    out.extend([text, b"\r\n"].concat());
}
