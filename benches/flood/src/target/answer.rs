//! The answer to an HTTP request: its status and its body, once all of it is there.
//!
//! A body must have a `Content-Length`; the servers under test send no other to a request as short as ours.

use std::io;

/// Headers of an answer; more are a bad response.
const HEADERS_MAX: usize = 32;

/// Bytes that one answer may take. `/metrics` is the longest.
pub const ANSWER_BYTES_MAX: usize = 1 << 20;

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

/// The first answer in `bytes`, or `None` while it is not complete.
pub fn parse(bytes: &[u8]) -> io::Result<Option<Answer<'_>>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    if bytes.is_empty() {
        return Ok(None);
    }
    let parsed = response.parse(bytes).map_err(|_| malformed())?;
    let httparse::Status::Complete(head) = parsed else {
        return match bytes.len() {
            0..ANSWER_BYTES_MAX => Ok(None),
            _ => Err(malformed()),
        };
    };
    let status = response.code.ok_or_else(malformed)?;
    let mut headers = response.headers.iter();
    let length = match status {
        204 | 304 => 0,
        _ => headers
            .find(|header| header.name.eq_ignore_ascii_case("Content-Length"))
            .and_then(|header| std::str::from_utf8(header.value).ok())
            .and_then(|value| value.trim().parse::<usize>().ok())
            .filter(|&length| length <= ANSWER_BYTES_MAX)
            .ok_or_else(malformed)?,
    };
    let length = head + length;
    Ok(bytes.get(head..length).map(|body| Answer {
        status,
        body,
        length,
    }))
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
