//! `stream`: public channels of a block explorer.
//!
//! A room for each channel. A client says which channels it wants and is never answered, but for a ping; what it says wrong is counted
//! and logged, and nothing else. A back-end's array is checked whole before any of it goes out, and goes out as one
//! batch: it takes one place in a subscriber's queue, so a subscriber gets all of it or is told how many it missed.
//!
//! A subscriber hears what is published from its subscription on, or from the position that it names; it is answered then.

pub mod items;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use serde_json::json;
use serde_json::value::RawValue;

use self::items::{Block, OneOrMany, Tx};
use super::context::{Context, Resumed};
use super::keep;
use super::list::List;
use super::object::Object;
use super::refusal::bad;
use super::routes::{Needs, Route};
use super::{Answer, App, Call, Gap, Got, Handler, Message, Reply, Seat, Wanted, handle};
use crate::engine::{Heard, Restored, Row};
use crate::id::Topic;
use crate::metrics::StreamMessage;
use crate::position::{Position, Since};
use crate::time::Unix;
use crate::warnings::Warning;
use crate::wire::frame::{Encoder, Frame};
use crate::wire::response::Response;
use crate::wire::sse;
use crate::work;

/// Channels that are looked at in one message: many times as many as there are, and a message that names more is read no
/// further.
const CHANNELS_MAX: usize = 16;

const BLOCKS: &str = "/v1/blocks";
const TXS: &str = "/v1/txs";

static CALLS: [(Route, Handler<Stream>); 2] = [
    (Route::keyed("POST", BLOCKS), |_, call, cx| {
        publish::<Block<'_>>(Channel::Blocks, call, cx)
    }),
    (Route::keyed("POST", TXS), |_, call, cx| {
        publish::<Tx<'_>>(Channel::Txs, call, cx)
    }),
];
static UPGRADE: Route = Route::stream("/v1/stream", Needs::Nothing);

/// What clients subscribe to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Channel {
    Blocks,
    Txs,
}

impl Channel {
    const ALL: [Channel; 2] = [Channel::Blocks, Channel::Txs];

    fn named(name: &str) -> Option<Channel> {
        Channel::ALL.into_iter().find(|it| it.name() == name)
    }

    fn room(self) -> &'static str {
        match self {
            Channel::Blocks => "stream:newBlocks",
            Channel::Txs => "stream:newTxs",
        }
    }

    /// Its name.
    fn name(self) -> &'static str {
        match self {
            Channel::Blocks => "newBlocks",
            Channel::Txs => "newTxs",
        }
    }

    /// A message on it, of the kind that it carries.
    fn made(self, frame: Frame) -> Frame {
        match self {
            Channel::Blocks => frame,
            Channel::Txs => frame.tagged(),
        }
    }

    /// What stands for it in the seat of a client that only listens.
    fn bit(self) -> u32 {
        1 << self as u32
    }

    fn topic(self) -> Topic {
        Topic(self as u64)
    }

    /// What is delivered on it.
    fn carries(self) -> StreamMessage {
        match self {
            Channel::Blocks => StreamMessage::NewBlock,
            Channel::Txs => StreamMessage::NewTx,
        }
    }
}

/// What a client says. Fields that we do not know are left alone: older clients send some.
#[derive(Deserialize)]
struct Words<'a> {
    #[serde(borrow)]
    action: Cow<'a, str>,
    #[serde(borrow, default)]
    /// As they are written: what stands in the place of a name may be as long and as deep as a message.
    channels: Option<List<&'a RawValue, CHANNELS_MAX>>,
    #[serde(borrow, default)]
    since: Option<Cow<'a, str>>,
}

/// What a client said wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Binary,
    Json,
    Shape,
    Action,
    Channel,
}

impl Wrong {
    /// The `error_type` that it is counted as.
    fn name(self) -> &'static str {
        match self {
            Wrong::Binary => "binary_message",
            Wrong::Json => "invalid_json",
            Wrong::Shape => "invalid_message",
            Wrong::Action => "unknown_action",
            Wrong::Channel => "unknown_channel",
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Wrong::Binary => "text",
            Wrong::Json | Wrong::Shape => r#"{"action":"subscribe","channels":["newBlocks"]}"#,
            Wrong::Action => "subscribe, unsubscribe or ping",
            Wrong::Channel => "newBlocks or newTxs",
        }
    }
}

