//! Golden transcripts: each dialect as a file that people read and this crate plays, word for word, over the simulated
//! network and against the real binary over sockets.
//!
//! `README.md` beside them says how they are written. `script` reads a file, `player` plays it on one `ground`
//! (`simulated`, with what `flagged` makes of flags, or `process`), `names` and `pattern` compare what came with what is written. `faults` shows that what
//! is wrong is found; `bodies` has what they would repeat too often, and `lagged` what
//! takes a client that does not read.
#![allow(clippy::unwrap_used, missing_docs)]

mod bodies;
mod exchange;
mod faults;
mod flagged;
mod ground;
#[allow(dead_code)]
#[path = "../harness/mod.rs"]
mod harness;
mod lagged;
mod names;
#[allow(dead_code)]
#[path = "../simulation/network.rs"]
mod network;
mod pattern;
mod player;
mod process;
mod script;
mod simulated;
mod speech;

use std::fs;
use std::path::{Path, PathBuf};

use ground::Ground;
use process::Process;
use script::Script;
use simulated::Simulated;

/// Plays every scenario of a file, each on a server of its own, and says all that went otherwise.
fn play<G: Ground>(file: &str) {
    let name = format!("tests/transcripts/{file}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&name);
    let text = fs::read_to_string(path).unwrap();
    let script = Script::parse(&name, &text).unwrap_or_else(|fault| panic!("{fault}"));
    let played = script.scenarios.iter().map(player::play::<G>);
    let faults: Vec<String> = played.filter_map(Result::err).collect();
    assert!(faults.is_empty(), "\n\n{}\n", faults.join("\n\n"));
}

macro_rules! transcripts {
    ($($file:literal: $simulated:ident, $process:ident;)*) => {
        const FILES: &[&str] = &[$($file),*];
        $(
            #[test]
            fn $simulated() {
                play::<Simulated>($file);
            }

            #[test]
            fn $process() {
                play::<Process>($file);
            }
        )*
    };
}

transcripts! {
    "events.txt": events_go_as_written_on_the_simulated_network, events_go_as_written_over_sockets;
    "ops.txt": operations_go_as_written_on_the_simulated_network, operations_go_as_written_over_sockets;
    "rooms.txt": rooms_go_as_written_on_the_simulated_network, rooms_go_as_written_over_sockets;
    "sessions.txt": sessions_go_as_written_on_the_simulated_network, sessions_go_as_written_over_sockets;
    "stream.txt": the_stream_goes_as_written_on_the_simulated_network, the_stream_goes_as_written_over_sockets;
    "tasks.txt": tasks_go_as_written_on_the_simulated_network, tasks_go_as_written_over_sockets;
}

#[test]
fn every_transcript_is_played() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let paths = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut there: Vec<String> = paths
        .map(name)
        .filter(|name| name.ends_with(".txt"))
        .collect();
    there.sort();
    assert_eq!(there, FILES);
}
