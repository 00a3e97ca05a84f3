//! Every type of RESP3 is read, wherever it is cut; what is no RESP3, and what is more than is taken, is told at once.

use roomcast::wire::resp::*;

const BOUNDS: Bounds = Bounds {
    bytes_max: 1 << 20,
    elements_max: 1000,
    depth_max: 8,
};

/// Reads one value, which is all that there is.
fn whole(text: &str) -> Value<'_> {
    let (value, length) = read(text.as_bytes(), &BOUNDS).unwrap().unwrap();
    assert_eq!(length, text.len(), "{text:?}");
    value
}

fn fault(text: &str) -> Fault {
    read(text.as_bytes(), &BOUNDS).expect_err(text)
}

fn blob(text: &str) -> Value<'_> {
    Value::Blob(text.as_bytes())
}

/// A value of every type, as a server writes it and as it is read.
fn every_type() -> Vec<(&'static str, Value<'static>)> {
    vec![
        ("$5\r\na\r\nb\0\r\n", blob("a\r\nb\0")),
        ("$0\r\n\r\n", blob("")),
        ("$-1\r\n", Value::Null),
        ("*-1\r\n", Value::Null),
        ("_\r\n", Value::Null),
        ("+OK\r\n", Value::Simple(b"OK")),
        ("+\r\n", Value::Simple(b"")),
        ("-ERR no\r\n", Value::Error(b"ERR no")),
        ("!6\r\nERR\r\nx\r\n", Value::Error(b"ERR\r\nx")),
        (":0\r\n", Value::Integer(0)),
        (":+7\r\n", Value::Integer(7)),
        (":-9223372036854775808\r\n", Value::Integer(i64::MIN)),
        (",1.5\r\n", Value::Double(1.5)),
        (",-1e-7\r\n", Value::Double(-1e-7)),
        (",10\r\n", Value::Double(10.0)),
        (",inf\r\n", Value::Double(f64::INFINITY)),
        (",-inf\r\n", Value::Double(f64::NEG_INFINITY)),
        ("#t\r\n", Value::Boolean(true)),
        ("#f\r\n", Value::Boolean(false)),
        ("(-34922\r\n", Value::BigNumber(b"-34922")),
        ("=7\r\ntxt:a\r\n\r\n", Value::Verbatim(b"a\r\n")),
        ("=4\r\nmkd:\r\n", Value::Verbatim(b"")),
        ("*0\r\n", Value::Array(vec![])),
        (
            "*2\r\n:1\r\n*1\r\n_\r\n",
            Value::Array(vec![Value::Integer(1), Value::Array(vec![Value::Null])]),
        ),
        (
            "~2\r\n+a\r\n#t\r\n",
            Value::Set(vec![Value::Simple(b"a"), Value::Boolean(true)]),
        ),
        ("%0\r\n", Value::Map(vec![])),
        (
            "%2\r\n+a\r\n:1\r\n:2\r\n%1\r\n$1\r\nb\r\n~0\r\n",
            Value::Map(vec![
                (Value::Simple(b"a"), Value::Integer(1)),
                (
                    Value::Integer(2),
                    Value::Map(vec![(blob("b"), Value::Set(vec![]))]),
                ),
            ]),
        ),
        (
            ">2\r\n+message\r\n$1\r\nx\r\n",
            Value::Push(vec![Value::Simple(b"message"), blob("x")]),
        ),
        // What is said of a value is dropped, also inside an aggregate, and what is said of that.
        ("|1\r\n+ttl\r\n:3600\r\n:5\r\n", Value::Integer(5)),
        (
            "*2\r\n|1\r\n+a\r\n*1\r\n:1\r\n:5\r\n:6\r\n",
            Value::Array(vec![Value::Integer(5), Value::Integer(6)]),
        ),
        (
            "|1\r\n|1\r\n+a\r\n+b\r\n+k\r\n+v\r\n+value\r\n",
            Value::Simple(b"value"),
        ),
        ("|0\r\n>1\r\n+a\r\n", Value::Push(vec![Value::Simple(b"a")])),
    ]
}

