//! The numbers of `/metrics` once a second, for the dashboard.
//!
//! One message a second, encoded once for all who look; while nobody does, nothing is counted, scanned or woken for.
//! Beside the numbers it tells the longest backlogs and the biggest rooms, of which a part is looked at in each
//! second: what that costs is bounded, however many there are.
//!
//! A client that sees this has shown a key. The names of rooms are rights none the less, or hold one: a picture of the
//! dashboard must not let anybody into a room, so of a session's identifier and a game's code only the first
//! characters are told.

use serde::{Serialize, Serializer};

use super::readiness;
use super::survey::Survey;
use crate::apps::context::{Context, Trouble};
use crate::id::{AppId, RoomId};
use crate::metrics::{self, Histogram, Process};
use crate::time::{Millis, Unix};

/// The room of those who look.
const ROOM: &str = "ops:stats";
/// How often they are told.
const INTERVAL: Millis = Millis::seconds(1);
/// Connections and rooms that are looked at in each second at most: what is beyond is seen in its turn.
const PART_MAX: u32 = 1 << 16;
/// Bytes of a room's name that are told at most.
const NAME_BYTES_MAX: usize = 80;
/// Characters that are told of a session's identifier of 32 and of a game's code of six.
const SESSION_CHARS: usize = 6;
const CODE_CHARS: usize = 2;

/// What is kept from one second to the next.
pub struct Stats {
    /// Whether a tick is asked for.
    is_awake: bool,
    due: Millis,
    loop_turn: Histogram,
    publish_to_write: Histogram,
    store_commit: Histogram,
    backlogs: Survey,
    rooms: Survey,
}

/// The message.
#[derive(Serialize)]
struct Report {
    r#type: &'static str,
    timestamp: Unix,
    version: &'static str,
    uptime_ms: u64,
    status: &'static str,
    connections_max: u32,
    apps: Vec<OfApp>,
    #[serde(flatten)]
    totals: Numbers<&'static str>,
    accepts: Numbers<&'static str>,
    http_requests: Vec<Requests>,
    loop_turn: Spans,
    publish_to_write: Spans,
    /// Only where something is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<Store>,
    process: Process,
    backlogs: Vec<Backlog>,
    biggest_rooms: Vec<Room>,
}

#[derive(Serialize)]
struct OfApp {
    app: &'static str,
    #[serde(flatten)]
    numbers: Numbers<&'static str>,
    closes: Numbers<String>,
}

#[derive(Serialize)]
struct Requests {
    route: &'static str,
    status: u16,
    count: u64,
}

/// What is kept.
#[derive(Serialize)]
struct Store {
    #[serde(flatten)]
    numbers: Numbers<&'static str>,
    commit: Spans,
    /// What went wrong with it last.
    trouble: Option<Trouble>,
}

/// A histogram: all that was ever measured, and what has been since the last message.
#[derive(Serialize)]
struct Spans {
    count: u64,
    sum_micros: u64,
    recent: u64,
    p50_micros: Option<u64>,
    p99_micros: Option<u64>,
}

#[derive(Serialize)]
struct Backlog {
    app: &'static str,
    connection: String,
    bytes: u32,
    messages: u32,
}

#[derive(Serialize)]
struct Room {
    app: &'static str,
    room: String,
    members: u64,
}

/// Numbers by name, as a JSON object.
struct Numbers<K>(Vec<(K, u64)>);

impl Default for Stats {
    fn default() -> Stats {
        Stats {
            is_awake: false,
            due: Millis(0),
            loop_turn: Histogram::default(),
            publish_to_write: Histogram::default(),
            store_commit: Histogram::default(),
            backlogs: Survey::new(PART_MAX),
            rooms: Survey::new(PART_MAX),
        }
    }
}

impl Stats {
    /// A dashboard is opened: the first one is told at once, others with all the rest.
    pub fn opened(&mut self, cx: &mut Context<'_>) {
        cx.join(ROOM);
        if !self.is_awake {
            self.is_awake = true;
            self.due = cx.now().millis();
            self.loop_turn = cx.metrics().loop_turn.clone();
            self.publish_to_write = cx.metrics().publish_to_write.clone();
            let store = cx.gauged_metrics().store.as_ref();
            self.store_commit = store.map_or_else(Histogram::default, |store| store.commit.clone());
            cx.tick_at(self.due);
        }
    }

    /// A second has passed.
    pub fn tick(&mut self, cx: &mut Context<'_>) {
        if cx.members(ROOM).next().is_none() {
            self.is_awake = false;
            return;
        }
        let report = self.report(cx);
        let frame = cx.json(&report);
        cx.publish(ROOM, frame);
        let now = cx.now().millis();
        // From the second that was due, so that seconds do not drift; from now, if some were missed altogether.
        self.due = self.due + INTERVAL;
        if self.due <= now {
            self.due = now + INTERVAL;
        }
        cx.tick_at(self.due);
    }

