//! What all clients share: the clock, the buffer that they put requests and frames together in, masks.

use crate::measure::clock::Clock;

/// Bytes of the buffer that every read goes into, but those of long frames.
pub const READ_BYTES: usize = 256 << 10;

/// The tools that all clients share.
#[derive(Debug)]
pub struct Kit {
    /// The run's clock.
    pub clock: Clock,
    /// Longer frames are a fault, in bytes of payload.
    pub payload_max: usize,
    /// Where requests and frames are put together.
    pub scratch: Vec<u8>,
    /// The last mask: they need not be secret on loopback, only varied.
    mask: u32,
}

impl Kit {
    /// Tools for payloads of up to `payload_max` bytes.
    pub fn new(clock: Clock, payload_max: usize) -> Kit {
        Kit {
            clock,
            payload_max,
            scratch: Vec::new(),
            mask: 0,
        }
    }

    /// What the next frame is masked with.
    pub fn next_mask(&mut self) -> [u8; 4] {
        self.mask = self.mask.wrapping_add(0x9e37_79b9);
        self.mask.to_ne_bytes()
    }
}
