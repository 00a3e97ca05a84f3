//! Which offer of compression is accepted.

use roomcast::wire::request::Head;
use roomcast::wire::upgrade::*;

fn negotiate(offers: &str) -> Option<String> {
    let request =
        format!("GET / HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Extensions: {offers}\r\n\r\n");
    let (head, _) = Head::parse(request.as_bytes()).unwrap().unwrap();
    Deflate::negotiate(&head).map(Deflate::header)
}

#[test]
fn the_first_offer_that_can_be_kept_is_accepted() {
    let plain = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    for offers in [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=10; server_no_context_takeover",
        "x-webkit-deflate-frame, permessage-deflate",
        "permessage-deflate; nonsense, permessage-deflate",
        "other; a=\"b\", permessage-deflate",
    ] {
        assert_eq!(negotiate(offers).as_deref(), Some(plain), "{offers}");
    }
    let narrow = format!("{plain}; server_max_window_bits=9");
    assert_eq!(
        negotiate("permessage-deflate; server_max_window_bits=9"),
        Some(narrow.clone())
    );
    assert_eq!(
        negotiate("permessage-deflate; server_max_window_bits=\"9\""),
        Some(narrow)
    );
}

#[test]
fn parameters_that_are_unknown_repeated_or_out_of_range_decline_an_offer() {
    for offers in [
        "permessage-deflate; nonsense",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=09",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-bzip2",
        "",
    ] {
        assert_eq!(negotiate(offers), None, "{offers}");
    }
}
