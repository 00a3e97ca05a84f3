//! Whom trusted proxies name as the client, and what is not believed of them.

use roomcast::apps::proxies::*;
use roomcast::wire::request::Head;

/// Who asks by these header lines, if the peer is a trusted proxy.
fn client(lines: &[&str]) -> String {
    client_of("10.0.0.1", lines)
}

fn client_of(peer: &str, lines: &[&str]) -> String {
    let trusted = ["10.0.0.0/8", "2001:db8:ffff::/48"].map(|it| it.parse().unwrap());
    let text = format!(
        "GET / HTTP/1.1\r\nHost: x\r\n{}\r\n\r\n",
        lines.join("\r\n")
    );
    let (head, _) = Head::parse(text.as_bytes()).unwrap().unwrap();
    let proxies = Proxies::new(trusted.into());
    proxies.client(peer.parse().unwrap(), &head).0.to_string()
}

/// What an element of `Forwarded` says, or the peer.
fn element(text: &str) -> String {
    client(&[&format!("Forwarded: {text}")])
}

#[test]
fn the_right_most_address_that_is_no_proxys_is_the_client() {
    for lines in [
        &["X-Forwarded-For: 192.0.2.1"][..],
        &["X-Forwarded-For: 203.0.113.9, 192.0.2.1"],
        &["X-Forwarded-For: 203.0.113.9,192.0.2.1 , 10.2.3.4,10.0.0.9"],
        &[
            "X-Forwarded-For: 203.0.113.9",
            "x-forwarded-for: 192.0.2.1",
            "X-Forwarded-For: 10.0.0.9",
        ],
        &["X-Forwarded-For: unknown, 192.0.2.1,, 10.0.0.9"],
        &["X-Forwarded-For: ::ffff:192.0.2.1"],
        &[
            "Forwarded: for=203.0.113.9, for=192.0.2.1;proto=https;by=_a, For=\"[2001:db8:ffff::1]:80\"",
        ],
        &[
            "Forwarded: for=192.0.2.1",
            "X-Forwarded-For: 192.0.2.1:4000",
        ],
    ] {
        assert_eq!(client(lines), "192.0.2.1", "{lines:?}");
    }
    let all_trusted = ["X-Forwarded-For: 10.7.7.7, 10.0.0.9"];
    assert_eq!(client(&all_trusted), "10.7.7.7");
}

#[test]
fn what_is_no_address_or_disagrees_leaves_the_peer() {
    for lines in [
        &[][..],
        &["X-Forwarded-For: "],
        &["X-Forwarded-For: 192.0.2.1, unknown"],
        &["X-Forwarded-For: 192.0.2.1, 192.0.2.1.evil, 10.0.0.9"],
        &["X-Forwarded-For: 192.0.2.1\u{e9}"],
        &["Forwarded: for=192.0.2.1, proto=https"],
        &["Forwarded: for=192.0.2.1", "X-Forwarded-For: 192.0.2.2"],
        &["Forwarded: for=192.0.2.1", "X-Forwarded-For: unknown"],
    ] {
        assert_eq!(client(lines), "10.0.0.1", "{lines:?}");
    }
}

#[test]
fn nodes_are_as_rfc_7239_has_them() {
    for (text, expected) in [
        ("for=192.0.2.1:8080", "192.0.2.1"),
        ("for=\"192.0.2.1:_http\"", "192.0.2.1"),
        ("for=\"[2001:db8::1]\"", "2001:db8::1"),
        ("FOR=\"[2001:db8::1]:65535\" ; proto=http", "2001:db8::1"),
    ] {
        assert_eq!(element(text), expected, "{text}");
    }
    for text in [
        "for=unknown",
        "for=_hidden",
        "for=\"[2001:db8::1]80\"",
        "for=\"2001:db8::1\"",
        "for=192.0.2.1:",
        "for=192.0.2.1:_",
        "for=192.0.2.1:123456",
        "for=192.0.2.1:+80",
        "for=\"[192.0.2.1]\"",
        "for",
        "for=192.0.2.1;for=192.0.2.2",
        "for=\"192.0.2.1",
        "for=\"192.0.2\\.1\"",
    ] {
        assert_eq!(element(text), "10.0.0.1", "{text}");
    }
}

#[test]
fn a_client_cannot_hide_the_proxys_words_in_a_string() {
    let appended = "for=203.0.113.9;proto=\"x, for=192.0.2.1";
    assert_eq!(element(appended), "10.0.0.1");
    assert_eq!(
        element("for=203.0.113.9;proto=\"x\\\", for=192.0.2.1"),
        "10.0.0.1"
    );
    let line = [
        "Forwarded: for=203.0.113.9;proto=\"x",
        "Forwarded: for=192.0.2.1",
    ];
    assert_eq!(client(&line), "192.0.2.1");
    assert_eq!(
        element("for=\"203.0.113.9\";proto=\"a,;\\\"b\", for=192.0.2.1"),
        "192.0.2.1"
    );
}

#[test]
fn a_peer_that_is_not_trusted_may_say_what_it_likes() {
    let lines = ["X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1"];
    assert_eq!(client_of("11.0.0.1", &lines), "11.0.0.1");
    assert_eq!(client_of("::ffff:10.0.0.1", &lines), "192.0.2.1");
}
