//! The connection-flood and latency client of roomcast: holds very many WebSocket connections in one process, on one
//! thread, and checks and times everything that they are sent.
//!
//! A run goes top to bottom through these files. [`options`] says what was asked for, of [`arguments`] of several
//! kinds; [`run`] has the modes, which are steps of a [`session`]. A [`target`] is a server by its [`description`], whose
//! [`template`]s are filled in from what a [`caller`] is answered; its clients have a [`seating`]. The [`crowd`] drives
//! all [`client`]s, which share a [`kit`], through one [`poller`]; a client reads [`frame`]s after its [`upgrade`], from
//! one of several [`sources`], and its [`outcome`] is counted.
//!
//! A [`broadcast`] has [`publisher`]s, which read an [`answer`] to each message, publish a [`plan`] on a [`schedule`].
//! What is published is a [`mark`], what is delivered has an [`envelope`] around it; the [`ledger`] checks and
//! [`counts`] every delivery, and [`flights`] knows what is still on its way. Other modes are [`echo`], [`slow`],
//! in which a [`group`] stops reading, [`storm`], [`churn`], whose connections are [`guest`]s for a moment, [`joins`], and
//! [`fairness`], for which there is a [`flooder`] and the [`spans`] that the server measured; nothing [`remains`] of those
//! that have left. What the server's [`metrics`] say is held against what the clients saw, as two [`books`], and a
//! [`sampler`] watches its memory meanwhile. The [`meter`] watches the server's and the client's own [`process`].
//! What was [`published`] becomes what
//! was [`broadcasted`], a part of the [`report`] beside the [`phases`] of the connections, which is printed as a [`table`]
//! or as JSON, and drawn as a [`mod@plot`]. To [`compare`] servers, each a [`contender`], several sessions are loaded in
//! turn, which makes a [`comparison`].
//!
//! It is no general WebSocket client: it offers no extensions, takes no fragmented messages, and speaks to loopback
//! only.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod answer;
mod arguments;
mod books;
mod broadcast;
mod broadcasted;
mod caller;
mod churn;
mod client;
mod clock;
mod compare;
mod comparison;
mod contender;
mod counts;
mod crowd;
mod description;
mod echo;
mod envelope;
mod error;
mod failure;
mod fairness;
mod flights;
mod flooder;
mod frame;
mod group;
mod guest;
mod histogram;
mod joins;
mod kit;
mod ledger;
mod mark;
mod meter;
mod metrics;
mod options;
mod outcome;
mod phases;
mod plan;
mod plot;
mod poller;
mod process;
mod progress;
mod published;
mod publisher;
mod remains;
mod report;
mod run;
mod sampler;
mod schedule;
mod seating;
mod session;
mod slow;
mod sources;
mod spans;
mod storm;
mod table;
mod target;
mod template;
mod upgrade;

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::error::Error;
use crate::options::{Common, Mode, Options};
use crate::plot::Curve;
use crate::report::Report;
use crate::table::Table;

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match &options.mode {
        Mode::Connect(mode) => conclude(run::connect(mode), &mode.server.common),
        Mode::Idle(mode) => conclude(run::idle(mode), &mode.server.common),
        Mode::Fanout(mode) => conclude(run::fanout(mode), &mode.server.common),
        Mode::Echo(mode) => conclude(run::echo(mode), &mode.server.common),
        Mode::Slow(mode) => conclude(run::slow(mode), &mode.server.common),
        Mode::Fairness(mode) => conclude(run::fairness(mode), &mode.server.common),
        Mode::Storm(mode) => conclude(run::storm(mode), &mode.server.common),
        Mode::Churn(mode) => conclude(run::churn(mode), &mode.server.common),
        Mode::Joins(mode) => conclude(run::joins(mode), &mode.server.common),
        Mode::Compare(mode) => compare::run(mode).and_then(|comparison| {
            print(&comparison, &comparison, mode.common.json)?;
            plot(&mode.common, comparison.work, &comparison.curves)?;
            Ok(comparison.passed)
        }),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("roomcast-flood: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Prints the report and says whether it passed.
fn conclude(report: Result<Report, Error>, options: &Common) -> Result<bool, Error> {
    let report = report?;
    print(&report, &Table(&report), options.json)?;
    let title = format!("{} {}", report.mode, report.target);
    plot(options, &title, &report.curves)?;
    Ok(report.passed)
}

fn print(data: &impl Serialize, text: &impl fmt::Display, json: bool) -> Result<(), Error> {
    let text = match json {
        true => serde_json::to_string(data)
            .expect("a report is plain data with string keys and finite numbers"),
        false => text.to_string(),
    };
    writeln!(io::stdout(), "{text}").map_err(|error| Error::new("printing the report", error))
}

/// Draws the latencies, if that was asked for.
fn plot(options: &Common, title: &str, curves: &[(String, Histogram<u64>)]) -> Result<(), Error> {
    let Some(file) = &options.plot else {
        return Ok(());
    };
    let curve = |(name, latency_us)| Curve { name, latency_us };
    let curves = curves
        .iter()
        .map(|(name, latency_us)| (name.as_str(), latency_us));
    let drawn = plot::svg(
        &format!("{title}: latency"),
        &curves.map(curve).collect::<Vec<_>>(),
    );
    let doing = || format!("writing {}", file.display());
    std::fs::write(file, drawn).map_err(|error| Error::new(doing(), error))
}
