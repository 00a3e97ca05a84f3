//! The columns: queues, deadlines and rooms.

use std::hint::black_box;

use roomcast::bounds::QueueBounds;
use roomcast::core::hub::Hub;
use roomcast::core::outbox::{Also, Crowd, Outbox};
use roomcast::core::wheel::Wheel;
use roomcast::id::{AppId, ConnId, RoomId, Topic};
use roomcast::time::{Micros, Millis};
use roomcast::wire::frame::Frame;

use crate::harness::Table;

const KEYS: u32 = 10_000;

pub fn measure(table: &mut Table) {
    measure_outbox(table);
    measure_readers(table);
    measure_wheel(table);
    measure_hub(table);
}

fn measure_outbox(table: &mut Table) {
    let mut outbox = Outbox::with_capacity(KEYS as usize, 512);
    (0..KEYS).for_each(|key| outbox.open(ConnId { key, generation: 1 }));
    let bounds = QueueBounds::default();
    let message = Frame::text(&"x".repeat(100));
    // Only the copy of the bytes that a message is made of allocates.
    table.row("outbox: push and flush one message", 1, 1.0, || {
        publish(&mut outbox, &message, 0..1, &bounds);
        flush_all(&mut outbox);
    });
    let once = 1.0 / f64::from(KEYS);
    let name = "outbox: push and flush one copy, of 10,000";
    table.row(name, KEYS as usize, once, || {
        publish(&mut outbox, &message, 0..KEYS, &bounds);
        flush_all(&mut outbox);
    });
    let name = "outbox: push and flush one of 16 for one write, to 10,000";
    table.row(name, 16 * KEYS as usize, once, || {
        (0..16).for_each(|_| publish(&mut outbox, &message, 0..KEYS, &bounds));
        flush_all(&mut outbox);
    });
    let members: Vec<u32> = (0..KEYS).collect();
    let crowd = Crowd {
        room: RoomId(0),
        changes: 0,
        members: &members,
        also: None,
        except: None,
    };
    let log = outbox.open_log(AppId::Events, 1);
    let mut publish_to_room = |times: usize| {
        for _ in 0..times {
            let stored = outbox.store(message.clone(), AppId::Events, Micros(1));
            black_box(outbox.publish(&crowd, stored, Some((log, Topic(0))), &bounds));
        }
        flush_all(&mut outbox);
    };
    let name = "outbox: publish to a room of 10,000 and flush, a member";
    table.row(name, KEYS as usize, once, || publish_to_room(1));
    let name = "outbox: publish 16 to a room of 10,000 and flush, a copy";
    table.row(name, 16 * KEYS as usize, once, || publish_to_room(16));
    // The exception has its own copy, as a sender has that is answered.
    let but_one = Crowd {
        except: Some(KEYS - 1),
        ..crowd
    };
    let both = Crowd {
        also: Some(Also {
            room: RoomId(1),
            members: &members,
            is_in_first: &|key| key < KEYS,
        }),
        ..crowd
    };
    for (name, crowd) in [
        (
            "outbox: publish to all of 10,000 but one, a member",
            but_one,
        ),
        (
            "outbox: publish to two rooms of the same 10,000, a member",
            both,
        ),
    ] {
        table.row(name, KEYS as usize, once, || {
            let stored = outbox.store(message.clone(), AppId::Events, Micros(1));
            black_box(outbox.publish(&crowd, stored, Some((log, Topic(0))), &bounds));
            flush_all(&mut outbox);
        });
    }
}

/// Members that are behind: each has a longer span for it, and skips the oldest that it has not got.
fn measure_readers(table: &mut Table) {
    let mut outbox = Outbox::with_capacity(KEYS as usize, 512);
    (0..KEYS).for_each(|key| outbox.open(ConnId { key, generation: 1 }));
    let log = outbox.open_log(AppId::Events, 1);
    let members: Vec<u32> = (0..KEYS).collect();
    let crowd = Crowd {
        room: RoomId(0),
        changes: 0,
        members: &members,
        also: None,
        except: None,
    };
    let bounds = QueueBounds {
        messages_max: 2,
        ..QueueBounds::default()
    };
    let message = Frame::text(&"x".repeat(100));
    let mut publish = || {
        let stored = outbox.store(message.clone(), AppId::Events, Micros(1));
        black_box(outbox.publish(&crowd, stored, Some((log, Topic(0))), &bounds));
        while let Some(key) = outbox.next_dirty() {
            black_box(outbox.flush(key, Millis(1), |_| Ok(1), |_, _| {}));
        }
    };
    publish();
    publish();
    let once = 1.0 / f64::from(KEYS);
    let name = "outbox: publish to 10,000 that are behind, a member";
    table.row(name, KEYS as usize, once, publish);
}

