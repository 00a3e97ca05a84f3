//! Runs of a hub that keeps what it answers, over several of its processes: they crash, stop in good order and begin again,
//! the disk is slow, full or fails; and whatever happens, what was answered is there, what was not is whole or absent, nobody
//! has heard of what did not happen, and who comes back misses nothing in silence.

mod asker;
mod book;
mod follower;
mod line;
pub mod run;
mod tasks;
