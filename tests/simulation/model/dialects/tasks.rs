//! `tasks`: changes of tasks, in a room for each repository; members say of which they want to hear, and are answered.

use serde::Deserialize;

use super::super::accounts::ledger::Ledger;
use super::super::accounts::log::{Log, NAME, POSITION, TIME, at, filled, lagged};
use super::super::accounts::standing::{Command, Wants};
use super::super::clients::heard::Answer;
use super::super::runs::chance::Chance;
use super::super::wire::position::{Outcome, Position, Since};
use super::dialect::{Dialect, Named, Publish, Said};

/// The repositories there are; one is another's beginning.
const REPOSITORIES: [&str; 3] = ["web", "web/é", "repo:web"];
const EVERY: &str = "*";

/// A header that says who makes a change, and what subscribers are told of that.
type By = (&'static str, &'static str);
const BY: [By; 3] = [
    ("", "api"),
    ("X-Changed-By: cli\r\n", "cli"),
    ("x-changed-by: mcp\r\n", "mcp"),
];

/// A task of one back-end, which is the only one to change it.
#[derive(Clone, Debug)]
pub struct Task {
    /// The wish that created it.
    wish: usize,
    /// What the server has called it, and when it was created: unknown until that was answered.
    known: Option<(String, String)>,
    repository: &'static str,
    title: String,
    description: String,
    status: &'static str,
    priority: &'static str,
}

/// A message to a member.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told<'a> {
    r#type: String,
    timestamp: &'a str,
    #[serde(default)]
    data: Data,
    #[serde(default)]
    error: String,
    #[serde(default)]
    position: String,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Data {
    task_id: String,
    #[serde(rename = "repository")]
    _repository: String,
    task: Option<Shown>,
    #[serde(rename = "changed_by")]
    _changed_by: String,
    missed: usize,
    since: Option<String>,
    #[serde(rename = "repositories")]
    _repositories: Vec<String>,
    resumed: Option<Resumed>,
    position: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Resumed {
    sent: usize,
    missed: Option<usize>,
}

/// A task, as the server shows it: what is not looked at here is compared with the text that it must have.
#[derive(Deserialize)]
struct Shown {
    id: String,
    description: String,
    created_at: String,
    updated_at: String,
}

fn told(text: &str) -> Result<Told<'_>, String> {
    serde_json::from_str(text).map_err(|why| format!("not a message of tasks: {why}: {text}"))
}

/// What a member is told.
pub fn read(text: &str) -> Result<(Said, Option<&str>), String> {
    let told = told(text)?;
    let timestamp = told.timestamp;
    let (said, expected) = match told.r#type.as_str() {
        "ping" => (Said::Beat, Some(plain("ping", timestamp))),
        "lagged" if told.data.missed > 0 => {
            let missed = told.data.missed;
            let since = told
                .data
                .since
                .as_deref()
                .map(Position::parse)
                .transpose()?;
            let data = format!("{{{}}}", lagged(missed, since));
            let expected = with("lagged", timestamp, &data);
            (Said::Lagged(missed, since), Some(expected))
        }
        "subscribed" => {
            let position = Position::parse(&told.data.position)?;
            let resumed = told.data.resumed.map(|it| (it.sent, it.missed));
            (Said::Answer(Some(Outcome { resumed, position })), None)
        }
        "pong" => (Said::Answer(None), None),
        "error" if !told.error.is_empty() => (Said::Answer(None), None),
        kind if kind.starts_with("task.") => {
            (Said::Published(Position::parse(&told.position)?), None)
        }
        _ => return Err(format!("not a message of tasks: {text}")),
    };
    match expected {
        Some(expected) if expected != text => Err(format!("{text} must be {expected}")),
        _ => Ok((said, Some(timestamp))),
    }
}

