//! The connection-flood and latency client of roomcast: holds very many WebSocket connections in one process, on one
//! thread, and checks and times everything that they are sent.
//!
//! A run goes top to bottom through these folders, each of which uses what stands further down in the table only:
//!
//! | folder | what |
//! |---|---|
//! | [`run`] | which steps each mode takes, and what of it is reported |
//! | [`report`] | its [`findings`](report::findings), printed as a [`table`] or as JSON, drawn as a [`plot`] |
//! | [`modes`] | what is done: the steps of a [`session`](modes::session), a [`broadcast`](modes::broadcast) to many, and a file for each mode beside that |
//! | [`client`] | the [`crowd`](client::crowd) drives all [`connection`](client::connection)s through one [`poller`](client::poller); a [`publisher`](client::publisher) speaks HTTP |
//! | [`measure`] | the [`ledger`](measure::ledger) checks, counts and times every delivery; [`books`](measure::books) of both ends; the [`meter`](measure::meter) watches both processes |
//! | [`command`] | what was asked for |
//! | [`target`] | the [`server`](target::server) by its [`description`](target::description), and the [`mark`](target::mark) in what is published |
//!
//! What a server delivers is checked like this: the first messages, which are not counted, show what is wrapped around a
//! mark, its [`envelope`](measure::envelope). Everything that is published is numbered, and on its way as one of the
//! [`flights`](measure::flights) until each member has it: once, whole, and in order. With a rate, the
//! [`schedule`](client::schedule) says when each message is meant to be sent, whatever the server does meanwhile, and
//! every latency counts from then.
//!
//! What it says beside the report goes through `log` to standard error: why a run could not take place, as an error, and
//! its steps, where `RUST_LOG` is `debug`. A client may wait for its log, so `simple_logger` is enough.
//!
//! It is no general WebSocket client: it offers no extensions, takes no fragmented messages, and speaks to loopback
//! only.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod client;
mod command;
mod error;
mod measure;
mod modes;
mod report;
mod run;
mod target;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use log::LevelFilter;
use serde::Serialize;
use simple_logger::SimpleLogger;

use crate::command::options::{Mode, Options};
use crate::command::server::Common;
use crate::error::Error;
use crate::measure::histogram::Latencies;
use crate::modes::compare;
use crate::report::findings::Report;
use crate::report::{comparison, plot, table};

fn main() -> ExitCode {
    let options = Options::parse();
    begin_log();
    let outcome = match &options.mode {
        Mode::Connect(mode) => conclude(run::connect(mode), &mode.clients.server.common),
        Mode::Idle(mode) => conclude(run::idle(mode), &mode.clients.server.common),
        Mode::Fanout(mode) => conclude(run::fanout(mode), &mode.server.common),
        Mode::Echo(mode) => conclude(run::echo(mode), &mode.server.common),
        Mode::Slow(mode) => conclude(run::slow(mode), &mode.server.common),
        Mode::Fairness(mode) => conclude(run::fairness(mode), &mode.server.common),
        Mode::Storm(mode) => conclude(run::storm(mode), &mode.clients.server.common),
        Mode::Churn(mode) => conclude(run::churn(mode), &mode.server.common),
        Mode::Joins(mode) => conclude(run::joins(mode), &mode.clients.server.common),
        Mode::Resume(mode) => conclude(run::resume(mode), &mode.server.common),
        Mode::Compare(mode) => compare::run(mode).and_then(|found| {
            print(&found, comparison::text, mode.common.json)?;
            draw(&mode.common, found.work, &found.curves)?;
            Ok(found.passed)
        }),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            log::error!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Begins to log, of this program alone: errors, and what the level that `RUST_LOG` names adds to them.
fn begin_log() {
    let named = std::env::var("RUST_LOG").unwrap_or_default();
    let level = named.trim().parse().unwrap_or(LevelFilter::Error);
    SimpleLogger::new()
        .with_level(LevelFilter::Off)
        .with_module_level(env!("CARGO_CRATE_NAME"), level)
        .init()
        .expect("nobody else in this program sets a logger, and this is called once");
}

/// Prints the report and says whether it passed.
fn conclude(report: Result<Report, Error>, options: &Common) -> Result<bool, Error> {
    let report = report?;
    print(&report, table::text, options.json)?;
    let title = format!("{} {}", report.mode, report.target);
    draw(options, &title, &report.curves)?;
    Ok(report.passed)
}

fn print<T: Serialize>(found: &T, text: fn(&T) -> String, json: bool) -> Result<(), Error> {
    let text = match json {
        true => serde_json::to_string(found)
            .expect("a report is plain data with string keys and finite numbers"),
        false => text(found),
    };
    writeln!(io::stdout(), "{text}").map_err(|error| Error::new("printing the report", error))
}

/// Draws the latencies, if that was asked for.
fn draw(options: &Common, title: &str, curves: &[(String, Latencies)]) -> Result<(), Error> {
    let Some(file) = &options.plot else {
        return Ok(());
    };
    let drawn = plot::svg(&format!("{title}: latency"), curves);
    std::fs::write(file, drawn)
        .map_err(|error| Error::new(format!("writing {}", file.display()), error))
}
