//! Both ends' books over the whole run, side by side; every row must come out exactly.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::tally::{App, Messages, Tally};
use crate::world::Look;

/// One app's messages, by the hub's metrics.
#[derive(Clone, Copy, Debug)]
struct Served {
    offered: u64,
    delivered: u64,
    dropped: u64,
    discarded: u64,
    notices: u64,
}

pub struct Balance {
    messages: Vec<(App, Messages, Served)>,
    /// What was counted by either end, with the clients' count first.
    closes: BTreeMap<(&'static str, String), (u64, u64)>,
    statuses: BTreeMap<String, (u64, u64)>,
    holdings: Vec<(&'static str, u64, u64)>,
}

impl Balance {
    pub fn new(before: &Look, after: &Look, tally: &Tally) -> Balance {
        let grown = |name: &str| after.get(name) - before.get(name);
        let served = |app: App| {
            let of = |family: &str| {
                grown(&format!(
                    "roomcast_{family}_total{{app=\"{}\"}}",
                    app.name()
                ))
            };
            Served {
                offered: of("messages_offered"),
                delivered: of("messages_delivered"),
                dropped: of("messages_dropped"),
                discarded: of("messages_discarded"),
                notices: of("lagged_notices"),
            }
        };
        let holdings = before.holdings().into_iter().zip(after.holdings());
        Balance {
            messages: App::ALL
                .map(|app| (app, tally.messages(app), served(app)))
                .into(),
            closes: closes(after, tally),
            statuses: statuses(before, after, tally),
            holdings: holdings
                .map(|((what, before), (_, after))| (what, before, after))
                .collect(),
        }
    }

    /// A sentence for everything that does not come out.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut must = |what: String, is: u64, should_be: u64| {
            if is != should_be {
                problems.push(format!("{what}: {is}, not {should_be}"));
            }
        };
        for (app, clients, hub) in &self.messages {
            let name = app.name();
            let spent = hub.delivered + hub.dropped + hub.discarded;
            must(
                format!("{name}: offered is delivered, dropped and discarded"),
                hub.offered,
                spent,
            );
            must(
                format!("{name}: received is delivered"),
                clients.received,
                hub.delivered,
            );
            must(
                format!("{name}: clients were given as many notices as the hub sent"),
                clients.notices,
                hub.notices,
            );
            let expected = clients.expected + self.unnamed(*app, hub);
            must(
                format!("{name}: expected is offered"),
                expected,
                hub.offered,
            );
            // Only whom the hub gives up can go without having been told.
            let untold = hub.dropped.saturating_sub(clients.told);
            let excused = if *app == App::Events { untold } else { 0 };
            must(
                format!("{name}: told is dropped"),
                clients.told + excused,
                hub.dropped,
            );
        }
        for ((app, code), (clients, hub)) in &self.closes {
            must(format!("{app}: closes with {code}"), *clients, *hub);
        }
        for (status, (clients, hub)) in &self.statuses {
            must(format!("answers with {status}"), *clients, *hub);
        }
        for (what, before, after) in &self.holdings {
            must((*what).to_owned(), *after, *before);
        }
        problems
    }

    /// Messages that were meant for somebody and that the clients' side of the books does not have.
    fn unnamed(&self, app: App, hub: &Served) -> u64 {
        match app {
            // A player's books are what it heard, in the order of their numbers.
            App::Rooms => hub.dropped + hub.discarded,
            _ => 0,
        }
    }
}

/// Ends of WebSockets. Before the run there were none.
fn closes(after: &Look, tally: &Tally) -> BTreeMap<(&'static str, String), (u64, u64)> {
    let mut closes: BTreeMap<_, (u64, u64)> = BTreeMap::new();
    for (&(app, code), &count) in &tally.closes {
        closes.entry((app.name(), code.to_string())).or_default().0 = count;
    }
    for app in App::ALL {
        let beginning = format!("app=\"{}\",code=\"", app.name());
        for (labels, count) in after.family("roomcast_closes_total") {
            if let Some(code) = labels.strip_prefix(&beginning).filter(|_| count > 0) {
                let key = (app.name(), code.trim_end_matches('"').to_owned());
                closes.entry(key).or_default().1 = count;
            }
        }
    }
    closes
}

/// Answers, over all routes.
fn statuses(before: &Look, after: &Look, tally: &Tally) -> BTreeMap<String, (u64, u64)> {
    let count = |look: &Look| {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for (labels, count) in look.family("roomcast_http_requests_total") {
            let status = labels
                .rsplit_once("status=\"")
                .unwrap()
                .1
                .trim_end_matches('"');
            *counts.entry(status.to_owned()).or_default() += count;
        }
        counts
    };
    let (before, after) = (count(before), count(after));
    let ours = tally.statuses.keys().map(u16::to_string);
    let all: BTreeSet<String> = ours.chain(after.keys().cloned()).collect();
    let row = |status: String| {
        let of = |counts: &BTreeMap<String, u64>| counts.get(&status).copied().unwrap_or(0);
        let clients = tally
            .statuses
            .get(&status.parse().unwrap())
            .copied()
            .unwrap_or(0);
        let hub = of(&after) - of(&before);
        (status, (clients, hub))
    };
    all.into_iter().map(row).collect()
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = [
            "published",
            "expected",
            "received",
            "delivered",
            "told",
            "dropped",
            "discarded",
        ];
        write!(f, "\n{:<12}", "messages")?;
        head.iter().try_for_each(|name| write!(f, "{name:>11}"))?;
        for (app, clients, hub) in &self.messages {
            let expected = clients.expected + self.unnamed(*app, hub);
            let row = [
                clients.published,
                expected,
                clients.received,
                hub.delivered,
                clients.told,
                hub.dropped,
                hub.discarded,
            ];
            write!(f, "\n{:<12}", app.name())?;
            row.iter()
                .try_for_each(|number| write!(f, "{number:>11}"))?;
        }
        writeln!(
            f,
            "\n\n{:<28}{:>11}{:>11}",
            "ends by code", "clients", "hub"
        )?;
        for ((app, code), (clients, hub)) in &self.closes {
            writeln!(f, "{:<28}{clients:>11}{hub:>11}", format!("{app} {code}"))?;
        }
        writeln!(
            f,
            "\n{:<28}{:>11}{:>11}",
            "answers by status", "clients", "hub"
        )?;
        for (status, (clients, hub)) in &self.statuses {
            writeln!(f, "{status:<28}{clients:>11}{hub:>11}")?;
        }
        writeln!(f, "\n{:<28}{:>11}{:>11}", "left", "before", "after")?;
        for (what, before, after) in &self.holdings {
            writeln!(f, "{what:<28}{before:>11}{after:>11}")?;
        }
        Ok(())
    }
}
