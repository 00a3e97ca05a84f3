//! Every bound that the lower floors obey, as plain numbers: each with its unit, its default and the reason for it.
//!
//! Nothing is parsed here. `settings.rs` reads the command line, the environment and the file into these; a test may
//! simply construct them.

use crate::id::AppId;
use crate::time::Millis;

/// What happens to a member that is behind by more than its queue may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFull {
    /// The oldest messages that it has not got are skipped, counted, and told to it as *lagged*.
    #[default]
    Drop,
    /// All but the newest message are.
    Latest,
    /// It is closed with 1013 behind what has begun to go out, and what is for it alone.
    Disconnect,
}

/// How an app's changes are kept, where there is something that keeps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// An answer, and what it makes others hear, waits until the change is synced.
    Commit,
    /// It is written behind, and nobody waits.
    Lazy,
    /// It is never written.
    #[default]
    None,
}

/// The bounds of one write queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueBounds {
    /// Messages that may wait (256: a quarter second of a thousand a second).
    pub messages_max: u32,
    /// Bytes that may wait (1 MiB: what a slow phone takes in the ten seconds of the write timeout).
    pub bytes_max: u32,
    /// What happens beyond that.
    pub on_full: OnFull,
}

/// What is kept of what is published, for clients that come back: of each numbering by itself, and of all that an app has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistoryBounds {
    /// Messages of one numbering (1,000: some seconds of a busy one, hours of a quiet one); 0 keeps nothing.
    pub messages_max: u32,
    /// Bytes of one numbering (4 MiB: as many messages of 4 KiB).
    pub bytes_max: u64,
    /// How long a message is kept (5 min: a lift, a tunnel, a laptop that is carried to the next room).
    pub age: Millis,
    /// Bytes of the whole app (64 MiB: a quarter of the memory budget).
    pub total_max: u64,
}

impl HistoryBounds {
    /// What apps keep unless they are told otherwise.
    pub const USUAL: HistoryBounds = HistoryBounds {
        messages_max: 1000,
        bytes_max: 4 << 20,
        age: Millis::seconds(5 * 60),
        total_max: 64 << 20,
    };
}

/// The bounds of one app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppBounds {
    /// Whether its paths exist at all.
    pub enabled: bool,
    /// WebSockets it may hold.
    pub connections_max: u32,
    /// New WebSockets a minute from one address (IPv6: one /64); 0 is no limit.
    pub connections_per_minute: u32,
    /// Messages that one client may send in a second; 0 is no limit.
    pub client_messages_per_second: u32,
    /// Bytes of messages that one client may send in a second; 0 is no limit.
    pub client_bytes_per_second: u32,
    /// Bytes of one message from a client (512 KiB: fits a phone's photo preview, not an upload).
    pub message_bytes_max: u32,
    /// The queue of each of its connections.
    pub queue: QueueBounds,
    /// What is kept of what it publishes.
    pub history: HistoryBounds,
    /// How its changes are kept (`commit` where records are: what was answered stays; `lazy` elsewhere: what is published is
    /// kept by a clean stop).
    pub durability: Durability,
    /// Records it keeps: sessions, tasks or rooms (100,000: some hundred megabytes of well-filled ones).
    pub records_max: u32,
    /// Bytes of what clients have put into all of them together (256 MiB: 2.6 KiB each, if there are as many as may be).
    pub records_bytes_max: u64,
    /// How long a session is kept that nobody completes, from its last change on (24 h: nobody comes back to a screen that
    /// was left a day ago).
    pub pending_age: Millis,
    /// How long a completed session is kept, from its completion on (24 h: a client that comes for a result comes that day).
    pub completed_age: Millis,
    /// How long a room is kept that nobody has entered (15 min: its maker is there in a moment).
    pub unentered_age: Millis,
    /// Rooms that nobody has entered, of one address that shows no key; 0 is no limit (100: a school behind one address
    /// makes as many at the beginning of a lesson).
    pub rooms_per_guest: u32,
    /// Players in one room that nobody is connected as, of one address that shows no key; 0 is no limit (50: a class
    /// behind one address, and a twentieth of the room).
    pub players_per_guest: u32,
    /// Chat messages that one room keeps for who comes later (1,000: five pages of them).
    pub chat_max: u32,
    /// Silence after which a connection is pinged (30 s: below the minute of common proxies).
    pub ping_interval: Millis,
}

/// What each part of one turn may cost, in nanoseconds of work as `work` counts it. Together they are what a
/// client waits for at the most, beside one step of each: half of the 20 ms that a turn may take, because a busy
/// machine is slower than the one that the costs were taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnBounds {
    /// What the engine has made so is applied (1 ms: some 200 changes).
    pub settle: u64,
    /// Accepting (1 ms: some 64 connections).
    pub accept: u64,
    /// Serving clients (2 ms: some 300 that say something short).
    pub serve: u64,
    /// Serving those that make much work, beside the others (1 ms).
    pub serve_heavy: u64,
    /// Of either, one connection (512 µs: some 120 short messages, so a client that sends without end costs the others
    /// little more than it costs to wake up).
    pub share: u64,
    /// Deadlines that have passed, and what apps do by the clock (1 ms).
    pub tick: u64,
    /// Writing (4 ms: some 1,000 connections, so a message to a room of 10,000 takes ten turns).
    pub flush: u64,
}

