//! Whether the server treated a client well: no close without its reason, no reason without its close.

use roomcast::bounds::Bounds;
use roomcast::time::Millis;

use super::super::clients::client::{Client, Leave, Reading, State, Then};
use super::super::clients::hearing::Around;
use super::guests;
use super::ledger::Ledger;

/// How late a deadline may be seen: ticks of the wheel, and turns that are cut short.
pub const SLACK: u64 = 1000;
/// The same for the one that nothing puts off, where every turn writes to everybody: a few ticks.
pub const STUCK_SLACK: u64 = 50;
/// What a client that is being closed takes within each write timeout, if that is not all.
const TAKEN_BYTES_MIN: u64 = 16 << 10;
/// A status and a pong.
const STATUS_BYTES_MAX: u64 = 300;

impl Client {
    /// A close frame came with this code: is there a reason for it?
    pub fn check_close(&self, code: u16, around: &Around<'_>) -> Result<(), String> {
        let bounds = &around.rules.bounds;
        let turn = self.turn_of(self.understood);
        let told = self
            .lie
            .is_some_and(|(start, answer)| answer == code && self.out.sent() > start);
        let asked = self.closing.is_some_and(|(said, _)| said == code);
        if told || asked {
            return Ok(());
        }
        match code {
            4408 => self.check_silent(bounds.pong_timeout, turn, around.ledger),
            1008 => self
                .check_too_slow(bounds.message_timeout, turn, around.ledger)
                .map(|_| ()),
            1001 if around.draining.is_some_and(|began| turn >= began) => Ok(()),
            1013 if around.rules.thrifty => self.check_evicted(turn),
            1000 | 1013 if self.session.is_some() => self.check_session_close(code, turn, around),
            _ => Err(format!(
                "closed with {code} for no reason; lie {:?}, close {:?}",
                self.lie, self.closing
            )),
        }
    }

    /// Whether it was silent for so long at some time before this turn.
    fn check_silent(&self, timeout: Millis, turn: u32, ledger: &Ledger) -> Result<(), String> {
        let turns = self
            .sent
            .iter()
            .copied()
            .filter(|&sent| sent < turn)
            .chain([turn]);
        let times: Vec<u64> = turns.map(|turn| ledger.time(turn)).collect();
        if times.windows(2).any(|pair| pair[1] - pair[0] >= timeout.0) {
            return Ok(());
        }
        Err(format!(
            "4408 in turn {turn}, although it was never silent for {timeout:?}"
        ))
    }

    /// Whether something was half sent for so long at some time before this turn, and when it was whole.
    pub fn check_too_slow(
        &self,
        timeout: Millis,
        turn: u32,
        ledger: &Ledger,
    ) -> Result<u32, String> {
        let is_slow = |&(began, ended): &(u32, Option<u32>)| {
            let ended = ended.unwrap_or(turn).min(turn);
            began <= turn && ledger.time(ended) + SLACK / 20 >= ledger.time(began) + timeout.0
        };
        if let Some((_, ended)) = self.unfinished.iter().copied().find(is_slow) {
            return Ok(ended.unwrap_or(u32::MAX));
        }
        Err(format!(
            "too slow in turn {turn}, although nothing was half sent for {timeout:?}"
        ))
    }

    /// The server has ended the connection, and everything that came was read: is there a reason?
    pub fn check_end(&self, around: &Around<'_>) -> Result<(), String> {
        let (bounds, ledger) = (&around.rules.bounds, &*around.ledger);
        let Some(turn) = self.ended else {
            return Ok(());
        };
        let now = ledger.time(turn);
        // Its window may be open, and the kernel have no memory for what is to be written.
        let came = self
            .written
            .last()
            .map_or(self.connected, |(turn, _)| *turn);
        let flowing = match around.rules.shortage {
            0 => self.flowing,
            _ => ledger.time(came),
        };
        let is_stuck = now >= flowing + bounds.write_timeout.0;
        if self.state == State::Over {
            return self
                .inbox
                .is_empty()
                .then_some(())
                .ok_or("bytes behind the last word".into());
        }
        let is_slow = self.takes_too_little(turn, around);
        if is_stuck
            || is_slow
            || around.rules.thrifty
            || matches!(self.left, Some((Leave::Reset, _)))
        {
            return Ok(());
        }
        if around.exhausted && self.written.is_empty() && self.state == State::Http {
            return Ok(());
        }
        // A WebSocket whose client sends no more is over at once.
        let mut asked = self.answers.iter().take(self.whole.len());
        let opens = asked.any(|hope| matches!(hope.then, Then::Opens));
        if self.left.is_some() && (self.state == State::Open || opens) {
            return Ok(());
        }
        if !self.inbox.is_empty() {
            return Err(format!(
                "cut in the middle of {:?}",
                String::from_utf8_lossy(&self.inbox)
            ));
        }
        if self.left.is_some() {
            return self.owes_nothing();
        }
        if self.state == State::Open {
            return Err(format!(
                "cut without a close frame; lie {:?}, close {:?}",
                self.lie, self.closing
            ));
        }
        if self.is_within_a_request() {
            return Err("cut in the middle of a request, and not with a 408".into());
        }
        let (waited, patience) = self.patience(now, bounds, ledger);
        let for_another = around.rules.few_guests() && waited >= guests::IDLE_MIN;
        if waited < patience && !for_another {
            return Err(format!("cut after {waited} ms of patience"));
        }
        self.owes_nothing()
    }

