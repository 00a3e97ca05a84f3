//! What the checks of a run count, summed over all clients and messages.

use serde::Serialize;

/// Sums over all clients and messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Messages delivered, neither duplicates nor reminders included.
    pub deliveries: u64,
    /// The same, reminders included.
    pub received: u64,
    /// Deliveries of what that client had already.
    pub duplicates: u64,
    /// Deliveries after one with a higher number.
    pub out_of_order: u64,
    /// Deliveries that were damaged or of a message that nobody published.
    pub corrupt: u64,
    /// Deliveries that were whole but had another size than was asked for.
    pub wrong_size: u64,
    /// Deliveries to clients that did not read for a while, included above; they are not timed.
    pub slow_deliveries: u64,
    /// Deliveries to clients that had not been greeted yet.
    pub ungreeted: u64,
    /// Messages that others published.
    pub others: u64,
    /// Notices of dropped messages.
    pub notices: u64,
    /// Messages that those notices speak of.
    pub missed: u64,
}

/// What is missing when all is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// Messages that did not reach a client, summed over the clients.
    pub lost: u64,
    /// How far notices and losses are apart, summed over the clients that stayed: losses that nobody was told of,
    /// or notices of messages that did arrive.
    pub unexplained: u64,
}
