//! A client that follows the tasks, all of them or those of one repository, or the events; it comes back whenever the hub is
//! gone, and goes on where it was.

use super::book::{Book, Span};
use super::line::Line;
use super::tasks::{REPOSITORIES, read};
use crate::model::runs::chance::Chance;
use crate::model::wire::frames::{self, frame};
use crate::model::wire::position::Position;
use crate::network::Sim;

const TASKS: &str = "/api/v1/tasks/ws?version=1.0&api_key=a%20key%20of%20the%20simulation";

/// What it follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    Events,
    /// Those of this repository, or all.
    Tasks(Option<&'static str>),
}

/// How far it has come with coming in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// It waits for the 101.
    Asks,
    /// It waits for the first word.
    Waits,
    IsIn,
    /// It was told that the hub goes away.
    IsTold,
}

pub struct Follower {
    pub follows: Follows,
    line: Line,
    door: Door,
    /// The position up to which it has everything, as far as it knows.
    at: Option<Position>,
    /// Where it was when it came back.
    since: Option<Position>,
    span: Option<Span>,
}

impl Follower {
    pub fn new(chance: &mut Chance, sim: &mut Sim) -> Follower {
        let follows = match chance.below(5) {
            0 | 1 => Follows::Events,
            2 | 3 => Follows::Tasks(None),
            _ => Follows::Tasks(Some(chance.pick(&REPOSITORIES))),
        };
        Follower::of(follows, None, sim)
    }

    /// One that asks for all since this position.
    pub fn of(follows: Follows, since: Option<Position>, sim: &mut Sim) -> Follower {
        let mut follower = Follower {
            follows,
            line: Line::new(sim),
            door: Door::Asks,
            at: since,
            since: None,
            span: None,
        };
        follower.knock(sim);
        follower
    }

