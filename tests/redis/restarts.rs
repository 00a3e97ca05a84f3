//! The server's lives: killed and started again, emptied, followed by a replica that has all or not all.

use roomcast::engine::redis::batch::Entry;
use roomcast::engine::redis::epoch::Inquiry;
use roomcast::engine::redis::{Mark, Outcome, Request};
use roomcast::time::Millis;

use super::server::Server;
use super::shell::{Follower, Heard, Hub, Records, Shell, change, put};

fn is_fenced(hub: &mut Hub, serial: u64) -> bool {
    matches!(hub.commit(&[change(serial, &[])]), Outcome::Fenced { .. })
}

#[test]
fn a_server_that_was_killed_and_lost_nothing_goes_on_in_its_epoch() {
    let mut server = Server::synced();
    let mut hub = Hub::new(&server, "one");
    let mut follower = Follower::new(&server, hub.mark());
    let last = (1..=100).map(|serial| hub.commit_one(change(serial, &[put("a", "{}")])));
    let last = last.last().unwrap();
    follower.hear_all(100);
    let (before, replid) = (hub.read(), hub.replid());
    server.restart();
    hub.shell = Shell::new(&server);
    assert_ne!(hub.replid(), replid);
    assert!(is_fenced(&mut hub, 101));
    let applied = follower.tail.mark(0).cloned();
    let decision = hub.inquire(applied, 0xbbbb);
    assert_eq!((&decision.epoch[..], decision.is_new), ("0000aaaa", false));
    assert_eq!(decision.number, last);
    assert_eq!(hub.read(), before);
    assert_eq!(hub.commit_one(change(101, &[])), last + 1);
    follower.reconnect(&server);
    let heard = follower.hear_all(1);
    assert!(matches!(&heard[..], [Heard::Entry(number, ..)] if *number == last + 1));
}

#[test]
fn a_server_that_was_emptied_begins_a_new_epoch_with_higher_numbers() {
    let server = Server::start();
    let mut hub = Hub::new(&server, "one");
    let mut follower = Follower::new(&server, hub.mark());
    let last = hub.commit_one(change(1, &[put("a", "{}")]));
    follower.hear_all(1);
    let applied = hub.mark();
    hub.shell.say(&["FLUSHALL"]);
    let fenced = hub.commit(&[change(2, &[])]);
    assert!(
        matches!(&fenced, Outcome::Fenced { epoch, .. } if epoch.is_empty()),
        "{fenced:?}"
    );
    assert_eq!(hub.read().2, None);
    let decision = hub.inquire(Some(applied), 0xbbbb);
    assert_eq!((&decision.epoch[..], decision.is_new), ("0000bbbb", true));
    assert!(decision.number > last);
    hub.epoch = decision.epoch;
    // Nobody is known there any more.
    assert_eq!(hub.commit(&[change(2, &[])]), Outcome::Gone);
    hub.join();
    assert_eq!(hub.commit_one(change(2, &[])), decision.number + 1);
    assert_eq!(hub.read().0, []);
    // Who waits hears of it, and so does who comes back.
    let began = Heard::Began(decision.number, "0000bbbb".to_owned());
    assert_eq!(follower.hear_all(2)[0], began);
    let mut late = Follower::new(
        &server,
        Mark {
            number: last,
            by: "one/7/1".to_owned(),
            epoch: "0000aaaa".to_owned(),
        },
    );
    assert_eq!(late.hear_all(2)[0], began);
}

#[test]
fn a_replica_that_has_all_goes_on_in_the_epoch() {
    let (mut primary, replica, mut hub) = pair();
    let last = hub.commit_one(change(1, &[put("a", "{}")]));
    let applied = hub.mark();
    assert_eq!(hub.shell.say(&["WAIT", "1", "10000"]), "1");
    primary.kill();
    let before = promote(&replica, &mut hub);
    assert!(is_fenced(&mut hub, 2));
    let decision = hub.inquire(Some(applied), 0xbbbb);
    assert_eq!((&decision.epoch[..], decision.number), ("0000aaaa", last));
    assert_eq!(before, hub.read().0);
    assert_eq!(hub.commit_one(change(2, &[])), last + 1);
}

