//! The settings from outside: arguments, environment and file in; settings, warnings or one clear sentence out.
#![allow(clippy::unwrap_used, missing_docs)]

mod environment;
mod every;
mod given;
mod order;
mod shown;
mod store;
mod text;
mod wrong;
