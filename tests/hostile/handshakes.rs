//! Handshakes: each header of an upgrade wrong, missing or repeated.

use crate::battery::fire;
use crate::ground::Ground;
use crate::harness::http::{UPGRADE, frame, request};
use crate::row::{AGREED, Row, Said, bad, close, row};

/// What is agreed on with a client that takes no window but the smallest.
const AGREED_ON_8: &str = concat!(
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    "; server_max_window_bits=8"
);

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";
const CONNECTION: &str = "Connection: Upgrade\r\n";
const ASKS: &str = "Upgrade: websocket\r\n";
const BAD_KEY: &str = "Sec-WebSocket-Key must be 16 bytes in base64, once";
const TWO_KEYS: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const OTHER_KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
const NO_CONNECTION: &str = "an upgrade needs Connection: Upgrade";

on_both! {
    handshakes_that_break_a_rule_are_refused_and_may_be_tried_again
    handshakes_that_are_only_unusual_are_accepted
    offers_that_cannot_be_kept_agree_on_nothing
    every_handshake_is_answered_alike_however_it_comes
}

fn required(sentence: &str) -> Said {
    Said::Error(426, "upgrade_required", sentence.into())
}

/// A handshake with these headers instead of one of the right ones.
fn with(right: &str, wrong: &str) -> String {
    assert!(UPGRADE.contains(right));
    request("GET", "/echo", &UPGRADE.replace(right, wrong), "")
}

fn refused() -> Vec<Row> {
    let plain = || required("this path is a WebSocket: send Upgrade: websocket");
    let version = || required("the only version spoken is Sec-WebSocket-Version: 13");
    let rows: [(&str, &str, Said); 39] = [
        (KEY, "", bad(BAD_KEY)),
        (KEY, "Sec-WebSocket-Key:\r\n", bad(BAD_KEY)),
        (KEY, "Sec-WebSocket-Key: c2hvcnQ=\r\n", bad(BAD_KEY)),
        (
            KEY,
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n",
            bad(BAD_KEY),
        ),
        (
            KEY,
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZS4=\r\n",
            bad(BAD_KEY),
        ),
        (
            KEY,
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZS4uLi4u\r\n",
            bad(BAD_KEY),
        ),
        (
            KEY,
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n",
            bad(BAD_KEY),
        ),
        (
            KEY,
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ!==\r\n",
            bad(BAD_KEY),
        ),
        (
            KEY,
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j-_==\r\n",
            bad(BAD_KEY),
        ),
        (
            KEY,
            "Sec-WebSocket-Key: not base64 at all!!!!!!!\r\n",
            bad(BAD_KEY),
        ),
        (
            KEY,
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==, x\r\n",
            bad(BAD_KEY),
        ),
        (
            KEY,
            "Sec-WebSocket-Key: ========================\r\n",
            bad(BAD_KEY),
        ),
        (KEY, TWO_KEYS, bad(BAD_KEY)),
        (KEY, OTHER_KEY, bad(BAD_KEY)),
        (VERSION, "", version()),
        (VERSION, "Sec-WebSocket-Version:\r\n", version()),
        (VERSION, "Sec-WebSocket-Version: 0\r\n", version()),
        (VERSION, "Sec-WebSocket-Version: 7\r\n", version()),
        (VERSION, "Sec-WebSocket-Version: 8\r\n", version()),
        (VERSION, "Sec-WebSocket-Version: 12\r\n", version()),
        (VERSION, "Sec-WebSocket-Version: 14\r\n", version()),
        (VERSION, "Sec-WebSocket-Version: 013\r\n", version()),
        (VERSION, "Sec-WebSocket-Version: +13\r\n", version()),
        (VERSION, "Sec-WebSocket-Version: 256\r\n", version()),
        (VERSION, "Sec-WebSocket-Version: 13, 8\r\n", version()),
        (VERSION, "Sec-WebSocket-Version: 8, 13\r\n", version()),
        (
            VERSION,
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13\r\n",
            version(),
        ),
        (
            VERSION,
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8\r\n",
            version(),
        ),
        (ASKS, "", plain()),
        (ASKS, "Upgrade:\r\n", plain()),
        (ASKS, "Upgrade: h2c\r\n", plain()),
        (ASKS, "Upgrade: websockets\r\n", plain()),
        (ASKS, "Upgrade: web socket\r\n", plain()),
        (ASKS, "Upgrade: \"websocket\"\r\n", plain()),
        (CONNECTION, "", bad(NO_CONNECTION)),
        (CONNECTION, "Connection:\r\n", bad(NO_CONNECTION)),
        (CONNECTION, "Connection: keep-alive\r\n", bad(NO_CONNECTION)),
        (CONNECTION, "Connection: Upgrades\r\n", bad(NO_CONNECTION)),
        (
            CONNECTION,
            "Connection: keep-alive Upgrade\r\n",
            bad(NO_CONNECTION),
        ),
    ];
    let refused = |(right, wrong, said): (&str, &str, Said)| {
        row(format!("{wrong:?} for {right:?}"))
            .send(with(right, wrong))
            .hears(said)
            .answers_on()
    };
    let method = |method: &str| {
        let sentence = format!("{method} is not a method of this path");
        row(format!("an upgrade by {method}"))
            .send(request(method, "/echo", UPGRADE, ""))
            .hears(Said::Error(405, "method_not_allowed", sentence))
            .answers_on()
    };
    let old = request("GET", "/echo", UPGRADE, "").replace("HTTP/1.1", "HTTP/1.0");
    let rows = rows.into_iter().map(refused);
    rows.chain([
        method("POST"),
        method("get"),
        row("an upgrade by HTTP/1.0")
            .send(old)
            .hears(bad("an upgrade is a GET with HTTP/1.1"))
            .ends(),
        row("a WebSocket where there is none")
            .send(request("GET", "/nothing", UPGRADE, ""))
            .hears(Said::Error(404, "not_found", "there is nothing at this path".into()))
            .answers_on(),
        row("frames behind a handshake that is refused")
            .send([with(KEY, "").into_bytes(), frame(0x81, "hello")].concat())
            .hears(bad(BAD_KEY))
            .hears(bad("the request head is not HTTP/1.1: the request line must be METHOD SP TARGET SP HTTP/1.1"))
            .ends(),
    ])
    .collect()
}

