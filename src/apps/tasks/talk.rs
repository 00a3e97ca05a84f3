//! What is said on a client's connection: the subscriptions, the pings.
//!
//! A subscription is a room: `repo:<name>`, or `*` for every repository. The hub keeps who is in which; a [`Client`] is
//! only the order in which it named them, so that it is answered in that order. Who resumes gets of the app's one numbering
//! what is on the topics of its repositories.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::de::{Deserializer, Error, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::topics::{EVERY, Topics};
use crate::apps::context::{Context, Resumed};
use crate::apps::json::{read, read_part};
use crate::apps::list::List;
use crate::apps::object::Object;
use crate::apps::refusal::bad;
use crate::apps::{Gap, Got, Message, Resumption, Wanted};
use crate::id::RoomId;
use crate::position::{Position, Since};
use crate::time::Unix;
use crate::wire::frame::{Encoder, Frame};
use crate::wire::request::Head;
use crate::wire::response::Response;
use crate::work;

/// Bytes of a repository's name.
const NAME_BYTES_MAX: usize = 256;
/// Repositories of one client.
const REPOSITORIES_MAX: usize = 1000;
/// Names that are read of one message: as many as there may be, each twice.
const NAMES_MAX: usize = 2 * REPOSITORIES_MAX;
/// What the room of a repository has in front of its name.
const PREFIX: &str = "repo:";

/// A client's rooms, in the order in which it named them.
#[derive(Default)]
pub struct Client {
    rooms: Vec<RoomId>,
    /// It has subscribed before.
    has_begun: bool,
}

/// An answer, if there is one, and what is replayed behind it; or a sentence about what was wrong.
type Heard = Result<Option<(Frame, Option<Resumption>)>, String>;

/// What a client says. All messages have one shape, so it may name a time or an error, which mean nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(rename = "timestamp")]
    _timestamp: Option<IgnoredAny>,
    #[serde(rename = "error")]
    _error: Option<IgnoredAny>,
}

/// The data of a subscription.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Desired<'a> {
    #[serde(borrow)]
    repositories: Names<'a>,
    #[serde(borrow)]
    since: Option<Cow<'a, str>>,
}

/// The data of its end.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unwanted<'a> {
    #[serde(borrow)]
    repositories: Option<Names<'a>>,
}

/// Names of repositories, each once, in their order.
type Names<'a> = List<Name<'a>, NAMES_MAX>;

/// The name of a repository.
#[derive(PartialEq, Eq, Hash)]
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name<'a>, D::Error> {
        // A string without escapes is borrowed, and only a field's attribute says so.
        #[derive(Deserialize)]
        struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

        let Text(name) = Text::deserialize(deserializer)?;
        check_name(&name).map_err(D::Error::custom)?;
        Ok(Name(name))
    }
}

/// What the server says.
#[derive(Serialize)]
struct Saying<'a, D: Serialize> {
    r#type: &'static str,
    timestamp: Unix,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<D>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// The subscriptions that a client has.
#[derive(Serialize)]
struct Repositories {
    repositories: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resumed: Option<Resumed>,
    position: Position,
}

impl Client {
    /// The client only listens, to these repositories, and is subscribed at once.
    pub fn listen(
        &mut self,
        repositories: &[String],
        since: Option<Since>,
        topics: &Topics,
        cx: &mut Context<'_>,
    ) {
        let names = repositories.iter().map(String::as_str);
        let heard = self.subscribe(names, since, topics, cx);
        self.answer(heard, cx);
    }

    /// Does what the client says, and answers it.
    pub fn hear(&mut self, message: Message<'_>, topics: &Topics, cx: &mut Context<'_>) {
        let answer = match message {
            Message::Text(text) => self.obey(text, topics, cx),
            Message::Binary(_) => Err(String::from("binary: a message must be text")),
        };
        self.answer(answer, cx);
    }

