//! The flood against the real server in every mode, kept small, and against servers that lie: what it reports is exact,
//! and no lie passes.
#![allow(clippy::unwrap_used, missing_docs)]

mod compare;
mod fake;
mod keeper;
mod lies;
mod modes;
mod programs;
mod resumes;
mod unrest;
mod usage;
