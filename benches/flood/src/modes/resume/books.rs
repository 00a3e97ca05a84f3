//! Both ends' books of a run in which clients are cut: what the server offered to connections, and what clients heard.
//!
//! A message that a cut client had not heard is offered to it again, so the server may offer more than was published
//! times the clients. But whatever it wrote was read, to the last message, because a client that is cut reads on until
//! the server ends its connection; and each client heard each message, or was told of it. A greeting counts as a message
//! that was offered and delivered.

use serde::Serialize;

use crate::measure::books::ServerBooks;
use crate::measure::problems::{Judge, Problems};
use crate::modes::resume::heard::Heard;

/// Both.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Books {
    /// What the server's metrics say.
    pub server: ServerBooks,
    /// Messages that it says were published.
    pub published: u64,
    /// Messages that the publisher sent.
    pub sent: u64,
    /// The same, each once a client.
    pub expected: u64,
    /// Connections that clients ended.
    pub cuts: u64,
    /// What the clients heard.
    #[serde(skip)]
    pub heard: Heard,
}

impl Judge for Books {
    fn judge(&self, problems: &mut Problems) {
        let Books { server, heard, .. } = self;
        let spent = server.delivered + server.dropped + server.discarded + server.queued;
        let accounted = heard.deliveries + heard.told + heard.missed + heard.lost;
        let mut equal = |left: &str, is: u64, right: &str, should_be: u64| {
            problems.check(is != should_be, || {
                format!("{left} {is}, but {right} {should_be}")
            });
        };
        equal(
            "the server counts as published",
            self.published,
            "the publisher sent",
            self.sent,
        );
        equal(
            "the server offered",
            server.offered,
            "it delivered, dropped, discarded or queues",
            spent,
        );
        equal(
            "the server delivered",
            server.delivered,
            "the clients received, greetings included,",
            heard.received + heard.greetings,
        );
        equal(
            "the server closed",
            server.closed,
            "the connections that clients ended are",
            self.cuts,
        );
        equal(
            "the clients should have heard",
            self.expected,
            "they heard, were told of or lost",
            accounted,
        );
        let (dropped, told) = (server.dropped, heard.told);
        problems.check(told > dropped, || {
            format!("clients were told of {told} drops, but the server dropped {dropped}")
        });
        problems.none_of(&[(server.queued, "messages are queued still")]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_off_by_one_is_found_wherever_it_is() {
        let mut books = Books {
            published: 10,
            sent: 10,
            expected: 20,
            cuts: 3,
            ..Books::default()
        };
        (books.server.offered, books.server.delivered) = (27, 21);
        (
            books.server.dropped,
            books.server.discarded,
            books.server.closed,
        ) = (2, 4, 3);
        (books.heard.received, books.heard.greetings) = (18, 3);
        (books.heard.deliveries, books.heard.unheard) = (16, 2);
        (books.heard.told, books.heard.missed) = (1, 3);
        assert_eq!(books.problems(), Problems::default());
        let changes: [fn(&mut Books); 11] = [
            |books| books.published += 1,
            |books| books.expected += 1,
            |books| books.cuts -= 1,
            |books| books.server.offered += 1,
            |books| books.server.delivered -= 1,
            |books| books.server.dropped -= 1,
            |books| books.server.discarded += 1,
            |books| books.server.queued += 1,
            |books| books.heard.received += 1,
            |books| books.heard.deliveries -= 1,
            |books| books.heard.missed += 1,
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut books = books;
            change(&mut books);
            assert!(!books.problems().is_empty(), "change {index}");
        }
    }
}
