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
fn the_port_of_a_service_called_api_is_passed_over_with_a_word() {
    let given = env(&[("API_PORT", "tcp://10.96.0.12:80")]);
    assert_eq!(given.settings().listen.port(), 8080);
    says(
        &given.warnings(),
        &["API_PORT", "passed over", "Kubernetes"],
    );
}

#[test]
fn an_empty_variable_is_not_set_whatever_its_name() {
    let names = [
        "ROOMCAST_CONFIG",
        "ROOMCAST_LISTEN",
        "ROOMCAST_KEYS",
        "ROOMCAST_KEY",
        "ROOMCAST_SECRET",
        "ROOMCAST_ALLOW_ORIGINS",
        "ROOMCAST_QUEUE_BYTES",
        "ROOMCAST_ECHO",
        "ROOMCAST_SET",
        "API_PORT",
        "API_CORS_ORIGINS",
        "WEBSOCKET_PING_INTERVAL",
        "WEBSOCKET_READ_BUFFER_SIZE",
    ];
    for empty in ["", " ", "\n"] {
        let variables = names.map(|name| (name, empty));
        let given = env(&variables);
        assert_eq!(given.settings(), env(&[]).settings());
        assert_eq!(given.warnings(), env(&[]).warnings());
    }
    let mut given = env(&[("ROOMCAST_KEYS", "")]);
    given.file = Some("keys = [\"sesame\"]");
    assert_eq!(given.settings().keys, ["sesame"], "the file's go on");
}

#[test]
fn a_key_that_an_unset_variable_was_substituted_into_opens_nothing_to_others() {
    let mut given = env(&[("ROOMCAST_KEYS", "")]);
    says(&given.warnings(), &["open mode"]);
    given.flags = "--listen 0.0.0.0:80";
    says(&given.error(), &["no key", "--insecure-open"]);
}

#[test]
fn blanks_and_line_ends_around_a_value_are_no_part_of_it() {
    let settings = env(&[
        ("ROOMCAST_SECRET", "hunter two\n"),
        ("ROOMCAST_KEYS", " a , b\r\n"),
        ("ROOMCAST_LISTEN", "127.0.0.1:1\n"),
        ("ROOMCAST_SET", "stream.max_message=2MiB\n"),
        ("ROOMCAST_MAX_BODY", "\t2MiB"),
        ("API_PORT", " 99\n"),
    ])
    .settings();
    assert_eq!(settings.secret.as_deref(), Some("hunter two"));
    assert_eq!(settings.keys, ["a", "b"]);
    assert_eq!(settings.listen.port(), 1);
    assert_eq!(settings.bounds.body_bytes_max, 2 << 20);
}

#[test]
fn a_list_answers_to_the_singular_too() {
    let settings = env(&[
        ("ROOMCAST_KEY", "c"),
        ("ROOMCAST_KEYS", "a,b"),
        ("ROOMCAST_ALLOW_ORIGIN", "https://a.example"),
    ])
    .settings();
    assert_eq!(settings.keys, ["a", "b", "c"]);
    assert_eq!(settings.allow_origins, ["https://a.example"]);
    let mut given = env(&[("ROOMCAST_KEY", "a")]);
    assert!(!given.warnings().contains("ROOMCAST_KEY"));
    given.flags = "--key b";
    assert_eq!(given.settings().keys, ["b"], "a flag replaces it");
}

#[test]
fn quotes_at_the_ends_of_keys_and_secrets_are_warned_of() {
    for (name, value) in [
        ("ROOMCAST_KEYS", "\"sesame\",b"),
        ("ROOMCAST_KEY", "'sesame'"),
        ("ROOMCAST_SECRET", "\"sesame\""),
    ] {
        let warnings = env(&[(name, value)]).warnings();
        says(&warnings, &["quotes", name]);
        assert!(!warnings.contains("sesame"));
    }
    assert!(
        !env(&[("ROOMCAST_KEY", "it's")])
            .warnings()
            .contains("quotes")
    );
}

#[test]
fn unknown_names_in_our_part_of_the_environment_are_warnings_with_a_guess() {
    let warnings = env(&[
        ("ROOMCAST_KEYZ", "hunter2"),
        ("ROOMCAST_COLOUR", "mauve"),
        ("LANG", "C"),
    ])
    .warnings();
    says(
        &warnings,
        &[
            "ROOMCAST_KEYZ ",
            "perhaps ROOMCAST_KEY was meant",
            "ROOMCAST_COLOUR",
        ],
    );
    assert!(
        !warnings.contains("hunter2") && !warnings.contains("LANG") && !warnings.contains("mauve")
    );
}
