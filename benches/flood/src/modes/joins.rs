//! Clients join and leave one room all the time while messages are published to it; each must get exactly what was
//! published while it was a member.
//!
//! Joins and leaves are answered, and answers and messages come in one order: so between the answer to a join and the
//! answer to the next leave, and at no other time, a client must hear consecutive messages. Which ones at least and at most
//! follows from what had been sent and answered when it asked and when it was told.

use std::time::Duration;

use serde::Serialize;

use crate::client::crowd::Crowd;
use crate::client::publisher::Publisher;
use crate::client::schedule::Schedule;
use crate::command::options::Joins;
use crate::error::Error;
use crate::measure::clock::{Micros, after, seconds};
use crate::measure::problems::{Judge, Problems};
use crate::measure::sink::Sink;
use crate::target::mark::Mark;
use crate::target::server::Target;

/// What the clients and the publisher did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Heard {
    /// Messages published.
    pub published: u32,
    /// Joins that were answered.
    pub joins: u64,
    /// Leaves that were answered.
    pub leaves: u64,
    /// Messages heard.
    pub deliveries: u64,
    /// Messages heard by somebody who was no member.
    pub uninvited: u64,
    /// Messages that did not follow upon the one before: one was missed, or came twice.
    pub gaps: u64,
    /// Memberships that began with a message that had been answered before the client asked, or after one that was sent
    /// once it had been told.
    pub wrong_first: u64,
    /// The same at their end.
    pub wrong_last: u64,
    /// Anything else that was said.
    pub others: u64,
}

/// The report of it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Joined {
    /// Clients.
    pub clients: u32,
    /// Sums over all of them.
    #[serde(flatten)]
    pub heard: Heard,
    /// Questions that were never answered.
    pub unanswered: u32,
    /// How long it went on.
    pub seconds: f64,
}

/// What a client is to the room, as far as it has been told.
#[derive(Clone, Copy, Debug, Default)]
struct Guest {
    is_open: bool,
    is_member: bool,
    /// It has asked to be the opposite of what it is, and this many messages had been answered then.
    asked: Option<u32>,
    /// The first message that it may hear, and the first that it must.
    first: (u32, u32),
    /// The next message that it should hear, once it has heard one.
    next: Option<u32>,
}

/// The account of all of them.
#[derive(Debug)]
pub struct Book {
    run: u16,
    target: Target,
    guests: Vec<Guest>,
    /// Messages sent, and those of them that were answered.
    sent: u32,
    answered: u32,
    heard: Heard,
    unheard: u32,
}

impl Book {
    /// Nobody has joined yet.
    pub fn new(target: Target, run: u16) -> Book {
        let clients = target.seating.clients();
        Book {
            run,
            target,
            guests: vec![Guest::default(); clients as usize],
            sent: 0,
            answered: 0,
            heard: Heard::default(),
            unheard: clients,
        }
    }

    /// The question with which `client` becomes the opposite of what it is, unless one is not answered yet.
    fn ask(&mut self, client: u32) -> Option<String> {
        let guest = &mut self.guests[client as usize];
        if !guest.is_open || guest.asked.is_some() {
            return None;
        }
        guest.asked = Some(self.answered);
        match guest.is_member {
            true => self.target.scene.unsubscribe.clone(),
            false => self.target.subscribe(client).map(str::to_owned),
        }
    }

    fn turn_about(&mut self, client: u32) {
        let guest = &mut self.guests[client as usize];
        // The first answer of all is to what each client says on its own account.
        let answered = guest.asked.take().unwrap_or(0);
        guest.is_member = !guest.is_member;
        if guest.is_member {
            self.heard.joins += 1;
            guest.first = (answered, self.sent);
            guest.next = None;
            return;
        }
        self.heard.leaves += 1;
        // All that had been answered when it asked to leave was for it, and nothing sent since it was told.
        let (_, must_from) = guest.first;
        let is_wrong = match guest.next {
            Some(next) => next < answered || next > self.sent,
            None => must_from < answered,
        };
        self.heard.wrong_last += u64::from(is_wrong);
    }

    fn hear(&mut self, client: u32, seq: u32) {
        let guest = &mut self.guests[client as usize];
        self.heard.deliveries += 1;
        if !guest.is_member {
            self.heard.uninvited += 1;
            return;
        }
        match guest.next {
            Some(next) => self.heard.gaps += u64::from(seq != next),
            None => {
                let (may, must) = guest.first;
                self.heard.wrong_first += u64::from(seq < may || seq > must);
            }
        }
        guest.next = Some(seq + 1);
    }
}

impl Sink for Book {
    fn opened(&mut self, client: u32) {
        self.guests[client as usize].is_open = true;
    }

    fn message(&mut self, client: u32, payload: &[u8], _: Micros) {
        if self.target.is_greeting(payload) {
            let is_first = self.guests[client as usize].asked.is_none();
            self.unheard = self.unheard.saturating_sub(u32::from(is_first));
            self.turn_about(client);
            return;
        }
        match Mark::find(payload, 0) {
            Some((mark, _)) if mark.run == self.run => self.hear(client, mark.seq),
            _ => self.heard.others += 1,
        }
    }

    fn lost(&mut self, client: u32) {
        self.guests[client as usize].is_open = false;
    }

    fn ungreeted(&self) -> u32 {
        self.unheard
    }
}

