//! The topics of tasks: what a client that resumes wants of the app's one numbering is told apart by them.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use crate::id::Topic;

/// The name that stands for every repository, and the room of those who subscribed to it.
pub const EVERY: &str = "*";

/// The topics of repositories. Two have the same by chance alone, and that is less likely than a fault of the memory.
#[derive(Default)]
pub struct Topics(RandomState);

impl Topics {
    /// The topic of a repository's tasks.
    pub fn of(&self, repository: &str) -> Topic {
        Topic(self.0.hash_one(repository))
    }

    /// Those of some.
    pub fn of_all<'a>(&self, repositories: impl Iterator<Item = &'a str>) -> Set {
        let mut set = Set::default();
        for repository in repositories {
            set.has_every |= repository == EVERY;
            set.topics.insert(self.of(repository));
        }
        set
    }
}

/// The topics of a subscription.
#[derive(Default)]
pub struct Set {
    /// Every repository is among them.
    pub has_every: bool,
    topics: HashSet<Topic>,
}

impl Set {
    /// Whether a topic is among them.
    pub fn has(&self, topic: Topic) -> bool {
        self.has_every || self.topics.contains(&topic)
    }
}
