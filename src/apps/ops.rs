//! The operator's own: health, metrics, the stats of the dashboard, the echo and the pages.

pub mod backup;
mod code;
mod stats;
mod survey;

use std::collections::HashMap;

use serde_json::json;

use self::stats::Stats;
use super::context::{Context, Health};
use super::refusal::missing;
use super::routes::{Needs, Purpose, Route};
use super::{App, Call, Gap, Handler, Message, Reply, Seat, handle};
use crate::position::Since;
use crate::time::Unix;
use crate::web::{ASSETS, CONTENT_SECURITY_POLICY, MOVED, asset};
use crate::wire::frame::{Encoder, Frame};
use crate::wire::request::Head;
use crate::wire::response::Response;

static CALLS: [(Route, Handler<Ops>); 5] = [
    (Route::open("GET", "/healthz").taking_any(), |_, _, _| {
        Ok(Response::json(200, &json!({"status": "ok"})).into())
    }),
    (Route::open("GET", "/readyz").taking_any(), |_, _, cx| {
        Ok(ready(cx).into())
    }),
    (Route::keyed("GET", "/metrics"), |_, _, cx| {
        let text = cx.render_metrics().into_bytes();
        Ok(Response::body(200, "text/plain; version=0.0.4; charset=utf-8", text).into())
    }),
    (
        Route::keyed("GET", backup::PATH).taking(&[backup::SECRETS]),
        |_, call, cx| backup::copy(call, cx),
    ),
    (Route::keyed("POST", CODE), |_, call, cx| {
        code::draw(call, cx)
    }),
];
/// What the pages ask for besides.
const CODE: &str = "/qr.svg";
/// A route for each file, and for each address that leads to one.
static PAGES: [Route; ASSETS.len() + MOVED.len()] = {
    let mut pages = [const { Route::page("") }; ASSETS.len() + MOVED.len()];
    let mut index = 0;
    while index < pages.len() {
        pages[index] = Route::page(if index < ASSETS.len() {
            ASSETS[index].path
        } else {
            MOVED[index - ASSETS.len()].0
        });
        index += 1;
    }
    pages
};
static ECHO: Route = Route::upgrade("/echo", Needs::Nothing);
static STATS: Route = Route::stream("/api/v1/stats/ws", Needs::Key);

/// Which of its two upgrades a connection came by.
const ECHOED: Seat = Seat(0);
const LOOKS: Seat = Seat(1);

/// The app, with what of it is switched on.
pub struct Ops {
    echo: bool,
    pages: bool,
    /// The tags of the files that have been asked for.
    tags: HashMap<&'static str, String>,
    stats: Stats,
}

impl Ops {
    /// With or without the echo, with or without the pages.
    pub fn new(echo: bool, pages: bool) -> Ops {
        Ops {
            echo,
            pages,
            tags: HashMap::new(),
            stats: Stats::default(),
        }
    }

    /// A file, or word that the browser has it already.
    fn page(&mut self, call: &Call<'_>) -> Response {
        let Some(asset) = asset(call.route.path) else {
            return moved(call.route.path);
        };
        let tag = self.tags.entry(asset.path).or_insert_with(|| asset.tag());
        let response = if has(call.head, tag) {
            Response::empty(304)
        } else {
            Response::body(200, asset.content_type, asset.body.as_bytes())
        };
        response
            .with("ETag", tag.clone())
            .with("Cache-Control", "no-cache")
            .with("Content-Security-Policy", CONTENT_SECURITY_POLICY)
            .with("X-Content-Type-Options", "nosniff")
            .with("X-Frame-Options", "DENY")
            .with("Referrer-Policy", "no-referrer")
    }
}

impl App for Ops {
    fn routes(&self) -> Vec<&'static Route> {
        let echo = self.echo.then_some(&ECHO);
        let pages = PAGES.iter().filter(|_| self.pages);
        let calls = CALLS.iter().map(|(route, _)| route);
        let calls = calls.filter(|route| self.pages || route.path != CODE);
        let upgrades = [&STATS].into_iter().chain(echo);
        calls.chain(upgrades).chain(pages).collect()
    }

    fn request(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Reply {
        match call.route.purpose {
            Purpose::Page => self.page(call).into(),
            _ => handle(self, &CALLS, call, cx).unwrap_or_else(Reply::from),
        }
    }

    fn admit(&mut self, call: &Call<'_>, _: &mut Context<'_>) -> Result<Seat, Response> {
        Ok(if call.route == &STATS { LOOKS } else { ECHOED })
    }

    fn opened(&mut self, seat: Seat, _: Option<Since>, cx: &mut Context<'_>) {
        if seat == LOOKS {
            self.stats.opened(cx);
        }
    }

    fn message(&mut self, seat: Seat, message: Message<'_>, cx: &mut Context<'_>) {
        if seat == LOOKS {
            return;
        }
        let frame = match message {
            Message::Text(text) => Frame::text(text),
            Message::Binary(bytes) => Frame::binary(bytes),
        };
        // The client is read only as fast as it takes its answers, so none needs to be dropped.
        cx.send(cx.conn(), frame.vital());
    }

    fn closed(&mut self, _: Seat, _: &mut Context<'_>) {}

    /// Only the stats are ever dropped; of an echo nothing is.
    fn lagged(&self, Gap { missed, .. }: Gap, unix: Unix, _: &mut Encoder) -> Frame {
        let notice = format!(r#"{{"type":"lagged","missed":{missed},"timestamp":"{unix}"}}"#);
        Frame::text(&notice)
    }

    fn tick(&mut self, cx: &mut Context<'_>) {
        self.stats.tick(cx);
    }
}

/// Where a page is. The way there is relative (RFC 9110 §10.2.2), because only the proxy knows what it has taken off.
fn moved(path: &str) -> Response {
    match MOVED.iter().find(|(from, _)| *from == path) {
        Some(&(_, to)) => Response::empty(308)
            .with("Location", to)
            .with("Cache-Control", "no-cache"),
        None => missing("there is nothing at this path"),
    }
}

/// Whether a browser has the file of this tag. The comparison is the weak one (RFC 9110 §13.1.2): a proxy that
/// compresses makes our tags weak.
fn has(head: &Head<'_>, tag: &str) -> bool {
    let mut known = head
        .all("if-none-match")
        .flat_map(|value| value.split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii);
    known.any(|one| one == b"*" || one.strip_prefix(b"W/").unwrap_or(one) == tag.as_bytes())
}

/// Why the server would rather not have more work; nothing if it is ready.
fn readiness(health: Health) -> Vec<&'static str> {
    let all = [
        (health.draining, "draining"),
        (health.full, "full"),
        (health.lagging, "lagging"),
        (health.memory, "memory"),
        (health.starting, "starting"),
        (health.storage, "storage"),
    ];
    let reasons = all.into_iter().filter(|(is, _)| *is);
    reasons.map(|(_, name)| name).collect()
}

fn ready(cx: &Context<'_>) -> Response {
    let reasons = readiness(cx.health());
    match reasons.first() {
        None => Response::json(200, &json!({"status": "ready"})),
        Some(first) => {
            let body = json!({"status": first, "reasons": reasons});
            Response::json(503, &body).with("Retry-After", "5")
        }
    }
}
