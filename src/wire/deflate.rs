//! permessage-deflate (RFC 7692): messages in, messages out. What is agreed on is in `upgrade.rs`.
//!
//! Both sides agree to keep nothing from one message to the next, so one compressor and one decompressor serve every
//! connection and an idle one owns neither. A message is inflated into memory that stops at the limit before it grows
//! past it: a bomb costs what the limit costs.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::fault::Fault;

/// What ends every flushed block and is not sent (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// An empty stored block that is the last of its stream: after whole blocks, and only there, it ends it.
const LAST: [u8; 5] = [1, 0, 0, 0xff, 0xff];
/// Window sizes that we compress with, as powers of two; 8 is one that zlib cannot do.
pub const WINDOW_BITS: std::ops::RangeInclusive<u8> = 9..=15;
/// The loop waits while a message is compressed: of 9.7 kB of transactions this level makes 2.8 kB in 27 µs, the usual
/// level 6 saves 3 % of that for 44 µs, and level 1 takes 17 µs for half as much again.
const LEVEL: u32 = 2;
/// Room that inflating begins with.
const INFLATED_BYTES_MIN: usize = 1024;

/// Takes compressed messages apart, one whole message at a time.
pub struct Inflater {
    inner: Decompress,
}

impl Inflater {
    /// A decompressor for every window size.
    pub fn new() -> Inflater {
        Inflater {
            inner: Decompress::new(false),
        }
    }

