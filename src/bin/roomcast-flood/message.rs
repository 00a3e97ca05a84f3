//! The message that a run publishes, and what the clients read: stamped payloads there, envelopes here.
//!
//! A delivery is read in full by [`read`]; [`find_seq`] is the short cut for the many copies of a message whose first
//! copy was read already.

use std::borrow::Cow;
use std::io::Write;

use serde::Deserialize;
use serde_json::value::RawValue;

/// The type of every message that a run publishes.
const TYPE: &str = "flood:message";

/// The smallest payload, in bytes, that has room for every stamp.
pub const SIZE_MIN: usize = 70;

const SEQ: &[u8] = b"\"seq\":";

/// What tells one published message from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The run it belongs to.
    pub run: u32,
    /// Counts the messages of the run, from 0.
    pub seq: u32,
    /// When it was meant to be sent, in microseconds on the run's clock.
    pub at_us: u64,
}

/// What a client read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The greeting that comes first.
    Greeting,
    /// So many messages were dropped for this client.
    Lagged(u64),
    /// A message of this run, whole.
    Ours(Stamp),
    /// A message of somebody else.
    Other,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    payload: &'a RawValue,
    #[serde(borrow, rename = "timestamp")]
    _timestamp: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Lagged {
    missed: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Padded<'a> {
    run: u32,
    seq: u32,
    at: u64,
    #[serde(borrow)]
    pad: Cow<'a, str>,
}

/// Appends the body of a publish request whose payload has exactly `size` bytes, at least [`SIZE_MIN`].
pub fn write(out: &mut Vec<u8>, stamp: Stamp, size: usize) {
    let head = head(stamp);
    write!(out, "{{\"type\":\"{TYPE}\",\"payload\":{head}")
        .expect("writing to a Vec cannot fail, it only grows");
    out.resize(out.len() + pad_bytes(&head, size), b'x');
    out.extend_from_slice(b"\"}}");
}

/// The payload up to its padding.
fn head(stamp: Stamp) -> String {
    let Stamp { run, seq, at_us } = stamp;
    format!("{{\"run\":{run},\"seq\":{seq},\"at\":{at_us},\"pad\":\"")
}

fn pad_bytes(head: &str, size: usize) -> usize {
    size.saturating_sub(head.len() + "\"}".len())
}

/// Reads a delivery in full; `None` if it is not what a server that got our messages could send.
pub fn read(text: &[u8], run: u32, size: usize) -> Option<Reading> {
    let envelope: Envelope<'_> = serde_json::from_slice(text).ok()?;
    let payload = envelope.payload.get();
    match envelope.kind.as_ref() {
        "connection:status" => Some(Reading::Greeting),
        "connection:lagged" => {
            let lagged: Lagged = serde_json::from_str(payload).ok()?;
            Some(Reading::Lagged(lagged.missed))
        }
        TYPE => {
            let padded: Padded<'_> = serde_json::from_str(payload).ok()?;
            if padded.run != run {
                return Some(Reading::Other);
            }
            let stamp = Stamp {
                run,
                seq: padded.seq,
                at_us: padded.at,
            };
            let whole = padded.pad.len() == pad_bytes(&head(stamp), size)
                && padded.pad.bytes().all(|byte| byte == b'x');
            whole.then_some(Reading::Ours(stamp))
        }
        _ => Some(Reading::Other),
    }
}

