//! Which source wins, and whose value is whose.

use roomcast::bounds::OnFull;
use roomcast::id::AppId;
use roomcast::settings::Settings;

use crate::given::{Given, env, file, flags, save, says};

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
        assert_eq!(app.queue.on_full, OnFull::Drop);
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
    assert_eq!(
        bounds.app(AppId::Sessions).queue.on_full,
        OnFull::Disconnect
    );
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
