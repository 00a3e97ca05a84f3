//! `rooms`: a game room with chat.

pub mod refusal;
pub mod tokens;
