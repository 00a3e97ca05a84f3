//! Each mode against the real server: counts are exact.

use crate::programs::{Hub, Run, described};

/// Keeps no history: no byte is left when everybody has gone, and who is slow misses what its queue has no room for.
const FORGETFUL: &str = "--set events.history_messages=0 --set tasks.history_messages=0";

const NOTHING_WRONG: &[(&str, u64)] = &[
    ("lost", 0),
    ("unexplained", 0),
    ("duplicates", 0),
    ("out_of_order", 0),
    ("corrupt", 0),
    ("wrong_size", 0),
    ("ungreeted", 0),
    ("receivers_wrong", 0),
    ("stalls", 0),
];

fn delivered(run: &Run, sent: u64, deliveries: u64) {
    run.counts("broadcast", NOTHING_WRONG);
    let numbers = [
        ("sent", sent),
        ("accepted", sent),
        ("deliveries", deliveries),
    ];
    run.counts("broadcast", &numbers);
    run.counts("broadcast/latency_us", &[("count", deliveries)]);
    run.counts("broadcast/last_member_us", &[("count", sent)]);
    assert!(run.number("/broadcast/latency_us/p50") <= run.number("/broadcast/last_member_us/max"));
}

#[test]
fn connect_opens_greets_and_closes_every_connection() {
    let run = Hub::start("")
        .flood("connect 50 --hold 100ms --broadcast")
        .passed();
    run.counts("connect", &[("asked", 50), ("opened", 50), ("greeted", 50)]);
    run.counts("hold", &[("open", 50)]);
    run.counts("close", &[("clean", 50)]);
    delivered(&run, 1, 50);
}

#[test]
fn idle_measures_memory_for_each_connection_and_the_time_that_nothing_takes() {
    let run = Hub::start("").flood("idle 200 --hold 500ms").passed();
    run.counts("hold", &[("open", 200)]);
    assert!(run.number("/hold/seconds") >= 0.5);
    assert!(run.number("/hold/cost/server_cpu_share") < 0.5);
    for kind in ["rss", "pss", "private"] {
        let connected = run.number(&format!("/memory/connected/{kind}"));
        let before = run.number(&format!("/memory/before/{kind}"));
        let each = run.number(&format!("/memory/{kind}_per_connection"));
        assert!(before > 0.0 && connected > 0.0, "{kind}: {run:?}");
        // The other two fall when somebody else starts the same program, and so shares its pages.
        assert!(kind != "rss" || connected >= before, "{kind}: {run:?}");
        assert_eq!(each, (connected - before) / 200.0, "{kind}");
    }
}

#[test]
fn fanout_reaches_everybody_once_in_order_and_whole() {
    let hub = Hub::start("");
    for pace in ["--window 1", "--window 16", "--rate 500", "--publishers 3"] {
        let run = hub
            .flood(&format!("fanout 20 --messages 40 {pace}"))
            .passed();
        delivered(&run, 40, 800);
        assert!(run.number("/broadcast/cost/server_cpu_seconds") > 0.0);
    }
}

#[test]
fn fanout_by_time_sends_all_that_its_schedule_has() {
    let run = Hub::start("")
        .flood("fanout 5 --duration 400ms --rate 100")
        .passed();
    delivered(&run, 40, 200);
}

#[test]
fn fanout_to_many_rooms_keeps_them_apart() {
    // The players show no key, and come from one address.
    let hub = Hub::start("--guest-calls-per-minute 0");
    let run = hub
        .flood("fanout --rooms 6 --members 5 --messages 60")
        .passed();
    delivered(&run, 60, 300);
    run.counts("broadcast", &[("rooms", 6), ("members", 5)]);
    let run = hub.flood("fanout 12 --rooms 4 --messages 40 --publishers 2 --window 1");
    delivered(&run.passed(), 40, 120);
}

#[test]
fn every_payload_has_the_size_that_was_asked_for_whatever_its_envelope() {
    let hub = Hub::start("");
    let rival = described("rival");
    for flags in ["", &format!("--target {rival}")] {
        for size in ["128", "1000", "70KiB"] {
            let run = hub.flood(&format!("fanout 3 --messages 5 --size {size} {flags}"));
            delivered(&run.passed(), 5, 15);
        }
    }
    let run = hub.flood("fanout 3 --size 60");
    assert_eq!(run.code, 2);
    assert!(run.said.contains("the smallest"), "{}", run.said);
}

