//! The budget: how many instructions and allocations one operation of each row may cost, and with which tools that was
//! counted.
//!
//! It is a file that people read and `scripts/icount.sh --update` writes. It does not count.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

/// By how much instructions may rise, in percent: small enough to notice one loop too many, large enough for the few
/// instructions by which another seed of a hash table or another layout differs.
const RISE_PERCENT_MAX: f64 = 3.0;

/// The same if the tools are not those of the budget: another compiler makes other instructions of the same source.
const RISE_PERCENT_MAX_ELSEWHERE: f64 = 25.0;

/// And on another architecture, where nothing can be said.
const RISE_PERCENT_MAX_ABROAD: f64 = f64::INFINITY;

/// Half of the last digit that is written.
const INSTRUCTIONS_ROUNDING: f64 = 0.05;
const ALLOCATIONS_ROUNDING: f64 = 0.000_000_5;

const OPENING: &str = "\
# What one operation of each row of the microbenchmarks may cost. scripts/icount.sh counts it under valgrind and fails
# when instructions rise by more than 3 %, or allocations at all. A row that may cost more is a decision: write this file
# anew with scripts/icount.sh --update, and say in the commit why.
";

/// One operation of a row.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    instructions: f64,
    allocations: f64,
}

impl Count {
    pub fn new(instructions: f64, allocations: f64) -> Count {
        Count {
            instructions,
            allocations,
        }
    }
}

/// Everything outside this repository that counts depend on.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Tools {
    rustc: String,
    libc: String,
    cpu: String,
}

impl Tools {
    /// Those of this machine, with the processor that valgrind makes up.
    pub fn here(cpu: String) -> Result<Tools, String> {
        Ok(Tools {
            rustc: first_line("rustc", "--version")?,
            libc: first_line("getconf", "GNU_LIBC_VERSION")?,
            cpu,
        })
    }

    /// What differs, a line each.
    fn differences(&self, here: &Tools) -> String {
        let pairs = [
            ("rustc", &self.rustc, &here.rustc),
            ("libc", &self.libc, &here.libc),
            ("cpu", &self.cpu, &here.cpu),
        ];
        let differing = pairs.iter().filter(|(_, budget, here)| budget != here);
        let lines = differing
            .map(|(tool, budget, here)| format!("  {tool}: {budget} in the budget, {here} here\n"));
        lines.collect()
    }
}

