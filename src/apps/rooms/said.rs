//! What a client says: the words of the dialect, checked, and borrowed from the message they came in.
//!
//! A field that nobody knows is refused: a misspelt `to` must not tell everybody what was meant for one. Nothing here
//! knows rooms or players.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::store::ROOM_PLAYERS_MAX;
use super::told;
use crate::apps::json::{self, read_part};
use crate::apps::list::List;
use crate::apps::object::Object;
use crate::position::Since;

/// The longest chat message, in characters.
const CHAT_CHARACTERS_MAX: usize = 2000;
/// The longest `correlation_id`, in characters: room for two UUIDs and a prefix. It is repeated as it came.
const CORRELATION_CHARACTERS_MAX: usize = 128;

/// What a client wants done.
#[derive(Debug)]
pub struct Said<'a> {
    /// What kind of thing was said.
    pub kind: Saying<'a>,
    /// For the sender's copy of the answer.
    pub correlation_id: Option<&'a RawValue>,
    /// The players it is for; everybody if there is no list.
    pub to: Option<Players<'a>>,
}

/// What kind of thing was said.
#[derive(Debug)]
pub enum Saying<'a> {
    /// A chat message, trimmed.
    Chat(Cow<'a, str>),
    /// Something of the game, which is none of our business: a `vote` or an `action`.
    Game(&'static str, &'a RawValue),
    /// Another token of the player's.
    Token(Cow<'a, str>),
    /// It wants what it was told that it missed, since then.
    Resume(Since),
}

/// What is wrong with what a client said.
#[derive(Debug)]
pub struct Wrong<'a> {
    /// The event of the error.
    pub event: &'static str,
    /// The `correlation_id`, if it could be read.
    pub correlation_id: Option<&'a RawValue>,
    /// A sentence that names the field.
    pub sentence: String,
}

/// Text, borrowed unless it has escapes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// A list of players, by their identifiers: no more than a room may have.
pub type Players<'a> = List<Text<'a>, ROOM_PLAYERS_MAX>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    correlation_id: Option<&'a RawValue>,
    #[serde(borrow)]
    to: Option<&'a RawValue>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    #[serde(borrow)]
    token: Option<&'a RawValue>,
}

/// The same with anything else in it, to answer a message that is refused.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Loose<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    correlation_id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chat<'a> {
    #[serde(borrow)]
    message: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resume<'a> {
    #[serde(borrow)]
    since: Cow<'a, str>,
}

impl<'a> Said<'a> {
    /// Reads a message.
    pub fn parse(text: &'a str) -> Result<Said<'a>, Wrong<'a>> {
        let envelope = match object::<Envelope<'a>>(text, "the message") {
            Ok(envelope) => envelope,
            Err(sentence) => return Err(Wrong::shape(text, sentence)),
        };
        let correlation_id = envelope.correlation_id;
        if !correlation_id.is_none_or(is_correlation) {
            return Err(Wrong::bad(None, CORRELATION));
        }
        let bad = |sentence: &str| Wrong::bad(correlation_id, sentence);
        let Some(kind) = envelope.r#type.and_then(read) else {
            return Err(bad("type: must be chat, vote, action, resume or token"));
        };
        if !is_known(&kind) {
            return Err(Wrong::unsupported(correlation_id, &kind));
        }
        let is_token = kind == "token";
        if is_token != envelope.token.is_some() || is_token && envelope.to.is_some() {
            return Err(bad(
                "token: must be in a message of the type token, with no to",
            ));
        }
        if let Some(token) = envelope.token {
            let token = read(token).ok_or_else(|| bad("token: must be text"))?;
            return Ok(Said {
                kind: Saying::Token(token),
                correlation_id,
                to: None,
            });
        }
        let payload = envelope.payload.filter(|payload| is_object(payload.get()));
        let payload = payload.ok_or_else(|| bad("payload: must be an object"))?;
        let kind = match &*kind {
            "vote" => Saying::Game("vote", payload),
            "action" => Saying::Game("action", payload),
            "resume" if envelope.to.is_some() => {
                return Err(bad("to: what is resumed is for the player alone"));
            }
            "resume" => Saying::Resume(since(payload).map_err(|sentence| bad(&sentence))?),
            _ => Saying::Chat(chat(payload).map_err(|sentence| bad(&sentence))?),
        };
        let to = envelope.to.map(|to| read_part(to.get().as_bytes(), "to"));
        Ok(Said {
            kind,
            correlation_id,
            to: to.transpose().map_err(|sentence| bad(&sentence))?,
        })
    }
}

