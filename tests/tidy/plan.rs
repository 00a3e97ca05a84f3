//! The floor plan: who stands on which layer, who may use what, and what nobody does.

/// The layer of each module at the top of the library. A module uses what stands below it and beside it.
pub const LAYERS: &[(&str, u32)] = &[
    ("time", 0),
    ("id", 0),
    ("position", 0),
    ("pace", 0),
    ("bounds", 0),
    ("work", 0),
    ("metrics", 0),
    ("vitals", 0),
    ("warnings", 0),
    ("web", 0),
    ("transport", 1),
    ("wire", 1),
    ("engine", 1),
    ("core", 2),
    ("apps", 3),
    ("reactor", 4),
    ("settings", 5),
    ("watch", 5),
    ("backup", 5),
];

/// Modules that may use less than their layer allows: themselves and what stands here.
pub const NOTES: &[(&str, &[&str])] = &[
    ("time", &[]),
    ("id", &[]),
    ("position", &[]),
    ("pace", &["time"]),
    ("work", &["bounds"]),
    ("vitals", &["id"]),
    ("warnings", &["time"]),
    ("web", &[]),
    ("transport", LAYER_0),
    ("wire", LAYER_0),
    // It has bytes, and no socket.
    ("engine::redis", &["engine", "wire", "time"]),
    ("core::wheel", LAYER_0),
    ("core::chain", &[]),
    ("core::limiter", LAYERS_0_AND_1),
    ("core::hub", LAYER_0),
    ("apps::access", LAYERS_0_AND_1),
    ("apps::rate", &["core", "time", "pace"]),
    ("apps::proxies", LAYERS_0_AND_1),
    ("apps::routes", LAYERS_0_AND_1),
    ("apps::ops", DIALECT),
    ("apps::sessions", DIALECT),
    ("apps::sessions::store", RECORDS),
    ("apps::events", DIALECT),
    ("apps::tasks", DIALECT),
    ("apps::stream", DIALECT),
    ("apps::rooms", DIALECT),
    ("apps::rooms::store", RECORDS),
    ("settings", LAYER_0),
    ("watch", WATCH),
    // A client as well, which is asked for in the same way.
    ("backup", &["settings", "watch"]),
    ("roomcast_flood", &[]),
];
const LAYER_0: &[&str] = &[
    "time", "id", "position", "pace", "bounds", "work", "metrics", "web",
];
const LAYERS_0_AND_1: &[&str] = &[
    "wire", "time", "id", "position", "pace", "bounds", "work", "metrics", "web",
];
const DIALECT: &[&str] = &[
    "apps", "engine", "wire", "time", "id", "position", "pace", "bounds", "work", "metrics",
    "warnings", "web",
];
/// What a dialect keeps, in lists that are the core's.
const RECORDS: &[&str] = &["apps", "core", "time", "id", "pace", "bounds"];
/// A client, which shares with the server how a wrong command line is told.
const WATCH: &[&str] = &[
    "settings", "time", "id", "position", "bounds", "metrics", "web",
];

/// Crates that only some modules use.
pub const CRATES: &[(&str, &[&str])] = &[
    ("mio", &["transport", "roomcast_flood"]),
    ("socket2", &["transport", "roomcast_flood"]),
    ("listenfd", &["transport"]),
    ("nix", &["transport", "engine::file"]),
    ("rusqlite", &["engine::file"]),
    ("signal_hook", &["transport"]),
    ("signal_hook_mio", &["transport"]),
    ("getrandom", &["transport", "engine::file", "watch"]),
    ("httparse", &["wire", "backup", "roomcast_flood"]),
    (
        "tungstenite",
        &[
            "wire",
            "core::protocol",
            "watch",
            "backup",
            "roomcast_flood",
        ],
    ),
    ("clap", &["settings", "watch", "backup", "roomcast_flood"]),
    ("toml", &["settings", "roomcast_flood"]),
    ("strsim", &["settings"]),
    // It waits for whoever reads the log, which the hub must not.
    ("simple_logger", &["watch", "roomcast_flood"]),
    ("ipnet", &["settings", "apps::proxies"]),
    ("flate2", &["wire::deflate"]),
];

/// Paths that nobody writes, and why.
pub const NEVER: &[(&[&str], &str)] = &[
    (&["unsafe"], "nothing here needs unsafe code"),
    (&["async"], "there is no async runtime"),
    (&["await"], "there is no async runtime"),
    (&["thread", "spawn"], "there is one thread"),
    (&["thread", "scope"], "there is one thread"),
    (&["Mutex"], "one thread needs no lock"),
    (&["RwLock"], "one thread needs no lock"),
    (&["Condvar"], "one thread needs no lock"),
    (&["Arc"], "one thread shares by Rc"),
    (&["atomic"], "one thread needs no atomics"),
    (&["unwrap"], "expect, with the sentence that proves it"),
];

/// Paths that only who waits for a disk writes, and why: a module that has a thread of its own for that.
pub const THREADS: &[(&[&str], &str)] = &[
    (&["thread", "Builder"], "there is one thread"),
    (&["mpsc"], "one thread needs no channel"),
];

/// Whose thread it is.
pub const THREADED: [&str; 1] = ["engine::file"];

/// Paths that only the ground writes, and why: the transport, the clients, which have a ground of their own, the log, whose
/// lines say when they were written, and what waits for a disk.
pub const GROUND: &[(&[&str], &str)] = &[
    (&["Instant", "now"], "time is an argument"),
    (&["SystemTime", "now"], "time is an argument"),
    (&["thread", "sleep"], "only the transport waits"),
    (&["thread_rng"], "chance is an argument"),
    (&["OsRng"], "chance is an argument"),
    (&["SysRng"], "chance is an argument"),
    (&["from_os_rng"], "chance is an argument"),
    (&["rand", "rng"], "chance is an argument"),
    (&["rand", "random"], "chance is an argument"),
];

/// Whose ground it is.
pub const GROUNDED: [&str; 5] = [
    "transport",
    "watch",
    "roomcast_flood",
    "journal",
    "engine::file",
];

/// Crates that would bring a runtime into the lock file.
pub const RUNTIMES: [&str; 4] = ["tokio", "async-std", "smol", "futures-executor"];

/// Crates that only the fuzzer needs, which is a package of its own.
pub const FUZZERS: [&str; 2] = ["libfuzzer-sys", "arbitrary"];

/// What is left for later is an issue, and not a comment.
pub const MARKS: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// Lines of one file at most.
pub const LINES_MAX: usize = 600;

/// What a table says of a module: the entry for it, or for the nearest module around it.
pub fn entry<T: Copy>(table: &[(&'static str, T)], module: &[String]) -> Option<(&'static str, T)> {
    let names = (1..=module.len())
        .rev()
        .map(|length| module[..length].join("::"));
    names
        .into_iter()
        .find_map(|name| table.iter().copied().find(|(known, _)| *known == name))
}
