//! The messages of a run on their way: when each was meant to be sent and how many clients still wait for it.
//!
//! They are numbered within their room.

use crate::measure::clock::Micros;
use crate::measure::histogram::Latencies;

#[derive(Clone, Copy, Debug)]
struct Flight {
    meant_at: Micros,
    /// Clients that it has not reached yet.
    remaining: u32,
    /// Whether one of them never will be.
    passed_over: bool,
    /// Whether it is one of those that are timed.
    is_timed: bool,
}

#[derive(Clone, Debug, Default)]
struct Room {
    flights: Vec<Flight>,
    /// Numbers of those that the server did not take. There are few, for publishing stops with the first.
    refused: Vec<u32>,
}

/// All messages published so far.
#[derive(Debug, Default)]
pub struct Flights {
    rooms: Vec<Room>,
    in_flight: u32,
    published: u32,
    last_member_us: Latencies,
}

impl Flights {
    /// None yet, in so many rooms.
    pub fn new(rooms: u32) -> Flights {
        Flights {
            rooms: vec![Room::default(); rooms as usize],
            ..Flights::default()
        }
    }

    /// The next message of `room`, meant to be sent at `meant_at`, is on its way to `members` clients; its number.
    pub fn publish(&mut self, room: u32, meant_at: Micros, members: u32, is_timed: bool) -> u32 {
        let flights = &mut self.rooms[room as usize].flights;
        flights.push(Flight {
            meant_at,
            remaining: members,
            passed_over: false,
            is_timed,
        });
        self.published += 1;
        self.in_flight += u32::from(members > 0);
        flights.len() as u32 - 1
    }

    /// A message reached one more client.
    pub fn reach(&mut self, room: u32, seq: u32, now: Micros) {
        let flight = self.wait_for_one_less(room, seq);
        if let Some(flight) = flight.filter(|flight| !flight.passed_over && flight.is_timed) {
            let span_us = now.since(flight.meant_at);
            self.last_member_us.record(span_us);
        }
    }

    /// A message will not reach one of its clients, or not in its turn.
    pub fn pass_over(&mut self, room: u32, seq: u32) {
        self.rooms[room as usize].flights[seq as usize].passed_over = true;
        self.wait_for_one_less(room, seq);
    }

    /// The server did not take a message, so nobody will get it.
    pub fn refuse(&mut self, room: u32, seq: u32) {
        let room = &mut self.rooms[room as usize];
        let flight = &mut room.flights[seq as usize];
        self.in_flight -= u32::from(flight.remaining > 0);
        flight.remaining = 0;
        room.refused.push(seq);
    }

    /// Waits for nothing that is in flight now.
    pub fn stop_waiting(&mut self) {
        if self.in_flight > 0 {
            let flights = self.rooms.iter_mut().flat_map(|room| &mut room.flights);
            flights.for_each(|flight| flight.remaining = 0);
        }
        self.in_flight = 0;
    }

    /// Forgets how long everything took so far.
    pub fn forget_latencies(&mut self) {
        self.last_member_us = Latencies::default();
    }

    /// Messages published.
    pub fn published(&self) -> u32 {
        self.published
    }

    /// Messages published to one room.
    pub fn published_to(&self, room: u32) -> u32 {
        self.rooms[room as usize].flights.len() as u32
    }

    /// Messages that have not reached every client yet.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Messages of a room that the server did not take.
    pub fn refused(&self, room: u32) -> &[u32] {
        &self.rooms[room as usize].refused
    }

    /// When a message was meant to be sent, if it was published at all, and whether it is timed.
    pub fn meant_at(&self, room: u32, seq: u32) -> Option<(Micros, bool)> {
        let flight = self.rooms[room as usize].flights.get(seq as usize);
        flight.map(|flight| (flight.meant_at, flight.is_timed))
    }

    /// From the time a message was meant to be sent to its last delivery, for those that reached everybody.
    pub fn last_member_us(&self) -> &Latencies {
        &self.last_member_us
    }

    /// The message, if this was the last client that it waited for.
    fn wait_for_one_less(&mut self, room: u32, seq: u32) -> Option<Flight> {
        let flight = &mut self.rooms[room as usize].flights[seq as usize];
        if flight.remaining == 0 {
            return None;
        }
        flight.remaining -= 1;
        if flight.remaining > 0 {
            return None;
        }
        self.in_flight -= 1;
        Some(*flight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_in_flight_until_its_last_client_has_it() {
        let mut flights = Flights::new(1);
        assert_eq!(flights.publish(0, Micros(100), 2, true), 0);
        flights.reach(0, 0, Micros(150));
        assert_eq!(flights.in_flight(), 1);
        flights.reach(0, 0, Micros(170));
        assert_eq!(flights.in_flight(), 0);
        assert_eq!(flights.last_member_us().histogram().max(), 70);
    }

    #[test]
    fn rooms_number_their_own_messages() {
        let mut flights = Flights::new(2);
        assert_eq!(flights.publish(0, Micros(100), 1, true), 0);
        assert_eq!(flights.publish(1, Micros(200), 1, true), 0);
        flights.reach(1, 0, Micros(250));
        assert_eq!((flights.in_flight(), flights.published()), (1, 2));
        assert_eq!(flights.last_member_us().histogram().max(), 50);
        assert_eq!(flights.meant_at(1, 1), None);
    }

    #[test]
    fn a_message_that_passed_somebody_over_is_not_timed() {
        let mut flights = Flights::new(1);
        flights.publish(0, Micros(100), 2, true);
        flights.pass_over(0, 0);
        flights.reach(0, 0, Micros(150));
        assert_eq!(flights.in_flight(), 0);
        assert!(flights.last_member_us().histogram().is_empty());
    }

    #[test]
    fn a_refused_message_is_not_waited_for() {
        let mut flights = Flights::new(1);
        flights.publish(0, Micros(100), 2, true);
        flights.refuse(0, 0);
        assert_eq!(flights.in_flight(), 0);
        assert_eq!(flights.refused(0), [0]);
    }

    #[test]
    fn late_arrivals_after_giving_up_change_nothing() {
        let mut flights = Flights::new(1);
        flights.publish(0, Micros(100), 1, true);
        flights.stop_waiting();
        flights.reach(0, 0, Micros(150));
        assert_eq!(flights.in_flight(), 0);
    }

    #[test]
    fn messages_beyond_the_plan_are_not_timed() {
        let mut flights = Flights::new(1);
        flights.publish(0, Micros(1), 1, true);
        flights.publish(0, Micros(2), 1, false);
        flights.reach(0, 1, Micros(9));
        assert!(flights.last_member_us().histogram().is_empty());
        assert_eq!(flights.meant_at(0, 0), Some((Micros(1), true)));
        assert_eq!(flights.meant_at(0, 1), Some((Micros(2), false)));
    }
}
