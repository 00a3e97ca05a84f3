//! Hubs that are there, and one that is not any more.

use roomcast::engine::Table;
use roomcast::engine::redis::batch::{Entry, Record};
use roomcast::engine::redis::lease::Leases;
use roomcast::engine::redis::{Operation, Origin, Outcome, Request, Verdict};
use roomcast::time::Millis;

use super::server::Server;
use super::shell::{Hub, Shell, change};

const PRESENCE: Record<'static> = (Table::Rooms, "presence of three");

/// Says that it is there, and looks who is not.
fn look(shell: &mut Shell, leases: &mut Leases, now: Millis) -> Vec<Origin> {
    let mut over = Vec::new();
    while let Some(request) = leases.ask(now) {
        over = shell.ask(&request, |answer| leases.take(answer, now).unwrap());
    }
    over
}

#[test]
fn a_hub_that_is_gone_is_ended_once_whoever_notices_it() {
    let server = Server::start();
    let mut hubs = ["one", "two", "three"].map(|name| Hub::new(&server, name));
    let mut leases: Vec<Leases> = hubs
        .iter()
        .map(|hub| Leases::new("test", &hub.origin))
        .collect();
    let presence = [Operation::Put(PRESENCE, "[\"ann\"]")];
    let version = hubs[2].commit_one(change(1, &presence));
    let mut noticed = [Vec::new(), Vec::new()];
    for now in (0..=24).step_by(3).map(Millis::seconds) {
        if now < Millis::seconds(6) {
            look(&mut hubs[2].shell, &mut leases[2], now);
        }
        for index in 0..2 {
            let over = look(&mut hubs[index].shell, &mut leases[index], now);
            assert_eq!(over.is_empty(), now < Millis::seconds(18), "{now:?}");
            noticed[index] = over;
        }
    }
    let three = hubs[2].origin.clone();
    assert_eq!(noticed, [vec![three.clone()], vec![three.clone()]]);
    let expects = [(PRESENCE, version)];
    let operations = [Operation::Delete(PRESENCE), Operation::Forget(&three)];
    let end = Entry {
        expects: &expects,
        ..change(1, &operations)
    };
    for hub in &mut hubs[..2] {
        hub.submit(&[end]);
    }
    let outcomes = [0, 1].map(|index| hubs[index].outcome().unwrap());
    let Outcome::Judged(first) = &outcomes[0] else {
        panic!("{outcomes:?}");
    };
    let conflict = Verdict::Conflict(vec![("rooms/presence of three".to_owned(), 0)]);
    let won = Verdict::Committed(version + 1, vec![]);
    let (won, conflict) = (Outcome::Judged(vec![won]), Outcome::Judged(vec![conflict]));
    let is_first = matches!(first[..], [Verdict::Committed(..)]);
    let expected = if is_first {
        [won, conflict]
    } else {
        [conflict, won]
    };
    assert_eq!(outcomes, expected);
    // When it goes on it has to join anew.
    assert_eq!(hubs[2].commit(&[change(2, &[])]), Outcome::Gone);
    let drop = leases[0].drop(&three);
    hubs[0].shell.ask(&drop, |_| ());
    let over = look(&mut hubs[0].shell, &mut leases[0], Millis::seconds(30));
    assert_eq!((over, leases[0].hubs().count()), (vec![], 2));
}

#[test]
fn hubs_that_are_all_there_when_the_engine_is_back_are_not_ended() {
    let mut server = Server::start();
    let mut hubs = ["one", "two"].map(|name| Hub::new(&server, name));
    let mut leases = [0, 1].map(|index: usize| Leases::new("test", &hubs[index].origin));
    for now in [0, 3, 6].map(Millis::seconds) {
        for index in 0..2 {
            assert_eq!(look(&mut hubs[index].shell, &mut leases[index], now), []);
        }
    }
    server.restart();
    // The one is back a minute later, the other some seconds behind it.
    for seconds in (66..=90).step_by(3) {
        let now = Millis::seconds(seconds);
        for index in 0..2 {
            let back = 66 + 9 * index as u64;
            if seconds == back {
                hubs[index].shell = Shell::new(&server);
                leases[index].interrupted(now);
            }
            if seconds >= back {
                assert_eq!(look(&mut hubs[index].shell, &mut leases[index], now), []);
            }
        }
    }
    let key = "{test}:leases";
    assert_eq!(hubs[0].shell.say(&["HLEN", key]), "2");
    // And what is on the list that no hub has written is told.
    hubs[0].shell.say(&["HSET", key, "nobody", "1"]);
    let request = Request::of(["HGETALL", key]);
    leases[0].ask(Millis::seconds(93)).unwrap();
    hubs[0].shell.ask(&request, |answer| {
        assert!(leases[0].take(answer, Millis::seconds(93)).is_ok());
        leases[0].ask(Millis::seconds(93)).unwrap();
        assert!(leases[0].take(answer, Millis::seconds(93)).is_err());
    });
}