    /// Whether it may be being closed, as far as it knows, and has taken less than it must for a write timeout.
    fn takes_too_little(&self, turn: u32, around: &Around<'_>) -> bool {
        let (bounds, ledger) = (&around.rules.bounds, &*around.ledger);
        let now = ledger.time(turn);
        let span = bounds.write_timeout.0;
        // Who was closed for its silence may have broken it since.
        let was_silent = self.check_silent(bounds.pong_timeout, turn, ledger);
        let may_be_closing = self.state == State::Http
            || self.lie.is_some()
            || self.closing.is_some()
            || self.session.is_some()
            || around.draining.is_some()
            || !self.unfinished.is_empty()
            || was_silent.is_ok();
        let earlier = self.written.iter().rev();
        let mut earlier = earlier.skip_while(|(turn, _)| ledger.time(*turn) + span > now);
        let before = earlier.next().map_or(0, |(_, bytes)| *bytes);
        let after = self.written.last().map_or(0, |(_, bytes)| *bytes);
        let is_old = now >= ledger.time(self.connected) + span;
        may_be_closing
            && is_old
            // Who reads at once is still slow with a window of a few bytes, when much time passes between two turns.
            && (self.reading != Reading::Prompt || self.window < 4096)
            && after - before < TAKEN_BYTES_MIN
    }

    /// For how long it has been silent between two requests, and for how long it may be.
    pub fn patience(&self, now: u64, bounds: &Bounds, ledger: &Ledger) -> (u64, u64) {
        let mut earlier = self.sent.iter().copied();
        let last = match self.unfinished.last() {
            Some(&(began, None)) => earlier.rfind(|&sent| sent < began),
            _ => earlier.next_back(),
        };
        let (since, patience) = match last {
            Some(last) if !self.written.is_empty() => (last, bounds.keep_alive),
            _ => (self.connected, bounds.header_timeout),
        };
        (now - ledger.time(since), patience.0)
    }

    /// Whether a request is half sent, of which an empty line that may stand in front of it is no part.
    pub fn is_within_a_request(&self) -> bool {
        self.out.sent() - self.out.boundary() > 2
    }

    fn owes_nothing(&self) -> Result<(), String> {
        if self.whole.is_empty() {
            return Ok(());
        }
        Err(format!(
            "answers are missing to requests of turns {:?}: {:?}",
            self.whole, self.answers
        ))
    }

    /// Everything has come to rest and was read: is anything missing?
    pub fn check_settled(&self, around: &Around<'_>) -> Result<(), String> {
        if self.ended.is_some() || self.conn.is_none() && around.rules.few_guests() {
            return Ok(());
        }
        if self.left.is_some() {
            return Err("it has left, and nobody has noticed".into());
        }
        self.owes_nothing()?;
        if self.lied.is_some() && self.state != State::Over {
            return Err(format!(
                "a lie without an answer: {:?}, {:?}",
                self.lie, self.answers
            ));
        }
        if self.closing.is_some() && self.state != State::Over {
            return Err("a close frame without an answer".into());
        }
        if self.state == State::Over {
            return Ok(());
        }
        if !self.inbox.is_empty() {
            return Err(format!("half of something came: {:?}", self.inbox));
        }
        if !self.pings.is_empty() {
            return Err(format!(
                "the newest ping was not answered: {:?}",
                self.pings
            ));
        }
        if !self.echoes.is_empty() {
            return Err(format!("{} echoes are missing", self.echoes.len()));
        }
        if !self.is_listening() {
            return Ok(());
        }
        match self.session {
            Some(session) => self.check_up_to_date(session, around.ledger),
            None if self.joined.is_none() => Err("no welcome came".into()),
            None => Ok(()),
        }
    }

