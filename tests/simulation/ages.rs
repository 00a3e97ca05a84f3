//! Scenarios of records that nobody ends: when they are forgotten, and what that costs a turn.

use super::network::Client;
use roomcast::bounds::Bounds;
use roomcast::id::AppId;
use roomcast::time::Millis;
use serde_json::Value;

use crate::model::runs::rules::KEY;
use crate::stage::Stage;

const HOUR: Millis = Millis::seconds(3600);

/// The ground on which sessions are made.
struct Sessions {
    stage: Stage,
}

impl Sessions {
    fn new(change: impl FnOnce(&mut Bounds)) -> Sessions {
        let stage = Stage::new(change);
        Sessions { stage }
    }

    fn call(&mut self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let key = format!("X-API-Key: {KEY}\r\n");
        let path = format!("/api/v1/sessions{path}");
        let answer = self.stage.ask(method, &path, &key, body);
        let body = serde_json::from_str(&answer.body).unwrap_or_default();
        (answer.status, body)
    }

    /// A new session, as a path.
    fn create(&mut self) -> String {
        let (status, body) = self.call("POST", "", "{}");
        assert_eq!(status, 201, "{body}");
        format!("/{}", body["session_id"].as_str().unwrap())
    }

    fn subscribe(&mut self, session: &str) -> Client {
        let key = KEY.replace(' ', "%20");
        self.stage
            .open(&format!("/api/v1/sessions{session}/ws?api_key={key}"))
    }

    fn is_kept(&mut self, session: &str) -> bool {
        self.call("GET", session, "").0 == 200
    }

    fn kept(&self) -> u64 {
        self.stage.reactor.metrics().records[AppId::Sessions as usize]
    }

    /// Whether the client has been closed with 1000.
    fn is_closed(&mut self, client: Client) -> bool {
        self.stage.close_code(client) == Some(1000)
    }
}

#[test]
fn a_session_that_nobody_completes_is_forgotten_a_day_after_its_last_change() {
    let mut sessions = Sessions::new(|_| ());
    let [left, opened] = [sessions.create(), sessions.create()];
    let waiting = sessions.subscribe(&left);
    sessions.stage.wait(HOUR);
    sessions.call(
        "POST",
        &format!("{opened}/status"),
        r#"{"status":"opened"}"#,
    );
    // A step that is none is no change.
    sessions.call("POST", &format!("{left}/status"), r#"{"status":"done"}"#);
    sessions.stage.wait(Millis(22 * HOUR.0 + 3_599_000));
    assert!(sessions.is_kept(&left) && sessions.kept() == 2);
    let waiting = match sessions.stage.is_ended(waiting) {
        // It was silent for a day; another waits.
        true => sessions.subscribe(&left),
        false => waiting,
    };
    sessions.stage.wait(Millis(1000));
    assert!(sessions.is_closed(waiting), "nobody had to ask");
    assert_eq!(sessions.kept(), 1);
    assert!(!sessions.is_kept(&left) && sessions.is_kept(&opened));
    sessions.stage.wait(HOUR);
    assert_eq!(sessions.kept(), 0);
}

#[test]
fn a_completed_session_is_forgotten_a_day_after_its_completion() {
    let mut sessions = Sessions::new(|_| ());
    let session = sessions.create();
    sessions.stage.wait(Millis(23 * HOUR.0));
    assert_eq!(
        sessions.call("POST", &format!("{session}/result"), "{}").0,
        201
    );
    sessions.stage.wait(Millis(24 * HOUR.0 - 1));
    assert!(sessions.is_kept(&session));
    let waiting = sessions.subscribe(&session);
    sessions.stage.wait(Millis(1));
    assert!(sessions.is_closed(waiting));
    assert!(!sessions.is_kept(&session));
}

#[test]
fn ages_count_what_the_process_did_not_run_for_and_no_clock_on_the_wall() {
    let mut sessions = Sessions::new(|_| ());
    let session = sessions.create();
    for ahead in [1000 * HOUR.0 as i64, -1000 * HOUR.0 as i64] {
        sessions.stage.sim().set_wall_ahead(ahead);
        sessions.stage.wait(Millis::seconds(120));
        assert!(sessions.is_kept(&session), "the wall clock was set");
    }
    // Frozen for a day: its clients' deadlines are moved by that, and its records are a day older.
    sessions.stage.sim().pass(Millis(24 * HOUR.0));
    sessions.stage.wait(Millis::seconds(61));
    assert_eq!(sessions.kept(), 0, "nobody had to ask");
}

#[test]
fn an_app_that_is_full_of_what_nobody_completed_takes_sessions_again() {
    let mut sessions = Sessions::new(|bounds| bounds.app_mut(AppId::Sessions).records_max = 500);
    for _ in 0..500 {
        sessions.create();
    }
    assert_eq!(sessions.call("POST", "", "{}").0, 507);
    sessions.stage.sim().pass(Millis(60 * 24 * HOUR.0));
    assert_eq!(sessions.call("POST", "", "{}").0, 201);
    sessions.stage.wait(Millis::seconds(61));
    assert_eq!(sessions.kept(), 1);
}

#[test]
fn the_sockets_of_a_session_are_closed_some_in_a_turn_and_its_seat_is_nobodys() {
    let mut sessions = Sessions::new(|bounds| bounds.connections_max = 2000);
    let session = sessions.create();
    let waiting: Vec<Client> = (0..1500).map(|_| sessions.subscribe(&session)).collect();
    let key = format!("X-API-Key: {KEY}\r\n");
    let delete =
        format!("DELETE /api/v1/sessions{session} HTTP/1.1\r\nHost: localhost\r\n{key}\r\n");
    let deleter = sessions.stage.sim().connect();
    sessions.stage.sim().send(deleter, delete.as_bytes());
    let members = |sessions: &Sessions| {
        sessions.stage.reactor.metrics().connections[AppId::Sessions as usize]
    };
    let mut before = members(&sessions);
    while before > 0 {
        sessions.stage.sim().pass(Millis(1));
        sessions.stage.turn();
        let after = members(&sessions);
        assert!(before - after <= 512, "{} at once", before - after);
        if before == 1500 && after < 1500 {
            assert_eq!(sessions.stage.answer(deleter).status, 204);
            assert!(!sessions.is_kept(&session));
            // Nobody hears of a session that is made meanwhile.
            sessions.create();
        }
        before = members(&sessions);
    }
    for client in waiting {
        let frames = sessions.stage.frames(client);
        assert_eq!(frames.len(), 1, "the end alone");
        assert_eq!(frames[0].payload[..2], 1000_u16.to_be_bytes());
    }
}
