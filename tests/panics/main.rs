//! A panic of ours: the process says in one line what it was at, and aborts, in builds that unwind as well. This test
//! runs itself once more as the server, with an app that panics when it is told to.
#![allow(clippy::unwrap_used, missing_docs)]

#[allow(dead_code)]
#[path = "../harness/mod.rs"]
mod harness;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use roomcast::apps::access::Access;
use roomcast::apps::context::Context;
use roomcast::apps::routes::{Needs, Route};
use roomcast::apps::{App, Apps, Call, Gap, Message as Said, Reply, Seat};
use roomcast::bounds::Bounds;
use roomcast::id::AppId;
use roomcast::position::Since;
use roomcast::reactor::Reactor;
use roomcast::time::{Millis, Unix};
use roomcast::transport::listener::Listener;
use roomcast::transport::tcp::Tcp;
use roomcast::vitals;
use roomcast::wire::frame::{Encoder, Frame};
use roomcast::wire::response::Response;

use crate::harness::client::Client;
use crate::harness::http::request;
use crate::harness::server::Server;

/// Set for the process that is the server.
const IS_SERVER: &str = "ROOMCAST_TEST_PANICS";
const SIGABRT: i32 = 6;

static ROUTE: Route = Route::upgrade("/fragile", Needs::Nothing);
static CALL: Route = Route::open("GET", "/broken");

/// An app that answers until it is told to panic.
struct Fragile;

impl App for Fragile {
    fn routes(&self) -> Vec<&'static Route> {
        vec![&ROUTE, &CALL]
    }

    fn request(&mut self, call: &Call<'_>, _: &mut Context<'_>) -> Reply {
        panic!("a request finds\n{}", call.route.path)
    }

    fn admit(&mut self, _: &Call<'_>, _: &mut Context<'_>) -> Result<Seat, Response> {
        Ok(Seat::default())
    }

    fn opened(&mut self, _: Seat, _: Option<Since>, _: &mut Context<'_>) {}

    fn message(&mut self, _: Seat, message: Said<'_>, cx: &mut Context<'_>) {
        if let Said::Text(text) = message {
            assert_ne!(text, "break", "told to");
            cx.send(cx.conn(), Frame::text(text));
        }
    }

    fn closed(&mut self, _: Seat, _: &mut Context<'_>) {}

    fn lagged(&self, _: Gap, _: Unix, _: &mut Encoder) -> Frame {
        Frame::text("lagged")
    }
}

/// The server, in the process that is told to be it; elsewhere nothing.
#[test]
fn serve() {
    if std::env::var_os(IS_SERVER).is_none() {
        return;
    }
    simple_logger::init_with_level(log::Level::Info).unwrap();
    vitals::abort_on_panic();
    let listener = Listener::bind(([127, 0, 0, 1], 0).into(), false).unwrap();
    let transport = Tcp::new(listener).unwrap();
    let address = transport.address();
    let access = Access::new(Vec::new(), Vec::new(), address);
    let fragile: Box<dyn App> = Box::new(Fragile);
    let apps = Apps::new(access, [(AppId::Tasks, fragile)]);
    let bounds = Bounds {
        // On a machine that is busy with other tests a turn may take long, and nobody is to be refused for that.
        loop_lag_limit: Millis::seconds(60),
        ..Bounds::default()
    };
    let mut reactor = Reactor::new(transport, bounds, apps).unwrap();
    log::info!("listening on http://{address}");
    reactor.run().unwrap();
}

/// This test once more, as the server.
fn start() -> Server {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "serve", "--nocapture", "--test-threads=1"])
        .env(IS_SERVER, "1")
        .stdin(Stdio::null());
    Server::over(command)
}

/// A member that has been heard.
fn join(server: &Server) -> Client {
    let mut member = server.connect("/fragile");
    assert_eq!(member.send("hello").text(), "hello");
    member
}

/// Waits for the end of the server; by which signal it came, and what was said before.
fn end(server: Server) -> (Option<i32>, Vec<String>) {
    let (status, said) = server.end();
    (status.signal(), said.lines().map(str::to_owned).collect())
}

#[track_caller]
fn assert_said(lines: &[String], words: &[&str]) {
    assert_eq!(lines.len(), 1, "one line: {lines:?}");
    for word in words {
        assert!(
            lines[0].contains(word),
            "{word:?} is missing from {lines:?}"
        );
    }
}

#[test]
fn a_panic_in_an_app_is_one_line_and_the_end_of_the_process() {
    let server = start();
    let mut members = [join(&server), join(&server), join(&server)];
    let _visitor = server.http();
    members[1].send("break");
    assert!(members[0].is_cut(), "everybody is cut");
    let (signal, lines) = end(server);
    assert_eq!(signal, Some(SIGABRT), "{lines:?}");
    assert_said(
        &lines,
        &[
            "ERROR",
            "panicked at tests/panics/main.rs:",
            "told to",
            "connections, 3 of them members, 0 bytes held; tasks was asked about connection 1.2",
        ],
    );
    let (_, rest) = lines[0].split_once("; turn ").unwrap();
    let turn: u64 = rest.split(',').next().unwrap().parse().unwrap();
    assert!(turn > 3, "{lines:?}");
}

#[test]
fn a_panic_of_many_lines_is_still_one() {
    let server = start();
    let mut visitor = server.http();
    visitor.send(request("GET", "/broken", "", ""));
    assert!(visitor.is_over());
    let (signal, lines) = end(server);
    assert_eq!(signal, Some(SIGABRT), "{lines:?}");
    let words = [
        "a request finds /broken; turn",
        "0 of them members",
        "connection 0.1",
    ];
    assert_said(&lines, &words);
}
