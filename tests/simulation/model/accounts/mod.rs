//! What must have happened: what was published, who may have heard it, who was closed for what, and what it cost.

pub mod books;
pub mod evictions;
pub mod guests;
pub mod history;
pub mod ledger;
pub mod length;
pub mod log;
pub mod reckoning;
pub mod resuming;
pub mod standing;
pub mod verdict;
pub mod work;
