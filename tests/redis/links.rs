//! The connection: who may come, and what the server refuses, in words for an operator.

use roomcast::engine::redis::address::Login;
use roomcast::engine::redis::trouble::Kind;
use roomcast::engine::redis::{Event, Request, Script};

use super::server::Server;
use super::shell::{Cut, Hub, Shell, change, put};

fn login(user: Option<&str>, password: Option<&str>) -> Login {
    Login {
        user: user.map(str::to_owned),
        password: password.map(str::to_owned),
        database: 0,
    }
}

fn refusal(server: &Server, login: &Login) -> (Kind, String) {
    match Shell::open(server, login) {
        Err(Cut::Trouble(trouble)) => (trouble.kind, trouble.to_string()),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it is let in"),
    }
}

#[test]
fn who_has_no_password_or_a_wrong_one_is_told_so() {
    let mut options = vec!["--requirepass", "secret", "--user"];
    options.extend("me on >mine ~* &* +@all".split(' '));
    let server = Server::with(&options);
    for wrong in [
        login(None, None),
        login(None, Some("wrong")),
        login(Some("me"), Some("secret")),
        login(Some("nobody"), Some("secret")),
    ] {
        let (kind, sentence) = refusal(&server, &wrong);
        assert_eq!(kind, Kind::Password, "{sentence}");
        let expected = "the engine does not take the user and password of --engine: ";
        assert!(sentence.starts_with(expected), "{sentence}");
        assert!(!sentence.contains("secret") && !sentence.contains("mine"));
    }
    for right in [login(None, Some("secret")), login(Some("me"), Some("mine"))] {
        let mut shell = Shell::open(&server, &right).unwrap();
        assert_eq!(shell.say(&["CLIENT", "GETNAME"]), "test");
    }
}

#[test]
fn a_user_who_may_not_do_all_is_told_what() {
    let users =
        "--user me on >mine ~* &* +@all -evalsha --user loader on >mine ~* &* +@all -script";
    let server = Server::with(&users.split(' ').collect::<Vec<&str>>());
    let (kind, sentence) = refusal(&server, &login(Some("loader"), Some("mine")));
    assert_eq!(kind, Kind::Permission, "{sentence}");
    assert!(sentence.contains("'script"), "{sentence}");
    let mut shell = Shell::open(&server, &login(Some("me"), Some("mine"))).unwrap();
    shell
        .link
        .run(1, Script::Decide, Request::keys(&[]))
        .unwrap();
    let trouble = shell.answer(1, |answer| answer.unwrap_err()).unwrap();
    assert_eq!(trouble.kind, Kind::Permission);
    assert!(trouble.to_string().contains("'evalsha'"), "{trouble}");
}

#[test]
fn a_database_is_chosen_and_one_that_is_not_there_is_told() {
    let server = Server::start();
    let mut there = login(None, None);
    there.database = 3;
    let mut shell = Shell::open(&server, &there).unwrap();
    shell.say(&["SET", "here", "1"]);
    assert_eq!(Shell::new(&server).say(&["EXISTS", "here"]), "0");
    there.database = 16;
    assert_eq!(refusal(&server, &there).0, Kind::Database);
}

#[test]
fn a_script_that_the_server_has_forgotten_is_sent_again() {
    let server = Server::start();
    let mut hub = Hub::new(&server, "one");
    let from = hub.mark().number;
    hub.commit_one(change(1, &[]));
    for _ in 0..3 {
        hub.shell.say(&["SCRIPT", "FLUSH"]);
        let serial = hub.mark().number - from + 1;
        assert_eq!(hub.commit_one(change(serial, &[])), from + serial);
    }
    // Several that are under way at once are all done, once, and each answer is its own.
    hub.shell.say(&["SCRIPT", "FLUSH"]);
    for tag in 0..3 {
        let request = hub.batch(&[change(10 + tag, &[])]).request();
        hub.shell.link.run(tag, Script::Commit, request).unwrap();
        hub.shell
            .link
            .ask(100 + tag, &Request::of(["ECHO", &tag.to_string()]))
            .unwrap();
    }
    let mut tags = Vec::new();
    while tags.len() < 6 {
        let tag = hub.shell.wait(|event| match event {
            Event::Answer(tag, answer) => {
                let value = answer.unwrap();
                assert!(tag < 100 || value.as_integer() == Some(tag as i64 - 100));
                tag
            }
            other => panic!("{other:?}"),
        });
        tags.push(tag.unwrap());
    }
    tags.sort();
    assert_eq!(tags, [0, 1, 2, 100, 101, 102]);
    assert_eq!(hub.mark().number, from + 7);
}

