//! What is kept when a simulated process is not: a disk that outlives it, and the engine that keeps things there.

pub mod disk;
pub mod engine;
pub mod hub;
pub mod state;
