//! What the server says to commands of every kind is read as what it is.

use roomcast::wire::resp::Value;

use crate::server::Server;

#[test]
fn hello_says_what_the_server_is() {
    let server = Server::start();
    server.client().ask(&["HELLO", "3"], |hello| {
        let pairs = hello.as_map().unwrap();
        assert!(pairs.len() >= 6, "{hello:?}");
        assert_eq!(hello.get("server").unwrap().as_str(), Some("redis"));
        assert!(
            hello
                .get("version")
                .unwrap()
                .as_str()
                .unwrap()
                .contains('.')
        );
        assert_eq!(hello.get("mode").unwrap().as_str(), Some("standalone"));
        assert_eq!(hello.get("role").unwrap().as_str(), Some("master"));
        assert_eq!(hello.get("modules").unwrap().as_array(), Some(&[][..]));
    });
    // Under RESP2 it is a flat list, which is looked up alike.
    server.old_client().ask(&["HELLO", "2"], |hello| {
        assert!(matches!(hello, Value::Array(_)));
        assert_eq!(hello.get("proto").unwrap().as_integer(), Some(2));
    });
}

#[test]
fn strings_and_numbers_come_as_they_are() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(client.shown(&["PING"]), r#"Simple("PONG")"#);
    assert_eq!(client.shown(&["SET", "a", "1\r\n2"]), r#"Simple("OK")"#);
    assert_eq!(client.shown(&["GET", "a"]), r#"Blob("1\r\n2")"#);
    assert_eq!(client.shown(&["GET", "none"]), "Null");
    assert_eq!(client.shown(&["SET", "empty", ""]), r#"Simple("OK")"#);
    assert_eq!(client.shown(&["GET", "empty"]), r#"Blob("")"#);
    assert_eq!(client.shown(&["STRLEN", "a"]), "Integer(4)");
    assert_eq!(
        client.shown(&["SET", "n", "-9223372036854775808"]),
        r#"Simple("OK")"#
    );
    assert_eq!(
        client.shown(&["INCR", "n"]),
        "Integer(-9223372036854775807)"
    );
    client.tell(&["ZADD", "z", "1.5", "a", "inf", "b", "-1e300", "c", "3", "d"]);
    assert_eq!(client.shown(&["ZSCORE", "z", "a"]), "Double(1.5)");
    assert_eq!(client.shown(&["ZSCORE", "z", "b"]), "Double(inf)");
    assert_eq!(client.shown(&["ZSCORE", "z", "c"]), "Double(-1e300)");
    assert_eq!(client.shown(&["ZSCORE", "z", "d"]), "Double(3.0)");
    assert_eq!(client.shown(&["ZSCORE", "z", "none"]), "Null");
    client.ask(&["INFO", "replication"], |info| {
        assert!(matches!(info, Value::Verbatim(_)), "{info:?}");
        let text = info.as_str().unwrap();
        assert!(text.starts_with("# Replication\r\n"), "{text}");
        assert!(text.contains("master_replid:"), "{text}");
    });
}

#[test]
fn aggregates_come_as_they_are() {
    let server = Server::start();
    let mut client = server.client();
    client.tell(&["HSET", "h", "k", "v", "l", ""]);
    assert_eq!(
        client.shown(&["HGETALL", "h"]),
        r#"Map([(Blob("k"), Blob("v")), (Blob("l"), Blob(""))])"#
    );
    assert_eq!(client.shown(&["HGETALL", "none"]), "Map([])");
    assert_eq!(
        client.shown(&["HMGET", "h", "k", "none"]),
        r#"Array([Blob("v"), Null])"#
    );
    client.tell(&["SADD", "s", "a"]);
    assert_eq!(client.shown(&["SMEMBERS", "s"]), r#"Set([Blob("a")])"#);
    assert_eq!(client.shown(&["SMEMBERS", "none"]), "Set([])");
    client.tell(&["ZADD", "z", "1", "a", "2.5", "b"]);
    assert_eq!(
        client.shown(&["ZRANGE", "z", "0", "-1", "WITHSCORES"]),
        r#"Array([Array([Blob("a"), Double(1.0)]), Array([Blob("b"), Double(2.5)])])"#
    );
    assert_eq!(
        client.shown(&["CONFIG", "GET", "maxmemory-policy"]),
        r#"Map([(Blob("maxmemory-policy"), Blob("noeviction"))])"#
    );
    assert_eq!(client.shown(&["BLPOP", "none", "0.01"]), "Null");
    assert_eq!(
        server.old_client().shown(&["BLPOP", "none", "0.01"]),
        "Null"
    );
    assert_eq!(server.old_client().shown(&["GET", "none"]), "Null");
    // The longest and deepest that it has by itself: every command with its flags, keys and arguments.
    client.ask(&["COMMAND", "DOCS"], |commands| {
        let get = commands.get("get").unwrap();
        assert_eq!(get.get("group").unwrap().as_str(), Some("string"));
        assert!(commands.as_map().unwrap().len() > 200);
    });
}

#[test]
fn a_transaction_has_replies_and_errors_among_them() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(client.shown(&["MULTI"]), r#"Simple("OK")"#);
    assert_eq!(client.shown(&["SET", "a", "x"]), r#"Simple("QUEUED")"#);
    assert_eq!(client.shown(&["INCR", "a"]), r#"Simple("QUEUED")"#);
    let wrong = "ERR value is not an integer or out of range";
    assert_eq!(
        client.shown(&["EXEC"]),
        format!(r#"Array([Simple("OK"), Error("{wrong}")])"#)
    );
}

#[test]
fn errors_say_their_code() {
    let server = Server::start();
    let mut client = server.client();
    let mut code = |parts: &[&str]| {
        client.ask(parts, |answer| {
            let code = answer
                .error_code()
                .unwrap_or_else(|| panic!("{parts:?}: {answer:?}"));
            String::from_utf8(code.to_vec()).unwrap()
        })
    };
    assert_eq!(code(&["NONE"]), "ERR");
    assert_eq!(code(&["EVALSHA", &"0".repeat(40), "0"]), "NOSCRIPT");
    assert_eq!(code(&["HELLO", "9"]), "NOPROTO");
    assert_eq!(code(&["AUTH", "nobody", "wrong"]), "WRONGPASS");
    assert_eq!(code(&["XGROUP", "CREATE", "none", "g", "0"]), "ERR");
    assert_eq!(
        code(&["EVAL", "return redis.error_reply('MINE is\\r\\nthis')", "0"]),
        "MINE"
    );
    assert_eq!(code(&["EVAL", "error('no')", "0"]), "ERR");
}

#[test]
fn what_a_script_returns_is_read_in_all_its_depth() {
    let server = Server::start();
    let mut client = server.client();
    let nested =
        "return {1, 'a', {2, {3, {}}}, {err = 'ERR in it'}, {ok = 'fine'}, false, {double = 3.25}}";
    assert_eq!(
        client.shown(&["EVAL", nested, "0"]),
        r#"Array([Integer(1), Blob("a"), Array([Integer(2), Array([Integer(3), Array([])])]), Error("ERR in it"), Simple("fine"), Null, Double(3.25)])"#
    );
    let typed = "redis.setresp(3); return {{map = {k = true}}, {set = {m = true}}, true, false, \
                 {big_number = '12345678901234567890'}, {verbatim_string = {format = 'mkd', string = '*a*'}}}";
    assert_eq!(
        client.shown(&["EVAL", typed, "0"]),
        r#"Array([Map([(Blob("k"), Boolean(true))]), Set([Blob("m")]), Boolean(true), Boolean(false), BigNumber("12345678901234567890"), Verbatim("*a*")])"#
    );
    let deep = "local t = {}; for _ = 1, 50 do t = {t} end; return t";
    let expected = format!("{}{}", "Array([".repeat(51), "])".repeat(51));
    assert_eq!(client.shown(&["EVAL", deep, "0"]), expected);
    // By its digest, as a client does that has loaded it.
    let digest = client.ask(&["SCRIPT", "LOAD", "return {KEYS[1], ARGV[1]}"], |digest| {
        digest.as_str().unwrap().to_owned()
    });
    assert_eq!(
        client.shown(&["EVALSHA", &digest, "1", "k", "v"]),
        r#"Array([Blob("k"), Blob("v")])"#
    );
}

#[test]
fn a_stream_is_read_by_its_entries_and_their_fields() {
    let server = Server::start();
    let mut client = server.client();
    let long = "x".repeat(100);
    let count = 1000;
    for number in 1..=count {
        let id = format!("{number}-0");
        client.send(&[
            "XADD",
            "s",
            &id,
            "number",
            &number.to_string(),
            "payload",
            &long,
            "empty",
            "",
        ]);
    }
    (0..count).for_each(|_| client.next(|id| assert!(matches!(id, Value::Blob(_)), "{id:?}")));
    client.ask(
        &["XREAD", "COUNT", "10000", "STREAMS", "s", "0"],
        |streams| {
            let entries = streams.get("s").unwrap().as_array().unwrap();
            assert_eq!(entries.len(), count);
            for (at, entry) in entries.iter().enumerate() {
                let [id, fields] = entry.as_array().unwrap() else {
                    panic!("{entry:?}");
                };
                assert_eq!(id.as_str().unwrap(), format!("{}-0", at + 1));
                assert_eq!(fields.pairs().unwrap().count(), 3);
                assert_eq!(
                    fields.get("number").unwrap().as_integer(),
                    Some(at as i64 + 1)
                );
                assert_eq!(fields.get("payload").unwrap().as_str(), Some(&long[..]));
                assert_eq!(fields.get("empty").unwrap().as_bytes(), Some(&b""[..]));
            }
        },
    );
    // Nothing new, and something new while it is waited for.
    assert_eq!(
        client.shown(&["XREAD", "BLOCK", "1", "STREAMS", "s", "$"]),
        "Null"
    );
    client.send(&["XREAD", "BLOCK", "0", "STREAMS", "s", "1000-0"]);
    server
        .client()
        .ask(&["XADD", "s", "1001-0", "a", "b"], |id| {
            assert_eq!(id.as_str(), Some("1001-0"))
        });
    let entry = client.next(|streams| format!("{streams:?}"));
    assert_eq!(
        entry,
        r#"Map([(Blob("s"), Array([Array([Blob("1001-0"), Array([Blob("a"), Blob("b")])])]))])"#
    );
}

#[test]
fn pushes_come_between_replies_and_are_told_apart() {
    let server = Server::start();
    let (mut client, mut other) = (server.client(), server.client());
    assert_eq!(
        client.shown(&["SUBSCRIBE", "c"]),
        r#"Push([Blob("subscribe"), Blob("c"), Integer(1)])"#
    );
    other.ask(&["PUBLISH", "c", "hello"], |count| {
        assert_eq!(count.as_integer(), Some(1))
    });
    let message = client.next(|push| format!("{push:?}"));
    assert_eq!(
        message,
        r#"Push([Blob("message"), Blob("c"), Blob("hello")])"#
    );
    // Under RESP3 a client that has subscribed goes on asking.
    assert_eq!(client.shown(&["GET", "none"]), "Null");
    // What it publishes to itself comes before the reply to that.
    client.send(&["PUBLISH", "c", "mine"]);
    client.next(|first| {
        let [kind, _, said] = first.as_push().unwrap() else {
            panic!("{first:?}");
        };
        assert_eq!(
            (kind.as_str(), said.as_str()),
            (Some("message"), Some("mine"))
        );
    });
    client.next(|reply| assert_eq!(reply, &Value::Integer(1)));
    // A key that was looked at and changed.
    client.tell(&["CLIENT", "TRACKING", "ON"]);
    assert_eq!(client.shown(&["GET", "a"]), "Null");
    other.tell(&["SET", "a", "1"]);
    let invalidated = client.next(|push| format!("{push:?}"));
    assert_eq!(
        invalidated,
        r#"Push([Blob("invalidate"), Array([Blob("a")])])"#
    );
}

#[test]
fn a_large_blob_comes_in_many_pieces_and_is_whole() {
    let server = Server::start();
    let mut client = server.client();
    let large = "0123456789abcde\n".repeat(128 << 10);
    client.tell(&["SET", "large", &large]);
    client.send(&["GET", "large"]);
    client.send(&["PING"]);
    client.next(|blob| assert!(blob.as_str() == Some(&large[..])));
    client.next(|pong| assert_eq!(pong.as_str(), Some("PONG")));
}