    fn report(&mut self, cx: &mut Context<'_>) -> Report {
        cx.gauged_metrics();
        let (status, now) = (readiness(cx.health()).first().copied(), cx.now());
        let (backlogs, biggest_rooms) = (self.backlogs(cx), self.biggest_rooms(cx));
        let connections_max = cx.connections_max();
        let trouble = cx.trouble().cloned();
        let metrics = cx.metrics();
        let of_app = |app: AppId| OfApp {
            app: app.name(),
            numbers: Numbers(metrics.of_app(app).collect()),
            closes: Numbers(metrics.closes_of_app(app).collect()),
        };
        let requests = |(route, status, count)| Requests {
            route,
            status,
            count,
        };
        Report {
            r#type: "stats",
            timestamp: now.unix,
            version: env!("CARGO_PKG_VERSION"),
            uptime_ms: now.millis().0,
            status: status.unwrap_or("ready"),
            connections_max,
            apps: AppId::ALL.into_iter().map(of_app).collect(),
            totals: Numbers(metrics.totals().collect()),
            accepts: Numbers(metrics.accepts().collect()),
            http_requests: metrics.http_requests().map(requests).collect(),
            loop_turn: Spans::new(&metrics.loop_turn, &mut self.loop_turn),
            publish_to_write: Spans::new(&metrics.publish_to_write, &mut self.publish_to_write),
            store: metrics
                .store
                .as_ref()
                .map(|store| Store::new(store, &mut self.store_commit, trouble)),
            process: Process::read(),
            backlogs,
            biggest_rooms,
        }
    }

    fn backlogs(&mut self, cx: &Context<'_>) -> Vec<Backlog> {
        let size = |key| u64::from(cx.backlog(key).bytes);
        let told = |&(_, key): &(u64, u32)| {
            let (conn, app) = cx.holder(key);
            let backlog = cx.backlog(key);
            Backlog {
                app: app.map_or("http", AppId::name),
                connection: conn.to_string(),
                bytes: backlog.bytes,
                messages: backlog.messages,
            }
        };
        let largest = self.backlogs.look(cx.backlog_keys(), size);
        largest.iter().map(told).collect()
    }

    fn biggest_rooms(&mut self, cx: &Context<'_>) -> Vec<Room> {
        let size = |number| cx.room_members(RoomId(number)) as u64;
        let told = |&(members, number): &(u64, u32)| {
            let (name, app) = cx.room_owner(RoomId(number));
            Room {
                app: app.map_or("http", AppId::name),
                room: shown(name, app),
                members,
            }
        };
        let largest = self.rooms.look(cx.room_numbers(), size);
        largest.iter().map(told).collect()
    }
}

impl Store {
    fn new(store: &metrics::Store, told: &mut Histogram, trouble: Option<Trouble>) -> Store {
        Store {
            numbers: Numbers(store.numbers().collect()),
            commit: Spans::new(&store.commit, told),
            trouble,
        }
    }
}

impl Spans {
    /// What has been measured, and of it what is new since `told`, which is brought up to date.
    fn new(all: &Histogram, told: &mut Histogram) -> Spans {
        let recent = all.since(told);
        *told = all.clone();
        Spans {
            count: all.count(),
            sum_micros: all.sum_micros(),
            recent: recent.count(),
            p50_micros: recent.quantile_micros(500),
            p99_micros: recent.quantile_micros(990),
        }
    }
}

impl<K: Serialize> Serialize for Numbers<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, number)| (name, number)))
    }
}

/// As much of a room's name as may be shown, with an ellipsis for the rest.
fn shown(name: &str, app: Option<AppId>) -> String {
    let prefix = name.find(':').map_or(0, |colon| colon + 1);
    let bytes = match app {
        Some(AppId::Sessions) => prefix + SESSION_CHARS,
        Some(AppId::Rooms) => prefix + CODE_CHARS,
        _ => NAME_BYTES_MAX,
    };
    let end = name.floor_char_boundary(bytes);
    let ellipsis = if end < name.len() { "…" } else { "" };
    format!("{}{ellipsis}", &name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_a_door_is_cut() {
        let session = "session:0123456789abcdef0123456789abcdef";
        assert_eq!(shown(session, Some(AppId::Sessions)), "session:012345…");
        assert_eq!(shown("room:ABCDEF", Some(AppId::Rooms)), "room:AB…");
        assert_eq!(shown("repo:a:b", Some(AppId::Tasks)), "repo:a:b");
        assert_eq!(shown("events", Some(AppId::Events)), "events");
        let long = shown(&"é".repeat(100), Some(AppId::Tasks));
        assert_eq!(long, format!("{}…", "é".repeat(40)));
    }
}
