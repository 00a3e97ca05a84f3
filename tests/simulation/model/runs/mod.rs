//! The runs: what they play by, what happens in them by chance, and the world in which it does.

pub mod chance;
pub mod rules;
pub mod run;
pub mod steps;
pub mod world;
