//! What is kept of rooms and players: who is found, what it costs, and when it is forgotten.

use std::net::IpAddr;
use std::rc::Rc;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;

use roomcast::apps::rooms::name::DisplayName;
use roomcast::apps::rooms::store::{
    KEPT_EMPTY, Newcomer, NoPlace, PLAYER_BYTES, PlayerKey, ROOM_BYTES, ROOM_PLAYERS_MAX, RoomKey,
    Store,
};
use roomcast::bounds::AppBounds;
use roomcast::id::{AppId, ConnId, LogId};
use roomcast::time::{Millis, Unix};
use serde_json::value::RawValue;

const START: Millis = Millis::seconds(1000);
const DAY: Millis = KEPT_EMPTY;
const BYTES_MAX: u64 = 100_000;
const CONN: ConnId = ConnId {
    key: 1,
    generation: 1,
};
const NEWER: ConnId = ConnId {
    key: 2,
    generation: 2,
};

/// A store, and what it is told.
struct Ground {
    store: Store,
    chance: ChaCha12Rng,
    bounds: AppBounds,
    made: u32,
}

impl Ground {
    fn new(rooms_max: u32) -> Ground {
        Ground {
            store: Store::default(),
            chance: ChaCha12Rng::from_seed([7; 32]),
            bounds: AppBounds {
                records_max: rooms_max,
                unentered_age: Millis::seconds(900),
                rooms_per_guest: 3,
                players_per_guest: 2,
                ..AppBounds::of(AppId::Rooms)
            },
            made: 0,
        }
    }

    fn newcomer(&mut self) -> Newcomer {
        self.made += 1;
        Newcomer {
            id: format!("player {}", self.made).into(),
            name: DisplayName::parse(&format!("name {}", self.made)).unwrap(),
            guest: None,
        }
    }

    fn create(&mut self, now: Millis) -> Result<PlayerKey, NoPlace> {
        self.create_from(None, now)
    }

    fn create_from(&mut self, guest: Option<IpAddr>, now: Millis) -> Result<PlayerKey, NoPlace> {
        let first = Newcomer {
            guest,
            ..self.newcomer()
        };
        let room_id = format!("room {}", self.made);
        let Ground { store, chance, .. } = self;
        store.check_room(&first, &self.bounds)?;
        let (code, times) = (store.fresh_code(chance)?, (Unix(now.0), now));
        let room = store.create(&room_id, code, LogId(0), first.guest, times);
        let made = store.add(room, first, true);
        self.store.check_invariants();
        Ok(made)
    }

    fn join(&mut self, room: RoomKey) -> Result<PlayerKey, NoPlace> {
        self.join_from(None, room)
    }

    fn join_from(&mut self, guest: Option<IpAddr>, room: RoomKey) -> Result<PlayerKey, NoPlace> {
        let newcomer = Newcomer {
            guest,
            ..self.newcomer()
        };
        self.store.check_join(room, &newcomer, &self.bounds)?;
        Ok(self.store.add(room, newcomer, false))
    }

    /// Forgets what is too old.
    fn sweep(&mut self, now: Millis) {
        while let Some((due, room)) = self.store.next_due(&self.bounds)
            && due <= now
        {
            assert!(self.store.end(room).is_empty());
            self.store.check_invariants();
        }
    }

    fn leave(&mut self, player: PlayerKey, conn: ConnId, now: Millis) -> bool {
        let left = self.store.leave(player, conn, false, now);
        self.store.check_invariants();
        left
    }

    fn remember(&mut self, room: RoomKey, bytes: usize, messages_max: u32) {
        let message = RawValue::from_string("1".repeat(bytes)).unwrap();
        let bounds = AppBounds {
            chat_max: messages_max,
            records_bytes_max: 2 * BYTES_MAX,
            ..self.bounds
        };
        self.store.remember(room, message, &bounds);
    }

    fn room_of(&self, player: PlayerKey) -> RoomKey {
        self.store.player(player).room
    }

