//! What is kept when the process is not, on a real disk: the engine that has a file.
#![allow(clippy::unwrap_used, missing_docs)]

mod copies;
mod desk;
mod disk;
mod opening;
mod outcomes;
mod restart;
mod rows;
mod size;
