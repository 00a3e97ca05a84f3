//! The hub of roomcast's `events` app, as one writes it on other people's foundations: what its rivals share.
//!
//! Each rival is a binary of its own. They answer the same calls: `GET /ws` and `POST /api/v1/events`, both with
//! `?room=NAME` or without, `GET /echo` and `GET /healthz`. What they leave out makes them faster, not slower: no keys,
//! no origins, no pings, no limits but the queue's, and a client whose queue was full is not told what it missed.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod calls;
pub mod event;
pub mod hub;
pub mod listener;
