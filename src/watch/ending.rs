//! How a connection ends, and whether another may follow: for each close code, HTTP status and error one sentence.
//!
//! What only time can change is tried again. What the person at the keyboard has to change is final, and says how.

use std::io;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use tungstenite::Error;
use tungstenite::error::ProtocolError;
use tungstenite::handshake::client::Response;
use tungstenite::http::header::{LOCATION, RETRY_AFTER};
use tungstenite::protocol::CloseFrame;

use super::line::excerpt;
use super::target::WITHOUT_TLS;

/// Why a connection is no more, or never was.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Everything that was wanted is there.
    Done,
    /// It would be the same another time.
    Final(String),
    /// Another may be tried.
    Again {
        /// What happened.
        why: String,
        /// How long the server asked to wait.
        least: Duration,
        /// Whether all clients have been sent away together.
        everybody: bool,
    },
}

impl Ending {
    /// Another may be tried, and the server has said nothing about when.
    pub fn again(why: impl Into<String>) -> Ending {
        Ending::Again {
            why: why.into(),
            least: Duration::ZERO,
            everybody: false,
        }
    }

    /// The server has closed the connection.
    pub fn closed(frame: Option<&CloseFrame>) -> Ending {
        let Some(frame) = frame else {
            return Ending::again("the server closed the connection without saying why");
        };
        let code = u16::from(frame.code);
        let said = match frame.reason.as_str() {
            "" => String::new(),
            reason => format!(": {}", excerpt(reason)),
        };
        match code {
            1000 => Ending::Done,
            1001 => Ending::Again {
                why: format!("the server is going away (1001{said})"),
                least: Duration::ZERO,
                everybody: true,
            },
            4401 => Ending::Final(format!(
                "the server does not accept the player (4401{said}): give --player and --token as the room gave them"
            )),
            4403 => Ending::Final(format!("the player was put out of the room (4403{said})")),
            4404 => Ending::Final(format!("there is no such room (4404{said})")),
            4409 => Ending::Final(format!(
                "a newer connection of the same player took the place of this one (4409{said})"
            )),
            _ => Ending::again(format!("the server closed the connection ({code}{said})")),
        }
    }

    /// There is no connection to upgrade.
    pub fn unreachable(error: &io::Error) -> Ending {
        Ending::again(format!("the server cannot be reached: {error}"))
    }

    /// The upgrade has failed.
    pub fn not_upgraded(error: Error) -> Ending {
        match error {
            Error::Http(response) => refused(&response),
            Error::Io(error) => {
                Ending::again(format!("the connection broke before the upgrade: {error}"))
            }
            Error::Protocol(ProtocolError::HandshakeIncomplete) => {
                Ending::again("the server hung up before it answered the upgrade")
            }
            // A server that speaks TLS alone hangs up, or answers with an alert, which is no HTTP.
            Error::Protocol(ProtocolError::HttparseError(error)) => Ending::Final(format!(
                "the server does not answer as a WebSocket server does ({error}); if it speaks TLS, {WITHOUT_TLS}"
            )),
            other => Ending::Final(format!(
                "the server does not answer as a WebSocket server does: {}",
                excerpt(&other.to_string())
            )),
        }
    }

    /// The connection has failed.
    pub fn lost(error: &Error) -> Ending {
        Ending::again(match error {
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
            | Error::ConnectionClosed => "the connection ended without a close frame".to_owned(),
            Error::Io(error) => format!("the connection broke: {error}"),
            other => format!(
                "the server sent what cannot be read: {}",
                excerpt(&other.to_string())
            ),
        })
    }
}

/// The server has answered the upgrade with something else.
fn refused(response: &Response) -> Ending {
    let status = response.status();
    let body = response.body().as_deref().unwrap_or_default();
    let said = message(body).map_or(String::new(), |said| format!(" ({})", excerpt(&said)));
    let why = format!("the server refused with {status}{said}");
    if status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429) {
        return Ending::Again {
            why,
            least: retry_after(response, SystemTime::now()).unwrap_or_default(),
            everybody: false,
        };
    }
    let leads_to = response.headers().get(LOCATION);
    let leads_to_tls = leads_to.is_some_and(|it| {
        let scheme = it.as_bytes().get(..6).map(<[u8]>::to_ascii_lowercase);
        matches!(scheme.as_deref(), Some(b"https:" | b"wss://"))
    });
    if status.is_redirection() && leads_to_tls {
        return Ending::Final(format!("{why}: it leads to TLS, and {WITHOUT_TLS}"));
    }
    let hint = match status.as_u16() {
        200..=299 => ": nothing at this path speaks WebSocket",
        300..=399 => ": redirections are not followed, give the address that it leads to",
        400 => ": the URL or a flag is not what this app takes",
        401 => ": give the right key with --key or ROOMCAST_KEY",
        403 => ": this client, or the host in the URL, is not allowed",
        404 => ": the path is wrong, or what it names is not there",
        426 => ": it wants another version of WebSocket",
        _ => "",
    };
    Ending::Final(why + hint)
}

