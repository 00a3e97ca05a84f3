//! Names and values that are errors.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use roomcast::settings::load;

use crate::given::{DESCRIPTORS, env, file, flags, says};

#[test]
fn unknown_flags_and_stray_words_are_errors() {
    says(
        &flags("--queue-byte 3").error(),
        &[
            "unknown flag --queue-byte",
            "perhaps --queue-bytes was meant",
        ],
    );
    says(&flags("-x").error(), &["unknown flag -x"]);
    says(&flags("serve").error(), &["\"serve\""]);
    says(&flags("--listen").error(), &["--listen", "without a value"]);
    says(&flags("--echo maybe").error(), &["\"maybe\""]);
}

#[test]
fn several_listeners_are_an_error_until_they_are_served() {
    says(
        &flags("--listen 127.0.0.1:1 --listen [::1]:1").error(),
        &["--listen", "more than once"],
    );
    says(
        &env(&[("ROOMCAST_LISTEN", "127.0.0.1:1,[::1]:1")]).error(),
        &["ROOMCAST_LISTEN", "expected an address"],
    );
    says(
        &file("listen = [\"127.0.0.1:1\", \"[::1]:1\"]").error(),
        &["listen", "line 1", "expected an address"],
    );
}

#[test]
fn unknown_keys_and_tables_of_the_file_are_errors() {
    says(
        &file("\nqueue_byte = 1").error(),
        &["\"queue_byte\"", "line 2", "perhaps queue_bytes"],
    );
    says(
        &file("[streams]").error(),
        &["unknown table [streams]", "line 1", "perhaps stream"],
    );
    says(
        &file("[rooms]\n\nkeys = []").error(),
        &["\"keys\"", "rooms", "line 3", "on_full"],
    );
    says(
        &file("rooms = 3").error(),
        &["rooms is an app", "line 1", "[rooms]"],
    );
    says(&file("print_config = true").error(), &["\"print_config\""]);
}

#[test]
fn values_of_the_wrong_kind_are_errors() {
    for (text, what) in [
        ("queue_bytes = 1.5", "a fraction"),
        ("queue_bytes = 1979-05-27", "a date"),
        ("queue_bytes = [\"1KiB\"]", "a list"),
        ("allow_origins = [1]", "a list with something else"),
        ("[queue_bytes]", "a table"),
        ("allow_origins = \"*\"", "expected a list of origins"),
        ("echo = 2", "expected on or off"),
        ("drain_rate = 99999999999999999999", ""),
    ] {
        says(&file(text).error(), &[what, "line 1"]);
    }
    assert_eq!(
        file("drain_rate = 0x10\necho = true")
            .settings()
            .bounds
            .drain_rate,
        16
    );
}

#[test]
fn apps_and_keys_that_do_not_exist_are_errors() {
    says(
        &flags("--set strem.enabled=on").error(),
        &["\"strem\"", "flag --set", "perhaps stream"],
    );
    says(
        &flags("--set stream.enable=on").error(),
        &["\"enable\"", "flag --set", "perhaps enabled"],
    );
    says(
        &env(&[("ROOMCAST_SET", "stream")]).error(),
        &["ROOMCAST_SET", "expected APP.KEY=VALUE"],
    );
    says(
        &flags("--set stream.drain=1s").error(),
        &["\"drain\"", "stream"],
    );
}

#[test]
fn a_key_that_does_nothing_for_an_app_is_an_error_that_lists_what_the_app_has() {
    let cases = [
        ("events", "pending_age", "1h", "which is for sessions"),
        ("ops", "completed_age", "1h", "which is for sessions"),
        ("tasks", "unentered_age", "1h", "which is for rooms"),
        ("sessions", "rooms_per_guest", "1", "which is for rooms"),
        ("stream", "players_per_guest", "1", "which is for rooms"),
        ("tasks", "max_messages", "100", "which is for rooms"),
        (
            "sessions",
            "history_messages",
            "0",
            "which is for events, tasks, stream, rooms",
        ),
        (
            "ops",
            "history_age",
            "1m",
            "which is for events, tasks, stream, rooms",
        ),
        (
            "stream",
            "max_records",
            "1",
            "which is for sessions, tasks, rooms",
        ),
        (
            "events",
            "max_record_bytes",
            "1MiB",
            "which is for sessions, tasks, rooms",
        ),
    ];
    for (app, key, value, whose) in cases {
        let item = format!("{app}.{key}={value}");
        let table = format!("[{app}]\n{key} = \"{value}\"");
        let no = format!("the app {app} has no {key} (");
        for (given, source) in [
            (flags(&format!("--set {item}")), "flag --set"),
            (env(&[("ROOMCAST_SET", &item)]), "environment ROOMCAST_SET"),
            (file(&table), "line 2"),
        ] {
            let error = given.error();
            let expected = "expected one of enabled, max_connections, ";
            says(&error, &[&no, source, whose, expected, "queue_bytes"]);
            let (_, has) = error.split_once("expected one of ").unwrap();
            assert!(!has.split(", ").any(|it| it == key), "{error}");
        }
    }
    for taken in [
        "sessions.pending_age=1h",
        "rooms.max_messages=100",
        "tasks.max_records=1",
        "events.history_messages=0",
        "tasks.history_bytes=0",
        "stream.history_age=1ms",
        "rooms.history_total=1GiB",
    ] {
        assert!(flags(&format!("--set {taken}")).load().is_ok(), "{taken}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    says(
        &flags("--config /does/not/exist").error(),
        &["/does/not/exist", "flag --config"],
    );
    says(
        &env(&[("ROOMCAST_CONFIG", "/nor/this")]).error(),
        &["/nor/this", "ROOMCAST_CONFIG"],
    );
    says(
        &file("keys = [\n\"hunter2\"\nlisten").error(),
        &["line 3", "not TOML"],
    );
}

#[test]
fn what_is_not_utf8_is_an_error_unless_it_is_not_ours() {
    let odd = || OsString::from_vec(vec![b'a', 0xff]);
    let load = |args: Vec<OsString>, name: &str| load(args, [(name.into(), odd())], DESCRIPTORS);
    let program = || vec![OsString::from("roomcast")];
    says(
        &load(program(), "ROOMCAST_LISTEN").unwrap_err().to_string(),
        &["ROOMCAST_LISTEN", "UTF-8"],
    );
    says(
        &load(program(), "API_PORT").unwrap_err().to_string(),
        &["API_PORT", "UTF-8"],
    );
    assert!(load(program(), "LANG").is_ok());
    let args = vec!["roomcast".into(), "--listen".into(), odd()];
    says(
        &load(args, "LANG").unwrap_err().to_string(),
        &["--listen", "UTF-8"],
    );
}