#[test]
fn fanout_over_events_delivers_the_same() {
    let hub = Hub::start("");
    for flags in ["", "--publishers 3", "--size 70KiB"] {
        let run = hub
            .flood(&format!("fanout 20 --messages 40 --sse {flags}"))
            .passed();
        delivered(&run, 40, 800);
        run.counts("close", &[("clean", 20)]);
        assert!(run.report["url"].as_str().unwrap().starts_with("http://"));
    }
}

#[test]
fn echo_gets_back_what_it_sent() {
    let hub = Hub::start("--echo --max-message 2MiB");
    for (connections, messages, size) in [(7, 100, "128"), (2, 6, "1MiB"), (3, 9, "65536")] {
        let arguments = format!("echo {connections} --messages {messages} --size {size}");
        let run = hub.flood(&arguments).passed();
        let numbers = [("sent", messages), ("returned", messages)];
        run.counts("echo", &numbers);
        run.counts("echo", &[("lost", 0), ("damaged", 0), ("unasked", 0)]);
        run.counts("echo/round_trip_us", &[("count", messages)]);
        run.counts("close", &[("clean", connections)]);
    }
    let run = hub.flood("echo 3 --duration 200ms").passed();
    // The run's own timeout is 120 s, and to reach it is a problem.
    assert!(run.number("/echo/seconds") < 120.0);
    assert_eq!(run.number("/echo/sent"), run.number("/echo/returned"));
}

#[test]
fn echo_of_more_than_a_server_takes_is_a_problem() {
    let hub = Hub::start("--echo --max-message 64KiB");
    let run = hub.flood("echo 2 --messages 4 --size 1MiB");
    run.failed("close code 1009");
}

#[test]
fn slow_members_miss_exactly_what_the_server_says_it_dropped() {
    let hub = Hub::start("--queue-messages 8 --write-timeout 60s");
    let run = hub
        .flood("slow 10 --share 0.2 --messages 600 --size 64KiB --window 4")
        .passed();
    let dropped = run.number("/slow/dropped_by_metrics") as u64;
    assert!(dropped > 0, "nothing was dropped: {run:?}");
    let numbers = [
        ("connections", 2),
        ("given_up", 0),
        ("dropped_by_notices", dropped),
        ("dropped_by_count", dropped),
        ("lost_by_readers", 0),
    ];
    run.counts("slow", &numbers);
    run.counts("broadcast/latency_us", &[("count", 8 * 600)]);
}

#[test]
fn the_books_of_both_ends_agree_although_some_never_read_again() {
    let flags = "--queue-messages 8 --write-timeout 12s --memory-budget 32MiB";
    let hub = Hub::start(&format!("{flags} {FORGETFUL}"));
    let tasks = described("roomcast-tasks");
    let run = hub
        .flood(&format!(
            "slow 20 --rooms 2 --share 0.4 --forsaken 0.5 --messages 100 --size 16KiB --window 4 --target {tasks}"
        ))
        .passed();
    run.counts(
        "slow",
        &[("connections", 8), ("forsaken", 4), ("unexplained", 0)],
    );
    let at = |name: &str| run.number(&format!("/slow/books/{name}")) as u64;
    assert_eq!(at("clients/received"), at("server/delivered"));
    assert!(at("server/closed") >= 4 && at("server/closed") == at("clients/closed"));
    assert!(at("server/dropped") >= at("clients/told") && at("clients/told") > 0);
    // Whoever is closed because its queue does not move has something in it.
    assert!(at("server/discarded") >= 4, "{run:?}");
    assert!(at("clients/expected") >= 100 * 10);
    assert!(run.number("/slow/peak/queue_bytes") > 0.0);
}

#[test]
fn books_that_do_not_balance_fail_the_run() {
    // The metrics are those of another app, which was offered nothing.
    let file = format!("{}/books.toml", env!("CARGO_TARGET_TMPDIR"));
    let text = std::fs::read_to_string(described("roomcast")).unwrap();
    std::fs::write(&file, text.replace("app = \"events\"", "app = \"tasks\"")).unwrap();
    let hub = Hub::start("--queue-messages 8 --write-timeout 60s");
    let run = hub.flood(&format!("slow 4 --share 0.3 --messages 20 --target {file}"));
    run.failed("the server delivered 0, but the clients received");
}

#[test]
fn a_storm_ends_with_everybody_served_again() {
    let run = Hub::start(FORGETFUL).flood("storm 100 --rounds 3").passed();
    for round in 0..3 {
        let part = format!("storm/rounds/{round}");
        run.counts(&part, &[("served", 100), ("attempts", 100)]);
        let at = |name: &str| run.number(&format!("/{part}/{name}_seconds"));
        assert!(at("upgraded") <= at("greeted") && at("greeted") <= at("served"));
    }
    run.counts("close", &[("clean", 100)]);
    nothing_is_left(&run);
}

