//! `stream`: public channels of a block explorer.
//!
//! A room for each channel. A client says which channels it wants and is never answered, but for a ping; what it says wrong is counted
//! and logged, and nothing else. A back-end's array is checked whole before any of it goes out, and goes out as one
//! batch: it takes one place in a subscriber's queue, so a subscriber gets all of it or is told how many it missed.
//!
//! It keeps nothing: a subscriber hears what is published from its subscription on.

pub mod items;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use serde_json::json;
use serde_json::value::RawValue;

use self::items::{Block, OneOrMany, Tx};
use super::context::Context;
use super::list::List;
use super::object::Object;
use super::routes::{Needs, Route};
use super::{Answer, App, Call, Handler, Message, Reply, Seat, handle};
use crate::metrics::StreamMessage;
use crate::time::Unix;
use crate::warnings::Warning;
use crate::wire::frame::{Encoder, Frame};
use crate::wire::response::Response;
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
static UPGRADE: Route = Route::upgrade("/v1/stream", Needs::Nothing);

/// What clients subscribe to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Channel {
    Blocks,
    Txs,
}

impl Channel {
    fn named(name: &str) -> Option<Channel> {
        match name {
            "newBlocks" => Some(Channel::Blocks),
            "newTxs" => Some(Channel::Txs),
            _ => None,
        }
    }

    fn room(self) -> &'static str {
        match self {
            Channel::Blocks => "stream:newBlocks",
            Channel::Txs => "stream:newTxs",
        }
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

    fn admit(&mut self, _: &Call<'_>, _: &mut Context<'_>) -> Result<Seat, Response> {
        Ok(Seat::default())
    }

    fn opened(&mut self, _: Seat, _: &mut Context<'_>) {}

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

    fn lagged(&self, missed: u32, _: Unix, encoder: &mut Encoder) -> Frame {
        encoder.json(&Envelope {
            r#type: "lagged",
            data: json!({"missed": missed}),
        })
    }
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
    let change: fn(&mut Context<'_>, &str) = match &*words.action {
        "subscribe" => |cx, room| {
            cx.join(room);
        },
        "unsubscribe" => |cx, room| cx.leave(room),
        "ping" => {
            // A page's own heartbeat. It fits, because the client is read only as fast as it takes its answers.
            let pong = cx.json(&json!({"type": "pong"}));
            cx.send(cx.conn(), pong.exempt());
            return Ok(());
        }
        _ => return Err(Wrong::Action),
    };
    let mut all_known = true;
    let List(names) = words.channels.ok_or(Wrong::Shape)?;
    for name in names {
        let text = Some(name.get()).filter(|text| text.starts_with('"'));
        let name = text.and_then(|text| serde_json::from_str::<String>(text).ok());
        match name.and_then(|name| Channel::named(&name)) {
            Some(channel) => change(cx, channel.room()),
            None => all_known = false,
        }
    }
    all_known.then_some(()).ok_or(Wrong::Channel)
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
    let messages = items.into_iter().map(|data| Envelope {
        r#type: kind.name(),
        data,
    });
    if let Some(batch) = cx.json_batch(messages) {
        // Of the two kinds, how many are delivered is counted apart.
        let batch = match channel {
            Channel::Blocks => batch,
            Channel::Txs => batch.tagged(),
        };
        cx.publish(channel.room(), batch);
    }
    Ok(Response::json(202, &json!({"accepted": accepted})).into())
}
