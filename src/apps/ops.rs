//! The operator's own: health, metrics, the echo and the pages.

use serde_json::json;

use super::context::Context;
use super::refusal::missing;
use super::routes::{Needs, Route};
use super::{App, Call, Message, Seat};
use crate::time::Unix;
use crate::web;
use crate::wire::frame::Frame;
use crate::wire::http::Response;

const CALLS: [Route; 3] = [
    Route::open("GET", "/healthz"),
    Route::open("GET", "/readyz"),
    Route::keyed("GET", "/metrics"),
];
const PAGES: [Route; 3] = [
    Route::open("GET", "/"),
    Route::open("GET", "/feed.js"),
    Route::open("GET", "/style.css"),
];
const ECHO: Route = Route::upgrade("/echo", Needs::Nothing);

/// The app, with what of it is switched on.
pub struct Ops {
    echo: bool,
    pages: bool,
}

impl Ops {
    /// With or without the echo, with or without the pages.
    pub fn new(echo: bool, pages: bool) -> Ops {
        Ops { echo, pages }
    }
}

impl App for Ops {
    fn routes(&self) -> Vec<&'static Route> {
        let echo = self.echo.then_some(&ECHO);
        let pages = PAGES.iter().filter(|_| self.pages);
        CALLS.iter().chain(echo).chain(pages).collect()
    }

    fn request(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Response {
        match call.route.path {
            "/healthz" => Response::json(200, &json!({"status": "ok"})),
            "/readyz" => ready(cx),
            "/metrics" => Response::body(
                200,
                "text/plain; version=0.0.4; charset=utf-8",
                cx.render_metrics().into_bytes(),
            ),
            path => page(path),
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

fn page(path: &str) -> Response {
    let Some(asset) = web::asset(path) else {
        return missing("there is nothing at this path");
    };
    Response::body(200, asset.content_type, asset.body.as_bytes())
        .with("Content-Security-Policy", web::CONTENT_SECURITY_POLICY)
        .with("X-Content-Type-Options", "nosniff")
        .with("X-Frame-Options", "DENY")
        .with("Referrer-Policy", "no-referrer")
        .with("Cache-Control", "no-cache")
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
