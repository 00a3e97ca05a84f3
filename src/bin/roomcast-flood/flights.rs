//! The messages of a run on their way: when each was meant to be sent and how many clients still wait for it.

use hdrhistogram::Histogram;
use roomcast::time::Micros;

use crate::histogram;

#[derive(Clone, Copy, Debug)]
struct Flight {
    meant_at: Micros,
    /// Clients that it has not reached yet.
    remaining: u32,
    /// Whether one of them never will be.
    passed_over: bool,
}

/// All messages published so far, by number.
#[derive(Debug)]
pub struct Flights {
    flights: Vec<Flight>,
    /// Numbers of those that the server did not take.
    refused: Vec<u32>,
    measured: u32,
    in_flight: u32,
    last_member_us: Histogram<u64>,
}

impl Flights {
    /// None yet; the first `measured` will be timed.
    pub fn new(measured: u32) -> Flights {
        Flights {
            flights: Vec::with_capacity(measured as usize),
            refused: Vec::new(),
            measured,
            in_flight: 0,
            last_member_us: histogram::new(),
        }
    }

    /// The next message, meant to be sent at `meant_at`, is on its way to `members` clients; its number.
    pub fn publish(&mut self, meant_at: Micros, members: u32) -> u32 {
        let seq = self.published();
        self.flights.push(Flight {
            meant_at,
            remaining: members,
            passed_over: false,
        });
        self.in_flight += u32::from(members > 0);
        seq
    }

    /// Message `seq` reached one more client.
    pub fn reach(&mut self, seq: u32, now: Micros) {
        let flight = self.wait_for_one_less(seq);
        if let Some(flight) = flight.filter(|flight| !flight.passed_over && seq < self.measured) {
            let span_us = now.since(flight.meant_at);
            self.last_member_us.saturating_record(span_us);
        }
    }

    /// Message `seq` will not reach one of its clients, or not in its turn.
    pub fn pass_over(&mut self, seq: u32) {
        self.flights[seq as usize].passed_over = true;
        self.wait_for_one_less(seq);
    }

    /// The server did not take message `seq`, so nobody will get it.
    pub fn refuse(&mut self, seq: u32) {
        let flight = &mut self.flights[seq as usize];
        self.in_flight -= u32::from(flight.remaining > 0);
        flight.remaining = 0;
        self.refused.push(seq);
    }

    /// Waits for nothing that is in flight now.
    pub fn stop_waiting(&mut self) {
        for flight in &mut self.flights {
            flight.remaining = 0;
        }
        self.in_flight = 0;
    }

    /// Messages published.
    pub fn published(&self) -> u32 {
        self.flights.len() as u32
    }

    /// Messages that have not reached every client yet.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Messages that the server did not take. There are few, for publishing stops with the first.
    pub fn refused(&self) -> &[u32] {
        &self.refused
    }

    /// When message `seq` was meant to be sent, if it was published at all.
    pub fn meant_at(&self, seq: u32) -> Option<Micros> {
        self.flights.get(seq as usize).map(|flight| flight.meant_at)
    }

    /// When message `seq` was meant to be sent, if it is one of those that are timed.
    pub fn measured_from(&self, seq: u32) -> Option<Micros> {
        self.meant_at(seq).filter(|_| seq < self.measured)
    }

    /// From the time a message was meant to be sent to its last delivery, for those that reached everybody.
    pub fn last_member_us(&self) -> &Histogram<u64> {
        &self.last_member_us
    }

    /// The message, if this was the last client that it waited for.
    fn wait_for_one_less(&mut self, seq: u32) -> Option<Flight> {
        let flight = &mut self.flights[seq as usize];
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
        let mut flights = Flights::new(2);
        assert_eq!(flights.publish(Micros(100), 2), 0);
        flights.reach(0, Micros(150));
        assert_eq!(flights.in_flight(), 1);
        flights.reach(0, Micros(170));
        assert_eq!(flights.in_flight(), 0);
        assert_eq!(flights.last_member_us().max(), 70);
    }

    #[test]
    fn a_message_that_passed_somebody_over_is_not_timed() {
        let mut flights = Flights::new(1);
        flights.publish(Micros(100), 2);
        flights.pass_over(0);
        flights.reach(0, Micros(150));
        assert_eq!(flights.in_flight(), 0);
        assert!(flights.last_member_us().is_empty());
    }

    #[test]
    fn a_refused_message_is_not_waited_for() {
        let mut flights = Flights::new(1);
        flights.publish(Micros(100), 2);
        flights.refuse(0);
        assert_eq!(flights.in_flight(), 0);
        assert_eq!(flights.refused(), [0]);
    }

    #[test]
    fn late_arrivals_after_giving_up_change_nothing() {
        let mut flights = Flights::new(1);
        flights.publish(Micros(100), 1);
        flights.stop_waiting();
        flights.reach(0, Micros(150));
        assert_eq!(flights.in_flight(), 0);
    }

    #[test]
    fn messages_beyond_the_plan_are_not_timed() {
        let mut flights = Flights::new(1);
        flights.publish(Micros(1), 1);
        flights.publish(Micros(2), 1);
        assert_eq!(flights.measured_from(0), Some(Micros(1)));
        assert_eq!(flights.measured_from(1), None);
        assert_eq!(flights.meant_at(1), Some(Micros(2)));
    }
}
