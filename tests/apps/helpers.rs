//! What the tests of every dialect need: a server with a key, and somebody who has it.

use serde_json::Value;

use crate::harness::client::assert_timestamp;
use crate::harness::http::{Answer, Http, UPGRADE};
use crate::harness::server::Server;

/// What every call carries.
pub const KEY: &str = "X-API-Key: k\r\n";

/// A server that wants a key.
pub fn start(flags: &str) -> Server {
    Server::start(&format!("--key k {flags}"))
}

/// A call with the key, on a connection of its own.
pub fn call(server: &Server, method: &str, path: &str, body: &str) -> Answer {
    server.ask(method, path, KEY, body)
}

/// The answer to an upgrade with these headers; after a 101 the connection is good for nothing.
pub fn knock(server: &Server, path: &str, headers: &str) -> Answer {
    let mut http: Http = server.http();
    http.ask("GET", path, &format!("{UPGRADE}{headers}"), "")
}

/// The value of one metric, labels and all.
pub fn metric(server: &Server, name: &str) -> f64 {
    let metrics = call(server, "GET", "/metrics", "");
    metrics.metric(name).unwrap_or(0.0)
}

/// A 400 that names the field.
#[track_caller]
pub fn refused(answer: &Answer, field: &str) {
    assert_eq!(answer.error(), (400, "bad_request"), "{}", answer.text());
    let message = answer.message();
    assert!(
        message.starts_with(field) || message.contains(&format!("`{field}`")),
        "{field} is not named: {message}"
    );
}

/// The names of an object's fields, in their order.
pub fn fields(object: &Value) -> Vec<&str> {
    object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// Takes fields that are timestamps out of an object, once they have been looked at.
#[track_caller]
pub fn without_times<const N: usize>(mut object: Value, names: [&str; N]) -> Value {
    for name in names {
        assert_timestamp(&object[name]);
        object.as_object_mut().unwrap().shift_remove(name);
    }
    object
}
