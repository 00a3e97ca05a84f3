//! Both ends' books of what one app was offered, and whether they agree.
//!
//! The server counts every message that was meant for a connection: delivered, dropped for a full queue, or discarded
//! because the connection ended. The clients count what they read and what they were told of. On loopback nothing gets
//! lost between the two, so whatever was delivered was read, to the last message, and whoever stayed was told of every
//! drop. What the server never meant for a member is what was published after that member's connection had ended.

use serde::Serialize;

use crate::measure::problems::{Judge, Problems};
use crate::target::metrics::Metrics;

/// The server's side, over one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServerBooks {
    /// Messages meant for a connection, each once a connection.
    pub offered: u64,
    /// Written whole.
    pub delivered: u64,
    /// Dropped for a full queue.
    pub dropped: u64,
    /// Thrown away because the connection ended.
    pub discarded: u64,
    /// Queued still.
    pub queued: u64,
    /// Connections closed for the memory budget.
    pub evicted: u64,
    /// Connections ended, for whatever reason.
    pub closed: u64,
}

/// The clients' side, over the same run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClientBooks {
    /// Messages published, each once a member of its room.
    pub expected: u64,
    /// Messages read.
    pub received: u64,
    /// Messages that clients were told they missed.
    pub told: u64,
    /// Messages that clients miss who are still connected, by the messages' numbers.
    pub missed: u64,
    /// Messages that clients miss whom the server closed, and that they were not told of.
    pub lost_by_closed: u64,
    /// Clients whom the server closed.
    pub closed: u64,
}

/// Both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Books {
    /// What the server's metrics say.
    pub server: ServerBooks,
    /// What the clients saw.
    pub clients: ClientBooks,
}

impl ServerBooks {
    /// What `app` was offered between two looks.
    pub fn between(before: &Metrics, after: &Metrics, app: &str) -> ServerBooks {
        let since = after.since(before);
        let grown = |family: &str| since.of_app(family, app);
        ServerBooks {
            offered: grown("roomcast_messages_offered_total"),
            delivered: grown("roomcast_messages_delivered_total"),
            dropped: grown("roomcast_messages_dropped_total"),
            discarded: grown("roomcast_messages_discarded_total"),
            queued: after.get("roomcast_queue_messages"),
            evicted: grown("roomcast_evictions_total"),
            closed: since.sum(&format!("roomcast_closes_total{{app=\"{app}\",")),
        }
    }
}

impl Books {
    /// Messages published to a room after a member's connection had ended.
    pub fn unoffered(&self) -> Option<u64> {
        self.clients.expected.checked_sub(self.server.offered)
    }
}

impl Judge for Books {
    fn judge(&self, problems: &mut Problems) {
        let Books { server, clients } = self;
        let (offered, expected) = (server.offered, clients.expected);
        let spent = server.delivered + server.dropped + server.discarded + server.queued;
        let accounted = clients.received + clients.told + clients.lost_by_closed;
        let mut equal = |left: &str, is: u64, right: &str, should_be: u64| {
            problems.check(is != should_be, || {
                format!("{left} {is}, but {right} {should_be}")
            });
        };
        equal(
            "the server offered",
            offered,
            "it delivered, dropped, discarded or queues",
            spent,
        );
        equal(
            "the server delivered",
            server.delivered,
            "the clients received",
            clients.received,
        );
        equal(
            "the server closed",
            server.closed,
            "clients that find themselves closed are",
            clients.closed,
        );
        equal(
            "the clients should have received",
            expected,
            "they received, were told of or lost with their connection",
            accounted,
        );
        problems.check(offered > expected, || {
            format!("the server offered {offered}, more than the {expected} that were published")
        });
        problems.none_of(&[(server.queued, "messages are queued still")]);
        let (dropped, told, discarded) = (server.dropped, clients.told, server.discarded);
        let (closed, missed) = (clients.closed, clients.missed);
        let is_told = match closed {
            0 => dropped == told && self.unoffered() == Some(0) && discarded == 0,
            _ => dropped >= told,
        };
        problems.check(!is_told, || {
            format!(
                "of {dropped} drops clients were told {told}, and {discarded} messages were discarded, with {closed} \
                 connections closed"
            )
        });
        problems.check(missed != told && closed == 0, || {
            format!("clients miss {missed} messages and were told of {told}")
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balanced() -> Books {
        Books {
            server: ServerBooks {
                offered: 90,
                delivered: 70,
                dropped: 15,
                discarded: 5,
                queued: 0,
                evicted: 0,
                closed: 1,
            },
            clients: ClientBooks {
                expected: 100,
                received: 70,
                told: 12,
                missed: 12,
                lost_by_closed: 18,
                closed: 1,
            },
        }
    }

    #[test]
    fn books_that_balance_are_no_problem() {
        assert_eq!(balanced().problems(), Problems::default());
        assert_eq!(balanced().unoffered(), Some(10));
    }

    #[test]
    fn a_number_that_is_off_by_one_is_found_wherever_it_is() {
        let changes: [fn(&mut Books); 9] = [
            |books| books.server.offered += 1,
            |books| books.server.delivered -= 1,
            |books| books.server.dropped += 1,
            |books| books.server.discarded -= 1,
            |books| books.server.queued += 1,
            |books| books.server.closed += 1,
            |books| books.clients.received += 1,
            |books| books.clients.lost_by_closed -= 1,
            |books| books.clients.expected += 1,
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut books = balanced();
            change(&mut books);
            assert!(!books.problems().is_empty(), "change {index}");
        }
    }

    #[test]
    fn whoever_stays_is_told_of_every_drop() {
        let mut books = Books::default();
        books.server = ServerBooks {
            offered: 10,
            delivered: 7,
            dropped: 3,
            ..books.server
        };
        books.clients = ClientBooks {
            expected: 10,
            received: 7,
            told: 3,
            missed: 3,
            ..books.clients
        };
        assert_eq!(books.problems(), Problems::default());
        (books.clients.told, books.clients.lost_by_closed) = (2, 1);
        assert_eq!(books.problems().len(), 2);
    }

    #[test]
    fn what_a_server_says_is_taken_of_one_app_and_since_the_first_look() {
        let text = |delivered: u64, closed: u64| {
            format!(
                "roomcast_messages_delivered_total{{app=\"tasks\"}} {delivered}\n\
                 roomcast_messages_delivered_total{{app=\"rooms\"}} 99\n\
                 roomcast_closes_total{{app=\"tasks\",code=\"1000\"}} {closed}\n\
                 roomcast_closes_total{{app=\"tasks\",code=\"1013\"}} {closed}\n"
            )
        };
        let metrics = |delivered, closed| Metrics::parse(&text(delivered, closed)).unwrap();
        let books = ServerBooks::between(&metrics(5, 1), &metrics(12, 3), "tasks");
        assert_eq!((books.delivered, books.closed), (7, 4));
    }
}
