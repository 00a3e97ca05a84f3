//! Restarts under load, on real sockets: the next hub is started, the one before is asked to go, and neither publishers
//! nor clients that come back at once may notice more than a 1001.
//!
//! `ROOMCAST_RESTARTS=N` restarts so often in a row; with `--nocapture` the counts are printed.
#![allow(clippy::unwrap_used, missing_docs)]

mod books;
#[allow(dead_code)]
#[path = "../harness/mod.rs"]
mod harness;
mod hub;
mod load;
mod passed;
mod records;

use std::sync::Arc;

use books::Books;
use hub::{Port, start, until_it_has};
use load::{Client, Publisher};

const CLIENTS: usize = 60;

#[test]
fn a_restart_with_a_shared_address_fails_no_connect_and_no_publish() {
    restart(&Port::shared());
}

#[test]
fn a_restart_with_a_passed_socket_fails_no_connect_and_no_publish() {
    restart(&Port::passed());
}

#[test]
fn while_no_hub_runs_connections_wait_in_the_socket_that_is_passed() {
    let port = Port::passed();
    let mut hub = start(&port);
    hub.signal("TERM");
    assert_eq!(hub.exit_status().code(), Some(0));
    let books = Arc::new(Books::default());
    let early = Publisher::fresh(&port, &books);
    let _hub = start(&port);
    books.until("the publish that came early is answered", |count| {
        count.accepted > 0
    });
    early.finish();
    books.check();
}

fn restart(port: &Port) {
    let restarts = std::env::var("ROOMCAST_RESTARTS").map_or(3, |text| text.parse().unwrap());
    let books = Arc::new(Books::default());
    let mut hub = start(port);
    let clients: Vec<Client> = (0..CLIENTS).map(|_| Client::new(port, &books)).collect();
    books.until("all are in", |count| count.upgrades == CLIENTS as u64);
    let publishers = [
        Publisher::fresh(port, &books),
        Publisher::fresh(port, &books),
        Publisher::keeping(port, &books),
        Publisher::keeping(port, &books),
    ];
    for restart in 1..=restarts {
        let next = start(port);
        hub.signal("TERM");
        let told = books.count();
        assert_eq!(hub.exit_status().code(), Some(0), "restart {restart}");
        hub = next;
        until_it_has(&hub, CLIENTS, restart);
        books.until("somebody has published since", |count| {
            count.accepted > told.accepted
        });
        let count = books.count();
        assert!(count.told >= restart * CLIENTS as u64, "restart {restart}");
    }
    for publisher in publishers {
        publisher.finish();
    }
    // Whatever is still on its way to somebody comes before this.
    books.mark(port, CLIENTS as u64);
    for client in clients {
        client.finish();
    }
    println!("{restarts} restarts: {:?}", books.count());
    books.check();
}
