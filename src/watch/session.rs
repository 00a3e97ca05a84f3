//! One connection: the upgrade, the subscription, what was missed, and every message until the end.
//!
//! Messages are handed on in batches: everything that came with one read, then a flush. A server that says nothing is
//! pinged, and one that goes on saying nothing is left.

use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};

use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::HandshakeError;
use tungstenite::handshake::client::Request;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use super::dialect::Dialect;
use super::ending::Ending;
use super::notice;
use super::options::Options;
use super::output::Output;
use super::resuming::{Question, Resuming, Verdict};
use super::socket::Socket;

/// How long the upgrade may take.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest message that is taken: far more than any app sends, far less than a machine has.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// An upgraded connection.
pub(super) struct Session<'a> {
    socket: WebSocket<Socket>,
    options: &'a Options,
    resuming: &'a mut Resuming,
    /// Since when it is asked for what was missed.
    since: Option<String>,
    pinged: Option<Instant>,
}

impl<'a> Session<'a> {
    /// Connects and upgrades.
    pub fn open(options: &'a Options, resuming: &'a mut Resuming) -> Result<Session<'a>, Ending> {
        let target = &options.target;
        let since = resuming.since();
        let request = request(options, since.as_deref())?;
        let (host, port) = target.address();
        log::debug!("connecting to {host}, port {port}");
        let mut socket =
            Socket::connect((host, port)).map_err(|error| Ending::unreachable(&error))?;
        log::debug!("asking for the upgrade of {}", target.uri.path());
        socket.wait_until(Instant::now() + UPGRADE_TIMEOUT);
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let upgraded = tungstenite::client::client_with_config(request, socket, Some(config));
        let (socket, _) = upgraded.map_err(|error| match error {
            HandshakeError::Failure(error) => Ending::not_upgraded(error),
            HandshakeError::Interrupted(_) => {
                let seconds = UPGRADE_TIMEOUT.as_secs();
                Ending::again(format!(
                    "the server did not answer the upgrade within {seconds} s"
                ))
            }
        })?;
        log::debug!("upgraded");
        Ok(Session {
            socket,
            options,
            resuming,
            since,
            pinged: None,
        })
    }

    /// Subscribes, and asks for what was missed where it was not asked for at the door.
    pub fn begin(&mut self) -> Result<(), Ending> {
        let since = self.since.take();
        let dialect = self.dialect();
        if let Some(words) = self.resuming.opens(dialect, since.as_deref()) {
            notice(self.options, format_args!("{words}"));
        }
        self.subscribe(since.as_deref())
    }

    fn subscribe(&mut self, since: Option<&str>) -> Result<(), Ending> {
        match self.options.subscription(since) {
            Some(subscription) => self.say(&subscription),
            None => Ok(()),
        }
    }

    fn say(&mut self, words: &str) -> Result<(), Ending> {
        log::debug!("sending {words}");
        self.send(Message::text(words))
    }

    fn dialect(&self) -> Dialect {
        self.options.target.dialect
    }

    /// Hands on what comes, until it ends.
    pub fn follow(&mut self, output: &mut Output<impl Write>) -> Ending {
        loop {
            if let Err(ending) = self.turn(output) {
                self.leave(&ending);
                // What came before the end is still to be shown.
                return output.flush().err().unwrap_or(ending);
            }
        }
    }

    /// Waits for a batch and hands it on, or finds out whether the server is still there.
    fn turn(&mut self, output: &mut Output<impl Write>) -> Result<(), Ending> {
        let due = self.due();
        self.socket.get_mut().wait_until(due);
        match self.read()? {
            Some(message) => self.take(message, output)?,
            None => return self.check_silence(),
        }
        self.socket.get_mut().stop_reading();
        while let Some(message) = self.read()? {
            self.take(message, output)?;
        }
        output.flush()
    }

    /// The next message, or nothing if none has come in time.
    fn read(&mut self) -> Result<Option<Message>, Ending> {
        match self.socket.read() {
            Ok(message) => Ok(Some(message)),
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(Ending::lost(&error)),
        }
    }

    fn take(&mut self, message: Message, output: &mut Output<impl Write>) -> Result<(), Ending> {
        if let Message::Close(frame) = &message {
            return Err(Ending::closed(frame.as_ref()));
        }
        let Message::Text(text) = &message else {
            return output.add(&message);
        };
        if let Some(pong) = self.dialect().pong(text) {
            return self.send(Message::text(pong));
        }
        let Verdict {
            is_hidden,
            question,
            words,
        } = self.resuming.hear(self.dialect(), text);
        for words in words {
            notice(self.options, format_args!("{words}"));
        }
        if let Some(question) = question {
            self.ask(&question)?;
        }
        if is_hidden {
            return Ok(());
        }
        output.add(&message)
    }

    fn ask(&mut self, question: &Question) -> Result<(), Ending> {
        match question {
            Question::Anew => self.subscribe(None),
            Question::Since(since) => {
                self.resuming.asks();
                match self.dialect().question(since) {
                    Some(question) => self.say(&question),
                    None => self.subscribe(Some(since)),
                }
            }
        }
    }

    /// When a server that says nothing more is pinged, or left.
    fn due(&self) -> Instant {
        self.last_sign() + self.options.ping_interval
    }

    /// The last thing that came, or the ping that has not been answered by anything.
    fn last_sign(&self) -> Instant {
        let heard = self.socket.get_ref().heard();
        self.pinged.map_or(heard, |pinged| pinged.max(heard))
    }

    fn check_silence(&mut self) -> Result<(), Ending> {
        let heard = self.socket.get_ref().heard();
        if Instant::now() < self.due() {
            return Ok(());
        }
        if self.pinged.is_some_and(|pinged| pinged >= heard) {
            let seconds = heard.elapsed().as_secs_f32();
            return Err(Ending::again(format!(
                "the server has said nothing for {seconds:.1} s, not even to a ping"
            )));
        }
        log::debug!("pinging, as nothing came for {:?}", heard.elapsed());
        self.pinged = Some(Instant::now());
        self.send(Message::Ping(Vec::new().into()))
    }

    fn send(&mut self, message: Message) -> Result<(), Ending> {
        self.socket
            .send(message)
            .map_err(|error| Ending::lost(&error))
    }

    /// Says goodbye, as far as the other side still listens.
    fn leave(&mut self, ending: &Ending) {
        let code = match ending {
            Ending::Done => CloseCode::Normal,
            Ending::Final(_) | Ending::Again { .. } => CloseCode::Away,
        };
        let reason = "".into();
        // The answer to a close of the server goes out here, too. Nobody is left to be told of a failure.
        let _ = self.socket.close(Some(CloseFrame { code, reason }));
    }
}

fn request(options: &Options, since: Option<&str>) -> Result<Request, Ending> {
    let target = &options.target;
    let uri = match since.filter(|_| target.dialect.resumes_at_the_door()) {
        Some(since) => target.uri_with("since", since),
        None => target.uri.clone(),
    };
    let mut request = uri
        .into_client_request()
        .map_err(|error| Ending::Final(format!("the upgrade cannot be asked for: {error}")))?;
    for (name, value) in &options.headers {
        request.headers_mut().insert(*name, value.clone());
    }
    Ok(request)
}
