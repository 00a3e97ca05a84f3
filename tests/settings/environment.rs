//! Names of the environment: an explorer's, and ours that do not exist.

use roomcast::id::AppId;
use roomcast::time::Millis;

use crate::given::{env, says};

#[test]
fn explorers_names_are_honoured_behind_ours() {
    let mut given = env(&[
        ("API_PORT", "99"),
        ("WEBSOCKET_MAX_CONNECTIONS", "5"),
        ("WEBSOCKET_PING_INTERVAL", "9s"),
    ]);
    given.file =
        Some("listen = \"127.0.0.2:1\"\nping_interval = \"1s\"\n[stream]\nmax_connections = 1");
    let settings = given.settings();
    assert_eq!(settings.listen.to_string(), "127.0.0.2:99");
    let stream = *settings.bounds.app(AppId::Stream);
    assert_eq!(
        (stream.connections_max, stream.ping_interval),
        (5, Millis::seconds(9))
    );
    assert_eq!(
        settings.bounds.app(AppId::Tasks).ping_interval,
        Millis::seconds(1)
    );
    given.flags = "--listen [::1]:7 --ping-interval 2s --set stream.max_connections=6";
    let settings = given.settings();
    assert_eq!(settings.listen.to_string(), "[::1]:7");
    let stream = *settings.bounds.app(AppId::Stream);
    assert_eq!(
        (stream.connections_max, stream.ping_interval),
        (6, Millis::seconds(2))
    );
}

#[test]
fn explorers_origins_are_added_to_whatever_list_is_in_force() {
    let mut given = env(&[(
        "API_CORS_ORIGINS",
        "http://x.example, https://a.example:443",
    )]);
    assert_eq!(
        given.settings().allow_origins,
        ["http://x.example", "https://a.example"]
    );
    given.flags = "--allow-origin https://A.example";
    assert_eq!(
        given.settings().allow_origins,
        ["https://a.example", "http://x.example"]
    );
}

#[test]
fn explorers_bad_values_are_errors_even_behind_ours() {
    let bad = [
        ("API_PORT", "65536"),
        ("API_CORS_ORIGINS", "null"),
        ("WEBSOCKET_MAX_CONNECTIONS", "lots"),
        ("WEBSOCKET_PING_INTERVAL", "30"),
        ("WEBSOCKET_READ_BUFFER_SIZE", "1k"),
        ("WEBSOCKET_WRITE_BUFFER_SIZE", "-1"),
    ];
    for (name, value) in bad {
        let variables = [
            (name, value),
            ("ROOMCAST_LISTEN", "127.0.0.1:1"),
            ("ROOMCAST_PING_INTERVAL", "1s"),
        ];
        says(
            &env(&variables).error(),
            &[value, &format!("environment {name}"), "expected"],
        );
    }
}

#[test]
fn buffer_sizes_are_said_once_to_have_no_effect() {
    let warnings = env(&[("WEBSOCKET_READ_BUFFER_SIZE", "64KiB")]).warnings();
    assert_eq!(warnings.matches("WEBSOCKET_READ_BUFFER_SIZE").count(), 1);
    says(&warnings, &["no effect"]);
}

#[test]
fn unknown_names_in_our_part_of_the_environment_are_warnings_with_a_guess() {
    let warnings = env(&[
        ("ROOMCAST_KEY", "hunter2"),
        ("ROOMCAST_COLOUR", "mauve"),
        ("LANG", "C"),
    ])
    .warnings();
    says(
        &warnings,
        &[
            "ROOMCAST_KEY ",
            "perhaps ROOMCAST_KEYS was meant",
            "ROOMCAST_COLOUR",
        ],
    );
    assert!(
        !warnings.contains("hunter2") && !warnings.contains("LANG") && !warnings.contains("mauve")
    );
}
