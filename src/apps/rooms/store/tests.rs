use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;

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
    rooms_max: u32,
    made: u32,
}

impl Ground {
    fn new(rooms_max: u32) -> Ground {
        Ground {
            store: Store::default(),
            chance: ChaCha12Rng::from_seed([7; 32]),
            rooms_max,
            made: 0,
        }
    }

    fn newcomer(&mut self) -> Newcomer {
        self.made += 1;
        Newcomer {
            id: format!("player {}", self.made),
            name: DisplayName::parse(&format!("name {}", self.made)).unwrap(),
        }
    }

    fn create(&mut self, now: Millis) -> Result<PlayerKey, NoPlace> {
        let first = self.newcomer();
        let room_id = format!("room {}", self.made);
        let Ground { store, chance, .. } = self;
        let made = store.create(room_id, first, self.rooms_max, chance, now);
        self.check();
        made
    }

    fn join(&mut self, room: RoomKey) -> Result<PlayerKey, NoPlace> {
        let newcomer = self.newcomer();
        self.store.join(room, newcomer, self.rooms_max)
    }

    fn sweep(&mut self, now: Millis) {
        self.store.sweep(now);
        self.check();
    }

    fn remember(&mut self, room: RoomKey, bytes: usize, messages_max: u32) {
        let message = RawValue::from_string("1".repeat(bytes)).unwrap();
        let bounds = HistoryBounds {
            messages_max,
            bytes_max: BYTES_MAX,
            rooms_max: self.rooms_max,
        };
        self.store.remember(room, message, bounds);
    }

    fn room_of(&self, player: PlayerKey) -> RoomKey {
        self.store.player(player).room
    }

    fn is_kept(&self, code: &str, now: Millis) -> bool {
        self.store.find(code, now).is_some()
    }

    /// Walks everything.
    fn check(&self) {
        let store = &self.store;
        let (mut players, mut bytes, mut empty) = (0, 0, 0);
        for (key, room) in &store.rooms {
            let key = RoomKey(key as u32);
            assert_eq!(store.codes.get(&room.code), Some(&key));
            let connected = store.players_of(key).filter(|player| player.conn.is_some());
            assert_eq!(connected.count(), room.connected as usize);
            assert_eq!(
                store.empty.contains(&(room.emptied, key)),
                room.connected == 0
            );
            empty += usize::from(room.connected == 0);
            players += room.players.len();
            bytes += room.history.bytes();
        }
        assert_eq!(store.codes.len(), store.rooms.len());
        assert_eq!((store.players.len(), store.ids.len()), (players, players));
        assert_eq!(store.empty.len(), empty);
        assert_eq!(store.history_bytes, bytes);
    }
}

#[test]
fn a_room_is_kept_for_a_day_from_its_creation() {
    let mut ground = Ground::new(10);
    let player = ground.create(START).unwrap();
    let code = ground.store.room(ground.room_of(player)).code.to_string();
    assert!(ground.is_kept(&code, START + DAY - Millis(1)));
    assert!(!ground.is_kept(&code, START + DAY));
    ground.sweep(START + DAY - Millis(1));
    assert_eq!(ground.store.rooms.len(), 1);
    ground.sweep(START + DAY);
    assert_eq!(
        (ground.store.rooms.len(), ground.store.players.len()),
        (0, 0)
    );
}

#[test]
fn a_room_is_kept_while_somebody_is_there_and_a_day_from_when_the_last_has_left() {
    let mut ground = Ground::new(10);
    let player = ground.create(START).unwrap();
    let other = ground.join(ground.room_of(player)).unwrap();
    let code = ground.store.room(ground.room_of(player)).code.to_string();
    assert_eq!(ground.store.enter(player, CONN), None);
    assert_eq!(ground.store.enter(other, NEWER), None);
    assert!(ground.store.leave(other, NEWER, START));
    let later = START + DAY + DAY;
    ground.sweep(later);
    assert!(ground.is_kept(&code, later));
    assert!(ground.store.leave(player, CONN, later));
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
    assert!(!ground.store.leave(player, CONN, START));
    ground.check();
    assert!(ground.store.leave(player, NEWER, START));
    ground.check();
}

#[test]
fn the_expired_are_forgotten_a_few_at_a_time_and_not_found_before_that() {
    let mut ground = Ground::new(100);
    let codes: Vec<String> = (0..100)
        .map(|_| {
            let player = ground.create(START).unwrap();
            ground.store.room(ground.room_of(player)).code.to_string()
        })
        .collect();
    ground.sweep(START + DAY);
    assert_eq!(ground.store.rooms.len(), 100 - FORGOTTEN_MAX);
    assert!(codes.iter().all(|code| !ground.is_kept(code, START + DAY)));
}

#[test]
fn one_room_more_than_may_be_is_refused_until_one_has_expired() {
    let mut ground = Ground::new(2);
    ground.create(START).unwrap();
    ground.create(START + Millis(1)).unwrap();
    assert_eq!(ground.create(START), Err(NoPlace::Rooms));
    ground.sweep(START + DAY);
    assert!(ground.create(START + DAY).is_ok());
    assert_eq!(ground.create(START + DAY), Err(NoPlace::Rooms));
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
    ground.check();
}

#[test]
fn the_oldest_message_gives_its_place() {
    let mut ground = Ground::new(10);
    let player = ground.create(START).unwrap();
    let room = ground.room_of(player);
    (0..60).for_each(|_| ground.remember(room, 10, 50));
    let history = &ground.store.room(room).history;
    assert_eq!(history.len(), 50);
    assert_eq!(history.before(Some(10)).count(), 0);
    assert_eq!(history.before(Some(11)).count(), 1);
    ground.check();
}

#[test]
fn when_the_space_is_used_up_a_room_gives_up_its_own_but_for_its_share() {
    let mut ground = Ground::new(4);
    let greedy = ground.create(START).unwrap();
    let modest = ground.create(START).unwrap();
    let (greedy, modest) = (ground.room_of(greedy), ground.room_of(modest));
    let kept = |ground: &Ground, room| ground.store.room(room).history.len();
    // A hundred of them are as much as may be; beside its text each costs a little.
    let bytes = 1000 - 32;
    (0..4).for_each(|_| ground.remember(modest, bytes, 1000));
    (0..100).for_each(|_| ground.remember(greedy, bytes, 1000));
    assert_eq!((kept(&ground, modest), kept(&ground, greedy)), (4, 96));
    (0..100).for_each(|_| ground.remember(modest, bytes, 1000));
    assert_eq!((kept(&ground, modest), kept(&ground, greedy)), (25, 96));
    (0..100).for_each(|_| ground.remember(greedy, bytes, 1000));
    assert_eq!((kept(&ground, modest), kept(&ground, greedy)), (25, 75));
    ground.check();
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