    /// Whether a subscriber knows all that its session has come to.
    fn check_up_to_date(&self, session: usize, ledger: &Ledger) -> Result<(), String> {
        let now = ledger.times.len() as u32;
        if ledger.sessions.is_gone(session, now) {
            return Err("its session was deleted, and it is still there".into());
        }
        let told = self.told.ok_or("it was not told how its session stands")?;
        let is_complete = ledger.sessions.is_complete(session, told, false);
        is_complete
            .then_some(())
            .ok_or_else(|| format!("session {session} has gone on since {told:?}"))
    }

    /// A subscriber was closed because its session was deleted, or because a status did not fit.
    fn check_session_close(&self, code: u16, turn: u32, around: &Around<'_>) -> Result<(), String> {
        let sessions = &around.ledger.sessions;
        let (Some(session), Some(told)) = (self.session, self.told) else {
            return Err(format!("closed with {code} before its first word"));
        };
        if code == 1000 {
            let is_fair =
                sessions.may_be_gone(session, turn) && sessions.is_complete(session, told, true);
            return is_fair
                .then_some(())
                .ok_or_else(|| format!("1000, session {session}, after {told:?}"));
        }
        let queue = around.rules.queue();
        let is_fair = sessions.droppable(session, told).is_some_and(|whole| {
            let written = self.written_before(whole);
            let waiting = self.heard.iter().filter(|heard| heard.end > written);
            let begun = self.begun_before(written);
            // What waited with it and was thrown away with the queue nobody has heard.
            let bytes = self.understood.saturating_sub(begun) + self.pongs_unheard();
            let bytes = bytes + STATUS_BYTES_MAX;
            let messages = waiting.count();
            messages >= queue.messages_max as usize
                || messages > 0 && bytes > u64::from(queue.bytes_max)
        });
        is_fair
            .then_some(())
            .ok_or_else(|| format!("1013, session {session}, after {told:?}: it was not full"))
    }

    /// A queue without progress is not kept for longer than it may be.
    pub fn check_stuck(&self, now: u64, around: &Around<'_>) -> Result<(), String> {
        let stuck = self.stuck.map_or(0, |since| now - since);
        let slack = match around.rules.flushes_all {
            true => STUCK_SLACK,
            false => SLACK,
        };
        if self.ended.is_none() && stuck > around.rules.bounds.write_timeout.0 + slack {
            return Err(format!(
                "it has taken nothing for {stuck} ms and is still there"
            ));
        }
        Ok(())
    }

    /// Much time has passed: should it have been closed?
    pub fn check_overdue(&self, around: &Around<'_>) -> Result<(), String> {
        let (bounds, ledger) = (&around.rules.bounds, &*around.ledger);
        let is_over = self.left.is_some() || self.ended.is_some() || self.state == State::Over;
        let waits_outside = self.conn.is_none() && around.rules.few_guests();
        if is_over || waits_outside || self.reading != Reading::Prompt {
            return Ok(());
        }
        let now = ledger.times.last().copied().unwrap_or(0);
        // Nothing is late before it was read, which may take turns, and the process may have been stopped between two.
        // What was read may be answered turns later still.
        let answered = self.written.last().map_or(0, |(turn, _)| *turn);
        let Some(last) = self.all_read.last().map(|&turn| turn.max(answered)) else {
            return Ok(());
        };
        let silent = now.saturating_sub(ledger.time(last) + SLACK);
        let half = match self.unfinished.last() {
            _ if self.state == State::Http && !self.is_within_a_request() => 0,
            Some((began, None)) => {
                let began = self.within.max(*began);
                let read = self.all_read.partition_point(|&turn| turn < began);
                let read = self.all_read.get(read).map(|turn| ledger.time(*turn));
                now.saturating_sub(read.unwrap_or(now) + SLACK)
            }
            _ => 0,
        };
        let (silence_max, half_max) = match self.state {
            State::Http => (bounds.keep_alive, bounds.header_timeout),
            _ => (bounds.pong_timeout, bounds.message_timeout),
        };
        if let (true, Some(last)) = (self.dialect.beats(), self.beat.or(self.joined)) {
            let interval = bounds.app(self.dialect.app()).ping_interval;
            let beatless = now.saturating_sub(ledger.time(last) + SLACK);
            // It comes behind what waits, and where the kernel has no memory for writes that goes out late, from when it is
            // read on.
            let flows = ledger.time(answered).max(self.went_on);
            let is_written_to = around.rules.shortage > 0 && now < flows + SLACK;
            if beatless > interval.0 && !is_written_to {
                return Err(format!("no ping of the app in {beatless} ms"));
            }
        }
        if silent > silence_max.0 {
            return Err(format!("silent for {silent} ms and still there"));
        }
        if half > half_max.0 {
            return Err(format!("half a message for {half} ms and still there"));
        }
        Ok(())
    }
}
