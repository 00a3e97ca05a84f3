//! Names of keys. All that a change of an app touches has one hash tag, so that one script may do it.

/// The keys of one app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// A hash: the epoch, the replication id for which it holds, the number of the newest entry, and `hub:HUB/GENERATION` with
    /// the serial and the number of the last entry of each hub that may write.
    pub meta: String,
    /// The stream of entries. Their identifiers are `NUMBER-0`, without gaps within an epoch.
    pub stream: String,
    /// A hash: by `TABLE/KEY`, the number of the entry that wrote a record, and the record. One for all tables: a change
    /// touches several, and what is read in pages at a start is one list.
    pub records: String,
    /// A sorted set of the keys of records that are deleted by ranges.
    pub ranges: String,
    /// A hash: by its name, the number of a log's newest message, and its epoch.
    pub logs: String,
    /// A hash that expires: what each hub has applied, while an epoch is in question.
    pub answers: String,
}

impl Keys {
    /// Those of this app in the cluster of this prefix.
    pub fn new(prefix: &str, app: &str) -> Keys {
        let key = |name| format!("{{{prefix}:{app}}}:{name}");
        Keys {
            meta: key("meta"),
            stream: key("stream"),
            records: key("records"),
            ranges: key("ranges"),
            logs: key("logs"),
            answers: key("answers"),
        }
    }
}

/// The key of a hash: how often each hub of the cluster has said that it is there.
pub fn leases(prefix: &str) -> String {
    format!("{{{prefix}}}:leases")
}
