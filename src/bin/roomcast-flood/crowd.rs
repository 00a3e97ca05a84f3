//! All connections of a run and the one loop that drives them: connect, wait, close.
//!
//! One poll, one read buffer, one thread. What a message means is the sink's business. Tokens that belong to no
//! client are handed to the caller as visitors after each turn. Every loop here ends at its deadline at the latest.

use std::time::Duration;

use mio::{Registry, Token};
use roomcast::time::Micros;

use crate::client::{Client, Context, End, Kit, Sink};
use crate::clock::{Clock, after};
use crate::error::Error;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::poller::Poller;
use crate::schedule::Schedule;
use crate::sources::Sources;
use crate::target::Target;

/// Connections or closes started a turn, so that the others are not kept waiting.
const STARTS_MAX: usize = 32;

/// How fast connections are made.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// When each of them is due.
    pub schedule: Schedule,
    /// Handshakes under way at any time, at most.
    pub in_flight_max: usize,
    /// A handshake that takes longer has failed.
    pub handshake_timeout: Duration,
}

/// The clients and their loop.
#[derive(Debug)]
pub struct Crowd {
    poller: Poller,
    visitors: Vec<Token>,
    buffer: Box<[u8]>,
    kit: Kit,
    target: Target,
    clients: Vec<Client>,
    outcome: Outcome,
}

impl Crowd {
    /// `count` clients of `target` that have not connected yet, for frames of up to `payload_max` bytes.
    pub fn new(
        target: Target,
        count: u32,
        payload_max: usize,
        clock: Clock,
    ) -> Result<Crowd, Error> {
        let kit = Kit::new(clock, payload_max);
        let mut clients = Vec::new();
        clients.resize_with(count as usize, Client::default);
        Ok(Crowd {
            poller: Poller::new(clock).map_err(|error| Error::new("opening a poll", error))?,
            visitors: Vec::new(),
            buffer: kit.read_buffer(),
            kit,
            target,
            clients,
            outcome: Outcome::new(),
        })
    }

    /// Connects every client. Those that are not open at the deadline have failed.
    pub fn connect(
        &mut self,
        pace: Pace,
        sources: Sources,
        deadline: Micros,
        sink: &mut impl Sink,
        mut progress: impl FnMut(u32),
    ) -> Result<(), Error> {
        let count = self.clients.len() as u32;
        let mut oldest = 0;
        loop {
            let now = self.clock().now();
            oldest = self.expire(oldest, now, pace.handshake_timeout);
            if now >= deadline {
                self.give_up_connecting();
                return Ok(());
            }
            for _ in 0..STARTS_MAX {
                let next = self.outcome.started;
                let due = next < count && pace.schedule.due(next) <= now;
                if !due || self.outcome.connecting() >= pace.in_flight_max {
                    break;
                }
                self.start(next, sources);
            }
            progress(self.outcome.opened);
            let next = self.outcome.started;
            if next == count && self.outcome.connecting() == 0 {
                return Ok(());
            }
            let room = next < count && self.outcome.connecting() < pace.in_flight_max;
            let until = if room {
                pace.schedule.due(next)
            } else {
                deadline
            };
            self.turn(until, sink)?;
        }
    }

    /// Handles what is ready. If nothing is, waits for it, but no longer than `until` or 50 ms.
    pub fn turn(&mut self, until: Micros, sink: &mut impl Sink) -> Result<(), Error> {
        self.poller
            .wait(until)
            .map_err(|error| Error::new("polling", error))?;
        self.visitors.clear();
        for event in self.poller.events() {
            let token = event.token();
            let Some(client) = self.clients.get_mut(token.0) else {
                self.visitors.push(token);
                continue;
            };
            let mut context = Context {
                id: token.0 as u32,
                target: &self.target,
                kit: &mut self.kit,
                sink,
            };
            let step = client.ready(event, &mut self.buffer, &mut context);
            self.outcome.step(step);
        }
        Ok(())
    }

    /// Closes every open client and waits for the answers; at most `in_flight_max` of them are outstanding.
    pub fn close(
        &mut self,
        in_flight_max: usize,
        deadline: Micros,
        sink: &mut impl Sink,
        mut progress: impl FnMut(u32),
    ) -> Result<(), Error> {
        let mut next = 0;
        let ended = self.outcome.closed();
        let mut asked = 0;
        loop {
            for _ in 0..STARTS_MAX {
                if next == self.clients.len()
                    || asked - (self.outcome.closed() - ended) >= in_flight_max
                {
                    break;
                }
                let client = &mut self.clients[next];
                next += 1;
                if client.is_open() {
                    asked += 1;
                    if let Err(end) = client.close(&mut self.kit) {
                        self.outcome.ended(end);
                    }
                }
            }
            let done = self.outcome.closed() - ended;
            progress(done as u32);
            if next == self.clients.len() && done == asked {
                return Ok(());
            }
            if self.clock().now() >= deadline {
                self.drop_all();
                return Ok(());
            }
            let room = next < self.clients.len() && asked - done < in_flight_max;
            let until = if room { Micros(0) } else { deadline };
            self.turn(until, sink)?;
        }
    }

