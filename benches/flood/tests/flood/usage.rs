//! Command lines that make no sense: exit code 2, and a sentence that says what does.

use std::fs;

use crate::programs::{Hub, described, flood, refusing};

fn refused(arguments: &str, sentence: &str) {
    let run = flood(arguments);
    assert_eq!(run.code, 2, "{arguments}: {run:?}");
    assert!(run.said.contains(sentence), "{arguments}: {}", run.said);
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_sent() {
    refused("fanout", "--members");
    refused("fanout 10 --rooms 3", "10 connections cannot be seated");
    refused("fanout 10 --server 10.0.0.1:80", "loopback only");
    refused("connect 1 --pid 4294967295", "4294967295");
    refused("fanout 5 --target /nowhere.toml", "/nowhere.toml");
    refused("echo 1 --size 3", "33 bytes");
    refused("slow 10 --share 1.5", "between 0 and 1");
    refused("fairness --ratio-max 0", "a ratio above 0");
    refused("compare fanout 1 --target roomcast", "[NAME=]FILE@ADDR@PID");
    refused(
        &format!("echo 2 --target {}", described("nchan")),
        "no [echo]",
    );
}

#[test]
fn a_description_that_does_not_fit_its_server_is_refused() {
    let hub = Hub::start("");
    let folder = env!("CARGO_TARGET_TMPDIR");
    let file = format!("{folder}/target.toml");
    let text = "name = \"x\"\n[room]\nupgrade = \"/ws?token={token}\"\n";
    fs::write(&file, text).unwrap();
    let run = hub.flood(&format!("fanout 2 --target {file}"));
    assert_eq!(run.code, 2);
    assert!(run.said.contains("{token}"), "{}", run.said);
    fs::write(&file, text.replace("?token={token}", "")).unwrap();
    let run = hub.flood(&format!("fanout 2 --target {file}"));
    assert_eq!(run.code, 2);
    assert!(
        run.said.contains("does not say how to publish"),
        "{}",
        run.said
    );
}

#[test]
fn a_server_that_is_not_there_fails_every_connection() {
    let (_held, address) = refusing();
    let run = flood(&format!("connect 3 --server {address} --hold 1ms"));
    run.failed("3 connections failed: refused");
}
