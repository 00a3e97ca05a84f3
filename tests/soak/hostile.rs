//! Hostile clients, one kind a worker, each again and again: what they get for it is what the README says.

use crate::harness::http::{Http, frame};
use crate::member::Member;
use crate::tally::{App, Tally};
use crate::world::{Shared, Workers, World, pause};

const PATH: &str = "/api/v1/tasks/ws?version=1.0";
/// Pings in one flood.
const PINGS: usize = 300;

pub fn workers(world: &World) -> Workers {
    let mut workers: Workers = [
        (garbage as fn(&Shared, &mut Tally), 20),
        (half_requests, 10),
        (slow_loris, 10),
        (long_heads, 20),
        (ping_floods, 50),
        (vanishing_members, 10),
    ]
    .map(|(does, milliseconds)| again(world, milliseconds, does))
    .into();
    // What a client says, and the code that it is closed with: too long, not UTF-8, not masked, a reserved bit.
    let lies: [(Vec<u8>, u16); 4] = [
        (
            [&[0x81, 0xff][..], &(1_u64 << 30).to_be_bytes(), &[0; 4]].concat(),
            1009,
        ),
        (frame(0x81, b"\xc3\x28"), 1007),
        (b"\x81\x02hi".to_vec(), 1002),
        (frame(0xc1, "compressed"), 1002),
    ];
    for (lie, code) in lies {
        workers.push(again(world, 20, move |shared, tally| {
            let mut member = Member::open(shared.address, App::Tasks, PATH, tally);
            member.http.send(&lie);
            member.closed(code, tally);
        }));
    }
    workers
}

fn again(
    world: &World,
    milliseconds: u64,
    does: impl Fn(&Shared, &mut Tally) + Send + 'static,
) -> std::thread::JoinHandle<Tally> {
    world.worker(move |shared, tally| {
        while shared.goes_on() {
            does(shared, tally);
            pause(milliseconds);
        }
    })
}

fn connect(shared: &Shared) -> Http {
    Http::connect(shared.address)
}

fn refused(mut http: Http, status: u16, tally: &mut Tally) {
    assert_eq!(http.answer().status, status);
    tally.status(status);
    assert!(http.is_over());
}

fn garbage(shared: &Shared, tally: &mut Tally) {
    let mut http = connect(shared);
    http.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 is no request\r\n\r\n");
    refused(http, 400, tally);
}

/// Half a request, and the end: nobody answers that.
fn half_requests(shared: &Shared, _: &mut Tally) {
    let mut http = connect(shared);
    http.send("GET /ws HTTP/1.1\r\nHost: loc").finish();
    assert!(http.is_over());
}

fn slow_loris(shared: &Shared, tally: &mut Tally) {
    let mut http = connect(shared);
    for byte in b"GET / " {
        http.send([*byte]);
        pause(50);
    }
    refused(http, 408, tally);
}

fn long_heads(shared: &Shared, tally: &mut Tally) {
    let mut http = connect(shared);
    let header = format!("X-Long: {}\r\n", "x".repeat(20 << 10));
    http.send(format!("GET / HTTP/1.1\r\nHost: localhost\r\n{header}\r\n"));
    refused(http, 431, tally);
}

/// Many pings at once: the newest is answered, however many of the others are.
fn ping_floods(shared: &Shared, tally: &mut Tally) {
    let mut member = Member::open(shared.address, App::Tasks, PATH, tally);
    let pings: Vec<u8> = (0..PINGS)
        .flat_map(|n| frame(0x89, format!("ping {n}")))
        .collect();
    member.http.send(pings);
    let last = format!("ping {}", PINGS - 1);
    while member.http.frame().payload != last.as_bytes() {}
    member.leave(tally);
}

/// A member that has heard nothing leaves without a word.
fn vanishing_members(shared: &Shared, tally: &mut Tally) {
    for resets in [true, false] {
        Member::open(shared.address, App::Tasks, PATH, tally).vanish(resets, tally);
    }
}