    /// The message that was compressed to these bytes, if it is not longer than `bytes_max` and the bytes are all of it:
    /// DEFLATE data that is cut is a fault, not the beginning of a message. No bytes at all are an empty message; and
    /// what ends with a final block is whole as it is.
    pub fn inflate(&mut self, compressed: &[u8], bytes_max: u32) -> Result<Vec<u8>, Fault> {
        self.inner.reset(false);
        let mut message = Vec::new();
        let is_whole = compressed.is_empty()
            || self.feed(compressed, &mut message, bytes_max)?
            || self.feed(&TAIL, &mut message, bytes_max)?
            || self.is_between_blocks();
        match is_whole {
            true => Ok(message),
            false => Err(Fault::NotDeflate),
        }
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

    /// Inflates until all of `rest` is consumed and nothing more comes out; whether it ends with a final block.
    fn feed(
        &mut self,
        mut rest: &[u8],
        message: &mut Vec<u8>,
        bytes_max: u32,
    ) -> Result<bool, Fault> {
        loop {
            if message.len() == message.capacity() {
                // One byte past the limit is enough to know that it is broken.
                let left = bytes_max as usize + 1 - message.len();
                message.reserve_exact(message.capacity().max(INFLATED_BYTES_MIN).min(left));
            }
            let (consumed, produced) = (self.inner.total_in(), message.len());
            let status = self
                .inner
                .decompress_vec(rest, message, FlushDecompress::Sync)
                .map_err(|_| Fault::NotDeflate)?;
            let consumed = (self.inner.total_in() - consumed) as usize;
            rest = &rest[consumed..];
            if message.len() > bytes_max as usize {
                return Err(Fault::MessageTooBig(bytes_max));
            }
            if status == Status::StreamEnd {
                // A final block ends the stream, but not the message (RFC 7692 §7.2.3.5).
                self.inner.reset(false);
            }
            let had_room = message.len() < message.capacity();
            if rest.is_empty() && (had_room || status == Status::StreamEnd) {
                return Ok(status == Status::StreamEnd);
            }
            if consumed == 0 && produced == message.len() && had_room {
                return Err(Fault::NotDeflate);
            }
        }
    }
}

impl Default for Inflater {
    fn default() -> Inflater {
        Inflater::new()
    }
}

/// Compresses messages, one whole message at a time.
#[derive(Default)]
pub struct Deflater {
    /// A compressor for each window size, made when the first client asks for it.
    by_window: [Option<Box<Compress>>; 16],
    compressed: Vec<u8>,
}

impl Deflater {
    /// The message, compressed for a window of so many bits.
    pub fn deflate(&mut self, message: &[u8], window_bits: u8) -> &[u8] {
        debug_assert!(
            WINDOW_BITS.contains(&window_bits),
            "only windows that were agreed on are asked for"
        );
        let make = || {
            Box::new(Compress::new_with_window_bits(
                Compression::new(LEVEL),
                false,
                window_bits,
            ))
        };
        let compress = self.by_window[window_bits as usize].get_or_insert_with(make);
        compress.reset();
        self.compressed.clear();
        self.compressed.reserve(message.len() / 2 + 64);
        loop {
            let consumed = compress.total_in() as usize;
            let rest = &message[consumed..];
            // Into memory there is nothing that can fail; what is not taken now is taken in the next round.
            let _ = compress.compress_vec(rest, &mut self.compressed, FlushCompress::Sync);
            let all = compress.total_in() as usize == message.len();
            if all && self.compressed.len() < self.compressed.capacity() {
                break;
            }
            self.compressed.reserve(message.len() / 4 + 64);
        }
        self.compressed
            .strip_suffix(&TAIL)
            .unwrap_or(&self.compressed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_as_they_were_at_every_window() {
        let (mut deflater, mut inflater) = (Deflater::default(), Inflater::new());
        let noise = |length: u32| (0..length).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8);
        for length in [0, 1, 500, 5000, 70_000] {
            for message in [noise(length).collect(), vec![b'a'; length as usize]] {
                for window_bits in WINDOW_BITS {
                    let compressed = deflater.deflate(&message, window_bits).to_vec();
                    assert_eq!(inflater.inflate(&compressed, length), Ok(message.clone()));
                }
            }
        }
    }

    #[test]
    fn a_bomb_costs_what_the_limit_costs() {
        let bomb = Deflater::default().deflate(&vec![0; 10 << 20], 15).to_vec();
        assert!(bomb.len() < 20_000);
        let burst = Inflater::new().inflate(&bomb, 1000);
        assert_eq!(burst, Err(Fault::MessageTooBig(1000)));
        let whole = Inflater::new().inflate(&bomb, 10 << 20).unwrap();
        assert_eq!(
            (whole.len(), whole.capacity() <= (10 << 20) + 1),
            (10 << 20, true)
        );
    }

    #[test]
    fn a_final_block_ends_the_stream_but_not_the_message() {
        // RFC 7692 §7.2.3.5: "Hello" in a block with BFINAL set, and the empty block that must follow it.
        let hello = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
        assert_eq!(Inflater::new().inflate(&hello, 5), Ok(b"Hello".to_vec()));
        // Without that block the stream has ended all the same.
        let hello = &hello[..hello.len() - 1];
        assert_eq!(Inflater::new().inflate(hello, 5), Ok(b"Hello".to_vec()));
    }

    #[test]
    fn a_message_that_is_cut_is_a_fault_wherever_it_is_cut() {
        let text = b"to be, or not to be: that is the question of every message".as_slice();
        for message in [text, &[0; 5000]] {
            let compressed = Deflater::default().deflate(message, 15).to_vec();
            assert_eq!(
                Inflater::new().inflate(&compressed, 5000).as_deref(),
                Ok(message)
            );
            for cut in 1..compressed.len() {
                // What the tail says in the place of what is missing can be long.
                let inflated = Inflater::new().inflate(&compressed[..cut], 10_000);
                assert_eq!(inflated, Err(Fault::NotDeflate), "{cut} bytes are left");
            }
        }
    }

    #[test]
    fn no_data_is_an_empty_message() {
        assert_eq!(Inflater::new().inflate(b"", 0), Ok(Vec::new()));
        assert_eq!(Inflater::new().inflate(b"\0", 0), Ok(Vec::new()));
    }

    #[test]
    fn what_is_not_deflate_is_a_fault() {
        assert_eq!(
            Inflater::new().inflate(&[0xff; 20], 1000),
            Err(Fault::NotDeflate)
        );
    }
}
