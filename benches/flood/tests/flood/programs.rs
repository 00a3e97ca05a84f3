//! The two programs: the server, which ends with its test, and the flood, which ends by itself.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread;

use serde_json::Value;
use socket2::{Domain, Socket, Type};

/// The hub's program. Cargo builds the programs of a test's own package and of no other, so it is asked to: with the
/// profile that the flood was built with, and into the same folder.
static HUB: LazyLock<PathBuf> = LazyLock::new(|| {
    let flood = Path::new(env!("CARGO_BIN_EXE_roomcast-flood"));
    let folder = flood.parent().and_then(Path::file_name).unwrap();
    let profile = folder.to_str().unwrap().replace("debug", "dev");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut command = Command::new(env!("CARGO"));
    command.args("build --quiet --package roomcast --bin roomcast --profile".split(' '));
    command.arg(profile).arg("--target-dir").arg(target);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    let built = command.status().unwrap();
    assert!(built.success(), "the hub cannot be built: {command:?}");
    target.join(folder).join("roomcast")
});

/// A running server.
pub struct Hub {
    child: Child,
    pub address: String,
}

/// What the flood said, and how it ended.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub report: Value,
    pub said: String,
}

impl Hub {
    /// A server with these flags on a free port, which listens.
    pub fn start(flags: &str) -> Hub {
        let mut command = Command::new(&*HUB);
        // On a machine that is busy with other tests a turn may take long, and nobody is to be refused for that.
        command.args(["--listen", "127.0.0.1:0", "--loop-lag-limit", "60s"]);
        // Hubs beside each other would share the file in the working directory.
        command.args(["--data", "off"]);
        command.args(flags.split_whitespace()).env_clear();
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut lines = log.by_ref().map(Result::unwrap);
        let address = lines
            .find_map(|line| Some(line.split_once("listening on http://")?.1.trim().to_owned()))
            .expect("the server listens");
        // Whoever closes the pipe would end a server that still has something to say.
        thread::spawn(move || log.map_while(Result::ok).for_each(drop));
        Hub { child, address }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Floods it.
    pub fn flood(&self, arguments: &str) -> Run {
        let (address, pid) = (&self.address, self.pid());
        flood(&format!("{arguments} --server {address} --pid {pid}"))
    }

    /// It, as one of those that are compared.
    pub fn contender(&self, name: &str) -> String {
        format!("--target {name}=roomcast@{}@{}", self.address, self.pid())
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that refuses every connection, and what keeps others from it.
pub fn refusing() -> (Socket, SocketAddr) {
    let held = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    held.bind(&any.into()).unwrap();
    let address = held.local_addr().unwrap().as_socket().unwrap();
    (held, address)
}

/// Runs the flood until it ends. Unless the arguments say so, nothing counts as lost or failed for the time that a
/// machine takes that is busy with other tests: what is waited for ends the wait, except for `slow` and `fairness`, which
/// also wait for the quiet.
pub fn flood(arguments: &str) -> Run {
    let waits_for_quiet = arguments.starts_with("slow") || arguments.starts_with("fairness");
    let mut command = Command::new(env!("CARGO_BIN_EXE_roomcast-flood"));
    command.args(arguments.split_whitespace());
    command.args(["--json", "--handshake-timeout", "60s"]);
    if !waits_for_quiet && !arguments.contains("--settle") {
        command.args(["--settle", "60s"]);
    }
    let output = command.env_clear().output().unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        report: serde_json::from_slice(&output.stdout).unwrap_or(Value::Null),
        said: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A description in the folder of those that come along.
pub fn described(name: &str) -> String {
    format!(
        "{}/../../scripts/targets/{name}.toml",
        env!("CARGO_MANIFEST_DIR")
    )
}

impl Run {
    /// The value at a JSON pointer, a number.
    pub fn number(&self, pointer: &str) -> f64 {
        let value = self.report.pointer(pointer).and_then(Value::as_f64);
        value.unwrap_or_else(|| panic!("no number at {pointer}: {self:?}"))
    }

    /// It passed, and says so everywhere.
    pub fn passed(self) -> Run {
        assert_eq!(self.code, 0, "{self:?}");
        assert_eq!(self.report["passed"], true, "{self:?}");
        assert_eq!(self.report["problems"], serde_json::json!([]), "{self:?}");
        self
    }

    /// It failed, and one of its problems says so.
    pub fn failed(self, problem: &str) -> Run {
        assert_eq!(self.code, 1, "{self:?}");
        assert_eq!(self.report["passed"], false, "{self:?}");
        let problems = self.report["problems"].to_string();
        assert!(problems.contains(problem), "no {problem} in {problems}");
        self
    }

    /// These numbers are exactly so.
    pub fn counts(&self, part: &str, numbers: &[(&str, u64)]) -> &Run {
        for (name, number) in numbers {
            let found = self.number(&format!("/{part}/{name}"));
            assert_eq!(found, *number as f64, "{part}/{name}: {self:?}");
        }
        self
    }
}
