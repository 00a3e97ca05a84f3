//! A process that was stopped: nobody pays for it, because nobody could be heard meanwhile.

use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::harness::http::frame;
use crate::harness::server::Server;

/// What a server counts of a time in which it does not run is its sleep until the next ping and the limit on a lag.
const COUNTS: &str = "--ping-interval 1s --loop-lag-limit 3s --echo";

/// Is stopped for so long. There is nothing to ask a stopped process, so this is waited for.
fn stop(server: &Server, span: Duration) {
    server.while_stopped(|| thread::sleep(span));
}

#[test]
fn nobody_is_closed_for_the_time_in_which_the_process_was_stopped() {
    // Longer than every deadline, which leave ten seconds to whoever gets ready for it and comes back from it.
    let span = Duration::from_secs(15);
    let server = Server::start(&format!(
        "{COUNTS} --pong-timeout 12s --header-timeout 12s --message-timeout 12s --keep-alive 12s --write-timeout 12s"
    ));
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
    stop(&server, span);
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
    // It is told once; a machine that had no core to spare for a second may have had more to tell.
    let log = server.log();
    let told = log.lines().filter_map(|line| {
        let (_, seconds) = line.split_once("the process did not run for ")?;
        seconds.split(' ').next()?.parse::<u64>().ok()
    });
    let long = told.filter(|&seconds| seconds >= span.as_secs() / 2);
    assert_eq!(long.count(), 1, "{log}");
}

#[test]
fn whoever_stays_silent_after_it_is_given_up_as_ever() {
    let server = Server::start(&format!("{COUNTS} --pong-timeout 3s"));
    let mut silent = server.raw("/ws");
    assert_eq!(silent.frame().first, 0x81, "the welcome");
    stop(&server, Duration::from_secs(4));
    server.until("it is given up", |server| {
        server.metric("roomcast_closes_total{app=\"events\",code=\"4408\"}") == 1.0
    });
}
