//! `sessions`: one after the other is made, waited for by two, opened, acted upon, completed and deleted.

use serde_json::Value;

use crate::member::{Caller, Member};
use crate::tally::{App, Tally};
use crate::world::{Shared, Workers, World, pause};

const CALL: &str = "/api/v1/sessions";
const WAITERS: u64 = 2;

pub fn workers(world: &World) -> Workers {
    (0..2).map(|_| world.worker(go_through)).collect()
}

fn go_through(shared: &Shared, tally: &mut Tally) {
    let mut caller = Caller::new(shared.address);
    while shared.goes_on() {
        let session = caller.get(tally, "POST", CALL, r#"{"customer":"soak"}"#);
        let path = format!("{CALL}/{}", session["session_id"].as_str().unwrap());
        let open = |tally: &mut Tally| {
            Member::open(shared.address, App::Sessions, &format!("{path}/ws"), tally)
        };
        let mut waiters: Vec<Member> = (0..WAITERS).map(|_| open(tally)).collect();
        let mut hear = |tally: &mut Tally, kind: &str, status: &str| {
            for waiter in &mut waiters {
                tally.of(App::Sessions).expected += 1;
                let text: Value = waiter.expect(kind, tally);
                assert_eq!(text["status"], status, "{text}");
            }
        };
        hear(tally, "status_update", "pending");
        for status in ["opened", "action_started"] {
            let body = format!(r#"{{"status":"{status}"}}"#);
            caller.get(tally, "POST", &format!("{path}/status"), &body);
            tally.of(App::Sessions).published += 1;
            hear(tally, "status_update", status);
        }
        assert_eq!(
            caller
                .ask(tally, "GET", &format!("{path}/result"), "")
                .status,
            202
        );
        caller.get(
            tally,
            "POST",
            &format!("{path}/result"),
            r#"{"approved":true}"#,
        );
        tally.of(App::Sessions).published += 1;
        hear(tally, "completed", "completed");
        assert_eq!(
            caller
                .ask(tally, "POST", &format!("{path}/result"), "{}")
                .status,
            409
        );
        caller.get(tally, "DELETE", &path, "");
        waiters
            .into_iter()
            .for_each(|waiter| waiter.closed(1000, tally));
        pause(20);
    }
}
