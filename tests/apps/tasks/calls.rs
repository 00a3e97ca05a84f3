//! The calls.

use super::*;

#[test]
fn a_task_has_defaults_for_what_it_was_not_given() {
    let server = start("");
    for rest in ["", r#","description":null,"status":null,"priority":null"#] {
        let answer = call(
            &server,
            "POST",
            ALL,
            &format!(r#"{{"repository":"r","title":"t"{rest}}}"#),
        );
        let task = answer.json();
        assert_eq!((answer.status, fields(&task)), (201, TASK.to_vec()));
        assert_eq!(task["created_at"], task["updated_at"]);
        let mut task = without_times(task, ["created_at", "updated_at"]);
        assert!(task["id"].take().as_str().unwrap().len() >= 32);
        let expected = json!({"id": null, "repository": "r", "title": "t", "description": "", "status": "pending",
            "priority": "medium"});
        assert_eq!(task, expected);
    }
}

#[test]
fn a_task_has_what_it_was_given() {
    let server = start("");
    for status in ["pending", "in_progress", "completed", "cancelled"] {
        for priority in ["low", "medium", "high"] {
            let mut given = json!({"repository": "a/b ü", "title": " t\n", "description": "d", "status": status,
                "priority": priority});
            let task = call(&server, "POST", ALL, &given.to_string()).json();
            assert_eq!(call(&server, "GET", &path(&task), "").json(), task);
            given["id"] = task["id"].clone();
            assert_eq!(without_times(task, ["created_at", "updated_at"]), given);
        }
    }
}

#[test]
fn a_body_is_refused_by_the_field_that_is_wrong() {
    let server = start("");
    let task = create(&server, "r", "t");
    let refused_with = |field: &str, value: Value| {
        let mut body = json!({"repository": "r", "title": "t"});
        body[field] = value.clone();
        refused(&call(&server, "POST", ALL, &body.to_string()), field);
        refused(&patch(&server, &task, &json!({field: value})), field);
    };
    for field in ["repository", "title", "description", "status", "priority"] {
        refused_with(field, json!(7));
        refused_with(field, json!([]));
    }
    for (field, words) in [
        ("status", ["done", "Pending", ""]),
        ("priority", ["urgent", "LOW", ""]),
    ] {
        words
            .into_iter()
            .for_each(|word| refused_with(field, json!(word)));
        refused_with(field, json!({"pending": null}));
    }
    ["", " ", "\n\t"]
        .into_iter()
        .for_each(|title| refused_with("title", json!(title)));
    for field in ["id", "created_at", "updated_at", "surprise"] {
        refused_with(field, json!("x"));
    }
    assert_eq!(call(&server, "GET", &path(&task), "").json(), task);
    assert_eq!(page(&server, "").0, ["t"]);
}

#[test]
fn a_task_needs_a_repository_and_a_title() {
    let server = start("");
    refused(&call(&server, "POST", ALL, ""), "repository");
    refused(
        &call(&server, "POST", ALL, r#"{"title":"t"}"#),
        "repository",
    );
    refused(
        &call(&server, "POST", ALL, r#"{"repository":"r"}"#),
        "title",
    );
    refused(
        &call(&server, "POST", ALL, r#"{"repository":"r","title":null}"#),
        "title",
    );
    refused(&call(&server, "POST", ALL, r#"["r","t"]"#), "the body");
}

#[test]
fn a_repository_has_a_name_of_1_to_256_bytes_that_is_not_the_star() {
    let server = start("");
    let post = |name: &str| {
        call(
            &server,
            "POST",
            ALL,
            &json!({"repository": name, "title": "t"}).to_string(),
        )
    };
    for name in ["r", "ü".repeat(128).as_str(), "**", "repo:r"] {
        assert_eq!(post(name).status, 201, "{name}");
        assert_eq!(list(&server, &format!("repository={name}")).status, 200);
    }
    for name in ["", "*", "r".repeat(257).as_str()] {
        refused(&post(name), "repository");
    }
    refused(
        &list(&server, &format!("repository={}", "r".repeat(257))),
        "repository",
    );
}

#[test]
fn an_unknown_task_is_nowhere() {
    let server = start("");
    let mut task = create(&server, "r", "t");
    assert_eq!(call(&server, "DELETE", &path(&task), "").status, 204);
    for id in [task["id"].clone(), json!("nobody"), json!("0".repeat(32))] {
        task["id"] = id;
        for method in ["GET", "PATCH", "DELETE"] {
            let answer = call(&server, method, &path(&task), "");
            assert_eq!(answer.error(), (404, "not_found"), "{method}");
        }
    }
}

#[test]
fn every_call_needs_the_key() {
    let server = start("");
    let task = path(&create(&server, "r", "t"));
    for (method, path) in [
        ("POST", ALL),
        ("GET", ALL),
        ("GET", &task),
        ("PATCH", &task),
        ("DELETE", &task),
        ("GET", "/api/v1/tasks/ws"),
    ] {
        assert_eq!(
            server.ask(method, path, "", "").error(),
            (401, "unauthorized"),
            "{method} {path}"
        );
    }
}

#[test]
fn other_methods_are_told_which_there_are() {
    let server = start("");
    let task = path(&create(&server, "r", "t"));
    for (path, allowed) in [
        (ALL, "POST, GET, HEAD, OPTIONS"),
        (&task, "GET, HEAD, PATCH, DELETE, OPTIONS"),
    ] {
        let answer = call(&server, "PUT", path, "{}");
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some(allowed))
        );
    }
}

#[test]
fn tasks_are_listed_oldest_first_a_hundred_at_a_time() {
    let server = start("");
    let mut http = server.http();
    for number in 0..1001 {
        let body = json!({"repository": "r", "title": number.to_string()}).to_string();
        assert_eq!(http.ask("POST", ALL, KEY, &body).status, 201);
    }
    let numbers = |from: usize, to: usize| {
        (from..to)
            .map(|number| number.to_string())
            .collect::<Vec<String>>()
    };
    let (titles, next) = page(&server, "");
    assert_eq!(titles, numbers(0, 100));
    let (titles, _) = page(&server, &format!("after={}", next.as_str().unwrap()));
    assert_eq!(titles, numbers(100, 200));
    let (titles, next) = page(&server, "limit=1000");
    assert_eq!(titles, numbers(0, 1000));
    assert_eq!(
        page(&server, &format!("after={}", next.as_str().unwrap())),
        (numbers(1000, 1001), json!(null))
    );
    assert_eq!(page(&server, "limit=1").0, ["0"]);
}

#[test]
fn pages_go_on_behind_tasks_that_are_gone() {
    let server = start("");
    let tasks: Vec<Value> = (0..7)
        .map(|number| create(&server, "r", &number.to_string()))
        .collect();
    let (_, next) = page(&server, "limit=3");
    assert_eq!(next, tasks[2]["id"]);
    for gone in [1, 2, 3] {
        assert_eq!(call(&server, "DELETE", &path(&tasks[gone]), "").status, 204);
    }
    create(&server, "r", "7");
    let (titles, next) = page(
        &server,
        &format!("limit=3&after={}", next.as_str().unwrap()),
    );
    assert_eq!(titles, ["4", "5", "6"]);
    assert_eq!(
        page(&server, &format!("after={}", next.as_str().unwrap())),
        (vec!["7".to_owned()], json!(null))
    );
}

#[test]
fn a_page_that_holds_the_last_task_has_no_next() {
    let server = start("");
    assert_eq!(page(&server, ""), (vec![], json!(null)));
    let tasks = [create(&server, "r", "0"), create(&server, "r", "1")];
    assert_eq!(page(&server, "limit=1").1, tasks[0]["id"]);
    assert_eq!(page(&server, "limit=2").1, json!(null));
    let last = format!("after={}", tasks[1]["id"].as_str().unwrap());
    assert_eq!(page(&server, &last), (vec![], json!(null)));
}

#[test]
fn a_list_shows_what_was_asked_for() {
    let server = start("");
    for (repository, title, status) in [
        ("a", "0", "pending"),
        ("b", "1", "completed"),
        ("a", "2", "completed"),
        ("a", "3", "pending"),
        ("*a", "4", "cancelled"),
    ] {
        let task = create(&server, repository, title);
        assert_eq!(
            patch(&server, &task, &json!({"status": status})).status,
            200
        );
    }
    for (query, expected) in [
        ("repository=a", vec!["0", "2", "3"]),
        ("status=completed", vec!["1", "2"]),
        ("repository=a&status=pending", vec!["0", "3"]),
        ("repository=%2Aa", vec!["4"]),
        ("repository=nobody", vec![]),
        ("repository=*&status=", vec!["0", "1", "2", "3", "4"]),
        (
            "repository=&status=&limit=&after=",
            vec!["0", "1", "2", "3", "4"],
        ),
    ] {
        assert_eq!(page(&server, query).0, expected, "{query}");
    }
    assert!(page(&server, "repository=b&limit=1").1.is_null());
    assert!(page(&server, "repository=a&limit=2").1.is_string());
}

#[test]
fn a_bad_parameter_is_refused_by_its_name() {
    let server = start("");
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=1.5", "limit"),
        ("limit=x", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("limit=1&limit=1", "limit"),
        ("status=done", "status"),
        ("status=pending&status=pending", "status"),
        ("after=x", "after"),
        ("surprise=1", "surprise"),
        ("Limit=1", "Limit"),
    ] {
        refused(&list(&server, query), name);
    }
}

#[test]
fn a_patch_changes_what_it_names_and_nothing_else() {
    let server = start("");
    let mut task = create(&server, "r", "t");
    for (field, value) in [
        ("title", "u"),
        ("description", "d"),
        ("status", "in_progress"),
        ("priority", "high"),
    ] {
        let answer = patch(&server, &task, &json!({field: value}));
        assert_eq!(
            (answer.status, fields(&answer.json())),
            (200, TASK.to_vec())
        );
        task[field] = json!(value);
        task["updated_at"] = answer.json()["updated_at"].clone();
        assert_eq!(answer.json(), task);
        assert!(task["updated_at"].as_str() >= task["created_at"].as_str());
    }
    let answer = patch(
        &server,
        &task,
        &json!({"title": "v", "description": "", "status": "pending"}),
    );
    assert_eq!(
        (&answer.json()["title"], &answer.json()["priority"]),
        (&json!("v"), &json!("high"))
    );
}

#[test]
fn a_patch_that_changes_nothing_tells_nobody() {
    let server = start("");
    let task = create(&server, "r", "t");
    let mut client = client(&server, &json!(["r"]));
    for body in [
        json!({}),
        json!({"title": "t", "status": "pending"}),
        json!({"description": null}),
    ] {
        let answer = patch(&server, &task, &body);
        assert_eq!(
            (answer.status, answer.json()),
            (200, task.clone()),
            "{body}"
        );
    }
    assert_eq!(call(&server, "PATCH", &path(&task), "").json(), task);
    hears_nothing(&mut client);
}

#[test]
fn a_task_is_bounded_by_the_body() {
    let server = start("--max-body 1KiB");
    let body = |bytes: usize| {
        format!(
            r#"{{"repository":"r","title":"{}"}}"#,
            "t".repeat(bytes - 29)
        )
    };
    assert_eq!(call(&server, "POST", ALL, &body(1024)).status, 201);
    assert_eq!(call(&server, "POST", ALL, &body(1025)).status, 413);
}

#[test]
fn a_page_of_large_tasks_ends_early_and_the_next_one_goes_on() {
    let server = start("");
    let description = "d".repeat(150_000);
    for number in 0..10 {
        let body =
            json!({"repository": "r", "title": number.to_string(), "description": description})
                .to_string();
        assert_eq!(call(&server, "POST", ALL, &body).status, 201);
    }
    let (mut titles, next) = page(&server, "");
    assert!(titles.len() < 10);
    titles.extend(page(&server, &format!("after={}", next.as_str().unwrap())).0);
    assert_eq!(
        titles,
        (0..10)
            .map(|number| number.to_string())
            .collect::<Vec<String>>()
    );
}
