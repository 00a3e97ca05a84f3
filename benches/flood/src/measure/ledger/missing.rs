//! What a ledger finds missing, by the numbers of the messages: of one client, of all, and for the books.

use super::Ledger;
use crate::measure::books::ClientBooks;
use crate::measure::counts::Missing;

impl Ledger {
    /// What is missing now, had every message that the server took been delivered.
    pub fn missing(&self) -> Missing {
        let mut missing = Missing::default();
        for (client, member) in (0..).zip(&self.members) {
            let lost = self.lost_by(client);
            missing.lost += lost;
            if !member.gone {
                missing.unexplained += lost.abs_diff(member.missed);
            }
        }
        missing
    }

    /// Messages that one client should have and has not; what was published once it was gone, it should not have.
    pub fn lost_by(&self, client: u32) -> u64 {
        let member = &self.members[client as usize];
        self.lacked_by(client, member.joined && !member.gone)
    }

    fn lacked_by(&self, client: u32, is_here: bool) -> u64 {
        let room = self.target.seating.room(client);
        let places = self.places.iter().skip((client * self.lanes) as usize);
        let lost = (0..self.lanes).zip(places).map(|(lane, place)| {
            let behind = match is_here {
                true => self.behind(room, lane, place.next),
                false => 0,
            };
            u64::from(behind) + u64::from(place.gaps)
        });
        lost.sum()
    }

    /// The clients' side of the books.
    pub fn books(&self) -> ClientBooks {
        let taken = |room: u32| {
            let refused = self.flights.refused(room).len() as u64;
            u64::from(self.flights.published_to(room)) - refused
        };
        let published: u64 = (0..self.target.seating.rooms).map(taken).sum();
        let mut books = ClientBooks {
            expected: published * u64::from(self.target.seating.members),
            received: self.counts.received,
            told: self.counts.missed,
            ..ClientBooks::default()
        };
        for (client, member) in (0..).zip(&self.members) {
            let lacked = self.lacked_by(client, true);
            match member.gone {
                true => {
                    books.closed += 1;
                    books.lost_by_closed += lacked.saturating_sub(member.missed);
                }
                false => books.missed += lacked,
            }
        }
        books
    }

    pub(super) fn lane_length(&self, room: u32, lane: u32) -> u32 {
        (self.flights.published_to(room) + self.lanes - 1 - lane) / self.lanes
    }

    /// Messages of a lane, from its message `next` on, that the server took.
    pub(super) fn behind(&self, room: u32, lane: u32, next: u32) -> u32 {
        let refused = self.flights.refused(room).iter();
        let refused = refused.filter(|&seq| seq % self.lanes == lane && seq / self.lanes >= next);
        let published = self.lane_length(room, lane).saturating_sub(next);
        published - refused.count() as u32
    }
}
