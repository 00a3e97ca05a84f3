//! Scenarios of a hub that keeps what it answers: nobody hears of what is not so, and nothing is half so; whoever waits is
//! answered in the end, whatever else is said meanwhile.

use roomcast::apps::context::{Origin, Undecided};
use roomcast::id::{AppId, ConnId};
use roomcast::time::Millis;
use serde_json::json;

use crate::kept::disk::Habits;
use crate::kept::hub::{Hub, call, number_of, path_of, task};
use crate::model::wire::answers;
use crate::network::Client;

const ALL: &str = "/api/v1/tasks";
/// What a sync takes here.
const SYNC: Millis = Millis(100);

fn hub() -> Hub {
    Hub::new(Habits::taking(&[SYNC.0]), |_| {})
}

fn titles(hub: &mut Hub) -> Vec<String> {
    let shown = hub.shown(ALL);
    let tasks = shown["tasks"].as_array().unwrap().iter();
    tasks
        .map(|it| it["title"].as_str().unwrap().into())
        .collect()
}

/// The whole answers that have come, each its status and the title in it.
fn answered(hub: &mut Hub, client: Client) -> Vec<(u16, String)> {
    let mut bytes = hub.stage.sim().receive(client, usize::MAX);
    let mut found = Vec::new();
    while let Some(answer) = answers::read(&bytes, false).unwrap() {
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let title = body["title"].as_str().unwrap_or_default().to_owned();
        found.push((answer.status, title));
        bytes.drain(..answer.bytes);
    }
    assert!(bytes.is_empty(), "half an answer: {bytes:?}");
    found
}

#[test]
fn nobody_hears_of_a_change_before_it_is_synced() {
    let mut hub = hub();
    let (member, _) = hub.member(None);
    let asker = hub.ask("POST", ALL, &task("a"));
    hub.stage.wait(SYNC - Millis(1));
    assert_eq!(hub.heard(member), Vec::<serde_json::Value>::new());
    assert_eq!(answered(&mut hub, asker), []);
    assert_eq!(titles(&mut hub), Vec::<String>::new());
    hub.stage.wait(Millis(1));
    assert_eq!(hub.titles(member), [("a".into(), 1)]);
    assert_eq!(answered(&mut hub, asker), [(201, "a".into())]);
    assert_eq!(titles(&mut hub), ["a"]);
}

#[test]
fn changes_of_one_time_are_synced_together_and_told_in_their_order() {
    let mut hub = hub();
    let (member, _) = hub.member(None);
    let first = hub.ask("POST", ALL, &task("0"));
    let others: Vec<Client> = (1..6)
        .map(|it| hub.ask("POST", ALL, &task(&it.to_string())))
        .collect();
    let syncs = hub.disk.borrow().syncs;
    hub.stage.wait(SYNC + SYNC);
    assert_eq!(hub.disk.borrow().syncs, syncs + 2);
    let heard = hub.titles(member);
    assert_eq!(
        heard,
        (0..6)
            .map(|it| (it.to_string(), it + 1))
            .collect::<Vec<_>>()
    );
    for (client, title) in [first].into_iter().chain(others).zip(0..) {
        assert_eq!(answered(&mut hub, client), [(201, title.to_string())]);
    }
}

