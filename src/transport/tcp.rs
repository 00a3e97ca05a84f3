//! The production ground: mio's poll over a listener and its streams, the process's signals, and the only real clock.
//!
//! It does not know what the bytes mean, and keeps nothing for a connection but its descriptor.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;

use super::listener::Listener;
use super::{AcceptError, Handover, Ready, Transport, is_shortage};
use crate::id::ConnId;
use crate::time::{Micros, Millis, Now, Unix};

/// Events fetched by one wait; more wait in the kernel for the next turn.
const EVENTS: usize = 4096;

const LISTENER: Token = Token(usize::MAX);
const SIGNALS: Token = Token(usize::MAX - 1);
const WAKER: Token = Token(usize::MAX - 2);

/// mio, and the clock.
pub struct Tcp {
    poll: Poll,
    events: Events,
    /// `None` once it was left to another process.
    listener: Option<TcpListener>,
    handover: Handover,
    /// Accepted sockets have to be told not to wait for more to send.
    lacks_nodelay: bool,
    address: SocketAddr,
    signals: Option<Signals>,
    spare: Option<File>,
    started: Instant,
    /// The wall clock then.
    started_unix: Unix,
}

impl Tcp {
    /// Accepts from this listener.
    pub fn new(listener: Listener) -> io::Result<Tcp> {
        let address = listener.address()?;
        let mut socket = TcpListener::from_std(listener.socket);
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut socket, LISTENER, Interest::READABLE)?;
        Ok(Tcp {
            poll,
            events: Events::with_capacity(EVENTS),
            address,
            listener: Some(socket),
            handover: listener.handover,
            lacks_nodelay: listener.lacks_nodelay,
            signals: None,
            spare: spare(),
            started: Instant::now(),
            started_unix: wall_clock(),
        })
    }

    /// Turns SIGTERM and SIGINT into [`Ready::Shutdown`] from now on.
    pub fn catch_signals(&mut self) -> io::Result<()> {
        let mut signals = Signals::new([SIGTERM, SIGINT])?;
        self.poll
            .registry()
            .register(&mut signals, SIGNALS, Interest::READABLE)?;
        self.signals = Some(signals);
        Ok(())
    }

    /// What ends a wait from another thread, now or the next one; there is one for each ground. Nothing is ready by it.
    pub fn waker(&self) -> io::Result<impl Fn() + Send + 'static> {
        let waker = Waker::new(self.poll.registry(), WAKER)?;
        Ok(move || {
            if let Err(error) = waker.wake() {
                log::error!("the loop cannot be woken: {error}");
            }
        })
    }

    /// The bound address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn timeout(&self, until: Option<Millis>) -> Option<Duration> {
        until.map(|at| {
            let elapsed = self.started.elapsed();
            at.duration().saturating_sub(elapsed)
        })
    }
}

/// What the wall clock shows; before 1970 there is nothing.
fn wall_clock() -> Unix {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH);
    Unix(unix.unwrap_or_default().as_millis() as u64)
}

impl Transport for Tcp {
    type Socket = TcpStream;

    fn now(&self) -> Now {
        let micros = Micros(self.started.elapsed().as_micros() as u64);
        Now {
            micros,
            aged: Millis(self.started_unix.0) + micros.millis(),
            unix: wall_clock(),
        }
    }

