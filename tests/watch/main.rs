//! `roomcast watch`: the real client against the real server, and against small servers of the tests' own where the
//! other side has to do what the real one seldom does.
#![allow(clippy::unwrap_used, clippy::result_large_err, missing_docs)]

mod fake;
#[allow(dead_code)]
#[path = "../harness/mod.rs"]
mod harness;
mod hub;
mod resuming;
mod watch;
mod wire;

use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use signal_hook::consts::SIGINT;
use tungstenite::Message;

use crate::fake::{Fake, close, header, read, tell};
use crate::harness::patience::PATIENCE;
use crate::harness::process::{Process, roomcast};
use crate::harness::socket::hold;
use crate::hub::Hub;
use crate::watch::Watch;

#[test]
fn every_event_is_one_line_of_json_as_it_came() {
    let hub = Hub::start();
    let watch = Watch::start(&format!("http://{}/ws", hub.address()));
    assert_eq!(watch.kind(), "connection:status");
    let payload = "{\"a\":\n  12345678901234567890123,\r\n\"b\": \"c\\n \\\" d\"}";
    hub.publish(&format!("{{\"type\":\"chat:said\",\"payload\":{payload}}}"));
    let line = watch.line();
    let kept = r#""payload":{"a":12345678901234567890123,"b":"c\n \" d"}"#;
    assert!(line.contains(kept), "{line}");
    hub.say("chat:left");
    assert_eq!(watch.kind(), "chat:left");
}

