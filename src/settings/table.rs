//! The table of settings: a row for each, with its names, its place, its range and its words in the help.
//!
//! Adding a setting is adding a row; the file is as long as there are settings. The defaults are not here: they are the values that stand in the places of
//! `Settings::new` and [`AppBounds::of`] before any source is read.

use crate::bounds::AppBounds;
use crate::id::AppId;
use crate::settings::Settings;
use crate::settings::number;
use crate::settings::value::{self, AnySlot};

/// A kibibyte.
const KIB: u64 = 1 << 10;
/// The largest size of a queue or message: lengths up to it fit every column, and no sane client sends more.
const GIB: u64 = 1 << 30;
/// The longest deadline, in milliseconds: a day; a longer one is a slip of a unit.
const DAY: u64 = 24 * 60 * 60 * 1000;
/// The longest age of a record, in milliseconds: ten years, which is for ever.
const AGE: u64 = 3650 * DAY;

/// Whose a setting is that every app has.
const ALL: &[AppId] = &AppId::ALL;
/// The apps that keep records.
const KEEPERS: &[AppId] = &[AppId::Sessions, AppId::Tasks, AppId::Rooms];
/// The apps that number what they publish.
const NUMBERED: &[AppId] = &[AppId::Events, AppId::Tasks, AppId::Stream, AppId::Rooms];
/// The apps whose histories alone are kept, by a clean stop.
const PUBLISHERS: &[AppId] = &[AppId::Events, AppId::Stream];
const SESSIONS: &[AppId] = &[AppId::Sessions];
const ROOMS: &[AppId] = &[AppId::Rooms];

/// The start of our names in the environment.
pub(super) const PREFIX: &str = "ROOMCAST_";
/// An app whose defaults are those of most apps.
pub(super) const COMMON: AppId = AppId::Ops;

/// The headings of the help, in its order.
pub(super) mod heading {
    pub const LISTENING: &str = "Listening";
    pub const ACCESS: &str = "Access";
    pub const STORE: &str = "What stays";
    pub const SLOW: &str = "Slow consumers";
    pub const LIMITS: &str = "Limits";
    pub const DEADLINES: &str = "Deadlines";
    pub const DRAIN: &str = "Going away";
    pub const DEFLATE: &str = "Compression";
    pub const TOOLS: &str = "Pages and tools";
    pub const APPS: &str = "Settings for one app";
}

/// One setting.
#[derive(Debug)]
pub(super) struct Setting {
    /// The key in the file; in capitals behind `ROOMCAST_`, the name in the environment.
    pub name: &'static str,
    /// The flag without its dashes; empty where there is none.
    pub flag: &'static str,
    /// Where the help shows it.
    pub heading: &'static str,
    /// What it means, in half a sentence.
    pub about: &'static str,
    /// What else `--help` says, in whole sentences; may be empty.
    pub more: &'static str,
    /// The default in words, where the value that stands in its place does not say it; may be empty.
    pub default: &'static str,
    /// Whose value it is, and its place.
    pub scope: Scope,
}

