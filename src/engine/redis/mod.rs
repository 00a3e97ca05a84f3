//! The heart of an engine that many hubs share, Redis or Valkey: what is asked, what the answers mean, and the scripts that do
//! at the server what must be done in one step. It is not under the apps yet.
//!
//! Here is no socket, no clock and no chance: bytes come in and go out, times and fresh numbers are arguments. One hub has two
//! connections ([`link`]): one that changes things, and one on which it waits for what all have changed ([`tail`]).
//!
//! - **Order.** Every change of an app is an entry of its stream. Its number rises by one, is the entry's identifier and the
//!   version of every record that it put. So a hub that has the entry of one number knows what it lacks, and a gap is
//!   seen where it is.
//! - **Once.** An entry names its author: a hub, one life of it, and a serial that rises. The app's meta has the last serial of
//!   each hub, and takes none twice. A hub that lost an answer asks again: it is done then, or it is told up to which entry of
//!   the stream to look for it.
//! - **Fence.** The meta has an epoch and the replication id of the server for which that holds. A batch for another is
//!   refused whole; then hubs inquire ([`epoch`]) and it goes on, or a new one begins.
//! - **Presence.** Hubs that say nothing for a while are ended by the others ([`lease`]); who has been ended must join anew.

pub mod address;
pub mod batch;
pub mod entry;
pub mod epoch;
pub mod keys;
pub mod lease;
pub mod link;
pub mod origin;
pub mod request;
pub mod script;
pub mod start;
pub mod tail;
pub mod trouble;

pub use self::address::Address;
pub use self::batch::{Batch, Operation, Outcome, Verdict};
pub use self::keys::Keys;
pub use self::link::{Event, Link};
pub use self::origin::{Author, Origin};
pub use self::request::Request;
pub use self::script::Script;
pub use self::tail::{Mark, Tail, Told};
pub use self::trouble::Trouble;

/// What a hub must have done before an app takes anything from it: once for each of its lives.
pub fn join(keys: &Keys, origin: &Origin) -> Request {
    Request::of(["HSETNX", &keys.meta, &format!("hub:{origin}"), "0 0"])
}
