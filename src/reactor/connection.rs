//! One connection: its socket, its role, and what it stands for in the lists of the loop.

use std::net::IpAddr;

use crate::apps::{Progress, Seat};
use crate::core::protocol::{Phase, Protocol};
use crate::id::AppId;
use crate::time::{Micros, Recent};

/// One connection; its queue, deadline and rooms are columns elsewhere, under the same key.
pub(super) struct Connection<S> {
    pub(super) socket: S,
    pub(super) generation: u32,
    pub(super) protocol: Protocol,
    pub(super) role: Role,
    /// Bytes that were read and are not yet a whole request or frame.
    /// Behind one word, because hardly anybody has any.
    pub(super) leftover: Option<Box<Box<[u8]>>>,
    /// When a byte last came.
    pub(super) seen: Recent,
    /// When the request or message that is half received began, or the phase did.
    pub(super) since: Micros,
    /// Bytes of it in `half_received_bytes`.
    pub(super) held_bytes: u32,
    /// When the app was last told of a ping interval, in milliseconds that wrap.
    pub(super) beat: u32,
    pub(super) pings: u8,
    pub(super) flags: u16,
}

/// What a connection is to the apps.
pub(super) enum Role {
    /// It speaks HTTP.
    Visitor(Box<Visitor>),
    /// It is a member of an app.
    Member(AppId, Seat),
    /// It was one; what was queued for it may still go out.
    Former(AppId, Guest),
}

/// A connection that speaks HTTP.
pub(super) struct Visitor {
    /// The address that it came from.
    pub(super) address: IpAddr,
    pub(super) guest: Guest,
    /// How far an app has come with its request.
    pub(super) progress: Option<Progress>,
}

/// In no list and not counted: a member, or a client that has shown a key.
pub(super) const NOWHERE: u32 = u32::MAX;

/// What is kept of a connection that is no member.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guest {
    /// Its place among the guests.
    pub(super) place: u32,
    /// What it has taken of its last words since its time to take some of them began.
    pub(super) taken_bytes: u32,
}

impl Guest {
    pub(super) const NOBODY: Guest = Guest {
        place: NOWHERE,
        taken_bytes: 0,
    };
}

/// On the serving list.
pub(super) const SERVING: u16 = 1;
/// The peer has ended its side: read until the end.
pub(super) const ENDED: u16 = 2;
/// Not read until its queue has shrunk.
pub(super) const HELD: u16 = 4;
/// To be closed once its queue is empty.
pub(super) const LAST_WORDS: u16 = 8;
/// ... and before that the rest of its input is to be read, so that the last words are not lost to a reset.
pub(super) const LINGERS: u16 = 16;
/// On the list of the dead.
pub(super) const DEAD: u16 = 32;
/// No request has come since it was accepted, or no ping has gone since it was opened.
pub(super) const FRESH: u16 = 64;
/// The kernel had no memory for its last read: what is in its socket is not known.
pub(super) const STARVED: u16 = 128;
/// Its request waits until what an app has published is written, or the engine has told what became of it.
pub(super) const WAITS: u16 = 256;
/// It has shown a key.
pub(super) const KNOWN: u16 = 512;
/// It has made much work lately: it is served beside the others, and not in front of them. How lately is a number: each
/// time that it makes little it is one less.
pub(super) const HEAVY: u16 = HEAVY_ONE * 7;
pub(super) const HEAVY_ONE: u16 = 1024;
/// It has waited until what had been published before was written: once it waits for nothing that came since.
pub(super) const RELEASED: u16 = HEAVY_ONE * 8;

impl<S> Connection<S> {
    pub(super) fn is(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// It has been served, which was much work or not.
    pub(super) fn served(&mut self, is_heavy: bool) {
        if is_heavy {
            self.flags |= HEAVY;
        } else if self.is(HEAVY) {
            self.flags -= HEAVY_ONE;
        }
    }

    /// Whether a request or message has begun and is not whole, and the client is to blame.
    pub(super) fn is_midway(&self) -> bool {
        (self.protocol.is_midway() || self.has_begun()) && !self.is(HELD | WAITS)
    }

    /// Whether what was put aside is the beginning of something. Half an empty line is not: it can stand before a
    /// request, and as many whole ones as the client likes (RFC 9112 §2.2).
    fn has_begun(&self) -> bool {
        let is_empty_line =
            |bytes: &[u8]| bytes == b"\r" && self.protocol.phase() == Phase::Request;
        self.leftover
            .as_ref()
            .is_some_and(|bytes| !is_empty_line(bytes))
    }
}
