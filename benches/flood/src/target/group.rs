//! The members of each room that stop reading: the last ones of all; and of those, the last ones never read again.

use crate::target::seating::Seating;

/// So many of each room.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    seating: Seating,
    slow: u32,
    forsaken: u32,
}

impl Group {
    /// That share of each room, at least one, and never all; of them, `forsaken` never read again.
    pub fn new(seating: Seating, share: f64, forsaken: f64) -> Group {
        let part = |of: u32, share: f64| (f64::from(of) * share).round() as u32;
        let slow = part(seating.members, share).clamp(1, seating.members - 1);
        Group {
            seating,
            slow,
            forsaken: part(slow, forsaken),
        }
    }

    /// Whether `client` stops reading.
    pub fn has(&self, client: u32) -> bool {
        self.place(client) >= self.seating.members - self.slow
    }

    /// Whether it never reads again.
    pub fn forsakes(&self, client: u32) -> bool {
        self.place(client) >= self.seating.members - self.forsaken
    }

    /// Those that stop reading.
    pub fn members(self) -> impl Iterator<Item = u32> {
        (0..self.seating.clients()).filter(move |&client| self.has(client))
    }

    /// How many they are.
    pub fn len(&self) -> u32 {
        self.slow * self.seating.rooms
    }

    /// How many of them never read again.
    pub fn forsaken(&self) -> u32 {
        self.forsaken * self.seating.rooms
    }

    fn place(&self, client: u32) -> u32 {
        client % self.seating.members
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(clients: u32, share: f64) -> Vec<u32> {
        let group = Group::new(Seating::one_room(clients), share, 0.0);
        assert_eq!(group.members().count(), group.len() as usize);
        group.members().collect()
    }

    #[test]
    fn the_group_is_never_empty_and_never_everybody() {
        assert_eq!(members(10, 0.2), [8, 9]);
        assert_eq!(members(10, 0.001), [9]);
        assert_eq!(members(2, 0.99), [1]);
    }

    #[test]
    fn every_room_has_its_share() {
        let seating = Seating {
            rooms: 2,
            members: 10,
        };
        let group = Group::new(seating, 0.3, 0.34);
        assert_eq!(group.members().collect::<Vec<_>>(), [7, 8, 9, 17, 18, 19]);
        let forsaken = group.members().filter(|&client| group.forsakes(client));
        assert_eq!(forsaken.collect::<Vec<_>>(), [9, 19]);
        assert_eq!(group.forsaken(), 2);
    }
}
