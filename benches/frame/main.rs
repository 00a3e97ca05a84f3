//! Reading frames, side by side with two libraries that many hubs are built on: tungstenite and fastwebsockets.
//!
//! `cargo bench --bench frame` prints one table for what a message costs to read and unmask, from memory, and one for
//! whole servers that echo a megabyte. Contenders take turns in short slices, so that the machine's moods fall on all of
//! them; a ratio is the median of the ratios of neighbouring slices. Nothing here fails by the clock.
//!
//! fastwebsockets stands on an async runtime, which has no place in this package's lock file: it is measured by a
//! program of the package `benches/rivals`, which takes its turns over a pipe.
#![allow(clippy::unwrap_used, missing_docs)]

mod duel;
mod echo;
mod reading;
mod rival;
mod stream;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, address] = &arguments[..]
        && first == echo::SERVE
    {
        return echo::serve(address);
    }
    // `cargo bench` adds a flag of its own.
    let words: Vec<&String> = arguments
        .iter()
        .filter(|word| !word.starts_with('-'))
        .collect();
    let wants = |table: &str| words.is_empty() || words.iter().any(|word| *word == table);
    if wants("reading") {
        reading::measure();
    }
    if wants("echo") {
        echo::measure();
    }
}
