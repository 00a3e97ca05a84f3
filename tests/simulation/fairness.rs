//! Scenarios of greed: however much one client sends, or leaves unread, the others are served as soon as ever. All is
//! counted in turns, and in what a turn does for whom; no time passes.

use super::network::Client;
use roomcast::bounds::TurnBounds;
use roomcast::id::AppId;
use roomcast::time::Millis;
use roomcast::work;

use crate::model::wire::deflate::compress;
use crate::model::wire::frames::{self, BINARY, PING, TEXT, frame};
use crate::stage::{Stage, request, text};

/// A megabyte of the shortest messages that say something.
const FLOOD_BYTES: usize = 1 << 20;

/// What one write takes at most of what waits in a queue.
const WRITE_BYTES_MAX: u64 = 256 << 10;

fn share() -> u64 {
    TurnBounds::default().share / work::MESSAGE
}

fn stage() -> Stage {
    Stage::new(|bounds| bounds.connections_max = 4096)
}

/// Messages that the echo has taken.
fn taken(stage: &Stage) -> u64 {
    stage.reactor.metrics().messages_received[AppId::Ops as usize]
}

/// A client that takes all that it is sent.
fn reader(stage: &mut Stage) -> Client {
    let client = stage.open("/echo");
    stage.sim().resize(client, 1 << 30);
    client
}

/// These clients have sent a megabyte each, of which something has been looked at; how many messages each has sent.
fn flood(stage: &mut Stage, flooders: &[Client]) -> usize {
    let message = text("x");
    let messages = FLOOD_BYTES / message.len();
    for &flooder in flooders {
        stage.sim().send(flooder, &message.repeat(messages));
    }
    stage.turn();
    stage.turn();
    messages
}

/// Turns until this client has got something.
fn turns_until_answered(stage: &mut Stage, client: Client) -> u32 {
    let turns = (1..100).find(|_| {
        stage.turn();
        stage.sim().unread(client) > 0
    });
    turns.expect("the client is answered while others flood")
}

#[test]
fn a_message_is_answered_in_its_turn_while_one_floods_and_another_never_reads() {
    let mut stage = stage();
    let ordinary = stage.open("/echo");
    let sleeper = stage.open("/echo");
    stage.sim().resize(sleeper, 10);
    let asleep = stage.narrow_listeners(1, 10)[0];
    stage.publish(1, 300_000);
    let flooder = reader(&mut stage);
    let messages = flood(&mut stage, &[flooder]);
    stage
        .sim()
        .send(sleeper, &text(&"x".repeat(1000)).repeat(1000));
    let mut answers = 0;
    while stage.reactor.is_busy() {
        let before = taken(&stage);
        stage.sim().send(ordinary, &text("hello"));
        assert_eq!(turns_until_answered(&mut stage, ordinary), 1);
        assert_eq!(stage.frames_at_hand(ordinary), 1);
        let others = taken(&stage) - before - 1;
        assert!(
            others <= 2 * share(),
            "{others} messages of others came first"
        );
        answers += 1;
    }
    assert!(
        answers as u64 >= messages as u64 / share() - 2,
        "{answers} answers"
    );
    let echoes = stage.frames(flooder);
    assert_eq!(echoes.len(), messages);
    assert!(echoes.iter().all(|echo| echo.payload == b"x"));
    assert!(!stage.is_ended(sleeper) && !stage.is_ended(asleep));
}

#[test]
fn each_of_many_who_flood_has_a_share_and_no_more() {
    let mut stage = stage();
    let ordinary = stage.open("/echo");
    let flooders: Vec<Client> = (0..20).map(|_| reader(&mut stage)).collect();
    flood(&mut stage, &flooders);
    // Until it is known of all of them what they do, they are served like everybody else.
    stage.sim().send(ordinary, &text("hello"));
    assert!(turns_until_answered(&mut stage, ordinary) <= 2);
    assert_eq!(stage.frames_at_hand(ordinary), 1);
    for _ in 0..50 {
        let before = taken(&stage);
        stage.sim().send(ordinary, &text("hello"));
        assert_eq!(turns_until_answered(&mut stage, ordinary), 1);
        assert_eq!(stage.frames_at_hand(ordinary), 1);
        let others = taken(&stage) - before - 1;
        let bounds = TurnBounds::default();
        let most = (bounds.serve + bounds.serve_heavy) / work::MESSAGE + 2 * share();
        assert!(others <= most, "{others} messages in one turn");
    }
}

#[test]
fn a_flood_delays_no_request_no_delivery_and_no_newcomer() {
    let mut stage = stage();
    let listener = stage.open("/ws");
    let publisher = stage.client("");
    let flooder = reader(&mut stage);
    flood(&mut stage, &[flooder]);
    let before = taken(&stage);
    stage.sim().send(publisher, request(1, 0).as_bytes());
    assert_eq!(turns_until_answered(&mut stage, publisher), 1);
    assert!(stage.sim().unread(listener) > 0);
    let newcomer = stage.sim().connect();
    stage
        .sim()
        .send(newcomer, frames::upgrade("/echo").as_bytes());
    // It is accepted in one turn and told of its bytes in the next.
    assert!(turns_until_answered(&mut stage, newcomer) <= 2);
    assert!(taken(&stage) - before <= 3 * share());
}

