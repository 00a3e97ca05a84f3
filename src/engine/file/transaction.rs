//! One transaction: all of it becomes so, synced, or nothing does.

use rusqlite::Connection;

use super::options::Options;
use super::rows::Rows;
use super::trouble::Trouble;
use crate::engine::Job;

/// All of what is made here, or nothing.
pub fn transact<T>(
    connection: &Connection,
    make: impl FnOnce() -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let made = run(connection, "BEGIN IMMEDIATE").and_then(|()| make());
    let made = made.and_then(|made| run(connection, "COMMIT").map(|()| made));
    if made.is_err() && !connection.is_autocommit() {
        // What fails here has been put back already, or will be when the file is opened again.
        let _ = run(connection, "ROLLBACK");
    }
    made
}

/// Writes the rows of these jobs, within a transaction.
pub fn write(connection: &Connection, options: &Options, jobs: &[Job]) -> Result<(), Trouble> {
    let mut rows = Rows::new(connection, options);
    for row in jobs.iter().flat_map(|job| &job.rows) {
        rows.add(row)?;
    }
    rows.finish()
}

/// Writes one job after the other, as far as it fits; which of them do not.
pub fn write_each(
    connection: &Connection,
    options: &Options,
    jobs: &[Job],
) -> Result<Vec<usize>, Trouble> {
    let mut misfits = Vec::new();
    for (at, job) in jobs.iter().enumerate() {
        run(connection, "SAVEPOINT job")?;
        match write(connection, options, std::slice::from_ref(job)) {
            Ok(()) => {}
            Err(Trouble::Rows(_)) => {
                run(connection, "ROLLBACK TO job")?;
                misfits.push(at);
            }
            Err(trouble) => return Err(trouble),
        }
        run(connection, "RELEASE job")?;
    }
    Ok(misfits)
}

fn run(connection: &Connection, sql: &str) -> Result<(), Trouble> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}