    fn is_kept(&self, code: &str, now: Millis) -> bool {
        self.store.find(code, &self.bounds, now).is_some()
    }
}

#[test]
fn a_room_that_nobody_has_entered_is_kept_for_a_while_from_its_creation() {
    let mut ground = Ground::new(10);
    let player = ground.create(START).unwrap();
    let code = ground.store.room(ground.room_of(player)).code.to_string();
    let end = START + ground.bounds.unentered_age;
    assert!(ground.is_kept(&code, end - Millis(1)) && !ground.is_kept(&code, end));
    ground.sweep(end - Millis(1));
    assert_eq!(ground.store.places().0, 1);
    ground.sweep(end);
    assert_eq!(ground.store.places(), (0, 0));
}

#[test]
fn a_stranger_has_so_many_rooms_that_nobody_has_entered() {
    let mut ground = Ground::new(100);
    let guest = Some([192, 0, 2, 1].into());
    let made: Vec<PlayerKey> = (0..3)
        .map(|_| ground.create_from(guest, START).unwrap())
        .collect();
    assert_eq!(ground.create_from(guest, START), Err(NoPlace::GuestRooms));
    assert!(ground.create(START).is_ok(), "who shows a key may go on");
    assert!(
        ground
            .create_from(Some([192, 0, 2, 2].into()), START)
            .is_ok()
    );
    // One that is entered counts no more, not even when it is empty again, and neither does one that has ended.
    ground.store.enter(made[0], CONN);
    ground.leave(made[0], CONN, START);
    assert!(ground.create_from(guest, START).is_ok());
    ground.store.end(ground.room_of(made[1]));
    assert!(ground.create_from(guest, START).is_ok());
    assert_eq!(ground.create_from(guest, START), Err(NoPlace::GuestRooms));
}

#[test]
fn a_stranger_has_so_many_players_in_a_room_that_nobody_is_connected_as() {
    let mut ground = Ground::new(100);
    let guest = Some([192, 0, 2, 1].into());
    let maker = ground.create_from(guest, START).unwrap();
    let room = ground.room_of(maker);
    let joined = ground.join_from(guest, room).unwrap();
    ground.join_from(guest, room).unwrap();
    assert_eq!(ground.join_from(guest, room), Err(NoPlace::GuestPlayers));
    assert!(ground.join(room).is_ok());
    assert!(ground.join_from(Some([192, 0, 2, 2].into()), room).is_ok());
    ground.store.enter(joined, CONN);
    assert!(ground.join_from(guest, room).is_ok());
    assert_eq!(ground.join_from(guest, room), Err(NoPlace::GuestPlayers));
    ground.store.check_invariants();
}

#[test]
fn rooms_and_players_cost_what_they_take() {
    let mut ground = Ground::new(100_000);
    ground.bounds.records_bytes_max = 2 * (2 * ROOM_BYTES + 3 * (PLAYER_BYTES + 6));
    let room = ground.create(START).map(|player| ground.room_of(player));
    let other = ground.create(START).unwrap();
    let third = ground.join(room.unwrap()).unwrap();
    assert_eq!(ground.join(room.unwrap()), Err(NoPlace::Players));
    assert_eq!(ground.create(START), Err(NoPlace::Players));
    ground.store.put_out(third);
    ground.store.check_invariants();
    assert!(ground.join(ground.room_of(other)).is_ok());
}

#[test]
fn who_is_put_out_is_not_found_and_its_connection_ends_with_it() {
    let mut ground = Ground::new(10);
    let maker = ground.create(START).unwrap();
    let room = ground.room_of(maker);
    let (there, away) = (ground.join(room).unwrap(), ground.join(room).unwrap());
    ground.store.enter(there, CONN);
    let id = Rc::clone(&ground.store.player(there).id);
    for player in [there, away, maker] {
        ground.store.put_out(player);
    }
    assert_eq!(ground.store.find_player(room, &id), None);
    assert_eq!(ground.store.room(room).maker, None);
    assert!(!ground.leave(there, CONN, START), "nobody is told twice");
    assert_eq!(ground.store.places().1, 0);
}

