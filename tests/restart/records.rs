//! Restarts under load of hubs that keep tasks in one file: the next waits for it while the one before has it. No connect
//! fails, no change that was answered is lost, and who listens hears of every one, once, in one order.
//!
//! A hub that goes refuses changes before it lets go of the file, and says so: these are not there.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::Message;

use crate::harness::client::Client;
use crate::harness::http::{Answer, Http, request};
use crate::harness::patience::PATIENCE;
use crate::harness::positions::{Position, outcome};
use crate::harness::socket;
use crate::harness::stream::Stream;
use crate::hub::{Port, start_with};
use crate::load::is_open;

const TASKS: &str = "/api/v1/tasks";
const LISTEN: &str = "/api/v1/tasks/ws?version=1.0";
const SOCKETS: usize = 20;
const STREAMS: usize = 10;
/// What all listeners hear last.
const LAST: &str = "last";
/// The pace of a publisher.
const PAUSE: Duration = Duration::from_millis(2);

#[test]
fn a_restart_with_a_shared_address_loses_no_answered_change_and_no_message() {
    restart(&Port::shared(), "shared");
}

#[test]
fn a_restart_with_a_passed_socket_loses_no_answered_change_and_no_message() {
    restart(&Port::passed(), "passed");
}

/// What everybody has been answered, and has heard.
#[derive(Default)]
struct Ledger {
    pages: Mutex<Pages>,
    written: Condvar,
    has_ended: AtomicBool,
}

#[derive(Default)]
struct Pages {
    asked: u64,
    refused: u64,
    /// The titles that were answered, and those of the tasks by their identifiers.
    answered: Vec<String>,
    titles: HashMap<String, String>,
    listening: usize,
    sent_away: usize,
}

impl Ledger {
    fn write<T>(&self, entry: impl FnOnce(&mut Pages) -> T) -> T {
        let done = entry(&mut self.pages.lock().unwrap());
        self.written.notify_all();
        done
    }

    fn until(&self, what: &str, is_so: impl Fn(&Pages) -> bool) {
        let pages = self.pages.lock().unwrap();
        let waited = self
            .written
            .wait_timeout_while(pages, PATIENCE, |pages| !is_so(pages))
            .unwrap()
            .1;
        assert!(!waited.timed_out(), "waited in vain until {what}");
    }
}

fn restart(port: &Port, name: &str) {
    let restarts = std::env::var("ROOMCAST_RESTARTS").map_or(3, |text| text.parse().unwrap());
    let file = format!("roomcast-restart-{name}-{}", std::process::id());
    let folder = Folder(std::env::temp_dir().join(file));
    fs::create_dir_all(&folder.0).unwrap();
    let data = folder.0.join("roomcast.db");
    let flags = format!("--data {} --data-wait 10m", data.display());
    let ledger = Arc::new(Ledger::default());
    let address = port.address();
    let mut hub = start_with(port, &flags);
    let listeners: Vec<JoinHandle<Vec<String>>> = (0..SOCKETS + STREAMS)
        .map(|number| {
            let ledger = Arc::clone(&ledger);
            thread::spawn(move || match number < SOCKETS {
                true => over_a_socket(address, &ledger),
                false => in_a_stream(address, &ledger),
            })
        })
        .collect();
    ledger.until("all listen", |pages| pages.listening == SOCKETS + STREAMS);
    let publishers: Vec<JoinHandle<()>> = [false, false, true, true]
        .map(|keeps| {
            let ledger = Arc::clone(&ledger);
            thread::spawn(move || publish(address, keeps, &ledger))
        })
        .into();
    for restart in 1..=restarts {
        let next = start_with(port, &flags);
        hub.signal("TERM");
        assert_eq!(hub.exit_status().code(), Some(0), "restart {restart}");
        hub = next;
        let answered = ledger.write(|pages| pages.answered.len());
        ledger.until("all have come back and somebody has published", |pages| {
            let all = SOCKETS + STREAMS;
            pages.sent_away == restart * all
                && pages.listening == (restart + 1) * all
                && pages.answered.len() > answered
        });
    }
    ledger.has_ended.store(true, Ordering::Relaxed);
    for publisher in publishers {
        publisher.join().unwrap();
    }
    let last = json!({"repository": "a", "title": LAST}).to_string();
    let last = hub.ask("POST", TASKS, "", &last);
    assert_eq!(last.status, 201);
    let mut heard: Vec<Vec<String>> = listeners
        .into_iter()
        .map(|listener| listener.join().unwrap())
        .collect();
    let pages = ledger.pages.lock().unwrap();
    let (asked, answered, refused) = (pages.asked, pages.answered.len() as u64, pages.refused);
    println!("{restarts} restarts: {asked} asked, {answered} answered, {refused} refused");
    assert_eq!(asked, answered + refused);
    assert!(heard.windows(2).all(|pair| pair[0] == pair[1]));
    let mut heard = heard.swap_remove(0);
    let mut answered = pages.answered.clone();
    heard.sort();
    answered.sort();
    assert_eq!(heard, answered);
    let mut titles = pages.titles.clone();
    let id = last.json()["id"].as_str().unwrap().to_owned();
    titles.insert(id, LAST.to_owned());
    assert_eq!(listed(hub.address()), titles);
}