#[test]
fn pings_and_messages_without_a_sense_have_the_same_share() {
    for (path, message) in [
        ("/echo", frame(true, PING, b"x")),
        ("/ws", text("x")),
        ("/ws", frame(true, BINARY, b"")),
    ] {
        let mut stage = stage();
        let ordinary = stage.open("/echo");
        let flooder = stage.open(path);
        stage.sim().resize(flooder, 1 << 30);
        stage.sim().send(flooder, &message.repeat(50_000));
        let mut turns = 0;
        while stage.reactor.is_busy() || stage.reactor.transport().is_restless() {
            stage.sim().send(ordinary, &text("hello"));
            assert_eq!(turns_until_answered(&mut stage, ordinary), 1);
            assert_eq!(stage.frames_at_hand(ordinary), 1);
            turns += 1;
        }
        assert!(turns as u64 >= 50_000 / share(), "{path}: {turns} turns");
    }
}

#[test]
fn pipelined_requests_have_the_same_share() {
    let mut stage = stage();
    let ordinary = stage.open("/echo");
    let flooder = stage.client("");
    stage.sim().resize(flooder, 1 << 30);
    let requests = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(5000);
    stage.sim().send(flooder, requests.as_bytes());
    let mut turns = 0;
    while stage.reactor.is_busy() || stage.reactor.transport().is_restless() {
        stage.sim().send(ordinary, &text("hello"));
        assert_eq!(turns_until_answered(&mut stage, ordinary), 1);
        assert_eq!(stage.frames_at_hand(ordinary), 1);
        turns += 1;
    }
    assert!(turns as u64 >= 5000 / share(), "{turns} turns");
    assert_eq!(stage.statuses(flooder), [200; 5000]);
}

#[test]
fn of_long_messages_no_more_is_read_in_a_turn_than_its_share() {
    let mut stage = stage();
    let ordinary = stage.open("/echo");
    let flooder = stage.open("/ws");
    stage
        .sim()
        .send(flooder, &text(&"x".repeat(400_000)).repeat(10));
    // The read that uses the share up is not cut short.
    let read_bytes_max = TurnBounds::default().share + (64 << 10);
    let mut turns = 0;
    loop {
        let before = stage.reactor.metrics().received_bytes;
        stage.sim().send(ordinary, &text("hello"));
        assert_eq!(turns_until_answered(&mut stage, ordinary), 1);
        assert_eq!(stage.frames_at_hand(ordinary), 1);
        let bytes = stage.reactor.metrics().received_bytes - before;
        assert!(bytes <= read_bytes_max, "{bytes} bytes in a turn");
        if !stage.reactor.is_busy() {
            break;
        }
        turns += 1;
    }
    assert!(turns >= 4_000_000 / read_bytes_max, "{turns} turns");
}

#[test]
fn what_is_long_only_once_it_is_unpacked_is_long() {
    let mut stage = stage();
    let ordinary = stage.open("/echo");
    let flooder = stage.client(frames::upgrade_with("/ws", "permessage-deflate"));
    assert_eq!(stage.answer(flooder).status, 101);
    let mut bomb = frame(true, TEXT, &compress(&vec![b'x'; 500_000]));
    bomb[0] |= 0x40;
    assert!(bomb.len() < 1000);
    let events = |stage: &Stage| stage.reactor.metrics().messages_received[AppId::Events as usize];
    stage.sim().send(flooder, &bomb.repeat(50));
    // Each takes more than a turn.
    let mut turns = 0;
    while events(&stage) < 50 {
        let before = events(&stage);
        stage.sim().send(ordinary, &text("hello"));
        assert_eq!(turns_until_answered(&mut stage, ordinary), 1);
        assert_eq!(stage.frames_at_hand(ordinary), 1);
        assert!(events(&stage) <= before + 1, "one in each turn");
        turns += 1;
    }
    assert!(turns > 50, "{turns} turns");
}

