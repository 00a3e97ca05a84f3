//! What a client makes of the bytes that come: every answer and every frame is one that must come just there.

use roomcast::transport::Handover;

use super::super::accounts::ledger::Ledger;
use super::super::accounts::standing::{Command, Missed, Standing};
use super::super::accounts::work::Cost;
use super::super::dialects::dialect::Said;
use super::super::dialects::tasks;
use super::super::runs::rules::Rules;
use super::super::wire::answers::{self, Answer};
use super::super::wire::frames;
use super::super::wire::position::Outcome;
use super::client::{Client, Hope, Kind, State, Then};
use super::heard::{Answer as Answered, Heard, Loss, What};
use super::outgoing::Mark;

/// What a client needs to know beside its own connection.
pub struct Around<'a> {
    pub ledger: &'a mut Ledger,
    pub rules: &'a Rules,
    /// The turn in which the drain began.
    pub draining: Option<u32>,
    /// No descriptor was left in this turn for somebody who knocked.
    pub exhausted: bool,
}

impl Client {
    /// Takes in what was read.
    pub fn hear(&mut self, bytes: &[u8], around: &mut Around<'_>) -> Result<(), String> {
        self.inbox.extend_from_slice(bytes);
        while !self.inbox.is_empty() {
            let used = match self.state {
                State::Http => self.hear_answer(around)?,
                State::Open => self.hear_frame(around)?,
                State::Over => {
                    let rest = String::from_utf8_lossy(&self.inbox);
                    return Err(format!(
                        "nothing may follow the last word, and here is {rest:?}"
                    ));
                }
            };
            if used == 0 {
                break;
            }
            self.inbox.drain(..used);
            self.understood += used as u64;
        }
        Ok(())
    }

    fn hear_answer(&mut self, around: &mut Around<'_>) -> Result<usize, String> {
        let to_head =
            !self.whole.is_empty() && self.answers.front().is_some_and(|hope| hope.to_head);
        let mut answer = answers::read(&self.inbox, to_head)?;
        if to_head && answer.as_ref().is_some_and(|answer| answer.status == 408) {
            // It was given before the request for a head was whole.
            answer = answers::read(&self.inbox, false)?;
        }
        let Some(answer) = answer else {
            return Ok(0);
        };
        let turn = self.turn_of(self.understood);
        if answer.status == 100 {
            let may = |hope: &mut Hope| std::mem::take(&mut hope.may_continue);
            return match self.answers.front_mut().is_some_and(may) {
                true => Ok(answer.bytes),
                false => Err("100 Continue, unasked".into()),
            };
        }
        if answer.status == 408 {
            let ended =
                self.check_too_slow(around.rules.bounds.header_timeout, turn, around.ledger)?;
            if !answer.closes() || self.whole.front().is_some_and(|&whole| whole < ended) {
                return Err("a 408 is the last answer, after all others".into());
            }
            self.state = State::Over;
            return Ok(answer.bytes);
        }
        let hope = self
            .answers
            .pop_front()
            .ok_or(format!("a {} that nobody asked for", answer.status))?;
        let whole = match hope.lie {
            Some(start) if self.out.sent() <= start => {
                return Err("a lie answered before it is told".into());
            }
            Some(_) => turn,
            None => self
                .whole
                .pop_front()
                .ok_or("an answer to half a request")?,
        };
        let drains = around.draining.is_some_and(|began| turn >= began);
        if answer.closes() != hope.closes && !drains {
            return Err(format!(
                "closes is {}, and {} was asked",
                answer.closes(),
                hope.closes
            ));
        }
        if answer.closes() {
            self.state = State::Over;
        }
        let hands_over = around.rules.handover != Handover::Nothing;
        if drains && hope.drains && !hands_over && answer.status == 503 {
            return Ok(answer.bytes);
        }
        // While memory is scarce or the loop lags nobody new is let in.
        let refuses = around.rules.refuses();
        if refuses && matches!(hope.then, Then::Opens) && answer.status == 503 {
            self.asked = false;
            return Ok(answer.bytes);
        }
        let session = self.session.filter(|_| matches!(hope.then, Then::Opens));
        let may_be_gone = |session| around.ledger.sessions.may_be_gone(session, turn);
        if answer.status == 404 && session.is_some_and(may_be_gone) {
            (self.asked, self.session) = (false, None);
            return Ok(answer.bytes);
        }
        if answer.status != hope.status {
            return Err(format!(
                "{} expected, not {}: {}",
                hope.status, answer.status, answer.body
            ));
        }
        if hope.lie.is_none() {
            let cost = Cost::of_answer(answer.bytes, hope.body_bytes);
            around.ledger.work.done(whole, turn, cost)?;
        }
        match hope.then {
            Then::Accepts(dialect, wish) => {
                dialect.accepted(wish, &answer.body, around.ledger)?;
                if answer.status == 201 {
                    tasks::learn(&mut self.tasks, wish, &answer.body)?;
                }
            }
            Then::Obeys(act) => {
                let sessions = &mut around.ledger.sessions;
                sessions.obeyed(act, turn, &answer.body, &mut self.owner)?;
            }
            Then::Opens => {
                let is_gone = |session| around.ledger.sessions.is_gone(session, whole);
                if session.is_some_and(is_gone) {
                    return Err("a session that was deleted is subscribed to".into());
                }
                self.let_in = Some(whole);
                self.open(&answer, turn)?;
            }
            Then::Nothing => {}
        }
        Ok(answer.bytes)
    }