/// The sequence number in `text`, looked for at `hint` first, which is where the last one was.
pub fn find_seq(text: &[u8], hint: &mut usize) -> Option<u32> {
    let at_hint = text.get(*hint..).is_some_and(|rest| rest.starts_with(SEQ));
    if !at_hint {
        *hint = text.windows(SEQ.len()).position(|window| window == SEQ)?;
    }
    let digits = &text[*hint + SEQ.len()..];
    let length = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let number = std::str::from_utf8(&digits[..length]).ok()?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp {
        run: 7,
        seq: 42,
        at_us: 1_234_567,
    };

    /// What a server makes of a published body.
    fn delivered(stamp: Stamp, size: usize) -> String {
        let mut body = Vec::new();
        write(&mut body, stamp, size);
        let body = String::from_utf8(body).unwrap();
        let open = body.strip_suffix('}').unwrap();
        format!("{open},\"timestamp\":\"2023-11-14T22:13:20.007Z\"}}")
    }

    #[test]
    fn the_payload_has_the_size_that_was_asked_for() {
        let largest = Stamp {
            run: u32::MAX,
            seq: u32::MAX,
            at_us: u64::MAX,
        };
        for size in [SIZE_MIN, 128, 4096] {
            for stamp in [STAMP, largest] {
                let mut body = Vec::new();
                write(&mut body, stamp, size);
                let envelope = format!("{{\"type\":\"{TYPE}\",\"payload\":}}");
                assert_eq!(body.len() - envelope.len(), size);
                serde_json::from_slice::<serde_json::Value>(&body).unwrap();
            }
        }
    }

    #[test]
    fn a_delivery_reads_back_as_its_stamp() {
        let text = delivered(STAMP, 128);
        assert_eq!(read(text.as_bytes(), 7, 128), Some(Reading::Ours(STAMP)));
        assert_eq!(read(text.as_bytes(), 8, 128), Some(Reading::Other));
    }

    #[test]
    fn fields_in_another_order_read_the_same() {
        let text = r#"{"payload":{"at":5,"pad":"","run":7,"seq":3},"timestamp":"t","type":"flood:message"}"#;
        let stamp = Stamp {
            run: 7,
            seq: 3,
            at_us: 5,
        };
        assert_eq!(read(text.as_bytes(), 7, 0), Some(Reading::Ours(stamp)));
        assert_eq!(find_seq(text.as_bytes(), &mut 0), Some(3));
    }

    #[test]
    fn a_damaged_or_shortened_delivery_is_none() {
        let text = delivered(STAMP, 128);
        for cut in 0..text.len() {
            assert_eq!(read(&text.as_bytes()[..cut], 7, 128), None);
        }
        assert_eq!(read(text.replacen("xx", "xy", 1).as_bytes(), 7, 128), None);
        assert_eq!(read(text.replacen("xx", "x", 1).as_bytes(), 7, 128), None);
        assert_eq!(
            read(text.replace("timestamp", "when").as_bytes(), 7, 128),
            None
        );
    }

    #[test]
    fn greetings_notices_and_strangers_are_told_apart() {
        let reading = |kind: &str, payload: &str| {
            let text = format!(r#"{{"type":"{kind}","payload":{payload},"timestamp":"t"}}"#);
            read(text.as_bytes(), 7, 128)
        };
        let greeting = reading("connection:status", r#"{"status":"connected"}"#);
        assert_eq!(greeting, Some(Reading::Greeting));
        let lagged = reading("connection:lagged", r#"{"missed":12}"#);
        assert_eq!(lagged, Some(Reading::Lagged(12)));
        assert_eq!(reading("connection:lagged", "{}"), None);
        assert_eq!(
            reading("chat:message", r#"{"seq":1}"#),
            Some(Reading::Other)
        );
    }

    #[test]
    fn the_sequence_number_is_found_with_and_without_the_hint() {
        let text = delivered(STAMP, 128);
        let mut hint = 0;
        assert_eq!(find_seq(text.as_bytes(), &mut hint), Some(42));
        let found = hint;
        assert_eq!(find_seq(text.as_bytes(), &mut hint), Some(42));
        assert_eq!(hint, found);
        let shifted = text.replace("\"run\":7", "\"run\":77777");
        assert_eq!(find_seq(shifted.as_bytes(), &mut hint), Some(42));
        assert_eq!(find_seq(b"{}", &mut hint), None);
        assert_eq!(find_seq(b"{\"seq\":", &mut 0), None);
        assert_eq!(find_seq(b"{\"seq\":99999999999}", &mut 0), None);
    }
}
