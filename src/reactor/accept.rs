//! How connections begin: a client that knocks is accepted, as far as the turn has work, the accept rate and a descriptor for
//! it, and is a visitor from then on. Who has to go for it is decided by [`super::guests`].

use std::io;
use std::net::IpAddr;

use super::connection::{Connection, FRESH, Guest, Role, Visitor};
use super::{Part, Reactor};
use crate::core::protocol::Protocol;
use crate::id::ConnId;
use crate::metrics::Accept;
use crate::time::Recent;
use crate::transport::{AcceptError, Transport};
use crate::warnings::Warning;
use crate::work;

impl<T: Transport> Reactor<T> {
    /// Takes in the clients that knock, up to the turn's budget and the accept rate; the others wait in the kernel's backlog.
    pub(super) fn accept(&mut self) {
        if !self.accepting || self.shortage.defers_accepts() {
            return;
        }
        self.common.work.enter(Part::Accept);
        while self.common.work.goes_on() {
            if self.awaits_burial() {
                return;
            }
            if !self.accept_rate.allows() {
                self.accept_capped = true;
                return;
            }
            let leaver = match self.is_crowded() {
                false => None,
                true => match self.leaver() {
                    None => return self.nobody_may_leave(),
                    leaver => leaver,
                },
            };
            if let Some(key) = leaver
                && self.has_guests_too_many()
            {
                // Members have become guests: they go first, and nobody comes for them.
                self.make_place(key);
                continue;
            }
            self.common.work.charge(work::ACCEPT);
            let accepted = self.transport.accept();
            let found_somebody = !matches!(
                accepted,
                Err(AcceptError::Empty | AcceptError::Stuck | AcceptError::OutOfMemory)
            );
            if found_somebody {
                self.accept_rate.spend();
            }
            if std::mem::take(&mut self.accept_capped) && found_somebody {
                self.common.metrics.accept_waits += 1;
                self.warn(Warning::AcceptRate, format_args!(
                    "more connections come than the accept rate takes in: they wait in the kernel's backlog"
                ));
            }
            match accepted {
                Ok((socket, address)) => {
                    leaver.into_iter().for_each(|key| self.make_place(key));
                    self.enter(socket, address.ip());
                }
                Err(error) => {
                    if self.accept_failed(error) {
                        return;
                    }
                }
            }
        }
    }

    /// Nobody was accepted, for this reason; whether there is nobody to be accepted for now.
    fn accept_failed(&mut self, error: AcceptError) -> bool {
        match error {
            AcceptError::Empty => {
                self.accepting = false;
                self.nobody_knocks();
            }
            AcceptError::Exhausted => {
                self.common.metrics.accept(Accept::Exhausted);
                self.warn(
                    Warning::Descriptors,
                    format_args!("out of file descriptors: a connection was turned away"),
                );
                return false;
            }
            AcceptError::Stuck => self.defer_accepts(
                Warning::Descriptors,
                format_args!("out of file descriptors: connections wait in the kernel's backlog"),
            ),
            AcceptError::OutOfMemory => self.defer_accepts(
                Warning::Backlog,
                format_args!("the kernel has no memory for connections: they wait in its backlog"),
            ),
            AcceptError::Failed(error) => {
                if error.kind() == io::ErrorKind::ConnectionAborted {
                    self.common.metrics.accept(Accept::Aborted);
                } else {
                    self.common.metrics.accept(Accept::Failed);
                    self.warn(
                        Warning::Accept,
                        format_args!("a connection could not be accepted: {error}"),
                    );
                }
                return false;
            }
        }
        true
    }

    /// The kernel gives no connection now, and tells by no event when it will: it is asked again after a while.
    fn defer_accepts(&mut self, kind: Warning, why: std::fmt::Arguments<'_>) {
        self.common.metrics.accept(Accept::Exhausted);
        self.shortage.defer_accepts(self.common.now.millis());
        self.warn(kind, why);
    }

    fn enter(&mut self, socket: T::Socket, address: IpAddr) {
        let now = self.common.now;
        self.generation = self.generation.wrapping_add(1);
        let entry = self.conns.vacant_entry();
        let id = ConnId {
            key: entry.key() as u32,
            generation: self.generation,
        };
        let conn = entry.insert(Connection {
            socket,
            generation: id.generation,
            protocol: Protocol::new(),
            role: Role::Visitor(Box::new(Visitor {
                address,
                guest: Guest::NOBODY,
                progress: None,
            })),
            leftover: None,
            seen: Recent::new(now.millis()),
            since: now.micros,
            held_bytes: 0,
            beat: 0,
            pings: 0,
            flags: FRESH,
        });
        if let Err(error) = self.transport.watch(&mut conn.socket, id) {
            let conn = self.conns.remove(id.key as usize);
            self.transport.close(conn.socket);
            self.common.metrics.accept(Accept::Failed);
            self.warn(
                Warning::Accept,
                format_args!("a connection could not be watched: {error}"),
            );
            return;
        }
        self.common.metrics.accept(Accept::Accepted);
        self.common.outbox.open(id);
        self.common.hub.open(id.key);
        self.wheel.open(id.key);
        self.limiter.open(id.key);
        self.wheel
            .arm(id.key, now.millis() + self.common.bounds.header_timeout);
        self.becomes_guest(id.key);
        self.rests(id.key);
    }
}