/// Everything the reactor and the apps are told about limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// WebSockets of all apps together (default: the descriptor limit less a reserve for HTTP).
    pub connections_max: u32,
    /// Connections that are no members and have shown no key (default: a quarter of the descriptors; far more than are
    /// between a connect and an upgrade at once, and the rest is for members).
    pub guests_max: u32,
    /// Connections of every kind (default: the descriptor limit less what the process has open itself).
    pub sockets_max: u32,
    /// What one address (IPv6: one /64) may do in a minute without a key, of each kind: calls that change something, wrong
    /// keys, wrong tokens, unknown codes; 0 is no limit (60: a person at play makes one in several seconds, and to guess
    /// one of a thousand codes of a room takes ten days).
    pub guest_calls_per_minute: u32,
    /// Connections accepted a second at most; 0 is no cap (0: the turn's budget already bounds what a crowd costs).
    pub accept_rate: u32,
    /// Clients that wait longer to be served have new WebSockets refused for a while (250 ms: what a person begins to
    /// notice, and twenty times what a busy turn takes).
    pub loop_lag_limit: Millis,
    /// Bytes of one HTTP request body (1 MiB).
    pub body_bytes_max: u32,
    /// Bytes of all queues and half-received messages together (256 MiB).
    pub memory_budget_bytes: u64,
    /// Silence after which a connection is closed with 4408 (60 s: two pings went unanswered).
    pub pong_timeout: Millis,
    /// No progress of a non-empty queue for so long closes the connection (10 s).
    pub write_timeout: Millis,
    /// A request head and body must be complete within this (10 s).
    pub header_timeout: Millis,
    /// A started message must be complete within this (30 s).
    pub message_timeout: Millis,
    /// An idle HTTP connection is closed after this (75 s: longer than the minute of common proxies, so that they close first).
    pub keep_alive: Millis,
    /// How long the peer may take to answer a close frame, or to read a last answer, before the socket is closed (2 s).
    pub close_timeout: Millis,
    /// The time for which a drain serves on, unready, before it closes anybody (none: who stands behind nothing that looks
    /// at readiness would only wait).
    pub drain_delay: Millis,
    /// The time over which a drain is spread (5 s).
    pub drain: Millis,
    /// Connections a drain closes each second at most (2,000).
    pub drain_rate: u32,
    /// Whether permessage-deflate is accepted.
    pub deflate: bool,
    /// Messages shorter than this, in bytes, are never compressed (512).
    pub deflate_bytes_min: u32,
    /// The turn's budgets.
    pub turn: TurnBounds,
    /// One set for each app, by its number.
    pub apps: [AppBounds; AppId::ALL.len()],
}

impl Bounds {
    /// The bounds of one app.
    pub fn app(&self, app: AppId) -> &AppBounds {
        &self.apps[app as usize]
    }

    /// The bounds of one app, to change them.
    pub fn app_mut(&mut self, app: AppId) -> &mut AppBounds {
        &mut self.apps[app as usize]
    }
}

impl Default for QueueBounds {
    fn default() -> QueueBounds {
        QueueBounds {
            messages_max: 256,
            bytes_max: 1 << 20,
            on_full: OnFull::Drop,
        }
    }
}

impl Default for TurnBounds {
    fn default() -> TurnBounds {
        TurnBounds {
            settle: 1_000_000,
            accept: 1_000_000,
            serve: 2_000_000,
            serve_heavy: 1_000_000,
            share: 512_000,
            tick: 1_000_000,
            flush: 4_000_000,
        }
    }
}

impl AppBounds {
    /// The defaults of one app, which differ in what its clients need.
    pub fn of(app: AppId) -> AppBounds {
        let common = AppBounds {
            enabled: true,
            connections_max: u32::MAX,
            connections_per_minute: 0,
            client_messages_per_second: 0,
            client_bytes_per_second: 0,
            message_bytes_max: 512 << 10,
            queue: QueueBounds::default(),
            history: HistoryBounds::USUAL,
            durability: match app {
                AppId::Sessions | AppId::Tasks | AppId::Rooms => Durability::Commit,
                AppId::Events | AppId::Stream => Durability::Lazy,
                AppId::Ops => Durability::None,
            },
            records_max: 100_000,
            records_bytes_max: 256 << 20,
            pending_age: Millis::seconds(24 * 60 * 60),
            completed_age: Millis::seconds(24 * 60 * 60),
            unentered_age: Millis::seconds(15 * 60),
            rooms_per_guest: 100,
            players_per_guest: 50,
            chat_max: 1000,
            ping_interval: Millis::seconds(30),
        };
        match app {
            AppId::Sessions => AppBounds {
                queue: QueueBounds {
                    on_full: OnFull::Disconnect,
                    ..common.queue
                },
                ..common
            },
            AppId::Stream => AppBounds {
                connections_max: 1000,
                connections_per_minute: 10,
                message_bytes_max: 1 << 20,
                ..common
            },
            _ => common,
        }
    }
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            connections_max: 10_000,
            guests_max: u32::MAX,
            sockets_max: u32::MAX,
            guest_calls_per_minute: 60,
            accept_rate: 0,
            loop_lag_limit: Millis(250),
            body_bytes_max: 1 << 20,
            memory_budget_bytes: 256 << 20,
            pong_timeout: Millis::seconds(60),
            write_timeout: Millis::seconds(10),
            header_timeout: Millis::seconds(10),
            message_timeout: Millis::seconds(30),
            keep_alive: Millis::seconds(75),
            close_timeout: Millis::seconds(2),
            drain_delay: Millis(0),
            drain: Millis::seconds(5),
            drain_rate: 2000,
            deflate: true,
            deflate_bytes_min: 512,
            turn: TurnBounds::default(),
            apps: AppId::ALL.map(AppBounds::of),
        }
    }
}
