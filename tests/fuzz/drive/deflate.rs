//! permessage-deflate: what comes in is inflated as a slow twin does it, within its limit and only if it is whole; what
//! goes out is read by another decompressor, and by our own.
//!
//! An input is a byte that says in which direction, a byte for the limit, and the data.

use roomcast::wire::deflate::{Deflater, Inflater};
use roomcast::wire::fault::Fault;

use super::model;
use super::model::wire::inflate::{Bad, inflate};

/// The window that we write, which is the largest that there is.
const WINDOW_BITS: u8 = 15;
/// What ends a message and is not sent (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

pub fn drive(input: &[u8]) {
    match input {
        [way, size, data @ ..] if way % 2 == 0 => come_in(data, limit(*size)),
        [_, _, data @ ..] => go_out(data),
        _ => {}
    }
}

/// Mostly small; up to more than the largest input that is not made of zeros alone.
fn limit(size: u8) -> u32 {
    match size {
        0..200 => u32::from(size) * 8,
        _ => 1 << (size % 10 + 8),
    }
}

fn come_in(data: &[u8], bytes_max: u32) {
    let mut inflater = Inflater::new();
    let ours = inflater.inflate(data, bytes_max);
    let theirs = plain(data, bytes_max as usize);
    match (&ours, &theirs) {
        (Ok(message), Ok(twin)) => {
            assert_eq!(message, twin);
            let room = message.capacity();
            assert!(room <= bytes_max as usize + 1, "{room} for {bytes_max}");
        }
        // What is both too long and wrong further on may be called either.
        (Err(Fault::MessageTooBig(_) | Fault::NotDeflate), Err(Bad::TooLong))
        | (Err(Fault::NotDeflate), Err(Bad::Wrong | Bad::Cut)) => {}
        _ => panic!("limit {bytes_max}: we {ours:?}, and the twin {theirs:?}"),
    }
    // In slices it is the same.
    inflater.begin();
    let sliced = loop {
        match inflater.go_on(data, bytes_max, 1) {
            Ok(None) => {}
            Ok(Some(message)) => break Ok(message),
            Err(fault) => break Err(fault),
        }
    };
    assert_eq!(sliced, ours);
    // Whatever came before, the next message stands alone.
    let hello = model::wire::deflate::compress(b"hello");
    assert_eq!(inflater.inflate(&hello, 5), Ok(b"hello".to_vec()));
}

/// RFC 7692 §7.2.2, the slow way. What ends with a final block, and no data at all, is whole without the tail.
fn plain(data: &[u8], bytes_max: usize) -> Result<Vec<u8>, Bad> {
    if let Ok((message, true)) = inflate(data, WINDOW_BITS, bytes_max) {
        return Ok(message);
    }
    let (message, _) = inflate(&[data, &TAIL].concat(), WINDOW_BITS, bytes_max)?;
    Ok(message)
}

fn go_out(message: &[u8]) {
    let (mut deflater, mut inflater) = (Deflater::default(), Inflater::new());
    let bytes_max = message.len() as u32;
    // A compressor keeps nothing from one message to the next, so the second stands alone as the first does.
    for _ in 0..2 {
        let compressed = deflater.deflate(message).to_vec();
        let theirs = model::wire::deflate::inflate(&compressed, WINDOW_BITS);
        assert_eq!(theirs.as_deref(), Ok(message));
        assert_eq!(plain(&compressed, message.len()).as_deref(), Ok(message));
        let ours = inflater.inflate(&compressed, bytes_max);
        assert_eq!(ours.as_deref(), Ok(message));
        if let Some(less) = bytes_max.checked_sub(1) {
            let refused = inflater.inflate(&compressed, less);
            assert_eq!(refused, Err(Fault::MessageTooBig(less)));
        }
    }
}