#[test]
fn lines_for_people_have_a_time_a_type_and_the_payload() {
    let hub = Hub::start();
    let watch = Watch::start(&format!("--text {}/ws", hub.address()));
    assert!(
        watch
            .line()
            .ends_with("Z connection:status status=connected")
    );
    hub.publish(r#"{"type":"chat:said","payload":{"by":"Ada","text":"a b\u001b"}}"#);
    let line = watch.line();
    assert!(
        line.ends_with(r#"Z chat:said by=Ada text="a b\u001b""#),
        "{line}"
    );
}

#[test]
fn it_comes_back_when_the_server_does() {
    let (_held, address) = hold();
    let hub = Hub::at(address);
    let watch = Watch::start(&format!("ws://{address}/ws"));
    watch.says("watching ws://");
    assert_eq!(watch.kind(), "connection:status");
    drop(hub);
    watch.says("trying again in");
    let hub = Hub::at(address);
    assert_eq!(watch.kind(), "connection:status");
    hub.say("chat:again");
    assert_eq!(watch.kind(), "chat:again");
    watch.says("watching ws://");
}

#[test]
fn enough_lines_are_a_good_end() {
    let hub = Hub::start();
    let watch = Watch::start(&format!("--count 2 {}/ws", hub.address()));
    assert_eq!(watch.kind(), "connection:status");
    hub.say("chat:one");
    assert_eq!(watch.kind(), "chat:one");
    let (status, out, _) = watch.end();
    assert_eq!((status.code(), out.as_str()), (Some(0), ""));
}

#[test]
fn a_reader_that_leaves_is_a_good_end() {
    let hub = Hub::start();
    let mut watch = Process::start(roomcast(&format!("watch {}/ws", hub.address())));
    watch.out.next();
    watch.out.go_away();
    // Our end of the pipe is closed at the next line, and a program that another test is starting holds it, too, until it
    // has begun. So it is told more than one line.
    let began = Instant::now();
    let status = loop {
        hub.say("chat:unheard");
        if let Some(status) = watch.ended() {
            break status;
        }
        assert!(began.elapsed() < PATIENCE, "it goes on");
    };
    let said = watch.err.rest();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(!said.contains("panic") && !said.contains("pipe"), "{said}");
}

#[test]
fn an_interrupt_ends_it_as_any_program() {
    // Whoever is started in the background may ignore interrupts, and so would what it starts: a signal that is handled
    // here has its default there.
    let ends = Arc::new(AtomicBool::new(true));
    signal_hook::flag::register_conditional_shutdown(SIGINT, 130, ends).unwrap();
    let hub = Hub::start();
    let watch = Watch::start(&format!("{}/ws", hub.address()));
    watch.line();
    watch.signal("INT");
    assert_eq!(watch.end().0.signal(), Some(SIGINT));
}

#[test]
fn a_path_that_is_not_there_exits_1_and_says_so() {
    let hub = Hub::start();
    let (status, out, err) = Watch::start(&format!("-q {}/wss", hub.address())).end();
    assert_eq!((status.code(), out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("404") && err.contains("path"), "{err}");
}

#[test]
fn a_refusal_for_good_exits_1_with_what_to_do() {
    for (answer, word) in [
        ("401 Unauthorized", "ROOMCAST_KEY"),
        ("403 Forbidden", "not allowed"),
        ("400 Bad Request", "flag"),
        ("426 Upgrade Required", "version"),
    ] {
        let fake = Fake::new();
        let watch = Watch::start(&format!("--key hunter2 {}", fake.url("/ws")));
        fake.refuse(answer);
        let (status, _, err) = watch.end();
        assert_eq!(status.code(), Some(1), "{err}");
        assert!(err.contains(answer) && err.contains(word), "{err}");
        assert!(!err.contains("hunter2"), "{err}");
    }
}

#[test]
fn it_waits_as_long_as_the_server_asks() {
    let fake = Fake::new();
    let watch = Watch::start(&fake.url("/ws"));
    // Before it is refused: it may know of that sooner than we come to look at the clock.
    let before = Instant::now();
    fake.refuse("429 Too Many Requests\r\nRetry-After: 1");
    let (mut peer, _) = fake.accept();
    assert!(before.elapsed() >= Duration::from_millis(990));
    tell(&mut peer, "1");
    assert_eq!(watch.line(), "1");
}

#[test]
fn a_command_line_that_is_wrong_exits_2() {
    for (args, word) in [
        ("", "URL"),
        ("127.0.0.1:8080", "/ws (events)"),
        ("wss://127.0.0.1:8080/ws", "TLS"),
        ("--listen 127.0.0.1:0 h/ws", "--listen"),
    ] {
        let (status, out, err) = Watch::start(args).end();
        assert_eq!((status.code(), out.as_str()), (Some(2), ""), "{err}");
        assert!(err.starts_with("roomcast: ") && err.contains(word), "{err}");
    }
}

#[test]
fn each_help_is_of_its_own_command() {
    let (status, out, _) = Watch::start("--help").end();
    assert_eq!(status.code(), Some(0));
    assert!(
        out.contains("Exit status") && !out.contains("--listen"),
        "{out}"
    );
    let (status, out, _) = Watch::spawn(roomcast("--help")).end();
    assert_eq!(status.code(), Some(0));
    assert!(
        out.contains("roomcast watch [OPTIONS] URL") && !out.contains("--subscribe"),
        "{out}"
    );
}

#[test]
fn the_tasks_app_gets_version_key_subscription_and_pongs_on_every_connection() {
    let fake = Fake::new();
    let url = fake.url("/api/v1/tasks/ws");
    let mut command = roomcast(&format!("watch --subscribe a --subscribe b/c {url}"));
    command.env("ROOMCAST_KEY", "hunter2");
    let watch = Watch::spawn(command);
    for kind in ["task.created", "task.deleted"] {
        let (mut peer, asked) = fake.accept();
        assert_eq!(header(&asked, "X-API-Key"), "hunter2");
        assert_eq!(header(&asked, "X-Version"), "1.0");
        let subscribed: Value = serde_json::from_str(&read(&mut peer)).unwrap();
        let expected = json!({"type": "subscribe", "data": {"repositories": ["a", "b/c"]}});
        assert_eq!(subscribed, expected);
        tell(
            &mut peer,
            r#"{"type":"ping","timestamp":"2026-01-01T00:00:00.000Z"}"#,
        );
        assert_eq!(read(&mut peer), r#"{"type":"pong"}"#);
        tell(&mut peer, &json!({"type": kind}).to_string());
        // The ping is no line.
        assert_eq!(watch.kind(), kind);
    }
}

#[test]
fn the_stream_app_gets_both_channels_or_the_one_that_is_named() {
    let fake = Fake::new();
    for (flags, channels) in [
        ("", json!(["newBlocks", "newTxs"])),
        ("--subscribe newTxs", json!(["newTxs"])),
    ] {
        let _watch = Watch::start(&format!("{flags} {}", fake.url("/v1/stream")));
        let (mut peer, asked) = fake.accept();
        assert_eq!(header(&asked, "X-API-Key"), "");
        let subscribed: Value = serde_json::from_str(&read(&mut peer)).unwrap();
        assert_eq!(
            subscribed,
            json!({"action": "subscribe", "channels": channels, "since": "now"})
        );
    }
}

#[test]
fn a_player_shows_a_token_and_leaves_to_a_newer_connection() {
    for code in [4401, 4404, 4409] {
        let fake = Fake::new();
        let url = fake.url("/ws/rooms/ABC234");
        let watch = Watch::start(&format!("--player p1 --token hunter2 {url}"));
        let (peer, asked) = fake.accept();
        assert_eq!(header(&asked, "X-Player-Id"), "p1");
        assert_eq!(header(&asked, "Authorization"), "Bearer hunter2");
        close(peer, code);
        let (status, _, err) = watch.end();
        assert_eq!(status.code(), Some(1), "{err}");
        assert!(err.contains(&format!("{code}: because")), "{err}");
        assert!(!err.contains("hunter2"), "{err}");
    }
}

#[test]
fn a_normal_close_is_a_good_end_behind_the_last_line() {
    let fake = Fake::new();
    let watch = Watch::start(&fake.url("/api/v1/sessions/1/ws"));
    let (mut peer, _) = fake.accept();
    tell(&mut peer, r#"{"type":"completed"}"#);
    close(peer, 1000);
    let (status, out, err) = watch.end();
    assert_eq!(status.code(), Some(0), "{err}");
    assert_eq!(out, r#"{"type":"completed"}"#);
}

#[test]
fn any_other_end_exits_1_without_reconnect() {
    for code in [None, Some(1001), Some(1013)] {
        let fake = Fake::new();
        let watch = Watch::start(&format!("-q --no-reconnect {}", fake.url("/ws")));
        let (mut peer, _) = fake.accept();
        tell(&mut peer, "1");
        assert_eq!(watch.line(), "1");
        match code {
            Some(code) => close(peer, code),
            None => drop(peer),
        }
        let (status, _, err) = watch.end();
        assert_eq!(status.code(), Some(1), "{err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
}

#[test]
fn a_server_that_answers_pings_is_kept_and_one_that_does_not_is_left() {
    let fake = Fake::new();
    let watch = Watch::start(&format!("--ping-interval 5s {}", fake.url("/ws")));
    let (mut peer, _) = fake.accept();
    for _ in 0..2 {
        assert!(peer.read().unwrap().is_ping());
        peer.flush().unwrap();
    }
    tell(&mut peer, "1");
    assert_eq!(watch.line(), "1");
    // From here on the first connection is not read, so nothing is answered; it stays open.
    let (mut next, _) = fake.accept();
    watch.says("not even to a ping");
    tell(&mut next, "2");
    assert_eq!(watch.line(), "2");
    drop(peer);
}

#[test]
fn what_is_no_json_is_a_line_of_json_all_the_same() {
    let fake = Fake::new();
    let watch = Watch::start(&fake.url("/echo"));
    let (mut peer, _) = fake.accept();
    peer.send(Message::binary(vec![0, 1, 255])).unwrap();
    tell(&mut peer, "hello\nyou");
    peer.send(Message::Ping(Vec::new().into())).unwrap();
    tell(&mut peer, "[]");
    assert_eq!(watch.json(), json!({"binary": "AAH/"}));
    assert_eq!(watch.json(), json!({"text": "hello\nyou"}));
    assert_eq!(watch.line(), "[]");
    assert!(peer.read().unwrap().is_pong());
}
