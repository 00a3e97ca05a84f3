//! Scenarios of a hub that goes away: who is served on, who is told, in what order, and when the loop may end.

use roomcast::time::Millis;
use roomcast::transport::Handover;

use crate::model::wire::frames;
use crate::stage::{Stage, request};

const SECOND: Millis = Millis::seconds(1);
const DELAY: Millis = Millis::seconds(3);

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

#[test]
fn for_the_delay_it_is_unready_and_serves_on() {
    let mut stage = Stage::new(|bounds| bounds.drain_delay = DELAY);
    let member = stage.open("/ws");
    stage.shut_down();
    stage.wait(DELAY - Millis(100));
    let asker = stage.client(get("/readyz"));
    let ready = stage.answer(asker);
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains("draining"), "{}", ready.body);
    let late = stage.open("/ws");
    let publisher = stage.client(request(1, 0));
    assert_eq!(stage.statuses(publisher), [202]);
    assert_eq!(
        (stage.events(member), stage.events(late)),
        (vec![1], vec![1])
    );
    stage.wait(Millis(200));
    let refused = stage.client(request(2, 0));
    assert_eq!(stage.statuses(refused), [503]);
    let refused = stage.client(frames::upgrade("/ws"));
    assert_eq!(stage.statuses(refused), [503]);
    stage.wait(Millis::seconds(5));
    let told = [member, late].map(|client| stage.close_code(client));
    assert_eq!(told, [Some(1001); 2]);
}

#[test]
fn nobody_is_closed_before_the_delay_is_over() {
    let mut stage = Stage::new(|bounds| {
        bounds.drain_delay = DELAY;
        bounds.drain = Millis(0);
    });
    let client = stage.open("/ws");
    stage.shut_down();
    stage.wait(DELAY - Millis(20));
    assert!(stage.frames(client).is_empty());
    stage.wait(Millis(40));
    assert_eq!(stage.close_code(client), Some(1001));
    assert!(!stage.exited);
    stage.send(client, frames::close(1001, ""));
    stage.wait(Millis(20));
    assert!(stage.exited);
}

#[test]
fn a_hub_without_clients_waits_for_the_delay_too() {
    let mut stage = Stage::new(|bounds| bounds.drain_delay = DELAY);
    stage.shut_down();
    stage.wait(DELAY - Millis(20));
    assert!(!stage.exited);
    stage.wait(Millis(40));
    assert!(stage.exited);
}

#[test]
fn a_second_signal_within_the_delay_ends_it_at_once() {
    let mut stage = Stage::new(|bounds| bounds.drain_delay = DELAY);
    let _member = stage.open("/ws");
    stage.shut_down();
    stage.wait(SECOND);
    assert!(!stage.exited);
    stage.shut_down();
    assert!(stage.exited);
}

#[test]
fn in_the_delay_every_answer_is_the_last_of_its_connection() {
    let mut stage = Stage::new(|bounds| bounds.drain_delay = DELAY);
    let stays = stage.client(request(1, 0));
    assert!(!stage.answer(stays).closes());
    stage.shut_down();
    stage.send(stays, request(2, 0));
    let answer = stage.answer(stays);
    assert_eq!((answer.status, answer.closes()), (202, true));
    assert!(stage.is_ended(stays));
}

#[test]
fn requests_that_came_together_are_all_answered_before_the_connection_ends() {
    let mut stage = Stage::new(|bounds| bounds.drain_delay = DELAY);
    let member = stage.open("/ws");
    let publisher = stage.client("");
    stage.shut_down();
    let [one, two, three] = [1, 2, 3].map(|number| request(number, 0));
    stage.send(publisher, format!("{one}{two}{}", &three[..30]));
    assert_eq!(stage.statuses(publisher), [202, 202]);
    stage.send(publisher, &three[30..]);
    let last = stage.answer(publisher);
    assert_eq!((last.status, last.closes()), (202, true));
    assert_eq!(stage.events(member), [1, 2, 3]);
}

#[test]
fn what_was_accepted_before_the_close_is_delivered_before_it() {
    let mut stage = Stage::new(|bounds| {
        bounds.drain_delay = DELAY;
        bounds.drain = Millis(0);
    });
    // One takes a few bytes at a time, so that its queue is not empty when the close comes.
    let slow = stage.narrow_listeners(1, 50)[0];
    let prompt = stage.open("/ws");
    stage.shut_down();
    let mut accepted = Vec::new();
    for number in 0..40 {
        stage.wait(Millis(100));
        let publisher = stage.client(request(number, 20));
        if stage.statuses(publisher) == [202] {
            accepted.push(number);
        }
    }
    assert_eq!(accepted, (0..29).collect::<Vec<i64>>());
    for client in [prompt, slow] {
        let frames = stage.frames(client);
        let (last, before) = frames.split_last().unwrap();
        assert_eq!(frames::close_code(&last.payload), Ok(1001));
        let heard = before.iter().filter(|frame| frame.opcode == frames::TEXT);
        assert_eq!(heard.count(), accepted.len());
    }
}

#[test]
fn half_a_request_is_answered_before_the_loop_ends() {
    let mut stage = Stage::new(|bounds| bounds.drain = Millis(0));
    let whole = get("/healthz");
    let asker = stage.client(&whole[..20]);
    let idle = stage.client(get("/healthz"));
    assert_eq!(stage.statuses(idle), [200]);
    stage.shut_down();
    stage.wait(SECOND);
    assert!(!stage.exited);
    stage.send(asker, &whole[20..]);
    let answer = stage.answer(asker);
    assert_eq!((answer.status, answer.closes()), (200, true));
    stage.wait(Millis(20));
    // Whoever has asked for nothing is not waited for.
    assert!(stage.exited && !stage.is_ended(idle));
}