/// The titles of all tasks, by their identifiers.
fn listed(address: SocketAddr) -> HashMap<String, String> {
    let mut http = Http::connect(address);
    let (mut found, mut after) = (HashMap::new(), String::new());
    loop {
        let page = http
            .ask("GET", &format!("{TASKS}?limit=1000{after}"), "", "")
            .json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let tasks = page["tasks"].as_array().unwrap();
        found.extend(
            tasks
                .iter()
                .map(|task| (text(&task["id"]), text(&task["title"]))),
        );
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return found,
        }
    }
}

/// Creates a task and changes its title, again and again, on a connection for each or on one that it keeps.
fn publish(address: SocketAddr, keeps: bool, ledger: &Ledger) {
    let mut kept: Option<Http> = None;
    let mut newest: Option<String> = None;
    while !ledger.has_ended.load(Ordering::Relaxed) {
        let title = ledger.write(|pages| {
            pages.asked += 1;
            pages.asked.to_string()
        });
        let mut http = match kept.take().filter(is_open) {
            Some(http) => http,
            None => Http::over(socket::connect(address).unwrap()),
        };
        let task = newest.take();
        let answer = ask(&mut http, task.as_deref(), &title, keeps);
        match answer.status {
            200 | 201 => {
                let id = answer.json()["id"].as_str().unwrap().to_owned();
                newest = task.is_none().then(|| id.clone());
                ledger.write(|pages| {
                    pages.answered.push(title.clone());
                    pages.titles.insert(id, title);
                });
            }
            _ => {
                assert_eq!(answer.error(), (503, "draining"), "{}", answer.text());
                assert!(answer.header("retry-after").is_some());
                newest = task;
                ledger.write(|pages| pages.refused += 1);
            }
        }
        let is_last = answer.header("connection") == Some("close");
        kept = (keeps && !is_last && answer.status != 503).then_some(http);
        thread::sleep(PAUSE);
    }
}

fn ask(http: &mut Http, task: Option<&str>, title: &str, keeps: bool) -> Answer {
    let connection = if keeps { "keep-alive" } else { "close" };
    let headers = format!("Connection: {connection}\r\n");
    let request = match task {
        Some(id) => {
            let body = json!({"title": title}).to_string();
            request("PATCH", &format!("{TASKS}/{id}"), &headers, &body)
        }
        None => {
            let body = json!({"repository": "a", "title": title}).to_string();
            request("POST", TASKS, &headers, &body)
        }
    };
    let sent = http.stream().write_all(request.as_bytes());
    sent.and_then(|()| http.try_answer())
        .unwrap_or_else(|error| panic!("{title} is not answered: {error}"))
}

/// What one listener has heard, and up to where.
#[derive(Default)]
struct Heard {
    since: Option<Position>,
    titles: Vec<String>,
}

impl Heard {
    /// Takes a message; whether it was the last.
    fn take(&mut self, message: &Value, ledger: &Ledger) -> bool {
        match message["type"].as_str().unwrap() {
            "subscribed" => {
                let data = &message["data"];
                let position = Position::read(data["position"].as_str().unwrap());
                if let Some(since) = &self.since {
                    assert_eq!(data["resumed"]["missed"], 0, "{message}");
                    assert_eq!(position, *since, "{message}");
                    assert_eq!(
                        data["resumed"],
                        outcome(data["resumed"]["sent"].as_u64().unwrap(), 0)
                    );
                }
                self.since = Some(position);
                ledger.write(|pages| pages.listening += 1);
            }
            "ping" => {}
            _ => {
                let position = Position::read(message["position"].as_str().unwrap());
                let due = self.since.as_ref().map(|since| since.plus(1));
                assert_eq!(Some(&position), due.as_ref(), "{message}");
                let title = message["data"]["task"]["title"].as_str();
                let title = title.unwrap_or_else(|| panic!("{message}"));
                self.since = Some(position);
                if title == LAST {
                    return true;
                }
                self.titles.push(title.to_owned());
            }
        }
        false
    }

    fn since(&self) -> Option<String> {
        self.since.as_ref().map(ToString::to_string)
    }
}

fn over_a_socket(address: SocketAddr, ledger: &Ledger) -> Vec<String> {
    let mut heard = Heard::default();
    loop {
        let mut client = Client::connect(address, LISTEN);
        let mut data = json!({"repositories": ["*"]});
        if let Some(since) = heard.since() {
            data["since"] = since.into();
        }
        client.send(json!({"type": "subscribe", "data": data}).to_string());
        loop {
            match client.message() {
                Message::Text(text) => {
                    if heard.take(&serde_json::from_str(&text).unwrap(), ledger) {
                        return heard.titles;
                    }
                }
                Message::Close(Some(frame)) if u16::from(frame.code) == 1001 => break,
                other => panic!("a listener hears {other:?}"),
            }
        }
        ledger.write(|pages| pages.sent_away += 1);
    }
}

fn in_a_stream(address: SocketAddr, ledger: &Ledger) -> Vec<String> {
    let mut heard = Heard::default();
    loop {
        let mut stream = Stream::open(address, LISTEN, heard.since().as_deref());
        while let Some((position, message)) = stream.next_or_close() {
            if heard.take(&message, ledger) {
                return heard.titles;
            }
            assert_eq!(heard.since(), Some(position));
        }
        ledger.write(|pages| pages.sent_away += 1);
    }
}

/// The folder of the file, which goes when the test does.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
