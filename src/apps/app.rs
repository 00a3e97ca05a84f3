//! What an app is: a dialect, asked one thing at a time, that answers at once and does everything through its
//! [`Context`].

use std::any::Any;
use std::borrow::Cow;
use std::cell::Cell;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::ptr;

use serde::Deserialize;

use super::context::Context;
use super::routes::{Params, Route};
use super::{json, refusal};
use crate::core::outbox::Gap;
use crate::engine::{Heard, Restored, Row};
use crate::position::Since;
use crate::time::Unix;
use crate::wire::frame::{Encoder, Frame};
use crate::wire::request::Head;
use crate::wire::response::Response;

/// An app's own small handle for one connection; what it means is the app's business.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seat(pub u32);

/// What a client said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Text, which is UTF-8.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

/// An answer, or a refusal.
pub type Answer = Result<Reply, Response>;

/// What of an app answers a call on one of its routes.
pub type Handler<A> = fn(&mut A, &Call<'_>, &mut Context<'_>) -> Answer;

/// How far it has come with a request that is asked again.
pub enum Progress {
    /// So far: the app's own business.
    Far(Box<dyn Any>),
    /// It had to wait, and has paid for being asked.
    Again,
    /// This is its answer.
    Settled(Response),
}

/// What an app makes of a request.
pub enum Reply {
    /// This is the answer.
    Now(Response),
    /// There is more to be done than one turn has time for: the app is asked again, and given this.
    Later(Box<dyn Any>),
    /// What it changes is submitted: the answer is given when that is applied.
    Undecided,
    /// What the app numbers so is being changed: the app is asked again, when that is over.
    Behind(u64),
}

impl From<Response> for Reply {
    fn from(response: Response) -> Reply {
        Reply::Now(response)
    }
}

/// A request that has come through the door, and the route it took.
pub struct Call<'a> {
    /// The route.
    pub route: &'static Route,
    /// The request's head.
    pub head: &'a Head<'a>,
    /// The `{}` segments of its path.
    pub params: Params<'a>,
    /// The address of the client.
    pub peer: IpAddr,
    /// Whether it shows a key, or none is configured.
    pub has_key: bool,
    /// Whether its client is a stranger, who may do some things only so often.
    pub is_stranger: bool,
    /// Whether its client asks for a stream of events, where it can say nothing: what it subscribes to stands in the query.
    pub listens: bool,
    pub(super) body: &'a [u8],
    pub(super) progress: &'a Cell<Option<Progress>>,
}

/// A dialect.
pub trait App {
    /// The paths it answers to.
    fn routes(&self) -> Vec<&'static Route>;

    /// Whether a call shows what the app itself has given out, a token that verifies: then its client is no stranger,
    /// who may call only so often.
    fn knows(&self, _: &Call<'_>, _: &mut Context<'_>) -> bool {
        false
    }