fn nothing_is_left(run: &Run) {
    let nothing = [
        ("connections", 0),
        ("rooms", 0),
        ("queue_messages", 0),
        ("queue_bytes", 0),
    ];
    run.counts("remains/after", &nothing);
    let descriptors = |when: &str| run.number(&format!("/remains/{when}/descriptors"));
    assert_eq!(descriptors("before"), descriptors("after"));
}

#[test]
fn a_churn_leaves_nothing_and_the_server_counts_what_the_guests_did() {
    let run = Hub::start(FORGETFUL)
        .flood("churn --rate 400 --duration 1s")
        .passed();
    run.counts("churn", &[("came", 400)]);
    run.counts(
        "churn/server",
        &[("accepted", 400), ("closed", 100), ("others", 0)],
    );
    run.counts(
        "churn/left",
        &[("half_request_reset", 50), ("message_close_frame", 50)],
    );
    nothing_is_left(&run);
}

#[test]
fn whoever_joins_gets_what_is_published_until_he_leaves() {
    let tasks = described("roomcast-tasks");
    let run = Hub::start(FORGETFUL)
        .flood(&format!(
            "joins 50 --rate 200 --join-rate 500 --duration 2s --target {tasks}"
        ))
        .passed();
    run.counts(
        "joins",
        &[
            ("published", 400),
            ("uninvited", 0),
            ("gaps", 0),
            ("unanswered", 0),
        ],
    );
    assert!(run.number("/joins/joins") > 100.0 && run.number("/joins/deliveries") > 4_000.0);
    nothing_is_left(&run);
}

#[test]
fn a_storm_that_not_all_survive_says_who_did_not() {
    let hub = Hub::start("--set events.max_connections=30");
    let run = hub.flood("storm 40 --timeout 5s");
    run.failed("status 503");
}

#[test]
fn a_key_is_shown_with_every_call() {
    let hub = Hub::start("--key secret");
    let run = hub.flood("fanout 3 --messages 5 --key secret").passed();
    delivered(&run, 5, 15);
    let run = hub.flood("fanout 3 --messages 5");
    assert_eq!(run.code, 1);
    assert!(run.said.contains("status 401"), "{}", run.said);
}

#[test]
fn the_latencies_are_drawn() {
    let file = format!("{}/plot.svg", env!("CARGO_TARGET_TMPDIR"));
    let run = Hub::start("").flood(&format!("fanout 5 --messages 20 --plot {file}"));
    run.passed();
    let drawn = std::fs::read_to_string(file).unwrap();
    assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"));
    for label in [
        "handshake",
        "delivery",
        "last member",
        "percentile",
        "latency in ms",
    ] {
        assert!(drawn.contains(label), "{label}");
    }
}

#[test]
fn fairness_disturbs_every_other_round_and_sets_both_kinds_against_each_other() {
    let hub = Hub::start("--write-timeout 60s");
    let run = hub
        .flood("fairness 8 --rounds 2 --slice 200ms --rate 100 --settle 4s")
        .passed();
    // Of three pairs of rounds the first is not counted.
    run.counts("fairness", &[("rounds", 2), ("sent", 120)]);
    run.counts("fairness", &[("lost_by_members", 0), ("given_up", 0)]);
    for kind in ["quiet", "disturbed"] {
        let at = |field: &str| run.number(&format!("/fairness/{kind}/{field}"));
        assert_eq!(at("latency_us/count"), 2.0 * 20.0 * 8.0, "{kind}");
        // One more may have been published when the metrics were read.
        assert!(at("publish_to_write/count") >= 38.0, "{kind}");
        assert!(at("loop_turn/count") > 0.0 && at("server_cpu_seconds") > 0.0);
    }
    assert!(run.number("/fairness/flooded") > 10_000.0);
    // Who flooded was heard to the end: it could say goodbye, and was answered.
    run.counts("close", &[("clean", 10)]);
    assert!(run.number("/fairness/ratio_p99/median") > 0.0);
}

#[test]
fn fairness_that_is_not_as_asked_for_is_a_problem() {
    let hub = Hub::start("--write-timeout 60s");
    let run = hub.flood("fairness 4 --rounds 1 --slice 100ms --settle 4s --ratio-max 0.0001");
    run.failed("and 0.0001 was asked for at most");
}

#[test]
fn a_server_that_closes_who_floods_has_not_been_disturbed() {
    let hub = Hub::start("--write-timeout 60s --client-messages-per-second 50");
    let run = hub.flood("fairness 4 --rounds 1 --slice 100ms --settle 4s");
    run.failed("gave up 1 of those that disturb");
}