#[test]
fn what_the_server_pushes_is_no_answer() {
    let server = Server::start();
    let (mut shell, mut other) = (Shell::new(&server), Shell::new(&server));
    shell.say(&["CLIENT", "TRACKING", "ON"]);
    shell.say(&["GET", "key"]);
    other.say(&["SET", "key", "1"]);
    // It stands before the answer to what was asked later.
    shell.link.ask(1, &Request::of(["ECHO", "here"])).unwrap();
    let kind = shell.wait(|event| match event {
        Event::Push(parts) => parts[0].as_str().unwrap().to_owned(),
        other => panic!("{other:?}"),
    });
    assert_eq!(kind.unwrap(), "invalidate");
    let text = shell.answer(1, |answer| answer.unwrap().as_str().unwrap().to_owned());
    assert_eq!(text.unwrap(), "here");
}

#[test]
fn a_full_memory_refuses_the_whole_batch() {
    let server = Server::start();
    let mut hub = Hub::new(&server, "one");
    let before = hub.read();
    hub.shell.say(&["CONFIG", "SET", "maxmemory", "1"]);
    hub.submit(&[change(1, &[put("a", "{}")]), change(2, &[])]);
    let trouble = hub.outcome().unwrap_err();
    assert_eq!(trouble.kind, Kind::Memory);
    assert!(trouble.to_string().contains("noeviction"), "{trouble}");
    hub.shell.say(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(hub.read(), before);
    hub.commit_one(change(1, &[put("a", "{}")]));
}

#[test]
fn a_key_of_somebody_else_refuses_the_whole_batch() {
    let server = Server::start();
    let mut hub = Hub::new(&server, "one");
    for key in [
        hub.keys.records.clone(),
        hub.keys.ranges.clone(),
        hub.keys.logs.clone(),
    ] {
        let from = hub.mark();
        hub.shell.say(&["SET", &key, "mine"]);
        hub.submit(&[change(1, &[]), change(2, &[put("a", "{}")])]);
        assert_eq!(hub.outcome().unwrap_err().kind, Kind::Type);
        hub.shell.say(&["DEL", &key]);
        assert_eq!(hub.mark(), from);
    }
}

#[test]
fn a_disk_that_takes_nothing_refuses_the_whole_batch() {
    let server = Server::start();
    let mut hub = Hub::new(&server, "one");
    let before = hub.read();
    // It cannot put its copy where a folder is; and it has been told to make copies, so that matters to it.
    std::fs::create_dir(server.folder().join("dump.rdb")).unwrap();
    hub.shell.say(&["CONFIG", "SET", "save", "3600 1000000"]);
    hub.shell.say(&["BGSAVE"]);
    let info = ["INFO", "persistence"];
    while !hub.shell.say(&info).contains("rdb_last_bgsave_status:err") {}
    hub.submit(&[change(1, &[put("a", "{}")])]);
    let trouble = hub.outcome().unwrap_err();
    assert_eq!(trouble.kind, Kind::Disk, "{trouble}");
    assert_eq!(hub.read(), before);
    std::fs::remove_dir(server.folder().join("dump.rdb")).unwrap();
    hub.shell.say(&["SAVE"]);
    hub.commit_one(change(1, &[put("a", "{}")]));
}

#[test]
fn a_server_that_still_reads_its_disk_is_told_as_that() {
    let mut server = Server::with(&["--aof-use-rdb-preamble", "no"]);
    let mut shell = Shell::new(&server);
    for number in 0..3000 {
        shell.say(&["SET", &number.to_string(), &"x".repeat(2000)]);
    }
    server.kill();
    server.revive_slowly(&[
        "--key-load-delay",
        "500",
        "--loading-process-events-interval-bytes",
        "1024",
    ]);
    let (kind, sentence) = refusal(&server, &login(None, None));
    assert_eq!(kind, Kind::Loading, "{sentence}");
}

#[test]
fn a_replica_is_told_as_that() {
    let primary = Server::on_a_port();
    let replica = Server::start();
    let mut shell = Shell::new(&replica);
    shell.say(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
    let mut hub = Hub::new(&primary, "one");
    hub.shell = Shell::new(&replica);
    hub.submit(&[change(1, &[])]);
    let trouble = hub.outcome().unwrap_err();
    assert_eq!(trouble.kind, Kind::Replica);
    assert!(trouble.may_pass());
    assert!(
        trouble.to_string().contains("must lead to the primary"),
        "{trouble}"
    );
}
