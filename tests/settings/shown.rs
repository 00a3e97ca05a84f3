//! What is warned about, printed, hidden and explained.

use crate::every::{APP_TABLE, TABLE};
use crate::given::{Given, env, file, flags, says};

#[test]
fn open_mode_is_for_loopback_unless_it_is_meant() {
    for open in [
        "--listen 0.0.0.0:0",
        "--listen [::]:0",
        "--listen 192.0.2.1:80",
    ] {
        says(
            &flags(open).error(),
            &[
                "no key",
                open.trim_start_matches("--listen "),
                "flag --listen",
                "--insecure-open",
            ],
        );
        assert!(flags(&format!("{open} --insecure-open")).load().is_ok());
        assert!(flags(&format!("{open} --key k")).load().is_ok());
    }
    let proxied = "--trust-proxy 127.0.0.1";
    says(
        &flags(proxied).error(),
        &["no key", "trust_proxy", "--insecure-open"],
    );
    assert!(flags(&format!("{proxied} --insecure-open")).load().is_ok());
    assert!(flags(&format!("{proxied} --key k")).load().is_ok());
    for loopback in [
        "--listen [::1]:0",
        "--listen 127.9.9.9:0",
        "--listen localhost:0",
    ] {
        says(&flags(loopback).warnings(), &["open mode"]);
    }
    assert!(!flags("--key k").warnings().contains("open mode"));
    says(
        &env(&[("ROOMCAST_KEYS", ",")]).error(),
        &["keys", "ROOMCAST_KEYS"],
    );
}

#[test]
fn risky_settings_are_warned_about() {
    says(
        &flags("--secret short").warnings(),
        &["shorter than the 32 bytes"],
    );
    says(
        &flags("--pong-timeout 200ms").warnings(),
        &["pong_timeout", "ping_interval", "stream"],
    );
    let quiet = flags("--key k --secret 0123456789abcdef0123456789abcdef");
    assert_eq!(quiet.warnings(), "");
}

#[test]
fn printed_settings_read_back_as_they_were() {
    let all: String = TABLE
        .iter()
        .map(|(flag, _, good, _)| format!("--{flag}={good} "))
        .collect();
    let apps: String = APP_TABLE
        .iter()
        .map(|(key, good, _)| format!("--set rooms.{key}={good} "))
        .collect();
    for given in ["", "--echo --max-message 16MiB", &all, &apps] {
        let mut before = flags(given).settings();
        (before.keys, before.secret) = (Vec::new(), None);
        let again = flags(given).printed();
        assert_eq!(file(&again).settings(), before, "{given}");
    }
}

#[test]
fn a_limit_that_is_none_is_printed_as_a_word_and_read_back() {
    let none = [
        "--accept-rate 0",
        "--accept-rate any",
        "--client-bytes-per-second any",
        "--max-connections 4294967295",
        "--max-connections any",
        "--set rooms.rooms_per_guest=0",
        "--set rooms.players_per_guest=any",
        "--set stream.connections_per_minute=any",
        "--set stream.max_connections=any",
    ];
    for given in none {
        let (before, printed) = (flags(given).settings(), flags(given).printed());
        let words: Vec<&str> = given.split([' ', '.', '=']).collect();
        let [.., name, _] = words[..] else {
            panic!("{given}")
        };
        let name = name.trim_start_matches("--").replace('-', "_");
        says(&printed, &[&format!("\n{name} = \"any\" ")]);
        assert!(!printed.contains("4294967295"), "{printed}");
        assert_eq!(file(&printed).settings(), before, "{given}");
    }
    assert_eq!(
        flags("--accept-rate any").settings(),
        flags("--accept-rate 0").settings()
    );
    // What has no number for it is never any.
    for never in [
        "--drain-rate any",
        "--queue-messages any",
        "--deflate-min any",
    ] {
        says(&flags(never).error(), &["\"any\"", "expected a"]);
    }
}

#[test]
fn whether_there_are_keys_and_a_secret_is_said_in_a_comment() {
    let comment = |flags_given: &str, name: &str| {
        let printed = flags(flags_given).printed();
        let mut lines = printed.lines();
        let line = lines.find(|line| line.starts_with(&format!("# {name}: ")));
        line.unwrap().to_owned()
    };
    says(&comment("", "keys"), &["# keys: none set ", "; default"]);
    says(&comment("", "secret"), &["# secret: not set ", "; default"]);
    let given = "--key k --key l --secret s";
    says(&comment(given, "keys"), &["# keys: 2 set, not shown "]);
    says(&comment(given, "secret"), &["# secret: set, not shown "]);
}

#[test]
fn printed_settings_say_where_each_came_from() {
    let given = Given {
        file: Some("\ndrain = \"1s\""),
        env: &[("ROOMCAST_DRAIN_RATE", "9"), ("API_PORT", "99")],
        flags: "--echo --queue-bytes 2MiB --set stream.queue_bytes=3MiB",
    };
    let printed = given.printed();
    let line = |start: &str| {
        printed
            .lines()
            .find(|line| line.starts_with(start))
            .unwrap()
    };
    says(line("drain ="), &["\"1s\"", "; file /", "line 2"]);
    says(
        line("drain_rate ="),
        &["9 ", "; environment ROOMCAST_DRAIN_RATE"],
    );
    says(
        line("listen ="),
        &["127.0.0.1:99", "; environment API_PORT"],
    );
    says(line("echo ="), &["true", "; flag --echo"]);
    says(line("keep_alive ="), &["\"75s\"", "; default"]);
    says(line("queue_bytes ="), &["2MiB", "; flag --queue-bytes"]);
    assert_eq!(printed.matches("flag --queue-bytes").count(), 6);
    assert_eq!(printed.matches("flag --set").count(), 1);
}

#[test]
fn keys_and_secrets_are_never_shown() {
    let secret = "hunter2";
    let given = Given {
        flags: "--key hunter2 --secret hunter2!",
        ..Given::default()
    };
    assert!(!given.printed().contains(secret));
    assert!(!format!("{:?}", given.load().unwrap()).contains(secret));
    assert!(!given.warnings().contains(secret));
    let errors = [
        flags("--key hunter2 hunter22"),
        flags("--key -hunter2"),
        flags("--key --hunter2"),
        flags("--key=hunter2\u{1}"),
        flags("--set keys=hunter2"),
        file("keys = \"hunter2\""),
        file("keys = [\"hunter2 \"]"),
        file("secret = [\"hunter2\"]"),
        file("keys = [\"hunter2"),
        file("secret = hunter2"),
        env(&[("ROOMCAST_KEYS", "a,hunt er2,hunter2")]),
    ];
    for error in errors.map(|given| given.error()) {
        assert!(!error.contains("hunt"), "{error}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    let shown = |flag: &str| {
        let error = flags(flag).load().unwrap_err();
        assert!(error.is_help() && error.exit_code() == 0);
        error.to_string()
    };
    let version = format!("roomcast {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        (shown("--version"), shown("-V")),
        (version.clone(), version)
    );
    for help in [shown("--help"), shown("-h")] {
        for (flag, ..) in TABLE {
            says(&help, &[&format!("--{flag}")]);
        }
        says(
            &help,
            &[
                "--config",
                "--print-config",
                "--set",
                "Listening:",
                "Going away:",
            ],
        );
    }
    for (key, ..) in APP_TABLE {
        says(&shown("--help"), &[key]);
    }
}
