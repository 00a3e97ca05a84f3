//! Scenarios of time: who is asked, who is given up, and when.

use roomcast::id::AppId;
use roomcast::time::Millis;
use roomcast::work;

use crate::model::wire::frames::{self, PING, PONG, TEXT, frame};
use crate::stage::{Stage, request, text};

const SECOND: Millis = Millis::seconds(1);

#[test]
fn a_silent_client_is_pinged_once_and_closed_with_4408() {
    let mut stage = Stage::new(|_| ());
    let client = stage.open("/ws");
    stage.wait(Millis::seconds(59));
    let opcodes: Vec<u8> = stage
        .frames(client)
        .iter()
        .map(|frame| frame.opcode)
        .collect();
    assert_eq!(opcodes, [PING]);
    stage.wait(SECOND + SECOND);
    assert_eq!(stage.close_code(client), Some(4408));
    stage.wait(Millis::seconds(3));
    assert_eq!(stage.reactor.connections(), 0);
}

#[test]
fn a_client_that_answers_its_pings_stays() {
    let mut stage = Stage::new(|_| ());
    let client = stage.open("/ws");
    for _ in 0..300 {
        stage.wait(SECOND);
        for _ in stage.frames(client) {
            stage.send(client, frame(true, PONG, b""));
        }
    }
    let pings = stage.reactor.metrics().pings;
    assert!((9..=11).contains(&pings), "{pings} pings in five minutes");
    assert!(!stage.is_ended(client));
}

#[test]
fn first_pings_are_spread_over_half_an_interval() {
    let mut stage = Stage::new(|_| ());
    stage.listeners(60);
    stage.wait(Millis(14_900));
    assert_eq!(stage.reactor.metrics().pings, 0);
    let mut busiest = 0;
    for _ in 0..16 {
        let before = stage.reactor.metrics().pings;
        stage.wait(SECOND);
        busiest = busiest.max(stage.reactor.metrics().pings - before);
    }
    assert_eq!(stage.reactor.metrics().pings, 60);
    assert!(busiest < 15, "{busiest} first pings in one second");
}

#[test]
fn a_client_that_reads_nothing_is_cut_after_the_write_timeout() {
    let mut stage = Stage::new(|_| ());
    let client = stage.narrow_listeners(1, 10)[0];
    stage.publish(1, 0);
    stage.wait(Millis(9_900));
    assert!(!stage.is_ended(client));
    stage.wait(Millis(200));
    assert!(stage.is_ended(client));
}

