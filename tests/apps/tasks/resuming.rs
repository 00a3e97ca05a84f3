//! Positions of task changes, pages that read before they subscribe, and clients that come back.
//!
//! The task of a number has that number as its title, so that a client knows which of them it hears.

use super::*;
use crate::harness::positions::{Position, outcome};

/// Creates a task of this number in each of these repositories, beginning with 1.
fn publish(server: &Server, repositories: &[&str]) {
    for (repository, number) in repositories.iter().zip(1..) {
        create(server, repository, &i32::to_string(&number));
    }
}

/// The position up to which what is shown at this path has everything.
#[track_caller]
fn shown_at(answer: &Answer) -> Position {
    assert_eq!(answer.status, 200, "{}", answer.text());
    Position::read(answer.header("roomcast-position").unwrap())
}

fn newest(server: &Server) -> Position {
    shown_at(&list(server, ""))
}

/// Subscribes since then: what it is told of that, and the position.
#[track_caller]
fn resume(client: &mut Client, repositories: &Value, since: impl ToString) -> (Value, Position) {
    let data = json!({"repositories": repositories, "since": since.to_string()});
    client.send(json!({"type": "subscribe", "data": data}).to_string());
    let (mut answer, position) = client.numbered();
    assert_eq!(fields(&answer["data"]), ["repositories", "resumed"]);
    assert_eq!(answer["data"]["repositories"], *repositories);
    (answer["data"]["resumed"].take(), position)
}

/// A client that comes back.
fn back(server: &Server, repositories: Value, since: impl ToString) -> (Client, Value, Position) {
    let mut client = server.connect(SOCKET);
    let (resumed, position) = resume(&mut client, &repositories, since);
    (client, resumed, position)
}

/// The client's next messages are about the tasks of these numbers, and behind them comes nothing.
#[track_caller]
fn hears_of(client: &mut Client, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        let (event, position) = client.numbered();
        assert_eq!(event["data"]["task"]["title"], number.to_string());
        assert_eq!(position.number, number);
    }
    hears_nothing(client);
}

#[test]
fn positions_are_dense_over_all_repositories_and_all_changes() {
    let server = start("");
    let (mut all, mut some) = (
        client(&server, &json!(["*"])),
        client(&server, &json!(["b"])),
    );
    let task = create(&server, "a", "t");
    patch(&server, &task, &json!({"title": "u"}));
    let other = create(&server, "b", "t");
    call(&server, "DELETE", &path(&task), "");
    patch(&server, &other, &json!({"title": "u"}));
    let heard = |client: &mut Client, events: usize| -> Vec<u64> {
        let number = |_| client.numbered().1.number;
        (0..events).map(number).collect()
    };
    assert_eq!(heard(&mut all, 5), [1, 2, 3, 4, 5]);
    assert_eq!(heard(&mut some, 2), [3, 5]);
}

#[test]
fn every_answer_that_shows_tasks_says_up_to_where() {
    let server = start("");
    assert_eq!(newest(&server).number, 0);
    let task = create(&server, "a", "t");
    let begin = newest(&server).at(0);
    patch(&server, &task, &json!({"title": "u"}));
    for query in ["", "repository=b", "limit=1"] {
        assert_eq!(shown_at(&list(&server, query)), begin.at(2), "{query}");
    }
    assert_eq!(
        shown_at(&call(&server, "GET", &path(&task), "")),
        begin.at(2)
    );
    assert_eq!(back(&server, json!(["*"]), "now").2, begin.at(2));
}

#[test]
fn a_page_of_another_origin_may_read_the_position() {
    let server = start("--allow-origin https://app.example");
    let origin = format!("{KEY}Origin: https://app.example\r\n");
    let answer = server.ask("GET", ALL, &origin, "");
    let exposed = answer.header("access-control-expose-headers").unwrap();
    assert!(exposed.split(", ").any(|name| name == "Roomcast-Position"));
}

#[test]
fn who_reads_and_then_subscribes_has_no_gap_and_nothing_twice() {
    let server = start("");
    let mut http = server.http();
    let all: Vec<String> = (0..600).map(|number| number.to_string()).collect();
    std::thread::scope(|scope| {
        let titles = all.clone();
        scope.spawn(move || {
            for title in titles {
                let body = json!({"repository": "r", "title": title}).to_string();
                assert_eq!(http.ask("POST", ALL, KEY, &body).status, 201);
            }
        });
        for round in 0..20 {
            let repositories = json!([if round % 2 == 0 { "*" } else { "r" }]);
            let answer = list(&server, "limit=1000");
            let shown = answer.json()["tasks"].take();
            let shown = shown.as_array().unwrap().iter();
            let mut titles: Vec<Value> = shown.map(|task| task["title"].clone()).collect();
            let (mut client, resumed, _) = back(&server, repositories, shown_at(&answer));
            assert_eq!(resumed["missed"], 0);
            while titles.len() < all.len() {
                titles.push(client.json()["data"]["task"]["title"].take());
            }
            assert_eq!(titles, all);
        }
    });
}

