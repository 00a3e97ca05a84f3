//! What a run of the simulation is made of: clients and what they say, the model of what they must hear, and the world
//! that moves them and the reactor, turn by turn.
//!
//! All of it is moved by one [`chance::Chance`], from a seed or from bytes: so a list of seeds drives it, and a fuzzer.

// The model: what clients say, what they must hear, and whether the books add up at the end.
pub mod answers;
pub mod books;
pub mod client;
pub mod deflate;
pub mod dialect;
pub mod events;
pub mod evictions;
pub mod frames;
pub mod guests;
pub mod heard;
pub mod hearing;
pub mod inflate;
pub mod ledger;
pub mod lies;
pub mod log;
pub mod outgoing;
pub mod reckoning;
pub mod script;
pub mod sessions;
pub mod standing;
pub mod stream;
pub mod tasks;
pub mod verdict;
pub mod witness;
pub mod work;

// The runs.
pub mod chance;
pub mod rules;
pub mod run;
pub mod steps;
pub mod world;
