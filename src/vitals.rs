//! What the process is at, in plain numbers, for the one line that a panic leaves behind.
//!
//! A panic is our own fault, and a hub that goes on with half a turn done would serve everybody wrongly. So it says
//! where and in which state it was and aborts, in every build, and its supervisor starts another one. The numbers
//! are stored as they come, once a turn and at each call of an app: a store to memory of the thread's own each, no lock
//! and no allocation. Nobody reads them but the panic.

use std::cell::Cell;
use std::panic::{self, PanicHookInfo};
use std::{fmt, process};

use crate::id::{AppId, ConnId};

/// Characters of a panic's own words at most: they may quote something long.
const WORDS_MAX: usize = 400;

/// What is known of the loop that runs on this thread.
struct Vitals {
    turn: Cell<u64>,
    connections: Cell<u64>,
    members: Cell<u64>,
    held_bytes: Cell<u64>,
    conn: Cell<Option<ConnId>>,
    app: Cell<Option<AppId>>,
}

thread_local! {
    static VITALS: Vitals = const {
        Vitals {
            turn: Cell::new(0),
            connections: Cell::new(0),
            members: Cell::new(0),
            held_bytes: Cell::new(0),
            conn: Cell::new(None),
            app: Cell::new(None),
        }
    };
}

/// Another turn begins: with so many connections, members among them, and bytes held for them.
pub fn turn(connections: u64, members: u64, held_bytes: u64) {
    VITALS.with(|vitals| {
        vitals.turn.set(vitals.turn.get() + 1);
        vitals.connections.set(connections);
        vitals.members.set(members);
        vitals.held_bytes.set(held_bytes);
    });
}

/// A connection is served, and no app has been asked yet.
pub fn serves(conn: ConnId) {
    is_at(Some(conn), None);
}

/// An app is asked about a connection.
pub fn asks(app: AppId, conn: ConnId) {
    is_at(Some(conn), Some(app));
}

/// Nobody is served from here on.
pub fn serves_nobody() {
    is_at(None, None);
}

fn is_at(conn: Option<ConnId>, app: Option<AppId>) {
    VITALS.with(|vitals| {
        vitals.conn.set(conn);
        vitals.app.set(app);
    });
}

/// From now on a panic on any thread is one line of the log, and the end of the process.
pub fn abort_on_panic() {
    panic::set_hook(Box::new(|info| {
        VITALS.with(|vitals| log::error!("{}", Obituary { info, vitals }));
        process::abort();
    }));
}

/// The line.
struct Obituary<'a> {
    info: &'a PanicHookInfo<'a>,
    vitals: &'a Vitals,
}

impl fmt::Display for Obituary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Obituary { info, vitals } = self;
        write!(f, "our own fault, and the end: panicked")?;
        if let Some(place) = info.location() {
            write!(f, " at {place}")?;
        }
        write!(f, ": ")?;
        let words = info.payload_as_str().unwrap_or("without words");
        for char in words.chars().take(WORDS_MAX) {
            write!(f, "{}", if char.is_control() { ' ' } else { char })?;
        }
        let (turn, connections) = (vitals.turn.get(), vitals.connections.get());
        let (members, held_bytes) = (vitals.members.get(), vitals.held_bytes.get());
        write!(
            f,
            "; turn {turn}, {connections} connections, {members} of them members, {held_bytes} bytes held; "
        )?;
        match (vitals.app.get(), vitals.conn.get()) {
            (Some(app), Some(conn)) => {
                write!(f, "{} was asked about connection {conn}", app.name())
            }
            (None, Some(conn)) => write!(f, "connection {conn} was served"),
            _ => write!(f, "nobody was served"),
        }
    }
}
