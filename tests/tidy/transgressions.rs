//! The law is tested by breaking it.

use super::law::check;
use super::source::Source;

const NEIGHBOURS: [&str; 12] = [
    "time",
    "bounds",
    "wire",
    "wire::frame",
    "wire::request",
    "core",
    "core::hub",
    "core::outbox",
    "apps",
    "apps::events",
    "reactor",
    "settings",
];

fn source(module: &str, text: &str) -> Source {
    Source::new(module, &format!("//! A file.\n{text}"))
}

/// What is wrong with a file of this text among neighbours that are empty.
fn wrong(module: &str, text: &str) -> Vec<String> {
    let others = NEIGHBOURS.iter().filter(|name| **name != module);
    let mut sources: Vec<Source> = others.map(|name| source(name, "")).collect();
    sources.push(source(module, text));
    check(&sources)
}

#[track_caller]
fn passes(module: &str, text: &str) {
    assert_eq!(wrong(module, text), [""; 0], "{text}");
}

#[track_caller]
fn fails(module: &str, text: &str, word: &str) {
    let wrong = wrong(module, text);
    assert!(
        wrong.len() == 1 && wrong[0].contains(word),
        "{text}: {wrong:?}"
    );
}

#[test]
fn imports_from_below_and_beside_pass() {
    for (module, text) in [
        ("apps::events", "use crate::wire::response::Response;"),
        ("apps::events", "use super::context::Context;"),
        ("reactor", "use crate::apps::{self, context::Health as H};"),
        ("core::outbox", "use crate::{bounds::QueueBounds, time};"),
        ("core::hub", "use self::members::Members;"),
        ("core::hub::members", "use super::Hub;"),
        ("main", "use roomcast::reactor::Reactor;"),
        ("roomcast_flood::a", "use crate::client::Client;"),
        ("roomcast_flood::a", "use mio::Poll;"),
    ] {
        passes(module, text);
    }
}

#[test]
fn an_import_that_climbs_is_found_however_it_is_written() {
    for text in [
        "use crate::reactor::Reactor;",
        "use crate::{time::Unix, reactor};",
        "use crate::{\n    time::{Millis, Unix},\n    reactor::{Flow, self},\n};",
        "use super::super::reactor::Reactor;",
        "pub use crate::reactor as loops;",
        "use crate::reactor::*;",
        "fn f() { crate::reactor::run() }",
        "fn f(x: &super::super::reactor::Reactor<u8>) {}",
    ] {
        fails("apps::events", text, "crate::reactor");
    }
}

#[test]
fn the_notes_of_the_plan_are_kept() {
    for (module, text, top) in [
        ("time", "use crate::id::ConnId;", "crate::id"),
        ("wire::request", "use crate::core::hub::Hub;", "crate::core"),
        ("core::hub", "use crate::wire::frame::Frame;", "crate::wire"),
        ("apps::events", "use crate::core::hub::Hub;", "crate::core"),
        ("apps::access", "use crate::apps::App;", "crate::apps"),
        ("settings", "use crate::wire::request::Head;", "crate::wire"),
        (
            "transport",
            "use crate::wire::request::Head;",
            "crate::wire",
        ),
        (
            "roomcast_flood",
            "use roomcast::time::Micros;",
            "crate::time",
        ),
        ("apps::new", "use crate::nowhere::Thing;", "crate::nowhere"),
        ("reactor", "use mio::Poll;", "mio"),
        ("apps::events", "use httparse::Header;", "httparse"),
    ] {
        fails(module, text, top);
    }
}

#[test]
fn words_in_comments_strings_and_tests_are_no_imports() {
    for text in [
        "// use crate::reactor::Reactor;\n/* crate::reactor::x unsafe */",
        r#"const A: &str = "crate::reactor::x \" unsafe"; const B: char = '"';"#,
        "const A: &[u8] = br#\"unsafe \" crate::reactor::x\"#; fn f<'a>(x: &'a str) {}",
        "#[cfg(test)]\nmod tests { use crate::reactor::R; fn f() { x.unwrap(); } }",
        "#[cfg(test)]\nuse crate::reactor::R;",
    ] {
        passes("time", text);
    }
}

#[test]
fn what_follows_comments_strings_and_tests_is_read() {
    for before in [
        "#[cfg(test)]\nmod tests { fn f() {} }",
        r"const A: char = '\'';",
        r"const A: char = '\u{1f600}';",
        "const A: char = '\"';",
        "fn f<'a>(x: &'a str) -> &'a str { x }",
        "const A: &str = r#\"\"\"#;",
        "/* a */ // b",
    ] {
        let text = format!("{before}\nuse crate::reactor::Reactor;");
        fails("time", &text, "crate::reactor");
    }
}

#[test]
fn neighbours_that_lead_back_to_each_other_are_found() {
    let circle = [
        source("wire::a", "use super::b;"),
        source("wire::b", "use crate::wire::c::C;"),
        source("wire::c", "fn f() { super::a::g() }"),
    ];
    let wrong = check(&circle);
    assert!(
        wrong.len() == 3 && wrong[0].contains("leads back"),
        "{wrong:?}"
    );
    let cousins = [
        source("core::a::x", "use crate::core::b;"),
        source("core::b", "use super::a::y;"),
        source("core::a::y", ""),
    ];
    assert_eq!(check(&cousins).len(), 2);
}

#[test]
fn a_file_and_its_own_rooms_are_one_noun() {
    let family = [
        source("core::hub", "use self::members::Members;"),
        source("core::hub::members", "use super::Hub;"),
    ];
    assert_eq!(check(&family), [""; 0]);
}

#[test]
fn what_nobody_does_is_found() {
    for (text, word) in [
        ("fn f() { unsafe { g() } }", "unsafe"),
        ("async fn f() {}", "async"),
        ("use std::sync::Arc;", "Arc"),
        ("use std::{io, sync::Mutex};", "Mutex"),
        ("fn f() { std::thread::spawn(g); }", "std::thread"),
        ("use std::thread::{self, Builder};", "Builder"),
        ("use std::sync::mpsc;", "mpsc"),
        ("fn f(x: AtomicU32) {}", "Atomic"),
        ("fn f() { g().unwrap(); }", "unwrap"),
        ("// TO\u{44}O: all of it", "leaves"),
        (&"\n".repeat(700), "lines"),
    ] {
        fails("bounds", text, word);
        fails("roomcast_flood", text, word);
    }
    passes(
        "bounds",
        "fn f() { g().unwrap_or(1); h().expect(\"why\"); }",
    );
    let threads = "use std::sync::mpsc; use std::thread::{self, Builder};";
    passes("engine::file", threads);
    fails("engine::file", "use std::sync::Mutex;", "Mutex");
    assert!(check(&[Source::new("time", "use std::io;")])[0].contains("does not open"));
}

#[test]
fn clocks_and_chance_stay_on_the_ground() {
    for text in [
        "fn f() { Instant::now(); }",
        "fn f() { std::time::SystemTime::now(); }",
        "fn f() { rand::random(); }",
        "use std::thread; fn f() { thread::sleep(d); }",
        "use rand::rngs::OsRng;",
    ] {
        fails("reactor", text, "outside transport");
        passes("transport::tcp", text);
        passes("roomcast_flood::clock", text);
    }
    fails(
        "reactor",
        "fn f() { getrandom::fill(&mut x); }",
        "getrandom",
    );
    passes("time", "use std::time::{Instant, SystemTime};");
}