#[test]
fn a_long_backlog_goes_out_in_pieces_and_delays_nobody() {
    let mut stage = stage();
    let ordinary = stage.open("/echo");
    let sleeper = stage.narrow_listeners(1, 10)[0];
    for number in 1..=10 {
        stage.publish(number, 100_000);
    }
    stage.sim().resize(sleeper, 1 << 30);
    let mut turns = 0;
    loop {
        let before = stage.sim().received(sleeper);
        stage.sim().send(ordinary, &text("hello"));
        assert_eq!(turns_until_answered(&mut stage, ordinary), 1);
        assert_eq!(stage.frames_at_hand(ordinary), 1);
        let bytes = stage.sim().received(sleeper) - before;
        assert!(bytes <= WRITE_BYTES_MAX, "{bytes} bytes in one write");
        if bytes == 0 {
            break;
        }
        turns += 1;
    }
    assert_eq!(turns, 4);
    assert_eq!(stage.events(sleeper), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
}

#[test]
fn one_frame_longer_than_a_write_goes_out_in_pieces_too() {
    let mut stage = Stage::new(|bounds| bounds.app_mut(AppId::Ops).message_bytes_max = 1 << 20);
    let client = stage.open("/echo");
    stage.sim().resize(client, 1 << 30);
    stage.sim().send(client, &text(&"x".repeat(1_000_000)));
    let mut writes = Vec::new();
    for _ in 0..100 {
        let before = stage.sim().received(client);
        stage.turn();
        writes.push(stage.sim().received(client) - before);
    }
    writes.retain(|&bytes| bytes > 0);
    assert_eq!(writes[..3], [WRITE_BYTES_MAX; 3]);
    assert_eq!(writes.len(), 4);
    assert_eq!(stage.frames(client)[0].payload.len(), 1_000_000);
}

#[test]
fn a_storm_of_connections_delays_nobody() {
    let mut stage = stage();
    let ordinary = stage.open("/echo");
    let clients: Vec<Client> = (0..1000).map(|_| stage.sim().connect()).collect();
    for &client in &clients {
        stage.sim().send(client, frames::upgrade("/ws").as_bytes());
    }
    let accepts_max = TurnBounds::default().accept.div_ceil(work::ACCEPT) as usize;
    while stage.reactor.connections() <= clients.len() {
        let before = stage.reactor.connections();
        stage.sim().send(ordinary, &text("hello"));
        assert_eq!(turns_until_answered(&mut stage, ordinary), 1);
        assert_eq!(stage.frames_at_hand(ordinary), 1);
        assert!(stage.reactor.connections() - before <= accepts_max);
    }
    stage.settle();
    for client in clients {
        assert_eq!(stage.answer(client).status, 101);
    }
}

#[test]
fn a_crowd_that_is_late_together_is_sent_away_turn_by_turn() {
    const A_TURN: usize = 8;
    let mut stage = Stage::new(|bounds| bounds.turn.tick = A_TURN as u64 * work::LAPSE);
    let crowd: Vec<_> = (0..100)
        .map(|_| stage.client("GET / HTTP/1.1\r\n"))
        .collect();
    stage.wait(Millis(9_900));
    let late = stage.now() + Millis(200);
    stage.sim().set_horizon(late);
    let (mut told, mut turns) = (0, 0);
    while told < crowd.len() {
        stage.turn();
        turns += 1;
        assert!(turns < 1000, "{told} were told");
        let before = told;
        let is_told = |client: &&Client| stage.reactor.transport().received(**client) > 0;
        told = crowd.iter().filter(is_told).count();
        assert!(told - before <= A_TURN, "{} in one turn", told - before);
    }
    assert_eq!(stage.statuses(crowd[99]), [408]);
}

#[test]
fn no_turn_answers_a_crowd_with_more_than_its_bytes() {
    const LONG_BYTES: usize = 60_000;
    const TURN_BYTES: usize = 1 << 20;
    let mut stage = stage();
    let crowd: Vec<_> = (0..100).map(|_| stage.open("/echo")).collect();
    let long = text(&"x".repeat(LONG_BYTES));
    for &client in &crowd {
        stage.sim().send(client, &long);
    }
    let before = taken(&stage);
    let (mut all, mut turns) = (0, 0);
    while all < crowd.len() as u64 {
        stage.turn();
        turns += 1;
        let now = taken(&stage) - before;
        let queued_bytes = (now - all) as usize * LONG_BYTES;
        assert!(
            queued_bytes < TURN_BYTES + LONG_BYTES,
            "{queued_bytes} in one turn"
        );
        all = now;
    }
    // Nobody has to wait for much longer than that takes.
    assert!(
        turns <= 2 + 2 * crowd.len() * LONG_BYTES / TURN_BYTES,
        "{turns} turns"
    );
}

#[test]
fn a_short_question_is_answered_beside_long_ones() {
    const LONG_BYTES: usize = 100_000;
    let mut stage = stage();
    let crowd: Vec<_> = (0..100).map(|_| stage.open("/echo")).collect();
    let (first, last) = (stage.open("/echo"), stage.open("/echo"));
    let long = text(&"x".repeat(LONG_BYTES));
    for &client in &crowd {
        stage.send(client, &long);
        assert_eq!(stage.frames(client).len(), 1);
    }
    let before = taken(&stage);
    stage.sim().send(first, &text("short"));
    for &client in &crowd {
        stage.sim().send(client, &long);
    }
    stage.sim().send(last, &text("short"));
    for _ in 0..4 {
        stage.turn();
    }
    let taken = taken(&stage) - before;
    assert!((3..60).contains(&taken), "{taken} of all were looked at");
    assert_eq!(
        [first, last].map(|client| stage.frames_at_hand(client)),
        [1, 1]
    );
    stage.settle();
    for &client in &crowd {
        assert_eq!(stage.frames(client).len(), 1);
    }
}
