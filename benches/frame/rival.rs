//! fastwebsockets, in a process of its own: a line asks for a turn, a line says what it took.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const PACKAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/rivals");

/// The running program; it ends with this.
pub struct Rival {
    process: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Rival {
    /// Builds it, if need be, and starts it.
    pub fn start() -> Rival {
        let mut process = Command::new(env!("CARGO"))
            .args(["run", "--release", "--locked", "--quiet", "--bin", "read"])
            .current_dir(PACKAGE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("cargo, which runs this, can be run");
        let asks = process.stdin.take().expect("its input is piped");
        let answers = process.stdout.take().expect("its output is piped");
        Rival {
            process,
            asks,
            answers: BufReader::new(answers),
        }
    }

    /// So many operations on so many bytes each; the nanoseconds for one.
    pub fn turn(&mut self, work: &str, bytes: usize, operations: usize) -> f64 {
        writeln!(self.asks, "{work} {bytes} {operations}").expect("the rival listens");
        let mut line = String::new();
        self.answers
            .read_line(&mut line)
            .expect("the rival answers in UTF-8");
        let answer: serde_json::Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("the rival answered {line:?}: {error}"));
        answer["ns"]
            .as_f64()
            .unwrap_or_else(|| panic!("the rival refused: {line}"))
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        // It has been asked everything; nobody waits for an answer.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