#[test]
fn a_replica_that_lacks_the_tail_begins_a_new_epoch() {
    let (mut primary, replica, mut hub) = pair();
    let mut follower = Follower::new(&primary, hub.mark());
    let kept = hub.commit_one(change(1, &[put("a", "{\"kept\":1}")]));
    assert_eq!(hub.shell.say(&["WAIT", "1", "10000"]), "1");
    // From here on the replica gets nothing.
    Shell::new(&replica).say(&["REPLICAOF", "127.0.0.1", "1"]);
    let lost = hub.commit_one(change(2, &[put("a", "{\"lost\":1}"), put("b", "{}")]));
    follower.hear_all(2);
    let applied = follower.tail.mark(0).cloned();
    assert_eq!(applied.as_ref().unwrap().number, lost);
    primary.kill();
    promote(&replica, &mut hub);
    assert!(is_fenced(&mut hub, 3));
    let decision = hub.inquire(applied, 0xbbbb);
    assert_eq!((&decision.epoch[..], decision.is_new), ("0000bbbb", true));
    assert!(decision.number > lost);
    hub.epoch = decision.epoch;
    let records = [("rooms/a".to_owned(), kept, "{\"kept\":1}".to_owned())];
    assert_eq!(hub.read().0, records);
    assert_eq!(hub.commit_one(change(3, &[])), decision.number + 1);
    follower.reconnect(&replica);
    let began = Heard::Began(decision.number, "0000bbbb".to_owned());
    assert_eq!(follower.hear_all(2)[0], began);
}

#[test]
fn a_stream_that_was_lost_is_noticed_by_who_reads_on_before_anybody_decides() {
    let (mut primary, replica, mut hub) = pair();
    let mut follower = Follower::new(&primary, hub.mark());
    assert_eq!(hub.shell.say(&["WAIT", "1", "10000"]), "1");
    Shell::new(&replica).say(&["REPLICAOF", "127.0.0.1", "1"]);
    hub.commit_one(change(1, &[]));
    follower.hear_all(1);
    primary.kill();
    promote(&replica, &mut hub);
    follower.reconnect(&replica);
    assert_eq!(follower.hear_all(1), [Heard::Lost]);
}

#[test]
fn the_first_replica_ends_no_epoch() {
    let (primary, replica) = (Server::on_a_port(), Server::start());
    let mut hub = Hub::new(&primary, "one");
    let last = hub.commit_one(change(1, &[]));
    let applied = hub.mark();
    let port = primary.port().to_string();
    Shell::new(&replica).say(&["REPLICAOF", "127.0.0.1", &port]);
    assert_eq!(hub.shell.say(&["WAIT", "1", "10000"]), "1");
    assert!(is_fenced(&mut hub, 2));
    let decision = hub.inquire(Some(applied), 0xbbbb);
    assert_eq!((&decision.epoch[..], decision.is_new), ("0000aaaa", false));
    assert_eq!(hub.commit_one(change(2, &[])), last + 1);
}

#[test]
fn one_hub_decides_and_the_others_find_it_decided() {
    let mut server = Server::synced();
    let mut hubs = [Hub::new(&server, "one"), Hub::new(&server, "two")];
    let last = hubs[0].commit_one(change(1, &[]));
    let applied = hubs[0].mark();
    server.restart();
    let mut inquiries = Vec::new();
    for hub in &mut hubs {
        hub.shell = Shell::new(&server);
        let replid = hub.replid();
        let applied = Some(applied.clone());
        inquiries.push(Inquiry::new(
            &hub.keys,
            &hub.origin,
            applied,
            replid,
            Millis(0),
        ));
    }
    // The first waits for what the second says, which it has not yet.
    for now in [0, 100, 200] {
        assert_eq!(
            hubs[0].inquire_once(&mut inquiries[0], Millis(now), 1),
            None
        );
    }
    let second = hubs[1]
        .inquire_once(&mut inquiries[1], Millis(250), 2)
        .unwrap();
    let first = hubs[0]
        .inquire_once(&mut inquiries[0], Millis(300), 1)
        .unwrap();
    assert_eq!(first, second);
    assert_eq!(
        (&first.epoch[..], first.number, first.is_new),
        ("0000aaaa", last, false)
    );
}