/// What our own errors say; those of others are not shown.
fn message(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Body {
        error: Inner,
    }
    #[derive(Deserialize)]
    struct Inner {
        message: String,
    }
    let body: Body = serde_json::from_slice(body).ok()?;
    Some(body.error.message)
}

/// Seconds, or a date (RFC 9110 §10.2.3).
fn retry_after(response: &Response, now: SystemTime) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tungstenite::http::Response as Http;

    fn response(status: u16, retry: &str, body: &str) -> Response {
        let mut builder = Http::builder().status(status);
        if !retry.is_empty() {
            builder = builder.header("Retry-After", retry);
        }
        builder.body(Some(body.as_bytes().to_vec())).unwrap()
    }

    fn close(code: u16, reason: &str) -> Ending {
        Ending::closed(Some(&CloseFrame {
            code: code.into(),
            reason: reason.into(),
        }))
    }

    #[test]
    fn a_normal_close_is_the_end_and_private_codes_are_final() {
        assert_eq!(close(1000, ""), Ending::Done);
        for code in [4401, 4403, 4404, 4409] {
            let Ending::Final(why) = close(code, "so\u{1b}") else {
                panic!("{code} is not final");
            };
            assert!(
                why.contains(&code.to_string()) && why.contains(r"so\u{1b}"),
                "{why}"
            );
        }
    }

    #[test]
    fn other_codes_are_tried_again_and_1001_is_for_everybody() {
        for code in [1001, 1002, 1008, 1009, 1011, 1013, 4408, 4999] {
            let Ending::Again { why, everybody, .. } = close(code, "") else {
                panic!("{code} is final");
            };
            assert!(why.contains(&code.to_string()), "{why}");
            assert_eq!(everybody, code == 1001);
        }
        assert!(matches!(Ending::closed(None), Ending::Again { .. }));
    }

    #[test]
    fn a_refusal_that_time_does_not_change_is_final_and_says_what_to_do() {
        let body = r#"{"error":{"code":"unauthorized","message":"no key"}}"#;
        let cases = [
            (200, "speaks WebSocket"),
            (301, "not followed"),
            (400, "flag"),
            (401, "ROOMCAST_KEY"),
            (403, "not allowed"),
            (404, "path"),
            (426, "version"),
            (418, "418"),
        ];
        for (status, word) in cases {
            let Ending::Final(why) = refused(&response(status, "", body)) else {
                panic!("{status} is not final");
            };
            assert!(why.contains(word) && why.contains("no key"), "{why}");
        }
    }

    #[test]
    fn where_tls_is_spoken_it_is_said_what_to_do() {
        let no_http = ProtocolError::HttparseError(httparse::Error::Version);
        let answered_with_an_alert = Ending::not_upgraded(Error::Protocol(no_http));
        let mut moved = response(301, "", "");
        let elsewhere = "HTTPS://hub.example/ws".parse().unwrap();
        moved.headers_mut().insert(LOCATION, elsewhere);
        for ending in [answered_with_an_alert, refused(&moved)] {
            let Ending::Final(why) = ending else {
                panic!("it is tried again");
            };
            assert!(why.contains(WITHOUT_TLS), "{why}");
        }
        let elsewhere = "http://hub.example/ws".parse().unwrap();
        moved.headers_mut().insert(LOCATION, elsewhere);
        assert!(matches!(refused(&moved), Ending::Final(why) if why.contains("not followed")));
    }

    #[test]
    fn a_refusal_that_may_pass_says_when() {
        let cases = [
            (429, "7", 7),
            (503, "0", 0),
            (503, "", 0),
            (502, "soon", 0),
            (503, "Thu, 01 Jan 1970 00:00:00 GMT", 0),
            (503, "99999999999999999999999", u64::MAX),
        ];
        for (status, retry, seconds) in cases {
            let Ending::Again { least, .. } = refused(&response(status, retry, "<html>")) else {
                panic!("{status} is final");
            };
            assert_eq!(least, Duration::from_secs(seconds), "{retry}");
        }
    }

    #[test]
    fn a_date_to_retry_after_is_counted_from_now() {
        let response = response(503, "Thu, 01 Jan 1970 00:01:00 GMT", "");
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(45);
        assert_eq!(retry_after(&response, now), Some(Duration::from_secs(15)));
    }
}
