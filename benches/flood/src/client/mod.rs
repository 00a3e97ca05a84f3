//! The connections: WebSockets or streams of events one by one and all together, and those that publish.

pub mod connection;
pub mod crowd;
pub mod dial;
pub mod failure;
pub mod flooder;
pub mod frame;
pub mod guest;
pub mod kit;
pub mod outcome;
pub mod poller;
pub mod publisher;
pub mod schedule;
pub mod sources;
pub mod stream;
pub mod transfer;
pub mod upgrade;
