//! The simulated ground: a virtual clock and a virtual network, both moved by a test, every choice drawn from a seed.
//!
//! A test holds the clients' ends through [`Client`] and moves bytes with [`Sim::send`] and [`Sim::receive`]; the
//! reactor holds the other ends through [`Transport`]. Each direction is a plain buffer, so what is lost, late, cut or
//! half-open is the test's decision: it sends a piece, lets the reactor turn, sends the next. Towards a client the
//! network has a window: once a client has not read that much, writes are short and then refused, and an edge
//! follows when it reads.
//!
//! It never reorders or drops bytes inside a connection, because TCP does not either.

#[path = "pipe.rs"]
mod pipe;
#[path = "power.rs"]
mod power;

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::rc::Rc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use slab::Slab;

use self::pipe::{End, Pipe};
pub use self::power::Power;
use roomcast::id::ConnId;
use roomcast::time::{Micros, Millis, Now, Unix};
use roomcast::transport::{AcceptError, Handover, Ready, Transport};

/// 2026-01-01T00:00:00Z, where the simulated wall clock starts.
pub const EPOCH: Unix = Unix(1_767_225_600_000);

/// The client's end of a simulated connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Client(u32);

/// The server's end.
#[derive(Debug)]
pub struct Socket(u32);

/// What the server has asked of the network since the beginning, whatever came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Calls {
    pub accepts: u64,
    pub reads: u64,
    pub read_bytes: u64,
    pub writes: u64,
    pub written_bytes: u64,
    pub closes: u64,
}

/// A virtual clock and a virtual network.
pub struct Sim {
    power: Rc<Power>,
    clock: Micros,
    horizon: Millis,
    chance: ChaCha8Rng,
    pipes: Slab<Pipe>,
    knocking: VecDeque<u32>,
    knocked: bool,
    handover: Handover,
    listens: bool,
    edges: Vec<u32>,
    strays: Vec<Ready>,
    descriptors: u32,
    descriptors_max: u32,
    window: u32,
    discard: bool,
    calls: Calls,
    read_time: Micros,
    events_max: usize,
    /// The wall clock when this process began.
    began: Unix,
    wall_ahead_ms: i64,
    shortage_of_accepts: u64,
    interrupts: u64,
}

impl Sim {
    /// A quiet network; the seed decides the order of events and what [`Transport::seed`] gives.
    pub fn new(seed: u64) -> Sim {
        Sim {
            power: Rc::default(),
            clock: Micros(0),
            horizon: Millis(0),
            chance: ChaCha8Rng::seed_from_u64(seed),
            pipes: Slab::new(),
            knocking: VecDeque::new(),
            knocked: false,
            handover: Handover::Nothing,
            listens: true,
            edges: Vec::new(),
            strays: Vec::new(),
            descriptors: 0,
            descriptors_max: u32::MAX,
            window: 64 << 10,
            discard: false,
            calls: Calls::default(),
            read_time: Micros(0),
            events_max: usize::MAX,
            began: EPOCH,
            wall_ahead_ms: 0,
            shortage_of_accepts: 0,
            interrupts: 0,
        }
    }

    /// Makes room for so many connections at once.
    pub fn reserve(&mut self, connections: usize) {
        self.pipes.reserve(connections);
        self.knocking.reserve(connections);
        self.edges.reserve(connections);
    }

    /// Only counts what clients are sent, and keeps none of it.
    pub fn discard(&mut self, discard: bool) {
        self.discard = discard;
    }

    /// Bytes that a client may leave unread before writes to it are refused, for connections made from now on.
    pub fn set_window(&mut self, bytes: u32) {
        self.window = bytes;
    }

    /// The machine's power.
    pub fn power(&self) -> Rc<Power> {
        self.power.clone()
    }

    /// The process is gone, and another one begins: whoever was connected is not any more, and reads what has come.
    pub fn restart(&mut self) {
        self.power.restore();
        self.knocking.clear();
        self.edges.clear();
        self.strays.clear();
        (self.knocked, self.listens, self.descriptors) = (false, true, 0);
        let gone = |pipe: &Pipe| pipe.client == End::Closed;
        self.pipes.retain(|_, pipe| !gone(pipe));
        for (_, pipe) in &mut self.pipes {
            (pipe.server, pipe.conn, pipe.queued) = (End::Closed, None, false);
            pipe.to_server.clear();
        }
    }

    /// How many accepted sockets may exist at once.
    pub fn set_descriptors_max(&mut self, descriptors: u32) {
        self.descriptors_max = descriptors;
    }

    /// What of the listener other processes have as well.
    pub fn share(&mut self, handover: Handover) {
        self.handover = handover;
    }

    /// Whether the server still listens.
    pub fn listens(&self) -> bool {
        self.listens
    }

