//! A panic of ours: the process says in one line what it was at, and aborts, in builds that unwind as well. This test
//! runs itself once more as the server, with an app that panics when it is told to.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use roomcast::apps::access::Access;
use roomcast::apps::context::Context;
use roomcast::apps::routes::{Needs, Route};
use roomcast::apps::{App, Apps, Call, Message as Said, Reply, Seat};
use roomcast::bounds::Bounds;
use roomcast::id::AppId;
use roomcast::reactor::Reactor;
use roomcast::time::{Millis, Unix};
use roomcast::transport::listener::Listener;
use roomcast::transport::tcp::Tcp;
use roomcast::vitals;
use roomcast::wire::frame::{Encoder, Frame};
use roomcast::wire::response::Response;
use tungstenite::{Message, WebSocket};

/// Set for the process that is the server.
const IS_SERVER: &str = "ROOMCAST_TEST_PANICS";
const SIGABRT: i32 = 6;
const PATIENCE: Duration = Duration::from_secs(120);

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

    fn opened(&mut self, _: Seat, _: &mut Context<'_>) {}

    fn message(&mut self, _: Seat, message: Said<'_>, cx: &mut Context<'_>) {
        if let Said::Text(text) = message {
            assert_ne!(text, "break", "told to");
            cx.send(cx.conn(), Frame::text(text));
        }
    }

    fn closed(&mut self, _: Seat, _: &mut Context<'_>) {}

    fn lagged(&self, _: u32, _: Unix, _: &mut Encoder) -> Frame {
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

struct Server {
    child: Child,
    stderr: BufReader<ChildStderr>,
    address: String,
}

impl Server {
    fn start() -> Server {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "serve", "--nocapture", "--test-threads=1"])
            .env(IS_SERVER, "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening on") {
            line.clear();
            assert!(
                stderr.read_line(&mut line).unwrap() > 0,
                "it does not listen"
            );
        }
        let (_, address) = line.trim().split_once("http://").unwrap();
        Server {
            child,
            stderr,
            address: address.to_owned(),
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// A member that has been heard.
    fn join(&self) -> WebSocket<TcpStream> {
        let url = format!("ws://{}/fragile", self.address);
        let (mut member, _) = tungstenite::client(url, self.connect()).unwrap();
        member.send(Message::text("hello")).unwrap();
        assert_eq!(member.read().unwrap(), Message::text("hello"));
        member
    }

    /// Waits for its end; how it ended, and what it said before.
    fn end(mut self) -> (Option<i32>, Vec<String>) {
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        let signal = self.child.wait().unwrap().signal();
        (signal, said.lines().map(str::to_owned).collect())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
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
    let server = Server::start();
    let mut members = [server.join(), server.join(), server.join()];
    let _visitor = server.connect();
    members[1].send(Message::text("break")).unwrap();
    assert!(members[0].read().is_err(), "everybody is cut");
    let (signal, lines) = server.end();
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
    let server = Server::start();
    let mut visitor = server.connect();
    std::io::Write::write_all(
        &mut visitor,
        b"GET /broken HTTP/1.1\r\nHost: localhost\r\n\r\n",
    )
    .unwrap();
    let mut answer = String::new();
    let _ = visitor.read_to_string(&mut answer);
    assert_eq!(answer, "");
    let (signal, lines) = server.end();
    assert_eq!(signal, Some(SIGABRT), "{lines:?}");
    let words = [
        "a request finds /broken; turn",
        "0 of them members",
        "connection 0.1",
    ];
    assert_said(&lines, &words);
}
