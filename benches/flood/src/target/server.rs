//! The server under test and how one speaks to it: its address, the upgrades, what a client sends first, how a message
//! is published to a room.
//!
//! It is one [`Scene`] of a description with an address; all that can be is put together before the run. Only requests
//! are written here, their answers are read by whoever sent them.

use std::net::SocketAddr;

use serde_json::Value;

use crate::error::Error;
use crate::target::caller::Caller;
use crate::target::description::{Call, Scene};
use crate::target::mark::Mark;
use crate::target::position::Position;
use crate::target::seating::Seating;
use crate::target::template::Values;
use crate::target::way::Way;

/// One server, and where its clients sit.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where to connect to.
    pub server: SocketAddr,
    key: Option<String>,
    /// How the server is used.
    pub scene: Scene,
    /// Who sits where.
    pub seating: Seating,
    /// How they are told.
    pub way: Way,
    /// One for all clients, or one for each.
    upgrades: Vec<String>,
    /// The same; none if a client need not say anything.
    subscribes: Vec<String>,
    rooms: Vec<Publishing>,
}

/// How to publish to one room.
#[derive(Clone, Debug)]
struct Publishing {
    head: Vec<u8>,
    before_mark: Vec<u8>,
    after_mark: Vec<u8>,
}

impl Target {
    /// Makes the calls that `scene` wants made beforehand, and puts together what is the same for each message.
    pub fn prepare(
        server: SocketAddr,
        key: Option<&str>,
        scene: Scene,
        seating: Seating,
        mut progress: impl FnMut(u32),
    ) -> Result<Target, Error> {
        let mut target = Target {
            server,
            key: key.map(str::to_owned),
            seating,
            way: Way::default(),
            upgrades: Vec::new(),
            subscribes: Vec::new(),
            rooms: Vec::new(),
            scene,
        };
        let scene = target.scene.clone();
        let mut caller = match scene.each_room.is_empty() && scene.each_member.is_empty() {
            true => None,
            false => Some(Caller::connect(server, key)?),
        };
        let mut make = |calls: &[Call], values: &mut Values| match &mut caller {
            Some(caller) => calls.iter().try_for_each(|call| caller.call(call, values)),
            None => Ok(()),
        };
        for room in 0..seating.rooms {
            let name = ("room".to_owned(), format!("flood{room:05}"));
            let mut values = Values::from([name]);
            make(&scene.each_room, &mut values)?;
            if let Some(publish) = &scene.publish {
                let publishing = target.publishing(publish, &values)?;
                target.rooms.push(publishing);
            }
            for member in 0..seating.members {
                let mut values = values.clone();
                values.insert("member".to_owned(), member.to_string());
                make(&scene.each_member, &mut values)?;
                target.seat(&values)?;
                progress(room * seating.members + member + 1);
            }
        }
        target.upgrades = compact(target.upgrades);
        target.subscribes = compact(target.subscribes);
        Ok(target)
    }

    /// What is upgraded, for people.
    pub fn url(&self) -> String {
        let path = self.upgrades[0].split('?').next().unwrap_or_default();
        format!("{}://{}{path}", self.way.scheme(), self.server)
    }

    /// The text message that a client sends once it is upgraded, if any.
    pub fn subscribe(&self, client: u32) -> Option<&str> {
        self.subscribes
            .get(client as usize)
            .or(self.subscribes.first())
            .map(String::as_str)
    }

    /// Whether a message must come to every client before anything else.
    pub fn greets(&self) -> bool {
        self.scene.greeting.is_some()
    }

