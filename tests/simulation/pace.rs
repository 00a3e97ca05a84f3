//! Scenarios of limits on what a client sends: who is closed, for which message, and who never is.

use super::network::Client;
use roomcast::bounds::AppBounds;
use roomcast::id::AppId;
use roomcast::time::Millis;

use crate::model::runs::rules::KEY;
use crate::model::wire::frames::{self, BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame};
use crate::stage::{Stage, text};

/// A server whose echo has limits.
fn limited(change: impl FnOnce(&mut AppBounds)) -> Stage {
    Stage::new(|bounds| change(bounds.app_mut(AppId::Ops)))
}

fn messages_per_second(messages: u32) -> Stage {
    limited(|app| app.client_messages_per_second = messages)
}

/// What has come: so many frames of this kind, and behind them the close frame's code and reason, if there is one.
fn heard(stage: &mut Stage, client: Client, opcode: u8) -> (usize, Option<(u16, String)>) {
    let mut frames = stage.frames(client);
    let last = frames.pop_if(|last| last.opcode == CLOSE).map(|close| {
        let code = frames::close_code(&close.payload).unwrap();
        (code, String::from_utf8(close.payload[2..].into()).unwrap())
    });
    assert!(frames.iter().all(|frame| frame.opcode == opcode));
    (frames.len(), last)
}

fn over(setting: &str, limit: u32) -> Option<(u16, String)> {
    Some((1008, format!("more than {setting}, which is {limit}")))
}

fn over_messages(limit: u32) -> Option<(u16, String)> {
    over("client_messages_per_second", limit)
}

fn closes_for_policy(stage: &mut Stage, app: &str) -> u64 {
    let line = format!("roomcast_closes_total{{app=\"{app}\",code=\"1008\"}} ");
    let http = stage.client(format!(
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\n\r\n"
    ));
    let text = stage.answer(http).body;
    let value = text.lines().find_map(|found| found.strip_prefix(&line));
    value.map_or(0, |value| value.parse().unwrap())
}

#[test]
fn one_message_too_many_is_closed_with_1008_behind_the_answers_to_all_before_it() {
    let mut stage = messages_per_second(5);
    let client = stage.open("/echo");
    stage.send(client, text("x").repeat(5));
    assert_eq!(heard(&mut stage, client, TEXT), (5, None));
    stage.wait(Millis(1000));
    stage.send(client, text("x").repeat(9));
    assert_eq!(heard(&mut stage, client, TEXT), (5, over_messages(5)));
    assert_eq!(closes_for_policy(&mut stage, "ops"), 1);
    stage.wait(Millis::seconds(3));
    assert!(stage.is_ended(client));
}

#[test]
fn what_waits_for_a_client_that_is_too_fast_still_comes_to_it() {
    let mut stage = messages_per_second(50);
    let client = stage.open("/echo");
    stage.sim().resize(client, 10);
    stage.send(client, text("abcdefgh").repeat(80));
    // Longer than the close timeout, which is for who takes nothing more, and not as long as it may take little.
    for _ in 0..4 {
        stage.wait(Millis(2000));
        stage.sim().receive(client, 10);
    }
    stage.sim().resize(client, 10_000);
    stage.settle();
    // It has read four of its fifty answers.
    assert_eq!(heard(&mut stage, client, TEXT), (46, over_messages(50)));
}

#[test]
fn a_client_that_keeps_to_the_rate_is_never_closed() {
    for limit in [3, 7, 10, 1000] {
        let mut stage = messages_per_second(limit);
        let client = stage.open("/echo");
        let mut sent = 0;
        for quarter in 1..=400_u64 {
            stage.wait(Millis(250));
            let due = quarter * u64::from(limit) / 4;
            stage.send(client, text("x").repeat((due - sent) as usize));
            sent = due;
            assert_eq!(heard(&mut stage, client, TEXT).1, None, "{limit} a second");
        }
        let received = stage.reactor.metrics().messages_received[AppId::Ops as usize];
        assert_eq!((received, sent), (sent, 100 * u64::from(limit)));
    }
}

#[test]
fn a_client_a_little_over_the_rate_is_closed_once_its_burst_is_used_up() {
    let mut stage = messages_per_second(10);
    let client = stage.open("/echo");
    let mut answered = 0;
    for _ in 0..1000 {
        stage.wait(Millis(90));
        stage.send(client, text("x"));
        let (echoes, last) = heard(&mut stage, client, TEXT);
        answered += echoes;
        if last.is_some() {
            assert_eq!(last, over_messages(10));
            break;
        }
    }
    // Each uses up 100 ms and brings 90: a tenth of a second of the burst goes with every tenth message.
    assert_eq!(answered, 91);
}

