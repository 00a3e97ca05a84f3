//! The connection-flood and latency client of roomcast: holds very many WebSocket connections in one process, on one
//! thread, and checks and times everything that they are sent.
//!
//! A run goes top to bottom through these files. [`options`] says what was asked for, [`run`] puts a run together.
//! The [`crowd`] drives all [`client`]s of one [`target`] through one [`poller`]; a client reads [`frame`]s after its
//! [`upgrade`], from one of several [`sources`], and its [`outcome`] is counted. A [`broadcast`] has [`publisher`]s
//! send [`message`]s on a [`schedule`]; the [`ledger`] checks and [`counts`] every delivery, and [`flights`] knows
//! what is still on its way. The [`meter`] watches the server's and the client's own [`process`]. What was found is a
//! [`report`], printed as a [`table`] or as JSON.
//!
//! It is no general WebSocket client: it offers no extensions, takes no fragmented messages, and speaks to loopback
//! only.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod broadcast;
mod client;
mod clock;
mod counts;
mod crowd;
mod error;
mod failure;
mod flights;
mod frame;
mod histogram;
mod ledger;
mod message;
mod meter;
mod options;
mod outcome;
mod poller;
mod process;
mod progress;
mod publisher;
mod report;
mod run;
mod schedule;
mod sources;
mod table;
mod target;
mod upgrade;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::broadcast::Plan;
use crate::error::Error;
use crate::options::{Common, Connect, Fanout, Mode, Options};
use crate::report::Report;
use crate::run::Script;
use crate::table::Table;

/// Bytes of the payload that `connect --broadcast` publishes.
const BROADCAST_BYTES: usize = 128;

fn main() -> ExitCode {
    let options = Options::parse();
    let (common, script) = match &options.mode {
        Mode::Connect(connect) => (&connect.common, connect_script(connect)),
        Mode::Fanout(fanout) => (&fanout.common, fanout_script(fanout)),
    };
    match run::run(common, script).and_then(|report| print(&report, common)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("roomcast-flood: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn connect_script(connect: &Connect) -> Script {
    let plan = Plan {
        messages: 1,
        size: BROADCAST_BYTES,
        rate: 0.0,
        window: 1,
        publishers: 1,
        pipeline: 1,
        settle: connect.common.settle,
    };
    Script {
        mode: "connect",
        connect_rate: connect.rate,
        hold: Some(connect.hold),
        plan: connect.broadcast.then_some(plan),
    }
}

fn fanout_script(fanout: &Fanout) -> Script {
    let plan = Plan {
        messages: fanout.messages,
        size: fanout.size as usize,
        rate: fanout.rate,
        window: fanout.window,
        publishers: fanout.publishers,
        pipeline: fanout.pipeline as usize,
        settle: fanout.common.settle,
    };
    Script {
        mode: "fanout",
        connect_rate: fanout.connect_rate,
        hold: None,
        plan: Some(plan),
    }
}

/// Prints the report and says whether it passed.
fn print(report: &Report, options: &Common) -> Result<bool, Error> {
    let text = if options.json {
        serde_json::to_string(report)
            .expect("a report is plain data with string keys and finite numbers")
    } else {
        Table(report).to_string()
    };
    writeln!(io::stdout(), "{text}").map_err(|error| Error::new("printing the report", error))?;
    Ok(report.passed)
}
