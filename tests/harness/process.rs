//! A program that a test has started: what it says, how it is told to go, how it ended. It ends with its test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::patience::PATIENCE;

/// The program under test.
pub const ROOMCAST: &str = env!("CARGO_BIN_EXE_roomcast");

/// The variable that has a hub keep nothing: tests that run at the same time would share the file in the working
/// directory. A flag beats it, where a test is about what stays.
pub const KEEPS_NOTHING: (&str, &str) = ("ROOMCAST_DATA", "off");

/// The program under test, with these arguments and without any variable but the one by which it keeps nothing.
pub fn roomcast(arguments: &str) -> Command {
    let mut command = Command::new(ROOMCAST);
    command.args(arguments.split_whitespace());
    command.env_clear().envs([KEEPS_NOTHING]);
    command.stdin(Stdio::null());
    command
}

/// A program that runs, or has ended.
pub struct Process {
    child: Child,
    /// What it says on standard output and on standard error.
    pub out: Lines,
    pub err: Lines,
}

impl Process {
    /// Starts it; both of its outputs are read for as long as it lives, so that it never waits for us.
    pub fn start(mut command: Command) -> Process {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| {
            let program = command.get_program().display();
            panic!("{program} cannot be started: {error}; scripts/test.sh installs what is missing")
        });
        let out = Lines::of(child.stdout.take().unwrap());
        let err = Lines::of(child.stderr.take().unwrap());
        Process { child, out, err }
    }

    /// Sends a signal, by its name without SIG.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.id());
        let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success(), "{kill}");
    }

    /// Makes an end of it, if it has not ended.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits until it has ended by itself.
    pub fn exit_status(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(Instant::now() < deadline, "the program does not end");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end, and gives what was still to be read of standard output and of standard error.
    pub fn end(mut self) -> (ExitStatus, String, String) {
        let (out, err) = (self.out.rest(), self.err.rest());
        (self.child.wait().unwrap(), out, err)
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let ended = self.child.try_wait().is_ok_and(|status| status.is_some());
        self.kill();
        let _ = self.child.wait();
        self.err.is_read.store(true, Ordering::Relaxed);
        if thread::panicking() {
            let had = if ended { "ended" } else { "been running" };
            eprintln!("process {} had {had}; it said:", self.id());
            self.err.lines.iter().for_each(|line| eprintln!("{line}"));
        }
    }
}

/// The lines of a pipe, as they come.
pub struct Lines {
    lines: Receiver<String>,
    is_read: Arc<AtomicBool>,
}

impl Lines {
    /// Reads the pipe to its end, or until nobody wants its lines.
    fn of(pipe: impl Read + Send + 'static) -> Lines {
        let (sender, lines) = channel();
        let is_read = Arc::new(AtomicBool::new(true));
        let goes_on = Arc::clone(&is_read);
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
                while !goes_on.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(5));
                }
            }
        });
        Lines { lines, is_read }
    }

    /// The next line.
    #[track_caller]
    pub fn next(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line comes")
    }

    /// The next line, if it has come.
    pub fn next_so_far(&self) -> Option<String> {
        self.lines.try_recv().ok()
    }

    /// The next line that has these words, and the lines before it; the error has all that came instead.
    pub fn until(&self, words: &str) -> Result<(String, Vec<String>), Vec<String>> {
        let mut before = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            if line.contains(words) {
                return Ok((line, before));
            }
            before.push(line);
        }
        Err(before)
    }

    /// The next line that has these words.
    #[track_caller]
    pub fn says(&self, words: &str) -> String {
        let said = self.until(words);
        said.unwrap_or_else(|said| panic!("nobody says {words}, but {said:#?}"))
            .0
    }

    /// All the lines until the pipe is closed, which is when the program has ended.
    pub fn rest(&self) -> String {
        let began = Instant::now();
        let mut rest = Vec::new();
        loop {
            let left = PATIENCE.saturating_sub(began.elapsed());
            match self.lines.recv_timeout(left) {
                Ok(line) => rest.push(line),
                Err(RecvTimeoutError::Disconnected) => return rest.join("\n"),
                Err(RecvTimeoutError::Timeout) => panic!("the program goes on: {rest:?}"),
            }
        }
    }

    /// From now on there is nobody at the other end of the pipe.
    pub fn go_away(&mut self) {
        self.lines = channel().1;
    }

    /// From now on nobody reads the pipe, and nobody closes it.
    pub fn stop_reading(&self) {
        self.is_read.store(false, Ordering::Relaxed);
    }
}