    /// Appends the request that asks for the upgrade of `client`, with the given `Sec-WebSocket-Key`, or for its stream
    /// of events; and for what was published since it heard a position, if it did.
    pub fn write_upgrade(
        &self,
        out: &mut Vec<u8>,
        client: u32,
        websocket_key: &str,
        since: Option<Position>,
    ) {
        let path = self.upgrades.get(client as usize);
        let path = path.unwrap_or(&self.upgrades[0]);
        let head = match (self.way, since) {
            (Way::WebSocket, Some(since)) => {
                let more = if path.contains('?') { '&' } else { '?' };
                self.head("GET", &format!("{path}{more}since={since}"))
            }
            _ => self.head("GET", path),
        };
        let rest = match (self.way, since) {
            (Way::WebSocket, _) => format!(
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: {websocket_key}\r\n"
            ),
            (Way::Events, Some(since)) => {
                format!("Accept: text/event-stream\r\nLast-Event-ID: {since}\r\n")
            }
            (Way::Events, None) => "Accept: text/event-stream\r\n".to_owned(),
        };
        out.extend_from_slice(format!("{head}{rest}\r\n").as_bytes());
    }

    /// Appends the request that publishes `mark` with `pad` bytes of padding to its room.
    pub fn write_publish(&self, out: &mut Vec<u8>, mark: Mark, pad: usize) {
        let publishing = &self.rooms[usize::from(mark.room)];
        let around = publishing.before_mark.len() + publishing.after_mark.len();
        let length = around + crate::target::mark::MARK_BYTES + pad;
        out.extend_from_slice(&publishing.head);
        out.extend_from_slice(format!("{length}\r\n\r\n").as_bytes());
        out.extend_from_slice(&publishing.before_mark);
        mark.write(out, pad);
        out.extend_from_slice(&publishing.after_mark);
    }

    /// Whether `status` says that a message was taken.
    pub fn takes(&self, status: u16) -> bool {
        let publish = self.scene.publish.as_ref();
        publish.is_some_and(|publish| publish.status.contains(&status))
    }

    /// The number of receivers that the answer to a publish names; `Ok(None)` where none is promised.
    pub fn receivers(&self, body: &[u8]) -> Option<Option<u64>> {
        let pointer = self.scene.publish.as_ref()?.receivers.as_ref()?;
        let answer: Option<Value> = serde_json::from_slice(body).ok();
        Some(answer.and_then(|answer| answer.pointer(pointer)?.as_u64()))
    }

    /// The number of drops that `text` tells a client of, if it is a notice.
    pub fn missed(&self, text: &[u8]) -> Option<u64> {
        let notice = self.scene.notice.as_ref()?;
        if !holds(text, &notice.mark) {
            return None;
        }
        let text: Value = serde_json::from_slice(text).ok()?;
        text.pointer(&notice.missed)?.as_u64()
    }

    /// How many messages follow a greeting, and how many are lost for good if the server can tell, if it says so.
    pub fn resumed(&self, text: &[u8]) -> Option<(u64, Option<u64>)> {
        let resume = self.scene.resume.as_ref()?;
        let text: Value = serde_json::from_slice(text).ok()?;
        let sent = text.pointer(&resume.sent)?.as_u64()?;
        Some((sent, text.pointer(&resume.missed)?.as_u64()))
    }

    /// The position before the gap that a notice tells of, if it says one.
    pub fn lagged_since(&self, text: &[u8]) -> Option<Position> {
        let resume = self.scene.resume.as_ref()?;
        let text: Value = serde_json::from_slice(text).ok()?;
        Position::parse(text.pointer(&resume.since)?.as_str()?)
    }

    /// Whether `text` is the message that comes first.
    pub fn is_greeting(&self, text: &[u8]) -> bool {
        let greeting = self.scene.greeting.as_ref();
        greeting.is_some_and(|greeting| holds(text, greeting))
    }

    fn seat(&mut self, values: &Values) -> Result<(), Error> {
        self.upgrades.push(self.scene.upgrade.fill(values)?);
        if let Some(subscribe) = &self.scene.subscribe {
            self.subscribes.push(subscribe.fill(values)?);
        }
        Ok(())
    }

    fn publishing(&self, publish: &Call, values: &Values) -> Result<Publishing, Error> {
        let (before, after) = publish
            .body
            .around_mark()
            .expect("the description was read only because its body holds the mark");
        let (head, kind) = (
            self.head(&publish.method, &publish.path.fill(values)?),
            &publish.content_type,
        );
        let head = format!("{head}Content-Type: {kind}\r\nContent-Length: ");
        Ok(Publishing {
            head: head.into_bytes(),
            before_mark: before.fill(values)?.into_bytes(),
            after_mark: after.fill(values)?.into_bytes(),
        })
    }