fn first_line(program: &str, argument: &str) -> Result<String, String> {
    let output = Command::new(program).arg(argument).output();
    let output = output.map_err(|error| format!("cannot run {program}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// The file, or what would be written to it.
pub struct Budget {
    tools: Tools,
    /// In the order of the benchmark.
    rows: Vec<(String, Count)>,
}

impl Budget {
    pub fn new(tools: Tools, rows: Vec<(String, Count)>) -> Budget {
        Budget { tools, rows }
    }

    pub fn read(file: &Path) -> Result<Budget, String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            tools: Tools,
            rows: BTreeMap<String, Count>,
        }
        let at = |error: &dyn fmt::Display| format!("{}: {error}", file.display());
        let text = fs::read_to_string(file).map_err(|error| at(&error))?;
        let written: Written = toml::from_str(&text).map_err(|error| at(&error))?;
        Ok(Budget::new(
            written.tools,
            written.rows.into_iter().collect(),
        ))
    }

    pub fn write(&self, file: &Path) -> Result<(), String> {
        fs::write(file, self.to_string()).map_err(|error| format!("{}: {error}", file.display()))
    }

    /// Holds what was counted against the budget. `all` are the rows that there are, counted this time or not.
    pub fn judge(&self, found: &Budget, all: &[String]) -> Verdict {
        let differences = self.tools.differences(&found.tools);
        let architecture = |tools: &Tools| tools.cpu.split(' ').next().map(str::to_owned);
        let is_abroad = architecture(&self.tools) != architecture(&found.tools);
        let rise_percent_max = match (differences.is_empty(), is_abroad) {
            (true, _) => RISE_PERCENT_MAX,
            (false, false) => RISE_PERCENT_MAX_ELSEWHERE,
            (false, true) => RISE_PERCENT_MAX_ABROAD,
        };
        let mut verdict = Verdict {
            lines: vec![Verdict::heading()],
            problems: Vec::new(),
            differences,
            rise_percent_max,
        };
        for (name, count) in &found.rows {
            let budget = self.rows.iter().find(|(known, _)| known == name);
            verdict.row(name, *count, budget.map(|(_, budget)| *budget));
        }
        for (name, _) in self.rows.iter().filter(|(name, _)| !all.contains(name)) {
            let problem = format!("{name}\n  has a budget, but there is no such row");
            verdict.problems.push(problem);
        }
        verdict
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let Tools { rustc, libc, cpu } = &self.tools;
        writeln!(f, "{OPENING}\n[tools]\nrustc = {}", quoted(rustc))?;
        writeln!(
            f,
            "libc = {}\ncpu = {}\n\n[rows]",
            quoted(libc),
            quoted(cpu)
        )?;
        let width = self.rows.iter().map(|(name, _)| quoted(name).len()).max();
        let width = width.unwrap_or_default();
        for (name, count) in &self.rows {
            let (name, allocations) = (quoted(name), rounded(count.allocations));
            let instructions = format!("{:.1}", count.instructions);
            writeln!(
                f,
                "{name:<width$} = {{ instructions = {instructions:>9}, allocations = {allocations:?} }}"
            )?;
        }
        Ok(())
    }
}

/// As it is written: with six digits after the point at most.
fn rounded(allocations: f64) -> f64 {
    (allocations * 1e6).round() / 1e6
}

/// What came of the comparison.
pub struct Verdict {
    lines: Vec<String>,
    problems: Vec<String>,
    /// Of the tools, a line each.
    differences: String,
    rise_percent_max: f64,
}

impl Verdict {
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }

    fn heading() -> String {
        format!(
            "{:<58} {:>12} {:>12} {:>8} {:>10} {:>10}",
            "one operation", "instructions", "budget", "change", "allocs", "budget"
        )
    }

    fn row(&mut self, name: &str, count: Count, budget: Option<Count>) {
        let (instructions, allocations) = (count.instructions, rounded(count.allocations));
        let Some(budget) = budget else {
            let nothing = "-";
            self.lines.push(format!(
                "{name:<58} {instructions:>12.1} {nothing:>12} {nothing:>8} {allocations:>10} {nothing:>10}"
            ));
            self.problems.push(format!("{name}\n  has no budget"));
            return;
        };
        let change = 100.0 * (instructions / budget.instructions - 1.0);
        self.lines.push(format!(
            "{name:<58} {instructions:>12.1} {:>12.1} {change:>+7.1}% {allocations:>10} {:>10}",
            budget.instructions, budget.allocations
        ));
        let instructions_max = budget.instructions * (1.0 + self.rise_percent_max / 100.0);
        if instructions > instructions_max + INSTRUCTIONS_ROUNDING {
            self.problems.push(format!(
                "{name}\n  {instructions:.1} instructions for one operation, {change:+.1} %: the budget is {:.1}, \
                 and {} % more is let pass",
                budget.instructions, self.rise_percent_max
            ));
        }
        if allocations > budget.allocations + ALLOCATIONS_ROUNDING {
            self.problems.push(format!(
                "{name}\n  {allocations} allocations for one operation: the budget is {}, and none more is let pass",
                budget.allocations
            ));
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))?;
        if !self.differences.is_empty() {
            let consequence = match self.rise_percent_max.is_finite() {
                true => format!("{} % more instructions are let pass", self.rise_percent_max),
                false => "only allocations are compared".to_owned(),
            };
            writeln!(
                f,
                "\nicount: the budget was counted with other tools, so {consequence}:\n{}\
                 To compare closely, run scripts/icount.sh --update on the commit that you started from.",
                self.differences
            )?;
        }
        if self.passed() {
            return write!(f, "\nicount: every row keeps to its budget");
        }
        writeln!(
            f,
            "\nicount: {} things are not as budgeted:\n",
            self.problems.len()
        )?;
        self.problems
            .iter()
            .try_for_each(|problem| writeln!(f, "{problem}"))?;
        write!(
            f,
            "\nMake it as cheap as it was; or, if the cost is worth it, run scripts/icount.sh --update and say in the \
             commit what it buys."
        )
    }
}
