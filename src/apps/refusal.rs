//! The refusals that apps share: one status, one code, and a sentence that says who erred and what was expected.

use std::ops::RangeInclusive;

use super::context::Context;
use crate::bounds::AppBounds;
use crate::wire::response::Response;

/// What is said about what a client sent is cut here.
pub const SENTENCE_BYTES_MAX: usize = 400;

/// When a client that was refused for the server's sake may come back: not before a lag can be over, and not so late that
/// a person gives up.
const RETRY_SECONDS: RangeInclusive<u64> = 2..=10;

/// There is no capacity for what was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// A body or parameter that is not what it must be; the sentence begins with its name.
pub fn bad(message: impl AsRef<str>) -> Response {
    Response::error(400, "bad_request", message)
}

/// A body of a kind that is not read here.
pub fn unsupported(message: impl AsRef<str>) -> Response {
    Response::error(415, "unsupported_media_type", message)
}

/// There is no such thing.
pub fn missing(message: impl AsRef<str>) -> Response {
    Response::error(404, "not_found", message)
}

/// It cannot be done as things stand.
pub fn conflict(message: impl AsRef<str>) -> Response {
    Response::error(409, "conflict", message)
}

/// The app keeps as many of these as it may.
pub fn full(records: &str, bounds: &AppBounds) -> Response {
    let (records_max, bytes_max) = (bounds.records_max, bounds.records_bytes_max);
    let message = format!(
        "this server keeps at most {records_max} {records} and {bytes_max} bytes of them, and has no room: delete some"
    );
    Response::error(507, "insufficient_storage", message)
}

/// What was asked for cannot be kept, and so it is not done.
pub fn unkept(cx: &mut Context<'_>) -> Response {
    match cx.health().stopped {
        true => unavailable(cx, "draining", "the server is going away"),
        false => unavailable(
            cx,
            "storage",
            "what was asked for could not be stored, and is not done: try again later",
        ),
    }
}

/// Who is refused comes back after some seconds at random, so that those who were refused together do not come back
/// together.
pub fn unavailable(cx: &mut Context<'_>, code: &str, message: &str) -> Response {
    let spread = RETRY_SECONDS.end() - RETRY_SECONDS.start() + 1;
    let seconds = RETRY_SECONDS.start() + cx.random() % spread;
    Response::error(503, code, message).with("Retry-After", seconds.to_string())
}
