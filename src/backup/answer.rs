//! What the hub answers: the copy, which is as long as it says, or why there is none.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use serde_json::Value;
use tungstenite::http::HeaderValue;

use super::options::Target;

/// How long one address may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a hub may take until it has made the copy.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3600);
/// How long nothing of it may come, once it has begun.
const PIECE_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of a head, and of what is said instead of a copy, at most.
const HEAD_BYTES: usize = 64 << 10;
const REFUSAL_BYTES: u64 = 64 << 10;
const HEADERS: usize = 64;

const USER_AGENT: &str = concat!("roomcast-backup/", env!("CARGO_PKG_VERSION"));
/// What a copy is.
const CONTENT_TYPE: &str = "application/vnd.sqlite3";

/// A copy that comes.
#[derive(Debug)]
pub(super) struct Answer {
    stream: TcpStream,
    /// What came with the head.
    begun: Vec<u8>,
    bytes: u64,
}

/// The head of an answer.
struct Head {
    status: u16,
    is_copy: bool,
    bytes: Option<u64>,
}

impl Answer {
    /// Asks for a copy, and waits until it begins to come.
    pub fn ask(
        target: &Target,
        key: Option<&HeaderValue>,
        with_secrets: bool,
    ) -> Result<Answer, String> {
        let (host, port) = target.address();
        let failed = |error: io::Error| format!("{target}: {}", sentence(&error));
        let mut stream = connect((host, port)).map_err(failed)?;
        let query = if with_secrets { "?secrets=1" } else { "" };
        let mut request = format!(
            "GET {}{query} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {USER_AGENT}\r\nConnection: close\r\n",
            target.path(),
            target.authority()
        )
        .into_bytes();
        if let Some(key) = key {
            request.extend_from_slice(b"X-API-Key: ");
            request.extend_from_slice(key.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        stream.write_all(&request).map_err(failed)?;
        let (head, begun) = read_head(&mut stream).map_err(failed)?;
        let timeout = stream.set_read_timeout(Some(PIECE_TIMEOUT));
        timeout.map_err(failed)?;
        let mut answer = Answer {
            stream,
            begun,
            bytes: head.bytes.unwrap_or(0),
        };
        match head {
            Head {
                status: 200,
                is_copy: true,
                bytes: Some(_),
            } => Ok(answer),
            Head { status: 200, .. } => Err(format!(
                "{target} answers with something that is no backup: expected the URL of a hub"
            )),
            Head { status, .. } => Err(format!("{target}: {}", answer.refusal(status))),
        }
    }

    /// How long the copy is.
    pub fn length(&self) -> u64 {
        self.bytes
    }

    /// What an error says.
    fn refusal(&mut self, status: u16) -> String {
        let mut body = Vec::new();
        let bytes = self.bytes.min(REFUSAL_BYTES);
        // What has come of it is all that can be told.
        let _ = self.take(bytes).read_to_end(&mut body);
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = |name| body["error"][name].as_str();
        match (text("code"), text("message")) {
            (Some(code), Some(message)) => {
                format!(
                    "the server says {status} {code}: {}",
                    message.escape_debug()
                )
            }
            _ => format!("the server says {status}"),
        }
    }
}

impl Read for Answer {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.begun.is_empty() {
            return self.stream.read(into);
        }
        let bytes = self.begun.len().min(into.len());
        into[..bytes].copy_from_slice(&self.begun[..bytes]);
        self.begun.drain(..bytes);
        Ok(bytes)
    }
}

/// What went wrong, in words.
pub(super) fn sentence(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "nothing came for too long".to_owned(),
        _ => error.to_string(),
    }
}

/// Connects to the first address of this host that takes us.
fn connect(address: (&str, u16)) -> io::Result<TcpStream> {
    let mut failed = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => {
                stream.set_write_timeout(Some(CONNECT_TIMEOUT))?;
                stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
                return Ok(stream);
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// The head of the answer, and what came behind it.
fn read_head(stream: &mut TcpStream) -> io::Result<(Head, Vec<u8>)> {
    let no_http = |why: String| io::Error::new(ErrorKind::InvalidData, why);
    let mut come = Vec::new();
    let mut bytes = [0; 4 << 10];
    loop {
        let read = match stream.read(&mut bytes) {
            Ok(0) => return Err(no_http("the server has ended the connection".to_owned())),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        come.extend_from_slice(&bytes[..read]);
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(&come);
        let parsed = parsed.map_err(|error| no_http(format!("that is no HTTP: {error}")))?;
        if let httparse::Status::Complete(head_bytes) = parsed {
            let head = Head::of(&response);
            return Ok((head, come.split_off(head_bytes)));
        }
        if come.len() > HEAD_BYTES {
            return Err(no_http("the head of the answer is too long".to_owned()));
        }
    }
}

impl Head {
    fn of(response: &httparse::Response<'_, '_>) -> Head {
        let header = |name: &str| {
            let mut headers = response.headers.iter();
            let found = headers.find(|header| header.name.eq_ignore_ascii_case(name))?;
            std::str::from_utf8(found.value).ok()
        };
        let is_plain =
            header("transfer-encoding").is_none() && header("content-encoding").is_none();
        let bytes = header("content-length").and_then(|text| text.parse().ok());
        Head {
            status: response.code.unwrap_or_default(),
            is_copy: header("content-type") == Some(CONTENT_TYPE),
            bytes: bytes.filter(|_| is_plain),
        }
    }
}
