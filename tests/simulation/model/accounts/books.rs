//! What the server says of an app's messages, held against what clients heard: at rest, and once nobody is left.

use roomcast::id::AppId;
use roomcast::metrics::Metrics;

use super::super::clients::client::{Client, Kind};
use super::super::clients::heard::What;
use super::super::dialects::dialect::Dialect;
use super::super::runs::world::World;
use super::reckoning;

/// An app's messages, each once for whoever it was meant for.
#[derive(Debug)]
pub struct Books {
    pub published: u64,
    pub offered: u64,
    pub delivered: u64,
    pub dropped: u64,
    pub discarded: u64,
}

impl Books {
    pub fn of(metrics: &Metrics, app: AppId) -> Books {
        let app = app as usize;
        Books {
            published: metrics.messages_published[app],
            offered: metrics.messages_offered[app],
            delivered: metrics.messages_delivered[app],
            dropped: metrics.messages_dropped[app],
            discarded: metrics.messages_discarded[app],
        }
    }

    /// Nothing waits: what was offered was delivered, dropped or thrown away.
    pub fn add_up(&self) -> bool {
        self.offered == self.delivered + self.dropped + self.discarded
    }
}

impl World {
    /// Nothing waits for anybody: whatever was offered was delivered, dropped or thrown away, and what was delivered was
    /// heard.
    pub fn check_balance(&self) -> Result<(), String> {
        let everybody = || self.clients.iter().chain(&self.gone);
        Dialect::ALL.into_iter().try_for_each(|dialect| {
            let (mut heard, mut missed) = (0, 0);
            let members = everybody().filter(|client| client.is_member_of(dialect));
            for client in members {
                for heard_next in &client.heard {
                    match &heard_next.what {
                        What::Lagged(loss) => missed += loss.missed as u64,
                        What::Answer(answer) if answer.is_exempt => {}
                        _ => heard += 1,
                    }
                }
                heard -= client.cut_off(self.ledger.log(dialect));
            }
            let books = self.books(dialect);
            if books.add_up() && books.delivered == heard && books.dropped >= missed {
                return Ok(());
            }
            Err(format!(
                "{dialect:?} at rest: {books:?}; {heard} were heard and {missed} told as missed"
            ))
        })?;
        self.check_sessions()
    }

    /// The same of the sessions, of which nobody is told that he missed anything.
    fn check_sessions(&self) -> Result<(), String> {
        let books = Books::of(self.reactor.metrics(), AppId::Sessions);
        let everybody = self.clients.iter().chain(&self.gone);
        let subscribers: Vec<_> = everybody
            .filter(|client| client.kind == Kind::Subscriber)
            .collect();
        let heard: u64 = subscribers
            .iter()
            .map(|client| client.heard.len() as u64)
            .sum();
        let ended = |client: &&&Client| client.ended.is_some() || client.closed.is_some();
        let ended = subscribers.iter().filter(ended).count() as u64;
        let (least, most) = self.ledger.sessions.steps();
        // Whoever was refused one is closed.
        let adds_up = books.add_up()
            && books.delivered == heard
            && books.dropped <= ended
            && (least..=most).contains(&books.published);
        if adds_up {
            return Ok(());
        }
        Err(format!(
            "sessions: {books:?}; {heard} were heard, {ended} subscribers have ended, {least} to {most} were published"
        ))
    }

    fn books(&self, dialect: Dialect) -> Books {
        Books::of(self.reactor.metrics(), dialect.app())
    }

    /// Finds the place of everything that was heard by those who are gone.
    pub fn follow_gone(&mut self) -> Result<(), String> {
        self.gone.iter_mut().try_for_each(|client| {
            let followed = client.follow_all(&self.ledger, &self.rules);
            followed.map_err(|why| format!("client {}: {why}", client.name))
        })
    }

    /// Nobody is left: nothing may be left of them.
    pub fn check_empty(&mut self) -> Result<(), String> {
        let rooms: u64 = self.reactor.metrics().rooms.iter().sum();
        // A hub that is going ends with what it keeps.
        let bytes = match self.exited {
            true => 0,
            false => self.reactor.budgeted_bytes(),
        };
        let left = (
            self.reactor.connections(),
            bytes,
            rooms,
            self.reactor.transport().descriptors(),
        );
        if left != (0, 0, 0, 0) {
            return Err(format!(
                "connections, bytes, rooms, descriptors: {left:?} are left"
            ));
        }
        Ok(())
    }

    /// Published × members = delivered + dropped, as far as each can be known.
    pub fn reckon(&mut self) -> Result<(), String> {
        self.ledger.check_accepted()?;
        self.follow_gone()?;
        for dialect in Dialect::ALL {
            let log = self.ledger.log(dialect);
            let totals = reckoning::reckon(dialect, &self.gone, &self.ledger, &self.rules)?;
            let (books, published) = (self.books(dialect), log.messages().len() as u64);
            // Nobody is left, so what was offered and not delivered was dropped or discarded; and nobody was offered more
            // than the events that he may have missed.
            let adds_up = books.add_up()
                && books.published == published
                && books.delivered == totals.written
                && books.dropped >= totals.missed
                && books.dropped + books.discarded <= totals.missed + totals.open;
            if !adds_up {
                return Err(format!(
                    "{dialect:?}: the server's {books:?}; ours {published} published, {totals:?}"
                ));
            }
        }
        self.check_sessions()
    }
}
