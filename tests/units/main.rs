//! Small parts by themselves, from outside: a file for each module of the library, by the same path. Where a test needs
//! what a module keeps to itself, it stands in that module.
#![allow(clippy::unwrap_used, missing_docs)]

mod apps {
    mod context {
        mod undecided;
    }
    mod guests;
    mod list;
    mod object;
    mod proxies;
    mod rate;
    mod routes;
    mod word;
}
mod core {
    mod hub;
    mod limiter;
    mod outbox;
    mod protocol;
    mod resume;
    mod wheel;
}
mod metrics;
mod pace;
mod time;
mod watch {
    mod readable;
}
mod wire {
    mod deflate;
    mod frame;
    mod growth;
    mod resp;
    mod upgrade;
    mod utf8;
}
