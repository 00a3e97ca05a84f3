//! A client's own idea of RFC 7692: messages compressed one by one, nothing kept from one to the next.

use flate2::{Compress, Compression, FlushCompress};

use super::inflate;

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
    let bytes = [compressed, &TAIL].concat();
    match inflate::inflate(&bytes, window_bits, usize::MAX) {
        Ok((message, _)) => Ok(message),
        Err(why) => Err(format!(
            "not compressed as agreed on, for a window of {window_bits} bits: {why:?}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_back_further_than_was_agreed_on_is_refused() {
        // Numbers do not repeat each other.
        let noise: String = (1000..1175)
            .map(|number| (number * 7919 % 10_000 + 1000).to_string())
            .collect();
        let message = noise.repeat(2).into_bytes();
        let compressed = compress(&message);
        assert_eq!(inflate(&compressed, 10), Ok(message));
        assert!(inflate(&compressed, 9).is_err());
    }
}