#[test]
fn a_hub_that_has_applied_what_is_lost_ends_the_epoch_whatever_the_others_have() {
    // The entry itself is not there, or another has its number.
    for (beyond, by) in [(5, "two/7/6"), (0, "two/7/1")] {
        let mut server = Server::synced();
        let mut hubs = [Hub::new(&server, "one"), Hub::new(&server, "two")];
        hubs[0].commit_one(change(1, &[]));
        let applied = hubs[0].mark();
        server.restart();
        let ahead = Mark {
            number: applied.number + beyond,
            by: by.to_owned(),
            ..applied.clone()
        };
        let mut inquiries = Vec::new();
        for (hub, applied) in hubs.iter_mut().zip([applied, ahead.clone()]) {
            hub.shell = Shell::new(&server);
            let replid = hub.replid();
            let inquiry = Inquiry::new(&hub.keys, &hub.origin, Some(applied), replid, Millis(0));
            inquiries.push(inquiry);
        }
        let [one, two] = &mut hubs;
        assert_eq!(one.inquire_once(&mut inquiries[0], Millis(0), 1), None);
        let second = two.inquire_once(&mut inquiries[1], Millis(50), 2).unwrap();
        let first = one.inquire_once(&mut inquiries[0], Millis(100), 1).unwrap();
        assert_eq!((&second.epoch[..], second.is_new), ("00000002", true));
        assert_eq!((&first.epoch[..], first.is_new), ("00000002", false));
        assert!(second.number > ahead.number);
    }
}

#[test]
fn a_server_that_is_another_again_meanwhile_is_asked_about_anew() {
    let mut server = Server::synced();
    let mut hub = Hub::new(&server, "one");
    let last = hub.commit_one(change(1, &[]));
    let applied = Some(hub.mark());
    let replid = hub.replid();
    let mut inquiry = Inquiry::new(&hub.keys, &hub.origin, applied, replid, Millis(0));
    server.restart();
    hub.shell = Shell::new(&server);
    let decision = hub.inquire_once(&mut inquiry, Millis(5000), 3).unwrap();
    let expected = ("0000aaaa", last, false);
    assert_eq!(
        (&decision.epoch[..], decision.number, decision.is_new),
        expected
    );
}

#[test]
fn nobody_who_knows_anything_is_a_new_epoch_after_two_seconds() {
    let mut server = Server::synced();
    let mut hub = Hub::new(&server, "one");
    hub.commit_one(change(1, &[put("a", "{}")]));
    let records = hub.read().0;
    server.restart();
    hub.shell = Shell::new(&server);
    let replid = hub.replid();
    let mut inquiry = Inquiry::new(&hub.keys, &hub.origin, None, replid, Millis(0));
    for now in (0..20).map(|tenth| Millis(tenth * 100)) {
        assert_eq!(hub.inquire_once(&mut inquiry, now, 3), None);
    }
    let decision = hub.inquire_once(&mut inquiry, Millis(2000), 3).unwrap();
    assert_eq!((&decision.epoch[..], decision.is_new), ("00000003", true));
    // What it has stays.
    assert_eq!(hub.read().0, records);
}

#[test]
fn a_stream_that_somebody_else_wrote_to_is_not_written_on() {
    let server = Server::start();
    let mut hub = Hub::new(&server, "one");
    let (from, stream) = (hub.mark().number, hub.keys.stream.clone());
    let above = format!("{}-0", from + 2);
    hub.shell
        .ask(&Request::of(["XADD", &stream, &above, "by", "x"]), |_| ());
    let entries: Vec<Entry<'_>> = (1..=3).map(|serial| change(serial, &[])).collect();
    let outcome = hub.commit(&entries);
    let Outcome::Judged(verdicts) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(
        matches!(verdicts[..], [roomcast::engine::redis::Verdict::Torn(_)]),
        "{verdicts:?}"
    );
    let decision = hub.inquire(None, 0xbbbb);
    assert!(decision.is_new && decision.number > from + 2);
    hub.epoch = decision.epoch;
    assert_eq!(hub.commit_one(change(1, &[])), decision.number + 1);
}

/// A primary, a replica that follows it, and a hub at the primary.
fn pair() -> (Server, Server, Hub) {
    let primary = Server::on_a_port();
    let replica = Server::start();
    let mut shell = Shell::new(&replica);
    shell.say(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
    // With its first replica the primary itself becomes another one, by its replication id.
    assert_eq!(Shell::new(&primary).say(&["WAIT", "1", "10000"]), "1");
    let hub = Hub::new(&primary, "one");
    (primary, replica, hub)
}

/// The replica is the primary, and the hub is there. What it has.
fn promote(replica: &Server, hub: &mut Hub) -> Records {
    hub.shell = Shell::new(replica);
    hub.shell.say(&["REPLICAOF", "NO", "ONE"]);
    hub.read().0
}