    /// A plain HTTP request to one of its routes.
    fn request(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Reply;

    /// What an upgrade has to wait for first: something that the app numbers so, and that is being changed.
    fn behind(&self, _: &Call<'_>, _: &Context<'_>) -> Option<u64> {
        None
    }

    /// An upgrade on one of its routes, before the 101: who comes in gets a seat, who does not gets an answer.
    fn admit(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Result<Seat, Response>;

    /// The 101 is queued, or the answer that begins a stream; whatever is sent now comes right behind it. The client may ask for what was published since then.
    fn opened(&mut self, seat: Seat, since: Option<Since>, cx: &mut Context<'_>);

    /// A whole message from the client.
    fn message(&mut self, seat: Seat, message: Message<'_>, cx: &mut Context<'_>);

    /// The connection has left its rooms and gets nothing more; the seat is free.
    fn closed(&mut self, seat: Seat, cx: &mut Context<'_>);

    /// The same, for an app that asks by which close code it ended, the client's or ours.
    fn closed_with(&mut self, seat: Seat, _code: u16, cx: &mut Context<'_>) {
        self.closed(seat, cx);
    }

    /// Whether what this call would publish has to wait, because what was published before is still being written.
    fn waits(&self, _: &Call<'_>, cx: &Context<'_>) -> bool {
        cx.is_telling()
    }

    /// The same for what a client says, for an app that publishes that.
    fn holds(&self, _: Seat, _: &Context<'_>) -> bool {
        false
    }

    /// How a client is told of messages that it missed.
    fn lagged(&self, gap: Gap, unix: Unix, encoder: &mut Encoder) -> Frame;

    /// Every ping interval, for an app that says so with [`App::beats`].
    fn beat(&mut self, _: Seat, _: &mut Context<'_>) {}

    /// Whether the app wants [`App::beat`]. Its connections are pinged none the less.
    fn beats(&self) -> bool {
        false
    }

    /// A change that the app has submitted is so: it is applied, and its request, if one has asked for it, answered.
    fn committed(&mut self, _: Box<dyn Any>, _: &mut Context<'_>) -> Option<Response> {
        None
    }

    /// A change that the app has submitted is not so, and never will be.
    fn failed(&mut self, _: Box<dyn Any>, _: &mut Context<'_>) {}

    /// Another hub has made this so: the state becomes what it says, and whoever is to hear of it here does. The error says what
    /// is wrong with it.
    fn heard(&mut self, _: Heard, _: &mut Context<'_>) -> Result<(), String> {
        Ok(())
    }

    /// This was kept when the process before this one ended. The error says what is wrong with it.
    fn restore(&mut self, _: Restored, _: &mut Context<'_>) -> Result<(), String> {
        Ok(())
    }

    /// That was all that was kept; from now on the app is asked.
    fn started(&mut self, _: &mut Context<'_>) {}

    /// What is to be kept beyond what is written already, now that the process is about to end.
    fn last_rows(&mut self, _: &mut Context<'_>) -> Vec<Row> {
        Vec::new()
    }

    /// The time has come that the app asked for with [`Context::tick_at`]; the call is about no connection.
    fn tick(&mut self, _: &mut Context<'_>) {}
}

impl<'a> Call<'a> {
    /// A `{}` segment of the path, decoded.
    pub fn param(&self, index: usize) -> &Cow<'a, str> {
        &self.params[index]
    }

    /// What the app gave away with [`Reply::Later`], if it was this.
    pub fn progress<T: 'static>(&self) -> Option<Box<T>> {
        match self.progress.take()? {
            Progress::Far(progress) => progress.downcast().ok(),
            Progress::Again | Progress::Settled(_) => None,
        }
    }

    /// Whether it is asked again, and not for the first time.
    pub fn is_again(&self) -> bool {
        let progress = self.progress.take();
        let is_again = progress.is_some();
        self.progress.set(progress);
        is_again
    }

    /// The query's parameters of these names, which its route takes; an empty one is absent.
    pub fn parameters<const N: usize>(&self, names: [&str; N]) -> [Option<Cow<'a, str>>; N] {
        names.map(|name| {
            let value = self.head.parameter(name);
            value.filter(|value| !value.is_empty())
        })
    }

    /// The body as JSON of this shape; a missing body reads as `{}`. The error names the field, or what the body is instead.
    pub fn json<T: Deserialize<'a>>(&self) -> Result<T, Response> {
        if let Some(kind) = self.head.header("content-type") {
            let (kind, _) = kind.split_once(';').unwrap_or((kind, ""));
            let kind = kind.trim().to_ascii_lowercase();
            // What curl sends unasked with -d says nothing about the body.
            let unasked = ["x-www-form-urlencoded", "octet-stream"];
            let is_json = |it| it == "json" || unasked.contains(&it);
            let passes = kind.strip_prefix("application/").is_some_and(is_json);
            if !passes && !kind.ends_with("+json") {
                return Err(refusal::unsupported(format!(
                    "the body must be application/json, not {kind}"
                )));
            }
        }
        json::body(self.body).map_err(refusal::bad)
    }
}

/// Has a call answered by what stands beside its route in the table of its app.
///
/// # Panics
/// If the route does not stand there: an app is called on the routes that it has named.
pub fn handle<A>(
    app: &mut A,
    table: &'static [(Route, Handler<A>)],
    call: &Call<'_>,
    cx: &mut Context<'_>,
) -> Answer {
    let found = table.iter().find(|(route, _)| ptr::eq(route, call.route));
    let (_, handler) = found.expect("a call is on a route that its app has named");
    handler(app, call, cx)
}

/// A number in a query: digits alone, within the range.
pub fn number(name: &str, text: &str, range: RangeInclusive<usize>) -> Result<usize, Response> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_plain);
    number.filter(|it| range.contains(it)).ok_or_else(|| {
        let (least, most) = (range.start(), range.end());
        refusal::bad(format!("{name}: must be a number from {least} to {most}"))
    })
}