#[test]
fn a_silence_saves_up_a_second_and_no_more() {
    let mut stage = messages_per_second(5);
    let client = stage.open("/echo");
    stage.wait(Millis::seconds(20));
    stage.frames(client);
    stage.send(client, text("x").repeat(6));
    assert_eq!(heard(&mut stage, client, TEXT), (5, over_messages(5)));
}

#[test]
fn pings_and_pongs_count_as_messages() {
    for (opcode, answers) in [(PING, 5), (PONG, 0)] {
        let mut stage = messages_per_second(5);
        let client = stage.open("/echo");
        for _ in 0..5 {
            stage.send(client, frame(true, opcode, b"x"));
        }
        assert_eq!(heard(&mut stage, client, PONG), (answers, None));
        stage.send(client, frame(true, opcode, b"x"));
        assert_eq!(heard(&mut stage, client, PONG), (0, over_messages(5)));
    }
}

#[test]
fn a_fragmented_message_counts_once_and_its_close_frame_not_at_all() {
    let mut stage = messages_per_second(5);
    let client = stage.open("/echo");
    for _ in 0..5 {
        stage.send(client, frame(false, TEXT, b"a"));
        stage.send(client, frame(false, CONTINUATION, b"b").repeat(20));
        stage.send(client, frame(true, CONTINUATION, b"c"));
    }
    assert_eq!(heard(&mut stage, client, TEXT), (5, None));
    stage.send(client, frames::close(1000, ""));
    assert_eq!(stage.close_code(client), Some(1000));
    assert_eq!(closes_for_policy(&mut stage, "ops"), 0);
}

#[test]
fn bytes_are_counted_to_the_last_one() {
    for (last, closed) in [(402, false), (403, true)] {
        let mut stage = limited(|app| {
            app.client_bytes_per_second = 1000;
            app.message_bytes_max = 600;
        });
        let client = stage.open("/echo");
        stage.send(client, frame(true, BINARY, &[7; 599]));
        stage.send(client, frame(true, BINARY, b""));
        // A millisecond brings one byte more.
        stage.wait(Millis(1));
        stage.send(client, frame(true, BINARY, &vec![7; last]));
        let expected = match closed {
            false => (3, None),
            true => (2, over("client_bytes_per_second", 1000)),
        };
        assert_eq!(heard(&mut stage, client, BINARY), expected, "{last} bytes");
    }
}

#[test]
fn the_longest_message_may_always_come_whole_or_in_pieces() {
    let mut stage = limited(|app| {
        app.client_bytes_per_second = 100;
        app.message_bytes_max = 5000;
    });
    let client = stage.open("/echo");
    stage.send(client, frame(true, BINARY, &[7; 5000]));
    assert_eq!(heard(&mut stage, client, BINARY), (1, None));
    for _ in 0..50 {
        stage.wait(Millis::seconds(1));
        stage.frames(client);
        stage.send(client, frame(true, PONG, b""));
    }
    for piece in 0..50 {
        let (opcode, last) = (if piece == 0 { BINARY } else { CONTINUATION }, piece == 49);
        stage.send(client, frame(last, opcode, &[7; 100]));
    }
    assert_eq!(heard(&mut stage, client, BINARY), (1, None));
    stage.send(client, frame(true, BINARY, &[7; 1]));
    assert_eq!(
        heard(&mut stage, client, BINARY),
        (0, over("client_bytes_per_second", 100))
    );
}

#[test]
fn one_clients_flood_costs_no_other_client_and_no_other_app_anything() {
    let mut stage = messages_per_second(5);
    let (flooder, other) = (stage.open("/echo"), stage.open("/echo"));
    let listener = stage.open("/ws");
    stage.send(flooder, text("x").repeat(100));
    stage.send(other, text("x").repeat(5));
    stage.send(listener, text("x").repeat(100));
    assert_eq!(heard(&mut stage, flooder, TEXT), (5, over_messages(5)));
    assert_eq!(heard(&mut stage, other, TEXT), (5, None));
    assert_eq!(stage.publish(1, 0), 1);
    assert_eq!(stage.events(listener), [1]);
}

#[test]
fn whoever_comes_next_on_the_same_key_has_its_whole_second() {
    let mut stage = messages_per_second(5);
    let first = stage.open("/echo");
    stage.send(first, text("x").repeat(5));
    let key = stage.sim().conn(first).unwrap().key;
    stage.sim().reset(first);
    stage.settle();
    let second = stage.open("/echo");
    assert_eq!(stage.sim().conn(second).unwrap().key, key);
    stage.send(second, text("x").repeat(5));
    assert_eq!(heard(&mut stage, second, TEXT), (5, None));
}

#[test]
fn without_a_limit_nobody_is_too_fast() {
    let mut stage = Stage::new(|_| ());
    let client = stage.open("/ws");
    for _ in 0..20 {
        stage.send(client, text("x").repeat(5000));
    }
    assert_eq!(stage.publish(1, 0), 1);
    assert_eq!(stage.events(client), [1]);
}