#[test]
fn a_room_that_ends_is_kept_for_as_long_as_somebody_is_connected() {
    let mut ground = Ground::new(10);
    let maker = ground.create(START).unwrap();
    let room = ground.room_of(maker);
    let other = ground.join(room).unwrap();
    ground.join(room).unwrap();
    ground.store.enter(maker, CONN);
    ground.store.enter(other, NEWER);
    let code = ground.store.room(room).code.to_string();
    assert_eq!(ground.store.end(room), [CONN, NEWER]);
    assert!(!ground.is_kept(&code, START));
    let next = ground.create(START).unwrap();
    assert_ne!(ground.room_of(next), room, "its number is not free");
    assert!(!ground.leave(maker, CONN, START) && !ground.leave(other, NEWER, START));
    assert_eq!(ground.store.places(), (1, 1));
}

#[test]
fn tokens_end_in_their_order_and_only_the_last_that_was_shown_counts() {
    let mut ground = Ground::new(10);
    let first = ground.create(START).unwrap();
    let second = ground.join(ground.room_of(first)).unwrap();
    ground.store.show(first, Unix(10));
    assert_eq!(ground.store.next_expiry(), None, "nobody is connected");
    ground.store.enter(first, CONN);
    ground.store.show(second, Unix(20));
    ground.store.enter(second, NEWER);
    assert_eq!(ground.store.next_expiry(), Some((Unix(10), first)));
    ground.store.show(first, Unix(30));
    assert_eq!(ground.store.next_expiry(), Some((Unix(20), second)));
    ground.store.check_invariants();
    assert_eq!(ground.store.expire(Unix(20), second), Some(NEWER));
    assert_eq!(ground.store.next_expiry(), Some((Unix(30), first)));
    ground.leave(first, CONN, START);
    assert_eq!(ground.store.next_expiry(), None);
}

#[test]
fn a_room_is_kept_while_somebody_is_there_and_a_day_from_when_the_last_has_left() {
    let mut ground = Ground::new(10);
    let player = ground.create(START).unwrap();
    let other = ground.join(ground.room_of(player)).unwrap();
    let code = ground.store.room(ground.room_of(player)).code.to_string();
    assert_eq!(ground.store.enter(player, CONN), None);
    assert_eq!(ground.store.enter(other, NEWER), None);
    assert!(ground.leave(other, NEWER, START));
    let later = START + DAY + DAY;
    ground.sweep(later);
    assert!(ground.is_kept(&code, later));
    assert!(ground.leave(player, CONN, later));
    ground.sweep(later + DAY - Millis(1));
    assert!(ground.is_kept(&code, later + DAY - Millis(1)));
    ground.sweep(later + DAY);
    assert!(!ground.is_kept(&code, later));
}

#[test]
fn a_replaced_connection_does_not_take_its_player_along() {
    let mut ground = Ground::new(10);
    let player = ground.create(START).unwrap();
    assert_eq!(ground.store.enter(player, CONN), None);
    assert_eq!(ground.store.enter(player, NEWER), Some(CONN));
    assert!(!ground.leave(player, CONN, START));
    ground.store.check_invariants();
    assert!(ground.leave(player, NEWER, START));
    ground.store.check_invariants();
}

#[test]
fn one_room_more_than_may_be_is_refused_until_one_has_expired() {
    let mut ground = Ground::new(2);
    ground.create(START).unwrap();
    ground.create(START + Millis(1)).unwrap();
    assert_eq!(ground.create(START), Err(NoPlace::Rooms));
    ground.sweep(START + Millis::seconds(900));
    assert!(ground.create(START + Millis::seconds(900)).is_ok());
    assert_eq!(
        ground.create(START + Millis::seconds(900)),
        Err(NoPlace::Rooms)
    );
}