fn accepted() -> Vec<Row> {
    let rows = [
        (ASKS, "Upgrade: WebSocket\r\n"),
        (ASKS, "Upgrade: h2c, websocket\r\n"),
        (ASKS, "Upgrade: h2c\r\nUpgrade: websocket\r\n"),
        (CONNECTION, "connection: keep-alive, UPGRADE\r\n"),
        (
            CONNECTION,
            "Connection: keep-alive\r\nConnection: upgrade\r\n",
        ),
        (VERSION, "sec-websocket-version:13\r\n"),
        (KEY, "sec-websocket-key:\tdGhlIHNhbXBsZSBub25jZQ== \r\n"),
        (
            KEY,
            &[KEY, "Sec-WebSocket-Protocol: chat, superchat\r\n"].concat(),
        ),
        (
            KEY,
            &[
                KEY,
                "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n",
            ]
            .concat(),
        ),
        (KEY, &[KEY, "Sec-WebSocket-Protocol:\r\n"].concat()),
        (
            KEY,
            &[
                KEY,
                "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
            ]
            .concat(),
        ),
    ];
    let accepted = |(right, unusual): (&str, &str)| {
        row(format!("{unusual:?} for {right:?}"))
            .send(with(right, unusual))
            .hears(Said::Upgraded(None))
            .stays_open()
    };
    rows.into_iter().map(accepted).collect()
}

fn offers() -> Vec<Row> {
    let declined = [
        "permessage-bzip2",
        "x-webkit-deflate-frame",
        "Permessage-Deflate",
        "permessage-deflate2",
        "permessage-deflate; nonsense",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=09",
        "permessage-deflate; server_max_window_bits=+9",
        "permessage-deflate; server_max_window_bits=999",
        "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=0",
    ];
    let declined = declined.into_iter().map(|offer| {
        let header = format!("{KEY}Sec-WebSocket-Extensions: {offer}\r\n");
        row(format!("the offer {offer:?}"))
            .send(with(KEY, &header))
            .hears(Said::Upgraded(None))
            .send(frame(0xc1, "x"))
            .hears(close(
                1002,
                "a reserved bit is set without an extension for it",
            ))
            .ends()
    });
    let agreed = [
        "permessage-deflate",
        "permessage-deflate, permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate;client_max_window_bits=\"15\"",
        "permessage-deflate; nonsense, permessage-deflate",
        "permessage-deflate\r\nSec-WebSocket-Extensions: permessage-deflate",
        "a; b=\"c\", permessage-deflate",
    ];
    let is_agreed = |offer: &str, agreed| {
        let header = format!("{KEY}Sec-WebSocket-Extensions: {offer}\r\n");
        row(format!("the offer {offer:?}"))
            .send(with(KEY, &header))
            .hears(Said::Upgraded(Some(agreed)))
            .stays_open()
    };
    let agreed = agreed.into_iter().map(|offer| is_agreed(offer, AGREED));
    // The smallest window there is: to such a client all goes plain.
    let narrow = is_agreed("permessage-deflate; server_max_window_bits=8", AGREED_ON_8);
    let agreed = agreed.chain(std::iter::once(narrow));
    declined.chain(agreed).chain(malformed()).collect()
}

/// What is no list of extensions (RFC 6455 §9.1) fails the handshake, whatever else it offers.
fn malformed() -> impl Iterator<Item = Row> {
    let offers = [
        "permessage-deflate; client_max_window_bits=",
        "permessage-deflate; =15",
        "permessage-deflate;",
        "; permessage-deflate",
        "permessage-deflate client_max_window_bits",
        "permessage-deflate; client_max_window_bits=\"15",
        "a; b=\"c, permessage-deflate; nonsense\", permessage-deflate",
        "permessage-deflate=1",
        "(permessage-deflate)",
        "permessage-deflate, é",
    ];
    offers.into_iter().map(|offer| {
        let header = format!("{KEY}Sec-WebSocket-Extensions: {offer}\r\n");
        row(format!("no list of extensions: {offer:?}"))
            .send(with(KEY, &header))
            .hears(bad(
                "Sec-WebSocket-Extensions must be a list of tokens, each with parameters that are tokens",
            ))
            .answers_on()
    })
}

fn handshakes_that_break_a_rule_are_refused_and_may_be_tried_again<G: Ground>() {
    fire::<G>("--echo", "", refused());
}

fn handshakes_that_are_only_unusual_are_accepted<G: Ground>() {
    fire::<G>("--echo", "", accepted());
}

fn offers_that_cannot_be_kept_agree_on_nothing<G: Ground>() {
    fire::<G>("--echo", "", offers());
}

fn every_handshake_is_answered_alike_however_it_comes<G: Ground>() {
    let rows = [refused(), accepted()].concat();
    fire::<G>("--echo", "", rows.iter().map(Row::trickled));
    if G::SIMULATED {
        fire::<G>("--echo", "", rows.iter().flat_map(Row::cuts));
    }
}
