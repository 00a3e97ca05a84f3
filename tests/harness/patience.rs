//! How long a test waits before it gives up, and what hubs under test are told so that none refuses, pings or closes
//! anybody because the machine is busy, or because all clients of a test have one address.

use std::time::Duration;

/// How long anything may take before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Longer than any test may take. Variables, which the flags of a test that is about one of these beat.
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
