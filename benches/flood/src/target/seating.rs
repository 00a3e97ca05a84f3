//! Who sits where: so many rooms with so many members each, the clients numbered room by room.

/// Rooms of equal size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seating {
    /// Rooms.
    pub rooms: u32,
    /// Members of each.
    pub members: u32,
}

impl Seating {
    /// `clients` in one room.
    pub fn one_room(clients: u32) -> Seating {
        Seating {
            rooms: 1,
            members: clients,
        }
    }

    /// The part of a description that this needs.
    pub fn part(self) -> &'static str {
        match self.rooms {
            1 => "room",
            _ => "rooms",
        }
    }

    /// All clients.
    pub fn clients(self) -> u32 {
        self.rooms * self.members
    }

    /// The room of a client.
    pub fn room(self, client: u32) -> u32 {
        match self.rooms {
            1 => 0,
            _ => client / self.members,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_fill_one_room_after_the_other() {
        let seating = Seating {
            rooms: 3,
            members: 2,
        };
        let rooms: Vec<u32> = (0..seating.clients())
            .map(|client| seating.room(client))
            .collect();
        assert_eq!(rooms, [0, 0, 1, 1, 2, 2]);
        assert_eq!(Seating::one_room(5).room(4), 0);
    }
}
