//! What is done with the connections, and what was found: the steps of a session, a file for each mode that has more
//! than those, and the parts of the report that come of them.

pub mod broadcast;
pub mod broadcasted;
pub mod churn;
pub mod compare;
pub mod comparison;
pub mod echo;
pub mod fairness;
pub mod joins;
pub mod phases;
pub mod plan;
pub mod progress;
pub mod published;
pub mod remains;
pub mod resume;
pub mod session;
pub mod slow;
pub mod storm;