    /// What every request begins with.
    fn head(&self, method: &str, path: &str) -> String {
        let key = self.key.as_ref();
        let key = key.map(|key| format!("X-API-Key: {key}\r\n"));
        let (server, key) = (self.server, key.unwrap_or_default());
        format!("{method} {path} HTTP/1.1\r\nHost: {server}\r\n{key}")
    }
}

/// One text where all are the same.
fn compact(texts: Vec<String>) -> Vec<String> {
    match texts.iter().all(|text| *text == texts[0]) {
        true => texts.into_iter().take(1).collect(),
        false => texts,
    }
}

fn holds(text: &[u8], part: &str) -> bool {
    text.windows(part.len())
        .any(|window| window == part.as_bytes())
}

/// A server as the description that is built in has it, for tests.
#[cfg(test)]
pub fn sample(server: SocketAddr, key: Option<&str>, clients: u32) -> Target {
    let scene = Scene::of(None, "room").unwrap();
    Target::prepare(server, key, scene, Seating::one_room(clients), |_| ()).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upgrade_asks_for_the_path_with_the_key_shown() {
        let target = sample("127.0.0.1:8080".parse().unwrap(), Some("secret"), 9);
        let mut out = Vec::new();
        target.write_upgrade(&mut out, 8, "dGhlIHNhbXBsZSBub25jZQ==", None);
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.starts_with("GET /ws HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nX-API-Key: secret\r\n")
        );
        assert!(text.ends_with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));
        assert!(target.greets());
    }

    #[test]
    fn who_comes_back_says_since_when() {
        let mut target = sample("127.0.0.1:8080".parse().unwrap(), None, 1);
        let since = Position::parse("000000ff-9");
        let asks = |target: &Target, line: &str| {
            let mut out = Vec::new();
            target.write_upgrade(&mut out, 0, "key", since);
            let text = String::from_utf8(out).unwrap();
            assert!(text.contains(line) && text.ends_with("\r\n\r\n"), "{text}");
            text
        };
        asks(&target, "GET /ws?since=000000ff-9 HTTP/1.1\r\n");
        target.way = Way::Events;
        let text = asks(&target, "\r\nLast-Event-ID: 000000ff-9\r\n");
        assert!(text.starts_with("GET /ws HTTP/1.1\r\n") && !text.contains("Sec-"));
        assert!(target.url().starts_with("http://"));
    }

    #[test]
    fn a_publish_request_gives_the_length_of_its_body() {
        let target = sample("[::1]:9".parse().unwrap(), None, 1);
        let mark = Mark::new(1, 0, 2, 3);
        let mut out = Vec::new();
        target.write_publish(&mut out, mark, 5);
        let text = String::from_utf8(out).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /api/v1/events HTTP/1.1\r\nHost: [::1]:9\r\n"));
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())));
        let body: Value = serde_json::from_str(body).unwrap();
        let mark = body["payload"]["mark"].as_str().unwrap();
        assert!(mark.starts_with("flood=") && mark.ends_with("xxxxx."));
    }

    #[test]
    fn greetings_and_notices_are_known_by_their_text() {
        let target = sample("127.0.0.1:1".parse().unwrap(), None, 1);
        let greeting =
            br#"{"type":"connection:status","payload":{"status":"connected"},"timestamp":"t"}"#;
        let notice = br#"{"type":"connection:lagged","payload":{"missed":12},"timestamp":"t"}"#;
        assert!(target.is_greeting(greeting) && !target.is_greeting(notice));
        assert_eq!(target.missed(notice), Some(12));
        assert_eq!(target.missed(greeting), None);
    }

    #[test]
    fn receivers_are_read_where_they_are_promised() {
        let target = sample("127.0.0.1:1".parse().unwrap(), None, 1);
        assert_eq!(target.receivers(br#"{"receivers":7}"#), Some(Some(7)));
        assert_eq!(target.receivers(b"{}"), Some(None));
        assert!(target.takes(202) && !target.takes(200));
    }
}