    /// How many have connected and not been accepted. When the server no longer listens, another process accepts them
    /// if the queue is shared, and else they are reset.
    pub fn knocking(&self) -> usize {
        self.knocking.len()
    }

    /// The clock never passes this; [`Transport::wait`] sleeps up to it.
    pub fn set_horizon(&mut self, horizon: Millis) {
        self.horizon = horizon;
    }

    /// So much time passes at once, whatever is ready: a turn takes some, too. The horizon is moved along.
    pub fn pass(&mut self, span: Millis) {
        self.clock.0 += span.0 * 1000;
        self.power.set(self.clock);
        self.horizon = self.horizon.max(self.clock.millis());
    }

    /// From now on each read takes so long, so that a turn in which somebody is read does, too.
    pub fn set_read_time(&mut self, span: Micros) {
        self.read_time = span;
    }

    /// From now on a wait tells of so many sockets at most; the others are left for the next.
    pub fn set_events_max(&mut self, events: usize) {
        self.events_max = events;
    }

    /// The process begins when the wall clock shows this.
    pub fn begin(&mut self, unix: Unix) {
        self.began = unix;
    }

    /// Somebody sets the wall clock: from now on it is so many milliseconds ahead of where it would be, or behind.
    pub fn set_wall_ahead(&mut self, millis: i64) {
        self.wall_ahead_ms = millis;
    }

    /// From now on the kernel has no memory for one read or write of this client in so many, by chance; 0 is never.
    pub fn set_shortage(&mut self, client: Client, one_in: u64) {
        if let Some(pipe) = self.pipes.get_mut(client.0 as usize) {
            pipe.shortage = one_in;
        }
    }

    /// The same for connections that are to be accepted.
    pub fn set_shortage_of_accepts(&mut self, one_in: u64) {
        self.shortage_of_accepts = one_in;
    }

    /// From now on a signal ends one wait in so many, by chance, before anything has happened; 0 is never.
    pub fn set_interrupts(&mut self, one_in: u64) {
        self.interrupts = one_in;
    }

    /// Whether something is ready that no wait has told yet.
    pub fn is_restless(&self) -> bool {
        self.knocked || !self.edges.is_empty() || !self.strays.is_empty()
    }

    /// A client connects; it is accepted in some later turn.
    pub fn connect(&mut self) -> Client {
        let window = self.window;
        let key = self.pipes.insert(Pipe {
            window,
            ..Pipe::default()
        }) as u32;
        self.knocking.push_back(key);
        self.knocked = self.listens;
        Client(key)
    }

    /// The client sends bytes; nothing happens if the connection is over.
    pub fn send(&mut self, client: Client, bytes: &[u8]) {
        let Some(pipe) = self.pipes.get_mut(client.0 as usize) else {
            return;
        };
        if pipe.client == End::Open && pipe.server != End::Closed {
            pipe.to_server.extend(bytes);
            pipe.readable = true;
            self.edge(client.0);
        }
    }

    /// The client reads up to `most` of the bytes that have come for it.
    pub fn receive(&mut self, client: Client, most: usize) -> Vec<u8> {
        let Some(pipe) = self.pipes.get_mut(client.0 as usize) else {
            return Vec::new();
        };
        let rest = pipe.to_client.split_off(most.min(pipe.to_client.len()));
        let bytes = std::mem::replace(&mut pipe.to_client, rest);
        if pipe.full && !bytes.is_empty() {
            pipe.full = false;
            pipe.writable = true;
            self.edge(client.0);
        }
        bytes
    }

    /// All bytes that ever came for the client, read or not.
    pub fn received(&self, client: Client) -> u64 {
        self.pipes
            .get(client.0 as usize)
            .map_or(0, |pipe| pipe.received)
    }

    /// From now on this client may leave so many bytes unread; fewer than before take none back.
    pub fn resize(&mut self, client: Client, window: u32) {
        let Some(pipe) = self.pipes.get_mut(client.0 as usize) else {
            return;
        };
        pipe.window = window;
        if pipe.full && pipe.to_client.len() < window as usize {
            pipe.full = false;
            pipe.writable = true;
            self.edge(client.0);
        }
    }

    /// Bytes that have come for the client and that it has not read.
    pub fn unread(&self, client: Client) -> usize {
        self.pipes
            .get(client.0 as usize)
            .map_or(0, |pipe| pipe.to_client.len())
    }

    /// Bytes that the client has sent and the server has not read.
    pub fn in_flight(&self, client: Client) -> usize {
        self.pipes
            .get(client.0 as usize)
            .map_or(0, |pipe| pipe.to_server.len())
    }

