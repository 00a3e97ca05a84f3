//! Pages and the browser client, compiled in. No inline script or style, no asset from elsewhere; what comes from a
//! client is shown as text.
//!
//! A page is looked at under any prefix that a proxy takes off, so it names everything relative to itself: its files,
//! other pages, calls and sockets. Hence a page has one address, and one that lacks its last slash leads to it.
//!
//! A new file is one line in [`ASSETS`]: its routes, its headers and its checks follow from there.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// One file as a browser gets it.
pub struct Asset {
    /// Where it is served.
    pub path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// Its bytes.
    pub body: &'static str,
}

/// What a page may load and who may frame it: this server's own files, its own sockets, and nobody.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Every file.
pub const ASSETS: &[Asset] = &[
    html("/", include_str!("dashboard/index.html")),
    script(
        "/dashboard/dashboard.js",
        include_str!("dashboard/dashboard.js"),
    ),
    script("/dashboard/gate.js", include_str!("dashboard/gate.js")),
    script(
        "/dashboard/history.js",
        include_str!("dashboard/history.js"),
    ),
    script("/dashboard/tiles.js", include_str!("dashboard/tiles.js")),
    script("/dashboard/tables.js", include_str!("dashboard/tables.js")),
    script("/dashboard/format.js", include_str!("dashboard/format.js")),
    style(
        "/dashboard/dashboard.css",
        include_str!("dashboard/dashboard.css"),
    ),
    script("/roomcast.js", include_str!("roomcast.js")),
    types("/roomcast.d.ts", include_str!("roomcast.d.ts")),
    script("/readiness.js", include_str!("readiness.js")),
    style("/style.css", include_str!("style.css")),
    html("/demo/", include_str!("demo/index.html")),
    style("/demo/demo.css", include_str!("demo/demo.css")),
    script("/demo/shared.js", include_str!("demo/shared.js")),
    html("/demo/events/", include_str!("demo/events.html")),
    script("/demo/events.js", include_str!("demo/events.js")),
    html("/demo/sessions/", include_str!("demo/sessions.html")),
    html("/demo/sessions/phone", include_str!("demo/phone.html")),
    script("/demo/sessions.js", include_str!("demo/sessions.js")),
    script("/demo/session.js", include_str!("demo/session.js")),
    script("/demo/phone.js", include_str!("demo/phone.js")),
    html("/demo/tasks/", include_str!("demo/tasks.html")),
    script("/demo/tasks.js", include_str!("demo/tasks.js")),
    html("/demo/stream/", include_str!("demo/stream.html")),
    script("/demo/stream.js", include_str!("demo/stream.js")),
    script("/demo/chain.js", include_str!("demo/chain.js")),
    html("/demo/rooms/", include_str!("demo/rooms.html")),
    script("/demo/rooms.js", include_str!("demo/rooms.js")),
    script("/demo/chat.js", include_str!("demo/chat.js")),
    script("/demo/polls.js", include_str!("demo/polls.js")),
];

/// Addresses of pages without their last slash, and where each leads, relative to itself.
pub const MOVED: &[(&str, &str)] = &[
    ("/demo", "demo/"),
    ("/demo/events", "events/"),
    ("/demo/sessions", "sessions/"),
    ("/demo/tasks", "tasks/"),
    ("/demo/stream", "stream/"),
    ("/demo/rooms", "rooms/"),
];

const fn html(path: &'static str, body: &'static str) -> Asset {
    file("text/html; charset=utf-8", path, body)
}

const fn script(path: &'static str, body: &'static str) -> Asset {
    file("text/javascript; charset=utf-8", path, body)
}

const fn style(path: &'static str, body: &'static str) -> Asset {
    file("text/css; charset=utf-8", path, body)
}

/// What a script offers, for TypeScript, which has no media type of its own.
const fn types(path: &'static str, body: &'static str) -> Asset {
    file("text/plain; charset=utf-8", path, body)
}

const fn file(content_type: &'static str, path: &'static str, body: &'static str) -> Asset {
    Asset {
        path,
        content_type,
        body,
    }
}

/// The file that is served at this path.
pub fn asset(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

impl Asset {
    /// What the file is known by for as long as it stays as it is: an entity tag (RFC 9110 §8.8.3) of its bytes alone,
    /// so that two servers of one build give the same.
    pub fn tag(&self) -> String {
        let digest = Sha256::digest(self.body);
        format!("\"{}\"", HEXLOWER.encode(&digest[..16]))
    }
}