#[test]
fn a_room_that_has_been_empty_for_an_hour_may_go_for_another_and_the_oldest_goes_first() {
    let mut ground = Ground::new(3);
    let hour = Millis::seconds(60 * 60);
    let players = [0, 1, 2].map(|after| ground.create(START + Millis(after)).unwrap());
    for (player, left) in players.into_iter().zip([7, 5]) {
        ground.store.enter(player, CONN);
        assert!(ground.leave(player, CONN, START + Millis(left)));
    }
    assert_eq!(ground.store.retired(START + Millis(4) + hour), None);
    let oldest = ground.room_of(players[0]);
    assert_eq!(ground.store.retired(START + Millis(7) + hour), Some(oldest));
    ground.store.end(oldest);
    assert_eq!(
        ground.store.retired(START + Millis(7) + hour),
        Some(ground.room_of(players[1])),
        "in the order in which they were left"
    );
    ground.store.enter(players[1], CONN);
    assert_eq!(
        ground.store.retired(START + hour + hour),
        None,
        "nobody has entered the third, which has an age of its own"
    );
}

#[test]
fn a_room_takes_a_thousand_players_and_all_rooms_ten_for_each_that_may_be() {
    let mut ground = Ground::new(101);
    let first = ground.create(START).unwrap();
    let room = ground.room_of(first);
    for _ in 1..ROOM_PLAYERS_MAX {
        ground.join(room).unwrap();
    }
    assert_eq!(ground.join(room), Err(NoPlace::Room));
    let another = ground.create(START).unwrap();
    let another = ground.room_of(another);
    for _ in 1..10 {
        ground.join(another).unwrap();
    }
    assert_eq!(ground.join(another), Err(NoPlace::Players));
    assert_eq!(ground.create(START), Err(NoPlace::Players));
    ground.store.check_invariants();
}

#[test]
fn the_oldest_message_gives_its_place() {
    let mut ground = Ground::new(10);
    let player = ground.create(START).unwrap();
    let room = ground.room_of(player);
    (0..60).for_each(|_| ground.remember(room, 10, 50));
    let history = &ground.store.room(room).history;
    assert_eq!(history.count(), 50);
    assert_eq!(history.before(Some(10)).count(), 0);
    assert_eq!(history.before(Some(11)).count(), 1);
    ground.store.check_invariants();
}

#[test]
fn when_the_space_is_used_up_a_room_gives_up_its_own_but_for_its_share() {
    let mut ground = Ground::new(4);
    let greedy = ground.create(START).unwrap();
    let modest = ground.create(START).unwrap();
    let (greedy, modest) = (ground.room_of(greedy), ground.room_of(modest));
    let kept = |ground: &Ground, room| ground.store.room(room).history.count();
    // A hundred of them are as much as may be; beside its text each costs a little.
    let bytes = 1000 - 32;
    (0..4).for_each(|_| ground.remember(modest, bytes, 1000));
    (0..100).for_each(|_| ground.remember(greedy, bytes, 1000));
    assert_eq!((kept(&ground, modest), kept(&ground, greedy)), (4, 96));
    (0..100).for_each(|_| ground.remember(modest, bytes, 1000));
    assert_eq!((kept(&ground, modest), kept(&ground, greedy)), (25, 96));
    (0..100).for_each(|_| ground.remember(greedy, bytes, 1000));
    assert_eq!((kept(&ground, modest), kept(&ground, greedy)), (25, 75));
    ground.store.check_invariants();
}

#[test]
fn a_player_is_found_in_its_own_room_only() {
    let mut ground = Ground::new(10);
    let player = ground.create(START).unwrap();
    let other = ground.create(START).unwrap();
    let (room, another) = (ground.room_of(player), ground.room_of(other));
    let id = Rc::clone(&ground.store.player(player).id);
    assert_eq!(ground.store.find_player(room, &id), Some(player));
    assert_eq!(ground.store.find_player(another, &id), None);
}