    fn answer(&self, answer: Heard, cx: &mut Context<'_>) {
        let timestamp = cx.now().unix;
        let (frame, planned) = match answer {
            Ok(None) => return,
            Ok(Some((frame, planned))) => (frame, planned),
            Err(sentence) => {
                let error = cx.json(&Saying::<()> {
                    r#type: "error",
                    timestamp,
                    data: None,
                    error: Some(&sentence),
                });
                (error, None)
            }
        };
        cx.send(cx.conn(), frame);
        if let Some(planned) = planned {
            cx.replay(planned);
        }
    }

    fn obey(&mut self, text: &str, topics: &Topics, cx: &mut Context<'_>) -> Heard {
        let Object(said): Object<Said<'_>> = read(text.as_bytes(), "the message")?;
        match &*said.r#type {
            "subscribe" => {
                let data = said
                    .data
                    .ok_or("data: subscribe needs {\"repositories\": [...]}")?;
                let Desired {
                    repositories,
                    since,
                } = read_data(data)?;
                let names = repositories.0.iter().map(|Name(name)| &**name);
                let since = since.map(|since| Since::parse(&since));
                self.subscribe(names, since, topics, cx)
            }
            "unsubscribe" => {
                let unwanted = said.data.map_or(Ok(Unwanted::default()), read_data)?;
                self.unsubscribe(unwanted, cx)
            }
            "ping" => Ok(Some((saying("pong", cx), None))),
            "pong" => Ok(None),
            _ => Err(String::from(
                "type: must be subscribe, unsubscribe, ping or pong",
            )),
        }
    }

    /// Leaves all rooms and joins those that are named; what was published there is replayed, if that is asked for.
    fn subscribe<'a>(
        &mut self,
        names: impl Iterator<Item = &'a str>,
        since: Option<Since>,
        topics: &Topics,
        cx: &mut Context<'_>,
    ) -> Heard {
        let mut known = HashSet::new();
        let distinct: Vec<&str> = names.filter(|name| known.insert(*name)).collect();
        if distinct.len() > REPOSITORIES_MAX {
            return Err(format!("data.repositories: {}", too_many(distinct.len())));
        }
        cx.spend((self.rooms.len() + distinct.len()) as u64 * work::MEMBERSHIP);
        let planned = self.resume(since, &distinct, topics, cx);
        self.has_begun = true;
        cx.leave_all();
        let joined = distinct.iter().map(|name| cx.join(&room(name)));
        self.rooms = joined.collect();
        let resumed = since.map(|_| Resumed::from(&planned));
        let subscribed = self.subscribed(resumed, planned.position, cx);
        // Who is behind asks for what it missed: an answer that did not fit would be missed, too.
        let subscribed = match resumed {
            Some(_) => subscribed.exempt(),
            None => subscribed,
        };
        Ok(Some((subscribed, Some(planned))))
    }

    /// What the client gets of these repositories that has had others.
    fn resume(
        &self,
        since: Option<Since>,
        desired: &[&str],
        topics: &Topics,
        cx: &mut Context<'_>,
    ) -> Resumption {
        let log = cx.log();
        if !matches!(since, Some(Since::At(_))) {
            return cx.resume(log, since, &Wanted::All, &Got::Nothing);
        }
        cx.spend((self.rooms.len() + desired.len()) as u64 * work::RECORD);
        let had = self.rooms.iter().map(|&room| repository(cx.room(room)));
        let had = topics.of_all(had);
        let desired = topics.of_all(desired.iter().copied());
        let (wants, has) = (|topic| desired.has(topic), |topic| had.has(topic));
        let wanted = match desired.has_every {
            true => Wanted::All,
            false => Wanted::Some(&wants),
        };
        let got = match self.has_begun {
            false => Got::Nothing,
            true if had.has_every => Got::Every,
            true => Got::Some(&has),
        };
        cx.resume(log, since, &wanted, &got)
    }

    /// Leaves the rooms that are named, or all.
    fn unsubscribe(
        &mut self,
        Unwanted { repositories }: Unwanted<'_>,
        cx: &mut Context<'_>,
    ) -> Heard {
        match repositories {
            None => {
                cx.spend(self.rooms.len() as u64 * work::MEMBERSHIP);
                cx.leave_all();
                self.rooms = Vec::new();
            }
            Some(List(names)) => {
                let names: HashSet<&str> = names.iter().map(|Name(name)| &**name).collect();
                cx.spend(self.rooms.len() as u64 * work::RECORD);
                cx.spend(names.len() as u64 * work::MEMBERSHIP);
                self.rooms
                    .retain(|&joined| !names.contains(repository(cx.room(joined))));
                names.iter().for_each(|name| cx.leave(&room(name)));
            }
        }
        let position = cx.position(cx.log());
        Ok(Some((self.subscribed(None, position, cx), None)))
    }

    fn subscribed(
        &self,
        resumed: Option<Resumed>,
        position: Position,
        cx: &mut Context<'_>,
    ) -> Frame {
        let name = |&joined| repository(cx.room(joined)).to_owned();
        let data = Repositories {
            repositories: self.rooms.iter().map(name).collect(),
            resumed,
            position,
        };
        let timestamp = cx.now().unix;
        cx.json(&Saying {
            r#type: "subscribed",
            timestamp,
            data: Some(data),
            error: None,
        })
    }
}

