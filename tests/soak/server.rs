//! The hub under load: a child process on a core of its own, which ends with the test.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// How long anything may take before the run gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(120);

pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Server {
    /// Starts it with these flags on a free port and waits until it listens.
    pub fn start(flags: &str) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roomcast"));
        command
            .args(["--listen", "127.0.0.1:0"])
            .args(flags.split_whitespace());
        command.env_clear().env("RUST_LOG", "info");
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                Some(
                    line.split_once("listening on http://")?
                        .1
                        .trim()
                        .parse()
                        .unwrap(),
                )
            })
            .expect("the hub listens");
        // Whoever closes the pipe would end a hub that still has something to say.
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let server = Server { child, address };
        server.pin();
        server
    }

    /// Puts it on the first core, if there are several and a tool to do it.
    fn pin(&self) {
        if thread::available_parallelism().map_or(1, usize::from) > 1 {
            let pid = self.child.id().to_string();
            let mut taskset = Command::new("taskset");
            let _ = taskset
                .args(["-cp", "0", &pid])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        }
    }

    /// Its resident set, in bytes.
    pub fn rss(&self) -> u64 {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id())).unwrap();
        let line = rollup
            .lines()
            .find_map(|line| line.strip_prefix("Rss:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Its open descriptors.
    pub fn descriptors(&self) -> u64 {
        fs::read_dir(format!("/proc/{}/fd", self.child.id()))
            .unwrap()
            .count() as u64
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