fn publish(outbox: &mut Outbox, message: &Frame, keys: std::ops::Range<u32>, bounds: &QueueBounds) {
    let stored = outbox.store(message.clone(), AppId::Events, Micros(1));
    for key in keys {
        black_box(outbox.offer(key, &stored, None, bounds));
    }
    outbox.release(stored);
}

/// Every socket takes all that it is given.
fn flush_all(outbox: &mut Outbox) {
    while let Some(key) = outbox.next_dirty() {
        let take_all =
            |parts: &[std::io::IoSlice<'_>]| Ok(parts.iter().map(|part| part.len()).sum());
        black_box(outbox.flush(key, Millis(1), take_all, |_, _| {}));
    }
}

fn measure_wheel(table: &mut Table) {
    let mut wheel = Wheel::with_capacity(KEYS as usize);
    (0..KEYS).for_each(|key| wheel.open(key));
    // A step that is prime to the number of deadlines, so that they come in no order.
    let spread = |key: u32, from: u64| Millis(from + u64::from(key) * 7919 % 30_000);
    let mut from = 0;
    table.row(
        "wheel: move a deadline, of 10,000",
        KEYS as usize,
        0.0,
        || {
            from = (from + 7) % 1000;
            (0..KEYS).for_each(|key| wheel.arm(key, spread(key, from)));
        },
    );
    let (mut now, mut due) = (0, Vec::with_capacity(KEYS as usize));
    let name = "wheel: arm and expire a deadline, of 10,000 within 30 s";
    table.row(name, KEYS as usize, 0.0, || {
        (0..KEYS).for_each(|key| wheel.arm(key, spread(key, now)));
        while !wheel.is_empty() {
            now = wheel.next().map_or(now, |next| next.0);
            wheel.expire(Millis(now), usize::MAX, &mut due);
        }
        due.clear();
    });
}

fn measure_hub(table: &mut Table) {
    let mut hub = Hub::with_capacity(KEYS as usize);
    (0..KEYS).for_each(|key| hub.open(key));
    let name = "hub: join and leave a room of 10,000";
    table.row(name, KEYS as usize, 0.01, || {
        (0..KEYS).for_each(|key| {
            black_box(hub.join(key, "all"));
        });
        (0..KEYS).for_each(|key| {
            black_box(hub.leave_all(key));
        });
    });
    // The name is kept once: two allocations for it, and one for the table of names at times.
    let names: Vec<String> = (0..KEYS).map(|key| format!("session:{key}")).collect();
    let name = "hub: join and leave a room of one's own, of 10,000";
    table.row(name, KEYS as usize, 1.1, || {
        for (key, name) in names.iter().enumerate() {
            black_box(hub.join(key as u32, name));
        }
        (0..KEYS).for_each(|key| {
            black_box(hub.leave_all(key));
        });
    });
    // Other names at each call, so that how they fall into the table of names is the luck of none.
    let sets: Vec<Vec<String>> = (0..16)
        .map(|set| (0..10).map(|room| format!("repo:{set:x}{room}")).collect())
        .collect();
    let mut sets = sets.iter().cycle();
    let name = "hub: join and leave one of ten rooms of 1,000";
    table.row(name, 10 * 1000, 1.0, || {
        let rooms = sets.next().unwrap();
        for key in 0..1000 {
            rooms.iter().for_each(|room| {
                black_box(hub.join(key, room));
            });
        }
        (0..1000).for_each(|key| {
            black_box(hub.leave_all(key));
        });
    });
}