fn too_many(repositories: usize) -> String {
    format!("a client may be subscribed to {REPOSITORIES_MAX}, not to {repositories}")
}

/// The data of a message; the error names the field from there on.
fn read_data<'a, T: Deserialize<'a>>(data: &'a RawValue) -> Result<T, String> {
    let Object(read) = read_part(data.get().as_bytes(), "data")?;
    Ok(read)
}

/// A message of this type and nothing else.
pub fn saying(kind: &'static str, cx: &mut Context<'_>) -> Frame {
    let timestamp = cx.now().unix;
    cx.json(&Saying::<()> {
        r#type: kind,
        timestamp,
        data: None,
        error: None,
    })
}

/// How a client is told of messages that it missed.
pub fn lagged(gap: Gap, timestamp: Unix, encoder: &mut Encoder) -> Frame {
    let notice = Saying {
        r#type: "lagged",
        timestamp,
        data: Some(gap),
        error: None,
    };
    encoder.json(&notice)
}

/// The room of a repository's subscribers.
pub fn room(repository: &str) -> Cow<'_, str> {
    if repository == EVERY {
        Cow::Borrowed(EVERY)
    } else {
        Cow::Owned(format!("{PREFIX}{repository}"))
    }
}

/// The repository of a room.
fn repository(room: &str) -> &str {
    room.strip_prefix(PREFIX).unwrap_or(room)
}

/// Whether this may be the name of a repository; the error says what a name is.
pub fn check_name(name: &str) -> Result<(), String> {
    if (1..=NAME_BYTES_MAX).contains(&name.len()) {
        return Ok(());
    }
    let bytes = name.len();
    Err(format!(
        "a name must have 1 to {NAME_BYTES_MAX} bytes, not {bytes}"
    ))
}

/// The repositories that the query of a client names that only listens; every one, if it names none.
pub fn listened_to(head: &Head<'_>) -> Result<Vec<String>, Response> {
    let named = head.parameter("repositories").unwrap_or_default();
    let names: Vec<String> = match &*named {
        "" => vec![EVERY.to_owned()],
        named => named.split(',').map(String::from).collect(),
    };
    let wrong = |sentence: String| bad(format!("repositories: {sentence}"));
    for name in &names {
        check_name(name).map_err(wrong)?;
    }
    match names.len() <= REPOSITORIES_MAX {
        true => Ok(names),
        false => Err(wrong(too_many(names.len()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_1_to_256_bytes() {
        assert!(check_name("a").is_ok() && check_name(&"é".repeat(128)).is_ok());
        assert!(check_name("").is_err() && check_name(&"a".repeat(257)).is_err());
    }

    #[test]
    fn a_room_leads_back_to_its_repository() {
        for name in [EVERY, "a", "repo:a", "*a"] {
            assert_eq!(repository(&room(name)), name);
        }
    }
}
