//! Crowds: thousands who come and vanish, and more of them than there are descriptors.

use crate::battery::{echo, serves};
use crate::books::{Books, metric, settle};
use crate::ground::{Ground, Stream};
use crate::http::{Http, UPGRADE, frame, request};

on_both! {
    thousands_who_connect_and_vanish_leave_nothing
    without_a_free_descriptor_those_inside_are_served_and_it_recovers
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
                line.stream.reset();
            }
        }
    }
    settle(&ground, &books);
    serves(&ground, &books);
}

fn without_a_free_descriptor_those_inside_are_served_and_it_recovers<G: Ground>() {
    let ground = G::with_descriptors(72, "--echo");
    let books = Books::of(&ground);
    let mut member = echo(&ground, "");
    let mut listener = Http::over(ground.connect());
    listener.upgrade("/ws");
    assert_eq!(listener.frame().first, 0x81, "the welcome");
    let mut publisher = Http::over(ground.connect());
    assert_eq!(publisher.ask("GET", "/healthz", "", "").status, 200);
    for _ in 0..3 {
        let mut crowd: Vec<Http<G::Stream>> =
            (0..100).map(|_| Http::over(ground.connect())).collect();
        assert!(crowd.last_mut().unwrap().is_over(), "turned away");
        member.send(frame(0x81, "still there?"));
        assert_eq!(member.frame().payload, b"still there?");
        let event = r#"{"type":"chat:said","payload":{}}"#;
        let answer = publisher.ask("POST", "/api/v1/events", "", event);
        assert_eq!(
            (answer.status, &answer.json()["receivers"]),
            (202, &1.into())
        );
        assert_eq!(listener.frame().first, 0x81);
        drop(crowd);
        // Those who were let in are noticed to have gone, and then there is room.
        let inside = books.descriptors() + 3;
        ground.until("there is room again", &mut || {
            ground.descriptors() == inside
        });
    }
    drop((member, listener, publisher));
    serves(&ground, &books);
    assert!(metric(&ground, "roomcast_accepts_total{result=\"exhausted\"}") >= 90.0);
}
