//! The operator's own: health, metrics, the echo and the pages.

use std::collections::HashMap;

use serde_json::json;

use super::context::Context;
use super::refusal::missing;
use super::routes::{Kind, Needs, Route};
use super::{App, Call, Message, Seat};
use crate::time::Unix;
use crate::web::{ASSETS, CONTENT_SECURITY_POLICY, asset};
use crate::wire::frame::Frame;
use crate::wire::http::{Head, Response};

const CALLS: [Route; 3] = [
    Route::open("GET", "/healthz"),
    Route::open("GET", "/readyz"),
    Route::keyed("GET", "/metrics"),
];
/// A route for each file.
static PAGES: [Route; ASSETS.len()] = {
    let mut pages = [const { Route::page("") }; ASSETS.len()];
    let mut index = 0;
    while index < pages.len() {
        pages[index] = Route::page(ASSETS[index].path);
        index += 1;
    }
    pages
};
const ECHO: Route = Route::upgrade("/echo", Needs::Nothing);

/// The app, with what of it is switched on.
pub struct Ops {
    echo: bool,
    pages: bool,
    /// The tags of the files that somebody has asked for.
    tags: HashMap<&'static str, String>,
}

impl Ops {
    /// With or without the echo, with or without the pages.
    pub fn new(echo: bool, pages: bool) -> Ops {
        Ops {
            echo,
            pages,
            tags: HashMap::new(),
        }
    }
}

impl Ops {
    /// A file, or word that the browser has it already.
    fn page(&mut self, call: &Call<'_>) -> Response {
        let Some(asset) = asset(call.route.path) else {
            return missing("there is nothing at this path");
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
        CALLS.iter().chain(echo).chain(pages).collect()
    }

    fn request(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Response {
        if call.route.kind == Kind::Page {
            return self.page(call);
        }
        match call.route.path {
            "/healthz" => Response::json(200, &json!({"status": "ok"})),
            "/readyz" => ready(cx),
            "/metrics" => Response::body(
                200,
                "text/plain; version=0.0.4; charset=utf-8",
                cx.render_metrics().into_bytes(),
            ),
            _ => missing("there is nothing at this path"),
        }
    }

    fn admit(&mut self, _: &Call<'_>, _: &mut Context<'_>) -> Result<Seat, Response> {
        Ok(Seat::default())
    }

    fn opened(&mut self, _: Seat, _: &mut Context<'_>) {}

    fn message(&mut self, _: Seat, message: Message<'_>, cx: &mut Context<'_>) {
        let frame = match message {
            Message::Text(text) => Frame::text(text),
            Message::Binary(bytes) => Frame::binary(bytes),
        };
        // The client is read only as fast as it takes its answers, so none needs to be dropped.
        cx.send(cx.conn(), frame.vital());
    }

    fn closed(&mut self, _: Seat, _: &mut Context<'_>) {}

    fn lagged(&self, _: u32, _: Unix) -> Option<Frame> {
        None
    }

    fn is_paced(&self) -> bool {
        true
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

fn ready(cx: &Context<'_>) -> Response {
    let health = cx.health();
    let all = [
        (health.draining, "draining"),
        (health.full, "full"),
        (health.lagging, "lagging"),
        (health.memory, "memory"),
    ];
    let reasons: Vec<&str> = all
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, name)| *name)
        .collect();
    match reasons.first() {
        None => Response::json(200, &json!({"status": "ready"})),
        Some(first) => {
            let body = json!({"status": first, "reasons": reasons});
            Response::json(503, &body).with("Retry-After", "5")
        }
    }
}
