//! The calls.

use super::*;

#[test]
fn a_new_session_is_pending_and_has_what_it_was_given() {
    let server = start("");
    let answer = call(
        &server,
        "POST",
        "/api/v1/sessions",
        r#"{"user":{"name":"ü"}}"#,
    );
    let body = answer.json();
    assert_eq!(answer.status, 201);
    assert_eq!(
        fields(&body),
        ["session_id", "status", "created_at", "metadata"]
    );
    assert_eq!(
        (&body["status"], &body["metadata"]),
        (&json!("pending"), &json!({"user": {"name": "ü"}}))
    );
    assert_timestamp(&body["created_at"]);
}

#[test]
fn a_session_without_metadata_has_an_empty_object() {
    let server = start("");
    for body in ["", "{}"] {
        assert_eq!(
            call(&server, "POST", "/api/v1/sessions", body).json()["metadata"],
            json!({})
        );
    }
}

#[test]
fn ids_are_long_and_never_the_same() {
    let server = start("");
    let (one, other) = (Session::new(&server), Session::new(&server));
    assert!(one.id.len() >= 32 && one.id != other.id);
}

#[test]
fn metadata_and_result_come_back_as_they_came() {
    let server = start("");
    let odd = r#"{"b": 1.50,"a":123456789012345678901234567890,"c":"\u00fc","a":1e400}"#;
    let created = call(&server, "POST", "/api/v1/sessions", odd);
    assert!(
        created.text().ends_with(&format!("\"metadata\":{odd}}}")),
        "{}",
        created.text()
    );
    let session = Session::new(&server);
    let mut client = session.subscriber(&server, "pending");
    assert!(session.complete(&server, odd).text().contains(odd));
    assert!(session.result(&server).text().contains(odd));
    assert!(client.message().to_text().unwrap().contains(odd));
}

#[test]
fn metadata_and_result_are_objects() {
    let server = start("");
    let session = Session::new(&server);
    for body in [
        "[]",
        "null",
        "7",
        "\"text\"",
        "{",
        "{} x",
        "{\"a\":}",
        "{}\u{feff}",
    ] {
        refused(&call(&server, "POST", "/api/v1/sessions", body), "the body");
        refused(&session.complete(&server, body), "the body");
    }
    assert_eq!(session.result(&server).status, 202);
}

#[test]
fn metadata_and_result_are_bounded_by_the_body() {
    let server = start("--max-body 1KiB");
    let session = Session::new(&server);
    let body = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    assert_eq!(
        call(&server, "POST", "/api/v1/sessions", &body(1024)).status,
        201
    );
    assert_eq!(
        call(&server, "POST", "/api/v1/sessions", &body(1025)).status,
        413
    );
    assert_eq!(session.complete(&server, &body(1025)).status, 413);
    assert_eq!(session.complete(&server, &body(1024)).status, 201);
}

#[test]
fn every_call_needs_the_key_and_a_socket_needs_it_before_it_is_one() {
    let server = start("");
    let session = Session::new(&server);
    let calls = [
        ("POST", "/api/v1/sessions".to_owned()),
        ("GET", session.path.clone()),
        ("DELETE", session.path.clone()),
        ("POST", format!("{}/status", session.path)),
        ("POST", format!("{}/result", session.path)),
        ("GET", format!("{}/result", session.path)),
        ("GET", format!("{}/ws", session.path)),
    ];
    for (method, path) in calls {
        for headers in ["", "X-API-Key: wrong\r\n", UPGRADE] {
            let answer = server.ask(method, &path, headers, "");
            assert_eq!(answer.error(), (401, "unauthorized"), "{method} {path}");
            assert!(answer.header("www-authenticate").is_some());
        }
    }
    assert_eq!(
        server
            .ask("GET", &format!("{}?api_key=k", session.path), "", "")
            .status,
        401
    );
    assert_eq!(knock(&server, &session.socket(), "").status, 101);
    assert_eq!(
        knock(
            &server,
            &format!("{}/ws", session.path),
            "Authorization: Bearer k\r\n"
        )
        .status,
        101
    );
}

#[test]
fn an_unknown_session_is_nowhere() {
    let server = start("");
    let session = Session {
        path: "/api/v1/sessions/nobody".to_owned(),
        id: "nobody".to_owned(),
    };
    let answers = [
        session.show(&server),
        session.report(&server, "opened"),
        session.complete(&server, "{}"),
        session.result(&server),
        session.delete(&server),
        knock(&server, &session.socket(), ""),
    ];
    for answer in answers {
        assert_eq!(answer.error(), (404, "not_found"));
    }
}

#[test]
fn other_methods_are_told_which_there_are() {
    let server = start("");
    let path = Session::new(&server).path;
    for (path, allowed) in [
        ("/api/v1/sessions".to_owned(), "POST, OPTIONS"),
        (path.clone(), "GET, HEAD, DELETE, OPTIONS"),
        (format!("{path}/result"), "POST, GET, HEAD, OPTIONS"),
    ] {
        let answer = call(&server, "PUT", &path, "{}");
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some(allowed)),
            "{path}"
        );
    }
}

#[test]
fn a_step_may_be_left_out() {
    let server = start("");
    let session = Session::new(&server);
    assert_eq!(session.report(&server, "action_started").status, 200);
    session.subscriber(&server, "action_started");
}

#[test]
fn a_session_never_goes_back() {
    let server = start("");
    let session = Session::new(&server);
    session.report(&server, "action_started");
    assert_eq!(session.report(&server, "opened").error(), (409, "conflict"));
    assert_eq!(session.complete(&server, "").status, 201);
    for status in ["opened", "action_started"] {
        assert_eq!(session.report(&server, status).error(), (409, "conflict"));
    }
    assert_eq!(session.complete(&server, "{}").error(), (409, "conflict"));
    let mut client = session.subscriber(&server, "completed");
    session.hears_result(&mut client, &json!({}));
}

#[test]
fn a_report_that_is_none_is_refused_by_the_field() {
    let server = start("");
    let session = Session::new(&server);
    let report = |body: &str| call(&server, "POST", &format!("{}/status", session.path), body);
    for body in [
        "",
        "{}",
        r#"{"status":null}"#,
        r#"{"status":7}"#,
        r#"{"status":"pending"}"#,
        r#"{"status":"completed"}"#,
        r#"{"status":"Opened"}"#,
        r#"{"status":{"opened":null}}"#,
        r#"{"status":"opened","status":"opened"}"#,
    ] {
        refused(&report(body), "status");
    }
    refused(&report(r#"{"status":"opened","at":1}"#), "at");
    refused(&report(r#"["opened"]"#), "the body");
    assert_eq!(session.show(&server).json()["status"], "pending");
}

#[test]
fn a_result_is_waited_for_with_202() {
    let server = start("");
    let session = Session::new(&server);
    session.report(&server, "opened");
    let answer = session.result(&server);
    assert_eq!(fields(&answer.json()), ["session_id", "status"]);
    assert_eq!(
        (answer.status, answer.json()),
        (202, json!({"session_id": session.id, "status": "opened"}))
    );
    let completed = session.complete(&server, r#"{"a":1}"#);
    let answer = session.result(&server);
    assert_eq!(
        fields(&answer.json()),
        ["session_id", "status", "result", "completed_at"]
    );
    assert_eq!((answer.status, answer.json()), (200, completed.json()));
    let expected = json!({"session_id": session.id, "status": "completed", "result": {"a": 1}});
    assert_eq!(without_times(answer.json(), ["completed_at"]), expected);
}
