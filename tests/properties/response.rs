//! Answers, read back by a parser that is not ours.

use proptest::collection::vec;
use proptest::prelude::*;
use roomcast::time::Unix;
use roomcast::wire::response::Response;

const STATUSES: [u16; 17] = [
    101, 200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 409, 413, 426, 429, 503, 599,
];

/// An answer to be, from which the same is expected that goes in.
#[derive(Clone, Debug)]
struct Given {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
    unix: u64,
}

fn givens() -> impl Strategy<Value = Given> {
    let name = prop::sample::select(vec!["Allow", "Retry-After", "Vary", "WWW-Authenticate"]);
    let value = "[!-~]([ -~]{0,20}[!-~])?";
    let body = prop::option::of(vec(any::<u8>(), 0..300));
    (
        prop::sample::select(STATUSES.to_vec()),
        vec((name, value), 0..5),
        body,
        0..253_402_300_800_000u64,
    )
        .prop_map(|(status, headers, body, unix)| Given {
            status,
            headers,
            // What cannot have a body is given none.
            body: body.filter(|_| ![101, 204, 304].contains(&status)),
            unix,
        })
}

impl Given {
    fn encode(&self, head_only: bool, closes: bool) -> Vec<u8> {
        let mut response = match &self.body {
            Some(body) => Response::body(self.status, "text/plain", body.clone()),
            None => Response::empty(self.status),
        };
        for (name, value) in &self.headers {
            response = response.with(name, value.clone());
        }
        let frame = response.encode(Unix(self.unix), head_only, closes);
        frame.bytes().to_vec()
    }

    fn body(&self) -> &[u8] {
        self.body.as_deref().unwrap_or_default()
    }
}

proptest! {
    #[test]
    fn an_answer_is_read_back_as_it_was_given(
        given in givens(),
        head_only in any::<bool>(),
        closes in any::<bool>(),
    ) {
        let has_length = given.status >= 200 && ![204, 304].contains(&given.status);
        let bytes = given.encode(head_only, closes);
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        let head_bytes = response.parse(&bytes).unwrap().unwrap();
        prop_assert_eq!((response.version, response.code), (Some(1), Some(given.status)));
        let body = if head_only { b"" } else { given.body() };
        prop_assert_eq!(&bytes[head_bytes..], body);

        let values = |name: &str| {
            let named = response.headers.iter().filter(|header| header.name == name);
            named.map(|header| str::from_utf8(header.value).unwrap()).collect::<Vec<_>>()
        };
        let length = given.body().len().to_string();
        let lengths: &[&str] = if has_length { &[&length] } else { &[] };
        prop_assert_eq!(values("Content-Length"), lengths);
        let connection: &[&str] = if closes { &["close"] } else { &[] };
        prop_assert_eq!(values("Connection"), connection);
        let date = httpdate::parse_http_date(values("Date")[0]).unwrap();
        prop_assert_eq!(date, Unix(given.unix - given.unix % 1000).system_time());
        for (name, _) in &given.headers {
            let all = given.headers.iter().filter(|(other, _)| other == name);
            prop_assert_eq!(values(name), all.map(|(_, value)| value).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_has_one_shape(status in 400..600u16, code in "[a-z_]{1,20}", message in ".{0,100}") {
        let bytes = Response::error(status, &code, &message).encode(Unix(0), false, false);
        let text = str::from_utf8(bytes.bytes()).unwrap();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        let expected = serde_json::json!({"error": {"code": code, "message": message}});
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(body).unwrap(), expected);
    }
}
