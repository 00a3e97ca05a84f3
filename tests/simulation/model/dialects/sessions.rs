//! `sessions`: how far each session has come by the calls of its back-end, and what its subscribers are told of that.
//!
//! Only one connection at a time calls for a session, and calls are answered in their order: so what each does is known
//! before it is sent. When it did that is told by what subscribers hear. No witness is needed.

use serde::Deserialize;

use super::super::runs::chance::Chance;

const STATUSES: [&str; 4] = ["pending", "opened", "action_started", "completed"];
/// The last of them.
const COMPLETED: usize = 3;

/// All sessions of a run.
#[derive(Default)]
pub struct Sessions {
    sessions: Vec<Session>,
    /// Those whose owner is gone.
    orphans: Vec<usize>,
}

struct Session {
    /// What the server has called it.
    id: String,
    /// The first is that it was created.
    steps: Vec<Step>,
    deletion: Call,
    /// Somebody has come to hear of it.
    is_wanted: bool,
}

/// A status that it has from some turn on.
struct Step {
    status: usize,
    call: Call,
    /// The turn, once a subscriber has heard of it.
    turn: Option<u32>,
}

/// A call: the turn before which it was whole, and the turn in which its answer came.
#[derive(Clone, Copy, Default)]
struct Call {
    whole: Option<u32>,
    answered: Option<u32>,
}

/// The one that calls for a session.
#[derive(Default)]
pub struct Owner {
    session: Option<usize>,
    /// It has asked for one.
    waits: bool,
}

/// What comes of a call, once it is obeyed.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    Create,
    /// This session takes this step.
    Step(usize, usize),
    /// This session is shown as it stands, which is at this status.
    Show(usize, usize),
    Delete(usize),
    Refuse,
}

/// A call, and the status of its answer.
pub struct Asked {
    pub method: &'static str,
    pub path: String,
    pub body: String,
    pub status: u16,
    pub act: Act,
}

/// What a subscriber has heard last.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    step: usize,
    /// It came in at this step, and has heard nothing else.
    is_entry: bool,
}

#[derive(Deserialize)]
struct Text<'a> {
    r#type: &'a str,
    status: &'a str,
    timestamp: Option<&'a str>,
    completed_at: Option<&'a str>,
}

#[derive(Deserialize)]
struct View {
    session_id: String,
    status: String,
}

impl Sessions {
    /// A session that somebody can subscribe to: most often one of the newest that is still to come further.
    pub fn pick(&self, chance: &mut Chance) -> Option<usize> {
        let goes_on =
            |session: &Session| session.deletion.whole.is_none() && session.status() != COMPLETED;
        let any = chance.one_in(4);
        let sessions = self.sessions.iter().enumerate().rev();
        let sessions = sessions.filter(|(_, session)| any || goes_on(session));
        let recent: Vec<usize> = sessions.map(|(number, _)| number).take(2).collect();
        (!recent.is_empty()).then(|| chance.pick(&recent))
    }

    /// Where subscribers of a session ask for the upgrade.
    pub fn path(&self, session: usize) -> String {
        let id = &self.sessions[session].id;
        format!("/api/v1/sessions/{id}/ws?api_key=a%20key%20of%20the%20simulation")
    }

