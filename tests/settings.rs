//! The settings from outside: which source wins, what each bad value is told, and what is never shown.
#![allow(clippy::unwrap_used, missing_docs)]

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use roomcast::bounds::OnFull;
use roomcast::id::AppId;
use roomcast::settings::{Command, Loaded, Settings, SettingsError, command, load};
use roomcast::time::Millis;

const DESCRIPTORS: u64 = 20_000;

/// What a test gives: a file's text, variables, and flags separated by blanks.
#[derive(Clone, Default)]
struct Given<'a> {
    file: Option<&'a str>,
    env: &'a [(&'a str, &'a str)],
    flags: &'a str,
}

fn file(text: &str) -> Given<'_> {
    Given {
        file: Some(text),
        ..Given::default()
    }
}

fn env<'a>(env: &'a [(&'a str, &'a str)]) -> Given<'a> {
    Given {
        env,
        ..Given::default()
    }
}

fn flags(flags: &str) -> Given<'_> {
    Given {
        flags,
        ..Given::default()
    }
}

fn save(text: &str) -> PathBuf {
    static FILES: AtomicU32 = AtomicU32::new(0);
    let name = format!("settings-{}.toml", FILES.fetch_add(1, Ordering::Relaxed));
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path
}

impl Given<'_> {
    fn load(&self) -> Result<Loaded, SettingsError> {
        let mut args = vec!["roomcast".to_owned()];
        args.extend(self.flags.split_whitespace().map(str::to_owned));
        if let Some(text) = self.file {
            args.extend([
                "--config".to_owned(),
                save(text).to_str().unwrap().to_owned(),
            ]);
        }
        let env = self
            .env
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        load(args.into_iter().map(OsString::from), env, DESCRIPTORS)
    }

    fn settings(&self) -> Settings {
        self.load().unwrap().settings
    }

    fn warnings(&self) -> String {
        self.load().unwrap().warnings.join("\n")
    }

    fn error(&self) -> String {
        let error = self.load().unwrap_err();
        assert_eq!(error.exit_code(), 2, "{error}");
        let text = error.to_string();
        assert!(
            !text.contains('\n') && text.starts_with(|c: char| !c.is_uppercase()),
            "{text}"
        );
        text
    }

    fn printed(&self) -> String {
        let flags = format!("{} --print-config", self.flags);
        let given = Given {
            flags: &flags,
            ..self.clone()
        };
        match given.load().unwrap().command {
            Command::PrintConfig(text) => text,
            Command::Serve => panic!("the settings were to be printed"),
        }
    }
}

/// Asserts that an error says all of these.
fn says(error: &str, words: &[&str]) {
    for word in words {
        assert!(error.contains(word), "{word:?} is missing from {error:?}");
    }
}

/// Every setting of the server: its flag, its name, a good value, and a bad one where text alone can be bad.
const TABLE: &[(&str, &str, &str, &str)] = &[
    ("listen", "listen", "127.0.0.1:9", "8080"),
    ("key", "keys", "k", "k\u{7}"),
    ("secret", "secret", "0123456789abcdef0123456789abcdef", ""),
    (
        "allow-origin",
        "allow_origins",
        "https://a.example",
        "a.example",
    ),
    ("queue-messages", "queue_messages", "7", "0"),
    ("queue-bytes", "queue_bytes", "7KiB", "7KB"),
    ("on-full", "on_full", "disconnect", "block"),
    ("memory-budget", "memory_budget", "7MiB", "1KiB"),
    ("max-connections", "max_connections", "7", "many"),
    ("max-message", "max_message", "7KiB", "2GiB"),
    ("max-body", "max_body", "7KiB", "-1"),
    ("ping-interval", "ping_interval", "7s", "7"),
    ("pong-timeout", "pong_timeout", "77s", "0s"),
    ("write-timeout", "write_timeout", "7s", "2days"),
    ("header-timeout", "header_timeout", "7s", "1us"),
    ("message-timeout", "message_timeout", "7s", "soon"),
    ("keep-alive", "keep_alive", "7s", "-7s"),
    ("drain", "drain", "0s", "5"),
    ("drain-rate", "drain_rate", "7", "1.5"),
    ("deflate", "deflate", "off", "maybe"),
    ("deflate-min", "deflate_min", "0", "4GiB"),
    ("echo", "echo", "on", "maybe"),
    ("no-pages", "no_pages", "yes", "maybe"),
    ("insecure-open", "insecure_open", "1", "2"),
];

/// The settings of an app, a good value, and a bad one.
const APP_TABLE: &[(&str, &str, &str)] = &[
    ("enabled", "off", "never"),
    ("max_connections", "7", "0"),
    ("connections_per_minute", "7", "-7"),
    ("max_message", "7KiB", "0"),
    ("on_full", "disconnect", "Drop"),
    ("queue_messages", "7", "1000001"),
    ("queue_bytes", "7KiB", "1B"),
    ("ping_interval", "7s", "25h"),
];

fn toml(name: &str, value: &str) -> String {
    match name {
        "keys" | "allow_origins" => format!("{name} = [\"{}\"]", value.escape_default()),
        _ => format!("{name} = \"{}\"", value.escape_default()),
    }
    .replace("\\u{7}", "\\u0007")
}

