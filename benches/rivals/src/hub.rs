//! Rooms of members, each with a bounded queue; a member whose queue is full misses the message.
//!
//! For one thread: the lock is there because what the runtimes run must be able to move, and is never waited for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slab::Slab;
use tokio::sync::mpsc::{self, Receiver, Sender};

/// Messages that wait for one member at most.
const QUEUE_MESSAGES: usize = 256;

type Rooms<M> = HashMap<String, Slab<Sender<M>>>;

/// Every room that has a member; `M` is what a message is on this foundation, cheap to clone.
pub struct Hub<M> {
    rooms: Arc<Mutex<Rooms<M>>>,
}

impl<M> Clone for Hub<M> {
    fn clone(&self) -> Hub<M> {
        Hub {
            rooms: Arc::clone(&self.rooms),
        }
    }
}

impl<M> Default for Hub<M> {
    fn default() -> Hub<M> {
        Hub {
            rooms: Arc::default(),
        }
    }
}

impl<M: Clone> Hub<M> {
    /// Joins a room; `greeting` is the first message in the queue.
    pub fn join(&self, room: String, greeting: M) -> Member<M> {
        let (sender, messages) = mpsc::channel(QUEUE_MESSAGES);
        // A new queue has room for it.
        let _ = sender.try_send(greeting);
        let key = self.rooms().entry(room.clone()).or_default().insert(sender);
        Member {
            messages,
            hub: self.clone(),
            room,
            key,
        }
    }

    /// Queues a message for every member of a room; how many it was queued for.
    pub fn publish(&self, room: &str, message: &M) -> usize {
        let rooms = self.rooms();
        let members = rooms.get(room).into_iter().flatten();
        members
            .filter(|(_, member)| member.try_send(message.clone()).is_ok())
            .count()
    }
}

impl<M> Hub<M> {
    fn rooms(&self) -> MutexGuard<'_, Rooms<M>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in a room, until it is dropped.
pub struct Member<M> {
    messages: Receiver<M>,
    hub: Hub<M>,
    room: String,
    key: usize,
}

impl<M> Member<M> {
    /// Waits for the next message.
    pub async fn next(&mut self) -> Option<M> {
        self.messages.recv().await
    }

    /// The next message that is there already.
    pub fn next_queued(&mut self) -> Option<M> {
        self.messages.try_recv().ok()
    }
}

impl<M> Drop for Member<M> {
    fn drop(&mut self) {
        let mut rooms = self.hub.rooms();
        if let Some(members) = rooms.get_mut(&self.room) {
            members.try_remove(self.key);
            if members.is_empty() {
                rooms.remove(&self.room);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_and_delays_nobody() {
        let hub = Hub::default();
        let mut reader = hub.join("a".to_owned(), 0);
        let _sleeper = hub.join("a".to_owned(), 0);
        let _elsewhere = hub.join("b".to_owned(), 0);
        assert_eq!(reader.next_queued(), Some(0));
        for message in 1..=300 {
            let receivers = hub.publish("a", &message);
            assert_eq!(receivers, if message < QUEUE_MESSAGES { 2 } else { 1 });
            assert_eq!(reader.next_queued(), Some(message));
        }
    }

    #[test]
    fn an_empty_room_is_forgotten() {
        let hub = Hub::default();
        drop(hub.join("a".to_owned(), 0));
        assert!(hub.rooms().is_empty());
    }
}
