//! Frames are masked, counted and headed as RFC 6455 has them.

use roomcast::wire::frame::*;

#[test]
fn unmasking_in_words_equals_unmasking_in_bytes() {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    for length in 0..40 {
        for offset in 0..8 {
            let mut fast: Vec<u8> = (0..length).collect();
            let slow: Vec<u8> = fast
                .iter()
                .enumerate()
                .map(|(i, byte)| byte ^ mask[(i + offset) % 4])
                .collect();
            unmask(&mut fast, mask, offset);
            assert_eq!(fast, slow, "length {length}, offset {offset}");
        }
    }
}

#[test]
fn json_frames_equal_text_frames_at_every_header_length() {
    let mut encoder = Encoder::new();
    for length in [0, 1, 123, 124, 125, 126, 65_533, 65_534, 65_535, 200_000] {
        let value = "x".repeat(length);
        assert_eq!(
            encoder.json(&value),
            Frame::text(&format!("\"{value}\"")),
            "length {length}"
        );
    }
}

#[test]
fn a_batch_is_its_messages_one_behind_the_other() {
    let mut encoder = Encoder::new();
    let values = ["", &"x".repeat(200), &"y".repeat(70_000)];
    let batch = encoder.json_batch(values).unwrap();
    let each = values.map(|value| encoder.json(&value));
    assert_eq!(batch.messages(), 3);
    assert_eq!(batch.class(), Class::Message);
    assert_eq!(batch.bytes(), each.map(Frame::into_bytes).concat());
    assert_eq!(encoder.json_batch([""; 0]), None);
    assert_eq!(encoder.json_batch(["a"]), Some(encoder.json(&"a")));
}

#[test]
fn a_close_reason_is_cut_at_a_character() {
    let frame = Frame::close(close::POLICY, &"é".repeat(100));
    assert_eq!(frame.bytes()[1] as usize, 2 + 122);
    assert!(std::str::from_utf8(&frame.bytes()[4..]).is_ok());
}
