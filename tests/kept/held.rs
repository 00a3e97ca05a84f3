//! Two hubs and one file: the second waits for the first.

use crate::harness::http::request;
use crate::harness::process::Process;
use crate::place::{Place, TASKS, create, kill, stop, task};

#[test]
fn a_hub_that_has_waited_in_vain_ends_and_names_who_has_the_file() {
    let place = Place::new();
    let first = place.serve("");
    for wait in ["0s", "300ms"] {
        let (code, said) = place.run(&format!("--data-wait {wait}"));
        assert_eq!(code, Some(1), "{said}");
        let holder = format!("process {} ", first.id());
        assert!(
            said.contains(&holder) && said.contains("--data-wait"),
            "{said}"
        );
    }
    create(&first, "still mine");
}

#[test]
fn a_hub_that_waits_long_enough_serves_who_has_knocked_with_what_the_first_has_answered() {
    let place = Place::new();
    let first = place.serve("--drain 0s");
    let second = place.start("--data-wait 10m");
    assert_eq!(second.get("/healthz").status, 200);
    let ready = second.get("/readyz");
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["reasons"], serde_json::json!(["starting"]));
    let created = create(&first, "of the first");
    // It is asked while the first has the file, and answers when it has it itself.
    let (mut reader, mut writer) = (second.http(), second.http());
    let path = format!("{TASKS}/{}", created["id"].as_str().unwrap());
    reader.send(request("GET", &path, "", ""));
    let body = r#"{"repository":"a","title":"of the second"}"#;
    writer.send(request("POST", TASKS, "", body));
    assert_eq!(second.get("/readyz").status, 503);
    stop(first);
    assert_eq!(reader.answer().json(), created);
    let answer = writer.answer();
    assert_eq!(answer.status, 201);
    assert_eq!(task(&second, &answer.json()).json(), answer.json());
}

#[test]
fn a_hub_that_is_killed_leaves_the_file_to_the_one_that_waits() {
    let place = Place::new();
    let first = place.serve("");
    let created = create(&first, "of the first");
    let second = place.start("--data-wait 10m");
    assert_eq!(second.get("/readyz").status, 503);
    kill(first);
    assert_eq!(task(&second, &created).json(), created);
}

#[test]
fn a_hub_that_is_asked_to_go_while_it_waits_goes_and_touches_nothing() {
    let place = Place::new();
    let first = place.serve("");
    let second = place.start("--data-wait 10m --drain 0s");
    stop(second);
    create(&first, "still mine");
    let third = Process::start(place.hub("--data-wait 0s"));
    assert_eq!(third.end().0.code(), Some(1));
}