#[test]
fn every_type_is_read_whole_and_cut_at_every_byte() {
    for (text, expected) in every_type() {
        assert_eq!(whole(text), expected, "{text:?}");
        for cut in 0..text.len() {
            let part = read(&text.as_bytes()[..cut], &BOUNDS);
            assert_eq!(part, Ok(None), "{cut} bytes of {text:?}");
        }
    }
}

#[test]
fn values_that_follow_each_other_are_read_one_by_one_however_they_come() {
    let values = every_type();
    let stream: String = values.iter().map(|(text, _)| *text).collect();
    for size in [1, 2, 3, 7, stream.len()] {
        let (mut scanner, mut from, mut seen) = (Scanner::new(BOUNDS), 0, Vec::new());
        for to in (size..stream.len() + size).step_by(size) {
            let to = to.min(stream.len());
            while let Some((value, length)) = scanner.read(&stream.as_bytes()[from..to]).unwrap() {
                seen.push(value);
                from += length;
            }
        }
        assert_eq!(from, stream.len(), "in pieces of {size}");
        let expected = values.iter().map(|(_, value)| value);
        assert!(seen.iter().eq(expected), "in pieces of {size}: {seen:?}");
    }
}

#[test]
fn what_is_no_number_is_read_as_such() {
    for text in [",nan\r\n", ",-nan\r\n"] {
        assert!(whole(text).as_double().unwrap().is_nan());
    }
}

#[test]
fn what_is_no_resp3_is_told_with_what_was_expected() {
    for (text, expected) in [
        ("HTTP/1.1 400 Bad Request\r\n", "no value begins with 'H'"),
        ("\r\n", r"no value begins with '\r'"),
        ("*1\r\n\0", r"no value begins with '\0'"),
        ("+a\nb\r\n", "a line ends with CR LF"),
        ("+a\rb\r\n", "a line ends with CR LF"),
        ("$1\r\nabc", "a blob is as long as it says, and then CR LF"),
        ("$1\r\na\rb", "a blob is as long as it says, and then CR LF"),
        (
            "$2\r\na\r\n\r\n",
            "a blob is as long as it says, and then CR LF",
        ),
        ("$\r\n", "a length is a decimal number"),
        ("$-2\r\n", "a length is a decimal number"),
        ("$+1\r\n", "a length is a decimal number"),
        ("~-1\r\n", "a length is a decimal number"),
        ("*1 \r\n", "a length is a decimal number"),
        ("$?\r\n", "a length comes first, nothing is streamed"),
        ("*?\r\n", "a length comes first, nothing is streamed"),
        (":\r\n", "an integer is a decimal number of 64 bits"),
        (
            ":9223372036854775808\r\n",
            "an integer is a decimal number of 64 bits",
        ),
        (":1.0\r\n", "an integer is a decimal number of 64 bits"),
        (",\r\n", "a double is a decimal number, inf or nan"),
        (",1,5\r\n", "a double is a decimal number, inf or nan"),
        (",\u{e9}\r\n", "a double is a decimal number, inf or nan"),
        ("#\r\n", "a boolean is t or f"),
        ("#true\r\n", "a boolean is t or f"),
        ("_x\r\n", "a null has nothing behind its type"),
        ("(\r\n", "a big number is a decimal number"),
        ("(-\r\n", "a big number is a decimal number"),
        ("(1e9\r\n", "a big number is a decimal number"),
        ("=3\r\ntxt\r\n", "a verbatim string begins with its format"),
        (
            "=5\r\ntext:\r\n",
            "a verbatim string begins with its format",
        ),
        ("*1\r\n>1\r\n+a\r\n", "a push is in no other value"),
        (">1\r\n>1\r\n+a\r\n", "a push is in no other value"),
    ] {
        let said = fault(text).to_string();
        assert_eq!(
            said,
            format!("the server's reply is not RESP3: {expected}"),
            "{text:?}"
        );
    }
}

#[test]
fn a_fault_is_told_as_soon_as_it_has_come_and_again_when_asked_again() {
    let stream = b"*3\r\n+a\r\n:x\r\n+c\r\n";
    let mut scanner = Scanner::new(BOUNDS);
    for cut in 0..stream.len() {
        let told = scanner.complete(&stream[..cut]);
        assert_eq!(told.is_err(), cut >= 12, "{cut}: {told:?}");
    }
}

