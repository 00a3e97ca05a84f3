//! A client's own idea of RFC 7692: messages compressed one by one, nothing kept from one to the next.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// A message as it goes over the wire.
pub fn compress(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.len() + 1000);
    let mut compress = Compress::new(Compression::default(), false);
    let flush = FlushCompress::Sync;
    compress.compress_vec(message, &mut bytes, flush).unwrap();
    assert!(bytes.ends_with(&TAIL), "there was room for all of it");
    bytes.truncate(bytes.len() - TAIL.len());
    bytes
}

/// A server's message, which looks back no further than the window that was agreed on.
pub fn inflate(compressed: &[u8], window_bits: u8) -> Result<Vec<u8>, String> {
    let mut inflate = Decompress::new_with_window_bits(false, window_bits);
    let bytes = [compressed, &TAIL].concat();
    let mut message = Vec::new();
    // Little at a time, so that what was inflated before is found in the window only.
    let mut piece = [0; 64];
    loop {
        let (taken, given) = (inflate.total_in() as usize, inflate.total_out());
        inflate
            .decompress(&bytes[taken..], &mut piece, FlushDecompress::Sync)
            .map_err(|error| format!("not compressed as agreed on: {error}"))?;
        let fresh = (inflate.total_out() - given) as usize;
        message.extend_from_slice(&piece[..fresh]);
        if inflate.total_in() as usize == bytes.len() && fresh < piece.len() {
            return Ok(message);
        }
        if inflate.total_in() as usize == taken && fresh == 0 {
            return Err("compressed data that goes nowhere".into());
        }
    }
}