/// Whose value a setting is.
#[derive(Debug)]
pub(super) enum Scope {
    /// The server's: one value.
    Server(fn(&mut Settings) -> AnySlot<'_>),
    /// Each app's; the flag is for every app that is given none of its own.
    EveryApp(fn(&mut AppBounds) -> AnySlot<'_>),
    /// That of each of these apps, without a flag for all of them.
    OneApp(&'static [AppId], fn(&mut AppBounds) -> AnySlot<'_>),
}

use Scope::{EveryApp, OneApp, Server};

/// Every setting, in the order of the help.
#[rustfmt::skip]
pub(super) static SETTINGS: &[Setting] = &[
    Setting {
        name: "listen", flag: "listen", heading: heading::LISTENING, default: "",
        about: "address and port to listen on",
        more: "Port 0 takes a free one; the bound address is logged as `listening on http://ADDR`. Example: --listen 0.0.0.0:80",
        scope: Server(|s| value::one(&mut s.listen)),
    },
    Setting {
        name: "reuse_port", flag: "reuse-port", heading: heading::LISTENING, default: "",
        about: "share the address with the process that takes over, or that we take over from",
        more: "Both need it. Then the newest process gets all new connections, and a stop closes the listener at once \
               and serves those who had connected. A socket that is passed by LISTEN_FDS is shared anyway.",
        scope: Server(|s| value::switch(&mut s.reuse_port)),
    },
    Setting {
        name: "keys", flag: "key", heading: heading::ACCESS, default: "none, which is open mode: every key check passes",
        about: "keys that may publish and administer",
        more: "ROOMCAST_KEYS (comma-separated; ROOMCAST_KEY, too) and the file's `keys` list stay out of the process list; this flag does not.",
        scope: Server(|s| value::keys(&mut s.keys)),
    },
    Setting {
        name: "secret", flag: "secret", heading: heading::ACCESS, default: "one that is made once and kept in the file of --data; with --data off random at each start",
        about: "the secret that signs room tokens",
        more: "One of your own has 32 bytes or more. ROOMCAST_SECRET stays out of the process list.",
        scope: Server(|s| value::one(&mut s.secret)),
    },
    Setting {
        name: "allow_origins", flag: "allow-origin", heading: heading::ACCESS, default: "none",
        about: "web origins that may connect besides our own, or * for all",
        more: "Compared whole, as scheme, host and port; https://*.app.example stands for every name below app.example, and \
               not for itself. Loopback origins may connect to a loopback listener anyway. Example: --allow-origin https://app.example",
        scope: Server(|s| value::origins(&mut s.allow_origins)),
    },
    Setting {
        name: "trust_proxy", flag: "trust-proxy", heading: heading::ACCESS, default: "none",
        about: "proxies that say who the client is, as addresses or ranges",
        more: "Theirs is the right-most address of Forwarded or X-Forwarded-For that is no trusted proxy's; limits by \
               address count it. Trust only what nobody but your proxies can use. Example: --trust-proxy 10.0.0.0/8",
        scope: Server(|s| value::networks(&mut s.trust_proxy)),
    },
    Setting {
        name: "insecure_open", flag: "insecure-open", heading: heading::ACCESS, default: "",
        about: "allow open mode on an address that others can reach",
        more: "Whoever reaches the port may then publish.",
        scope: Server(|s| value::switch(&mut s.insecure_open)),
    },
    Setting {
        name: "data", flag: "data", heading: heading::STORE, default: "",
        about: "the file that keeps what was answered, or off",
        more: "An SQLite file, which is made if there is none. The hub that starts with it again goes on with its sessions, tasks \
               and rooms, with the same tokens and positions. With off all of it ends with the process. A file that is \
               called off is ./off. Example: --data /var/lib/roomcast/roomcast.db",
        scope: Server(|s| value::one(&mut s.data)),
    },
    Setting {
        name: "data_wait", flag: "data-wait", heading: heading::STORE, default: "",
        about: "how long a start waits for the file that another process holds",
        more: "Who knocks meanwhile is queued. It is waited for the hub that goes away, so that the next can be started before.",
        scope: Server(|s| number::span(&mut s.data_wait, 0..=DAY)),
    },
    Setting {
        name: "queue_messages", flag: "queue-messages", heading: heading::SLOW, default: "",
        about: "messages that may wait for one connection",
        more: "",
        scope: EveryApp(|a| number::count(&mut a.queue.messages_max, 1..=1_000_000)),
    },
    Setting {
        name: "queue_bytes", flag: "queue-bytes", heading: heading::SLOW, default: "",
        about: "bytes that may wait for one connection",
        more: "An empty queue takes any one message.",
        scope: EveryApp(|a| number::bytes(&mut a.queue.bytes_max, KIB..=GIB)),
    },
    Setting {
        name: "on_full", flag: "on-full", heading: heading::SLOW, default: "",
        about: "what happens to a client that is too far behind",
        more: "drop: the oldest messages that it has not got are skipped, counted, and it is told how many. latest: all but \
               the newest are. disconnect: it is closed with 1013 behind what has begun to go out.",
        scope: EveryApp(|a| value::one(&mut a.queue.on_full)),
    },
    Setting {
        name: "memory_budget", flag: "memory-budget", heading: heading::SLOW, default: "",
        about: "bytes of all logs, queues and half-received messages together",
        more: "Past it the longest logs are cut to half, which their readers are told, or the connection with the largest \
               backlog of its own is closed with 1013: whichever holds more, and so on.",
        scope: Server(|s| number::many_bytes(&mut s.bounds.memory_budget_bytes, 64 * KIB..=KIB * GIB)),
    },
    Setting {
        name: "max_connections", flag: "max-connections", heading: heading::LIMITS,
        default: "the descriptor limit less a reserve: a 64th of it, at least 64",
        about: "WebSockets of all apps together",
        more: "One over it is answered 503. Raise the descriptor limit with `ulimit -n`.",
        scope: Server(|s| number::count(&mut s.bounds.connections_max, 1..=u32::MAX)),
    },
    Setting {
        name: "guests", flag: "guests", heading: heading::LIMITS, default: "a quarter of the descriptor limit",
        about: "connections that are no WebSockets and have shown no key",
        more: "For one more the one that has been idle longest is closed, if that is a second; else it waits in the kernel's \
               backlog.",
        scope: Server(|s| number::count(&mut s.bounds.guests_max, 1..=u32::MAX)),
    },
    Setting {
        name: "guest_calls_per_minute", flag: "guest-calls-per-minute", heading: heading::LIMITS, default: "",
        about: "calls a minute from one address without a key (any: no limit)",
        more: "Those that change something; and as many wrong keys, wrong tokens and unknown codes of rooms. A third of it \
               may come at once, what is beyond is answered 429. An IPv6 /64 is one address.",
        scope: Server(|s| number::limit(&mut s.bounds.guest_calls_per_minute, 1_000_000)),
    },
    Setting {
        name: "accept_rate", flag: "accept-rate", heading: heading::LIMITS, default: "",
        about: "connections accepted a second at most (any: no limit)",
        more: "The others wait in the kernel's backlog. A hundredth of it, and two at least, may come in at once.",
        scope: Server(|s| number::limit(&mut s.bounds.accept_rate, 1_000_000)),
    },
    Setting {
        name: "loop_lag_limit", flag: "loop-lag-limit", heading: heading::LIMITS, default: "",
        about: "how long clients may wait to be served before new WebSockets are refused",
        more: "They are answered 503 until, for a second, all waited less than half of it; those already in keep their \
               service.",
        scope: Server(|s| number::span(&mut s.bounds.loop_lag_limit, 1..=DAY)),
    },
    Setting {
        name: "max_message", flag: "max-message", heading: heading::LIMITS, default: "",
        about: "bytes of one message from a client",
        more: "A longer one closes the connection with 1009.",
        scope: EveryApp(|a| number::bytes(&mut a.message_bytes_max, 1..=GIB)),
    },
    Setting {
        name: "client_messages_per_second", flag: "client-messages-per-second", heading: heading::LIMITS, default: "",
        about: "messages a second from one client (any: no limit)",
        more: "Pings and pongs count, too; a fragmented message counts as one. A second's worth may come at once. A client \
               over it is closed with 1008 behind what is queued. What the rooms app tells a player who speaks too fast \
               is its own, and stays as it is.",
        scope: EveryApp(|a| number::limit(&mut a.client_messages_per_second, 1_000_000)),
    },
    Setting {
        name: "client_bytes_per_second", flag: "client-bytes-per-second", heading: heading::LIMITS, default: "",
        about: "bytes a second from one client (any: no limit)",
        more: "Those of the payloads of its messages, pings and pongs, unpacked. A second's worth may come at once, and \
               always one message of --max-message. A client over it is closed with 1008 behind what is queued.",
        scope: EveryApp(|a| number::bytes_limit(&mut a.client_bytes_per_second, 1 << 30)),
    },
    Setting {
        name: "max_body", flag: "max-body", heading: heading::LIMITS, default: "",
        about: "bytes of one request body",
        more: "A longer one is answered 413.",
        scope: Server(|s| number::bytes(&mut s.bounds.body_bytes_max, 1..=GIB)),
    },
    Setting {
        name: "ping_interval", flag: "ping-interval", heading: heading::DEADLINES, default: "",
        about: "silence after which a connection is pinged",
        more: "Keep it below the idle timeout of every proxy on the way, often a minute.",
        scope: EveryApp(|a| number::span(&mut a.ping_interval, 1..=DAY)),
    },
    Setting {
        name: "pong_timeout", flag: "pong-timeout", heading: heading::DEADLINES, default: "",
        about: "silence after which a connection is closed with 4408",
        more: "Longer than --ping-interval, or the ping comes too late to help.",
        scope: Server(|s| number::span(&mut s.bounds.pong_timeout, 1..=DAY)),
    },
    Setting {
        name: "write_timeout", flag: "write-timeout", heading: heading::DEADLINES, default: "",
        about: "time without progress after which a waiting queue closes its connection",
        more: "",
        scope: Server(|s| number::span(&mut s.bounds.write_timeout, 1..=DAY)),
    },
    Setting {
        name: "header_timeout", flag: "header-timeout", heading: heading::DEADLINES, default: "",
        about: "time in which a request must be complete",
        more: "A slower one is answered 408.",
        scope: Server(|s| number::span(&mut s.bounds.header_timeout, 1..=DAY)),
    },
    Setting {
        name: "message_timeout", flag: "message-timeout", heading: heading::DEADLINES, default: "",
        about: "time in which a started message must be complete",
        more: "",
        scope: Server(|s| number::span(&mut s.bounds.message_timeout, 1..=DAY)),
    },
    Setting {
        name: "keep_alive", flag: "keep-alive", heading: heading::DEADLINES, default: "",
        about: "time after which an idle HTTP connection is closed",
        more: "Longer than a proxy's own, so that the proxy closes first.",
        scope: Server(|s| number::span(&mut s.bounds.keep_alive, 1..=DAY)),
    },
    Setting {
        name: "drain_delay", flag: "drain-delay", heading: heading::DRAIN, default: "",
        about: "time for which a stop serves on, unready, before it closes anybody",
        more: "Load balancers and publishers move away meanwhile: /readyz says 503, and every HTTP answer ends its connection.",
        scope: Server(|s| number::span(&mut s.bounds.drain_delay, 0..=DAY)),
    },
    Setting {
        name: "drain", flag: "drain", heading: heading::DRAIN, default: "",
        about: "time over which a stop spreads the closing of connections",
        more: "A stop is SIGTERM or SIGINT; a second one exits at once.",
        scope: Server(|s| number::span(&mut s.bounds.drain, 0..=DAY)),
    },
    Setting {
        name: "drain_rate", flag: "drain-rate", heading: heading::DRAIN, default: "",
        about: "connections that a stop closes each second at most",
        more: "With very many connections this, and not --drain, sets the time.",
        scope: Server(|s| number::count(&mut s.bounds.drain_rate, 1..=10_000_000)),
    },
    Setting {
        name: "deflate", flag: "deflate", heading: heading::DEFLATE, default: "",
        about: "whether permessage-deflate is accepted when offered",
        more: "",
        scope: Server(|s| value::switch(&mut s.bounds.deflate)),
    },
    Setting {
        name: "deflate_min", flag: "deflate-min", heading: heading::DEFLATE, default: "",
        about: "messages shorter than this go plain",
        more: "",
        scope: Server(|s| number::bytes(&mut s.bounds.deflate_bytes_min, 0..=GIB)),
    },
    Setting {
        name: "echo", flag: "echo", heading: heading::TOOLS, default: "",
        about: "serve /echo, which sends every message back",
        more: "",
        scope: Server(|s| value::switch(&mut s.echo)),
    },
    Setting {
        name: "no_pages", flag: "no-pages", heading: heading::TOOLS, default: "",
        about: "serve no pages, the dashboard at / among them",
        more: "",
        scope: Server(|s| value::inverse(&mut s.pages)),
    },
    Setting {
        name: "enabled", flag: "", heading: heading::APPS, default: "",
        about: "whether the app's paths exist",
        more: "",
        scope: OneApp(ALL, |a| value::switch(&mut a.enabled)),
    },
    Setting {
        name: "max_connections", flag: "", heading: heading::APPS, default: "",
        about: "WebSockets of this app",
        more: "",
        scope: OneApp(ALL, |a| number::count(&mut a.connections_max, 1..=u32::MAX)),
    },
    Setting {
        name: "connections_per_minute", flag: "", heading: heading::APPS, default: "",
        about: "new WebSockets a minute from an address (any: no limit)",
        more: "",
        scope: OneApp(ALL, |a| number::limit(&mut a.connections_per_minute, 1_000_000)),
    },
    Setting {
        name: "max_records", flag: "", heading: heading::APPS, default: "",
        about: "sessions, tasks or rooms that the app keeps at once",
        more: "One more is refused with 507; what may be forgotten to make room is said in src/apps/README.md.",
        scope: OneApp(KEEPERS, |a| number::count(&mut a.records_max, 1..=100_000_000)),
    },
    Setting {
        name: "max_record_bytes", flag: "", heading: heading::APPS, default: "",
        about: "bytes of what clients put into all of them together",
        more: "One more that does not fit is refused with 507. Of the rooms half is for what was said, and half for rooms and \
               players with all that they cost.",
        scope: OneApp(KEEPERS, |a| number::many_bytes(&mut a.records_bytes_max, KIB..=1024 * GIB)),
    },
    Setting {
        name: "pending_age", flag: "", heading: heading::APPS, default: "",
        about: "time after which a session is forgotten that nobody completes",
        more: "Counted from its last change; its sockets are closed with 1000.",
        scope: OneApp(SESSIONS, |a| number::span(&mut a.pending_age, 1..=AGE)),
    },
    Setting {
        name: "completed_age", flag: "", heading: heading::APPS, default: "",
        about: "time after which a completed session is forgotten",
        more: "Counted from its completion.",
        scope: OneApp(SESSIONS, |a| number::span(&mut a.completed_age, 1..=AGE)),
    },
    Setting {
        name: "unentered_age", flag: "", heading: heading::APPS, default: "",
        about: "time after which a room is forgotten that nobody has entered",
        more: "Counted from when it was made.",
        scope: OneApp(ROOMS, |a| number::span(&mut a.unentered_age, 1..=AGE)),
    },
    Setting {
        name: "rooms_per_guest", flag: "", heading: heading::APPS, default: "",
        about: "rooms nobody has entered, of an address without a key (any: no limit)",
        more: "One more is answered 429.",
        scope: OneApp(ROOMS, |a| number::limit(&mut a.rooms_per_guest, 100_000_000)),
    },
    Setting {
        name: "players_per_guest", flag: "", heading: heading::APPS, default: "",
        about: "absent players in a room, of an address without a key (any: no limit)",
        more: "Those that nobody is connected as, but for who made the room; one more is answered 429.",
        scope: OneApp(ROOMS, |a| number::limit(&mut a.players_per_guest, 1000)),
    },
    Setting {
        name: "max_messages", flag: "", heading: heading::APPS, default: "",
        about: "chat messages that a room keeps for who comes later",
        more: "The oldest gives its place.",
        scope: OneApp(ROOMS, |a| number::count(&mut a.chat_max, 50..=1_000_000)),
    },
    Setting {
        name: "durability", flag: "", heading: heading::APPS, default: "",
        about: "when what was changed is in the file of --data",
        more: "commit: before it is answered, and before anybody hears of it. lazy: a second later at most. none: never.",
        scope: OneApp(KEEPERS, |a| value::durability(&mut a.durability)),
    },
    Setting {
        name: "durability", flag: "", heading: heading::APPS, default: "",
        about: "when what was published is in the file of --data",
        more: "lazy: when the hub has stopped in good order. none: never.",
        scope: OneApp(PUBLISHERS, |a| value::durability_behind(&mut a.durability)),
    },
    Setting {
        name: "history_messages", flag: "", heading: heading::APPS, default: "",
        about: "messages of one numbering that are kept for clients that come back",
        more: "Of events, tasks, stream, and each room; 0 keeps nothing.",
        scope: OneApp(NUMBERED, |a| number::count(&mut a.history.messages_max, 0..=1_000_000)),
    },
    Setting {
        name: "history_bytes", flag: "", heading: heading::APPS, default: "",
        about: "bytes of one numbering that are kept",
        more: "",
        scope: OneApp(NUMBERED, |a| number::many_bytes(&mut a.history.bytes_max, 0..=GIB)),
    },
    Setting {
        name: "history_age", flag: "", heading: heading::APPS, default: "",
        about: "time for which a message is kept",
        more: "",
        scope: OneApp(NUMBERED, |a| number::span(&mut a.history.age, 1..=DAY)),
    },
    Setting {
        name: "history_total", flag: "", heading: heading::APPS, default: "",
        about: "bytes of the whole app that are kept",
        more: "The oldest of all rooms give way first. Past three quarters of the memory budget less is kept.",
        scope: OneApp(NUMBERED, |a| number::many_bytes(&mut a.history.total_max, 0..=KIB * GIB)),
    },
];

impl Setting {
    /// The setting that a flag, a variable or a key at the top of the file names.
    pub fn top(name: &str) -> Option<&'static Setting> {
        Setting::tops().find(|setting| setting.name == name)
    }

    /// The setting that a key of this app names.
    pub fn of_app(app: AppId, name: &str) -> Option<&'static Setting> {
        Setting::all_of_app(app).find(|setting| setting.name == name)
    }

