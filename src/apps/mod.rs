//! The apps: five dialects of one hub, and the operator's own.
//!
//! An [`App`] translates between its words and rooms. It is asked one thing at a time, answers at once, and does
//! everything through its [`Context`](context::Context). What is common to all of them (paths, methods, keys, origins,
//! limits) is decided in [`Apps::answer`] before an app is asked at all.

pub mod access;
pub mod all;
mod app;
pub mod change;
pub mod context;
mod door;
pub mod events;
pub mod guests;
pub mod json;
mod keep;
pub mod list;
pub mod object;
pub mod ops;
pub mod proxies;
pub mod rate;
pub mod refusal;
pub mod rooms;
pub mod routes;
pub mod sessions;
pub mod stream;
pub mod tasks;
pub mod word;

pub use self::app::{Answer, App, Call, Handler, Message, Progress, Reply, Seat, handle, number};
pub use self::door::{Apps, Asked, Outcome, Way};
pub use crate::core::outbox::{Gap, Got, Resumption, Wanted};
