//! A JSON array is read no further than it may be long.

use roomcast::apps::list::*;

#[test]
fn what_is_behind_the_longest_list_is_not_read() {
    let read = |json: &str| {
        serde_json::from_str::<List<u8, 2>>(json)
            .map(|List(list)| list)
            .map_err(|error| error.to_string())
    };
    assert_eq!(read("[]"), Ok(vec![]));
    assert_eq!(read("[1,2]"), Ok(vec![1, 2]));
    let error = read("[1,2,3 and no more JSON").unwrap_err();
    assert!(error.starts_with("must have at most 2 elements"), "{error}");
    assert!(read("{}").unwrap_err().contains("an array of at most 2"));
}
