//! The real binary, over real sockets.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::ground::Ground;
use crate::patient::PATIENT;

/// How long an answer may take; whoever waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process of its own, on a free port.
pub struct Process {
    child: Child,
    address: SocketAddr,
}

impl Ground for Process {
    type Stream = TcpStream;

    fn open(flags: &[String]) -> Process {
        let mut child = Command::new(env!("CARGO_BIN_EXE_roomcast"))
            .args(["--listen", "127.0.0.1:0"])
            .args(flags)
            .env_clear()
            .envs(PATIENT)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (said, heard) = channel();
        // Reads on to the end, so that the server never waits for whoever reads its log.
        thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let _ = said.send(line);
            }
        });
        let address = loop {
            let line = heard.recv_timeout(PATIENCE).expect("the server listens");
            if let Some((_, address)) = line.split_once("listening on http://") {
                break address.trim().parse().unwrap();
            }
        };
        Process { child, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    fn host(&self) -> String {
        self.address.to_string()
    }

    fn stop(&self) {
        let id = self.child.id().to_string();
        let killed = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(killed.success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
