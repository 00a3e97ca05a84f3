//! What subscribers hear.

use super::*;

const STEPS: [&str; 4] = ["pending", "opened", "action_started", "completed"];

#[test]
fn a_plain_get_of_the_socket_is_told_to_upgrade() {
    let server = start("");
    let answer = call(
        &server,
        "GET",
        &format!("{}/ws", Session::new(&server).path),
        "",
    );
    assert_eq!(
        (answer.status, answer.header("upgrade")),
        (426, Some("websocket"))
    );
}

#[test]
fn a_session_goes_step_by_step_and_everybody_hears_each_step() {
    let server = start("");
    let session = Session::new(&server);
    let mut clients = [
        session.subscriber(&server, "pending"),
        session.subscriber(&server, "pending"),
    ];
    for status in ["opened", "action_started"] {
        let answer = session.report(&server, status);
        assert_eq!(
            (answer.status, answer.json()),
            (200, session.show(&server).json())
        );
        assert_eq!(answer.json()["status"], status);
        clients
            .iter_mut()
            .for_each(|client| session.hears(client, status));
    }
    let answer = session.complete(&server, r#"{"paid":true}"#);
    assert_eq!(
        (answer.status, &answer.json()["status"]),
        (201, &json!("completed"))
    );
    clients
        .iter_mut()
        .for_each(|client| session.hears_result(client, &json!({"paid": true})));
    assert_eq!(session.show(&server).json()["status"], "completed");
}

#[test]
fn a_status_that_is_so_already_is_not_told_again() {
    let server = start("");
    let session = Session::new(&server);
    let mut client = session.subscriber(&server, "pending");
    assert_eq!(session.report(&server, "opened").status, 200);
    assert_eq!(session.report(&server, "opened").json()["status"], "opened");
    assert_eq!(session.report(&server, "action_started").status, 200);
    session.hears(&mut client, "opened");
    session.hears(&mut client, "action_started");
}

#[test]
fn who_comes_late_hears_how_things_stand() {
    let server = start("");
    let session = Session::new(&server);
    session.subscriber(&server, "pending");
    session.report(&server, "opened");
    session.subscriber(&server, "opened");
    let completed = session.complete(&server, "{}").json();
    let mut client = session.subscriber(&server, "completed");
    let message = client.json();
    assert_eq!(
        (&message["type"], &message["completed_at"]),
        (&json!("completed"), &completed["completed_at"])
    );
}

#[test]
fn a_completion_is_heard_exactly_once_however_close_the_subscriber_comes() {
    let server = start("");
    for _ in 0..50 {
        let session = Session::new(&server);
        let mut http = server.http();
        // The result may be served before, between or behind these upgrades.
        http.send(request(
            "POST",
            &format!("{}/result", session.path),
            KEY,
            "{}",
        ));
        let mut clients = [session.subscribe(&server), session.subscribe(&server)];
        assert_eq!(http.answer().status, 201);
        assert_eq!(session.delete(&server).status, 204);
        for client in &mut clients {
            let first = client.json();
            assert_eq!(first["type"], "status_update");
            assert!(first["status"] == "pending" || first["status"] == "completed");
            session.hears_result(client, &json!({}));
            assert_eq!(client.close_code(), 1000);
        }
    }
}

#[test]
fn an_old_status_never_follows_a_newer_one() {
    let server = start("");
    for _ in 0..50 {
        let session = Session::new(&server);
        let mut http = server.http();
        let status = |name: &str| format!("{{\"status\":\"{name}\"}}");
        let path = format!("{}/status", session.path);
        http.send(request("POST", &path, KEY, &status("opened")));
        let mut early = session.subscribe(&server);
        http.send(request("POST", &path, KEY, &status("action_started")));
        let mut late = session.subscribe(&server);
        http.send(request(
            "POST",
            &format!("{}/result", session.path),
            KEY,
            "{}",
        ));
        for client in [&mut early, &mut late] {
            let mut seen = Vec::new();
            while seen.last() != Some(&("completed".to_owned(), 3)) {
                let message = client.json();
                let step = STEPS
                    .iter()
                    .position(|step| message["status"] == *step)
                    .unwrap();
                seen.push((message["type"].as_str().unwrap().to_owned(), step));
            }
            let steps = seen.iter().filter(|(kind, _)| kind == "status_update");
            assert!(steps.is_sorted_by(|(_, a), (_, b)| a < b), "{seen:?}");
        }
        assert!((0..3).all(|_| http.answer().status < 300));
    }
}

#[test]
fn a_subscriber_hears_of_its_own_session_only() {
    let server = start("");
    let (one, other) = (Session::new(&server), Session::new(&server));
    let mut client = one.subscriber(&server, "pending");
    other.complete(&server, "{}");
    one.report(&server, "opened");
    one.hears(&mut client, "opened");
}

#[test]
fn what_a_subscriber_sends_is_ignored() {
    let server = start("");
    let session = Session::new(&server);
    let mut client = session.subscriber(&server, "pending");
    client
        .send("hello")
        .send(r#"{"status":"opened"}"#)
        .send(vec![0, 1, 2])
        .send("");
    server.until("four messages came", |server| {
        metric(server, "roomcast_messages_received_total{app=\"sessions\"}") == 4.0
    });
    session.complete(&server, "{}");
    session.hears_result(&mut client, &json!({}));
}

#[test]
fn a_completed_session_keeps_its_subscribers_until_it_is_deleted() {
    let server = start("");
    let session = Session::new(&server);
    let mut clients = [
        session.subscriber(&server, "pending"),
        session.subscriber(&server, "pending"),
    ];
    session.complete(&server, "{}");
    let answer = session.delete(&server);
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    for client in &mut clients {
        session.hears_result(client, &json!({}));
        assert_eq!(client.close_code(), 1000);
    }
    assert_eq!(session.show(&server).status, 404);
    assert_eq!(session.delete(&server).status, 404);
    assert_eq!(
        metric(&server, "roomcast_connections{app=\"sessions\"}"),
        0.0
    );
    assert_eq!(metric(&server, "roomcast_rooms{app=\"sessions\"}"), 0.0);
}

#[test]
fn a_completion_fits_any_queue() {
    let server = start("--queue-messages 1 --queue-bytes 1KiB");
    let session = Session::new(&server);
    let mut early = session.subscriber(&server, "pending");
    let result = json!({"a": "x".repeat(500_000)});
    assert_eq!(session.complete(&server, &result.to_string()).status, 201);
    session.hears_result(&mut early, &result);
    let mut late = session.subscriber(&server, "completed");
    session.hears_result(&mut late, &result);
    // Four messages, two of them completions.
    assert_eq!(
        metric(
            &server,
            "roomcast_messages_delivered_total{app=\"sessions\"}"
        ),
        4.0
    );
    assert_eq!(
        metric(&server, "roomcast_messages_dropped_total{app=\"sessions\"}"),
        0.0
    );
}
