//! Why a client does not get into a room: the close code after an upgrade, or the status of a call.
//!
//! A browser can read a close code but not the status of a refused upgrade. So an upgrade always succeeds, and who is
//! refused gets a seat that says why; it is closed as soon as it is open.

use crate::apps::Seat;
use crate::apps::access::unauthorized;
use crate::wire::frame::close;
use crate::wire::response::Response;

/// Why a client does not get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Refusal {
    /// There is no room of this code.
    NoRoom,
    /// No token was shown.
    NoToken,
    /// The token is no token, or not one of ours.
    BadToken,
    /// The token has expired.
    Expired,
    /// The token is not good yet.
    TooEarly,
    /// The token is for another room.
    OtherRoom,
    /// The token is for another player, or none was named.
    OtherPlayer,
    /// The token is for a player who is not in the room.
    NoPlayer,
}

impl Refusal {
    const ALL: [Refusal; 8] = [
        Refusal::NoRoom,
        Refusal::NoToken,
        Refusal::BadToken,
        Refusal::Expired,
        Refusal::TooEarly,
        Refusal::OtherRoom,
        Refusal::OtherPlayer,
        Refusal::NoPlayer,
    ];

    /// The seat that says so. Players have the numbers from below, refusals those from above.
    pub fn seat(self) -> Seat {
        Seat(u32::MAX - self as u32)
    }

    /// What a seat says, if it is no player's.
    pub fn of(seat: Seat) -> Option<Refusal> {
        Refusal::ALL.get((u32::MAX - seat.0) as usize).copied()
    }

    /// The close code.
    pub fn close_code(self) -> u16 {
        match self {
            Refusal::NoRoom => close::NO_ROOM,
            _ => close::UNAUTHORIZED,
        }
    }

    /// The sentence that says so.
    pub fn sentence(self) -> &'static str {
        match self {
            Refusal::NoRoom => "there is no room of this code",
            Refusal::NoToken => {
                "a token is needed: Authorization: Bearer TOKEN, or on an upgrade ?token=TOKEN"
            }
            Refusal::BadToken => "the token is not one of this server's",
            Refusal::Expired => "the token has expired",
            Refusal::TooEarly => "the token is not good yet: its nbf lies in the future",
            Refusal::OtherRoom => "the token is for another room",
            Refusal::OtherPlayer => {
                "the token is for another player than the one named by ?player_id= or X-Player-Id, or none was named"
            }
            Refusal::NoPlayer => "the token's player is not in the room, or not any more",
        }
    }
}

/// The answer to a call.
impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Response {
        let sentence = refusal.sentence();
        match refusal {
            Refusal::NoRoom => Response::error(404, "not_found", sentence),
            Refusal::OtherRoom => Response::error(403, "forbidden", sentence),
            _ => unauthorized(sentence),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_seat_of_its_own_and_players_have_none_of_them() {
        for refusal in Refusal::ALL {
            assert_eq!(Refusal::of(refusal.seat()), Some(refusal));
        }
        assert_eq!(Refusal::of(Seat(0)), None);
        let below = Refusal::NoPlayer.seat().0 - 1;
        assert_eq!(Refusal::of(Seat(below)), None);
    }
}
