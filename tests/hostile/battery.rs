//! Fires rows at a server, and checks after each that nothing is left of it and that everybody else is served.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::books::{self, Books};
use crate::ground::{Ground, Stream};
use crate::harness::http::{Frame, Http, UPGRADE, frame, request};
use crate::harness::patience::PATIENCE;
use crate::harness::positions;
use crate::row::{Row, Said, Speech, Step};

/// Rows between two looks at the metrics; the descriptors and, where they can be seen, the bytes are looked at after
/// each.
const GROUP: usize = 200;

/// Fires rows at a fresh server with these flags, and says all that went otherwise.
pub fn fire<G: Ground>(flags: &str, hurried: &str, rows: impl IntoIterator<Item = Row>) {
    let ground = G::open(flags, hurried);
    let books = Books::of(&ground);
    let mut fired = 0;
    let mut wrong = Vec::new();
    for row in rows {
        fired += 1;
        if catch_unwind(AssertUnwindSafe(|| play(&ground, &row))).is_err() {
            wrong.push(row.name.clone());
            assert!(wrong.len() < 20, "and more: {wrong:#?}");
        }
        // What is left of one row would be found behind every other: that is the end.
        let what = format!("every descriptor is back behind the row {}", row.name);
        let mut are_back = || ground.descriptors() == books.descriptors();
        ground.until(&what, &mut are_back);
        assert_eq!(
            ground.held_bytes(),
            0,
            "bytes are left of the row {}",
            row.name
        );
        if fired % GROUP == 0 {
            serves(&ground, &books);
        }
    }
    assert!(fired > 0, "there is a row");
    serves(&ground, &books);
    assert!(wrong.is_empty(), "of {fired} rows: {wrong:#?}");
}

/// A newcomer is served as if nothing had been: it comes in, hears an event, leaves; and nothing is left of anybody.
pub fn serves<G: Ground>(ground: &G, books: &Books) {
    let mut member = Http::over(ground.connect());
    member.upgrade("/ws");
    assert_eq!(member.frame().first, 0x81, "the welcome");
    let event = r#"{"type":"chat:said","payload":{"n":1}}"#;
    let mut publisher = Http::over(ground.connect());
    let answer = publisher.ask("POST", "/api/v1/events", "", event);
    assert_eq!(
        (answer.status, &answer.json()["receivers"]),
        (202, &1.into())
    );
    let mut heard: serde_json::Value = serde_json::from_slice(&member.frame().payload).unwrap();
    assert!(positions::take(&mut heard).is_some());
    assert_eq!(
        (&heard["type"], &heard["payload"]["n"]),
        (&"chat:said".into(), &1.into())
    );
    member.send(frame(0x88, b"\x03\xe8"));
    assert_eq!(member.close_code(), 1000);
    assert!(member.is_over());
    drop((member, publisher));
    books::settle(ground, books);
}

/// One client does what its row says.
pub fn play<G: Ground>(ground: &G, row: &Row) {
    let mut line = Http::over(ground.connect());
    let (mut closes, mut finished) = (None, false);
    for step in &row.steps {
        match step {
            Step::Send(bytes) => {
                line.send(bytes);
            }
            Step::Trickle(bytes) => {
                line.trickle(bytes);
            }
            Step::Drip(bytes, millis) => drip(&mut line, bytes, *millis),
            Step::Finish => {
                line.stream_mut().finish();
                finished = true;
            }
            Step::Hear(said) => closes = hear(&mut line, said, &row.name),
            Step::Stays(speech) => {
                assert_ne!(closes, Some(true), "{}: it stays, and is told so", row.name);
                is_served(&mut line, *speech, &row.name);
            }
            Step::Ends => {
                let unsaid = closes == Some(false) && !finished;
                assert!(!unsaid, "{}: it ends without being told so", row.name);
                let rest = line.rest();
                let text = String::from_utf8_lossy(&rest);
                assert!(rest.is_empty(), "{}: then came {text:?}", row.name);
            }
            Step::Reset => return line.into_stream().reset(),
        }
    }
}

/// Sends again and again until there is an answer.
fn drip<S: Stream>(line: &mut Http<S>, bytes: &[u8], millis: u64) {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        line.send(bytes);
        if line
            .stream_mut()
            .is_answered_within(Duration::from_millis(millis.max(1)))
        {
            return;
        }
    }
    panic!("no answer however much is sent");
}

/// Hears this and nothing before it; of an answer whether it says that the connection ends.
fn hear<S: Stream>(line: &mut Http<S>, said: &Said, row: &str) -> Option<bool> {
    match said {
        Said::Status(status) => {
            let answer = line.answer();
            assert_eq!(answer.status, *status, "{row}: {}", answer.text());
            assert_eq!(answer.reason, reason(*status), "{row}");
            Some(answer.header("connection") == Some("close"))
        }
        Said::Upgraded(agreed) => {
            let answer = line.answer();
            assert_eq!(answer.status, 101, "{row}: {}", answer.text());
            let accept = Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
            assert_eq!(answer.header("sec-websocket-accept"), accept, "{row}");
            assert_eq!(answer.header("sec-websocket-extensions"), *agreed, "{row}");
            assert_eq!(answer.header("sec-websocket-protocol"), None, "{row}");
            None
        }
        Said::Error(status, code, sentence) => {
            let answer = line.answer();
            let heard = (answer.status, answer.reason.as_str(), answer.json());
            let body = serde_json::json!({"error": {"code": code, "message": sentence}});
            assert_eq!(heard, (*status, reason(*status), body), "{row}");
            if *status == 426 {
                let wanted = ["upgrade", "connection", "sec-websocket-version"];
                let named = wanted.map(|name| answer.header(name));
                assert_eq!(named, ["websocket", "Upgrade", "13"].map(Some), "{row}");
            }
            Some(answer.header("connection") == Some("close"))
        }
        Said::Frame(first, payload) => {
            let (first, payload) = (*first, payload.clone());
            assert_eq!(line.frame(), Frame { first, payload }, "{row}");
            None
        }
        Said::Close(code, reason) => {
            let heard = line.frame();
            let text = String::from_utf8_lossy(&heard.payload).into_owned();
            assert_eq!(heard.first, 0x88, "{row}: {text:?}");
            let payload = match code {
                1005 => Vec::new(),
                code => [&code.to_be_bytes(), reason.as_bytes()].concat(),
            };
            assert_eq!(heard.payload, payload, "{row}: {text:?}");
            None
        }
    }
}

/// A question is answered, and nothing comes before the answer.
fn is_served<S: Stream>(line: &mut Http<S>, speech: Speech, row: &str) {
    match speech {
        Speech::Http => {
            let answer = line.ask("GET", "/healthz", "", "");
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (200, r#"{"status":"ok"}"#),
                "{row}"
            );
        }
        Speech::WebSocket => {
            let payload = b"still there?".to_vec();
            line.send(frame(0x89, &payload));
            assert_eq!(
                line.frame(),
                Frame {
                    first: 0x8a,
                    payload
                },
                "{row}"
            );
        }
    }
}

/// A WebSocket that echoes, whose frames the test writes itself.
pub fn echo<G: Ground>(ground: &G, headers: &str) -> Http<G::Stream> {
    let mut line = Http::over(ground.connect());
    line.send(request("GET", "/echo", &format!("{UPGRADE}{headers}"), ""));
    assert_eq!(line.answer().status, 101);
    line
}

/// What RFC 9110 calls a status.
fn reason(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        202 => "Accepted",
        204 => "No Content",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        426 => "Upgrade Required",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        other => panic!("{other} is not a status that is expected here"),
    }
}