/// Every change has a description unlike any other, but for the last.
pub fn named(text: &str) -> Result<Named, String> {
    let told = told(text)?;
    let key = match &told.data.task {
        Some(task) => format!("{} {}", told.r#type, task.description),
        None => format!("{} {}", told.r#type, told.data.task_id),
    };
    Ok(Named {
        key,
        name: told.data.task_id,
        timestamp: Some(told.timestamp.into()),
        position: Position::parse(&told.position)?,
    })
}

/// Creates a task, or changes or deletes one of those that this back-end has created.
pub fn publish(chance: &mut Chance, log: &mut Log, tasks: &mut Vec<Task>) -> Publish {
    let known = |task: &Task| task.known.is_some();
    let found = tasks.iter().position(known);
    let by = chance.pick(&BY);
    match (found, chance.below(5)) {
        (Some(index), 0) => delete(log, tasks.remove(index), by),
        (Some(index), 1 | 2) => change(chance, log, &mut tasks[index], by),
        _ => create(chance, log, tasks, by),
    }
}

/// The answer to a member's word.
pub fn is_answer(answer: &Answer, command: &Command) -> bool {
    let text = answer.text.as_str();
    let Ok(Told { timestamp, .. }) = told(text) else {
        return false;
    };
    let quoted: Vec<String> = command
        .wants
        .iter()
        .map(|name| format!("{name:?}"))
        .collect();
    let mut data = format!(r#""repositories":[{}]"#, quoted.join(","));
    if let Some(outcome) = &answer.outcome {
        let resumed = outcome.resumed();
        data += &resumed.map_or_else(String::new, |it| format!(r#","resumed":{{{it}}}"#));
        data += &format!(r#","position":"{}""#, outcome.position);
    }
    match command.answer.unwrap_or_default() {
        "subscribed" => text == with("subscribed", timestamp, &format!("{{{data}}}")),
        "pong" => text == plain("pong", timestamp),
        kind => text.starts_with(&format!(r#"{{"type":"{kind}","#)),
    }
}

/// Says what it wants from now on, given what it wants now.
pub fn command(chance: &mut Chance, wants: &Wants, since: Option<Since>) -> (String, Command) {
    let count = chance.pick(&[0, 1, 1, 2, 3]);
    let name = |chance: &mut Chance| match chance.below(5) {
        0 | 1 => EVERY,
        other => REPOSITORIES[other - 2],
    };
    let names: Wants = (0..count).map(|_| name(chance)).collect();
    let kind = if wants.is_empty() { 7 } else { chance.below(8) };
    let (text, wants, answer) = match kind {
        0 => (r#"{"type":"ping"}"#.into(), wants.clone(), "pong"),
        1 => (said("unsubscribed", &names), wants.clone(), "error"),
        2 => (
            r#"{"type":"unsubscribe"}"#.into(),
            Wants::new(),
            "subscribed",
        ),
        3 | 4 => {
            let mut left = wants.clone();
            left.retain(|name| !names.contains(name));
            (said("unsubscribe", &names), left, "subscribed")
        }
        _ => {
            let mut distinct = Wants::new();
            for name in &names {
                if !distinct.contains(name) {
                    distinct.push(name);
                }
            }
            let command = Command::answered(distinct.clone(), "subscribed");
            let text = said("subscribe", &names);
            let text = match since {
                Some(since) => text.replace("}}", &format!(r#","since":"{since}"}}}}"#)),
                None => text,
            };
            return (text, command.subscribing(distinct, since));
        }
    };
    (text, Command::answered(wants, answer))
}

/// Something that is no command.
pub fn nonsense(wants: &Wants) -> Command {
    Command::answered(wants.clone(), "error")
}

/// Says that it wants everything.
pub fn subscribe_to_all() -> (String, Command) {
    let wants = vec![EVERY];
    let command = Command::answered(wants.clone(), "subscribed");
    (said("subscribe", &wants), command.subscribing(wants, None))
}

/// A publisher got the answer to a change.
pub fn accepted(wish: usize, body: &str, ledger: &Ledger) -> Result<(), String> {
    if body.is_empty() {
        return Ok(());
    }
    let task = shown(body)?;
    ledger.turn_of(&task.updated_at)?;
    let text = filled(
        ledger.log(Dialect::Tasks).text(wish),
        &task.updated_at,
        &task.id,
    );
    if text.contains(&format!(r#""task":{body},"#)) {
        return Ok(());
    }
    Err(format!("{body} is not the task of {text}"))
}

/// A back-end has been told what its task is called.
pub fn learn(tasks: &mut [Task], wish: usize, body: &str) -> Result<(), String> {
    if let Some(task) = tasks.iter_mut().find(|task| task.wish == wish) {
        let Shown { id, created_at, .. } = shown(body)?;
        task.known = Some((id, created_at));
    }
    Ok(())
}

fn create(chance: &mut Chance, log: &mut Log, tasks: &mut Vec<Task>, by: By) -> Publish {
    let wish = log.wishes();
    let mut task = Task {
        wish,
        known: None,
        repository: chance.pick(&REPOSITORIES),
        title: "é".repeat(chance.between(1, 9)),
        description: description(chance, wish),
        status: "pending",
        priority: "medium",
    };
    let mut body = format!(
        r#"{{"description":"{}","repository":"{}","title":"{}""#,
        task.description, task.repository, task.title
    );
    if chance.one_in(2) {
        task.priority = "high";
        body.push_str(r#", "priority" : "high", "status":null"#);
    }
    let text = changed("task.created", &task, Some(&task.json(TIME)), by.1);
    let wish = log.wish(
        task.repository,
        format!("task.created {}", task.description),
        text,
    );
    tasks.push(task);
    Publish {
        wish,
        method: "POST",
        path: "/api/v1/tasks".into(),
        header: by.0,
        body: body + "}",
        status: 201,
    }
}

fn change(chance: &mut Chance, log: &mut Log, task: &mut Task, by: By) -> Publish {
    task.description = description(chance, log.wishes());
    task.status = chance.pick(&["pending", "in_progress", "completed", "cancelled"]);
    let text = changed("task.updated", task, Some(&task.json(TIME)), by.1);
    let wish = log.wish(
        task.repository,
        format!("task.updated {}", task.description),
        text,
    );
    Publish {
        wish,
        method: "PATCH",
        path: format!("/api/v1/tasks/{}", task.id()),
        header: by.0,
        body: format!(
            r#"{{"status":"{}","description":"{}"}}"#,
            task.status, task.description
        ),
        status: 200,
    }
}

fn delete(log: &mut Log, task: Task, by: By) -> Publish {
    let text = changed("task.deleted", &task, None, by.1);
    Publish {
        wish: log.wish(task.repository, format!("task.deleted {}", task.id()), text),
        method: "DELETE",
        path: format!("/api/v1/tasks/{}", task.id()),
        header: by.0,
        body: String::new(),
        status: 204,
    }
}

impl Task {
    fn id(&self) -> &str {
        self.known.as_ref().map_or(NAME, |(id, _)| id)
    }

    /// The task, as it has been since this time.
    fn json(&self, updated_at: &str) -> String {
        let Task {
            repository,
            title,
            description,
            status,
            priority,
            ..
        } = self;
        let (id, created_at) = (self.id(), self.known.as_ref().map_or(TIME, |(_, at)| at));
        format!(
            r#"{{"id":"{id}","repository":"{repository}","title":"{title}","description":"{description}","status":"{status}","priority":"{priority}","created_at":"{created_at}","updated_at":"{updated_at}"}}"#
        )
    }
}

fn changed(kind: &str, task: &Task, shown: Option<&str>, by: &str) -> String {
    let (id, repository) = (task.id(), task.repository);
    let shown = shown.map_or_else(String::new, |shown| format!(r#","task":{shown}"#));
    let data =
        format!(r#"{{"task_id":"{id}","repository":"{repository}"{shown},"changed_by":"{by}"}}"#);
    at(&with(kind, TIME, &data), POSITION)
}

/// Text of no importance behind a number.
fn description(chance: &mut Chance, number: usize) -> String {
    let count = chance.size(250);
    format!("{number} {}", chance.text(count))
}

fn shown(body: &str) -> Result<Shown, String> {
    serde_json::from_str(body).map_err(|why| format!("not a task: {why}: {body}"))
}

fn said(kind: &str, names: &Wants) -> String {
    format!(r#"{{"type":"{kind}","data":{{"repositories":{names:?}}}}}"#)
}

fn plain(kind: &str, timestamp: &str) -> String {
    format!(r#"{{"type":"{kind}","timestamp":"{timestamp}"}}"#)
}

fn with(kind: &str, timestamp: &str, data: &str) -> String {
    format!(r#"{{"type":"{kind}","timestamp":"{timestamp}","data":{data}}}"#)
}
