//! permessage-deflate (RFC 7692): messages in, messages out. What is agreed on is in `upgrade.rs`.
//!
//! Both sides agree to keep nothing from one message to the next, so one compressor and one decompressor serve every
//! connection and an idle one owns neither. A message is inflated into memory that stops at the limit before it grows
//! past it: a bomb costs what the limit costs.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::fault::Fault;
use crate::work;

/// What ends every flushed block and is not sent (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// An empty stored block that is the last of its stream: after whole blocks, and only there, it ends it.
const LAST: [u8; 5] = [1, 0, 0, 0xff, 0xff];
/// The loop waits while a message is compressed: of 9.7 kB of transactions this level makes 2.8 kB in 27 µs, the usual
/// level 6 saves 3 % of that for 44 µs, and level 1 takes 17 µs for half as much again.
const LEVEL: u32 = 2;
/// Room that inflating begins with.
const INFLATED_BYTES_MIN: usize = 1024;
/// Compressed bytes that are looked at before the cost is: a sixth of a millisecond at the worst.
const PIECE_BYTES: usize = 4 << 10;

/// Takes compressed messages apart, one at a time, whole or in slices.
pub struct Inflater {
    inner: Decompress,
    message: Vec<u8>,
    /// Bytes of the compressed message that are consumed.
    at: usize,
    /// There was no capacity for all that comes of them.
    may_give_more: bool,
    cost: u64,
}

impl Inflater {
    /// What one holds beside a message: a window of 32 KiB and the tables of a block.
    pub const HELD_BYTES: usize = 48 << 10;

    /// A decompressor for every window size.
    pub fn new() -> Inflater {
        Inflater {
            inner: Decompress::new(false),
            message: Vec::new(),
            at: 0,
            may_give_more: false,
            cost: 0,
        }
    }

    /// The message that was compressed to these bytes, if it is not longer than `bytes_max` and the bytes are all of it:
    /// DEFLATE data that is cut is a fault, not the beginning of a message. No bytes at all are an empty message; and
    /// what ends with a final block is whole as it is.
    pub fn inflate(&mut self, compressed: &[u8], bytes_max: u32) -> Result<Vec<u8>, Fault> {
        self.begin();
        let message = self.go_on(compressed, bytes_max, u64::MAX)?;
        Ok(message.expect("nothing costs as much as there is"))
    }

    /// Begins with a message.
    pub fn begin(&mut self) {
        self.inner.reset(false);
        (self.message, self.at, self.may_give_more) = (Vec::new(), 0, false);
    }

    /// Goes on with a message, whose compressed bytes are the same at each call, until it is whole or has cost so much,
    /// as `work` counts it.
    pub fn go_on(
        &mut self,
        compressed: &[u8],
        bytes_max: u32,
        cost_max: u64,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let stops_at = self.cost.saturating_add(cost_max);
        let mut has_ended = compressed.is_empty();
        while !has_ended && (self.at < compressed.len() || self.may_give_more) {
            if self.cost >= stops_at {
                return Ok(None);
            }
            let piece = &compressed[self.at..];
            let piece = &piece[..piece.len().min(PIECE_BYTES)];
            has_ended = self.feed(piece, bytes_max)? && self.at == compressed.len();
        }
        let is_whole = has_ended || self.feed_tail(bytes_max)? || self.is_between_blocks();
        match is_whole {
            true => Ok(Some(std::mem::take(&mut self.message))),
            false => Err(Fault::NotDeflate),
        }
    }

    /// What has been done since this was last asked, as `work` counts it.
    pub fn take_cost(&mut self) -> u64 {
        std::mem::take(&mut self.cost)
    }

    /// Bytes of memory that it holds.
    pub fn held_bytes(&self) -> usize {
        Inflater::HELD_BYTES + self.message.capacity()
    }

    /// Whether what was fed ends with a whole block.
    fn is_between_blocks(&mut self) -> bool {
        let (consumed, produced) = (self.inner.total_in(), self.inner.total_out());
        let status = self
            .inner
            .decompress(&LAST, &mut [0], FlushDecompress::Sync);
        let consumed = self.inner.total_in() - consumed;
        matches!(status, Ok(Status::StreamEnd))
            && (consumed, self.inner.total_out()) == (LAST.len() as u64, produced)
    }

