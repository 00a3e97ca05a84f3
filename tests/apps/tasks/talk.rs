//! What subscribers say and hear.

use super::*;
use crate::harness::positions::Position;
use crate::helpers::knock;

#[test]
fn every_change_is_heard_with_who_made_it() {
    let server = start("");
    let mut client = client(&server, &json!(["r"]));
    for (header, by) in [
        ("", "api"),
        ("X-Changed-By: mcp\r\n", "mcp"),
        ("X-Changed-By: cli\r\n", "cli"),
        ("X-Changed-By: api\r\n", "api"),
    ] {
        let headers = format!("{KEY}{header}");
        let task = server
            .ask("POST", ALL, &headers, r#"{"repository":"r","title":"t"}"#)
            .json();
        hears(&mut client, "task.created", &task, by);
        let task = server
            .ask("PATCH", &path(&task), &headers, r#"{"title":"u"}"#)
            .json();
        hears(&mut client, "task.updated", &task, by);
        assert_eq!(server.ask("DELETE", &path(&task), &headers, "").status, 204);
        hears(&mut client, "task.deleted", &task, by);
    }
}

#[test]
fn who_makes_a_change_is_one_of_three() {
    let server = start("");
    let task = create(&server, "r", "t");
    let mut client = client(&server, &json!(["*"]));
    for by in [
        "X-Changed-By: API",
        "X-Changed-By: somebody",
        "X-Changed-By:",
        "X-Changed-By: api\r\nX-Changed-By: api",
    ] {
        let headers = format!("{KEY}{by}\r\n");
        refused(
            &server.ask("POST", ALL, &headers, r#"{"repository":"r","title":"t"}"#),
            "X-Changed-By",
        );
        refused(
            &server.ask("PATCH", &path(&task), &headers, r#"{"title":"u"}"#),
            "X-Changed-By",
        );
        refused(
            &server.ask("DELETE", &path(&task), &headers, ""),
            "X-Changed-By",
        );
    }
    hears_nothing(&mut client);
    assert_eq!(call(&server, "GET", &path(&task), "").json(), task);
}

#[test]
fn a_client_needs_a_version_that_is_spoken() {
    let server = start("");
    let knock = |query: &str, headers: &str| {
        knock(
            &server,
            &format!("/api/v1/tasks/ws{query}"),
            &format!("{KEY}{headers}"),
        )
    };
    for (query, headers) in [
        ("?version=1.0", ""),
        ("", "X-Version: 1.0\r\n"),
        ("", "x-version: 1.9\r\n"),
        ("?version=1.99999999999999999999", ""),
        ("?version=2.0", "X-Version: 1.0\r\n"),
        ("?version=x", "X-Version: 1.0\r\n"),
    ] {
        assert_eq!(knock(query, headers).status, 101, "{query} {headers}");
    }
    for (query, headers, named) in [
        ("", "", "X-Version"),
        ("?version=", "", "version"),
        ("?version=1", "", "version"),
        ("?version=1.x", "", "version"),
        ("?version=1.0.0", "", "version"),
        ("?version=v1.0", "", "version"),
        ("?version=-1.0", "", "version"),
        ("", "X-Version:\r\n", "X-Version"),
        ("?version=1.0", "X-Version: x\r\n", "X-Version"),
        ("", "X-Version: 1.0\r\nX-Version: 1.0\r\n", "X-Version"),
    ] {
        refused(&knock(query, headers), named);
    }
    for (query, headers) in [
        ("?version=2.0", ""),
        ("?version=0.9", ""),
        ("?version=1.0", "X-Version: 3.0\r\n"),
        ("?version=18446744073709551617.0", ""),
    ] {
        let answer = knock(query, headers);
        assert_eq!(answer.error(), (400, "bad_request"));
        assert!(
            answer.message().contains("speaks major version 1 only"),
            "{}",
            answer.message()
        );
    }
}

#[test]
fn a_plain_get_of_the_socket_is_told_to_upgrade() {
    let server = start("");
    assert_eq!(call(&server, "GET", "/api/v1/tasks/ws", "").status, 426);
}

#[test]
fn a_subscription_replaces_the_one_before() {
    let server = start("");
    let mut client = client(&server, &json!(["a", "b"]));
    assert_eq!(
        subscribe(&mut client, &json!(["b", "c"])),
        json!(["b", "c"])
    );
    create(&server, "a", "t");
    let heard = [create(&server, "b", "t"), create(&server, "c", "t")];
    heard
        .iter()
        .for_each(|task| hears(&mut client, "task.created", task, "api"));
    assert_eq!(subscribe(&mut client, &json!([])), json!([]));
    create(&server, "b", "t");
    hears_nothing(&mut client);
}

#[test]
fn who_has_not_subscribed_hears_nothing() {
    let server = start("");
    let mut client = server.connect(SOCKET);
    create(&server, "a", "t");
    hears_nothing(&mut client);
}

#[test]
fn the_star_stands_for_every_repository() {
    let server = start("");
    let mut client = client(&server, &json!(["*"]));
    let tasks = [create(&server, "a", "t"), create(&server, "b", "t")];
    tasks
        .iter()
        .for_each(|task| hears(&mut client, "task.created", task, "api"));
}

#[test]
fn who_is_subscribed_to_the_star_and_a_name_hears_an_event_once() {
    let server = start("");
    let mut clients = [
        client(&server, &json!(["a", "*"])),
        client(&server, &json!(["*", "b", "a"])),
    ];
    let task = create(&server, "a", "t");
    for client in &mut clients {
        hears(client, "task.created", &task, "api");
        hears_nothing(client);
    }
}

#[test]
fn repositories_are_answered_in_the_order_in_which_they_were_named_and_each_once() {
    let server = start("");
    let mut client = server.connect(SOCKET);
    assert_eq!(
        subscribe(&mut client, &json!(["z", "*", "a", "z", "m", "*"])),
        json!(["z", "*", "a", "m"])
    );
    let without = |names: Value| json!({"type": "unsubscribe", "data": {"repositories": names}});
    assert_eq!(
        subscribed(say(&mut client, &without(json!(["a", "nobody", "a"])))),
        json!(["z", "*", "m"])
    );
    assert_eq!(
        subscribed(say(&mut client, &without(json!([])))),
        json!(["z", "*", "m"])
    );
    assert_eq!(
        subscribed(say(&mut client, &without(json!(["*"])))),
        json!(["z", "m"])
    );
    create(&server, "a", "t");
    let task = create(&server, "m", "t");
    hears(&mut client, "task.created", &task, "api");
}

#[test]
fn who_unsubscribes_without_a_list_is_subscribed_to_nothing() {
    let server = start("");
    for data in [
        json!({"type": "unsubscribe"}),
        json!({"type": "unsubscribe", "data": null}),
        json!({"type": "unsubscribe", "data": {}}),
    ] {
        let mut client = client(&server, &json!(["a", "*"]));
        assert_eq!(subscribed(say(&mut client, &data)), json!([]));
        create(&server, "a", "t");
        hears_nothing(&mut client);
    }
}

#[test]
fn a_client_has_at_most_a_thousand_repositories() {
    let server = start("");
    let mut client = server.connect(SOCKET);
    let names = |count: usize| {
        (0..count)
            .map(|number| json!(format!("r{number}")))
            .collect::<Value>()
    };
    assert_eq!(subscribe(&mut client, &names(1000)), names(1000));
    error(
        &mut client,
        &json!({"type": "subscribe", "data": {"repositories": names(1001)}}),
        "data.repositories",
    );
    let twice: Vec<Value> = [names(1000), names(1000)]
        .iter()
        .flat_map(|names| names.as_array().unwrap().clone())
        .collect();
    assert_eq!(subscribe(&mut client, &json!(twice)), names(1000));
    let task = create(&server, "r999", "t");
    hears(&mut client, "task.created", &task, "api");
}

#[test]
fn a_name_has_1_to_256_bytes_and_a_bad_one_leaves_all_as_it_was() {
    let server = start("");
    let mut client = client(&server, &json!(["a"]));
    for bad in [
        "",
        "r".repeat(257).as_str(),
        format!("{}r", "ü".repeat(128)).as_str(),
    ] {
        for kind in ["subscribe", "unsubscribe"] {
            error(
                &mut client,
                &json!({"type": kind, "data": {"repositories": ["a", bad]}}),
                "data.repositories[1]",
            );
        }
    }
    let task = create(&server, "a", "t");
    hears(&mut client, "task.created", &task, "api");
    let long = "ü".repeat(128);
    assert_eq!(subscribe(&mut client, &json!([long])), json!([long]));
    let task = create(&server, &long, "t");
    hears(&mut client, "task.created", &task, "api");
}

/// The answer to this is an error that says so, and the connection stays.
#[track_caller]
fn error(client: &mut Client, message: &Value, named: &str) {
    client.send(message.to_string());
    is_error(client, named);
}

#[track_caller]
fn is_error(client: &mut Client, named: &str) {
    let answer = client.json();
    assert_eq!(fields(&answer), ["type", "timestamp", "error"], "{answer}");
    let answer = without_times(answer, ["timestamp"]);
    assert_eq!(answer["type"], "error");
    assert!(
        answer["error"].as_str().unwrap().starts_with(named),
        "{named} is not named: {answer}"
    );
}

#[test]
fn a_message_may_have_the_fields_that_all_messages_have() {
    let server = start("");
    let mut client = server.connect(SOCKET);
    let ping = json!({"type": "ping", "timestamp": "2026-01-01T00:00:00.000Z", "data": {"any": 1}, "error": null});
    assert_eq!(say(&mut client, &ping)["type"], "pong");
    client.send(r#"{"type":"pong","timestamp":1}"#);
    hears_nothing(&mut client);
}

#[test]
fn anything_else_is_an_error_and_the_connection_stays() {
    let server = start("");
    let mut client = client(&server, &json!(["a"]));
    for (message, named) in [
        (json!({"type": "surprise"}), "type"),
        (json!({"type": "Ping"}), "type"),
        (json!({"type": "subscribed"}), "type"),
        (json!({"type": 7}), "type"),
        (json!({"type": null}), "type"),
        (json!({}), "the message: missing field `type`"),
        (json!([]), "the message"),
        (json!("ping"), "the message"),
        (json!(null), "the message"),
        (json!(["ping", null, null, null]), "the message"),
        (json!({"type": "ping", "id": 1}), "id"),
        (json!({"type": "subscribe"}), "data"),
        (json!({"type": "subscribe", "data": null}), "data"),
        (json!({"type": "subscribe", "data": []}), "data"),
        (json!({"type": "subscribe", "data": [["a"]]}), "data"),
        (
            json!({"type": "subscribe", "data": {}}),
            "data: missing field `repositories`",
        ),
        (
            json!({"type": "subscribe", "data": {"repositories": "a"}}),
            "data.repositories",
        ),
        (
            json!({"type": "subscribe", "data": {"repositories": ["a", 7]}}),
            "data.repositories[1]",
        ),
        (
            json!({"type": "subscribe", "data": {"repositories": null}}),
            "data.repositories",
        ),
        (
            json!({"type": "subscribe", "data": {"repositories": [], "since": 1}}),
            "data.since",
        ),
        (
            json!({"type": "unsubscribe", "data": {"repository": "a"}}),
            "data.repository",
        ),
        (
            json!({"type": "unsubscribe", "data": {"repositories": {}}}),
            "data.repositories",
        ),
    ] {
        error(&mut client, &message, named);
    }
    for text in ["", "hello", "{", r#"{"type":"ping"} x"#] {
        client.send(text);
        is_error(&mut client, "the message");
    }
    client.send(vec![0, 1, 2]);
    is_error(&mut client, "binary");
    let task = create(&server, "a", "t");
    hears(&mut client, "task.created", &task, "api");
}

#[test]
fn what_an_error_quotes_is_cut() {
    let server = start("");
    let mut client = server.connect(SOCKET);
    let answer = say(
        &mut client,
        &json!({"type": "ping", "ü".repeat(100_000): 1}),
    );
    assert!(answer["error"].as_str().unwrap().len() <= 400);
}

#[test]
fn the_server_pings_every_interval_and_answers_are_life() {
    let server = start("--set tasks.ping_interval=200ms --pong-timeout 60s");
    let mut client = server.connect(SOCKET);
    for _ in 0..3 {
        let ping = client.json();
        assert_eq!(fields(&ping), ["type", "timestamp"]);
        assert_eq!(without_times(ping, ["timestamp"]), json!({"type": "ping"}));
        client.send(r#"{"type":"pong"}"#);
    }
}

/// Creates tasks in `r` with so large a description, until one is dropped for somebody; returns how many were not.
pub fn create_until_dropped(server: &Server, http: &mut Http) -> usize {
    let dropped =
        || crate::helpers::metric(server, "roomcast_messages_dropped_total{app=\"tasks\"}") > 0.0;
    let body =
        json!({"repository": "r", "title": "t", "description": "d".repeat(100_000)}).to_string();
    for number in 0..10_000 {
        http.send(request("POST", ALL, KEY, &body));
        assert_eq!(http.answer().status, 201);
        if dropped() {
            return number;
        }
    }
    panic!("no queue of {} ever filled", server.address());
}

#[test]
fn a_client_that_reads_late_is_told_how_many_it_missed() {
    let server = start("--set tasks.queue_messages=8 --set tasks.history_messages=0");
    let mut client = server.connect_narrow(SOCKET);
    assert_eq!(subscribe(&mut client, &json!(["r"])), json!(["r"]));
    let mut http = server.http();
    let queued = create_until_dropped(&server, &mut http);
    for _ in 0..4 {
        create(&server, "r", "newest");
    }
    // The one that was too much is among those that were created, and so are four that are skipped for the last four.
    let (mut heard, mut missed) = (0, 0);
    while heard + missed < queued + 5 {
        let message = client.json();
        if message["type"] == "lagged" {
            assert_eq!(fields(&message), ["type", "timestamp", "data"]);
            assert_eq!(fields(&message["data"]), ["missed", "since"]);
            let since = Position::read(message["data"]["since"].as_str().unwrap());
            assert_eq!(
                since.number,
                (heard + missed) as u64,
                "behind the last one heard"
            );
            missed += message["data"]["missed"].as_u64().unwrap() as usize;
        } else {
            assert_eq!(message["type"], "task.created");
            heard += 1;
        }
    }
    assert_eq!(missed, 5);
    let task = create(&server, "r", "heard");
    hears(&mut client, "task.created", &task, "api");
}
