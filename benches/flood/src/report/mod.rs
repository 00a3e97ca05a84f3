//! What is shown of a run: its findings and what was wrong with them, as a table, as JSON, as a picture.

pub mod comparison;
pub mod findings;
pub mod grid;
pub mod plot;
pub mod table;