    /// Inflates what ends every message and is not sent; whether it ends with a final block.
    fn feed_tail(&mut self, bytes_max: u32) -> Result<bool, Fault> {
        let start = self.at;
        loop {
            let has_ended = self.feed(&TAIL[self.at - start..], bytes_max)?;
            if self.at - start == TAIL.len() && !self.may_give_more {
                return Ok(has_ended);
            }
        }
    }

    /// Inflates as much of these bytes as there is capacity for; whether it ends with a final block.
    fn feed(&mut self, piece: &[u8], bytes_max: u32) -> Result<bool, Fault> {
        let message = &mut self.message;
        if message.len() == message.capacity() {
            // One byte past the limit is enough to know that it is broken. The limit may have become lower since the message
            // began: a connection that is being closed may say nothing more.
            let left = (bytes_max as usize + 1).saturating_sub(message.len());
            message.reserve_exact(message.capacity().max(INFLATED_BYTES_MIN).min(left));
        }
        let (consumed, produced) = (self.inner.total_in(), message.len());
        let status = self
            .inner
            .decompress_vec(piece, message, FlushDecompress::Sync)
            .map_err(|_| Fault::NotDeflate)?;
        let consumed = (self.inner.total_in() - consumed) as usize;
        let produced = message.len() - produced;
        self.at += consumed;
        self.cost += consumed as u64 * work::INFLATED + produced as u64 * work::UNPACKED;
        if message.len() > bytes_max as usize {
            return Err(Fault::MessageTooBig(bytes_max));
        }
        let has_ended = status == Status::StreamEnd;
        if has_ended {
            // A final block ends the stream, but not the message (RFC 7692 §7.2.3.5).
            self.inner.reset(false);
        }
        let had_room = message.len() < message.capacity();
        self.may_give_more = !had_room && !has_ended;
        let is_stuck = consumed == 0 && produced == 0 && had_room && !piece.is_empty();
        match is_stuck {
            true => Err(Fault::NotDeflate),
            false => Ok(has_ended),
        }
    }
}

impl Default for Inflater {
    fn default() -> Inflater {
        Inflater::new()
    }
}

/// Compresses messages, one at a time, each whole or in pieces.
#[derive(Default)]
pub struct Deflater {
    /// Made when the first client asks for it.
    compress: Option<Box<Compress>>,
    compressed: Vec<u8>,
}

impl Deflater {
    /// The message, compressed.
    pub fn deflate(&mut self, message: &[u8]) -> &[u8] {
        self.begin(message.len());
        self.push(message, true);
        self.compressed()
    }

    /// Begins with a message of about so many bytes.
    pub fn begin(&mut self, bytes: usize) {
        let make = || Box::new(Compress::new(Compression::new(LEVEL), false));
        self.compress.get_or_insert_with(make).reset();
        self.compressed.clear();
        self.compressed.reserve(bytes / 2 + 64);
    }

    /// Compresses the next piece of it.
    pub fn push(&mut self, piece: &[u8], is_last: bool) {
        let Some(compress) = &mut self.compress else {
            return;
        };
        let before = compress.total_in();
        let flush = match is_last {
            true => FlushCompress::Sync,
            false => FlushCompress::None,
        };
        loop {
            let rest = &piece[(compress.total_in() - before) as usize..];
            // Into memory there is nothing that can fail; what is not taken now is taken in the next round.
            let _ = compress.compress_vec(rest, &mut self.compressed, flush);
            let all = (compress.total_in() - before) as usize == piece.len();
            if all && self.compressed.len() < self.compressed.capacity() {
                break;
            }
            self.compressed.reserve(piece.len() / 4 + 64);
        }
    }

    /// The message whose last piece was pushed, compressed.
    pub fn compressed(&self) -> &[u8] {
        self.compressed
            .strip_suffix(&TAIL)
            .unwrap_or(&self.compressed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_whose_limit_has_become_lower_meanwhile_is_too_big() {
        let mut deflater = Deflater::default();
        let compressed = deflater.deflate(&[b'a'; 100_000]);
        let mut inflater = Inflater::new();
        inflater.begin();
        assert_eq!(inflater.go_on(compressed, 100_000, 1), Ok(None));
        let rest = inflater.go_on(compressed, 0, u64::MAX);
        assert_eq!(rest, Err(Fault::MessageTooBig(0)));
    }
}