    /// Thinks of a call.
    pub fn ask(&mut self, chance: &mut Chance, owner: &mut Owner) -> Option<Asked> {
        owner.session = owner.session.or_else(|| self.orphans.pop());
        let Some(number) = owner.session else {
            return (!std::mem::replace(&mut owner.waits, true)).then(|| Asked {
                method: "POST",
                path: "/api/v1/sessions".into(),
                body: r#"{"type": "completed"}"#.into(),
                status: 201,
                act: Act::Create,
            });
        };
        let session = &mut self.sessions[number];
        let path = format!("/api/v1/sessions/{}", session.id);
        let now = session.status();
        // Where nobody listens, it seldom goes on.
        let waits = !session.is_wanted && !chance.one_in(16);
        let wanted = match chance.below(12) {
            0 => return Some(show(number, path, now)),
            _ if waits => return Some(show(number, path, now)),
            1 => {
                owner.session = None;
                return Some(Asked {
                    method: "DELETE",
                    path,
                    body: String::new(),
                    status: 204,
                    act: Act::Delete(number),
                });
            }
            2 | 3 => COMPLETED,
            4..=7 => 2,
            _ => 1,
        };
        let is_refused = now == COMPLETED || wanted < now;
        let act = if is_refused {
            Act::Refuse
        } else if wanted == now {
            Act::Show(number, now)
        } else {
            session.steps.push(Step::to(wanted));
            Act::Step(number, session.steps.len() - 1)
        };
        let (path, body, status) = match wanted {
            COMPLETED => (format!("{path}/result"), result(number), 201),
            _ => {
                let body = format!(r#"{{"status":"{}"}}"#, STATUSES[wanted]);
                (format!("{path}/status"), body, 200)
            }
        };
        Some(Asked {
            method: "POST",
            path,
            body,
            status: if is_refused { 409 } else { status },
            act,
        })
    }

    /// The owner of a session is gone: another one calls for it, if it is known how it stands.
    pub fn release(&mut self, owner: &mut Owner) {
        let Some(number) = owner.session.take() else {
            return;
        };
        let session = &mut self.sessions[number];
        session.steps.retain(|step| step.call.whole.is_some());
        let is_known = |step: &Step| step.call.answered.is_some();
        if session.steps.iter().all(is_known) {
            self.orphans.push(number);
        }
    }

    /// The last byte of a call has been sent, before this turn.
    pub fn whole(&mut self, act: Act, turn: u32) {
        if let Some(call) = self.call(act) {
            call.whole = Some(turn);
        }
    }

    /// A call has been obeyed, as its answer of this turn says.
    pub fn obeyed(
        &mut self,
        act: Act,
        turn: u32,
        body: &str,
        owner: &mut Owner,
    ) -> Result<(), String> {
        if let Some(call) = self.call(act) {
            call.answered = Some(turn);
        }
        let (session, status) = match act {
            Act::Create => {
                let View { session_id: id, .. } = view(body)?;
                let mut pending = Step::to(0);
                pending.turn = Some(0);
                pending.call = Call {
                    whole: Some(0),
                    answered: Some(turn),
                };
                *owner = Owner {
                    session: Some(self.sessions.len()),
                    waits: false,
                };
                self.sessions.push(Session {
                    id,
                    steps: vec![pending],
                    deletion: Call::default(),
                    is_wanted: false,
                });
                (self.sessions.len() - 1, 0)
            }
            Act::Step(session, step) => (session, self.sessions[session].steps[step].status),
            Act::Show(session, status) => (session, status),
            Act::Delete(_) | Act::Refuse => return Ok(()),
        };
        let shown = view(body)?;
        if shown.session_id != self.sessions[session].id || shown.status != STATUSES[status] {
            return Err(format!("session {session} at {}: {body}", STATUSES[status]));
        }
        Ok(())
    }

    fn call(&mut self, act: Act) -> Option<&mut Call> {
        match act {
            Act::Step(session, step) => Some(&mut self.sessions[session].steps[step].call),
            Act::Delete(session) => Some(&mut self.sessions[session].deletion),
            Act::Create | Act::Show(..) | Act::Refuse => None,
        }
    }

    /// Whether a session may be gone in this turn.
    pub fn may_be_gone(&self, session: usize, turn: u32) -> bool {
        let whole = self.sessions[session].deletion.whole;
        whole.is_some_and(|whole| whole <= turn)
    }

    /// Whether a session was gone before this turn.
    pub fn is_gone(&self, session: usize, turn: u32) -> bool {
        let answered = self.sessions[session].deletion.answered;
        answered.is_some_and(|answered| answered < turn)
    }

    /// A subscriber was told this, after what it heard last, if anything. The turn that is named in it, and what it has
    /// heard now.
    pub fn hear(
        &mut self,
        session: usize,
        last: Option<Heard>,
        text: &str,
        turn_of: impl Fn(&str) -> Result<u32, String>,
    ) -> Result<(Heard, u32), String> {
        let Session {
            id,
            steps,
            is_wanted,
            ..
        } = &mut self.sessions[session];
        *is_wanted = true;
        let told: Text<'_> = serde_json::from_str(text).map_err(|why| format!("{why}: {text}"))?;
        let timestamp = told.timestamp.or(told.completed_at).unwrap_or_default();
        let (turn, status) = (turn_of(timestamp)?, told.status);
        let expected = match told.r#type {
            "completed" => format!(
                r#"{{"type":"completed","session_id":"{id}","status":"completed","result":{},"completed_at":"{timestamp}"}}"#,
                result(session)
            ),
            _ => format!(
                r#"{{"type":"status_update","session_id":"{id}","status":"{status}","timestamp":"{timestamp}"}}"#
            ),
        };
        if text != expected {
            return Err(format!("{text} must be {expected}"));
        }
        let is_update = told.r#type == "status_update";
        let Some(last) = last else {
            let has = |step: &Step| STATUSES[step.status] == status;
            let step = steps.iter().position(has).filter(|_| is_update);
            let step = step.ok_or_else(|| format!("the first word is {text}"))?;
            let heard = Heard {
                step,
                is_entry: true,
            };
            let is_too_early = !steps[step].may_be(turn);
            let was_taken = |step: &Step| {
                let taken = step.turn.or(step.call.answered);
                taken.is_some_and(|taken| taken < turn)
            };
            if is_too_early || steps.get(step + 1).is_some_and(was_taken) {
                return Err(format!("not what the session is in turn {turn}: {text}"));
            }
            return Ok((heard, turn));
        };
        let repeats = last.is_entry && steps[last.step].status == COMPLETED;
        let next = last.step + usize::from(!repeats);
        let step = steps
            .get_mut(next)
            .ok_or_else(|| format!("after the last step: {text}"))?;
        let fits = STATUSES[step.status] == status && (step.status == COMPLETED) != is_update;
        if !fits || !step.is(turn) {
            return Err(format!(
                "step {next} is to {} in turn {:?}, not {text}",
                STATUSES[step.status], step.turn
            ));
        }
        step.turn = Some(turn);
        let heard = Heard {
            step: next,
            is_entry: false,
        };
        Ok((heard, turn))
    }