    /// Every setting that has a flag.
    pub fn tops() -> impl Iterator<Item = &'static Setting> {
        SETTINGS
            .iter()
            .filter(|setting| !matches!(setting.scope, OneApp(..)))
    }

    /// Every setting that an app may be given, those first that no flag gives to all apps.
    pub fn of_apps() -> impl Iterator<Item = &'static Setting> {
        let only = |setting: &&Setting| matches!(setting.scope, OneApp(..));
        let shared = |setting: &&Setting| matches!(setting.scope, EveryApp(_));
        SETTINGS
            .iter()
            .filter(only)
            .chain(SETTINGS.iter().filter(shared))
    }

    /// Every setting that this app may be given, in the same order.
    pub fn all_of_app(app: AppId) -> impl Iterator<Item = &'static Setting> {
        Setting::of_apps().filter(move |setting| setting.apps().contains(&app))
    }

    /// The apps that have it.
    pub fn apps(&self) -> &'static [AppId] {
        match self.scope {
            Server(_) => &[],
            EveryApp(_) => ALL,
            OneApp(apps, _) => apps,
        }
    }

    /// What `look` finds out about its place as it is by default, before any source is read.
    pub fn by_default<T>(&self, look: impl FnOnce(AnySlot<'_>) -> T) -> T {
        match self.scope {
            Server(slot) => look(slot(&mut Settings::new(0))),
            EveryApp(slot) => look(slot(&mut AppBounds::of(COMMON))),
            OneApp(apps, slot) => {
                let usual = apps.iter().find(|app| **app == COMMON).or(apps.first());
                look(slot(&mut AppBounds::of(*usual.unwrap_or(&COMMON))))
            }
        }
    }

    /// Whether its value is a list.
    pub fn is_list(&self) -> bool {
        self.by_default(|slot| slot.is_list())
    }

    /// Whether its value must not be shown to anybody.
    pub fn is_secret(&self) -> bool {
        self.by_default(|slot| slot.is_secret())
    }

    /// The default in words, for the help.
    pub fn default_words(&self) -> String {
        if !self.default.is_empty() {
            return self.default.to_owned();
        }
        let plain = |slot: AnySlot<'_>| slot.words();
        let usual = self.by_default(plain);
        let (EveryApp(slot) | OneApp(_, slot)) = self.scope else {
            return usual;
        };
        let apps = self.apps().iter();
        let apps = apps.map(|app| (app.name(), plain(slot(&mut AppBounds::of(*app)))));
        let others = apps.filter(|(_, value)| *value != usual);
        others.fold(usual.clone(), |words, (app, value)| {
            format!("{words}, {app} {value}")
        })
    }

    /// Its names in the environment: a list, which the flag gives one item of, answers to that name, too.
    pub fn variables(&self) -> Vec<String> {
        let singular = self.flag.replace('-', "_");
        let mut names = vec![self.name.to_owned()];
        names.extend((self.is_list() && singular != self.name).then_some(singular));
        let variable = |name: String| format!("{PREFIX}{}", name.to_ascii_uppercase());
        names.into_iter().map(variable).collect()
    }
}

/// The app of a name.
pub(super) fn app(name: &str) -> Option<AppId> {
    AppId::ALL.into_iter().find(|app| app.name() == name)
}

/// The names of all apps, for a sentence.
pub(super) fn apps() -> String {
    names(ALL)
}

/// The names of these apps, for a sentence.
pub(super) fn names(apps: &[AppId]) -> String {
    let names: Vec<&str> = apps.iter().map(|app| app.name()).collect();
    names.join(", ")
}

/// The end of a sentence about an unknown name: the known one that was probably meant, if any is near.
pub(super) fn perhaps<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = known
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, known)| *distance <= known.len().div_ceil(4))
        .min();
    near.map_or_else(String::new, |(_, known)| {
        format!(", perhaps {known} was meant")
    })
}
