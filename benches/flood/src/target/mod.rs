//! The server under test, whatever it is: how it is described, how it is called, what is published to it, and who of
//! its clients sits where.

pub mod answer;
pub mod caller;
pub mod description;
pub mod group;
pub mod mark;
pub mod metrics;
pub mod position;
pub mod seating;
pub mod server;
pub mod template;
pub mod way;
