//! The parts of a report in which two columns must agree: both ends' books, and what the server held before and after.

use std::fmt;

use super::{Bytes, Count, kinds, line};
use crate::measure::books::Books;
use crate::modes::churn::Churned;
use crate::modes::remains::Remains;

/// Both ends' books, side by side.
pub fn books(f: &mut fmt::Formatter<'_>, books: &Books) -> fmt::Result {
    let Books { server, clients } = books;
    let unoffered = books.unoffered();
    let untold = server.dropped.checked_sub(clients.told);
    let lost = untold.zip(unoffered);
    let lost = lost.map(|(untold, unoffered)| untold + server.discarded + unoffered);
    let expected = unoffered.map(|after| server.offered + after);
    let rows = [
        ("published × members", Some(clients.expected), expected),
        ("delivered", Some(clients.received), Some(server.delivered)),
        (
            "dropped and told of",
            Some(clients.told),
            untold.map(|_| clients.told),
        ),
        ("lost with a connection", Some(clients.lost_by_closed), lost),
        ("  dropped before its end", None, untold),
        ("  discarded at its end", None, Some(server.discarded)),
        ("  published after its end", None, unoffered),
        ("still queued", None, Some(server.queued)),
        (
            "connections closed",
            Some(clients.closed),
            Some(server.closed),
        ),
        ("  for the memory budget", None, Some(server.evicted)),
    ];
    writeln!(
        f,
        "\n{:<30} {:>15} {:>15}",
        "the books", "clients", "server"
    )?;
    let cell =
        |number: Option<u64>| number.map_or("–".to_owned(), |number| Count(number).to_string());
    for (name, clients, server) in rows {
        writeln!(f, "{name:<30} {:>15} {:>15}", cell(clients), cell(server))?;
    }
    Ok(())
}

/// Who came and went, by both ends' counts.
pub fn churned(f: &mut fmt::Formatter<'_>, churn: &Churned) -> fmt::Result {
    let (came, server) = (Count(churn.came.into()), &churn.server);
    line(
        f,
        "came",
        format_args!(
            "{came} connections in {:.1} s, {:.0} /s, at most {} at once, {} messages published",
            churn.seconds,
            churn.per_second,
            Count(churn.at_once.into()),
            Count(churn.published.into())
        ),
    )?;
    for (fate, count) in &churn.left {
        line(
            f,
            "left",
            format_args!("{} {fate:?}", Count((*count).into())),
        )?;
    }
    line(
        f,
        "the server",
        format_args!(
            "accepted {}, closed {} with 1000, lost {} without a word, {} otherwise",
            Count(server.accepted),
            Count(server.closed),
            Count(server.ended),
            Count(server.others)
        ),
    )?;
    kinds(f, "failed", &churn.failures)
}

/// What the server held before and after.
pub fn remains(f: &mut fmt::Formatter<'_>, remains: &Remains) -> fmt::Result {
    let Remains { before, after, .. } = remains;
    let rows = [
        ("descriptors", before.descriptors, after.descriptors),
        ("connections", before.connections, after.connections),
        ("rooms", before.rooms, after.rooms),
        (
            "queued messages",
            before.queue_messages,
            after.queue_messages,
        ),
        ("queued bytes", before.queue_bytes, after.queue_bytes),
    ];
    let title = format!("left after {:.2} s", remains.seconds);
    writeln!(f, "\n{title:<30} {:>15} {:>15}", "before", "after")?;
    for (name, before, after) in rows {
        writeln!(
            f,
            "{name:<30} {:>15} {:>15}",
            Count(before).to_string(),
            Count(after).to_string()
        )?;
    }
    let bytes = |bytes: u64| Bytes(bytes as f64).to_string();
    writeln!(
        f,
        "{:<30} {:>15} {:>15}",
        "resident set",
        bytes(before.rss),
        bytes(after.rss)
    )
}
