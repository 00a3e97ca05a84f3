//! HTTP calls made one after the other while nothing else goes on: what must be done before a run, and questions to
//! `/metrics`. It waits for each answer.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::error::Error;
use crate::target::answer;
use crate::target::description::Call;
use crate::target::metrics::Metrics;
use crate::target::template::Values;

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// One keep-alive connection.
#[derive(Debug)]
pub struct Caller {
    socket: TcpStream,
    server: SocketAddr,
    key: Option<String>,
    input: Vec<u8>,
}

impl Caller {
    /// Connects to `server`, and shows `key` with every call.
    pub fn connect(server: SocketAddr, key: Option<&str>) -> Result<Caller, Error> {
        let connect = || {
            let socket = TcpStream::connect_timeout(&server, TIMEOUT)?;
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(TIMEOUT))?;
            Ok(socket)
        };
        Ok(Caller {
            socket: connect()
                .map_err(|error| Error::new(format!("connecting to {server}"), error))?,
            server,
            key: key.map(str::to_owned),
            input: Vec::new(),
        })
    }

    /// Makes the call with its names filled in from `values`, and adds what it captures to them.
    pub fn call(&mut self, call: &Call, values: &mut Values) -> Result<(), Error> {
        let (path, body) = (call.path.fill(values)?, call.body.fill(values)?);
        let (status, answer) = self.ask(&call.method, &path, &call.content_type, &body)?;
        let doing = format!("{} {path}", call.method);
        if !call.status.contains(&status) {
            return Err(wrong(&doing, &format!("the status is {status}")));
        }
        if call.capture.is_empty() {
            return Ok(());
        }
        let answer: Value = serde_json::from_slice(&answer)
            .map_err(|error| wrong(&doing, &format!("no JSON: {error}")))?;
        for (name, pointer) in &call.capture {
            let value = match answer.pointer(pointer) {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Number(number)) => number.to_string(),
                _ => return Err(wrong(&doing, &format!("no text or number at {pointer}"))),
            };
            values.insert(name.clone(), value);
        }
        Ok(())
    }

    /// The numbers of `/metrics`.
    pub fn metrics(&mut self) -> Result<Metrics, Error> {
        let (status, text) = self.ask("GET", "/metrics", "text/plain", "")?;
        if status != 200 {
            return Err(wrong("GET /metrics", &format!("the status is {status}")));
        }
        Metrics::parse(&String::from_utf8_lossy(&text))
            .ok_or_else(|| wrong("GET /metrics", "a line is no number with a name"))
    }

    fn ask(
        &mut self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &str,
    ) -> Result<(u16, Vec<u8>), Error> {
        let (server, length) = (self.server, body.len());
        let key = match &self.key {
            Some(key) => format!("X-API-Key: {key}\r\n"),
            None => String::new(),
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {server}\r\n{key}Content-Type: {content_type}\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        self.exchange(request.as_bytes())
            .map_err(|error| Error::new(format!("{method} {path}"), error))
    }

    fn exchange(&mut self, request: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        self.socket.write_all(request)?;
        loop {
            if let Some(answer) = answer::parse(&self.input)? {
                let (status, body, length) = (answer.status, answer.body.to_vec(), answer.length);
                self.input.drain(..length);
                return Ok((status, body));
            }
            match answer::read(&mut self.socket, &mut self.input) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
        }
    }
}

fn wrong(doing: &str, sentence: &str) -> Error {
    Error::new(doing, io::Error::other(sentence.to_owned()))
}