#[test]
fn more_than_is_taken_is_refused_when_it_is_announced() {
    let bytes_max = BOUNDS.bytes_max;
    assert_eq!(fault("$1048576\r\n"), Fault::TooLong(bytes_max));
    assert_eq!(
        fault("!999999999999999999999999\r\n"),
        Fault::TooLong(bytes_max)
    );
    for text in [
        "*1001\r\n",
        "~1000000000\r\n",
        ">99999999999999999999\r\n",
        "%501\r\n",
        "|501\r\n",
    ] {
        assert_eq!(fault(text), Fault::TooMany(1000), "{text:?}");
    }
    // Elements are counted together, wherever they are.
    let lists = format!("*2\r\n*499\r\n{}*500\r\n", "_\r\n".repeat(499));
    assert_eq!(fault(&lists), Fault::TooMany(1000));
    assert_eq!(fault(&"*1\r\n".repeat(9)), Fault::TooDeep(8));
    assert_eq!(fault(&"%1\r\n+k\r\n".repeat(9)), Fault::TooDeep(8));
    let sentence = Fault::TooLong(bytes_max).to_string();
    assert_eq!(sentence, "the server's reply is over 1048576 bytes");
}

#[test]
fn what_is_just_within_the_bounds_is_taken_and_a_byte_more_is_not() {
    for (text, _) in every_type() {
        let exact = Bounds {
            bytes_max: text.len(),
            ..BOUNDS
        };
        assert!(
            matches!(read(text.as_bytes(), &exact), Ok(Some(_))),
            "{text:?}"
        );
        let less = text.len() - 1;
        let short = Bounds {
            bytes_max: less,
            ..BOUNDS
        };
        assert_eq!(
            read(text.as_bytes(), &short),
            Err(Fault::TooLong(less)),
            "{text:?}"
        );
        // What has not come yet is known to be too long once all that is taken has come.
        assert_eq!(
            read(&text.as_bytes()[..less], &short),
            Err(Fault::TooLong(less)),
            "{text:?}"
        );
    }
    assert_eq!(
        whole(&format!("*1000\r\n{}", "_\r\n".repeat(1000)))
            .as_array()
            .unwrap()
            .len(),
        1000
    );
    whole(&format!("{}_\r\n", "*1\r\n".repeat(8)));
    // The count begins anew with each value.
    let mut scanner = Scanner::new(BOUNDS);
    let full = format!("*999\r\n{}", "_\r\n".repeat(999));
    for _ in 0..3 {
        assert_eq!(scanner.complete(full.as_bytes()), Ok(Some(full.len())));
    }
}

#[test]
fn what_is_announced_takes_no_memory_until_it_has_come() {
    let roomy = Bounds {
        bytes_max: usize::MAX,
        elements_max: usize::MAX,
        depth_max: 100,
    };
    let announced = "*1000000000\r\n%1000000000\r\n$1000000000\r\n".to_owned();
    for text in [
        announced.clone(),
        "*99999999\r\n".repeat(90),
        format!("{announced}abc"),
    ] {
        let cost = allocation_counter::measure(|| {
            assert_eq!(read(text.as_bytes(), &roomy), Ok(None));
        });
        assert!(cost.bytes_total <= 4096, "{} bytes", cost.bytes_total);
    }
}

#[test]
fn a_reply_costs_an_allocation_for_each_of_its_aggregates() {
    let reply = format!("*100\r\n{}", "*2\r\n:1\r\n$3\r\nabc\r\n".repeat(100));
    let mut scanner = Scanner::new(BOUNDS);
    scanner.complete(reply.as_bytes()).unwrap();
    let cost = allocation_counter::measure(|| {
        scanner.read(reply.as_bytes()).unwrap().unwrap();
    });
    assert_eq!(cost.count_total, 101);
}

#[test]
fn a_command_is_an_array_of_blobs() {
    let mut out = Vec::new();
    command(&mut out, &[b"SET", b"a\r\nb", b""]);
    assert_eq!(out, b"*3\r\n$3\r\nSET\r\n$4\r\na\r\nb\r\n$0\r\n\r\n");
    out.clear();
    begin(&mut out, 3);
    part(&mut out, b"INCRBY");
    part(&mut out, b"k");
    number(&mut out, -12);
    assert_eq!(out, b"*3\r\n$6\r\nINCRBY\r\n$1\r\nk\r\n$3\r\n-12\r\n");
}

