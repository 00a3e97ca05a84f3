//! One upgrade handshake from the client's side (RFC 6455 §4.1): the key it sent, and the answer it will take. Where a
//! stream of events is asked for there is no key, and the answer is another.

use crate::measure::clock::Micros;
use tungstenite::handshake::client::generate_key;
use tungstenite::handshake::derive_accept_key;

use crate::client::failure::Failure;
use crate::target::answer::Head;
use crate::target::way::Way;

/// A handshake under way.
#[derive(Debug)]
pub struct Upgrade {
    /// The `Sec-WebSocket-Key` it sends, random for each connection.
    pub key: String,
    /// When it called `connect`.
    pub started: Micros,
    /// Whether the request was sent.
    pub requested: bool,
}

impl Upgrade {
    /// A handshake that starts at `started`.
    pub fn new(started: Micros) -> Upgrade {
        Upgrade {
            key: generate_key(),
            started,
            requested: false,
        }
    }

    /// The bytes that a correct answer takes, or `None` while it is not complete.
    pub fn check(&self, bytes: &[u8], way: Way) -> Result<Option<usize>, Failure> {
        let Some(head) = Head::parse(bytes)? else {
            return Ok(None);
        };
        let (status, check): (_, fn(&Upgrade, &Head<'_>) -> _) = match way {
            Way::WebSocket => (101, Upgrade::check_frames),
            Way::Events => (200, Upgrade::check_events),
        };
        if head.status != status {
            return Err(Failure::Status(head.status));
        }
        check(self, &head)?;
        Ok(Some(head.length))
    }

    fn check_frames(&self, head: &Head<'_>) -> Result<(), Failure> {
        let names = |name: &str, token: &str| {
            head.value(name).is_some_and(|list| {
                list.split(|&byte| byte == b',')
                    .any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
            })
        };
        let offered_nothing = head.value("Sec-WebSocket-Extensions").is_none()
            && head.value("Sec-WebSocket-Protocol").is_none();
        if !names("Upgrade", "websocket") || !names("Connection", "upgrade") || !offered_nothing {
            return Err(Failure::BadResponse);
        }
        let accept = head.value("Sec-WebSocket-Accept");
        if accept != Some(derive_accept_key(self.key.as_bytes()).as_bytes()) {
            return Err(Failure::BadAccept);
        }
        Ok(())
    }

    /// The end of a stream is that of its connection, so it must have no length.
    fn check_events(&self, head: &Head<'_>) -> Result<(), Failure> {
        let is_endless =
            head.value("Content-Length").is_none() && head.value("Transfer-Encoding").is_none();
        match head.value("Content-Type") == Some(b"text/event-stream") && is_endless {
            true => Ok(()),
            false => Err(Failure::BadResponse),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The handshake of RFC 6455 §1.3.
    fn sample() -> Upgrade {
        Upgrade {
            key: "dGhlIHNhbXBsZSBub25jZQ==".to_owned(),
            started: Micros(0),
            requested: true,
        }
    }

    const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                          Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    #[test]
    fn the_answer_is_taken_once_its_last_byte_is_there() {
        for cut in 0..ANSWER.len() {
            assert_eq!(
                sample().check(&ANSWER.as_bytes()[..cut], Way::WebSocket),
                Ok(None)
            );
        }
        let with_frame = format!("{ANSWER}\u{1}");
        assert_eq!(
            sample().check(with_frame.as_bytes(), Way::WebSocket),
            Ok(Some(ANSWER.len()))
        );
    }

    #[test]
    fn another_status_is_reported_as_it_is() {
        let full = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\r\n";
        assert_eq!(
            sample().check(full, Way::WebSocket),
            Err(Failure::Status(503))
        );
    }

    #[test]
    fn a_wrong_accept_is_told_from_a_broken_response() {
        let check = |answer: String| sample().check(answer.as_bytes(), Way::WebSocket);
        assert_eq!(check(ANSWER.replace("s3p", "S3p")), Err(Failure::BadAccept));
        let silent = ANSWER.replace("Upgrade: websocket\r\n", "");
        assert_eq!(check(silent), Err(Failure::BadResponse));
        assert_eq!(check("SSH-2.0-x\r\n\r\n".into()), Err(Failure::BadResponse));
    }

    #[test]
    fn an_extension_that_was_not_offered_is_refused() {
        let answer = ANSWER.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: x\r\n\r\n");
        assert_eq!(
            sample().check(answer.as_bytes(), Way::WebSocket),
            Err(Failure::BadResponse)
        );
    }

    #[test]
    fn a_stream_of_events_has_its_type_and_no_length() {
        let check = |answer: &str| sample().check(answer.as_bytes(), Way::Events);
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        assert_eq!(check(answer), Ok(Some(answer.len())));
        assert_eq!(check(ANSWER), Err(Failure::Status(101)));
        for (part, wrong) in [
            ("event-stream", "plain"),
            ("\r\n\r\n", "\r\nContent-Length: 9\r\n\r\n"),
        ] {
            let answer = answer.replace(part, wrong);
            assert_eq!(check(&answer), Err(Failure::BadResponse));
        }
    }
}
