//! Counts the instructions of rows with valgrind.
//!
//! A row is run twice, each time in a process of its own: with some calls of its work and with twice as many. What the
//! second run needs more is the work of those calls; setting up, warming up and ending cancel out, so nothing has to be
//! marked in the program. They do so up to some hundred instructions, because a process reads at its start where it has
//! been put in memory, and that is random: so there are as many calls as make that little. A process of its own keeps
//! rows from changing each other's heap. Its environment and its name are the same wherever it runs, because the
//! addresses on the stack depend on both.
//!
//! What valgrind runs on is a processor of its own making, with the caches of one model and no AVX-512. Of the machine's
//! own it only shows whether there is AVX2, so counts are the same on all that have it; the counted processes say which
//! instruction sets they see, and the budget says with which it was counted.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde::{Deserialize, Serialize};

use crate::budget::Count;
use crate::harness::Repeated;

/// Calls of the shorter run: so many, or else twice as many and so on until their work is worth counting.
const CALLS: u32 = 16;
const CALLS_MAX: u32 = 1 << 17;

/// Instructions that are worth counting: some hundred of them are a ten-thousandth.
const INSTRUCTIONS_MIN: u64 = 4_000_000;

/// Valgrind counts `rep movsb` as an instruction for each byte, and the C library copies long blocks with it: what a
/// message costs would be drowned in it.
const TUNABLES: &str =
    "glibc.cpu.x86_rep_movsb_threshold=0x7fffffff:glibc.cpu.x86_rep_stosb_threshold=0x7fffffff";

/// Where valgrind lies.
const SEARCH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Where the counted program lies and what valgrind writes.
const FOLDER: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/icount");
const PROGRAM: &str = "./micro";

/// What a counted process says of itself.
#[derive(Deserialize, Serialize)]
struct Told {
    operations: usize,
    allocations: u64,
    cpu: String,
}

/// Says what was repeated to the process that counts.
pub fn tell(repeated: Option<Repeated>) -> ExitCode {
    let Some(repeated) = repeated else {
        eprintln!("there is no row of that name");
        return ExitCode::FAILURE;
    };
    let told = Told {
        operations: repeated.operations,
        allocations: repeated.allocations,
        cpu: cpu(),
    };
    println!("{}", serde_json::to_string(&told).unwrap());
    ExitCode::SUCCESS
}

/// The processor as this process sees it: those instruction sets for which some library has a way of its own.
fn cpu() -> String {
    #[cfg(target_arch = "x86_64")]
    let sets = [
        ("sse4.2", is_x86_feature_detected!("sse4.2")),
        ("pclmulqdq", is_x86_feature_detected!("pclmulqdq")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("bmi2", is_x86_feature_detected!("bmi2")),
        ("sha", is_x86_feature_detected!("sha")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let sets: [(&str, bool); 0] = [];
    let there = sets.iter().filter(|(_, is_there)| *is_there);
    let names = there.map(|(name, _)| format!(" {name}"));
    std::env::consts::ARCH.to_owned() + &names.collect::<String>()
}

/// The counts of these rows by their names, and the processor that they were counted on.
pub fn count(names: &[String]) -> Result<(Vec<(String, Count)>, String), String> {
    fs::create_dir_all(FOLDER).map_err(|error| format!("cannot make {FOLDER}: {error}"))?;
    let here = std::env::current_exe().map_err(|error| error.to_string())?;
    fs::copy(here, Path::new(FOLDER).join(PROGRAM))
        .map_err(|error| format!("cannot copy the program to {FOLDER}: {error}"))?;
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, Count, String)>, String> {
        let mut counted = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(name) = names.get(at) else {
                return Ok(counted);
            };
            let (count, cpu) = count_row(at, name)?;
            counted.push((at, count, cpu));
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let mut counted = thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let ended = threads.into_iter().map(|thread| thread.join().unwrap());
        ended.collect::<Result<Vec<_>, _>>()
    })?
    .concat();
    counted.sort_by_key(|(at, ..)| *at);
    let Some((_, _, cpu)) = counted.first() else {
        return Err("no row has such a name".to_owned());
    };
    let cpu = cpu.clone();
    let counts = counted.into_iter().zip(names);
    let counts = counts.map(|((_, count, _), name)| (name.clone(), count));
    Ok((counts.collect(), cpu))
}

/// What one operation of a row costs.
fn count_row(at: usize, name: &str) -> Result<(Count, String), String> {
    let mut calls = CALLS;
    loop {
        let (few, few_told) = run(at, name, calls)?;
        let (many, many_told) = run(at, name, 2 * calls)?;
        let more = many.saturating_sub(few);
        if more < INSTRUCTIONS_MIN && calls < CALLS_MAX {
            let times = INSTRUCTIONS_MIN.div_ceil(more.max(1)).next_power_of_two();
            calls = u32::try_from(times).map_or(CALLS_MAX, |times| calls.saturating_mul(times));
            calls = calls.min(CALLS_MAX);
            continue;
        }
        let operations = f64::from(calls) * many_told.operations as f64;
        let allocations = many_told.allocations - few_told.allocations;
        let count = Count::new(more as f64 / operations, allocations as f64 / operations);
        return Ok((count, many_told.cpu));
    }
}

/// The instructions of a whole process, and what it says.
fn run(at: usize, name: &str, calls: u32) -> Result<(u64, Told), String> {
    let summary = format!("{FOLDER}/{at}");
    let output = Command::new("valgrind")
        .args(["--quiet", "--tool=cachegrind", "--cache-sim=no"])
        .arg(format!("--cachegrind-out-file={summary}"))
        .args([PROGRAM, "--calls", &calls.to_string(), "--row", name])
        .current_dir(FOLDER)
        .env_clear()
        .env("GLIBC_TUNABLES", TUNABLES)
        .env("PATH", SEARCH)
        .output()
        .map_err(|error| format!("cannot run valgrind, which Debian has a package of: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("valgrind failed on the row \"{name}\":\n{said}"));
    }
    let told = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("the row \"{name}\" does not say what it did: {error}\n{said}"))?;
    let text = fs::read_to_string(&summary).map_err(|error| format!("{summary}: {error}"))?;
    let instructions = text.lines().find_map(|line| line.strip_prefix("summary: "));
    let instructions = instructions.and_then(|sum| sum.split_whitespace().next()?.parse().ok());
    match instructions {
        Some(instructions) => Ok((instructions, told)),
        None => Err(format!(
            "valgrind counted nothing: {summary} has no summary"
        )),
    }
}
