//! `roomcast backup`, at the real hub and at servers that say something else.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread;

use serde_json::json;

use crate::harness::process::ROOMCAST;
use crate::hub::{Folder, Hub, rows};

/// Runs the program with these words to its end, in an environment that has this key, if any.
fn backup(words: &str, file: &PathBuf, key: Option<&str>) -> Output {
    let mut command = Command::new(ROOMCAST);
    command
        .env_clear()
        .arg("backup")
        .args(words.split_whitespace());
    command.arg(file).envs(key.map(|key| ("ROOMCAST_KEY", key)));
    command.output().unwrap()
}

/// That it fails with this status and a sentence with these words, and leaves nothing.
#[track_caller]
fn fails(output: &Output, code: i32, words: &str) {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(
        said.starts_with("roomcast: ") && said.contains(words),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(output.stdout.is_empty());
}

/// A server that answers one request with these bytes, and ends.
fn fake(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            asked.extend(byte);
        }
        stream.write_all(answer.as_bytes()).unwrap();
    });
    address.to_string()
}

#[test]
fn a_copy_becomes_a_file_for_its_owner_alone() {
    let (hub, bytes) = Hub::heavy("");
    hub.made("/api/v1/tasks", &json!({"repository": "r", "title": "t"}));
    let folder = Folder::new();
    let file = folder.file("copy.db");
    let output = backup(
        &format!("http://{}", hub.server.address()),
        &file,
        Some("k"),
    );
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let found = fs::metadata(&file).unwrap();
    assert!(found.len() > bytes as u64);
    assert!(said.contains(&format!("{} bytes", found.len())), "{said}");
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    assert_eq!(
        rows(&file, "SELECT record ->> 'title' FROM tasks"),
        json!([["t"]])
    );
    assert_eq!(folder.names(), ["copy.db"]);
    let secret = "SELECT count(*) FROM meta WHERE name = 'secret'";
    assert_eq!(rows(&file, secret), json!([[0]]));
}

#[test]
fn a_file_is_replaced_only_where_that_is_asked_for() {
    let hub = Hub::start("");
    let folder = Folder::new();
    let file = folder.file("copy.db");
    fs::write(&file, "dear").unwrap();
    let address = hub.server.address();
    let output = backup(&format!("{address} --key k"), &file, None);
    fails(&output, 1, "--force");
    assert_eq!(fs::read(&file).unwrap(), b"dear");
    let words = format!("--quiet --key k --secrets --force {address}");
    let output = backup(&words, &file, Some("another"));
    assert!(output.status.success() && output.stderr.is_empty());
    let secret = "SELECT count(*) FROM meta WHERE name = 'secret'";
    assert_eq!(rows(&file, secret), json!([[1]]));
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(folder.names(), ["copy.db"]);
}

#[test]
fn what_the_hub_says_instead_is_told() {
    let hub = Hub::start("");
    let folder = Folder::new();
    let file = folder.file("copy.db");
    let address = hub.server.address().to_string();
    fails(
        &backup(&address, &file, None),
        1,
        "401 unauthorized: a key is needed",
    );
    fails(&backup(&address, &file, Some("l")), 1, "401 unauthorized");
    let elsewhere = folder.file("nowhere").join("copy.db");
    fails(
        &backup(&address, &elsewhere, Some("k")),
        1,
        "copy.db.part cannot be made",
    );
    fails(&backup(&address, &folder.0, Some("k")), 1, "is a folder");
    assert!(folder.names().is_empty());
}

#[test]
fn what_is_no_whole_copy_is_an_error_and_leaves_nothing() {
    let folder = Folder::new();
    let file = folder.file("copy.db");
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.sqlite3\r\n";
    for (answer, words) in [
        (
            format!("{head}Content-Length: 100000\r\n\r\n{}", "x".repeat(60_000)),
            "40000 bytes before its end",
        ),
        (format!("{head}\r\nxxx"), "no backup"),
        (
            format!("{head}Transfer-Encoding: chunked\r\n\r\n3\r\nxxx\r\n0\r\n\r\n"),
            "no backup",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi".to_owned(),
            "no backup",
        ),
        (
            "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nhi".to_owned(),
            "says 502",
        ),
        ("SSH-2.0-x\r\n".to_owned(), "no HTTP"),
        (String::new(), "ended the connection"),
    ] {
        let output = backup(&fake(answer), &file, Some("k"));
        fails(&output, 1, words);
        assert!(folder.names().is_empty(), "{words}: {:?}", folder.names());
    }
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    fails(&backup(&nobody.to_string(), &file, None), 1, "refused");
    assert!(folder.names().is_empty());
}

#[test]
fn a_wrong_command_line_asks_nobody() {
    let folder = Folder::new();
    let file = folder.file("copy.db");
    fails(&backup("https://localhost:1", &file, None), 2, "TLS");
    fails(&backup("--frob localhost:1", &file, None), 2, "--frob");
    fails(&backup("", &file, None), 2, "the URL of a hub");
    assert!(folder.names().is_empty());
}
