//! Clients that are cut and come back: against the real server, where each has everything, and against one that lies about
//! one thing to whoever comes back, which is caught.

use crate::keeper::{Keeper, Untruth};
use crate::programs::{Hub, Run, described, flood};

/// All clients but two come back three times, twice to resume messages.
const BURST: &str = "--burst --stay 2 --rounds 1 --duration 150ms --rate 40";

fn burst(lie: Untruth, flags: &str) -> Run {
    let keeper = Keeper::start(lie);
    // It counts nothing, so there are no books.
    let text = std::fs::read_to_string(described("roomcast")).unwrap();
    let file = format!(
        "{}/keeper-{lie:?}{}.toml",
        env!("CARGO_TARGET_TMPDIR"),
        flags.len()
    );
    std::fs::write(&file, text.replace("app = \"events\"\n", "")).unwrap();
    flood(&format!(
        "resume 5 {BURST} --missed 4 --settle 2s {flags} --server {} --target {file}",
        keeper.address
    ))
}

fn nothing_wrong(run: &Run) {
    for name in [
        "lost",
        "duplicates",
        "out_of_order",
        "corrupt",
        "misplaced",
        "wrong_outcomes",
        "wrong_notices",
        "not_back",
    ] {
        run.counts("resume", &[(name, 0)]);
    }
}

#[test]
fn a_server_that_tells_the_truth_passes() {
    for flags in ["", "--sse"] {
        let run = burst(Untruth::None, flags).passed();
        nothing_wrong(&run);
        run.counts("resume", &[("resumes", 15), ("missed", 0), ("cuts", 15)]);
        assert!(run.number("/resume/replayed") >= 40.0, "{run:?}");
    }
}

#[test]
fn messages_that_a_client_is_told_it_missed_are_not_lost() {
    let run = burst(Untruth::Forget, "").passed();
    nothing_wrong(&run);
    run.counts("resume", &[("missed", 10)]);
}

#[test]
fn a_message_that_is_lost_on_a_resume_is_caught() {
    for flags in ["", "--sse"] {
        let run = burst(Untruth::Lose, flags).failed("10 messages were lost in silence");
        run.counts("resume", &[("lost", 10), ("duplicates", 0)]);
    }
    burst(Untruth::Late, "").failed("messages were lost in silence");
}

#[test]
fn a_message_that_comes_twice_is_caught() {
    for lie in [Untruth::Double, Untruth::Again] {
        let run = burst(lie, "").failed("10 messages came twice");
        run.counts("resume", &[("lost", 0), ("duplicates", 10)]);
    }
}

#[test]
fn messages_that_change_places_are_caught() {
    let run = burst(Untruth::Swap, "").failed("10 messages were out of order");
    run.counts("resume", &[("lost", 0), ("duplicates", 0)]);
}

#[test]
fn an_outcome_that_is_not_true_is_caught() {
    for lie in [Untruth::Missed, Untruth::Unknown] {
        let run = burst(lie, "").failed("10 outcomes of a resume are not true");
        run.counts("resume", &[("duplicates", 0)]);
    }
    // While something is published, a number too small by one may have been true a moment ago.
    let run = burst(Untruth::Sent, "").failed("outcomes of a resume are not true");
    assert!(run.number("/resume/wrong_outcomes") >= 5.0, "{run:?}");
}

#[test]
fn a_message_with_the_position_of_another_is_caught() {
    burst(Untruth::Shift, "").failed("messages had the position of another");
}

#[test]
fn clients_that_are_cut_at_random_miss_nothing_and_the_books_agree() {
    let hub = Hub::start("");
    for flags in ["", "--sse"] {
        let run = hub
            .flood(&format!(
                "resume 50 --rate 200 --duration 1s --cut 80 --away 200ms {flags}"
            ))
            .passed();
        nothing_wrong(&run);
        let at = |name: &str| run.number(&format!("/resume/{name}"));
        assert_eq!((at("sent"), at("deliveries")), (200.0, 200.0 * 50.0));
        assert!(at("resumes") >= 20.0 && at("replayed") > 0.0, "{run:?}");
        assert_eq!(at("cuts"), at("resumes"));
        assert_eq!(at("books/server/closed"), at("cuts"));
        run.counts("close", &[("clean", 50)]);
    }
}

#[test]
fn what_a_short_history_has_no_room_for_is_told_to_the_last_message() {
    let hub = Hub::start("--set events.history_messages=3 --queue-messages 4096");
    let run = hub
        .flood(&format!("resume 20 {BURST} --missed 30"))
        .passed();
    nothing_wrong(&run);
    // Each time three of thirty are kept.
    let missed = run.number("/resume/missed");
    assert!(missed >= 2.0 * 20.0 * 27.0, "{missed}: {run:?}");
    assert_eq!(
        run.number("/resume/deliveries") + missed,
        run.number("/resume/books/expected")
    );
}

#[test]
fn a_burst_sets_what_is_resumed_against_what_is_live() {
    let hub = Hub::start("");
    let run = hub
        .flood(&format!("resume 100 {BURST} --missed 50"))
        .passed();
    nothing_wrong(&run);
    run.counts("resume", &[("clients", 100), ("resumes", 300)]);
    let at = |name: &str| run.number(&format!("/resume/burst/{name}"));
    assert!(at("live_us/median") > 0.0);
    assert!(at("quiet_us/count") >= 10.0 && at("peak/rss") > 0.0);
    let run = hub.flood(&format!(
        "resume 100 {BURST} --missed 4 --ratio-max 0.000001"
    ));
    run.failed("and 0.000001 was asked for at most");
}

#[test]
fn a_target_that_cannot_resume_is_refused() {
    let rival = described("rival");
    let run = flood(&format!("resume 5 --target {rival}"));
    assert_eq!(run.code, 2);
    assert!(run.said.contains("resume needs a target"), "{}", run.said);
}
