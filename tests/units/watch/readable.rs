//! Messages as lines for a person.

use roomcast::time::Unix;
use roomcast::watch::readable::readable;

/// The line without its time.
fn words(text: &str) -> String {
    let line = readable(text, Unix(0));
    line.split_once(' ').unwrap().1.to_owned()
}

#[test]
fn events_are_shown_with_the_fields_of_their_payload() {
    let text = r#"{"type":"stream:phase-changed","payload":{"projectId":"p","name":"a b","artifacts":["x"],"n":""},
        "timestamp":"2026-11-20T07:35:46.409Z"}"#;
    assert_eq!(
        readable(text, Unix(0)),
        r#"07:35:46.409Z stream:phase-changed projectId=p name="a b" artifacts=["x"] n="""#
    );
}

#[test]
fn tasks_are_shown_with_who_changed_what() {
    let task = r#"{"type":"task.created","timestamp":"x","data":{"task_id":"7","repository":"web","changed_by":"cli",
        "task":{"id":"7","title":"Fix it","status":"pending","priority":"high"}}}"#;
    assert_eq!(
        words(task),
        "task.created web 7 by cli: Fix it (pending, high)"
    );
    let deleted =
        r#"{"type":"task.deleted","data":{"task_id":"7","repository":"web","changed_by":"api"}}"#;
    assert_eq!(words(deleted), "task.deleted web 7 by api");
    let subscribed = r#"{"type":"subscribed","data":{"repositories":["a","*"]}}"#;
    assert_eq!(words(subscribed), "subscribed to a, *");
    assert_eq!(words(r#"{"type":"error","error":"no"}"#), "error: no");
}

#[test]
fn blocks_and_transactions_are_shown_with_their_hashes() {
    let block =
        r#"{"type":"newBlock","data":{"height":9,"hash":"0xa","tx_count":2,"miner":"0xb"}}"#;
    assert_eq!(words(block), "newBlock #9 0xa tx_count=2 miner=0xb");
    let tx = r#"{"type":"newTx","data":{"hash":"0xa","from_addr":"0xb","to_addr":null,"value_wei":"12","block_height":9}}"#;
    assert_eq!(
        words(tx),
        "newTx 0xa in #9: 12 wei from 0xb to a new contract"
    );
    assert_eq!(
        words(r#"{"type":"lagged","data":{"missed":3}}"#),
        "lagged: 3 missed"
    );
}

#[test]
fn sessions_are_shown_with_their_status_and_result() {
    let update = r#"{"type":"status_update","session_id":"s","status":"opened"}"#;
    assert_eq!(words(update), "s is opened");
    let completed =
        r#"{"type":"completed","session_id":"s","status":"completed","result":{"ok": true}}"#;
    assert_eq!(words(completed), r#"completed s: {"ok":true}"#);
}

#[test]
fn rooms_are_shown_as_people_talk() {
    let chat = r#"{"type":"event","event":"chat","payload":{"display_name":"Ada","message":"hi\n\u001b[2J"}}"#;
    assert_eq!(words(chat), r"Ada: hi\n\u{1b}[2J");
    let joined = r#"{"type":"event","event":"player_connected","payload":{"player_id":"1","display_name":"Ada"}}"#;
    assert_eq!(words(joined), "Ada connected (1)");
    let state = r#"{"type":"state","event":"room","payload":{"code":"ABC234","messages":[{},{}],"players":[
        {"display_name":"Ada","connected":true},{"display_name":"Bob","connected":false}]}}"#;
    assert_eq!(
        words(state),
        "room ABC234: 2 players, here now: Ada; 2 messages so far"
    );
    let vote = r#"{"type":"event","event":"vote","player_id":"1","payload":{"for": 2}}"#;
    assert_eq!(words(vote), r#"vote by 1: {"for":2}"#);
    let error = r#"{"type":"error","event":"rate_limited","payload":{}}"#;
    assert_eq!(words(error), "error rate_limited: {}");
}

#[test]
fn anything_else_is_shown_as_it_is() {
    for text in [
        r#"{"type":"task.created","data":{"repository":1}}"#,
        r#"{"a":1}"#,
        "[1,2]",
        "not JSON",
    ] {
        assert_eq!(readable(text, Unix(5)), format!("00:00:00.005Z {text}"));
    }
}

#[test]
fn a_time_that_cannot_be_is_that_of_the_arrival() {
    for time in ["soon", "1969-01-01T00:00:00Z", "99999-01-01T00:00:00Z"] {
        let text = format!(r#"{{"type":"a:b","payload":{{}},"timestamp":"{time}"}}"#);
        assert_eq!(readable(&text, Unix(5)), "00:00:00.005Z a:b");
    }
}