/// Has the connected clients join and leave while messages are published; in the end all of them have left.
pub fn run(
    crowd: &mut Crowd,
    book: &mut Book,
    options: &Joins,
    deadline: Micros,
) -> Result<Joined, Error> {
    let settle = options.clients.server.common.settle;
    let clients = crowd.target.seating.clients();
    let token = crowd.visitor(0);
    let mut publisher = Publisher::connect(&crowd.target, crowd.registry(), token)?;
    let start = crowd.clock().now();
    let end = after(start, options.duration).min(deadline);
    let publishing = Schedule::new(start, options.rate);
    let joining = Schedule::new(start, options.join_rate);
    let (mut asked, mut chance) = (0, 0x9e37_79b9_u32);
    loop {
        let now = crowd.clock().now();
        if now >= end && publishing.due(book.sent) >= end {
            break;
        }
        // What the schedule has before its end is sent however late it is.
        while publishing.due(book.sent) <= now.min(Micros(end.0 - 1)) {
            let mark = Mark::new(book.run, 0, book.sent, now.0);
            book.sent += 1;
            publisher.publish(&crowd.target, mark, 0, 0);
        }
        book.answered += publisher.take_answers(&crowd.target)?;
        while joining.due(asked) <= now {
            asked += 1;
            // Whoever is drawn while it waits for an answer is passed over; spread is all that chance is for.
            chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let client = (chance >> 8) % clients;
            if let Some(question) = book.ask(client) {
                crowd.send(client, question.as_bytes());
            }
        }
        crowd.turn(
            publishing.due(book.sent).min(joining.due(asked)).min(end),
            book,
        )?;
    }
    // Everybody leaves once all is answered, so that the last message that each must have heard is known.
    wait(crowd, book, &mut publisher, (settle, deadline))?;
    for client in 0..clients {
        if book.guests[client as usize].is_member
            && let Some(question) = book.ask(client)
        {
            crowd.send(client, question.as_bytes());
        }
    }
    wait(crowd, book, &mut publisher, (settle, deadline))?;
    book.heard.published = book.sent;
    let unanswered = book.guests.iter().filter(|guest| guest.asked.is_some());
    Ok(Joined {
        clients,
        heard: book.heard,
        unanswered: unanswered.count() as u32 + publisher.pending() as u32,
        seconds: seconds(crowd.clock().now().since(start)),
    })
}

/// Waits until every question and every message is answered, for the settling time and to the deadline at most.
fn wait(
    crowd: &mut Crowd,
    book: &mut Book,
    publisher: &mut Publisher,
    (settle, deadline): (Duration, Micros),
) -> Result<(), Error> {
    let until = after(crowd.clock().now(), settle).min(deadline);
    loop {
        book.answered += publisher.take_answers(&crowd.target)?;
        let is_done =
            publisher.pending() == 0 && book.guests.iter().all(|guest| guest.asked.is_none());
        if is_done || crowd.clock().now() >= until {
            return Ok(());
        }
        crowd.turn(until, book)?;
    }
}

impl Judge for Joined {
    fn judge(&self, problems: &mut Problems) {
        let heard = &self.heard;
        let unbalanced = heard.joins.abs_diff(heard.leaves);
        problems.none_of(&[
            (
                heard.uninvited,
                "messages came to somebody who was no member",
            ),
            (heard.gaps, "messages did not follow upon the one before"),
            (heard.wrong_first, "memberships began too early or too late"),
            (heard.wrong_last, "memberships ended too early or too late"),
            (heard.others, "messages were neither published nor answers"),
            (self.unanswered.into(), "questions were not answered"),
            (unbalanced, "joins more than leaves, or less"),
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::server::sample;

    /// One client who has just been told that it is a member, with so many messages sent and answered.
    fn member(sent: u32, answered: u32) -> Book {
        let mut book = Book::new(sample("127.0.0.1:1".parse().unwrap(), None, 1), 1);
        book.opened(0);
        (book.sent, book.answered) = (sent, answered);
        book.guests[0].asked = Some(answered);
        book.turn_about(0);
        book
    }

    fn leave(book: &mut Book, answered: u32) -> Heard {
        book.guests[0].asked = Some(answered);
        book.turn_about(0);
        book.heard
    }

    fn is_clean(heard: Heard) -> bool {
        let joined = Joined {
            clients: 1,
            heard,
            unanswered: 0,
            seconds: 0.0,
        };
        joined.problems().is_empty()
    }

    #[test]
    fn a_membership_is_whole_if_it_has_all_that_it_must_and_nothing_that_it_must_not() {
        for first in 5..=8 {
            let mut book = member(8, 5);
            book.sent = 12;
            (first..11).for_each(|seq| book.hear(0, seq));
            assert!(is_clean(leave(&mut book, 10)), "from {first}");
        }
    }

    #[test]
    fn a_message_too_early_too_late_twice_or_never_is_found() {
        let wrong: [&[u32]; 6] = [&[4, 5, 6, 7, 8, 9], &[9], &[8, 8, 9], &[7, 9], &[8], &[]];
        for heard in wrong {
            let mut book = member(8, 5);
            book.sent = 12;
            heard.iter().for_each(|&seq| book.hear(0, seq));
            assert!(!is_clean(leave(&mut book, 10)), "{heard:?}");
        }
    }

    #[test]
    fn a_membership_between_two_messages_is_empty_and_whole() {
        let mut book = member(8, 5);
        assert!(is_clean(leave(&mut book, 8)));
        book.hear(0, 8);
        assert_eq!(book.heard.uninvited, 1);
    }
}
