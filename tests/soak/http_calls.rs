//! Plain calls on keep-alive connections, good ones and mistaken ones.

use crate::member::Caller;
use crate::tally::Tally;
use crate::world::{Shared, Workers, World, pause};

pub fn workers(world: &World) -> Workers {
    vec![world.worker(call), world.worker(call)]
}

fn call(shared: &Shared, tally: &mut Tally) {
    let calls = [
        ("GET", "/healthz", "", 200),
        ("GET", "/nowhere", "", 404),
        ("PUT", "/api/v1/events", "{}", 405),
        ("POST", "/api/v1/events", "no JSON", 400),
        ("POST", "/v1/blocks", r#"{"height":-1}"#, 400),
        ("GET", "/api/v1/tasks/0000000000000000", "", 404),
        ("GET", "/ws", "", 426),
        ("GET", "/", "", 200),
    ];
    while shared.goes_on() {
        let mut caller = Caller::new(shared.address);
        for _ in 0..50 {
            for (method, path, body, status) in calls {
                let answer = caller.ask(tally, method, path, body);
                assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
            }
            pause(20);
        }
    }
}
