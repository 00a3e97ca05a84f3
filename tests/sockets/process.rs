//! The process: what it says when it starts, and how it ends when it cannot.

use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::harness::http::Http;
use crate::harness::server::{Server, run};

#[test]
fn a_port_in_use_exits_1_and_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, said) = run(&format!("--listen {address}"));
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(&address), "{said}");
}

#[test]
fn an_address_that_is_not_ours_exits_1() {
    assert_eq!(run("--listen 192.0.2.1:0 --key k").0, 1);
}

#[test]
fn an_unknown_flag_exits_2_and_is_named() {
    let (code, said) = run("--frobnicate");
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("--frobnicate"), "{said}");
}

#[test]
fn a_value_out_of_range_exits_2_and_is_named() {
    for flags in [
        "--queue-messages 0",
        "--listen nowhere",
        "--max-body huge",
        "--set events.nothing=1",
        "--set nobody.enabled=on",
    ] {
        let (code, said) = run(flags);
        assert_eq!(code, 2, "{flags}: {said}");
        assert!(
            said.contains(flags.split([' ', '=']).next().unwrap()),
            "{flags}: {said}"
        );
    }
}

#[test]
fn open_mode_on_an_address_that_others_reach_exits_2() {
    for flags in ["--listen 0.0.0.0:0", "--listen [::]:0"] {
        let (code, said) = run(flags);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("--insecure-open"), "{said}");
    }
}

#[test]
fn open_mode_says_so_once_as_a_warning() {
    let said = run("--listen 127.0.0.1:0").1;
    let warnings = said
        .lines()
        .filter(|line| line.contains("WARN") && line.contains("open mode"));
    assert_eq!(warnings.count(), 1, "{said}");
    let said = run("--listen 127.0.0.1:0 --key k").1;
    assert!(!said.contains("open mode"), "{said}");
}

#[test]
fn the_log_is_filtered_as_everybody_writes_it() {
    // This is answered, and said from debug on.
    let said = |filters: &str| {
        let server = Server::start_logging(filters, "");
        server.http().send("rubbish\r\n\r\n").answer();
        server.last_log()
    };
    for filters in [
        "debug",
        "roomcast=debug,info",
        "info,roomcast::reactor=debug",
        " DEBUG\n",
    ] {
        let log = said(filters);
        assert!(
            log.contains("DEBUG") && !log.contains("RUST_LOG"),
            "{filters}: {log}"
        );
    }
    for filters in ["", "info", "debug,roomcast=info"] {
        let log = said(filters);
        assert!(
            !log.contains("DEBUG") && !log.contains("RUST_LOG"),
            "{filters}: {log}"
        );
    }
    for filters in ["roomcast=loud", "verbose", "mio=debug", "a=b=c"] {
        let log = said(filters);
        assert!(
            log.contains("RUST_LOG cannot be") && !log.contains("DEBUG"),
            "{filters}: {log}"
        );
    }
}

#[test]
fn the_version_and_the_help_exit_0() {
    assert_eq!(
        (run("--version").0, run("--help").0, run("--print-config").0),
        (0, 0, 0)
    );
}

#[test]
fn it_serves_ipv6_as_well() {
    // A machine without IPv6 has nothing to show here.
    if TcpListener::bind("[::1]:0").is_ok() {
        let server = Server::start("--listen [::1]:0");
        assert!(server.address().is_ipv6());
        let mut client = server.join();
        server.publish("chat:said", &serde_json::json!({}));
        assert_eq!(client.event().0, "chat:said");
    }
}

#[test]
fn a_log_that_nobody_reads_any_more_ends_nothing() {
    let mut server = Server::start_unread("--drain 0s");
    let mut client = server.join();
    server.signal("TERM");
    assert_eq!(client.close_code(), 1001);
    drop(client);
    assert_eq!(server.exit_status().code(), Some(0));
}

#[test]
fn a_log_whose_reader_goes_away_in_the_middle_ends_nothing() {
    for _ in 0..10 {
        let mut server = Server::start("");
        let (stops, address) = (AtomicBool::new(false), server.address());
        thread::scope(|scope| {
            // Each of these is worth a line, so that one is always about to be written.
            scope.spawn(|| {
                while !stops.load(Ordering::Relaxed) {
                    let mut http = Http::new(TcpStream::connect(address).unwrap());
                    let answer = http.send("nonsense\r\n\r\n").answer();
                    assert_eq!(answer.status, 400);
                }
            });
            server.until("much was said", |server| {
                server.metric("roomcast_http_requests_total{route=\"unmatched\",status=\"400\"}")
                    > 50.0
            });
            server.go_away();
            server.until("much more was said", |server| {
                server.metric("roomcast_http_requests_total{route=\"unmatched\",status=\"400\"}")
                    > 100.0
            });
            stops.store(true, Ordering::Relaxed);
        });
        server.signal("TERM");
        assert_eq!(server.exit_status().code(), Some(0));
    }
}

#[test]
fn a_log_whose_reader_is_stuck_holds_nobody_up() {
    let server = Server::start("");
    server.stop_reading();
    // Each of these is worth a line, and a pipe takes a thousand of them.
    let mut http = server.http();
    for _ in 0..3000 {
        http = server.http();
        http.send("nonsense\r\n\r\n");
    }
    assert_eq!(http.answer().status, 400);
    assert_eq!(server.get("/healthz").status, 200);
}
