//! How much room something that comes in pieces is given: a request body, a long frame, a fragmented message.
//!
//! Room grows by factors, so that many short pieces do not move what has come with each, and follows what has come, so
//! that what a client says that it will send costs nothing before it comes. It never passes what is known to be needed;
//! while more may follow than has been declared, a third of it is empty at most.

/// What is known of the bytes that are still to come, a piece of which has come now.
#[derive(Clone, Copy, Debug)]
pub enum Rest {
    /// So many, and then the end.
    Whole(u64),
    /// So many, and perhaps more behind them.
    Part(u64),
}

/// The capacity for all that has come, if what is there is too little for the piece: `held` bytes of which `used` are.
pub fn wanted(held: usize, used: usize, piece: usize, rest: Rest) -> Option<usize> {
    let least = used + piece;
    if least <= held {
        return None;
    }
    let declared = |left: u64| used.saturating_add(usize::try_from(left).unwrap_or(usize::MAX));
    let wanted = match rest {
        Rest::Whole(left) => declared(left).min(2 * held),
        // What goes beyond what has been declared is for what may follow.
        Rest::Part(left) => declared(left).clamp(held + held / 2, 2 * held),
    };
    Some(wanted.max(least))
}

/// Has capacity for a piece of the rest.
pub fn reserve(bytes: &mut Vec<u8>, piece: usize, rest: Rest) {
    if let Some(wanted) = wanted(bytes.capacity(), bytes.len(), piece, rest) {
        bytes.reserve_exact(wanted - bytes.len());
    }
}
