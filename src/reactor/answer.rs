//! What a client is answered: to a request, to a close frame, to what it did wrong.
//!
//! Answers are queued here and written when the turn ends. Some are a connection's last words.

use super::Reactor;
use super::connection::{FRESH, LAST_WORDS, LINGERS, Role};
use crate::apps::{Outcome, Progress, Way};
use crate::core::protocol::Phase;
use crate::id::{AppId, ConnId};
use crate::transport::Transport;
use crate::wire::fault::{Answer, Fault};
use crate::wire::frame::Frame;
use crate::wire::request::{Head, origin_of};
use crate::wire::response::Response;

/// Why there is no answer yet.
pub(super) enum Unanswered {
    /// What this app has published has to be written first.
    Waits(AppId),
    /// There is more to be done than this turn has work left for.
    GoesOn,
    /// It is for the engine to say when there is one.
    Undecided,
}

/// What an answer needs to know of its request.
pub(super) struct Answered {
    outcome: Outcome,
    head_only: bool,
    keeps_alive: bool,
    is_http_1_1: bool,
}

impl Answered {
    pub(super) fn new(head: &Head<'_>, outcome: Outcome) -> Answered {
        Answered {
            outcome,
            head_only: head.method == "HEAD",
            keeps_alive: head.keeps_alive(),
            is_http_1_1: head.is_http_1_1(),
        }
    }
}

impl<T: Transport> Reactor<T> {
    /// Queues the answer to a request, and opens the connection if that is what it says; or says why there is none yet.
    pub(super) fn answer(&mut self, id: ConnId, answered: Answered) -> Option<Unanswered> {
        let Answered {
            outcome,
            head_only,
            keeps_alive,
            is_http_1_1,
        } = answered;
        let unix = self.common.now.unix;
        match outcome {
            Outcome::Answer(response) => {
                // While requests are still served, those that stand behind this one get their answers, too.
                let health = self.common.health;
                let is_last = health.draining
                    && (health.refusing || health.starting || self.buffer.unread().is_empty());
                let keeps_alive = keeps_alive && !is_last;
                // Before HTTP/1.1 a connection that stays is the exception, and both sides have to say so.
                let response = if keeps_alive && !is_http_1_1 {
                    response.with("Connection", "keep-alive")
                } else {
                    response
                };
                self.queue(id.key, response.encode(unix, head_only, !keeps_alive));
                match response.pieces_bytes().filter(|_| !head_only) {
                    Some(bytes) => self.begin_handing(id, bytes, keeps_alive),
                    None if !keeps_alive => self.say_last_words(id),
                    None => {}
                }
            }
            Outcome::Waits(app) => return Some(Unanswered::Waits(app)),
            Outcome::GoesOn(progress) => {
                self.get_on(id, progress);
                return Some(Unanswered::GoesOn);
            }
            Outcome::Undecided => return Some(Unanswered::Undecided),
            Outcome::Behind(app, about) => {
                self.get_on(id, Progress::Again);
                let waits = self.common.undecided.wait(app, about, id);
                return Some(match waits {
                    true => Unanswered::Undecided,
                    false => Unanswered::GoesOn,
                });
            }
            Outcome::Starting => {
                self.get_on(id, Progress::Again);
                self.knocking.push(id);
                return Some(Unanswered::Undecided);
            }
            Outcome::Open(app, seat, since, way) => {
                self.is_no_guest(id.key);
                let conn = &mut self.conns[id.key as usize];
                let outbox = &mut self.common.outbox;
                let response = match way {
                    Way::Stream(response) => {
                        conn.protocol.listen();
                        outbox.stream(id.key);
                        response
                    }
                    Way::WebSocket(upgrade) => {
                        conn.protocol.open();
                        if let Some(deflate) = upgrade.deflate() {
                            outbox.deflate(id.key, deflate.packs());
                        }
                        upgrade.accept()
                    }
                };
                let response = response.encode(unix, false, false);
                outbox.post(id.key, response, self.common.now.micros);
                conn.role = Role::Member(app, seat);
                self.common.outbox.assign(id.key, app);
                conn.flags |= FRESH;
                let waited = self.common.now.micros.since(conn.since);
                conn.since = self.common.now.micros;
                self.websockets += 1;
                self.common.metrics.handshake.observe(waited);
                self.common.metrics.connections[app as usize] += 1;
                // Others may knock in this very turn.
                self.common.health.full = self.is_full();
                self.arm_first_ping(id.key, app);
                self.close_too(id);
                let mut cx = self.common.context(app, id);
                self.apps.app(app).opened(seat, since, &mut cx);
            }
        }
        None
    }

    /// A client's request has come so far.
    pub(super) fn get_on(&mut self, id: ConnId, progress: Progress) {
        if let Role::Visitor(visitor) = &mut self.conns[id.key as usize].role {
            visitor.progress = Some(progress);
        }
    }

    /// The peer sent a close frame; true if that was the last thing to wait for.
    pub(super) fn closed_by_peer(&mut self, id: ConnId, code: u16) -> bool {
        let conn = &mut self.conns[id.key as usize];
        if conn.protocol.phase() == Phase::Closing && self.common.outbox.is_empty(id.key) {
            self.kill(id.key, code);
            return true;
        }
        if conn.protocol.phase() == Phase::Open {
            self.depart(id.key, code);
            self.queue(id.key, Frame::close(code, ""));
        }
        self.say_last_words(id);
        if self.buffer.unread().is_empty() {
            self.conns[id.key as usize].flags &= !LINGERS;
        }
        false
    }

    /// Answers what a client did wrong: after that nothing it sends has a meaning.
    pub(super) fn refuse(&mut self, id: ConnId, fault: Fault) {
        log::debug!("connection {id}: {fault}");
        match fault.answer() {
            Answer::Status(status, _) => {
                self.common.metrics.http_request("unmatched", status);
                let origin = origin_of(self.head_of(id));
                let response = self.apps.with_cors(origin, Response::from(fault));
                self.queue(id.key, response.encode(self.common.now.unix, false, true));
            }
            Answer::Close(code) => {
                // A close frame of ours may be on its way already; then this one is not queued.
                self.depart(id.key, code);
                self.queue(id.key, Frame::close(code, &fault.to_string()));
            }
        }
        self.say_last_words(id);
    }

    /// What has come of the head of a request that is refused: with its body, put aside, or as it is in the buffer.
    fn head_of(&self, id: ConnId) -> &[u8] {
        let conn = &self.conns[id.key as usize];
        let aside = conn.leftover.as_ref().map(|bytes| &***bytes);
        let head = conn.protocol.head().or(aside);
        head.unwrap_or_else(|| self.buffer.unread())
    }

    /// From now on input is thrown away; once the queue is empty the connection ends.
    pub(super) fn say_last_words(&mut self, id: ConnId) {
        let now = self.common.now;
        let conn = &mut self.conns[id.key as usize];
        conn.protocol.over();
        conn.flags |= LAST_WORDS | LINGERS;
        conn.since = now.micros;
        self.wheel
            .arm_earlier(id.key, now.millis() + self.common.bounds.close_timeout);
    }

    /// Queues something that always fits.
    pub(super) fn queue(&mut self, key: u32, frame: Frame) {
        self.common.outbox.post(key, frame, self.common.now.micros);
    }
}
