//! What a back-end publishes: blocks and transactions, each field read as strictly as the contract says.
//!
//! An item is delivered as it was given, in the contract's order of fields. Hashes and addresses are text to us: their
//! form is the chain's business.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::apps::object::Object;

/// A block.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Block<'a> {
    height: Unsigned,
    #[serde(borrow)]
    hash: Text<'a>,
    tx_count: Unsigned,
    #[serde(borrow)]
    timestamp: Timestamp<'a>,
    #[serde(borrow)]
    miner: Text<'a>,
    gas_used: Unsigned,
}

/// A transaction.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tx<'a> {
    #[serde(borrow)]
    hash: Text<'a>,
    #[serde(borrow)]
    from_addr: Text<'a>,
    /// Null where the transaction creates a contract.
    #[serde(borrow, default)]
    to_addr: Option<Text<'a>>,
    #[serde(borrow)]
    value_wei: Wei<'a>,
    block_height: Unsigned,
}

/// The items of a body: one by itself, or an array of any number.
pub(super) struct OneOrMany<T>(pub(super) Vec<T>);

/// A height, a count or gas.
#[derive(Serialize)]
struct Unsigned(u64);

/// Text that is not empty: a hash or an address.
#[derive(Serialize)]
struct Text<'a>(Cow<'a, str>);

/// An amount, of more digits than any integer has.
#[derive(Serialize)]
struct Wei<'a>(Cow<'a, str>);

/// A time in either form, kept in the form that it came in.
#[derive(Serialize)]
#[serde(untagged)]
enum Timestamp<'a> {
    Rfc3339(Cow<'a, str>),
    UnixSeconds(u64),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<OneOrMany<T>, D::Error> {
        struct Items<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or an array of objects")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OneOrMany<T>, A::Error> {
                let one = T::deserialize(MapAccessDeserializer::new(map))?;
                Ok(OneOrMany(vec![one]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<OneOrMany<T>, A::Error> {
                let mut items = Vec::new();
                while let Some(Object(item)) = array.next_element()? {
                    items.push(item);
                }
                Ok(OneOrMany(items))
            }
        }

        deserializer.deserialize_any(Items(PhantomData))
    }
}

/// What a field holds, before it is looked at; nothing else is taken anywhere.
enum Scalar<'a> {
    Text(Cow<'a, str>),
    Number(u64),
}

/// Reads a field that is text or an unsigned integer. `read` says what it makes of it; if nothing, the error says what
/// was expected.
fn scalar<'de, D, T, R>(deserializer: D, expected: &'static str, read: R) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    R: FnOnce(Scalar<'de>) -> Option<T>,
{
    struct Field<R> {
        expected: &'static str,
        read: R,
    }

    impl<'de, T, R: FnOnce(Scalar<'de>) -> Option<T>> Visitor<'de> for Field<R> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.expected)
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
            let wrong = E::invalid_value(Unexpected::Unsigned(number), &self.expected);
            (self.read)(Scalar::Number(number)).ok_or(wrong)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            let wrong = || E::invalid_value(Unexpected::Str(text), &self.expected);
            (self.read)(Scalar::Text(Cow::Owned(text.to_owned()))).ok_or_else(wrong)
        }

        fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<T, E> {
            let wrong = || E::invalid_value(Unexpected::Str(text), &self.expected);
            (self.read)(Scalar::Text(Cow::Borrowed(text))).ok_or_else(wrong)
        }
    }

    deserializer.deserialize_any(Field { expected, read })
}

