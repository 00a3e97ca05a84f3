//! Rivals that are restless while it is another's turn: with the first message of a turn, each of the others hangs up
//! on its publishers, or pings its members. So what a flood must stand while it loads somebody else happens in every
//! turn, and however long a turn takes.
//!
//! Nobody is restless until each rival has had a message, its probe: a flood sets up one after the other.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::fake::{Fake, Lie};
use crate::programs::described;

/// How long pings may stay unanswered that should have been answered before this turn.
const PATIENCE: Duration = Duration::from_secs(120);
const PING: &[u8] = b"\x89\x00";

/// What the others do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meanwhile {
    /// They hang up on whoever publishes.
    HangUp,
    /// They ping every member, and want an answer before the turn after the next: until then only what a client does
    /// between two turns can bring one, unless the turn is its own.
    Ping,
}

/// The rivals of one comparison.
pub struct Unrest {
    fakes: Vec<Fake>,
    shared: Arc<Shared>,
}

struct Shared {
    meanwhile: Meanwhile,
    state: Mutex<State>,
    ponged: Condvar,
}

struct State {
    /// Whose turn it is.
    turn: Option<usize>,
    guests: Vec<Guests>,
    hung_up: usize,
}

/// Who is connected to one rival.
#[derive(Default)]
struct Guests {
    has_had_one: bool,
    publishers: Vec<TcpStream>,
    members: Vec<TcpStream>,
    pings: usize,
    pongs: usize,
    /// Pongs that must have come before the next turn.
    due: usize,
    /// Those that had.
    answered: usize,
}

/// One rival's place among them.
#[derive(Clone)]
pub struct Place {
    shared: Arc<Shared>,
    index: usize,
}

impl Unrest {
    /// So many rivals that tell the truth.
    pub fn among(rivals: usize, meanwhile: Meanwhile) -> Unrest {
        let shared = Arc::new(Shared {
            meanwhile,
            state: Mutex::new(State {
                turn: None,
                guests: (0..rivals).map(|_| Guests::default()).collect(),
                hung_up: 0,
            }),
            ponged: Condvar::new(),
        });
        let start = |index| {
            let shared = Arc::clone(&shared);
            Fake::among(Lie::None, Some(Place { shared, index }))
        };
        let fakes = (0..rivals).map(start).collect();
        Unrest { fakes, shared }
    }

    /// All of them, as those that are compared.
    pub fn contenders(&self) -> String {
        let (rival, pid) = (described("rival"), std::process::id());
        let each = self.fakes.iter().enumerate();
        each.map(|(index, fake)| format!("--target {index}={rival}@{}@{pid} ", fake.address))
            .collect()
    }

    /// Publishers that were hung up on.
    pub fn hung_up(&self) -> usize {
        self.shared.state.lock().unwrap().hung_up
    }

    /// Pings that were answered in time.
    pub fn answered(&self) -> usize {
        let state = self.shared.state.lock().unwrap();
        state.guests.iter().map(|guests| guests.answered).sum()
    }
}

impl Place {
    /// A connection that publishes here.
    pub fn publisher(&self, socket: &TcpStream) {
        let socket = socket.try_clone().unwrap();
        let mut state = self.shared.state.lock().unwrap();
        state.guests[self.index].publishers.push(socket);
    }

    /// A WebSocket that is open here.
    pub fn member(&self, socket: &TcpStream) {
        let socket = socket.try_clone().unwrap();
        let mut state = self.shared.state.lock().unwrap();
        state.guests[self.index].members.push(socket);
    }

    /// A member has answered a ping.
    pub fn pong(&self) {
        self.shared.state.lock().unwrap().guests[self.index].pongs += 1;
        self.shared.ponged.notify_all();
    }

    /// A message has come, and has not been answered.
    pub fn message(&self) {
        let mut state = self.shared.state.lock().unwrap();
        let all_have_had_one = state.guests.iter().all(|guests| guests.has_had_one);
        state.guests[self.index].has_had_one = true;
        if all_have_had_one && state.turn.replace(self.index) != Some(self.index) {
            match self.shared.meanwhile {
                Meanwhile::HangUp => self.hang_up(&mut state),
                Meanwhile::Ping => self.ping(state),
            }
        }
    }

    fn hang_up(&self, state: &mut State) {
        let State {
            guests, hung_up, ..
        } = state;
        for guests in self.others(guests) {
            for publisher in guests.publishers.drain(..) {
                *hung_up += usize::from(publisher.shutdown(Shutdown::Both).is_ok());
            }
        }
    }

    fn ping(&self, state: std::sync::MutexGuard<'_, State>) {
        let owes = |state: &mut State| {
            let mut others = self.others(&mut state.guests);
            others.any(|guests| guests.pongs < guests.due)
        };
        let waited = self.shared.ponged.wait_timeout_while(state, PATIENCE, owes);
        let (mut state, waited) = waited.unwrap();
        assert!(!waited.timed_out(), "pings stay unanswered");
        for guests in self.others(&mut state.guests) {
            guests.answered = guests.due;
            guests.due = guests.pings;
            for mut member in &guests.members {
                member.write_all(PING).unwrap();
                guests.pings += 1;
            }
        }
    }

    fn others<'a>(&self, guests: &'a mut [Guests]) -> impl Iterator<Item = &'a mut Guests> {
        let (before, from) = guests.split_at_mut(self.index);
        before.iter_mut().chain(&mut from[1..])
    }
}
