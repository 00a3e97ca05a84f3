//! The environment names that explorers already use, from the process's environment to what clients see.

use std::net::SocketAddr;
use std::process::Command;

use socket2::{Domain, Socket, Type};
use tungstenite::Message;

use crate::harness::process::roomcast;
use crate::house::House;

const OPEN: [&str; 2] = ["--set", "stream.connections_per_minute=0"];

#[test]
fn the_port_is_the_explorers() {
    // Somebody holds the port so that nobody else is given it; who binds it by its number, as the server does, may share
    // it with one that does not listen.
    let holder = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    holder.set_reuse_address(true).unwrap();
    holder
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    let port = holder.local_addr().unwrap().as_socket().unwrap().port();
    let house = House::with_env(&[], &[("API_PORT", &port.to_string())]);
    assert_eq!(house.address().port(), port);
    assert_eq!(house.upgrade().0.status, 101);
}

#[test]
fn the_explorers_origins_are_allowed_beside_the_others() {
    let env = [(
        "API_CORS_ORIGINS",
        "https://explorer.example, https://beta.example:8443",
    )];
    let house = House::with_env(&["--allow-origin", "https://app.example"], &env);
    for origin in [
        "https://explorer.example",
        "https://beta.example:8443",
        "https://app.example",
    ] {
        let answer = house.ask("POST", "/v1/blocks", &format!("Origin: {origin}\r\n"), "[]");
        assert_eq!(answer.status, 202, "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    }
    let refused = house.ask(
        "POST",
        "/v1/blocks",
        "Origin: https://beta.example\r\n",
        "[]",
    );
    assert_eq!(refused.status, 403);
}

#[test]
fn the_explorers_bound_on_connections_is_the_streams_alone() {
    let house = House::with_env(&OPEN, &[("WEBSOCKET_MAX_CONNECTIONS", "2")]);
    let held = [house.upgrade(), house.upgrade()];
    assert!(held.iter().all(|(answer, _)| answer.status == 101));
    assert_eq!(house.upgrade().0.status, 503);
    let config = printed(&[("WEBSOCKET_MAX_CONNECTIONS", "2")]);
    assert_eq!(
        config.matches("max_connections = 2 ").count(),
        1,
        "{config}"
    );
}

#[test]
fn the_explorers_ping_interval_is_kept() {
    // By default the first ping comes later than that.
    let flags = [&OPEN[..], &["--pong-timeout", "10s"]].concat();
    let house = House::with_env(&flags, &[("WEBSOCKET_PING_INTERVAL", "300ms")]);
    assert!(matches!(house.subscriber(&[]).any(), Message::Ping(_)));
    let config = printed(&[("WEBSOCKET_PING_INTERVAL", "300ms")]);
    assert_eq!(
        config.matches("ping_interval = \"300ms\" ").count(),
        1,
        "{config}"
    );
}

#[test]
fn buffer_sizes_are_said_once_each_to_have_no_effect() {
    let names = ["WEBSOCKET_READ_BUFFER_SIZE", "WEBSOCKET_WRITE_BUFFER_SIZE"];
    let house = House::with_env(&[], &names.map(|name| (name, "64KiB")));
    for name in names {
        let lines: Vec<&String> = house
            .began()
            .iter()
            .filter(|line| line.contains(name))
            .collect();
        assert_eq!(lines.len(), 1, "{:#?}", house.began());
        assert!(
            lines[0].contains("WARN") && lines[0].contains("no effect"),
            "{}",
            lines[0]
        );
    }
}

#[test]
fn what_the_explorers_names_cannot_be_is_said_with_the_name() {
    for (name, value) in [
        ("API_PORT", "80.5"),
        ("API_CORS_ORIGINS", "explorer.example"),
        ("WEBSOCKET_MAX_CONNECTIONS", "many"),
        ("WEBSOCKET_PING_INTERVAL", "soon"),
        ("WEBSOCKET_READ_BUFFER_SIZE", "-1"),
        ("WEBSOCKET_WRITE_BUFFER_SIZE", "big"),
    ] {
        let output = with(&[(name, value)]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}: {said}");
        assert!(said.contains(name), "{name}: {said}");
    }
}

#[test]
fn our_own_names_beat_the_explorers() {
    let config = printed(&[
        ("WEBSOCKET_PING_INTERVAL", "17s"),
        ("ROOMCAST_SET", "stream.ping_interval=19s"),
    ]);
    assert!(
        config.contains("\"19s\"") && !config.contains("\"17s\""),
        "{config}"
    );
}

fn printed(env: &[(&str, &str)]) -> String {
    let output = with(env).arg("--print-config").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn with(env: &[(&str, &str)]) -> Command {
    let mut command = roomcast("");
    command.envs(env.iter().copied());
    command
}