#[test]
fn half_a_request_that_never_ends_does_not_keep_the_loop() {
    let mut stage = Stage::new(|_| ());
    stage.client(&get("/healthz")[..20]);
    stage.shut_down();
    stage.wait(Millis::seconds(10));
    assert!(stage.exited);
}

/// A hub whose listener another process can take over.
fn shared(handover: Handover) -> Stage {
    let mut stage = Stage::new(|_| ());
    stage.sim().share(handover);
    stage
}

#[test]
fn whoever_waits_is_accepted_before_a_listener_with_a_queue_of_its_own_is_closed() {
    let mut stage = shared(Handover::Address);
    stage.reactor.transport_mut().set_window(1 << 20);
    let waiting: Vec<_> = (0..3000).map(|_| stage.sim().connect()).collect();
    stage.shut_down();
    assert!(stage.sim().listens(), "a turn accepts only so many");
    stage.settle();
    assert_eq!((stage.sim().listens(), stage.sim().knocking()), (false, 0));
    stage.send(waiting[2999], get("/healthz"));
    assert_eq!(stage.statuses(waiting[2999]), [200]);
    stage.sim().connect();
    stage.settle();
    assert_eq!(stage.sim().knocking(), 1);
}

#[test]
fn whoever_waits_in_a_shared_queue_is_left_to_the_other_process() {
    let mut stage = shared(Handover::Queue);
    let member = stage.open("/ws");
    stage.sim().connect();
    stage.shut_down();
    stage.settle();
    assert_eq!((stage.sim().listens(), stage.sim().knocking()), (false, 1));
    stage.wait(Millis::seconds(5));
    assert_eq!(stage.close_code(member), Some(1001));
    stage.send(member, frames::close(1001, ""));
    assert!(stage.exited);
}

#[test]
fn a_listener_that_is_nobody_elses_stays_open() {
    let mut stage = shared(Handover::Nothing);
    let _member = stage.open("/ws");
    stage.shut_down();
    stage.settle();
    assert!(stage.sim().listens());
}

#[test]
fn a_hub_that_hands_over_refuses_nothing_to_those_who_had_connected() {
    for handover in [Handover::Address, Handover::Queue] {
        let mut stage = shared(handover);
        let member = stage.open("/ws");
        let [publisher, late] = [(); 2].map(|()| stage.client(""));
        stage.shut_down();
        stage.send(publisher, request(1, 0));
        let answer = stage.answer(publisher);
        assert_eq!((answer.status, answer.closes()), (202, true));
        stage.send(late, frames::upgrade("/ws"));
        assert_eq!(stage.answer(late).status, 101);
        assert_eq!(stage.events(member), [1]);
        stage.wait(Millis::seconds(6));
        let told = [member, late].map(|client| stage.close_code(client));
        assert_eq!(told, [Some(1001); 2], "{handover:?}");
        for client in [member, late] {
            stage.send(client, frames::close(1001, ""));
        }
        assert!(stage.exited);
    }
}

#[test]
fn a_hub_that_hands_over_waits_for_those_who_have_connected_and_not_yet_asked() {
    let mut stage = shared(Handover::Address);
    let stays = stage.client(get("/healthz"));
    let slow = stage.client("");
    stage.shut_down();
    stage.wait(Millis::seconds(3));
    assert!(!stage.exited);
    stage.send(slow, request(1, 0));
    assert_eq!(stage.statuses(slow), [202]);
    stage.wait(Millis(20));
    assert!(stage.exited && !stage.is_ended(stays));
}

#[test]
fn whoever_never_asks_keeps_a_hub_that_hands_over_no_longer_than_a_request_may_take() {
    let mut stage = shared(Handover::Address);
    stage.client("");
    stage.shut_down();
    stage.wait(Millis(9_900));
    assert!(!stage.exited);
    stage.wait(Millis(200));
    assert!(stage.exited);
}

#[test]
fn whoever_opens_a_websocket_while_others_are_closed_is_told_last() {
    let mut stage = shared(Handover::Queue);
    let members = stage.listeners(20);
    let late = stage.client("");
    stage.shut_down();
    stage.wait(SECOND);
    stage.send(late, frames::upgrade("/ws"));
    assert_eq!(stage.answer(late).status, 101);
    let mut told = Vec::new();
    while told.len() <= members.len() {
        let closes = |client: &_| stage.close_code(*client) == Some(1001);
        let all: Vec<_> = members.iter().copied().chain([late]).collect();
        told.extend(all.into_iter().filter(closes));
        stage.wait(Millis(10));
    }
    assert_eq!(told.last(), Some(&late));
    assert!(stage.now() < Millis(5_200), "{:?}", stage.now());
}

#[test]
fn whoever_waits_for_the_accept_rate_is_accepted_before_the_loop_ends() {
    let mut stage = Stage::new(|bounds| bounds.accept_rate = 10);
    stage.sim().share(Handover::Address);
    let waiting: Vec<_> = (0..30).map(|_| stage.sim().connect()).collect();
    for client in &waiting {
        stage.sim().send(*client, request(1, 0).as_bytes());
    }
    stage.shut_down();
    while !stage.exited {
        stage.wait(Millis(100));
        assert!(stage.now() < Millis::seconds(10));
    }
    for client in waiting {
        assert_eq!(stage.statuses(client), [202]);
    }
}
