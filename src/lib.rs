//! roomcast: a WebSocket hub that holds very many connections on a single core.
//!
//! A house of rooms kept by a wheel: one thread, one loop, no async runtime. Everything that is not a socket or a
//! clock is pure and can be tested alone; the loop is written once, generic over [`transport::Transport`], so that the
//! simulator runs the very code that production runs.
//!
//! ```text
//!          bytes in                                                                                             bytes out
//! kernel ─► transport ─► reactor/serve ─► protocol ─► app ── change ─► engine ─► app ─► context ─► hub ─► outbox ─► reactor/write ─► transport ─► kernel
//!          (tcp | sim)   shared buffer     wire      decides          (memory |  applies           rooms   queues     one write        (tcp | sim)
//!                                                                    file | sim)
//!                        data flows left to right; nobody calls back
//! ```
//!
//! # The walk of a byte
//!
//! 1. [`transport::tcp`] wakes: an edge says that a socket has bytes. The [`reactor`] puts the connection on its
//!    serving list, if the event's generation is that of the connection that holds the key now.
//! 2. The reactor reads into the one [`wire::buffer::Buffer`] that all connections share, behind whatever this
//!    connection left over the last time.
//! 3. [`core::protocol`] makes events of it: a request by [`wire::request`], a message by [`wire::frame`], a fault by
//!    [`wire::fault`]. What is only half there waits in the protocol, counted against the memory budget.
//! 4. A request goes through the door in [`apps`]: path, method, origin, key, limits. Then the app answers; an upgrade
//!    makes the connection a member of that app, with a [`apps::Seat`], and so does a request for a stream of events, whose
//!    client says nothing more.
//! 5. What changes an app's state is *decided* first, from what it knows ([`apps::change`]). Where nothing is kept it is
//!    *applied* in the same call; otherwise it goes as rows to the [`engine`], and is applied, in the order in which it was
//!    decided, once they are kept; until then nobody hears of it, and its request waits with its bytes.
//! 6. The app does everything through its [`apps::context::Context`]: it encodes a message once and publishes it to a
//!    room of the [`core::hub`].
//! 7. [`core::outbox`] adds it to the *log* of its numbering, at the next [`position`], and to the room's *run*, where it waits
//!    once for all members that have nothing else to wait for. Each of the others has a *span* of the log, which becomes
//!    longer by one; one that is too far behind skips the oldest, and is told so in that place. A queue with bytes to be
//!    written is on the dirty list, a run with all of its members on another.
//! 8. At the end of the turn the reactor flushes as many of both as it has work left for: one write for each connection,
//!    however much waits, of the same bytes for all members of a run that take them in the same form. The log gives the
//!    message up with its last reader, or when its *history* does, whichever is later.
//! 9. A client whose line was cut comes in by the same door and says the last position that it heard. It is told what
//!    follows and what is lost, and gets a span of the log that begins behind that position: a reader like any other, only
//!    further behind.
//!
//! # The layers
//!
//! A file imports only from lower layers and the siblings beside it; a test reads the imports and fails on one that
//! climbs.
//!
//! | layer | what | knows |
//! |---|---|---|
//! | 5 | `main`, [`settings`], [`watch`], [`backup`] | the command line, the environment, the file; a client that prints what an app sends, and one that writes a copy of what is kept |
//! | 4 | [`reactor`] | the turn, and how connections begin and end |
//! | 3 | [`apps`] | words: the dialects, and who may come in |
//! | 2 | [`core`] | one connection's input, everybody's queues, deadlines, limits and rooms |
//! | 1 | [`wire`], [`transport`], [`engine`] | bytes and what they mean; sockets, clocks and chance; what is kept when the process is not |
//! | 0 | [`time`], [`id`], [`position`], [`pace`], [`bounds`], [`work`], [`metrics`], [`vitals`], [`warnings`], [`web`] | plain values |
//!
//! # The ideas that carry it
//!
//! - **One key, many columns.** A connection is its slab key; outbox, wheel and hub keep a column of their own by it,
//!   opened in *accept*, closed in *reap*, nowhere else. So a connection can be borrowed while its app publishes to a
//!   million others: disjoint fields, no shared ownership.
//! - **The turn** is `wait → settle → accept → serve → tick → flush → reap`; what is left over is carried to the next turn, which
//!   then does not sleep.
//! - **Work is counted once** ([`work`]): whatever is read, unpacked, looked through, packed, queued or written is charged
//!   where it is done. Each phase of a turn has a purse, each connection a share; what is too much for one turn (a large
//!   room, a long list of records, a long compressed message) is done in slices. Those that make much work are served
//!   beside the others, and the publishers of an app wait while its message is half told.
//! - **The invariant.** A connection with queued bytes is dirty or blocked, never neither.
//! - **An idle connection owns nothing** but its columns: no buffer, no timer, no string.
//! - **Encode once, gather once.** A message is one allocation, however many get it; and what is published to a room
//!   within a turn is put together once, however many members it is written to.
//! - **A form is made once.** Queues, spans and bounds know frames alone. What a client needs in another form, compressed or as
//!   Server-Sent Events ([`wire::sse`]), is made of the frame when the first such client is written to, and kept beside it.
//! - **A log keeps a history.** The newest of what was published stays for a while, also when nobody waits for it. So who comes
//!   back and who is slow are one thing: a reader whose first span begins at its position. To replay a thousand messages
//!   takes no more memory than to replay one.
//! - **One deadline a connection**, whose meaning is given by its phase; activity only stores a time.
//! - **Full means skip, visibly.** Everything is bounded; what is skipped is counted and told. A client that leaves its
//!   answers unread is not read itself.
//! - **Clients' faults are values, ours are assertions.** No input panics; should the hub, it says what it was at
//!   ([`vitals`]) and aborts.
//! - **Nothing is so until it is kept.** An app's state changes in one place, when what it decided is applied; whoever waits
//!   for a disk is a change in a queue, and never the loop. The state is its records and its logs, which are what the
//!   [`engine`] gives back at the start; all else in memory is an index over them. An engine that many hubs share
//!   ([`engine::redis`]) is begun, and not yet under the apps.
//! - **Time and chance are arguments.** Nothing of the server above [`transport`] and the engine's file reads a clock or draws a
//!   random number. The reactor's own time leaves out whatever the process did not run, so that nobody is late for that.
//!
//! # Words
//!
//! | word | what it is here |
//! |---|---|
//! | connection | a socket and all that is kept under its key, from the accept to the burial |
//! | client | the program at the other end of a connection |
//! | guest | a connection that is no member, not yet or not any more, and has shown no key |
//! | member | a connection that is in an app, as a WebSocket or with a stream of events, and has a seat |
//! | seat | an app's own number for one of its members |
//! | room | a place with members, to which is published; and nothing else |
//! | log | what is published in one numbering, newest last |
//! | reader, span | a connection that has still to get some of a log; from where to where |
//! | position, epoch | the number of a message, in one life of its numbering; which life that is |
//! | history | the newest of a log, kept for clients that come back and for slow ones |
//! | gap | messages that a client did not get, and is told of |
//! | resuming | getting what was published behind a position, as far as the history has it, and being told what is lost |
//! | change | what an app has decided shall be so: rows for the engine, and a value of its own that it applies when they are kept |
//! | row, record, post | what an engine keeps: a record of an app under its key; a message of a log |
//! | undecided | a change that the engine has not told of yet |
//! | form | how a message goes out to a client: plain, compressed, or in a stream of events |
//! | run | messages to the members of a room that wait once for all of them |
//! | turn, purse, share | one round of the loop; what a part of it may cost; what a connection may cost in it |
//! | backlog | what waits for one connection alone |
//! | dirty, blocked | has something to write; its socket is full |
//! | ground | what the loop stands on: the kernel, or the simulated network |
//! | column | what one part of the house keeps of each connection, by its key |
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod apps;
pub mod backup;
pub mod bounds;
pub mod core;
pub mod engine;
pub mod id;
pub mod metrics;
pub mod pace;
pub mod position;
pub mod reactor;
pub mod settings;
pub mod time;
pub mod transport;
pub mod vitals;
pub mod warnings;
pub mod watch;
pub mod web;
pub mod wire;
pub mod work;
