//! What a run of the simulation is made of: clients and what they say, the model of what they must hear, and the world
//! that moves them and the reactor, turn by turn.
//!
//! All of it is moved by one [`runs::chance::Chance`], from a seed or from bytes: so a list of seeds drives it, and a fuzzer.

pub mod accounts;
pub mod clients;
pub mod dialects;
pub mod runs;
pub mod wire;
