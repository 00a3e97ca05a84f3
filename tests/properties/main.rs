//! Fast paths against slow twins: each module drives one core with random steps beside an obvious model of it, and
//! compares the two after every step. Bytes are read beside a reader that others wrote, and in every way to cut them.
//!
//! `PROPTEST_CASES=20000 cargo test --test properties` draws more steps than the 256 of an ordinary run.
#![allow(clippy::unwrap_used, missing_docs)]

mod codec;
mod conversation;
mod growth;
mod hub;
mod outbox;
mod protocol;
mod queue;
mod reader;
mod resp;
mod resp_twin;
mod response;
mod theirs;
mod wheel;
