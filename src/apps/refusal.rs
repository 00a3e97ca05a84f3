//! The refusals that apps share: one status, one code, and a sentence that says who erred and what was expected.

use crate::bounds::AppBounds;
use crate::wire::response::Response;

/// What is said about what a client sent is cut here.
pub const SENTENCE_BYTES_MAX: usize = 400;

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
