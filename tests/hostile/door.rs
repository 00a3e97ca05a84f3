//! What pretends to be allowed: origins, hosts, and what stands beside our subprotocol, each decided on a head alone.

use roomcast::apps::access::{Access, Denied};
use roomcast::wire::request::{Head, origin_of};

fn access(listener: &str, origins: &[&str]) -> Access {
    let origins = origins.iter().map(ToString::to_string).collect();
    Access::new(Vec::new(), origins, listener.parse().unwrap())
}

#[test]
fn a_loopback_listener_allows_loopback_origins_and_no_look_alikes() {
    let access = access("127.0.0.1:8080", &[]);
    for origin in [
        "http://localhost",
        "https://localhost:3000",
        "http://127.0.0.1:1",
        "http://[::1]:8080",
    ] {
        assert!(access.allows_origin(origin), "{origin}");
    }
    for origin in [
        "null",
        "http://localhost.evil.example",
        "http://localhost:80.evil.example",
        "http://evil.example",
        "http://127.0.0.1.evil.example",
        "ftp://localhost",
        "http://localhost@evil.example",
        "http://localhost:99999",
        "http://localhost:+80",
        "http://localhost:",
        "http://[::1]evil.example",
        "http://[::1]:80evil",
    ] {
        assert!(!access.allows_origin(origin), "{origin}");
    }
}

#[test]
fn a_public_listener_allows_itself_and_what_is_listed() {
    let access = access("192.0.2.1:80", &["https://app.example"]);
    assert!(access.allows_origin("http://192.0.2.1"));
    assert!(access.allows_origin("https://app.example:443"));
    assert!(!access.allows_origin("http://app.example"));
    assert!(!access.allows_origin("http://localhost"));
    assert!(!access.allows_origin("https://app.example:8443"));
}

#[test]
fn a_star_stands_for_one_or_more_labels() {
    let access = access(
        "192.0.2.1:80",
        &["https://*.site.example", "http://*.dev.example:81"],
    );
    for origin in [
        "https://a.site.example",
        "https://A.B.site.example:443",
        "http://x-y_z.dev.example:81",
    ] {
        assert!(access.allows_origin(origin), "{origin}");
    }
    for origin in [
        "https://site.example",
        "https://.site.example",
        "https://a..site.example",
        "https://asite.example",
        "http://a.site.example",
        "https://a.site.example:444",
        "https://a.site.example.evil.example",
        "https://evil.example/.site.example",
        "https://evil.example:80.site.example",
        "http://a.dev.example",
    ] {
        assert!(!access.allows_origin(origin), "{origin}");
    }
}

#[test]
fn a_host_has_nothing_but_a_port_behind_it() {
    let access = access("127.0.0.1:80", &["https://*.site.example"]);
    let is_ours = |host: &str| {
        let text = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let head = Head::parse(text.as_bytes()).unwrap().unwrap().0;
        access.check_host(&head).is_ok()
    };
    for host in [
        "[::1]",
        "[::1]:65535",
        "127.9.9.9:1",
        "LocalHost:80",
        "a.site.example:9",
    ] {
        assert!(is_ours(host), "{host}");
    }
    for host in [
        "[::1]evil.example",
        "[::1]:80evil.example",
        "[::1]:65536",
        "[[::1]]",
        "[127.0.0.1]",
        "127.0.0.1]",
        "::1",
        "localhost:80:80",
        "localhost:evil.example",
        "localhost:+80",
        "site.example",
        "evil.example",
    ] {
        assert!(!is_ours(host), "{host}");
    }
}

#[test]
fn what_is_refused_is_told_escaped_and_without_a_query() {
    let origin = Denied::Origin(b"https://shop.example\x1b[m?token=sesame").to_string();
    assert!(
        origin.contains(r#""https://shop.example\u{1b}[m""#),
        "{origin}"
    );
    let long = Denied::Host("é".repeat(500).as_bytes()).to_string();
    assert!(long.len() < 400, "{long}");
}

#[test]
fn a_bearer_is_base64url_and_may_stand_as_it_is() {
    for (offers, ours, shown) in [
        (
            "roomcast, bearer.c2VzYW1l",
            true,
            &["sesame", "c2VzYW1l"][..],
        ),
        ("bearer.c2VzYW1l,roomcast", true, &["sesame", "c2VzYW1l"]),
        ("roomcast, bearer.ab.cd.ef", true, &["ab.cd.ef"]),
        ("roomcast.v1, bearer.kkkkkkkk, x", false, &["kkkkkkkk"]),
        ("Roomcast, bearer.", false, &[]),
        ("graphql-ws", false, &[]),
    ] {
        let text = format!("GET / HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Protocol: {offers}\r\n\r\n");
        let head = Head::parse(text.as_bytes()).unwrap().unwrap().0;
        assert_eq!(head.offers_ours(), ours, "{offers}");
        let bearers: Vec<_> = head.shown_bearers().collect();
        assert_eq!(bearers, shown, "{offers}");
    }
}

#[test]
fn the_origin_of_half_a_head_is_one_whole_plain_line() {
    for (text, expected) in [
        (
            "GET /x HTTP/1.1\r\nOrigin: http://a\r\nX: y",
            Some("http://a"),
        ),
        (
            "GET /x HTTP/1.1\r\norigin:http://a \r\n\r\nOrigin: b\r\n",
            Some("http://a"),
        ),
        ("GET /x HTTP/1.1\r\nOrigin: http://a", None),
        ("GET /x HTTP/1.1\r\nOrigin: a\r\nOrigin: b\r\n", None),
        ("GET /x HTTP/1.1\r\nOrigin: a\nSet-Cookie: b\r\n", Some("a")),
        ("GET /x HTTP/1.1\r\nOrigin: a\rSet-Cookie: b\r\n", None),
        ("GET /x HTTP/1.1\r\nX-Origin: a\r\n", None),
        ("Origin: a\r\n\r\n", None),
        ("", None),
    ] {
        assert_eq!(origin_of(text.as_bytes()), expected, "{text:?}");
    }
}
