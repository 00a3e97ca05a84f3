//! The dialects of the apps whose members hear what is published: who is told what, in which words.

pub mod dialect;
pub mod events;
pub mod sessions;
pub mod stream;
pub mod tasks;