#[test]
fn a_value_is_taken_for_what_it_can_be() {
    assert_eq!(whole("+OK\r\n").as_str(), Some("OK"));
    assert_eq!(whole("=5\r\ntxt:a\r\n").as_bytes(), Some(&b"a"[..]));
    assert_eq!(whole("$1\r\n\u{1}\r\n").as_str(), Some("\u{1}"));
    assert_eq!(
        read(b"$1\r\n\xff\r\n", &BOUNDS)
            .unwrap()
            .unwrap()
            .0
            .as_str(),
        None
    );
    assert_eq!(whole(":1\r\n").as_bytes(), None);
    for text in [":12\r\n", "$2\r\n12\r\n", "+12\r\n"] {
        assert_eq!(whole(text).as_integer(), Some(12));
        assert_eq!(whole(text).as_double(), Some(12.0));
    }
    assert_eq!(whole("$3\r\n1.5\r\n").as_integer(), None);
    assert_eq!(whole("$3\r\n1.5\r\n").as_double(), Some(1.5));
    assert_eq!(whole(",1.5\r\n").as_integer(), None);
    assert_eq!(whole("$4\r\n12 x\r\n").as_integer(), None);
    let yes = ["#t\r\n", ":1\r\n", "#f\r\n", ":0\r\n", ":2\r\n", "+t\r\n"];
    let is = [Some(true), Some(true), Some(false), Some(false), None, None];
    assert_eq!(yes.map(|text| whole(text).as_boolean()), is);
    assert_eq!(
        ["_\r\n", "$0\r\n\r\n"].map(|text| whole(text).is_null()),
        [true, false]
    );
    assert_eq!(
        whole("~1\r\n:1\r\n").as_array(),
        Some(&[Value::Integer(1)][..])
    );
    assert_eq!(whole("%0\r\n").as_array(), None);
    assert_eq!(whole("%0\r\n").as_map(), Some(&[][..]));
    assert_eq!(whole("*0\r\n").as_map(), None);
    assert_eq!(
        whole(">1\r\n:1\r\n").as_push(),
        Some(&[Value::Integer(1)][..])
    );
    assert_eq!(whole("*1\r\n:1\r\n").as_push(), None);
}

#[test]
fn a_map_and_an_array_of_pairs_are_looked_up_alike() {
    for text in [
        "%2\r\n+a\r\n:1\r\n$1\r\nb\r\n:2\r\n",
        "*4\r\n+a\r\n:1\r\n$1\r\nb\r\n:2\r\n",
    ] {
        let value = whole(text);
        assert_eq!(value.get("a"), Some(&Value::Integer(1)));
        assert_eq!(value.get("b"), Some(&Value::Integer(2)));
        assert_eq!(value.get("c"), None);
        assert_eq!(value.pairs().unwrap().count(), 2);
    }
    assert!(whole("*1\r\n+a\r\n").pairs().is_none());
    assert!(whole("+a\r\n").pairs().is_none());
}

#[test]
fn an_error_says_its_code() {
    let noscript = whole("-NOSCRIPT No matching script.\r\n");
    assert_eq!(
        noscript.as_error(),
        Some(&b"NOSCRIPT No matching script."[..])
    );
    assert_eq!(noscript.error_code(), Some(&b"NOSCRIPT"[..]));
    assert_eq!(noscript.as_bytes(), None);
    assert_eq!(whole("-\r\n").error_code(), Some(&b""[..]));
    assert_eq!(whole("+OK\r\n").error_code(), None);
}

#[test]
fn a_value_is_shown_as_text() {
    let shown = format!("{:?}", whole("*3\r\n$2\r\n\"\0\r\n-E\r\n%1\r\n+k\r\n_\r\n"));
    let expected = r#"Array([Blob("\"\x00"), Error("E"), Map([(Simple("k"), Null)])])"#;
    assert_eq!(shown, expected);
}