impl<'de> Deserialize<'de> for Unsigned {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Unsigned, D::Error> {
        let expected = "an unsigned integer below 2^64";
        scalar(deserializer, expected, |field| match field {
            Scalar::Number(number) => Some(Unsigned(number)),
            Scalar::Text(_) => None,
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<'a>, D::Error> {
        let expected = "a string that is not empty";
        scalar(deserializer, expected, |field| match field {
            Scalar::Text(text) if !text.is_empty() => Some(Text(text)),
            _ => None,
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Wei<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Wei<'a>, D::Error> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let expected = "a string of decimal digits";
        scalar(deserializer, expected, |field| match field {
            Scalar::Text(text) if !text.is_empty() && digits(&text) => Some(Wei(text)),
            _ => None,
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Timestamp<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp<'a>, D::Error> {
        let is_time = |text: &str| OffsetDateTime::parse(text, &Rfc3339).is_ok();
        let expected = "a time of RFC 3339, or Unix seconds as an unsigned integer";
        scalar(deserializer, expected, |field| match field {
            Scalar::Number(seconds) => Some(Timestamp::UnixSeconds(seconds)),
            Scalar::Text(text) if is_time(&text) => Some(Timestamp::Rfc3339(text)),
            Scalar::Text(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::apps::parse;

    fn block(field: &str, value: Value) -> Value {
        let mut block = json!({
            "height": 1, "hash": "0xb", "tx_count": 0, "timestamp": 1, "miner": "0xm", "gas_used": 0,
        });
        block[field] = value;
        block
    }

    fn tx(field: &str, value: Value) -> Value {
        let mut tx = json!({
            "hash": "0xt", "from_addr": "0xf", "to_addr": "0xt", "value_wei": "1", "block_height": 1,
        });
        tx[field] = value;
        tx
    }

    fn takes_block(field: &str, value: Value) -> bool {
        let item = block(field, value);
        delivered_block(&item) == Some(json!([item]))
    }

    fn takes_tx(field: &str, value: Value) -> bool {
        let item = tx(field, value);
        delivered_tx(&item) == Some(json!([item]))
    }

    /// What is delivered for a body; `None` if it is refused.
    fn delivered_block(body: &Value) -> Option<Value> {
        let body = body.to_string();
        let items = parse::<OneOrMany<Block<'_>>>(body.as_bytes()).ok()?;
        Some(json!(items.0))
    }

    fn delivered_tx(body: &Value) -> Option<Value> {
        let body = body.to_string();
        let items = parse::<OneOrMany<Tx<'_>>>(body.as_bytes()).ok()?;
        Some(json!(items.0))
    }

    #[test]
    fn integers_are_unsigned_and_whole() {
        for field in ["height", "tx_count", "gas_used"] {
            assert!(takes_block(field, json!(0)) && takes_block(field, json!(u64::MAX)));
            for value in [json!(-1), json!(1.0), json!(1e30), json!("1"), json!(null)] {
                assert!(!takes_block(field, value.clone()), "{field} {value}");
            }
        }
        assert!(takes_tx("block_height", json!(7)));
        assert!(!takes_tx("block_height", json!(-7)));
    }

    #[test]
    fn a_timestamp_is_rfc_3339_or_unix_seconds_and_stays_as_it_came() {
        for value in [
            json!(0),
            json!(1_700_000_000),
            json!("2023-11-14T22:13:20Z"),
            json!("2023-11-14t22:13:20.123456789+05:30"),
            json!("2016-12-31T23:59:60Z"),
        ] {
            assert!(takes_block("timestamp", value.clone()), "{value}");
        }
        for value in [
            json!(-1),
            json!(1.5),
            json!("1700000000"),
            json!("2023-11-14"),
            json!("2023-11-14 22:13:20"),
            json!("2023-02-29T00:00:00Z"),
            json!("2023-11-14T22:13:20"),
            json!(""),
        ] {
            assert!(!takes_block("timestamp", value.clone()), "{value}");
        }
    }

    #[test]
    fn an_amount_is_digits_of_any_number() {
        for digits in ["0", "007", &"9".repeat(500)] {
            assert!(takes_tx("value_wei", json!(digits)), "{digits}");
        }
        for digits in ["", "-1", "+1", "1.0", "1e3", "0x1", " 1", "١"] {
            assert!(!takes_tx("value_wei", json!(digits)), "{digits}");
        }
        assert!(!takes_tx("value_wei", json!(1)));
    }

    #[test]
    fn hashes_and_addresses_are_text_that_is_not_empty() {
        for field in ["hash", "miner"] {
            assert!(takes_block(field, json!("any \"text\" é")));
            assert!(!takes_block(field, json!("")) && !takes_block(field, json!(1)));
        }
        for field in ["hash", "from_addr", "to_addr"] {
            assert!(!takes_tx(field, json!("")) && !takes_tx(field, json!({})));
        }
    }

    #[test]
    fn a_recipient_may_be_null_or_absent_and_is_null_then() {
        assert!(takes_tx("to_addr", Value::Null));
        let mut absent = tx("to_addr", Value::Null);
        absent.as_object_mut().unwrap().remove("to_addr");
        assert_eq!(
            delivered_tx(&absent),
            Some(json!([tx("to_addr", Value::Null)]))
        );
    }

    #[test]
    fn other_fields_and_missing_ones_are_refused() {
        assert!(!takes_block("extra", json!(1)) && !takes_tx("extra", json!(1)));
        assert!(delivered_block(&json!({})).is_none() && delivered_tx(&json!([{}])).is_none());
        assert!(delivered_block(&json!("block")).is_none());
        assert!(delivered_block(&json!([[1, "0xb", 0, 1, "0xm", 0]])).is_none());
        assert_eq!(delivered_block(&json!([])), Some(json!([])));
    }

    #[test]
    fn items_keep_their_order_and_fields_get_the_contracts() {
        let body =
            r#"[{"gas_used":4,"miner":"m","timestamp":3,"tx_count":2,"hash":"h","height":1}]"#;
        let items = parse::<OneOrMany<Block<'_>>>(body.as_bytes()).ok().unwrap();
        assert_eq!(
            serde_json::to_string(&items.0).unwrap(),
            r#"[{"height":1,"hash":"h","tx_count":2,"timestamp":3,"miner":"m","gas_used":4}]"#
        );
    }
}