    /// Whether somebody who has heard this has heard everything that was sure to come, or all that could.
    pub fn is_complete(&self, session: usize, heard: Heard, all: bool) -> bool {
        let Session { steps, .. } = &self.sessions[session];
        let comes = |step: &Step| match all {
            true => step.call.whole.is_some(),
            false => step.call.answered.is_some(),
        };
        let completion = heard.is_entry && steps[heard.step].status == COMPLETED;
        !completion && !steps[heard.step + 1..].iter().any(comes)
    }

    /// The turn from which on the step may have come that somebody who has heard this did not hear; none if there is no
    /// such step, or if it is the completion, which is never dropped.
    pub fn droppable(&self, session: usize, heard: Heard) -> Option<u32> {
        let next = self.sessions[session].steps.get(heard.step + 1)?;
        next.call.whole.filter(|_| next.status != COMPLETED)
    }

    /// Steps that were certainly told, and those that may have been.
    pub fn steps(&self) -> (u64, u64) {
        let steps = || self.sessions.iter().flat_map(|session| &session.steps[1..]);
        let certain = steps().filter(|step| step.call.answered.is_some() || step.turn.is_some());
        let possible = steps().filter(|step| step.call.whole.is_some());
        (certain.count() as u64, possible.count() as u64)
    }
}

impl Session {
    /// The status that it has once all calls are obeyed.
    fn status(&self) -> usize {
        self.steps.last().map_or(0, |step| step.status)
    }
}

impl Step {
    fn to(status: usize) -> Step {
        Step {
            status,
            call: Call::default(),
            turn: None,
        }
    }

    /// Whether it can have been taken by this turn.
    fn may_be(&self, turn: u32) -> bool {
        let known = self.turn.or(self.call.whole);
        known.is_some_and(|known| known <= turn)
    }

    /// Whether it can have been taken in this turn.
    fn is(&self, turn: u32) -> bool {
        let is_late = self.call.answered.is_some_and(|answered| answered < turn);
        self.may_be(turn) && !is_late && self.turn.is_none_or(|known| known == turn)
    }
}

/// A call that changes nothing.
fn show(session: usize, path: String, status: usize) -> Asked {
    Asked {
        method: "GET",
        path,
        body: String::new(),
        status: 200,
        act: Act::Show(session, status),
    }
}

/// The result of a session, in no usual form.
fn result(session: usize) -> String {
    format!(r#"{{ "n":{session}, "status" : "pending" }}"#)
}

fn view(body: &str) -> Result<View, String> {
    serde_json::from_str(body).map_err(|why| format!("not a session: {why}: {body}"))
}
