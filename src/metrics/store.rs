//! What is counted of what is kept: there only where something is, so that a zero is never taken for an empty file.

use super::Histogram;
use super::reading::short;
use super::text::{Family, Kind};

/// What is counted of the engine that keeps what was answered.
#[derive(Clone, Debug, Default)]
pub struct Store {
    /// Groups of changes that have become so together.
    pub commits: u64,
    /// Groups that have failed.
    pub failures: u64,
    /// Bytes that it takes where it is kept.
    pub bytes: u64,
    /// Changes that wait.
    pub waiting: u64,
    /// What these cost in memory.
    pub waiting_bytes: u64,
    /// What a group took to become so.
    pub commit: Histogram,
}

impl Store {
    /// The numbers one by one, each by the name of its family without `roomcast_store_` and `_total`.
    pub fn numbers(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let families = self.families().into_iter();
        families.map(|(_, name, _, number)| {
            let name = short(name);
            (name.strip_prefix("store_").unwrap_or(name), number)
        })
    }

    fn families(&self) -> [(Kind, &'static str, &'static str, u64); 5] {
        use Kind::{Counter, Gauge};
        #[rustfmt::skip]
        let families = [
            (Counter, "roomcast_store_commits_total", "Groups of changes that were written and synced together.", self.commits),
            (Counter, "roomcast_store_failures_total", "Groups of changes that could not be written or synced.", self.failures),
            (Gauge, "roomcast_store_bytes", "Bytes of the file in which is kept what was answered.", self.bytes),
            (Gauge, "roomcast_store_waiting", "Changes that wait until they are kept.", self.waiting),
            (Gauge, "roomcast_store_waiting_bytes", "Bytes of memory of the changes that wait.", self.waiting_bytes),
        ];
        families
    }

    pub(super) fn render(&self, out: &mut String) {
        for (kind, name, help, number) in self.families() {
            Family::new(out, kind, name, help).sample(&[], number);
        }
        let name = "roomcast_store_commit_seconds";
        let help = "From the begin of a group of changes to its sync.";
        Family::new(out, Kind::Histogram, name, help).histogram(&self.commit);
    }
}
