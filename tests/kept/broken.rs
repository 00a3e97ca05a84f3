//! Files that are not for us: the process ends, says why, and leaves them as they were.

use std::fs;

use crate::place::{Place, create, stop};

fn refuses(place: &Place, words: &str) {
    let before = fs::read(place.data()).unwrap();
    let (code, said) = place.run("");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(words), "{said}");
    assert!(said.contains("--data"), "{said}");
    assert_eq!(fs::read(place.data()).unwrap(), before);
}

#[test]
fn what_is_no_database_is_refused() {
    let place = Place::new();
    fs::write(place.data(), "something else ".repeat(1000)).unwrap();
    refuses(&place, "cannot be used");
}

#[test]
fn a_file_that_is_cut_or_damaged_is_refused() {
    let place = Place::new();
    let hub = place.serve("--drain 0s");
    for n in 0..100 {
        create(&hub, &format!("{n} {}", "x".repeat(100)));
    }
    stop(hub);
    let whole = fs::read(place.data()).unwrap();
    fs::write(place.data(), &whole[..whole.len() / 2]).unwrap();
    refuses(&place, "cannot be used");
    let mut damaged = whole.clone();
    damaged[4096..].fill(0xa5);
    fs::write(place.data(), damaged).unwrap();
    refuses(&place, "cannot be used");
    fs::write(place.data(), whole).unwrap();
    place.serve("");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let place = Place::new();
    let (code, said) = place.run(&format!("--data {}/none/hub.db", place.path().display()));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("/none/hub.db"), "{said}");
}