    fn open(&mut self, answer: &Answer, turn: u32) -> Result<(), String> {
        let is_upgrade = answer.header("upgrade") == Some("websocket")
            && answer.header("connection") == Some("Upgrade")
            && answer.header("sec-websocket-accept") == Some(frames::ACCEPT)
            && answer.header("sec-websocket-extensions").is_some() == (self.window_bits > 0);
        let extensions = answer
            .header("sec-websocket-extensions")
            .unwrap_or_default();
        let names_window = extensions.contains("server_max_window_bits");
        let window = format!("server_max_window_bits={}", self.window_bits);
        let takes_over = !extensions.contains("server_no_context_takeover");
        let is_agreed = self.window_bits == 0
            || extensions.starts_with("permessage-deflate;")
                && !takes_over
                && (extensions.contains(&window) || !names_window && self.window_bits == 15);
        if !is_upgrade || !is_agreed {
            return Err(format!("not the answer to this upgrade: {answer:?}"));
        }
        self.state = State::Open;
        self.opened = self.understood;
        if self.kind == Kind::Listener && !self.dialect.welcomes() {
            self.joined = Some(turn);
        }
        Ok(())
    }

    fn hear_frame(&mut self, around: &mut Around<'_>) -> Result<usize, String> {
        let Some(frame) = frames::read(&self.inbox, self.window_bits)? else {
            return Ok(0);
        };
        if frame.compressed && frame.payload.len() < around.rules.bounds.deflate_bytes_min as usize
        {
            return Err(format!(
                "{} bytes are too few to be compressed",
                frame.payload.len()
            ));
        }
        match frame.opcode {
            frames::CLOSE => {
                let code = frames::close_code(&frame.payload)?;
                self.closed = Some((code, self.understood));
                self.state = State::Over;
                self.check_close(code, around)?;
            }
            frames::PING => {
                if !frame.payload.is_empty() {
                    return Err("a ping has no payload here".into());
                }
                if self.diligent && !self.quiet {
                    self.out
                        .push(&frames::frame(true, frames::PONG, b""), Mark::Ignored);
                }
            }
            frames::PONG => self.hear_pong(&frame.payload)?,
            opcode if self.kind == Kind::Echo => match self.echoes.pop_front() {
                Some(echo) if echo.opcode == opcode && echo.payload == frame.payload => {
                    let bytes = echo.payload.len();
                    let is_packed = self.packs(bytes, around.rules);
                    let cost = Cost::of_echo(bytes, echo.packed_bytes, is_packed);
                    let turn = self.turn_of(self.understood);
                    around.ledger.work.done(echo.whole, turn, cost)?;
                }
                other => return Err(format!("the echo of {other:?} is not {frame:?}")),
            },
            frames::TEXT => {
                let plain_bytes = frames::whole_bytes(frame.payload.len());
                let text =
                    String::from_utf8(frame.payload).map_err(|_| "text that is not UTF-8")?;
                let what = match self.session {
                    Some(session) => Some(self.hear_status(session, &text, around.ledger)?),
                    None => self.hear_text(text, around.ledger)?,
                };
                self.heard.extend(what.map(|what| Heard {
                    start: self.understood,
                    end: self.understood + frame.bytes as u64,
                    plain_bytes,
                    what,
                }));
            }
            opcode => return Err(format!("a listener got opcode {opcode}")),
        }
        Ok(frame.bytes)
    }