#[test]
fn a_client_that_opens_a_websocket_while_it_reads_nothing_is_cut_no_later() {
    let mut stage = Stage::new(|_| ());
    stage.sim().set_window(10);
    let client = stage.client("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stage.wait(SECOND);
    stage.send(client, frames::upgrade("/ws"));
    stage.wait(Millis(8_900));
    assert!(!stage.is_ended(client));
    stage.wait(Millis(200));
    assert!(stage.is_ended(client));
}

#[test]
fn a_client_that_reads_a_byte_now_and_then_is_not_cut() {
    let mut stage = Stage::new(|_| ());
    let client = stage.narrow_listeners(1, 10)[0];
    stage.publish(1, 0);
    for _ in 0..6 {
        stage.wait(Millis(9_000));
        assert_eq!(stage.sim().receive(client, 1).len(), 1);
        stage.settle();
    }
    assert!(!stage.is_ended(client));
}

#[test]
fn a_client_that_sends_no_more_has_as_long_as_any_to_take_its_answer() {
    let mut stage = Stage::new(|_| ());
    stage.sim().set_window(10);
    let client = stage.client("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for _ in 0..2 {
        stage.wait(Millis(9_000));
        assert_eq!(stage.sim().receive(client, 1).len(), 1);
        stage.settle();
    }
    stage.sim().finish_client(client);
    stage.wait(Millis(9_900));
    assert!(!stage.is_ended(client));
    stage.wait(Millis(200));
    assert!(stage.is_ended(client));
}

#[test]
fn a_slow_request_head_gets_408() {
    let mut stage = Stage::new(|_| ());
    let client = stage.client("GET /healthz HTTP/1.1\r\n");
    for _ in 0..9 {
        stage.wait(SECOND);
        stage.send(client, "A: b\r\n");
    }
    assert_eq!(stage.sim().unread(client), 0);
    stage.wait(SECOND + SECOND);
    let answer = stage.answer(client);
    assert_eq!((answer.status, answer.closes()), (408, true));
    assert!(stage.is_ended(client));
}

#[test]
fn somebody_who_says_nothing_is_sent_away_without_a_word() {
    let mut stage = Stage::new(|_| ());
    let client = stage.client("");
    stage.wait(Millis(9_900));
    assert!(!stage.is_ended(client));
    stage.wait(Millis(200));
    assert!(stage.is_ended(client));
    assert_eq!(stage.sim().received(client), 0);
}

#[test]
fn an_idle_keep_alive_connection_is_closed_in_time() {
    let mut stage = Stage::new(|_| ());
    let client = stage.client("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(stage.answer(client).status, 200);
    stage.wait(Millis(74_900));
    assert!(!stage.is_ended(client));
    stage.wait(Millis(200));
    assert!(stage.is_ended(client));
}

#[test]
fn half_an_empty_line_behind_a_request_takes_no_patience_from_it() {
    let mut stage = Stage::new(|_| ());
    let client = stage.client("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n\r");
    assert_eq!(stage.answer(client).status, 200);
    stage.send(client, "\n");
    stage.wait(Millis(74_900));
    assert!(!stage.is_ended(client));
    stage.wait(Millis(200));
    assert!(stage.is_ended(client));
}

#[test]
fn halves_of_empty_lines_win_no_time() {
    let mut stage = Stage::new(|_| ());
    let client = stage.client("");
    for half in ["\r", "\n"].iter().cycle().take(19) {
        stage.wait(Millis(500));
        stage.send(client, half);
    }
    stage.wait(Millis(400));
    assert!(!stage.is_ended(client));
    stage.wait(Millis(200));
    assert!(stage.is_ended(client));
    // Nothing was asked for, so nothing is answered.
    assert_eq!(stage.sim().received(client), 0);
}

#[test]
fn a_message_that_never_ends_is_closed_after_message_timeout() {
    let mut stage = Stage::new(|_| ());
    let client = stage.open("/ws");
    for _ in 0..29 {
        stage.send(
            client,
            frame(false, if stage.now().0 == 0 { TEXT } else { 0 }, b"more"),
        );
        stage.send(client, frame(true, PING, b""));
        stage.wait(SECOND);
    }
    assert!(
        stage
            .frames(client)
            .iter()
            .all(|frame| frame.opcode == PONG)
    );
    stage.wait(SECOND + SECOND);
    assert_eq!(stage.close_code(client), Some(1008));
}

#[test]
fn pieces_that_never_end_between_two_frames_are_no_slow_message() {
    let mut stage = Stage::new(|_| ());
    let client = stage.open("/ws");
    let ping = frame(true, PING, b"12345678");
    let (front, back) = ping.split_at(5);
    stage.send(client, front);
    for _ in 0..60 {
        stage.wait(SECOND);
        stage.send(client, [back, front].concat());
    }
    assert_eq!(stage.close_code(client), None);
    assert!(!stage.is_ended(client));
}

#[test]
fn an_echo_client_that_reads_slowly_is_held_and_not_closed() {
    let mut stage = Stage::new(|bounds| bounds.app_mut(AppId::Ops).message_bytes_max = 300_000);
    let client = stage.open("/echo");
    stage.sim().resize(client, 1000);
    let payload = "x".repeat(250_000);
    let message = [text(&payload), text("and more")].concat();
    stage.send(client, &message[..message.len() - 3]);
    // 4 KB a second: a backlog of 250 KB takes a minute, for which the second message waits unfinished.
    let mut taken = 0;
    while taken < 250_000 {
        stage.wait(SECOND);
        for _ in 0..4 {
            taken += stage.sim().receive(client, 1000).len();
            stage.settle();
        }
        assert!(!stage.is_ended(client), "closed after {taken} bytes");
    }
    stage.send(client, &message[message.len() - 3..]);
    assert_eq!(stage.frames(client).last().unwrap().payload, b"and more");
}

#[test]
fn requests_that_wait_for_everybody_to_be_written_to_are_not_slow() {
    let mut stage = Stage::new(|bounds| {
        bounds.turn.flush = work::WRITE;
        bounds.app_mut(AppId::Events).queue.messages_max = 2;
    });
    stage.listeners(8);
    let publisher = stage.sim().connect();
    let burst: String = (0..3).map(|number| request(number, 0)).collect();
    stage.sim().send(publisher, burst.as_bytes());
    let began = stage.now();
    while stage.reactor.is_busy() || stage.reactor.transport().is_restless() {
        stage.sim().pass(SECOND + SECOND);
        stage.turn();
    }
    assert!(stage.now().since(began) > Millis::seconds(30));
    assert_eq!(stage.statuses(publisher), [202; 3]);
}

#[test]
fn a_close_that_is_never_answered_ends_after_the_close_timeout() {
    let mut stage = Stage::new(|_| ());
    let client = stage.open("/ws");
    stage.send(client, [0x81, 0x00]);
    assert_eq!(stage.close_code(client), Some(1002));
    stage.wait(Millis(1_900));
    assert_eq!(stage.reactor.connections(), 1);
    stage.wait(Millis(200));
    assert_eq!(stage.reactor.connections(), 0);
}

#[test]
fn a_closed_client_that_never_reads_is_cut() {
    let mut stage = Stage::forgetful(|_| ());
    let client = stage.narrow_listeners(1, 10)[0];
    stage.publish(1, 0);
    stage.send(client, frames::close(1000, ""));
    stage.wait(Millis(10_100));
    assert!(stage.is_ended(client));
    assert_eq!(stage.reactor.budgeted_bytes(), 0);
}

#[test]
fn a_drain_tells_everybody_1001_within_the_drain_and_at_the_rate() {
    let mut stage = Stage::new(|bounds| bounds.drain_rate = 10);
    let clients = stage.listeners(50);
    let idle = stage.client("");
    stage.shut_down();
    let mut told = Vec::new();
    for second in 1..=5 {
        stage.wait(SECOND);
        let closed = |client: &&_| stage.close_code(**client) == Some(1001);
        told.push(clients.iter().filter(closed).count());
        assert!(told.iter().sum::<usize>() <= 10 * second, "{told:?}");
        assert!(!stage.exited);
    }
    assert_eq!(told.iter().sum::<usize>(), 50, "{told:?}");
    clients
        .iter()
        .for_each(|&client| stage.send(client, frames::close(1001, "")));
    stage.wait(SECOND);
    assert!(stage.exited);
    assert!(!stage.is_ended(idle));
}

#[test]
fn a_draining_server_takes_no_publishes_and_no_upgrades() {
    let mut stage = Stage::new(|_| ());
    let client = stage.open("/ws");
    stage.shut_down();
    let publisher = stage.client(request(1, 0));
    assert_eq!(stage.statuses(publisher), [503]);
    let late = stage.client(frames::upgrade("/ws"));
    assert_eq!(stage.statuses(late), [503]);
    let health = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let asker = stage.client(health);
    assert_eq!(stage.statuses(asker), [200]);
    assert_eq!(stage.events(client), [0_i64; 0]);
}