impl<'a> Wrong<'a> {
    /// Something is not as it must be.
    pub fn bad(correlation_id: Option<&'a RawValue>, sentence: impl Into<String>) -> Wrong<'a> {
        Wrong {
            event: told::BAD_MESSAGE,
            correlation_id,
            sentence: sentence.into(),
        }
    }

    /// It came too soon, whatever it is.
    pub fn too_soon(text: &'a str) -> Wrong<'a> {
        Wrong {
            event: told::RATE_LIMITED,
            correlation_id: Loose::of(text).correlation_id,
            sentence: String::from("more than 10 messages a second: this one was dropped"),
        }
    }

    /// It could not be kept, and so it is not done.
    pub fn unkept(correlation_id: Option<&'a RawValue>) -> Wrong<'a> {
        Wrong {
            event: told::STORAGE,
            correlation_id,
            sentence: String::from("what was said could not be stored: say it again later"),
        }
    }

    fn unsupported(correlation_id: Option<&'a RawValue>, kind: &str) -> Wrong<'a> {
        let start = &kind[..kind.floor_char_boundary(64)];
        Wrong {
            event: told::UNSUPPORTED_TYPE,
            correlation_id,
            sentence: format!("type: must be chat, vote, action, resume or token, not {start}"),
        }
    }

    /// It has not the shape of an envelope. Its type and `correlation_id` may be readable all the same.
    fn shape(text: &'a str, sentence: String) -> Wrong<'a> {
        let loose = Loose::of(text);
        match loose.r#type.and_then(read) {
            Some(kind) if !is_known(&kind) => Wrong::unsupported(loose.correlation_id, &kind),
            _ => Wrong::bad(loose.correlation_id, sentence),
        }
    }
}

impl<'a> Loose<'a> {
    fn of(text: &'a str) -> Loose<'a> {
        let loose = object::<Loose<'a>>(text, "").unwrap_or_default();
        Loose {
            correlation_id: loose.correlation_id.filter(|id| is_correlation(id)),
            ..loose
        }
    }
}

const CORRELATION: &str = "correlation_id: must be text of at most 128 characters, or a number";

fn is_known(kind: &str) -> bool {
    matches!(kind, "chat" | "vote" | "action" | "resume" | "token")
}

/// A short text, or a number.
fn is_correlation(id: &RawValue) -> bool {
    // An escape is at most twelve bytes a character; what is longer need not be looked at.
    let is_short = id.get().len() <= 12 * CORRELATION_CHARACTERS_MAX + 2;
    match id.get().as_bytes() {
        [b'"', ..] => {
            is_short
                && read(id).is_some_and(|text| text.chars().count() <= CORRELATION_CHARACTERS_MAX)
        }
        [b'-' | b'0'..=b'9', ..] => id.get().len() <= CORRELATION_CHARACTERS_MAX,
        _ => false,
    }
}

fn since(payload: &RawValue) -> Result<Since, String> {
    let Object(Resume { since }) = read_part(payload.get().as_bytes(), "payload")?;
    Ok(Since::parse(&since))
}

fn chat<'a>(payload: &'a RawValue) -> Result<Cow<'a, str>, String> {
    let Object(Chat { message }) = read_part(payload.get().as_bytes(), "payload")?;
    let trimmed = message.trim();
    let is_fit = (1..=CHAT_CHARACTERS_MAX).contains(&trimmed.chars().count());
    let is_forbidden = |character: char| character.is_control() && character != '\n';
    if !is_fit || trimmed.chars().any(is_forbidden) {
        return Err(String::from(
            "payload.message: must be 1 to 2000 characters after trimming, without control characters but newline",
        ));
    }
    Ok(match message {
        Cow::Borrowed(message) => Cow::Borrowed(message.trim()),
        Cow::Owned(message) => Cow::Owned(message.trim().to_owned()),
    })
}

/// JSON of one shape, which is an object; otherwise a sentence that names the field.
fn object<'a, T: Deserialize<'a>>(text: &'a str, name: &str) -> Result<T, String> {
    json::read(text.as_bytes(), name).map(|Object(value)| value)
}

fn is_object(json: &str) -> bool {
    json.starts_with('{')
}

/// The text that a value is, if it is text.
fn read(value: &RawValue) -> Option<Cow<'_, str>> {
    let Text(text) = serde_json::from_str(value.get()).ok()?;
    Some(text)
}