#[test]
fn what_cannot_be_stored_is_refused_and_is_not_there() {
    let mut hub = hub();
    let path = hub.create("before");
    let (member, _) = hub.member(None);
    hub.behave(|habits| habits.is_full = true);
    let requests = [
        ("POST", ALL, task("never")),
        ("PATCH", &path, json!({"title": "never"}).to_string()),
        ("DELETE", &path, String::new()),
    ];
    for (method, path, body) in &requests {
        let answer = hub.change(method, path, body);
        assert_eq!(answer.status, 503, "{method} {}", answer.body);
        assert!(answer.body.contains(r#""storage""#), "{}", answer.body);
    }
    assert_eq!(hub.titles(member), []);
    assert_eq!(titles(&mut hub), ["before"]);
    let ready = hub.get("/readyz");
    assert_eq!((ready.status, ready.body.contains("storage")), (503, true));
    hub.behave(|habits| habits.is_full = false);
    hub.stage.wait(Millis::seconds(2));
    assert_eq!(hub.get("/readyz").status, 200);
    hub.create("after");
    // The numbers have no gap for what failed.
    assert_eq!(hub.titles(member), [("after".into(), 2)]);
}

#[test]
fn what_was_decided_before_a_failure_was_told_fails_with_it() {
    let mut hub = hub();
    let (member, _) = hub.member(None);
    hub.behave(|habits| habits.is_full = true);
    let first = hub.ask("POST", ALL, &task("first"));
    hub.stage.wait(SYNC - Millis(10));
    // The disk is well again before that is due which was decided last.
    let second = hub.ask("POST", ALL, &task("second"));
    hub.stage.wait(Millis(10));
    hub.behave(|habits| habits.is_full = false);
    hub.stage.wait(SYNC + SYNC);
    for client in [first, second] {
        assert_eq!(answered(&mut hub, client), [(503, String::new())]);
    }
    assert_eq!((hub.titles(member), titles(&mut hub)), (vec![], vec![]));
}

#[test]
fn two_changes_of_one_task_are_decided_one_after_the_other() {
    let mut hub = hub();
    let path = hub.create("a");
    let (member, _) = hub.member(None);
    let one = hub.ask("PATCH", &path, &json!({"title": "b"}).to_string());
    let other = hub.ask("PATCH", &path, &json!({"description": "d"}).to_string());
    let last = hub.ask("DELETE", &path, "");
    hub.stage.wait(SYNC);
    assert_eq!(answered(&mut hub, one), [(200, "b".into())]);
    assert_eq!(answered(&mut hub, other), []);
    hub.stage.wait(SYNC);
    // It was decided from what the first had made of it.
    assert_eq!(answered(&mut hub, other), [(200, "b".into())]);
    assert_eq!(answered(&mut hub, last), []);
    hub.stage.wait(SYNC);
    assert_eq!(answered(&mut hub, last), [(204, String::new())]);
    let heard = hub.titles(member);
    let expected = [("b", 2), ("b", 3), ("", 4)];
    assert_eq!(
        heard,
        expected.map(|(title, number)| (title.to_owned(), number))
    );
    assert_eq!(hub.get(&path).status, 404);
}

#[test]
fn what_waits_for_a_change_that_fails_is_decided_all_the_same() {
    let mut hub = hub();
    let path = hub.create("a");
    hub.behave(|habits| habits.is_full = true);
    let one = hub.ask("PATCH", &path, &json!({"title": "b"}).to_string());
    let other = hub.ask("PATCH", &path, &json!({"description": "d"}).to_string());
    hub.stage.wait(SYNC - Millis(1));
    hub.stage.wait(Millis(1));
    hub.behave(|habits| habits.is_full = false);
    assert_eq!(answered(&mut hub, one), [(503, String::new())]);
    hub.stage.wait(SYNC);
    assert_eq!(answered(&mut hub, other), [(200, "a".into())]);
    assert_eq!(hub.shown(&path)["description"], "d");
}

#[test]
fn a_change_whose_client_has_gone_is_so_and_lets_others_go_on() {
    let mut hub = hub();
    let path = hub.create("a");
    let (member, _) = hub.member(None);
    let gone = hub.ask("PATCH", &path, &json!({"title": "b"}).to_string());
    let waits = hub.ask("PATCH", &path, &json!({"title": "c"}).to_string());
    let leaves = hub.ask("PATCH", &path, &json!({"title": "d"}).to_string());
    for client in [gone, leaves] {
        hub.stage.sim().reset(client);
        hub.stage.settle();
        hub.stage.sim().forget(client);
    }
    // Others have the keys that they had.
    let newcomers: Vec<Client> = (0..4).map(|_| hub.stage.client("")).collect();
    hub.stage.wait(SYNC + SYNC + SYNC);
    assert_eq!(answered(&mut hub, waits), [(200, "c".into())]);
    let heard = hub.titles(member);
    let expected = [("b", 2), ("c", 3), ("d", 4)];
    assert_eq!(
        heard,
        expected.map(|(title, number)| (title.to_owned(), number))
    );
    for client in newcomers {
        assert_eq!(answered(&mut hub, client), []);
    }
}

#[test]
fn requests_behind_one_that_waits_are_answered_in_their_order() {
    let mut hub = hub();
    let path = hub.create("a");
    let patch = json!({"title": "b"}).to_string();
    let together = [
        call("PATCH", &path, &patch),
        call("GET", &path, ""),
        call("POST", ALL, &task("c")),
        call("DELETE", &path, ""),
        call("GET", &path, ""),
    ];
    let client = hub.stage.client(together.concat());
    assert_eq!(answered(&mut hub, client), []);
    hub.stage.wait(SYNC);
    let expected = [(200, "b".into()), (200, "b".into())];
    assert_eq!(answered(&mut hub, client), expected);
    hub.stage.wait(SYNC);
    assert_eq!(answered(&mut hub, client), [(201, "c".into())]);
    hub.stage.wait(SYNC);
    assert_eq!(
        answered(&mut hub, client),
        [(204, "".into()), (404, "".into())]
    );
}

#[test]
fn no_deadline_passes_while_the_answer_is_the_hubs_to_give() {
    let mut hub = Hub::new(Habits::taking(&[1]), |_| {});
    let path = hub.create("a");
    hub.behave(|habits| habits.sync = &[300_000]);
    let asker = hub.ask("PATCH", &path, &json!({"title": "b"}).to_string());
    let behind = hub.ask("PATCH", &path, &json!({"title": "c"}).to_string());
    let pipelined = hub
        .stage
        .client(call("POST", ALL, &task("x")) + &call("GET", &path, ""));
    hub.stage.wait(Millis::seconds(290));
    for client in [asker, behind, pipelined] {
        assert!(!hub.stage.is_ended(client));
        assert_eq!(answered(&mut hub, client), []);
    }
    hub.behave(|habits| habits.sync = &[1]);
    hub.stage.wait(Millis::seconds(11));
    assert_eq!(answered(&mut hub, asker), [(200, "b".into())]);
    assert_eq!(answered(&mut hub, behind), [(200, "c".into())]);
    let statuses: Vec<u16> = answered(&mut hub, pipelined)
        .iter()
        .map(|it| it.0)
        .collect();
    assert_eq!(statuses, [201, 200]);
    // From now on it is the client's turn.
    hub.stage.wait(Millis::seconds(80));
    assert!(hub.stage.is_ended(asker));
}

#[test]
fn what_is_decided_has_its_place_until_that_is_known() {
    let mut hub = Hub::new(Habits::taking(&[SYNC.0]), |bounds| {
        bounds.app_mut(AppId::Tasks).records_max = 2;
    });
    let askers: Vec<Client> = (0..3)
        .map(|it| hub.ask("POST", ALL, &task(&it.to_string())))
        .collect();
    hub.stage.wait(SYNC + SYNC);
    let statuses: Vec<u16> = askers
        .into_iter()
        .flat_map(|it| hub.stage.statuses(it))
        .collect();
    assert_eq!(statuses, [201, 201, 507]);
    let path = {
        let shown = hub.shown(ALL);
        format!("{ALL}/{}", shown["tasks"][0]["id"].as_str().unwrap())
    };
    assert_eq!(hub.change("DELETE", &path, "").status, 204);
    // What fails gives its place back, and what is so has one and not two.
    for _ in 0..3 {
        hub.behave(|habits| habits.is_full = true);
        assert_eq!(hub.change("POST", ALL, &task("fails")).status, 503);
        hub.behave(|habits| habits.is_full = false);
    }
    hub.create("fits");
    assert_eq!(hub.change("POST", ALL, &task("full")).status, 507);
}

#[test]
fn what_waits_takes_no_more_than_its_part_of_the_memory() {
    let mut hub = Hub::new(Habits::taking(&[SYNC.0]), |bounds| {
        bounds.memory_budget_bytes = 80_000;
    });
    let long = format!(
        r#"{{"repository":"web","title":"a","description":"{}"}}"#,
        "x".repeat(2000)
    );
    let askers: Vec<Client> = (0..8).map(|_| hub.ask("POST", ALL, &long)).collect();
    hub.stage.wait(SYNC + SYNC);
    let statuses: Vec<u16> = askers
        .into_iter()
        .flat_map(|it| hub.stage.statuses(it))
        .collect();
    // Each costs its rows twice, and they have the text twice.
    assert_eq!(statuses, [201, 201, 201, 503, 503, 503, 503, 503]);
    // All of that has its room again.
    assert_eq!(hub.change("POST", ALL, &long).status, 201);
}

#[test]
fn so_many_changes_wait_at_most() {
    let mut undecided = Undecided::default();
    let (origin, mut waited) = (Origin::Said(ConnId::NOBODY), Vec::new());
    let mut last = 0;
    while undecided.has_capacity(u64::MAX) {
        last = undecided.push(AppId::Tasks, origin, None, 1, Box::new(()), Millis(0));
    }
    assert_eq!(
        (last, undecided.len(), undecided.bytes()),
        (65_536, 65_536, 65_536)
    );
    undecided.settle(1, &mut waited);
    assert!(undecided.has_capacity(u64::MAX) && waited.is_empty());
}

#[test]
fn what_is_so_after_a_crash_is_all_that_was_answered() {
    for crashes in [true, false] {
        let mut hub = hub();
        let paths = ["a", "b", "c"].map(|title| hub.create(title));
        let patched = hub.change(
            "PATCH",
            &paths[1],
            &json!({"status": "completed"}).to_string(),
        );
        assert_eq!(hub.change("DELETE", &paths[0], "").status, 204);
        let (member, told) = hub.member(None);
        let before = hub.shown(ALL);
        let position = told["position"].as_str().unwrap().to_owned();
        assert_eq!(number_of(&told["position"]), 5);
        let lost = hub.ask("POST", ALL, &task("unanswered"));
        match crashes {
            true => hub.crash(),
            false => hub.restart(),
        }
        let is_there = hub.stage.statuses(lost) == [201];
        assert!(hub.stage.is_ended(member) && hub.stage.is_ended(lost));
        let shown = hub.get(&paths[1]);
        assert_eq!(shown.body, patched.body);
        assert!(shown.header("roomcast-position") >= Some(&*position));
        assert_eq!(hub.get(&paths[0]).status, 404);
        // It resumes where it was: what was not answered is whole or not at all.
        let (member, told) = hub.member(Some(&position));
        let after = hub.shown(ALL);
        let (old, new) = (
            before["tasks"].as_array().unwrap(),
            after["tasks"].as_array().unwrap(),
        );
        assert_eq!(&new[..old.len()], &old[..]);
        let sent = new.len() - old.len();
        assert!(!is_there || sent == 1);
        assert_eq!(
            told["resumed"],
            json!({"sent": sent, "missed": 0}),
            "{told}"
        );
        assert_eq!(told["follows"], json!(vec!["unanswered"; sent]));
        hub.create("next");
        assert_eq!(hub.titles(member), [("next".into(), 6 + sent as u64)]);
        // From the first on.
        let (epoch, _) = position.split_once('-').unwrap();
        let (_, told) = hub.member(Some(&format!("{epoch}-0")));
        assert_eq!(
            told["resumed"],
            json!({"sent": 6 + sent, "missed": 0}),
            "{told}"
        );
    }
}

#[test]
fn who_follows_one_repository_resumes_it_across_a_restart() {
    for crashes in [true, false] {
        let mut hub = hub();
        let (_, told) = hub.member(None);
        for number in 0..6 {
            let repository = ["web", "other"][number % 2];
            let body = json!({"repository": repository, "title": number.to_string()});
            assert_eq!(hub.change("POST", ALL, &body.to_string()).status, 201);
        }
        match crashes {
            true => hub.crash(),
            false => hub.restart(),
        }
        let since = told["position"].as_str().unwrap();
        let says =
            json!({"type": "subscribe", "data": {"repositories": ["other"], "since": since}});
        let client = hub
            .stage
            .open("/api/v1/tasks/ws?version=1.0&api_key=a%20key%20of%20the%20simulation");
        hub.stage
            .send(client, crate::stage::text(&says.to_string()));
        let heard = hub.heard(client);
        assert_eq!(heard[0]["data"]["resumed"], json!({"sent": 3, "missed": 0}));
        let titles: Vec<&str> = heard[1..]
            .iter()
            .map(|it| it["data"]["task"]["title"].as_str().unwrap())
            .collect();
        assert_eq!(titles, ["1", "3", "5"]);
    }
}

#[test]
fn what_nobody_waits_for_is_written_once_the_disk_is_well() {
    let mut hub = Hub::beginning(
        Habits {
            is_full: true,
            ..Habits::taking(&[SYNC.0])
        },
        |bounds| bounds.app_mut(AppId::Tasks).durability = roomcast::bounds::Durability::Lazy,
    );
    hub.start();
    let (member, _) = hub.member(None);
    // Nobody waits for a disk here.
    let asker = hub.ask("POST", ALL, &task("a"));
    assert_eq!(answered(&mut hub, asker), [(201, "a".into())]);
    assert_eq!(hub.titles(member), [("a".into(), 1)]);
    hub.stage.wait(Millis::seconds(3));
    assert_eq!(hub.disk.borrow().state().records.len(), 0);
    hub.behave(|habits| habits.is_full = false);
    hub.stage.wait(Millis::seconds(1));
    assert_eq!(hub.disk.borrow().state().records.len(), 1);
    hub.crash();
    assert_eq!(titles(&mut hub), ["a"]);
    let path = path_of(&hub.change("POST", ALL, &task("b")));
    hub.restart();
    assert_eq!(hub.shown(&path)["title"], "b");
}
