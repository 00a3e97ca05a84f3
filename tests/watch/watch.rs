//! The client under test: a process that ends with its test.

use std::process::{Command, ExitStatus};

use serde_json::Value;

use crate::harness::process::{Process, roomcast};

pub struct Watch(Process);

impl Watch {
    pub fn start(arguments: &str) -> Watch {
        Watch::spawn(roomcast(&format!("watch {arguments}")))
    }

    pub fn spawn(command: Command) -> Watch {
        Watch(Process::start(command))
    }

    pub fn line(&self) -> String {
        self.0.out.next()
    }

    /// The next line, if it has come.
    pub fn line_so_far(&self) -> Option<String> {
        self.0.out.next_so_far()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.line()).expect("every line is JSON")
    }

    pub fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }

    /// Waits until standard error says this.
    pub fn says(&self, words: &str) {
        self.0.err.says(words);
    }

    pub fn signal(&self, name: &str) {
        self.0.signal(name);
    }

    /// Waits for its end, and gives what was still to be read of standard output and of standard error.
    pub fn end(self) -> (ExitStatus, String, String) {
        self.0.end()
    }
}
