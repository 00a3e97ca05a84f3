//! The crowd against servers that are slow, full, silent or gone.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use socket2::{Domain, Socket, Type};
use tungstenite::Message;

use super::*;

/// What came, in the order in which it came.
#[derive(Default)]
struct Diary(Vec<String>);

impl Sink for Diary {
    fn opened(&mut self, client: u32) {
        self.0.push(format!("{client} opened"));
    }

    fn message(&mut self, client: u32, payload: &[u8], _: Micros) {
        let text = String::from_utf8(payload.to_vec()).unwrap();
        self.0.push(format!("{client} {text}"));
    }

    fn lost(&mut self, client: u32) {
        self.0.push(format!("{client} lost"));
    }

    fn ungreeted(&self) -> u32 {
        0
    }
}

/// Writes one byte at a time, each in a segment of its own.
struct Trickle(TcpStream);

impl Read for Trickle {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl Write for Trickle {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(&bytes[..bytes.len().min(1)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A server that does `serve` with each of its connections, one after the other.
fn server(mut serve: impl FnMut(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        listener
            .incoming()
            .for_each(|socket| serve(socket.unwrap()))
    });
    address
}

/// `count` clients of `server`, each of which opened or failed.
fn connected(server: SocketAddr, count: u32, diary: &mut Diary) -> (Crowd, Micros) {
    connected_within(Duration::from_secs(60), server, count, diary)
}

fn connected_within(
    handshake_timeout: Duration,
    server: SocketAddr,
    count: u32,
    diary: &mut Diary,
) -> (Crowd, Micros) {
    let target = crate::target::server::sample(server, None, count);
    let mut crowd = Crowd::new(target, 1 << 17, Clock::start()).unwrap();
    let deadline = after(crowd.clock().now(), Duration::from_secs(60));
    let pace = Pace {
        schedule: Schedule::new(Micros(0), 0.0),
        in_flight_max: 1,
        handshake_timeout,
    };
    let sources = Sources::new(server, count, None);
    crowd
        .connect(pace, sources, deadline, diary, |_| ())
        .unwrap();
    (crowd, deadline)
}

fn failures(server: SocketAddr, count: u32) -> String {
    let (crowd, _) = connected(server, count, &mut Diary::default());
    format!("{:?}", crowd.outcome.failed)
}

#[test]
fn a_stream_cut_at_every_byte_is_read_as_it_was_meant() {
    let long = "x".repeat(70_000);
    let messages = ["one".to_owned(), "y".repeat(300), long, "last".to_owned()];
    let sent = messages.clone();
    let address = server(move |socket| {
        socket.set_nodelay(true).unwrap();
        let mut socket = tungstenite::accept(Trickle(socket)).unwrap();
        for message in &sent {
            socket.send(Message::text(message)).unwrap();
        }
        socket.send(Message::Ping("here?".into())).unwrap();
        assert_eq!(socket.read().unwrap(), Message::Pong("here?".into()));
        socket.send(Message::text("ponged")).unwrap();
        while socket.read().is_ok() {}
    });
    let mut diary = Diary::default();
    let (mut crowd, deadline) = connected(address, 1, &mut diary);
    while diary.0.last().is_none_or(|last| last != "0 ponged") {
        assert!(crowd.clock().now() < deadline, "{:?}", diary.0);
        crowd.turn(deadline, &mut diary).unwrap();
    }
    crowd.close(1, deadline, &mut diary, |_| ()).unwrap();
    assert_eq!(crowd.outcome.clean, 1);
    let expected = messages.iter().map(|message| format!("0 {message}"));
    assert!(
        diary.0[1..diary.0.len() - 1]
            .iter()
            .eq(&expected.collect::<Vec<_>>())
    );
}

#[test]
fn connections_that_fail_are_counted_by_kind() {
    // A port that nobody listens on, and nobody else gets.
    let held = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    held.bind(&any.into()).unwrap();
    let closed = held.local_addr().unwrap().as_socket().unwrap();
    assert_eq!(failures(closed, 3), r#"{"refused": 3}"#);
    let full = server(|mut socket| {
        assert!(socket.read(&mut [0; 4096]).unwrap() > 0);
        socket.write_all(b"HTTP/1.1 503 Busy\r\n\r\n").unwrap();
    });
    assert_eq!(failures(full, 2), r#"{"status 503": 2}"#);
    let mut kept = Vec::new();
    let silent = server(move |socket| kept.push(socket));
    let soon = Duration::from_millis(200);
    let (crowd, _) = connected_within(soon, silent, 2, &mut Diary::default());
    let failed = format!("{:?}", crowd.outcome.failed);
    assert_eq!(failed, r#"{"timeout": 2}"#);
}

#[test]
fn a_connection_that_goes_away_by_itself_is_lost_with_its_close_code() {
    let address = server(|socket| {
        let mut socket = tungstenite::accept(socket).unwrap();
        socket.close(None).unwrap();
        while socket.read().is_ok() {}
    });
    let mut diary = Diary::default();
    let (mut crowd, deadline) = connected(address, 1, &mut diary);
    while crowd.open() > 0 && crowd.clock().now() < deadline {
        crowd.turn(deadline, &mut diary).unwrap();
    }
    assert_eq!(diary.0, ["0 opened", "0 lost"]);
    assert_eq!(
        format!("{:?}", crowd.outcome.lost),
        r#"{"close code 1005": 1}"#
    );
}
