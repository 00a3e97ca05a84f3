//! The whole reactor, events and echo and all, on the simulated ground: 256 seeds of clients that read slowly, lie,
//! leave and flood, watched by a model that knows what each of them must get; and scenarios, one rule each.
//!
//! The model is written from the protocol, not from the server: it has its own frames and its own HTTP, and knows the
//! server only by the bytes that it writes, the turns in which it writes them, and its metrics. A witness among the
//! clients, which reads everything at once, tells the order of all events; a run's end is the time to settle the books.
//!
//! `ROOMCAST_SEED=N` runs only that seed, and logs; `ROOMCAST_SEEDS=N` runs so many.
#![allow(clippy::unwrap_used, missing_docs)]

// The model: what clients say, what they must hear, and whether the books add up at the end.
mod answers;
mod client;
mod deflate;
mod frames;
mod hearing;
mod ledger;
mod lies;
mod outgoing;
mod reckoning;
mod script;
mod verdict;

// The runs.
mod chance;
mod rules;
mod run;
mod seeds;
mod world;

// The scenarios.
mod deadlines;
mod dialects;
mod queues;
mod stage;
