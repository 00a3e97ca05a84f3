//! A process that was stopped: nobody pays for it, because nobody could be heard meanwhile.

use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::http::frame;
use crate::server::Server;

/// Longer than every deadline of the servers here. There is nothing to ask a stopped process, so this is waited for.
const STOPPED: Duration = Duration::from_secs(4);

const SHORT: &str = "--loop-lag-limit 250ms --ping-interval 1s --pong-timeout 3s --header-timeout 3s --message-timeout 3s \
                     --keep-alive 3s --write-timeout 3s --echo";

fn stop(server: &Server) {
    server.signal("STOP");
    server.until("it is stopped", |server| {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.id())).unwrap();
        stat.rsplit_once(") ").unwrap().1.starts_with('T')
    });
    thread::sleep(STOPPED);
    server.signal("CONT");
}

#[test]
fn nobody_is_closed_for_the_time_in_which_the_process_was_stopped() {
    let server = Server::start(SHORT);
    let mut members: Vec<_> = (0..50).map(|_| server.join()).collect();
    let mut echo = server.raw("/echo");
    echo.send([0x01, 0x85, 0, 0, 0, 0]).send("hello");
    let mut idle = server.http();
    assert_eq!(idle.ask("GET", "/healthz", "", "").status, 200);
    let mut asks = server.http();
    asks.send("GET /healthz HTTP/1.1\r\nHost: local");
    server.until("it has heard everybody", |server| {
        server.metric("roomcast_connections{app=\"ops\"}") == 1.0
    });
    stop(&server);
    // Whoever was in the middle of something finishes it.
    asks.send("host\r\n\r\n");
    assert_eq!(asks.answer().status, 200);
    echo.send(frame(0x80, " again"));
    let mut heard = echo.frame();
    while heard.first == 0x89 {
        heard = echo.frame();
    }
    assert_eq!(heard.payload, b"hello again");
    assert_eq!(idle.ask("GET", "/healthz", "", "").status, 200);
    let answer = server.publish("chat:said", &json!({"n": 1}));
    assert_eq!(answer.json()["receivers"], 50);
    for member in &mut members {
        assert_eq!(member.event(), ("chat:said".to_owned(), json!({"n": 1})));
    }
    let closes = ["1006", "1008", "4408"].map(|code| {
        let events = format!("roomcast_closes_total{{app=\"events\",code=\"{code}\"}}");
        let ops = format!("roomcast_closes_total{{app=\"ops\",code=\"{code}\"}}");
        server.metric(&events) + server.metric(&ops)
    });
    assert_eq!(closes, [0.0; 3]);
    let log = server.log();
    assert_eq!(
        log.matches("the process did not run for").count(),
        1,
        "{log}"
    );
}

#[test]
fn whoever_stays_silent_after_it_is_given_up_as_ever() {
    let server = Server::start(SHORT);
    let mut silent = server.raw("/ws");
    assert_eq!(silent.frame().first, 0x81, "the welcome");
    stop(&server);
    server.until("it is given up", |server| {
        server.metric("roomcast_closes_total{app=\"events\",code=\"4408\"}") == 1.0
    });
}
