//! The copy of all that is kept: who may have it now, and its answers. What it is made of is the engine's business.

use crate::apps::context::{Context, Uncopied};
use crate::apps::refusal::{bad, conflict, unavailable};
use crate::apps::{Answer, Call, Reply};
use crate::wire::response::Response;

/// Where it is.
pub const PATH: &str = "/api/v1/backup";
/// The parameter that has the secret in it.
pub const SECRETS: &str = "secrets";

/// Has it made; its answer comes when it is.
pub(super) fn copy(call: &Call<'_>, cx: &mut Context<'_>) -> Answer {
    let [secrets] = call.parameters([SECRETS]);
    let with_secret = match secrets.as_deref() {
        None | Some("0") => false,
        Some("1") => true,
        Some(_) => return Err(bad("secrets: must be 1, or 0")),
    };
    let health = cx.health();
    if !cx.keeps() {
        return Err(refused(Uncopied::Nothing));
    }
    if health.starting {
        let message = "what is kept has not been taken up yet";
        return Err(unavailable(cx, "starting", message));
    }
    if health.stopped {
        return Err(unavailable(cx, "draining", "the server is going away"));
    }
    if call.head.method == "HEAD" {
        return Ok(whole(None).into());
    }
    cx.copy(with_secret).map_err(refused)?;
    Ok(Reply::Undecided)
}

/// The answer with a copy of so many bytes, which follow in pieces.
pub fn whole(bytes: Option<u64>) -> Response {
    Response::pieces("application/vnd.sqlite3", bytes)
        .with(
            "Content-Disposition",
            "attachment; filename=\"roomcast-backup.db\"",
        )
        .with("Cache-Control", "no-store")
}

/// The answer where a copy could not be made.
pub fn failed(why: &str, cx: &mut Context<'_>) -> Response {
    match cx.health().stopped {
        true => unavailable(cx, "draining", "the server is going away"),
        false => unavailable(cx, "storage", &format!("no copy could be made: {why}")),
    }
}

fn refused(uncopied: Uncopied) -> Response {
    conflict(match uncopied {
        Uncopied::Nothing => {
            "this server keeps nothing that could be copied: it was started with --data off"
        }
        Uncopied::Another => {
            "a backup is being made or sent already, and there is one at a time: try again later"
        }
    })
}
