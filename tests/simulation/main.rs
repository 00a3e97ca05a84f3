//! The whole reactor and its apps on the simulated ground: 256 seeds of clients that read slowly, lie, leave and flood,
//! watched by a model that knows what each of them must get; and scenarios, one rule each. The seeds speak events, tasks,
//! stream, sessions and echo.
//!
//! The model is written from the protocol, not from the server: it has its own frames and its own HTTP, and knows the
//! server only by the bytes that it writes, the turns in which it writes them, its metrics, and what its purses have left.
//! In each app a witness among the clients, which reads everything at once, tells the order of all messages, and so the
//! position of each; clients come back and ask for what they missed since one of them. A run's end is the time to settle
//! the books.
//!
//! A third of the seeds have another run, of several [`lives`]: there the hub keeps what it answers with a simulated engine,
//! crashes, stops and begins again, and a model of its own holds what was told against what is on the disk.
//!
//! `ROOMCAST_SEED=N` runs only that seed, and logs; with `ROOMCAST_STEPS=3,17,40-44` only those steps of it. So many
//! seeds from there on are run by `ROOMCAST_SEEDS=N`, and as many as there is time for by `ROOMCAST_SECONDS=S`.
#![allow(clippy::unwrap_used, missing_docs)]

mod kept;
mod lives;
mod model;

// The runs.
mod minimise;
mod mutants;
mod seeds;

// The scenarios.
mod admission;
mod ages;
mod clocks;
mod deadlines;
mod dialects;
mod drains;
mod fairness;
mod keeping;
mod neighbours;
#[allow(dead_code)]
mod network;
mod pace;
mod partings;
mod pieces;
mod queues;
mod resuming;
mod rooms;
mod shortage;
mod slices;
mod stage;
mod starting;
mod stats;
mod staying;
mod strangers;
mod waiting;
