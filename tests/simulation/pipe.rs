//! One connection of the simulated network: what is on its way in both directions, and how far each side has ended it.

use std::collections::VecDeque;

use roomcast::id::ConnId;

/// Both directions of one connection.
#[derive(Default)]
pub struct Pipe {
    pub to_server: VecDeque<u8>,
    pub to_client: Vec<u8>,
    pub received: u64,
    pub conn: Option<ConnId>,
    pub window: u32,
    pub shortage: u64,
    pub readable: bool,
    pub writable: bool,
    pub queued: bool,
    pub full: bool,
    pub client: End,
    pub server: End,
}

/// How far one side has ended its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    #[default]
    Open,
    Finished,
    Closed,
    Reset,
}
