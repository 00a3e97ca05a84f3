//! What the fuzzer's inputs are fed to: a function for each target, which panics when a promise is broken.
//!
//! It is a library to the fuzz targets and a module to the test that replays the corpus, so it needs no fuzzer. What the
//! other tests already have is taken from them as it is: the reader of streams and its twin from the properties, the
//! world and the model that watches it from the simulation.
#![allow(clippy::unwrap_used, missing_docs)]

pub mod deflate;
pub mod dialects;
pub mod frames;
pub mod reactor;
pub mod request;
pub mod resp;
pub mod settings;

mod input;

#[allow(dead_code)]
#[path = "../../simulation/model/mod.rs"]
mod model;
#[allow(dead_code)]
#[path = "../../simulation/network.rs"]
mod network;
#[path = "../../properties/reader.rs"]
mod reader;
#[path = "../../properties/resp_twin.rs"]
mod resp_twin;
#[allow(dead_code)]
#[path = "../../simulation/stage.rs"]
mod stage;
#[path = "../../properties/theirs.rs"]
mod theirs;

/// Takes an input, and panics when a promise is broken.
pub type Drive = fn(&[u8]);

/// Every target: the name of its corpus, and what its inputs are fed to.
pub const TARGETS: [(&str, Drive); 7] = [
    ("deflate", deflate::drive),
    ("dialects", dialects::drive),
    ("frames", frames::drive),
    ("reactor", reactor::drive),
    ("request", request::drive),
    ("resp", resp::drive),
    ("settings", settings::drive),
];