#[test]
fn the_table_here_has_every_flag() {
    let known: Vec<&str> = TABLE.iter().map(|row| row.0).collect();
    let command = command();
    let others = ["config", "print-config", "set"];
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
        let by_flag = flags(&format!("--{flag}={good}")).settings();
        let variable = format!("ROOMCAST_{}", name.to_uppercase());
        assert_eq!(by_flag, env(&[(&variable, good)]).settings(), "{name}");
        assert_eq!(by_flag, file(&toml(name, good)).settings(), "{name}");
        assert_ne!(by_flag, Given::default().settings(), "{name} has an effect");
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
        let error = env(&[(&variable, bad)]).error();
        says(
            &error,
            &[name, &format!("environment {variable}"), "expected"],
        );
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

#[test]
fn the_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let mut given = Given::default();
    let rate = |given: &Given<'_>| given.settings().bounds.drain_rate;
    assert_eq!(rate(&given), 2000);
    given.file = Some("drain_rate = 1");
    assert_eq!(rate(&given), 1);
    given.env = &[("ROOMCAST_DRAIN_RATE", "2")];
    assert_eq!(rate(&given), 2);
    given.flags = "--drain-rate 3";
    assert_eq!(rate(&given), 3);
}

#[test]
fn a_list_replaces_the_list_below_it() {
    let mut given = file("keys = [\"a\", \"b\"]");
    assert_eq!(given.settings().keys, ["a", "b"]);
    given.env = &[("ROOMCAST_KEYS", "c, d")];
    assert_eq!(given.settings().keys, ["c", "d"]);
    given.flags = "--key e --key f --key e";
    assert_eq!(given.settings().keys, ["e", "f"]);
}

#[test]
fn a_flag_given_twice_counts_the_last_time() {
    assert_eq!(
        flags("--drain-rate 1 --drain-rate 2")
            .settings()
            .bounds
            .drain_rate,
        2
    );
}

#[test]
fn a_switch_that_is_on_below_can_be_turned_off() {
    let given = Given {
        file: Some("no_pages = true"),
        env: &[("ROOMCAST_ECHO", "1")],
        flags: "--echo=off --no-pages=off",
    };
    assert!(!given.settings().echo && given.settings().pages);
    assert!(flags("--echo").settings().echo && !flags("--no-pages").settings().pages);
}

#[test]
fn the_environment_may_name_the_file_and_the_flag_may_name_another() {
    let (one, two) = (save("drain_rate = 1"), save("drain_rate = 2"));
    let variables = [("ROOMCAST_CONFIG", one.to_str().unwrap())];
    assert_eq!(env(&variables).settings().bounds.drain_rate, 1);
    let flag = format!("--config {}", two.display());
    let both = Given {
        flags: &flag,
        ..env(&variables)
    };
    assert_eq!(both.settings().bounds.drain_rate, 2);
}

#[test]
fn a_value_for_every_app_reaches_every_app_without_its_own() {
    let bounds = flags("--max-message 16MiB --on-full drop --queue-bytes 2MiB")
        .settings()
        .bounds;
    for app in AppId::ALL.map(|app| bounds.app(app)) {
        assert_eq!(
            (app.message_bytes_max, app.queue.bytes_max),
            (16 << 20, 2 << 20)
        );
        assert_eq!(app.on_full, OnFull::Drop);
    }
}

#[test]
fn a_value_for_one_app_beats_the_one_for_every_app_from_any_source() {
    let given = Given {
        file: Some("[stream]\nmax_message = \"2MiB\""),
        env: &[("ROOMCAST_SET", "rooms.max_message=3MiB, tasks.enabled=no")],
        flags: "--max-message 16MiB --set rooms.max_message=4MiB",
    };
    let bounds = given.settings().bounds;
    let sizes = AppId::ALL.map(|app| bounds.app(app).message_bytes_max >> 20);
    assert_eq!(sizes, [16, 16, 16, 16, 2, 4]);
    assert!(!bounds.app(AppId::Tasks).enabled);
}

#[test]
fn apps_differ_by_default_where_the_contract_says_so() {
    let bounds = Given::default().settings().bounds;
    assert_eq!(bounds.app(AppId::Sessions).on_full, OnFull::Disconnect);
    let stream = bounds.app(AppId::Stream);
    assert_eq!(
        (stream.connections_max, stream.connections_per_minute),
        (1000, 10)
    );
    assert_eq!(stream.message_bytes_max, 1 << 20);
}

#[test]
fn connections_default_to_the_descriptor_limit_less_a_reserve() {
    let defaults = [
        (1024, 960),
        (20_000, 19_688),
        (1_048_576, 1_032_192),
        (10, 1),
        (u64::MAX, u32::MAX),
    ];
    for (limit, connections) in defaults {
        assert_eq!(Settings::new(limit).bounds.connections_max, connections);
    }
    says(
        &flags("--max-connections 20000").warnings(),
        &["max_connections is 20000", "19688"],
    );
    assert!(
        !flags("--max-connections 19688")
            .warnings()
            .contains("max_connections")
    );
}

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
    for loopback in [
        "--listen [::1]:0",
        "--listen 127.9.9.9:0",
        "--listen localhost:0",
    ] {
        says(&flags(loopback).warnings(), &["open mode"]);
    }
    assert!(!flags("--key k").warnings().contains("open mode"));
    says(
        &env(&[("ROOMCAST_KEYS", "")]).error(),
        &["keys", "ROOMCAST_KEYS"],
    );
}

#[test]
fn risky_settings_are_warned_about() {
    says(&Given::default().warnings(), &["no secret is set"]);
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
