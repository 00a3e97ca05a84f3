//! A client that asks for changes of tasks, for tasks and for events to be published, often several in a row; and what it may be
//! answered.

use std::collections::VecDeque;

use super::book::Book;
use super::line::Line;
use super::tasks::{REPOSITORIES, read, says_status};
use crate::kept::hub::call;
use crate::model::runs::chance::Chance;
use crate::model::wire::answers::Answer;
use crate::model::wire::position::Position;
use crate::network::Sim;

const ALL: &str = "/api/v1/tasks";

/// What was asked for.
#[derive(Clone, Debug)]
enum Asked {
    Create(String),
    /// A change, of this task.
    Change(String, usize),
    Delete(String, usize),
    Show(usize),
    List,
    Publish,
    Ready,
}

/// An answer that must come, and how things stood when it was asked for.
struct Hope {
    asked: Asked,
    /// Nobody can be shown less than this.
    newest: u64,
    failures: u64,
    /// The task had been deleted, as somebody was told.
    was_gone: bool,
    /// The hub had let go of the disk.
    is_late: bool,
}

pub struct Asker {
    pub line: Line,
    hopes: VecDeque<Hope>,
    /// What it has still to send, of which the first part is sent before.
    rest: Vec<u8>,
}

impl Asker {
    pub fn new(sim: &mut Sim) -> Asker {
        Asker {
            line: Line::new(sim),
            hopes: VecDeque::new(),
            rest: Vec::new(),
        }
    }

    /// Asks for one thing or several, or sends the rest of that.
    pub fn speak(&mut self, chance: &mut Chance, book: &mut Book, sim: &mut Sim) {
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            return self.line.send(sim, &rest);
        }
        if self.hopes.len() > 4 {
            return;
        }
        let mut bytes = Vec::new();
        for _ in 0..chance.pick(&[1, 1, 2, 4]) {
            let (asked, request) = ask(chance, book);
            let task = match asked {
                Asked::Change(_, task) | Asked::Delete(_, task) | Asked::Show(task) => Some(task),
                _ => None,
            };
            self.hopes.push_back(Hope {
                asked,
                newest: book.tasks.newest,
                failures: book.disk.borrow().failures_told(),
                was_gone: task.is_some_and(|task| book.tasks.known[task].is_gone),
                is_late: !book.state.has_disk,
            });
            bytes.extend(request.into_bytes());
        }
        let cut = chance.below(bytes.len());
        if chance.one_in(4) {
            self.rest = bytes.split_off(cut);
        }
        self.line.send(sim, &bytes);
    }

    /// Sends the rest of what it has to say.
    pub fn finish(&mut self, sim: &mut Sim) {
        let rest = std::mem::take(&mut self.rest);
        self.line.send(sim, &rest);
    }

    /// Takes in what it is answered.
    pub fn hear(&mut self, book: &mut Book, sim: &mut Sim) -> Result<(), String> {
        self.line.listen(sim);
        while let Some(answer) = self.line.answer()? {
            let hope = self.hopes.pop_front();
            let hope = hope.ok_or_else(|| format!("a {} unasked", answer.status))?;
            let told = hope.judge(&answer, book);
            told.map_err(|why| {
                let Hope { asked, .. } = &hope;
                format!("{asked:?}: {why}: {} {}", answer.status, answer.body)
            })?;
        }
        if self.line.is_ended(sim) {
            self.line.hang_up(sim);
        }
        Ok(())
    }

    /// Whether it waits for an answer, and has said all that it is to.
    pub fn waits(&self) -> bool {
        !self.line.is_over && self.rest.is_empty() && !self.hopes.is_empty()
    }

    /// What it waits for first.
    pub fn waits_for(&self) -> String {
        let first = self.hopes.front().map(|hope| &hope.asked);
        format!("{first:?} and {} more", self.hopes.len())
    }
}

