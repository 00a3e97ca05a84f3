//! A stream of events, as a browser's `EventSource` reads it.

use std::io::{BufRead, BufReader, Chain, Cursor, Read};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use super::http::{Http, request};
use super::steady::Steady;

/// An open stream.
pub struct Stream(BufReader<Chain<Cursor<Vec<u8>>, Steady<TcpStream>>>);

impl Stream {
    /// Opens one, from behind this position if there is one.
    #[track_caller]
    pub fn open(address: SocketAddr, path: &str, last: Option<&str>) -> Stream {
        let last = last.map(|last| format!("Last-Event-ID: {last}\r\n"));
        let headers = format!("Accept: text/event-stream\r\n{}", last.unwrap_or_default());
        let mut http = Http::connect(address);
        http.send(request("GET", path, &headers, ""));
        let head = http.answer_to_head();
        assert_eq!(head.status, 200);
        let (stream, unread) = http.into_parts();
        Stream(BufReader::new(Cursor::new(unread).chain(stream)))
    }

    /// The next event that says something, by its position, if it has one; none where the hub says that it closes the stream.
    #[track_caller]
    pub fn next_or_close(&mut self) -> Option<(String, Value)> {
        let (mut id, mut data, mut closes) = (String::new(), None, false);
        loop {
            let mut line = String::new();
            let read = self.0.read_line(&mut line);
            assert!(read.unwrap() > 0, "the stream is cut");
            match line.trim_end().split_once(": ") {
                Some(("id", text)) => text.clone_into(&mut id),
                Some(("data", text)) => data = Some(serde_json::from_str(text).unwrap()),
                Some(("event", "close")) => closes = true,
                _ if line == "\n" && closes => return None,
                _ if line == "\n" && data.is_some() => return Some((id, data?)),
                _ => {}
            }
        }
    }

    /// The next event that says something, by its position.
    #[track_caller]
    pub fn next(&mut self) -> (String, Value) {
        self.next_or_close().expect("the stream goes on")
    }
}