    /// Whether a message of so many bytes to it is compressed, if that makes it shorter: not for a window that is not
    /// the largest.
    fn packs(&self, bytes: usize, rules: &Rules) -> bool {
        self.window_bits == 15 && bytes >= rules.bounds.deflate_bytes_min as usize
    }

    /// Bytes of pongs that it has not heard and that may have waited for it.
    pub fn pongs_unheard(&self) -> u64 {
        let waiting = self.pings.iter().map(|ping| pong_bytes(ping));
        self.passed_over + waiting.sum::<u64>()
    }

    /// A pong answers a ping no older than the last one that was answered; those between may go without.
    fn hear_pong(&mut self, payload: &[u8]) -> Result<(), String> {
        while let Some(ping) = self.pings.pop_front() {
            if ping == payload {
                return Ok(());
            }
            self.passed_over += pong_bytes(&ping);
        }
        Err(format!("a pong to no ping: {payload:?}"))
    }

    fn hear_status(
        &mut self,
        session: usize,
        text: &str,
        ledger: &mut Ledger,
    ) -> Result<What, String> {
        let mut sessions = std::mem::take(&mut ledger.sessions);
        let heard = sessions.hear(session, self.told, text, |timestamp| {
            ledger.turn_of(timestamp)
        });
        ledger.sessions = sessions;
        let (told, turn) = heard?;
        self.joined.get_or_insert(turn);
        self.told = Some(told);
        Ok(What::Status)
    }