/// What a subscriber is sent.
#[derive(Serialize)]
struct Envelope<T: Serialize> {
    r#type: &'static str,
    data: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<Position>,
}

/// How a client is answered that resumes.
#[derive(Serialize)]
struct Outcome {
    #[serde(flatten)]
    resumed: Resumed,
    position: Position,
}

/// The app. It remembers nothing: the two rooms are all there is.
pub struct Stream;

impl App for Stream {
    fn routes(&self) -> Vec<&'static Route> {
        let calls = CALLS.iter().map(|(route, _)| route);
        calls.chain([&UPGRADE]).collect()
    }

    fn request(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Reply {
        handle(self, &CALLS, call, cx).unwrap_or_else(Reply::from)
    }

    fn admit(&mut self, call: &Call<'_>, _: &mut Context<'_>) -> Result<Seat, Response> {
        match call.listens {
            true => listened_to(call).map_err(bad),
            false => Ok(Seat::default()),
        }
    }

    fn opened(&mut self, Seat(bits): Seat, since: Option<Since>, cx: &mut Context<'_>) {
        let channels = Channel::ALL.into_iter().filter(|it| bits & it.bit() != 0);
        let channels: Vec<Channel> = channels.collect();
        if channels.is_empty() {
            return;
        }
        if since.is_none() {
            // Where nothing is said first, the position is.
            let position = cx.position(cx.log());
            cx.send(cx.conn(), Frame::answer(sse::id(position)).exempt());
        }
        subscribe(&channels, since, cx);
    }

    fn message(&mut self, _: Seat, message: Message<'_>, cx: &mut Context<'_>) {
        let Err(wrong) = obey(message, cx) else {
            return;
        };
        // Once a message and without its words: those are the client's, and as long as it likes.
        let (conn, name, expected) = (cx.conn(), wrong.name(), wrong.expected());
        let told = format_args!("stream: connection {conn}: {name}: expected {expected}");
        cx.warn(Warning::Message, told);
        cx.metrics().stream_error(name);
    }

    fn closed(&mut self, _: Seat, _: &mut Context<'_>) {}

    fn heard(&mut self, heard: Heard, cx: &mut Context<'_>) -> Result<(), String> {
        // What was published as one batch is one here, too.
        let (mut bytes, mut messages, mut on) = (Vec::new(), 0, Channel::Blocks);
        for (row, number) in heard.numbered() {
            if let Row::Post {
                log, topic, text, ..
            } = row
            {
                on = Channel::named(&topic).unwrap_or(on);
                let message = keep::next(cx.log(), &log, (number, &text), u64::from(messages), cx)?;
                bytes.extend_from_slice(message.bytes());
                messages += 1;
            }
        }
        if messages > 0 {
            let batch = Frame::batch(bytes.into(), messages);
            cx.publish_on(on.topic(), on.room(), on.made(batch));
        }
        Ok(())
    }

    fn restore(&mut self, restored: Restored, cx: &mut Context<'_>) -> Result<(), String> {
        let on = |name: &str| Channel::named(name).unwrap_or(Channel::Blocks);
        keep::restore(
            restored,
            |name| on(name).topic(),
            |name, frame| on(name).made(frame),
            cx,
        )
    }

    fn last_rows(&mut self, cx: &mut Context<'_>) -> Vec<Row> {
        let named = |topic| Channel::ALL.into_iter().find(|it| it.topic() == topic);
        keep::last_rows(|topic| named(topic).map_or("", Channel::name), cx)
    }

    fn lagged(&self, gap: Gap, _: Unix, encoder: &mut Encoder) -> Frame {
        encoder.json(&Envelope {
            r#type: "lagged",
            data: gap,
            position: None,
        })
    }
}

/// The seat of a client that only listens, to the channels that its query names, or to all.
fn listened_to(call: &Call<'_>) -> Result<Seat, String> {
    let named = call.head.parameter("channels").unwrap_or_default();
    let bits = match &*named {
        "" => Ok(Channel::ALL
            .iter()
            .fold(0, |bits, channel| bits | channel.bit())),
        named => named.split(',').try_fold(0, |bits, name| {
            Channel::named(name)
                .map(|channel| bits | channel.bit())
                .ok_or(())
        }),
    };
    let expected = Wrong::Channel.expected();
    bits.map(Seat)
        .map_err(|()| format!("channels: must be {expected}, with commas between"))
}

/// Subscribes, unsubscribes or answers a ping; the channels that are known count beside one that is not.
fn obey(message: Message<'_>, cx: &mut Context<'_>) -> Result<(), Wrong> {
    let Message::Text(text) = message else {
        return Err(Wrong::Binary);
    };
    let Object(words): Object<Words<'_>> =
        serde_json::from_str(text).map_err(|error| match error.classify() {
            Category::Data => Wrong::Shape,
            _ => Wrong::Json,
        })?;
    let subscribes = match &*words.action {
        "subscribe" => true,
        "unsubscribe" => false,
        "ping" => {
            // A page's own heartbeat. It fits, because the client is read only as fast as it takes its answers.
            let pong = cx.json(&json!({"type": "pong"}));
            cx.send(cx.conn(), pong.exempt());
            return Ok(());
        }
        _ => return Err(Wrong::Action),
    };
    let List(names) = words.channels.ok_or(Wrong::Shape)?;
    let named = |name: &&RawValue| {
        let text = Some(name.get()).filter(|text| text.starts_with('"'));
        let name = text.and_then(|text| serde_json::from_str::<String>(text).ok());
        name.and_then(|name| Channel::named(&name))
    };
    let channels: Vec<Channel> = names.iter().filter_map(named).collect();
    match subscribes {
        true => {
            let since = words.since.map(|since| Since::parse(&since));
            subscribe(&channels, since, cx);
        }
        false => channels.iter().for_each(|channel| cx.leave(channel.room())),
    }
    let all_known = channels.len() == names.len();
    all_known.then_some(()).ok_or(Wrong::Channel)
}

/// Joins the rooms of these channels, and queues what was published on them since then, if that is asked for.
fn subscribe(channels: &[Channel], since: Option<Since>, cx: &mut Context<'_>) {
    let is_in = |room: &str| Channel::ALL.into_iter().find(|it| it.room() == room);
    let had: Vec<Channel> = cx.rooms().filter_map(is_in).collect();
    let is_covered = |of: &[Channel]| of.iter().all(|channel| channels.contains(channel));
    if since.is_none() && channels.iter().all(|channel| had.contains(channel)) {
        return;
    }
    let of = |topic: Topic, channels: &[Channel]| channels.iter().any(|it| it.topic() == topic);
    let (wants, has) = (|topic| of(topic, channels), |topic| of(topic, &had));
    let wanted = match is_covered(&Channel::ALL) {
        true => Wanted::All,
        false => Wanted::Some(&wants),
    };
    let got = match had.is_empty() {
        true => Got::Nothing,
        false if had.len() == Channel::ALL.len() => Got::Every,
        false => Got::Some(&has),
    };
    let mut planned = cx.resume(cx.log(), since, &wanted, &got);
    if !is_covered(&had) {
        planned = planned.keeping_gaps();
    }
    if since.is_some() {
        let data = Outcome {
            resumed: Resumed::from(&planned),
            position: planned.position,
        };
        let outcome = cx.json(&Envelope {
            r#type: "resumed",
            data,
            position: None,
        });
        cx.send(cx.conn(), outcome.exempt());
    }
    cx.replay(planned);
    for channel in channels {
        cx.join(channel.room());
    }
}

/// Delivers one item or an array of them, all or none.
fn publish<'a, T>(channel: Channel, call: &Call<'a>, cx: &mut Context<'_>) -> Answer
where
    OneOrMany<T>: Deserialize<'a>,
    T: Serialize,
{
    let OneOrMany(items) = call.json()?;
    let kind = channel.carries();
    let accepted = items.len();
    cx.spend(accepted as u64 * work::ITEM);
    let first = cx.next_position(cx.log());
    let numbered = items.into_iter().zip(0..);
    let messages = numbered.map(|(data, number)| Envelope {
        r#type: kind.name(),
        data,
        position: Some(first.plus(number)),
    });
    if let Some(batch) = cx.json_batch(messages) {
        // Of the two kinds, how many are delivered is counted apart.
        cx.publish_on(channel.topic(), channel.room(), channel.made(batch));
    }
    Ok(Response::json(202, &json!({"accepted": accepted})).into())
}