#[test]
fn who_comes_back_gets_exactly_what_it_missed_and_then_what_is_new() {
    let server = start("");
    publish(&server, &["a", "b", "a", "c", "b"]);
    let begin = newest(&server).at(0);
    let (mut client, resumed, position) = back(&server, json!(["*"]), begin.at(2));
    assert_eq!((resumed, position), (outcome(3, 0), begin.at(2)));
    create(&server, "d", "6");
    hears_of(&mut client, 3..=6);
    // Of some repositories only theirs, and the position is the one before the first of them.
    let (mut client, resumed, position) = back(&server, json!(["b", "c"]), begin.at(2));
    assert_eq!((resumed, position), (outcome(2, 0), begin.at(3)));
    create(&server, "a", "7");
    create(&server, "c", "8");
    hears_of(&mut client, [4, 5, 8]);
    let (mut client, resumed, position) = back(&server, json!(["nobody"]), begin);
    assert_eq!((resumed, position.number), (outcome(0, 0), 8));
    hears_of(&mut client, []);
}

#[test]
fn what_is_not_kept_any_more_is_counted_or_nobody_can_tell() {
    let server = start("--set tasks.history_messages=3");
    publish(&server, &["a", "b", "a", "b", "a", "b"]);
    let newest = newest(&server);
    let (mut client, resumed, position) = back(&server, json!(["*"]), newest.at(1));
    assert_eq!((resumed, position), (outcome(3, 2), newest.at(3)));
    hears_of(&mut client, 4..=6);
    // Whose changes those were that are not kept is not known.
    let (mut client, resumed, position) = back(&server, json!(["b"]), newest.at(2));
    assert_eq!((resumed, position), (outcome(0, None), newest.clone()));
    hears_of(&mut client, []);
    let (mut client, resumed, position) = back(&server, json!(["b"]), newest.at(3));
    assert_eq!((resumed, position), (outcome(2, 0), newest.at(3)));
    hears_of(&mut client, [4, 6]);
}

#[test]
fn nobody_can_tell_what_was_missed_since_a_position_that_is_none_of_these() {
    let server = start("");
    publish(&server, &["a", "b"]);
    let newest = newest(&server);
    let another = u32::from_str_radix(&newest.epoch, 16).unwrap() ^ 1;
    let others = [
        format!("{another:08x}-1"),
        newest.at(3).to_string(),
        "rubbish".to_owned(),
        String::new(),
    ];
    let mut client = server.connect(SOCKET);
    for since in &others {
        for repositories in [json!(["*"]), json!(["a"])] {
            let told = resume(&mut client, &repositories, since);
            assert_eq!(told, (outcome(0, None), newest.clone()), "{since}");
        }
    }
    // It is subscribed all the same.
    create(&server, "a", "3");
    hears_of(&mut client, [3]);
}

#[test]
fn now_asks_for_the_position_alone() {
    let server = start("");
    publish(&server, &["a", "b"]);
    let (mut client, resumed, position) = back(&server, json!(["a"]), "now");
    assert_eq!((resumed, position), (outcome(0, 0), newest(&server)));
    create(&server, "a", "3");
    hears_of(&mut client, [3]);
}

#[test]
fn without_a_history_everything_missed_is_lost() {
    let server = start("--set tasks.history_messages=0");
    publish(&server, &["a", "b"]);
    let newest = newest(&server);
    let (mut client, resumed, position) = back(&server, json!(["*"]), newest.at(0));
    assert_eq!((resumed, position), (outcome(0, 2), newest.clone()));
    hears_of(&mut client, []);
    assert_eq!(back(&server, json!(["a"]), &newest).1, outcome(0, 0));
    assert_eq!(
        back(&server, json!(["a"]), newest.at(1)).1,
        outcome(0, None)
    );
}

