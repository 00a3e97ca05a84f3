//! Only what was written as an object is read as one.

use roomcast::apps::object::*;
use serde::Deserialize;

#[derive(Deserialize, Debug, PartialEq)]
struct Point {
    x: u8,
}

#[test]
fn an_array_is_no_object() {
    let read = |json| serde_json::from_str(json).map(|Object(Point { x })| x).ok();
    assert_eq!(read(r#"{"x":7}"#), Some(7));
    assert_eq!(read("[7]"), None);
}
