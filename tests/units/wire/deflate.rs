//! Messages come back as they were, and a bomb costs what the limit costs.

use roomcast::wire::deflate::*;
use roomcast::wire::fault::Fault;

#[test]
fn messages_come_back_as_they_were_whole_and_in_pieces() {
    let (mut deflater, mut inflater) = (Deflater::default(), Inflater::new());
    let noise = |length: u32| (0..length).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8);
    for length in [0, 1, 500, 5000, 70_000] {
        for message in [noise(length).collect(), vec![b'a'; length as usize]] {
            let compressed = deflater.deflate(&message).to_vec();
            assert_eq!(inflater.inflate(&compressed, length), Ok(message.clone()));
            deflater.begin(message.len());
            let pieces = message.chunks(999);
            pieces.for_each(|piece| deflater.push(piece, false));
            deflater.push(&[], true);
            let inflated = inflater.inflate(deflater.compressed(), length);
            assert_eq!(inflated, Ok(message));
        }
    }
}

#[test]
fn a_bomb_costs_what_the_limit_costs() {
    let bomb = Deflater::default().deflate(&vec![0; 10 << 20]).to_vec();
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
        let compressed = Deflater::default().deflate(message).to_vec();
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
