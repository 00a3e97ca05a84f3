//! How values are written: sizes, durations, addresses and origins, each taken exactly as the help promises.

use roomcast::time::Millis;

use crate::given::flags;

fn is_taken(flag: &str, text: &str) -> bool {
    flags(&format!("--{flag}={text}")).load().is_ok()
}

#[test]
fn sizes_are_digits_with_a_binary_unit_or_none() {
    for (text, bytes) in [
        ("0", 0),
        ("512", 512),
        ("512B", 512),
        ("512KiB", 512 << 10),
        ("1mib", 1 << 20),
    ] {
        let settings = flags(&format!("--deflate-min={text}")).settings();
        assert_eq!(settings.bounds.deflate_bytes_min, bytes, "{text}");
    }
    let settings = flags("--memory-budget=4GiB").settings();
    assert_eq!(settings.bounds.memory_budget_bytes, 4 << 30);
    for junk in [
        "",
        "B",
        "-1",
        "+1",
        "1.5MiB",
        "1\u{a0}MiB",
        "1MB",
        "1k",
        "1e",
        "99999999999GiB",
    ] {
        assert!(!is_taken("deflate-min", junk), "{junk}");
    }
}

#[test]
fn durations_need_a_unit_and_whole_milliseconds() {
    for (text, ms) in [
        ("500ms", 500),
        ("30s", 30_000),
        ("5m", 300_000),
        ("1.5s", 1500),
    ] {
        let settings = flags(&format!("--drain={text}")).settings();
        assert_eq!(settings.bounds.drain, Millis(ms), "{text}");
    }
    for junk in [
        "",
        "30",
        "-1s",
        "s",
        "1us",
        "999999999999999999999s",
        "soon",
    ] {
        assert!(!is_taken("drain", junk), "{junk}");
    }
}

#[test]
fn ranges_are_what_all_of_them_has_in_common_and_ipv4_in_any_clothes() {
    for (text, expected) in [
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("::ffff:10.1.2.3", "10.1.2.3/32"),
        ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::/64", "::/64"),
        ("2001:db8::1/48", "2001:db8::/48"),
    ] {
        let settings = flags(&format!("--insecure-open --trust-proxy={text}")).settings();
        assert_eq!(settings.trust_proxy[0].to_string(), expected, "{text}");
    }
}

#[test]
fn origins_are_read_as_browsers_write_them() {
    for (text, expected) in [
        ("*", "*"),
        ("HTTPS://App.Example", "https://app.example"),
        ("https://app.example:443", "https://app.example"),
        ("http://app.example:443", "http://app.example:443"),
        ("http://[0:0::1]:3000", "http://[::1]:3000"),
        ("http://[::1]", "http://[::1]"),
        ("tauri://localhost", "tauri://localhost"),
        ("https://*.App.Example:443", "https://*.app.example"),
    ] {
        let settings = flags(&format!("--allow-origin={text}")).settings();
        assert_eq!(settings.allow_origins, [expected]);
    }
}

#[test]
fn an_origin_is_nothing_but_scheme_host_and_port() {
    for junk in [
        "",
        "null",
        "app.example",
        "https://",
        "https://a/",
        "https://a/b",
        "https://a?b",
        "https://u@a",
        "https://a:",
        "https://a:0",
        "https://a:99999",
        "https://a:+80",
        "https://*",
        "https://*.",
        "https://*a",
        "https://a.*",
        "https://*.*.a",
        "https://*..a",
        "https://*.[::1]",
        "://a",
        "1p://a",
        "https://[::1",
        "https://[a]",
        "https://a\u{a0}b",
        "https://é",
        "https://a:80:80",
    ] {
        assert!(!is_taken("allow-origin", junk), "{junk}");
    }
}

#[test]
fn an_address_is_literal_or_localhost() {
    for text in [
        "127.0.0.1:0",
        "[::1]:8080",
        "localhost:8080",
        "0.0.0.0:65535",
    ] {
        let given = format!("--insecure-open --listen={text}");
        assert!(flags(&given).load().is_ok(), "{text}");
    }
    for junk in [
        "",
        "8080",
        ":8080",
        "localhost",
        "localhost:",
        "localhost:65536",
        "example.com:80",
        "127.0.0.1",
    ] {
        assert!(!is_taken("listen", junk), "{junk}");
    }
}