    /// Whether the last write to this client was refused in part or whole, it has not read since, and no event is still
    /// to be told that says otherwise.
    pub fn is_refusing(&self, client: Client) -> bool {
        self.pipes
            .get(client.0 as usize)
            .is_some_and(|pipe| pipe.full && !pipe.writable)
    }

    /// The name under which the server watches the connection now.
    pub fn conn(&self, client: Client) -> Option<ConnId> {
        self.pipes.get(client.0 as usize)?.conn
    }

    /// The client says that it will send no more, and goes on reading.
    pub fn finish_client(&mut self, client: Client) {
        self.end_client(client, End::Finished);
    }

    /// The client is gone at once; the server learns it by an error.
    pub fn reset(&mut self, client: Client) {
        self.end_client(client, End::Reset);
    }

    fn end_client(&mut self, client: Client, end: End) {
        let Some(pipe) = self.pipes.get_mut(client.0 as usize) else {
            return;
        };
        if pipe.client == End::Open || end == End::Reset {
            pipe.client = end;
            pipe.readable = true;
            pipe.writable = true;
            self.edge(client.0);
        }
    }

    /// Whether the server has ended its side (or the whole connection).
    pub fn is_ended(&self, client: Client) -> bool {
        self.pipes
            .get(client.0 as usize)
            .is_none_or(|pipe| pipe.server != End::Open)
    }

    /// The client forgets the connection: what is left of it is freed once the server has closed it too.
    pub fn forget(&mut self, client: Client) {
        let Some(pipe) = self.pipes.get_mut(client.0 as usize) else {
            return;
        };
        if pipe.server == End::Closed {
            self.pipes.remove(client.0 as usize);
            return;
        }
        pipe.to_client = Vec::new();
        self.end_client(client, End::Reset);
        self.pipes[client.0 as usize].client = End::Closed;
    }

    /// An event that names whatever it likes: a connection long gone, or one where nothing happened.
    pub fn stray(&mut self, ready: Ready) {
        self.strays.push(ready);
    }

    /// Accepted sockets that the server holds now.
    pub fn descriptors(&self) -> u32 {
        self.descriptors
    }

    /// What has been asked of it.
    pub fn calls(&self) -> Calls {
        self.calls
    }

    /// Calls of [`Transport::write`], whatever came of them.
    pub fn writes(&self) -> u64 {
        self.calls.writes
    }

    fn edge(&mut self, key: u32) {
        let pipe = &mut self.pipes[key as usize];
        if pipe.conn.is_some() && !pipe.queued {
            pipe.queued = true;
            self.edges.push(key);
        }
    }

    fn ready_of(&mut self, key: u32) -> Option<Ready> {
        let pipe = self.pipes.get_mut(key as usize)?;
        pipe.queued = false;
        let conn = pipe.conn?;
        let ready = Ready::Socket {
            conn,
            readable: std::mem::take(&mut pipe.readable),
            writable: std::mem::take(&mut pipe.writable),
            ended: pipe.client != End::Open,
        };
        Some(ready)
    }

    fn deliver(&mut self, ready: &mut Vec<Ready>) {
        if std::mem::take(&mut self.knocked) {
            ready.push(Ready::Listener);
        }
        ready.append(&mut self.strays);
        let mut edges = std::mem::take(&mut self.edges);
        for last in (1..edges.len()).rev() {
            let other = self.chance.next_u64() % (last as u64 + 1);
            edges.swap(last, other as usize);
        }
        let told = edges.len().min(self.events_max);
        ready.extend(edges.drain(..told).filter_map(|key| self.ready_of(key)));
        self.edges = edges;
    }
}

impl Transport for Sim {
    type Socket = Socket;

    fn now(&self) -> Now {
        Now {
            micros: self.clock,
            aged: Millis(self.began.0) + self.clock.millis(),
            unix: Unix(
                (self.began.0 + self.clock.0 / 1000).saturating_add_signed(self.wall_ahead_ms),
            ),
        }
    }

    fn wait(&mut self, until: Option<Millis>, ready: &mut Vec<Ready>) -> io::Result<()> {
        self.power.set(self.clock);
        if self.interrupts > 0 && self.chance.next_u64().is_multiple_of(self.interrupts) {
            return Ok(());
        }
        if !self.is_restless() {
            let until = until.map_or(self.horizon, |at| at.min(self.horizon));
            self.clock = self.clock.max(Micros(until.0 * 1000));
        }
        self.power.set(self.clock);
        self.deliver(ready);
        Ok(())
    }