    fn wait(&mut self, until: Option<Millis>, ready: &mut Vec<Ready>) -> io::Result<()> {
        let timeout = self.timeout(until);
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &self.events {
            match event.token() {
                LISTENER => ready.push(Ready::Listener),
                WAKER => {}
                SIGNALS => {
                    let pending = self.signals.iter_mut().flat_map(Signals::pending);
                    ready.extend(pending.map(|_| Ready::Shutdown));
                }
                token => ready.push(Ready::Socket {
                    conn: ConnId::from_token(token.0),
                    readable: event.is_readable(),
                    writable: event.is_writable(),
                    ended: event.is_read_closed() || event.is_error(),
                }),
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> Result<(TcpStream, SocketAddr), AcceptError> {
        let Some(listener) = &self.listener else {
            return Err(AcceptError::Empty);
        };
        match retry(|| listener.accept()) {
            Ok(accepted) => {
                if self.lacks_nodelay {
                    // A connection that broke meanwhile will say so when it is read.
                    let _ = accepted.0.set_nodelay(true);
                }
                if self.spare.is_none() {
                    self.spare = spare();
                }
                Ok(accepted)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(AcceptError::Empty),
            Err(error) if is_shortage(&error) => Err(AcceptError::OutOfMemory),
            Err(error) if is_exhausted(&error) => {
                // Without a descriptor the queue cannot even be looked at. The spare buys one for just as long as it
                // takes to hang up on the first client, and we are not woken for the same connection again and again.
                self.spare = None;
                let turned_away = retry(|| listener.accept());
                let why = match &turned_away {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => AcceptError::Empty,
                    // The spare was gone, or another process was faster: nothing moves before a descriptor is free.
                    Err(error) if is_exhausted(error) => AcceptError::Stuck,
                    _ => AcceptError::Exhausted,
                };
                drop(turned_away);
                self.spare = spare();
                Err(why)
            }
            Err(error) => Err(AcceptError::Failed(error)),
        }
    }

    fn handover(&self) -> Handover {
        self.handover
    }

    fn stop_listening(&mut self) {
        if let Some(mut listener) = self.listener.take() {
            // Where others hold the same socket, closing ours would leave it in the poll.
            if let Err(error) = self.poll.registry().deregister(&mut listener) {
                log::error!("the listener stays in the poll: {error}");
            }
            log::info!("no longer listening: another process may take over");
        }
    }

    fn watch(&mut self, socket: &mut TcpStream, conn: ConnId) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        registry.register(socket, Token(conn.token()), both)
    }

    fn read(&mut self, socket: &mut TcpStream, into: &mut [u8]) -> io::Result<usize> {
        retry(|| socket.read(into))
    }

    fn write(&mut self, socket: &mut TcpStream, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match parts {
            [part] => retry(|| socket.write(part)),
            parts => retry(|| socket.write_vectored(parts)),
        }
    }

    fn finish(&mut self, socket: &mut TcpStream) {
        // A connection that is gone already has nothing left to finish.
        let _ = socket.shutdown(Shutdown::Write);
    }

    fn close(&mut self, socket: TcpStream) {
        // Closing the descriptor takes it out of the poll; a deregistration would be a second system call.
        drop(socket);
    }

    fn seed(&mut self) -> io::Result<[u8; 32]> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        Ok(seed)
    }
}

/// Runs a system call again for as long as a signal interrupts it.
fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

fn spare() -> Option<File> {
    File::open("/dev/null").ok()
}

/// EMFILE and ENFILE, which the standard library has no names for.
fn is_exhausted(error: &io::Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_a_signal_interrupts_is_made_again() {
        let mut calls = 0;
        let outcome = retry(|| {
            calls += 1;
            match calls {
                ..4 => Err(io::ErrorKind::Interrupted.into()),
                _ => Ok(calls),
            }
        });
        assert_eq!(outcome.ok(), Some(4));
        let broken = retry(|| -> io::Result<()> { Err(io::ErrorKind::BrokenPipe.into()) });
        assert!(broken.is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe));
    }

    #[test]
    fn a_wait_is_ended_from_another_thread_and_nothing_is_ready() {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut tcp = Tcp::new(Listener::bind(address, false).unwrap()).unwrap();
        let wake = tcp.waker().unwrap();
        let mut ready = Vec::new();
        let asleep = std::thread::spawn(move || {
            tcp.wait(None, &mut ready).unwrap();
            ready
        });
        wake();
        assert_eq!(asleep.join().unwrap(), []);
    }

    #[test]
    fn the_numbers_of_the_kernel_are_those_that_we_know() {
        let says = |number: i32| io::Error::from_raw_os_error(number).to_string();
        for (number, words) in [
            (12, "Cannot allocate memory"),
            (23, "Too many open files in system"),
            (24, "Too many open files"),
            (105, "No buffer space available"),
        ] {
            assert!(says(number).starts_with(words), "{}", says(number));
            let error = io::Error::from_raw_os_error(number);
            assert_ne!(is_shortage(&error), is_exhausted(&error), "{error}");
        }
    }
}
