//! What stays: real hubs, one after the other or two at a time, on one file on a real disk, and what their clients notice
//! when a hub is killed, goes, finds the disk full, or finds the file with somebody else.
#![allow(clippy::unwrap_used)]

mod broken;
mod full;
mod gone;
#[allow(dead_code)]
#[path = "../harness/mod.rs"]
mod harness;
mod held;
mod killed;
mod place;
#[allow(dead_code)]
#[path = "../rooms/player.rs"]
mod player;
mod secret;
mod stopped;