    fn hear_text(&mut self, text: String, ledger: &mut Ledger) -> Result<Option<What>, String> {
        let (said, timestamp) = self.dialect.read(&text)?;
        let is_first = self.heard.is_empty() && self.dialect.welcomes();
        let told = timestamp
            .map(|timestamp| ledger.turn_of(timestamp))
            .transpose()?;
        let written = self.turn_of(self.understood);
        let turn = told.unwrap_or(written);
        let what = match said {
            Said::Welcome(outcome) if is_first => {
                ledger.log_mut(self.dialect).learn(outcome.position)?;
                self.let_in = Some(turn);
                self.joined = Some(turn);
                What::Welcome(outcome)
            }
            Said::Welcome(_) => return Err(format!("the welcome comes first, and once: {text}")),
            _ if is_first => {
                return Err(format!("the first message is the welcome, not {text}"));
            }
            Said::Beat => {
                self.beat = Some(turn);
                if self.diligent && !self.quiet {
                    let pong = frames::frame(true, frames::TEXT, br#"{"type":"pong"}"#);
                    self.out.push(&pong, Mark::Ignored);
                }
                return Ok(None);
            }
            Said::Lagged(missed, since) => {
                if let Some(since) = since {
                    ledger.log_mut(self.dialect).learn(since)?;
                    self.lagged = Some(since);
                }
                What::Lagged(Loss {
                    missed,
                    since,
                    told,
                    written,
                    places: Missed::default(),
                })
            }
            Said::Answer(outcome) => {
                if let Some(Outcome { position, .. }) = outcome {
                    ledger.log_mut(self.dialect).learn(position)?;
                    self.known = Some(position);
                }
                let is_exempt = outcome.is_some_and(|outcome| outcome.resumed.is_some());
                What::Answer(Answered {
                    text,
                    told,
                    written,
                    outcome,
                    is_exempt,
                })
            }
            Said::Published(position) => {
                self.known = Some(position);
                What::Text(text)
            }
        };
        Ok(Some(what))
    }

    /// Finds the place of what was heard in the order of all that was published, as far as the witness has heard that.
    pub fn follow(&mut self, ledger: &Ledger, rules: &Rules) -> Result<(), String> {
        let log = ledger.log(self.dialect);
        let is_known = |heard: &&Heard| log.is_complete(self.turn_of(heard.start));
        let known = self.heard[self.placed..].iter().take_while(is_known);
        let until = self.placed + known.count();
        if until == self.placed {
            // Where it came in is not known before all is that was published by then.
            return Ok(());
        }
        self.follow_until(until, ledger, rules)
    }

    /// The same for all that was heard: the witness has heard everything.
    pub fn follow_all(&mut self, ledger: &Ledger, rules: &Rules) -> Result<(), String> {
        self.follow_until(self.heard.len(), ledger, rules)
    }

    /// Everything has come to rest and was read: a member must have heard all that was for it.
    pub fn rest(&mut self, ledger: &Ledger, rules: &Rules) -> Result<(), String> {
        self.follow_all(ledger, rules)?;
        if self.kind != Kind::Listener || !self.is_listening() {
            return Ok(());
        }
        let Some(mut standing) = self.standing.take() else {
            return Err("no welcome came".into());
        };
        standing.rest(&self.course(ledger, rules))?;
        self.standing = Some(standing);
        Ok(())
    }

    fn follow_until(&mut self, until: usize, ledger: &Ledger, rules: &Rules) -> Result<(), String> {
        let Some(joined) = self.joined else {
            return Ok(());
        };
        let (log, dialect) = (ledger.log(self.dialect), self.dialect);
        let mut standing = self.standing.take().unwrap_or_else(|| {
            // Whoever was let in in a turn may have been so behind some of what it published.
            let first = match dialect.welcomes() {
                true => joined,
                false => self.connected,
            };
            Standing::new(log.before(first)..=log.before(joined + 1))
        });
        let mut heard = std::mem::take(&mut self.heard);
        let course = self.course(ledger, rules);
        for heard in &mut heard[self.placed..until] {
            match &mut heard.what {
                What::Event(..) | What::Status => {}
                What::Welcome(outcome) => standing.enter(self.since, outcome, joined, &course)?,
                What::Text(text) => {
                    let place = log
                        .place(text)
                        .ok_or_else(|| format!("the witness never heard {text}"))?;
                    let came = standing.hear(place, &course);
                    let came = came.map_err(|why| format!("{why}: {text}"))?;
                    heard.what = What::Event(place, came);
                }
                What::Answer(answer) => {
                    let fits = |command: &Command| dialect.is_answer(answer, command);
                    let turns = (answer.told.unwrap_or(0), answer.turn());
                    standing
                        .hear_answer(turns, answer.outcome.as_ref(), &course, fits)
                        .map_err(|why| format!("{why}: {}", answer.text))?;
                }
                What::Lagged(loss) => {
                    let told = (loss.told.unwrap_or(0), loss.told.unwrap_or(loss.written));
                    loss.places = standing.miss(loss.missed, loss.since, told, &course)?;
                }
            }
        }
        (self.heard, self.placed, self.standing) = (heard, until, Some(standing));
        Ok(())
    }
}

/// What a pong to this ping costs.
fn pong_bytes(ping: &[u8]) -> u64 {
    ping.len() as u64 + 2
}