#[test]
fn what_is_too_old_is_lost() {
    let server = start("--set tasks.history_age=100ms");
    publish(&server, &["a", "b"]);
    let newest = newest(&server);
    server.until("all is too old", |server| {
        back(server, json!(["*"]), newest.at(0)).1 == outcome(0, 2)
    });
    assert_eq!(
        back(&server, json!(["a"]), newest.at(0)).1,
        outcome(0, None)
    );
}

#[test]
fn of_another_set_only_that_comes_which_it_has_not_got() {
    let server = start("");
    let mut client = client(&server, &json!(["a"]));
    publish(&server, &["a", "b", "a", "c"]);
    let begin = newest(&server).at(0);
    for number in [1, 3] {
        assert_eq!(client.numbered().1.number, number);
    }
    let told = resume(&mut client, &json!(["a", "b"]), &begin);
    assert_eq!(told, (outcome(1, 0), begin.at(1)));
    hears_of(&mut client, [2]);
    // It had that, too, since then.
    let told = resume(&mut client, &json!(["b", "c"]), begin.at(1));
    assert_eq!(told, (outcome(1, 0), begin.at(3)));
    hears_of(&mut client, [4]);
    // A set without a position counts from now on.
    assert_eq!(subscribe(&mut client, &json!(["*"])), json!(["*"]));
    let told = resume(&mut client, &json!(["*"]), begin.at(3));
    assert_eq!(told, (outcome(0, None), begin.at(4)));
    let told = resume(&mut client, &json!(["*"]), begin.at(4));
    assert_eq!(told, (outcome(0, 0), begin.at(4)));
}

#[test]
fn a_since_that_is_no_text_is_an_error() {
    let server = start("");
    let mut client = server.connect(SOCKET);
    for since in [json!(3), json!(["now"]), json!({})] {
        let data = json!({"repositories": ["a"], "since": since});
        let answer = say(&mut client, &json!({"type": "subscribe", "data": data}));
        let error = answer["error"].as_str().unwrap();
        assert!(error.starts_with("data.since"), "{error}");
    }
    let data = json!({"repositories": ["a"], "since": "now"});
    let answer = say(&mut client, &json!({"type": "unsubscribe", "data": data}));
    assert!(
        answer["error"].as_str().unwrap().contains("since"),
        "{answer}"
    );
}

#[test]
fn a_lagged_client_subscribes_again_and_gets_what_is_kept_of_its_gap() {
    let flags =
        "--set tasks.queue_messages=8 --set tasks.on_full=latest --set tasks.history_messages=4";
    let server = start(flags);
    let mut client = server.connect_narrow(SOCKET);
    subscribe(&mut client, &json!(["*"]));
    let mut http = server.http();
    let events = super::talk::create_until_dropped(&server, &mut http) as u64 + 1;
    let gap = loop {
        let mut message = client.json();
        if message["type"] == "lagged" {
            break message["data"].take();
        }
    };
    let missed = gap["missed"].as_u64().unwrap();
    let since = Position::read(gap["since"].as_str().unwrap());
    assert_eq!(since.number + missed + 1, events);
    assert_eq!(
        client.numbered().1,
        since.at(events),
        "only the newest is left"
    );
    let told = resume(&mut client, &json!(["*"]), &since);
    assert_eq!(told, (outcome(3, missed - 3), since.at(events - 4)));
    for number in events - 3..events {
        assert_eq!(client.numbered().1, since.at(number));
    }
    hears_nothing(&mut client);
    let told = resume(&mut client, &json!(["*"]), &since);
    assert_eq!(told, (outcome(0, 0), since.at(events)));
}

#[test]
fn who_had_less_and_wants_everything_cannot_be_told_what_is_lost_of_the_rest() {
    let server = start("--set tasks.history_messages=3");
    let mut client = client(&server, &json!(["a"]));
    publish(&server, &["b", "b", "b", "b", "b", "b"]);
    let newest = newest(&server);
    let told = resume(&mut client, &json!(["*"]), newest.at(0));
    assert_eq!(told, (outcome(0, None), newest));
}

#[test]
fn of_a_name_that_was_taken_away_all_comes_since_then() {
    let server = start("");
    let mut client = client(&server, &json!(["a", "b"]));
    publish(&server, &["a", "b"]);
    let begin = newest(&server).at(0);
    hears_of(&mut client, [1, 2]);
    say(
        &mut client,
        &json!({"type": "unsubscribe", "data": {"repositories": ["a"]}}),
    );
    create(&server, "a", "3");
    let told = resume(&mut client, &json!(["a", "b"]), begin.at(2));
    assert_eq!(told, (outcome(1, 0), begin.at(2)));
    hears_of(&mut client, [3]);
}
