//! Copies of what a hub keeps: asked for over HTTP and by `roomcast backup`, read by a library of others, and started from.
#![allow(clippy::unwrap_used, missing_docs)]

mod client;
mod handing;
#[allow(dead_code)]
#[path = "../harness/mod.rs"]
mod harness;
mod hub;
mod started;
