//! A hub with a store, in a folder of one test's own, and what is in a copy of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::harness::http::Answer;
use crate::harness::server::Server;

pub const BACKUP: &str = "/api/v1/backup";
pub const KEY: &str = "X-API-Key: k\r\n";

/// A folder that goes when its test does.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("roomcast-backup-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The names of all that is there.
    pub fn names(&self) -> Vec<String> {
        let items = fs::read_dir(&self.0).unwrap();
        let names = items.map(|item| item.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A hub that keeps what it answers, in a folder that it has alone.
pub struct Hub {
    pub server: Server,
    pub folder: Folder,
}

impl Hub {
    pub fn start(flags: &str) -> Hub {
        Hub::begun(Folder::new(), flags)
    }

    /// One that starts from this file.
    pub fn from(copy: &[u8], flags: &str) -> Hub {
        let folder = Folder::new();
        fs::write(folder.file("roomcast.db"), copy).unwrap();
        Hub::begun(folder, flags)
    }

    /// One that has so much to keep that no socket takes all of it at once, and how many bytes that is at least.
    pub fn heavy(flags: &str) -> (Hub, usize) {
        const BYTES: usize = 24 << 20;
        let Hub { server, folder } = Hub::start("");
        server.signal("TERM");
        assert!(server.end().0.success());
        let file = rusqlite::Connection::open(folder.file("roomcast.db")).unwrap();
        // Nobody asks for this name.
        let sql = "INSERT INTO meta (name, value) VALUES ('ballast', randomblob(?1))";
        file.execute(sql, [BYTES as i64]).unwrap();
        drop(file);
        (Hub::begun(folder, flags), BYTES)
    }

    fn begun(folder: Folder, flags: &str) -> Hub {
        let data = folder.file("roomcast.db");
        let flags = format!("--key k --data {} {flags}", data.display());
        let server = Server::start(&flags);
        server.until("it has taken up what it kept", |server| {
            server.get("/readyz").status == 200
        });
        Hub { server, folder }
    }

    /// Asks for this with the key.
    pub fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        self.server.ask(method, path, KEY, &body)
    }

    /// What is made of this.
    #[track_caller]
    pub fn made(&self, path: &str, body: &Value) -> Value {
        let answer = self.call("POST", path, body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    /// A copy, with the secret or without.
    #[track_caller]
    pub fn copy(&self, query: &str) -> Vec<u8> {
        let answer = self.call("GET", &format!("{BACKUP}{query}"), &json!(null));
        assert_eq!(
            answer.status,
            200,
            "{}",
            String::from_utf8_lossy(&answer.body)
        );
        answer.body
    }
}

/// What Python's own library says of a file: that it is whole, and the rows of a query, as JSON.
#[track_caller]
pub fn rows(file: &Path, query: &str) -> Value {
    const SCRIPT: &str = "\
import json, sqlite3, sys
file = sqlite3.connect('file:' + sys.argv[1] + '?mode=ro', uri=True)
whole = file.execute('PRAGMA integrity_check').fetchall()
assert whole == [('ok',)], whole
print(json.dumps(file.execute(sys.argv[2]).fetchall()))";
    let output = Command::new("python3")
        .args(["-c", SCRIPT])
        .arg(file)
        .arg(query)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The same of a copy that has come.
#[track_caller]
pub fn rows_of(copy: &[u8], query: &str) -> Value {
    let folder = Folder::new();
    fs::write(folder.file("copy.db"), copy).unwrap();
    let rows = rows(&folder.file("copy.db"), query);
    assert_eq!(folder.names(), ["copy.db"]);
    rows
}
