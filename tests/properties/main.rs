//! Fast paths against slow twins: each module drives one core with random steps beside an obvious model of it, and
//! compares the two after every step.
#![allow(clippy::unwrap_used, missing_docs)]

mod hub;
mod wheel;
