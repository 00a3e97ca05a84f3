//! What an app has published and is not written yet.

use crate::bounds::QueueBounds;
use crate::wire::frame::Frame;

/// What an app has published since all was written. A queue takes only so much between two writes, however fast its
/// client reads; so once half of that is used up, the app's publishers are not read until all has been written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwritten {
    /// A batch counts as one, as in a queue.
    messages: u32,
    bytes: u64,
    /// Queues at the front of the dirty list that may hold some of it; `None` if that is to be found out.
    queues: Option<usize>,
}

impl Unwritten {
    /// Whether half of what such a queue takes is used up.
    pub(super) fn is_enough(&self, queue: &QueueBounds) -> bool {
        self.messages > 0
            && (self.messages >= queue.messages_max / 2
                || self.bytes >= u64::from(queue.bytes_max / 2))
    }

    /// One more message.
    pub(super) fn add(&mut self, frame: &Frame) {
        self.messages += 1;
        self.bytes += frame.bytes().len() as u64;
        self.queues = None;
    }

    /// So many of the dirty queues, the first ones, have been flushed, of those that there were. A queue that becomes dirty
    /// later stands behind them, so clients that read a little all the time do not put off what others publish. What is
    /// being told to a room is looked at beside it. Says how many are left, if there are any.
    pub fn flushed(&mut self, queues: usize, dirty: usize) -> Option<usize> {
        let left = self.queues.unwrap_or(dirty).min(dirty);
        let left = left.saturating_sub(queues);
        self.queues = Some(left).filter(|_| self.messages > 0);
        if left == 0 {
            *self = Unwritten::default();
        }
        self.queues
    }
}