    /// Comes in, since where it was.
    fn knock(&mut self, sim: &mut Sim) {
        (self.door, self.since) = (Door::Asks, self.at);
        let mut bytes = match (self.follows, self.since) {
            (Follows::Events, None) => frames::upgrade("/ws"),
            (Follows::Events, Some(since)) => frames::upgrade(&format!("/ws?since={since}")),
            (Follows::Tasks(_), _) => frames::upgrade(TASKS),
        }
        .into_bytes();
        if let Follows::Tasks(only) = self.follows {
            let name = only.unwrap_or("*");
            let since = self.since.map(|since| format!(r#","since":"{since}""#));
            let since = since.unwrap_or_default();
            let says =
                format!(r#"{{"type":"subscribe","data":{{"repositories":["{name}"]{since}}}}}"#);
            bytes.extend(frame(true, frames::TEXT, says.as_bytes()));
        }
        self.line.send(sim, &bytes);
    }

    /// Takes in what has come, and comes back if the hub was gone.
    pub fn hear(&mut self, book: &mut Book, sim: &mut Sim) -> Result<(), String> {
        self.line.listen(sim);
        if self.door == Door::Asks
            && let Some(answer) = self.line.answer()?
        {
            match (answer.status, book.state.is_going) {
                (101, _) if book.state.has_begun => self.door = Door::Waits,
                (503, true) => self.line.hang_up(sim),
                _ => return Err(format!("it was let in with {}", answer.status)),
            }
        }
        while self.door != Door::Asks
            && let Some(frame) = self.line.frame()?
        {
            let told = self.take(&frame, book);
            let said = String::from_utf8_lossy(&frame.payload);
            told.map_err(|why| format!("{self}: {why}: {said}"))?;
        }
        if self.line.is_over || self.door == Door::IsTold || self.line.is_ended(sim) {
            if !self.line.is_over {
                self.line.hang_up(sim);
            }
            self.rest(book);
            if book.state.is_going {
                return Ok(());
            }
            self.line = Line::new(sim);
            self.knock(sim);
        }
        Ok(())
    }

    /// It is cut off, and comes back.
    pub fn cut(&mut self, sim: &mut Sim) {
        self.line.leave(sim, true);
    }

    /// What it has followed so far is held against what was published, once that is known.
    pub fn rest(&mut self, book: &mut Book) {
        if let Some(span) = self.span.take() {
            book.follow(span);
        }
    }

    fn take(&mut self, frame: &frames::Received, book: &mut Book) -> Result<(), String> {
        if self.door == Door::IsTold {
            return Err("it was told to go".into());
        }
        if frame.opcode == frames::CLOSE {
            self.door = Door::IsTold;
            let is_told = frames::close_code(&frame.payload)? == 1001 && book.state.is_going;
            return match (is_told, book.state.has_disk) {
                (true, false) => Ok(()),
                (true, true) => Err("it was told to go before the disk was let go of".into()),
                (false, _) => Err("it was closed".into()),
            };
        }
        let text = String::from_utf8(frame.payload.clone()).map_err(|_| "not text")?;
        let message = read(&text)?;
        if self.door == Door::Waits {
            self.door = Door::IsIn;
            return self.come_in(&message, book);
        }
        let position = Position::parse(message["position"].as_str().unwrap_or_default())?;
        let before = self.at.map_or(0, |at| at.number);
        let is_next = match self.follows {
            Follows::Tasks(Some(_)) => position.number > before,
            _ => position.number == before + 1,
        };
        match self.follows {
            Follows::Events => book.hear_event(&text, position)?,
            Follows::Tasks(_) => book.hear_task(&text, position)?,
        }
        self.at = Some(position);
        if let Some(span) = &mut self.span {
            span.heard.push(position.number);
            span.to = position.number;
        }
        match is_next {
            true => Ok(()),
            false => Err(format!("it does not come behind {before}")),
        }
    }

    /// It is told from where on it follows: nothing is missing without a word.
    fn come_in(&mut self, message: &serde_json::Value, book: &mut Book) -> Result<(), String> {
        let (resumed, position) = match self.follows {
            Follows::Events => (&message["payload"]["resumed"], &message["position"]),
            Follows::Tasks(_) => (&message["data"]["resumed"], &message["data"]["position"]),
        };
        let position = Position::parse(position.as_str().unwrap_or_default())?;
        let place = match self.follows {
            Follows::Events => book.place_events(position)?,
            Follows::Tasks(_) => book.place_tasks(position)?,
        };
        let from = place;
        self.at = Some(position);
        let Some(since) = self.since else {
            let is_plain = resumed.is_null() && place >= self.newest(book);
            self.begin(from);
            return is_plain
                .then_some(())
                .ok_or_else(|| "it has asked for nothing".into());
        };
        let (sent, missed) = (resumed["sent"].as_u64(), resumed["missed"].as_u64());
        let sent = sent.ok_or("it is not told how many follow")?;
        if since.epoch != position.epoch {
            // Of the tasks' there is only one, so that these are the events', after a crash.
            self.begin(from);
            let is_new = (sent, missed) == (0, None);
            return is_new
                .then_some(())
                .ok_or_else(|| format!("since {since}, of another epoch"));
        }
        // A filter says not how much it passes over.
        let is_exact = self.follows != Follows::Tasks(None) && self.follows != Follows::Events
            || place == since.number && place + sent >= self.newest(book);
        self.begin(match self.follows {
            Follows::Tasks(Some(_)) => since.number,
            _ => from,
        });
        match is_exact && missed == Some(0) {
            true => Ok(()),
            false => Err(format!("since {since}, of {} messages", self.newest(book))),
        }
    }

    fn begin(&mut self, from: u64) {
        if let Follows::Tasks(repository) = self.follows {
            self.span = Some(Span {
                repository,
                from,
                to: from,
                heard: Vec::new(),
            });
        }
    }

    /// The newest number that anybody had heard before this turn.
    fn newest(&self, book: &Book) -> u64 {
        let (tasks, events) = book.newest_before();
        match self.follows {
            Follows::Events => events,
            Follows::Tasks(_) => tasks,
        }
    }

    /// Everything has come to rest: it has all that there is.
    pub fn check_rested(&mut self, book: &Book) -> Result<(), String> {
        let newest = match self.follows {
            Follows::Events => book.newest_event(),
            Follows::Tasks(_) => book.newest_so(),
        };
        if let Some(span) = &mut self.span {
            span.to = newest;
        }
        let is_there = match self.follows {
            Follows::Tasks(Some(_)) => true,
            _ => self.at.is_some_and(|at| at.number == newest),
        };
        match self.door == Door::IsIn && is_there {
            true => Ok(()),
            false => Err(format!("{self}: it has not come to {newest}")),
        }
    }
}

impl std::fmt::Display for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Follower {
            follows,
            door,
            at,
            since,
            ..
        } = self;
        write!(
            f,
            "a follower of {follows:?} ({door:?}, at {at:?}, since {since:?})"
        )
    }
}
