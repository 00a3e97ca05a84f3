//! The answer to an HTTP request: its status and its body, once all of it is there.
//!
//! A body must have a `Content-Length`; the servers under test send no other to a request as short as ours.

use std::io::{self, Read};

use httparse::{EMPTY_HEADER, Header, Response, Status};

/// Headers of an answer; more are a bad response.
const HEADERS_MAX: usize = 32;

/// Bytes of an answer's head; more are a bad response.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Bytes that one answer's body may take. `/metrics` is the longest.
pub const ANSWER_BYTES_MAX: usize = 1 << 20;

/// What a read goes into: many short answers fit.
const READ_BYTES: usize = 16 << 10;

/// The head of an answer.
#[derive(Debug)]
pub struct Head<'a> {
    /// Its status.
    pub status: u16,
    /// Bytes that it takes.
    pub length: usize,
    headers: Vec<Header<'a>>,
}

/// One whole answer, still in the buffer that it was read into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: &'a [u8],
    /// Bytes that it takes altogether.
    pub length: usize,
}

impl<'a> Head<'a> {
    /// The head that starts `bytes`, or `None` while it is not complete.
    pub fn parse(bytes: &'a [u8]) -> io::Result<Option<Head<'a>>> {
        let mut headers = [EMPTY_HEADER; HEADERS_MAX];
        let mut response = Response::new(&mut headers);
        match response.parse(bytes) {
            Ok(Status::Complete(length)) => Ok(Some(Head {
                status: response.code.ok_or_else(malformed)?,
                length,
                headers: response.headers.to_vec(),
            })),
            Ok(Status::Partial) if bytes.len() < HEAD_BYTES_MAX => Ok(None),
            _ => Err(malformed()),
        }
    }

    /// The value of the first header of that name.
    pub fn value(&self, name: &str) -> Option<&'a [u8]> {
        let mut headers = self.headers.iter();
        let found = headers.find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| header.value)
    }
}

/// The first answer in `bytes`, or `None` while it is not complete.
pub fn parse(bytes: &[u8]) -> io::Result<Option<Answer<'_>>> {
    let Some(head) = Head::parse(bytes)? else {
        return Ok(None);
    };
    let length = match head.status {
        204 | 304 => 0,
        _ => head
            .value("Content-Length")
            .and_then(|value| std::str::from_utf8(value).ok())
            .and_then(|value| value.trim().parse::<usize>().ok())
            .filter(|&length| length <= ANSWER_BYTES_MAX)
            .ok_or_else(malformed)?,
    };
    let (status, length) = (head.status, head.length + length);
    let body = bytes.get(head.length..length);
    Ok(body.map(|body| Answer {
        status,
        body,
        length,
    }))
}

/// Appends what one read of `socket` gives to `input`, and says how many bytes that were.
pub fn read(socket: &mut impl Read, input: &mut Vec<u8>) -> io::Result<usize> {
    let kept = input.len();
    input.resize(kept + READ_BYTES, 0);
    let got = socket.read(&mut input[kept..]);
    input.truncate(kept + *got.as_ref().unwrap_or(&0));
    got
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "bad response")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 202 Accepted\r\ncontent-length: 15\r\n\r\n{\"receivers\":7}";

    #[test]
    fn an_answer_is_read_once_its_body_is_whole() {
        for cut in 0..ANSWER.len() {
            assert_eq!(parse(&ANSWER[..cut]).unwrap(), None, "at {cut}");
        }
        let two = [ANSWER, ANSWER].concat();
        let answer = parse(&two).unwrap().unwrap();
        assert_eq!((answer.status, answer.length), (202, ANSWER.len()));
        assert_eq!(answer.body, b"{\"receivers\":7}");
    }

    #[test]
    fn an_answer_without_content_needs_no_length() {
        let answer = b"HTTP/1.1 204 No Content\r\n\r\nHTTP";
        assert_eq!(parse(answer).unwrap().unwrap().length, answer.len() - 4);
    }

    #[test]
    fn an_answer_without_a_length_is_refused() {
        let answer = b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(parse(answer).unwrap_err().to_string(), "bad response");
    }
}
