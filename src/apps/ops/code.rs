//! A text as a QR code for a page to show: `POST /qr.svg` with `{"text"}`.
//!
//! The text may be a right to act, so it comes in a body, which no log has, and no cache keeps the picture. Nothing is
//! kept here either.

use std::fmt::Write;

use qrcodegen::{QrCode, QrCodeEcc};
use serde::Deserialize;

use crate::apps::context::Context;
use crate::apps::object::Object;
use crate::apps::refusal::bad;
use crate::apps::{Answer, Call};
use crate::web::CONTENT_SECURITY_POLICY;
use crate::wire::response::Response;

/// Bytes of a text: long enough for any address that a person would scan, and still 3 ms of work.
const TEXT_BYTES_MAX: usize = 512;
/// Light modules on each side, as ISO/IEC 18004 has it.
const QUIET: i32 = 4;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    text: String,
}

/// What a code costs, as [`crate::work`] counts it, and each byte of its text.
const CODE: u64 = 150_000;
const BYTE: u64 = 5_000;

/// The picture, or why there is none.
pub(super) fn draw(call: &Call<'_>, cx: &mut Context<'_>) -> Answer {
    let Object(Asked { text }) = call.json()?;
    if text.is_empty() || text.len() > TEXT_BYTES_MAX {
        let bytes = text.len();
        return Err(bad(format!(
            "text: must be 1 to {TEXT_BYTES_MAX} bytes, not {bytes}"
        )));
    }
    cx.spend(CODE + text.len() as u64 * BYTE);
    // The largest code holds four times as much.
    let code = QrCode::encode_text(&text, QrCodeEcc::Medium)
        .map_err(|error| bad(format!("text: {error}")))?;
    let picture = svg(&code).into_bytes();
    Ok(Response::body(200, "image/svg+xml", picture)
        .with("Cache-Control", "no-store")
        .with("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        .with("X-Content-Type-Options", "nosniff")
        .into())
}

/// Dark on light, whatever the page's colours are: not every reader takes the reverse.
fn svg(code: &QrCode) -> String {
    let size = code.size();
    let side = size + 2 * QUIET;
    let mut dark = String::new();
    for y in 0..size {
        let mut x = 0;
        while x < size {
            let width = (x..size).take_while(|&x| code.get_module(x, y)).count();
            if width > 0 {
                // Writing to a string cannot fail.
                let _ = write!(dark, "M{} {}h{width}v1h-{width}z", x + QUIET, y + QUIET);
            }
            x += width.max(1) as i32;
        }
    }
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{side}v{side}h-{side}z"/><path d="{dark}"/></svg>"##
    )
}
