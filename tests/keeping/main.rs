//! What is answered is kept: the whole reactor on the simulated ground, with an engine that makes things so, or does not,
//! when the test says.
//!
//! That something has not happened yet is known because the loop has come to rest: nothing moves it but the engine.
#![allow(clippy::unwrap_used, missing_docs)]

mod copies;
mod engine;
mod heard;
mod house;
#[allow(dead_code)]
#[path = "../simulation/network.rs"]
mod network;
mod sessions;
mod tasks;
