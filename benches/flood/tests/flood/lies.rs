//! Servers that do one thing wrong: each is caught, and the report says what and how often.

use crate::fake::{Fake, Lie};
use crate::programs::{Hub, Run, described, flood};

/// Four members, ten messages of 200 bytes with a few in flight. What is lost is waited for as long as a busy machine
/// may take for what is not; what is not lost is not waited for.
fn fanout(lie: Lie) -> Run {
    let (fake, rival) = (Fake::start(lie), described("rival"));
    flood(&format!(
        "fanout 4 --messages 10 --window 3 --size 200 --settle 4s --server {} --target {rival}",
        fake.address
    ))
}

#[test]
fn a_server_that_tells_the_truth_passes() {
    let run = fanout(Lie::None).passed();
    run.counts("broadcast", &[("deliveries", 40), ("lost", 0)]);
}

#[test]
fn a_message_that_nobody_gets_is_lost_for_everybody() {
    let run = fanout(Lie::Drop(5)).failed("4 deliveries were lost");
    run.counts("broadcast", &[("deliveries", 36), ("lost", 4)]);
}

#[test]
fn a_message_that_one_member_does_not_get_is_lost_once() {
    for at in [0, 5, 9] {
        let run = fanout(Lie::DropForOne(at)).failed("1 deliveries were lost");
        run.counts("broadcast", &[("lost", 1), ("unexplained", 1)]);
    }
}

#[test]
fn a_message_that_comes_twice_is_a_duplicate_for_each() {
    for at in [0, 5, 9] {
        let run = fanout(Lie::Double(at)).failed("4 deliveries were duplicates");
        run.counts("broadcast", &[("deliveries", 40), ("lost", 0)]);
    }
}

#[test]
fn messages_that_change_places_are_out_of_order() {
    let run = fanout(Lie::Swap(5)).failed("4 deliveries were out of order");
    run.counts("broadcast", &[("deliveries", 40), ("lost", 0)]);
}

#[test]
fn a_byte_that_changed_is_damage_and_the_message_lost() {
    let run = fanout(Lie::Damage(5)).failed("4 deliveries were damaged");
    run.counts("broadcast", &[("corrupt", 4), ("lost", 4)]);
    fanout(Lie::Shorten(5)).failed("4 deliveries were damaged");
}

#[test]
fn a_message_of_another_size_is_not_what_was_asked_for() {
    let run = fanout(Lie::Lengthen(5)).failed("4 deliveries had another size");
    run.counts("broadcast", &[("lost", 0), ("corrupt", 0)]);
}

#[test]
fn a_refusal_stops_the_publishing_and_is_told() {
    fanout(Lie::Refuse(5)).failed("publishing stopped: status 500");
}

#[test]
fn a_wrong_number_of_receivers_is_told() {
    let run = fanout(Lie::Miscount(5)).failed("1 answers named another number of receivers");
    run.counts("broadcast", &[("receivers_wrong", 1), ("lost", 0)]);
}

#[test]
fn connections_that_are_cut_are_told_by_kind() {
    fanout(Lie::HangUp(5)).failed("4 open connections went away: hung up");
}

#[test]
fn echoes_that_differ_or_come_twice_are_caught() {
    for (lie, problem) in [
        (Lie::Garble, "6 messages came back damaged"),
        (Lie::Repeat, "messages came that nobody had sent"),
    ] {
        let (fake, rival) = (Fake::start(lie), described("rival"));
        let run = flood(&format!(
            "echo 2 --messages 6 --settle 4s --server {} --target {rival}",
            fake.address
        ));
        run.failed(problem);
    }
}

#[test]
fn a_server_that_does_not_keep_rooms_apart_is_caught() {
    // The events app has one room, whatever the upgrade's query says.
    let rival = std::fs::read_to_string(described("rival")).unwrap();
    let one_room = format!("{}/one-room.toml", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&one_room, rival.replace("events?room={room}", "events")).unwrap();
    let run = Hub::start("").flood(&format!(
        "fanout --rooms 2 --members 3 --messages 10 --target {one_room}"
    ));
    // Each of six members gets the five messages of the other room as well, and a probe.
    let run = run.failed("36 deliveries were damaged or unknown");
    run.counts("broadcast", &[("deliveries", 30), ("lost", 0)]);
}
