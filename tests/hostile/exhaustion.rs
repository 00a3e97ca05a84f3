//! Crowds: thousands who come and vanish, and more of them than there are descriptors.

use crate::battery::{echo, serves};
use crate::books::{Books, metric, settle};
use crate::ground::{Ground, Stream};
use crate::harness::http::{Http, UPGRADE, frame, request};

on_both! {
    thousands_who_connect_and_vanish_leave_nothing
    a_crowd_that_only_connects_keeps_nobody_out_and_takes_nothing_from_those_inside
}

fn thousands_who_connect_and_vanish_leave_nothing<G: Ground>() {
    let ground = G::open("--echo", "");
    let books = Books::of(&ground);
    let upgrade = request("GET", "/ws", UPGRADE, "");
    let half = "POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{";
    let says = ["", "GET /", half, &upgrade, &request("GET", "/", "", "")];
    for round in 0..30 {
        // They are there at the same time, and go at the same time.
        let crowd: Vec<Http<G::Stream>> = (0..100).map(|_| Http::over(ground.connect())).collect();
        for (number, mut line) in crowd.into_iter().enumerate() {
            line.send(says[(round + number) % says.len()]);
            if number % 2 == 0 {
                line.into_stream().reset();
            }
        }
    }
    settle(&ground, &books);
    serves(&ground, &books);
}

fn a_crowd_that_only_connects_keeps_nobody_out_and_takes_nothing_from_those_inside<G: Ground>() {
    let ground = G::with_descriptors(72, "--echo --guests 20");
    let books = Books::of(&ground);
    let mut member = echo(&ground, "");
    let mut listener = Http::over(ground.connect());
    listener.upgrade("/ws");
    assert_eq!(listener.frame().first, 0x81, "the welcome");
    for _ in 0..2 {
        let crowd: Vec<Http<G::Stream>> = (0..30).map(|_| Http::over(ground.connect())).collect();
        member.send(frame(0x81, "still there?"));
        assert_eq!(member.frame().payload, b"still there?");
        // It waits until somebody of the crowd has been idle for a second.
        let mut publisher = Http::over(ground.connect());
        let event = r#"{"type":"chat:said","payload":{}}"#;
        let answer = publisher.ask("POST", "/api/v1/events", "", event);
        assert_eq!(
            (answer.status, &answer.json()["receivers"]),
            (202, &1.into())
        );
        assert_eq!(listener.frame().first, 0x81);
        drop((crowd, publisher));
        let inside = books.descriptors() + 2;
        ground.until("the crowd is gone", &mut || ground.descriptors() == inside);
    }
    drop((member, listener));
    serves(&ground, &books);
    assert!(metric(&ground, "roomcast_guest_closes_total") >= 2.0);
}
