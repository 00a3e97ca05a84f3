//! The tasks dialect, whole: the calls, and what subscribers hear of them.

use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::http::{Answer, Http, request};
use crate::harness::server::Server;
use crate::helpers::{KEY, call, fields, refused, start, without_times};

mod calls;
mod resuming;
mod store;
mod talk;
mod task;

const ALL: &str = "/api/v1/tasks";
const SOCKET: &str = "/api/v1/tasks/ws?version=1.0&api_key=k";
const TASK: [&str; 8] = [
    "id",
    "repository",
    "title",
    "description",
    "status",
    "priority",
    "created_at",
    "updated_at",
];

fn create(server: &Server, repository: &str, title: &str) -> Value {
    let body = json!({"repository": repository, "title": title}).to_string();
    let answer = call(server, "POST", ALL, &body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

/// The path of a task.
fn path(task: &Value) -> String {
    format!("{ALL}/{}", task["id"].as_str().unwrap())
}

fn patch(server: &Server, task: &Value, body: &Value) -> Answer {
    call(server, "PATCH", &path(task), &body.to_string())
}

fn list(server: &Server, query: &str) -> Answer {
    call(server, "GET", &format!("{ALL}?{query}"), "")
}

/// The titles on a page, and the next one.
fn page(server: &Server, query: &str) -> (Vec<String>, Value) {
    let answer = list(server, query);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut body = answer.json();
    assert_eq!(fields(&body), ["tasks", "next"]);
    let title = |task: &Value| task["title"].as_str().unwrap().to_owned();
    let titles = body["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(title)
        .collect();
    (titles, body["next"].take())
}

/// A client that has said this, whatever it was answered.
fn client(server: &Server, repositories: &Value) -> Client {
    let mut client = server.connect(SOCKET);
    assert_eq!(subscribe(&mut client, repositories), *repositories);
    client
}

/// Says something and returns the answer.
fn say(client: &mut Client, message: &Value) -> Value {
    client.send(message.to_string()).json()
}

/// Subscribes to these, and returns the repositories of the answer.
fn subscribe(client: &mut Client, repositories: &Value) -> Value {
    subscribed(say(
        client,
        &json!({"type": "subscribe", "data": {"repositories": repositories}}),
    ))
}

/// The repositories of an answer to a subscription.
#[track_caller]
fn subscribed(answer: Value) -> Value {
    assert_eq!(fields(&answer), ["type", "timestamp", "data"], "{answer}");
    let mut answer = without_times(answer, ["timestamp"]);
    assert_eq!(
        (&answer["type"], fields(&answer["data"])),
        (&json!("subscribed"), vec!["repositories"])
    );
    answer["data"]["repositories"].take()
}

/// Nothing else has come: the next message is the answer to a ping.
#[track_caller]
fn hears_nothing(client: &mut Client) {
    let pong = say(client, &json!({"type": "ping"}));
    assert_eq!(fields(&pong), ["type", "timestamp"], "{pong}");
    assert_eq!(without_times(pong, ["timestamp"]), json!({"type": "pong"}));
}

/// The client's next message is this event of this task, and says who changed it.
#[track_caller]
fn hears(client: &mut Client, kind: &str, task: &Value, by: &str) {
    let event = client.json();
    assert_eq!(fields(&event), ["type", "timestamp", "data"]);
    let mut data = json!({"task_id": task["id"], "repository": task["repository"], "task": task, "changed_by": by});
    if kind == "task.deleted" {
        data.as_object_mut().unwrap().shift_remove("task");
    }
    assert_eq!(fields(&event["data"]), fields(&data));
    assert_eq!(
        without_times(event, ["timestamp"]),
        json!({"type": kind, "data": data})
    );
}
