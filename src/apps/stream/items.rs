//! What a back-end publishes: blocks and transactions, each field read as strictly as the app's README says.
//!
//! An item is delivered as it was given, in the dialect's order of fields. Hashes and addresses are text to us: their
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
pub struct Block<'a> {
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
pub struct Tx<'a> {
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
pub struct OneOrMany<T>(pub Vec<T>);

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