    fn accept(&mut self) -> Result<(Socket, SocketAddr), AcceptError> {
        self.calls.accepts += 1;
        if !self.power.step() || !self.listens || self.knocking.is_empty() {
            return Err(AcceptError::Empty);
        }
        if self.shortage_of_accepts > 0
            && shortage(&mut self.chance, self.shortage_of_accepts).is_err()
        {
            return Err(AcceptError::OutOfMemory);
        }
        let Some(key) = self.knocking.pop_front() else {
            return Err(AcceptError::Empty);
        };
        if self.descriptors >= self.descriptors_max {
            let pipe = &mut self.pipes[key as usize];
            pipe.server = End::Closed;
            if pipe.client == End::Closed {
                self.pipes.remove(key as usize);
            }
            return Err(AcceptError::Exhausted);
        }
        self.descriptors += 1;
        let [_, high, middle, low] = key.to_be_bytes();
        Ok((
            Socket(key),
            SocketAddr::from(([127, high, middle, low.max(1)], 40_000)),
        ))
    }

    fn handover(&self) -> Handover {
        self.handover
    }

    fn stop_listening(&mut self) {
        self.listens = false;
    }

    fn watch(&mut self, socket: &mut Socket, conn: ConnId) -> io::Result<()> {
        let pipe = &mut self.pipes[socket.0 as usize];
        pipe.conn = Some(conn);
        pipe.readable = !pipe.to_server.is_empty() || pipe.client != End::Open;
        pipe.writable = true;
        self.edge(socket.0);
        Ok(())
    }

    fn read(&mut self, socket: &mut Socket, into: &mut [u8]) -> io::Result<usize> {
        self.calls.reads += 1;
        self.clock.0 += self.read_time.0;
        if !self.power.step() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let pipe = &mut self.pipes[socket.0 as usize];
        if pipe.shortage > 0 {
            shortage(&mut self.chance, pipe.shortage)?;
        }
        if pipe.client == End::Reset || pipe.client == End::Closed {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if pipe.to_server.is_empty() && pipe.client == End::Open {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut taken = 0;
        while taken < into.len() && !pipe.to_server.is_empty() {
            let (first, _) = pipe.to_server.as_slices();
            let part = first.len().min(into.len() - taken);
            into[taken..taken + part].copy_from_slice(&first[..part]);
            pipe.to_server.drain(..part);
            taken += part;
        }
        if pipe.to_server.is_empty() {
            pipe.to_server = VecDeque::new();
        }
        self.calls.read_bytes += taken as u64;
        Ok(taken)
    }

    fn write(&mut self, socket: &mut Socket, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.calls.writes += 1;
        if !self.power.step() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let pipe = &mut self.pipes[socket.0 as usize];
        if pipe.shortage > 0 {
            shortage(&mut self.chance, pipe.shortage)?;
        }
        debug_assert!(
            pipe.server == End::Open,
            "nothing is written to a connection after its end"
        );
        if pipe.client == End::Reset || pipe.client == End::Closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let offered: usize = parts.iter().map(|part| part.len()).sum();
        if self.discard {
            pipe.received += offered as u64;
            self.calls.written_bytes += offered as u64;
            return Ok(offered);
        }
        let room = (pipe.window as usize).saturating_sub(pipe.to_client.len());
        pipe.full = room < offered;
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = room.min(offered);
        let mut left = taken;
        for part in parts {
            let piece = left.min(part.len());
            pipe.to_client.extend_from_slice(&part[..piece]);
            left -= piece;
        }
        pipe.received += taken as u64;
        self.calls.written_bytes += taken as u64;
        Ok(taken)
    }

    fn finish(&mut self, socket: &mut Socket) {
        if !self.power.step() {
            return;
        }
        let pipe = &mut self.pipes[socket.0 as usize];
        if pipe.server == End::Open {
            pipe.server = End::Finished;
        }
    }

    fn close(&mut self, socket: Socket) {
        self.calls.closes += 1;
        self.descriptors -= 1;
        if !self.power.step() {
            return;
        }
        let pipe = &mut self.pipes[socket.0 as usize];
        pipe.server = End::Closed;
        pipe.conn = None;
        pipe.to_server = VecDeque::new();
        if pipe.client == End::Closed {
            self.pipes.remove(socket.0 as usize);
        }
    }

    fn seed(&mut self) -> io::Result<[u8; 32]> {
        let mut seed = [0; 32];
        self.chance.fill_bytes(&mut seed);
        Ok(seed)
    }
}

/// What one call in so many fails with; not asked for where none is to fail, so that only faults cost anything.
#[cold]
fn shortage(chance: &mut ChaCha8Rng, one_in: u64) -> io::Result<()> {
    const ENOMEM: i32 = 12;
    const ENOBUFS: i32 = 105;
    if !chance.next_u64().is_multiple_of(one_in) {
        return Ok(());
    }
    let is_even = chance.next_u64().is_multiple_of(2);
    let number = if is_even { ENOMEM } else { ENOBUFS };
    Err(io::Error::from_raw_os_error(number))
}