    /// Drops every connection without a word; those that were open or closing count as not cleanly closed.
    pub fn drop_all(&mut self) {
        for client in &mut self.clients {
            if client.is_closing() {
                self.outcome.ended(client.end(Failure::Timeout));
            } else if client.is_open() {
                client.end(Failure::Timeout);
                self.outcome.ended(End::Unclean(Failure::Timeout));
            }
        }
    }

    /// What became of the clients so far.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Connections that are open now and not closing.
    pub fn open(&self) -> u32 {
        self.clients
            .iter()
            .filter(|client| client.is_open())
            .count() as u32
    }

    /// The run's clock.
    pub fn clock(&self) -> Clock {
        self.kit.clock
    }

    /// The server.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Where others may register sockets, with tokens from [`Crowd::visitor`].
    pub fn registry(&self) -> &Registry {
        self.poller.registry()
    }

    /// The token of visitor `index`, which no client has.
    pub fn visitor(&self, index: usize) -> Token {
        Token(self.clients.len() + index)
    }

    /// The visitors that the last turn found ready.
    pub fn visitors(&self) -> impl Iterator<Item = usize> {
        let clients = self.clients.len();
        self.visitors.iter().map(move |token| token.0 - clients)
    }

    /// Microseconds so far in which there was nothing to do.
    pub fn idle_us(&self) -> u64 {
        self.poller.idle_us()
    }

    fn start(&mut self, id: u32, sources: Sources) {
        let clock = self.clock();
        let token = Token(id as usize);
        let client = &mut self.clients[id as usize];
        self.outcome.started += 1;
        let registry = self.poller.registry();
        if let Err(failure) =
            client.connect(&self.target, sources.address(id), registry, token, clock)
        {
            self.outcome.ended(client.end(failure));
        }
    }

    /// Fails the handshakes that take too long. Clients started in order, so those before `oldest` are past it.
    fn expire(&mut self, mut oldest: u32, now: Micros, timeout: Duration) -> u32 {
        while oldest < self.outcome.started {
            let client = &mut self.clients[oldest as usize];
            if let Some(since) = client.connecting_since() {
                if now < after(since, timeout) {
                    break;
                }
                self.outcome.ended(client.end(Failure::Timeout));
            }
            oldest += 1;
        }
        oldest
    }

    fn give_up_connecting(&mut self) {
        self.expire(0, Micros(u64::MAX), Duration::ZERO);
        let count = self.clients.len() as u32;
        self.outcome.never_started(count - self.outcome.started);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read, Write};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::thread;

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
        let target = Target::events(server, "/ws", None);
        let mut crowd = Crowd::new(target, count, 1 << 17, Clock::start()).unwrap();
        let deadline = after(crowd.clock().now(), Duration::from_secs(10));
        let pace = Pace {
            schedule: Schedule::new(Micros(0), 0.0),
            in_flight_max: 1,
            handshake_timeout: Duration::from_millis(200),
        };
        let sources = Sources::new(server, count, None);
        crowd
            .connect(pace, sources, deadline, diary, |_| ())
            .unwrap();
        (crowd, deadline)
    }

    fn failures(server: SocketAddr, count: u32) -> String {
        let (crowd, _) = connected(server, count, &mut Diary::default());
        format!("{:?}", crowd.outcome().failed)
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
        assert_eq!(crowd.outcome().clean, 1);
        let expected = messages.iter().map(|message| format!("0 {message}"));
        assert!(
            diary.0[1..diary.0.len() - 1]
                .iter()
                .eq(&expected.collect::<Vec<_>>())
        );
    }

    #[test]
    fn connections_that_fail_are_counted_by_kind() {
        let closed = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        assert_eq!(failures(closed, 3), r#"{"refused": 3}"#);
        let full = server(|mut socket| {
            assert!(socket.read(&mut [0; 4096]).unwrap() > 0);
            socket.write_all(b"HTTP/1.1 503 Busy\r\n\r\n").unwrap();
        });
        assert_eq!(failures(full, 2), r#"{"status 503": 2}"#);
        let mut kept = Vec::new();
        let silent = server(move |socket| kept.push(socket));
        assert_eq!(failures(silent, 2), r#"{"timeout": 2}"#);
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
            format!("{:?}", crowd.outcome().lost),
            r#"{"close code 1005": 1}"#
        );
    }
}
