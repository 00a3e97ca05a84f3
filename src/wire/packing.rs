//! The compressed form of frames that are to be sent: made whole, or a slice at a time.
//!
//! Frames of ours, one behind the other, become the same frames with every payload compressed that is long enough and
//! gets shorter by it. A slice is so many bytes, also in the middle of a payload; what it takes is counted by its length.

use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;

use super::deflate::Deflater;

/// Frames of which a part may have been compressed.
#[derive(Default)]
pub struct Packing {
    deflater: Deflater,
    bytes_min: usize,
    /// Where the frame begins that comes next.
    at: usize,
    /// Bytes of its payload that are compressed already.
    taken: usize,
    packed: Vec<u8>,
    /// Whether any payload has become shorter.
    gains: bool,
}

impl Packing {
    /// Whether any payload of these frames is long enough.
    pub fn gains(frames: &[u8], bytes_min: u32) -> bool {
        let mut at = 0;
        while let Some((_, start, end)) = part(frames, at) {
            if end - start >= bytes_min as usize {
                return true;
            }
            at = end;
        }
        false
    }

    /// Begins with the first of some frames. Shorter payloads than `bytes_min` stay as they are.
    pub fn begin(&mut self, bytes_min: u32) {
        self.bytes_min = bytes_min as usize;
        (self.at, self.taken, self.gains) = (0, 0, false);
        self.packed.clear();
    }

    /// Compresses so many bytes more of the frames, which are the same at each call; true once that was all.
    pub fn take(&mut self, frames: &[u8], mut bytes: usize) -> bool {
        while let Some((header, start, end)) = part(frames, self.at) {
            let payload = &frames[start..end];
            if payload.len() < self.bytes_min {
                self.put(header, payload, false);
                bytes = bytes.saturating_sub(payload.len());
            } else {
                if self.taken == 0 {
                    self.deflater.begin(payload.len());
                }
                let piece = bytes.min(payload.len() - self.taken);
                let is_last = self.taken + piece == payload.len();
                self.deflater
                    .push(&payload[self.taken..self.taken + piece], is_last);
                self.taken += piece;
                bytes -= piece;
                if !is_last {
                    return false;
                }
                self.taken = 0;
                let deflater = std::mem::take(&mut self.deflater);
                match deflater.compressed() {
                    shorter if shorter.len() < payload.len() => {
                        self.gains = true;
                        self.put(header, shorter, true);
                    }
                    _ => self.put(header, payload, false),
                }
                self.deflater = deflater;
            }
            self.at = end;
            if bytes == 0 {
                return self.at == frames.len();
            }
        }
        true
    }

    fn put(&mut self, header: FrameHeader, payload: &[u8], is_compressed: bool) {
        let header = FrameHeader {
            rsv1: is_compressed,
            ..header
        };
        header
            .format(payload.len() as u64, &mut self.packed)
            .expect("a vector takes all");
        self.packed.extend_from_slice(payload);
    }

    /// All frames, if any has become shorter.
    pub fn end(&mut self) -> Option<Box<[u8]>> {
        let packed = self.gains.then(|| self.packed.as_slice().into());
        self.packed.clear();
        packed
    }
}

/// What is left of some frames behind the first so many messages, of a frame each.
pub fn skip(frames: &[u8], messages: u32) -> &[u8] {
    let behind = |at, _| part(frames, at).map_or(frames.len(), |(_, _, end)| end);
    &frames[(0..messages).fold(0, behind)..]
}

/// Frames one behind the other, each as its header and its payload.
pub fn parts(frames: &[u8]) -> impl Iterator<Item = (FrameHeader, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (header, start, end) = part(frames, at)?;
        at = end;
        Some((header, &frames[start..end]))
    })
}

/// The header of the frame that begins there, and where its payload begins and ends.
fn part(frames: &[u8], at: usize) -> Option<(FrameHeader, usize, usize)> {
    let mut cursor = Cursor::new(&frames[at..]);
    let (header, payload_bytes) = FrameHeader::parse(&mut cursor).ok()??;
    let start = at + cursor.position() as usize;
    Some((header, start, start + payload_bytes as usize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::deflate::Inflater;
    use crate::wire::frame::{Encoder, Frame};

    fn packed(frames: &[u8], bytes_min: u32, slice: usize) -> Option<Box<[u8]>> {
        let mut packing = Packing::default();
        // What a packing was used for before means nothing.
        for _ in 0..2 {
            packing.begin(bytes_min);
            while !packing.take(frames, slice) {}
        }
        packing.end()
    }

    #[test]
    fn every_long_message_of_a_batch_is_compressed_and_no_short_one_in_slices_of_any_size() {
        let messages = [
            String::from("short"),
            "long ".repeat(500),
            String::from("short too"),
        ];
        let batch = Encoder::new().json_batch(&messages).unwrap();
        for slice in [1, 7, 1000, usize::MAX] {
            let frames = packed(batch.bytes(), 100, slice).unwrap();
            let mut at = 0;
            for message in &messages {
                let (header, start, end) = part(&frames, at).unwrap();
                assert_eq!(header.rsv1, message.len() > 100);
                let inflated = match header.rsv1 {
                    true => Inflater::new()
                        .inflate(&frames[start..end], 10_000)
                        .unwrap(),
                    false => frames[start..end].to_vec(),
                };
                assert_eq!(inflated, format!("\"{message}\"").as_bytes());
                at = end;
            }
            assert_eq!(at, frames.len());
        }
    }

    #[test]
    fn nothing_is_compressed_that_does_not_get_shorter() {
        let noise: Vec<u8> = (0..600u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let noise = Frame::binary(&noise);
        assert_eq!(packed(noise.bytes(), 512, 100), None);
        assert!(Packing::gains(noise.bytes(), 600) && !Packing::gains(noise.bytes(), 601));
    }
}
