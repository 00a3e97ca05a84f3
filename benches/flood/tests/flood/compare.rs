//! Servers compared: each gets its slices, and all that they deliver is checked.

use crate::fake::{Fake, Lie};
use crate::programs::{Hub, described, flood, refusing};
use crate::unrest::{Meanwhile, Unrest};

#[test]
fn servers_are_loaded_in_turn_and_each_has_its_numbers() {
    let (one, two) = (Hub::start("--echo"), Hub::start("--echo"));
    let both = format!("{} {}", one.contender("one"), two.contender("two"));
    for work in [
        "fanout 12",
        "fanout 12 --rooms 3",
        "fanout 12 --rate 200",
        "echo 4",
    ] {
        let run = flood(&format!("compare {work} --rounds 3 --slice 60ms {both}")).passed();
        for (index, name) in ["one", "two"].into_iter().enumerate() {
            let at = |field: &str| run.number(&format!("/targets/{index}/{field}"));
            assert_eq!(run.report["targets"][index]["name"], name);
            assert!(at("done") > 0.0 && at("per_second/median") > 0.0);
            assert!(at("per_server_cpu_second/median") > 0.0);
            assert!(at("per_second/p25") <= at("per_second/p75"));
            // The round before the first is in neither.
            assert_eq!(at("latency_us/count"), at("done"));
            assert_eq!(at("latency_curve_us/0/0"), 0.0);
            assert!(at("slices/2/cost/server_waited_share") >= 0.0);
            let slices: f64 = (0..3).map(|i| at(&format!("slices/{i}/done"))).sum();
            assert_eq!((slices, at("lost")), (at("done"), 0.0));
        }
        assert_eq!(run.number("/targets/0/ratio/median"), 1.0);
        assert!(run.number("/targets/1/ratio/median") > 0.0);
    }
}

#[test]
fn the_timeout_does_not_cut_slices_off() {
    let (one, two) = (Hub::start("--echo"), Hub::start("--echo"));
    let both = format!("{} {}", one.contender("one"), two.contender("two"));
    // What the slices need beside the time that they are given must fit into the timeout, which they outlast.
    let run = flood(&format!(
        "compare fanout 2 --rate 20 --rounds 4 --slice 900ms --timeout 8s {both}"
    ));
    assert_eq!(run.passed().report["rounds"], 4);
}

#[test]
fn a_lie_of_one_server_is_a_problem_with_its_name() {
    let (honest, liar) = (Hub::start(""), Fake::start(Lie::Double(3)));
    let (rival, pid) = (described("rival"), std::process::id());
    let run = flood(&format!(
        "compare fanout 4 --rounds 2 --slice 50ms {} --target liar={rival}@{}@{pid}",
        honest.contender("honest"),
        liar.address
    ));
    run.failed("liar: 4 deliveries were duplicates");
}

#[test]
fn a_server_that_cannot_be_loaded_is_named() {
    let (hub, (_held, nowhere)) = (Hub::start(""), refusing());
    let run = flood(&format!(
        "compare fanout 4 --rounds 1 --slice 50ms {} --target gone=roomcast@{nowhere}@{}",
        hub.contender("here"),
        hub.pid()
    ));
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.said.starts_with("ERROR [roomcast_flood] gone: "),
        "{run:?}"
    );
}

#[test]
fn a_server_may_hang_up_on_a_publisher_whose_turn_it_is_not() {
    let rivals = Unrest::among(2, Meanwhile::HangUp);
    let all = rivals.contenders();
    let run = flood(&format!("compare fanout 4 --rounds 3 --slice 100ms {all}"));
    assert_eq!(run.passed().report["rounds"], 3);
    // The turns are a, b, then two of each in a row, and a: who was loaded before is hung up on, and b at the first.
    assert!(rivals.hung_up() >= 5, "{}", rivals.hung_up());
}

#[test]
fn clients_answer_the_pings_of_a_server_whose_turn_it_is_not() {
    for work in ["fanout", "echo"] {
        let rivals = Unrest::among(4, Meanwhile::Ping);
        let all = rivals.contenders();
        flood(&format!("compare {work} 4 --rounds 3 --slice 50ms {all}")).passed();
        assert!(rivals.answered() >= 4 * 3 * 4, "{}", rivals.answered());
    }
}