impl Hope {
    fn judge(&self, answer: &Answer, book: &mut Book) -> Result<(), String> {
        let life = book.state.life;
        if let Asked::Ready = self.asked {
            let is_ready = book.state.has_begun && !book.state.is_going;
            let says = |reason: &str| answer.body.contains(reason);
            return check(
                (answer.status == 200) == is_ready || says("storage"),
                "it is not so",
            )
            .and(check(
                says("starting") != book.state.has_begun,
                "it says so of its start",
            ));
        }
        // Who has knocked at a hub that is stopped before it has begun is told so.
        let is_refused = answer.status == 503 && book.state.is_going;
        check(book.state.has_begun || is_refused, "it has not begun")?;
        if answer.status == 503 {
            return self.refuse(answer, book);
        }
        check(!self.is_late || self.only_reads(), "it has let go")?;
        if let (Asked::Change(_, task) | Asked::Delete(_, task) | Asked::Show(task), 404) =
            (&self.asked, answer.status)
        {
            let known = &book.tasks.known[*task];
            return check(known.is_going, "nobody has deleted it");
        }
        check(!self.was_gone, "it was deleted")?;
        let expected = match self.asked {
            Asked::Create(_) => 201,
            Asked::Delete(..) => 204,
            Asked::Publish => 202,
            _ => 200,
        };
        check(answer.status == expected, "not what was asked for")?;
        let is_so = |body: &str| {
            let is_so = book.disk.borrow().has_had(body);
            check(is_so, "it was answered before it was so")
        };
        match &self.asked {
            Asked::Create(mark) | Asked::Change(mark, _) => {
                is_so(&answer.body)?;
                let task = read(&answer.body)?;
                check(task["description"] == **mark, "it is another's")?;
                book.tasks.wished(mark)?.done = Some(life);
                book.tasks.learn(task["id"].as_str().unwrap_or_default());
            }
            Asked::Delete(mark, task) => {
                let id = &book.tasks.known[*task].id;
                let is_so = book.disk.borrow().has_deleted(id);
                check(is_so, "it was answered before it was so")?;
                book.tasks.known[*task].is_gone = true;
                book.tasks.wished(mark)?.done = Some(life);
            }
            Asked::Show(task) => {
                is_so(&answer.body)?;
                let position = self.position(answer)?;
                let id = book.tasks.known[*task].id.clone();
                book.show(position, &id, &answer.body)?;
            }
            Asked::List => {
                let number = book.place_tasks(self.position(answer)?)?;
                check(number <= book.newest_so(), "it is ahead of the disk")?;
            }
            Asked::Publish | Asked::Ready => {}
        }
        Ok(())
    }

    /// It was refused, for a reason that there is.
    fn refuse(&self, answer: &Answer, book: &mut Book) -> Result<(), String> {
        let is_too_early = !book.state.has_begun;
        check(!self.only_reads() || is_too_early, "nobody refuses that")?;
        let says = |code: &str| answer.body.contains(&format!(r#""code":"{code}""#));
        let has_failed = book.disk.borrow().failures > self.failures;
        let in_doubt = book.is_in_doubt();
        let is_fair = says("storage") && has_failed || says("draining") && book.state.is_going;
        check(is_fair, "there is no reason for it")?;
        if let Asked::Create(mark) | Asked::Change(mark, _) = &self.asked {
            let life = book.state.life;
            let wish = book.tasks.wished(mark)?;
            wish.refused = Some((life, in_doubt));
            check(wish.heard.is_none(), "it was heard")?;
        }
        Ok(())
    }

    fn only_reads(&self) -> bool {
        matches!(self.asked, Asked::Show(_) | Asked::List | Asked::Ready)
    }

    /// What is shown is at least what somebody had heard by then.
    fn position(&self, answer: &Answer) -> Result<Position, String> {
        let position = answer.header("roomcast-position").unwrap_or_default();
        let position = Position::parse(position)?;
        match position.number >= self.newest {
            true => Ok(position),
            false => Err(format!("{position}, and {} was heard", self.newest)),
        }
    }
}

/// Thinks of a request.
fn ask(chance: &mut Chance, book: &mut Book) -> (Asked, String) {
    let tasks = &mut book.tasks;
    let recent = tasks.known.len().min(6);
    let task = (recent > 0).then(|| tasks.known.len() - 1 - chance.below(recent));
    let path = task.map(|task| format!("{ALL}/{}", tasks.known[task].id));
    match (task.zip(path), chance.below(16)) {
        (_, 0) => (Asked::Ready, call("GET", "/readyz", "")),
        (_, 1) => (Asked::List, call("GET", ALL, "")),
        (_, 2..=4) => {
            let number = book.wish_event();
            let body = format!(r#"{{"type":"a:b","payload":{{"n":{number}}}}}"#);
            (Asked::Publish, call("POST", "/api/v1/events", &body))
        }
        (Some((task, path)), 5 | 6) => (Asked::Show(task), call("GET", &path, "")),
        (Some((task, path)), 7) => {
            let mark = tasks.wish_gone(task);
            (Asked::Delete(mark, task), call("DELETE", &path, ""))
        }
        (Some((task, path)), 8..=12) => {
            let mark = tasks.wish();
            let status = chance.pick(&["in_progress", "completed", "cancelled"]);
            let status = match says_status(&mark) {
                true => format!(r#","status":"{status}""#),
                false => String::new(),
            };
            let body = format!(r#"{{"description":"{mark}"{status}}}"#);
            (Asked::Change(mark, task), call("PATCH", &path, &body))
        }
        _ => {
            let (mark, repository) = (tasks.wish(), chance.pick(&REPOSITORIES));
            let body =
                format!(r#"{{"repository":"{repository}","title":"t","description":"{mark}"}}"#);
            (Asked::Create(mark), call("POST", ALL, &body))
        }
    }
}

fn check(is_so: bool, why: &str) -> Result<(), String> {
    is_so.then_some(()).ok_or_else(|| why.to_owned())
}
