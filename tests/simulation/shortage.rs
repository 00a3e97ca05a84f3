//! Scenarios of a kernel that is short of memory, and of signals: what passes costs nobody a byte or a connection.

use super::network::Client;
use roomcast::id::AppId;
use roomcast::time::Millis;

use crate::model::wire::frames::{self, PING, PONG, frame};
use crate::stage::{Stage, text};

const SECOND: Millis = Millis::seconds(1);
/// Longer than it takes until what failed is tried again.
const AGAIN: Millis = Millis(60);

fn starve(stage: &mut Stage, clients: &[Client], one_in: u64) {
    for &client in clients {
        stage.sim().set_shortage(client, one_in);
    }
}

/// Turns that the loop makes in a second.
fn turns_in_a_second(stage: &mut Stage) -> u64 {
    let before = stage.reactor.metrics().loop_turn.count();
    stage.wait(SECOND);
    stage.reactor.metrics().loop_turn.count() - before
}

#[test]
fn what_the_kernel_has_no_memory_to_write_is_written_once_it_has() {
    let mut stage = Stage::new(|_| ());
    let members = stage.listeners(3);
    starve(&mut stage, &members[..2], 1);
    for number in 1..=5 {
        assert_eq!(stage.publish(number, 0), 3);
    }
    let turns = turns_in_a_second(&mut stage);
    assert!(turns < 50, "{turns} turns in which nothing could be done");
    assert_eq!(
        stage.events(members[2]),
        [1, 2, 3, 4, 5],
        "others notice nothing"
    );
    assert_eq!(stage.sim().unread(members[0]), 0);
    starve(&mut stage, &members, 0);
    stage.wait(AGAIN);
    for &client in &members[..2] {
        assert_eq!(stage.events(client), [1, 2, 3, 4, 5]);
    }
}

#[test]
fn a_shortage_that_does_not_pass_ends_with_the_write_timeout() {
    let mut stage = Stage::forgetful(|_| ());
    let member = stage.open("/ws");
    starve(&mut stage, &[member], 1);
    stage.publish(1, 0);
    stage.wait(Millis(9900));
    assert!(!stage.is_ended(member));
    stage.wait(Millis(200));
    assert!(stage.is_ended(member));
    assert_eq!(stage.reactor.budgeted_bytes(), 0);
}

#[test]
fn what_the_kernel_has_no_memory_to_read_is_read_once_it_has() {
    let mut stage = Stage::new(|_| ());
    let member = stage.open("/ws");
    starve(&mut stage, &[member], 1);
    stage.send(member, frame(true, PING, b"are you there?"));
    let turns = turns_in_a_second(&mut stage);
    assert!(turns < 50, "{turns} turns in which nothing could be done");
    starve(&mut stage, &[member], 0);
    stage.wait(AGAIN);
    let frames = stage.frames(member);
    assert_eq!((frames.len(), frames[0].opcode), (1, PONG));
    assert_eq!(frames[0].payload, b"are you there?");
}

#[test]
fn nobody_is_given_up_for_what_the_kernel_could_not_read() {
    // Without a ping that could not be written, either.
    let mut stage = Stage::new(|bounds| {
        bounds.app_mut(AppId::Events).ping_interval = Millis::seconds(100);
    });
    let member = stage.open("/ws");
    let asks = stage.client("GET /healthz HTTP/1.1\r\n");
    stage.wait(Millis(9000));
    starve(&mut stage, &[member, asks], 1);
    stage.sim().send(asks, b"Host: localhost\r\n\r\n");
    stage.wait(Millis::seconds(45));
    stage.sim().send(member, &text("I am here"));
    stage.wait(Millis::seconds(20));
    assert!(!stage.is_ended(member) && !stage.is_ended(asks));
    starve(&mut stage, &[member, asks], 0);
    stage.wait(AGAIN);
    assert_eq!(stage.answer(asks).status, 200);
    assert_eq!(stage.close_code(member), None);
}

#[test]
fn whoever_cannot_be_accepted_waits_and_is_accepted_once_there_is_memory() {
    let mut stage = Stage::new(|_| ());
    stage.sim().set_shortage_of_accepts(1);
    let clients: Vec<Client> = (0..10).map(|_| stage.sim().connect()).collect();
    let turns = turns_in_a_second(&mut stage);
    assert!(
        turns < 50,
        "{turns} turns in which nobody could be accepted"
    );
    assert_eq!(
        (stage.reactor.connections(), stage.sim().knocking()),
        (0, 10)
    );
    stage.sim().set_shortage_of_accepts(0);
    stage.wait(AGAIN);
    for &client in &clients {
        stage.send(client, frames::upgrade("/ws"));
        assert_eq!(stage.answer(client).status, 101);
    }
}

#[test]
fn no_byte_is_lost_or_doubled_however_often_memory_is_short() {
    let mut stage = Stage::new(|_| ());
    let client = stage.open("/echo");
    stage.sim().resize(client, 1000);
    starve(&mut stage, &[client], 2);
    let message: Vec<u8> = (0..60_000u32).map(|at| ((at * at) >> 7) as u8).collect();
    for _ in 0..3 {
        stage
            .sim()
            .send(client, &frame(true, frames::BINARY, &message));
    }
    let mut bytes = Vec::new();
    let began = stage.now();
    while bytes.len() < 3 * (message.len() + 4) {
        bytes.extend(stage.sim().receive(client, 700));
        stage.wait(Millis(10));
        assert!(
            stage.now().since(began) < Millis::seconds(60),
            "it goes nowhere"
        );
    }
    for _ in 0..3 {
        let echo = frames::read(&bytes, 0).unwrap().unwrap();
        assert_eq!((echo.opcode, &echo.payload), (frames::BINARY, &message));
        bytes.drain(..echo.bytes);
    }
    assert!(bytes.is_empty());
}

#[test]
fn whoever_leaves_while_memory_is_short_leaves_nothing_behind() {
    let mut stage = Stage::new(|_| ());
    let members = stage.listeners(20);
    starve(&mut stage, &members, 1);
    stage.publish(1, 1000);
    for &client in &members[..10] {
        stage.sim().reset(client);
    }
    stage.settle();
    starve(&mut stage, &members, 0);
    // Others may have their keys by the time that they would be tried again.
    let later = stage.listeners(5);
    stage.wait(AGAIN);
    assert_eq!(stage.publish(2, 0), 15);
    for client in later {
        assert_eq!(stage.events(client), [2]);
    }
    for &client in &members[10..] {
        assert_eq!(stage.events(client), [1, 2]);
    }
}

#[test]
fn a_wait_that_a_signal_interrupts_is_no_deadline() {
    let mut stage = Stage::new(|_| ());
    stage.sim().set_interrupts(2);
    let silent = stage.open("/ws");
    let idle = stage.client("");
    stage.wait(Millis(9900));
    assert!(!stage.is_ended(idle));
    stage.wait(Millis(200));
    assert!(stage.is_ended(idle));
    assert_eq!(stage.publish(1, 0), 1);
    assert_eq!(stage.events(silent), [1]);
    stage.wait(Millis(49_700));
    assert!(!stage.is_ended(silent));
    stage.wait(Millis(400));
    assert_eq!(stage.close_code(silent), Some(4408));
}
