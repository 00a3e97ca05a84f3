//! What every server under test is told, so that none refuses, pings or closes anybody because the machine is busy, or
//! because all clients of a test have one address.
//!
//! Variables, which the flags of a test that is about one of these beat.

/// Longer than any test may take.
pub const PATIENT: [(&str, &str); 8] = [
    ("ROOMCAST_LOOP_LAG_LIMIT", "10m"),
    ("ROOMCAST_PING_INTERVAL", "10m"),
    ("ROOMCAST_PONG_TIMEOUT", "20m"),
    ("ROOMCAST_WRITE_TIMEOUT", "10m"),
    ("ROOMCAST_HEADER_TIMEOUT", "10m"),
    ("ROOMCAST_MESSAGE_TIMEOUT", "10m"),
    ("ROOMCAST_KEEP_ALIVE", "10m"),
    ("ROOMCAST_GUEST_CALLS_PER_MINUTE", "0"),
];
