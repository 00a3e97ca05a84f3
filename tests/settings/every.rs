//! Every setting, from every source, good and bad.

use roomcast::id::AppId;
use roomcast::settings::command;

use crate::given::{Given, env, file, flags, says};

/// Every setting of the server: its flag, its name, a good value, and a bad one where text alone can be bad.
pub const TABLE: &[(&str, &str, &str, &str)] = &[
    ("listen", "listen", "127.0.0.1:9", "8080"),
    ("reuse-port", "reuse_port", "on", "maybe"),
    ("key", "keys", "k", "k\u{7}"),
    ("secret", "secret", "0123456789abcdef0123456789abcdef", ""),
    ("data", "data", "/srv/kept.db", "folder/"),
    ("data-wait", "data_wait", "7s", "7"),
    (
        "allow-origin",
        "allow_origins",
        "https://a.example",
        "a.example",
    ),
    ("trust-proxy", "trust_proxy", "10.0.0.0/8", "localhost"),
    ("queue-messages", "queue_messages", "7", "0"),
    ("queue-bytes", "queue_bytes", "7KiB", "7KB"),
    ("on-full", "on_full", "disconnect", "block"),
    ("memory-budget", "memory_budget", "7MiB", "1KiB"),
    ("max-connections", "max_connections", "7", "many"),
    ("guests", "guests", "7", "0"),
    (
        "guest-calls-per-minute",
        "guest_calls_per_minute",
        "7",
        "-1",
    ),
    ("accept-rate", "accept_rate", "7", "-1"),
    ("loop-lag-limit", "loop_lag_limit", "7s", "250"),
    ("max-message", "max_message", "7KiB", "2GiB"),
    (
        "client-messages-per-second",
        "client_messages_per_second",
        "7",
        "1000001",
    ),
    (
        "client-bytes-per-second",
        "client_bytes_per_second",
        "7KiB",
        "2GiB",
    ),
    ("max-body", "max_body", "7KiB", "-1"),
    ("ping-interval", "ping_interval", "7s", "7"),
    ("pong-timeout", "pong_timeout", "77s", "0s"),
    ("write-timeout", "write_timeout", "7s", "2days"),
    ("header-timeout", "header_timeout", "7s", "1us"),
    ("message-timeout", "message_timeout", "7s", "soon"),
    ("keep-alive", "keep_alive", "7s", "-7s"),
    ("drain-delay", "drain_delay", "7s", "7"),
    ("drain", "drain", "0s", "5"),
    ("drain-rate", "drain_rate", "7", "1.5"),
    ("deflate", "deflate", "off", "maybe"),
    ("deflate-min", "deflate_min", "0", "4GiB"),
    ("echo", "echo", "on", "maybe"),
    ("no-pages", "no_pages", "yes", "maybe"),
    ("insecure-open", "insecure_open", "1", "2"),
];

/// The settings of an app, a good value, and a bad one.
pub const APP_TABLE: &[(&str, &str, &str)] = &[
    ("enabled", "off", "never"),
    ("max_connections", "7", "0"),
    ("connections_per_minute", "7", "-7"),
    ("max_message", "7KiB", "0"),
    ("client_messages_per_second", "7", "-7"),
    ("client_bytes_per_second", "7KiB", "7KB"),
    ("on_full", "disconnect", "Drop"),
    ("queue_messages", "7", "1000001"),
    ("queue_bytes", "7KiB", "1B"),
    ("ping_interval", "7s", "25h"),
];

fn toml(name: &str, value: &str) -> String {
    match name {
        "keys" | "allow_origins" | "trust_proxy" => {
            format!("{name} = [\"{}\"]", value.escape_default())
        }
        _ => format!("{name} = \"{}\"", value.escape_default()),
    }
    .replace("\\u{7}", "\\u0007")
}

#[test]
fn the_table_here_has_every_flag() {
    let known: Vec<&str> = TABLE.iter().map(|row| row.0).collect();
    let command = command();
    let others = ["config", "new-epochs", "print-config", "set"];
    let flags: Vec<_> = command
        .get_arguments()
        .filter_map(|arg| arg.get_long())
        .collect();
    assert!(
        flags
            .iter()
            .all(|flag| known.contains(flag) || others.contains(flag))
    );
    assert_eq!(flags.len(), known.len() + others.len());
}

#[test]
fn every_setting_is_the_same_from_flag_environment_and_file() {
    for (flag, name, good, _) in TABLE {
        // Proxies are for a server that others can reach, and such a one is not open unless that is meant.
        let beside = match *name {
            "trust_proxy" => "--insecure-open",
            _ => "",
        };
        let by_flag = flags(&format!("{beside} --{flag}={good}")).settings();
        let variable = format!("ROOMCAST_{}", name.to_uppercase());
        let from = |given: Given<'_>| {
            Given {
                flags: beside,
                ..given
            }
            .settings()
        };
        assert_eq!(by_flag, from(env(&[(&variable, good)])), "{name}");
        assert_eq!(by_flag, from(file(&toml(name, good))), "{name}");
        assert_ne!(by_flag, from(Given::default()), "{name} has an effect");
    }
}

#[test]
fn every_app_setting_is_the_same_from_flag_environment_and_file() {
    for app in AppId::ALL.map(AppId::name) {
        for (key, good, _) in APP_TABLE {
            let item = format!("{app}.{key}={good}");
            let by_flag = flags(&format!("--set {item}")).settings();
            assert_eq!(
                by_flag,
                env(&[("ROOMCAST_SET", &item)]).settings(),
                "{item}"
            );
            let table = format!("[{app}]\n{}", toml(key, good));
            assert_eq!(by_flag, file(&table).settings(), "{item}");
        }
    }
}

#[test]
fn every_bad_value_is_told_with_its_setting_and_its_source() {
    for (flag, name, _, bad) in TABLE {
        let error = flags(&format!("--{flag}={bad}")).error();
        says(&error, &[name, &format!("flag --{flag}"), "expected"]);
        let variable = format!("ROOMCAST_{}", name.to_uppercase());
        // An empty variable is not set.
        if !bad.is_empty() {
            says(
                &env(&[(&variable, bad)]).error(),
                &[name, &format!("environment {variable}"), "expected"],
            );
        }
        let error = file(&format!("\n{}", toml(name, bad))).error();
        says(&error, &[name, "file /", ".toml, line 2", "expected"]);
        assert!(
            ["keys", "secret"].contains(name) || error.contains(bad),
            "{error}"
        );
    }
}

#[test]
fn every_bad_value_of_an_app_is_told_with_its_setting_and_its_source() {
    for (key, _, bad) in APP_TABLE {
        let item = format!("tasks.{key}={bad}");
        let name = format!("tasks.{key}");
        says(
            &flags(&format!("--set {item}")).error(),
            &[&name, bad, "flag --set", "expected"],
        );
        says(
            &env(&[("ROOMCAST_SET", &item)]).error(),
            &[&name, bad, "environment ROOMCAST_SET"],
        );
        says(
            &file(&format!("[tasks]\n{}", toml(key, bad))).error(),
            &[&name, bad, "line 2"],
        );
    }
}

#[test]
fn a_bad_value_is_an_error_even_where_a_better_source_covers_it() {
    let given = Given {
        file: Some("drain_rate = 0"),
        flags: "--drain-rate 9",
        ..Given::default()
    };
    says(&given.error(), &["drain_rate", "line 1"]);
}
