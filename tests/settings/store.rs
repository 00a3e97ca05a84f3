//! Where what was answered stays, how it is kept, and when it is taken up anew.

use std::path::Path;

use roomcast::bounds::Durability;
use roomcast::id::AppId;
use roomcast::settings::Settings;
use roomcast::time::Millis;

use crate::given::{Given, env, file, flags, says};

fn data(given: &Given<'_>) -> Option<String> {
    let data = given.settings().data;
    data.map(|path| path.to_str().unwrap().to_owned())
}

#[test]
fn the_file_has_a_default_that_every_source_beats() {
    let mut given = Given::default();
    assert_eq!(data(&given).as_deref(), Some("roomcast.db"));
    assert_eq!(given.settings().data_wait, Millis::seconds(10));
    given.file = Some("data = \"/a/file.db\"\ndata_wait = \"1s\"");
    assert_eq!(data(&given).as_deref(), Some("/a/file.db"));
    assert_eq!(given.settings().data_wait, Millis::seconds(1));
    given.env = &[
        ("ROOMCAST_DATA", "variable.db"),
        ("ROOMCAST_DATA_WAIT", "0s"),
    ];
    assert_eq!(data(&given).as_deref(), Some("variable.db"));
    assert_eq!(given.settings().data_wait, Millis(0));
    given.flags = "--data ../flag.db --data-wait 2m";
    assert_eq!(data(&given).as_deref(), Some("../flag.db"));
    assert_eq!(given.settings().data_wait, Millis::seconds(120));
}

#[test]
fn it_is_known_whether_the_file_is_the_default_one() {
    for (given, is_default) in [
        ("", true),
        ("--data roomcast.db", true),
        ("--data other.db", false),
        ("--data /roomcast.db", false),
        ("--data off", false),
    ] {
        let settings = flags(given).settings();
        assert_eq!(settings.is_data_default(), is_default, "{given:?}");
    }
    assert_eq!(Settings::DATA, "roomcast.db");
}

#[test]
fn off_is_no_file_unless_it_is_said_to_be_one() {
    for off in ["off", "OFF", "false", "no", "0"] {
        assert_eq!(data(&flags(&format!("--data {off}"))), None, "{off}");
    }
    assert_eq!(data(&file("data = false")), None);
    assert_eq!(data(&env(&[("ROOMCAST_DATA", "off\n")])), None);
    assert_eq!(data(&flags("--data ./off")).as_deref(), Some("./off"));
    let over = Given {
        file: Some("data = \"off\""),
        flags: "--data here.db",
        ..Given::default()
    };
    assert_eq!(data(&over).as_deref(), Some("here.db"));
}

#[test]
fn what_is_no_file_is_refused_and_said_from_where() {
    let odd = [
        "",
        " ",
        "\\t",
        "on",
        "true",
        "1",
        "/",
        ".",
        "..",
        "folder/",
        ":memory:",
        ":",
        "file:a.db",
        "a\\nb",
        "a\\u0000b",
    ];
    for text in odd {
        let error = file(&format!("data = \"{text}\"")).error();
        says(
            &error,
            &["data cannot be", "line 1", "the path of a file", "or off"],
        );
    }
    says(
        &flags("--data=").error(),
        &["data cannot be \"\"", "flag --data"],
    );
    says(
        &env(&[("ROOMCAST_DATA", "yes")]).error(),
        &["data cannot be \"yes\"", "environment ROOMCAST_DATA"],
    );
    says(
        &file("data = [\"a.db\"]").error(),
        &["data cannot be a list"],
    );
    says(&flags("--data").error(), &["--data", "without a value"]);
    // An empty variable is not set.
    let empty = env(&[("ROOMCAST_DATA", " ")]);
    assert_eq!(data(&empty).as_deref(), Some("roomcast.db"));
}

#[test]
fn odd_paths_are_printed_so_that_they_are_read_back() {
    for path in [
        "with a blank.db",
        "a\"quote.db",
        "an'apostrophe\".db",
        "back\\slash.db",
        "# no comment.db",
        "umläut \u{200b}.db",
        "./off",
    ] {
        let variables = [("ROOMCAST_DATA", path)];
        let given = env(&variables);
        assert_eq!(given.settings().data.as_deref(), Some(Path::new(path)));
        let printed = given.printed();
        let again = file(&printed).settings().data;
        assert_eq!(again.as_deref(), Some(Path::new(path)), "{printed}");
    }
    says(
        &Given::default().printed(),
        &["\ndata = \"roomcast.db\" ", "\ndata_wait = \"10s\" "],
    );
    says(
        &flags("--data off").printed(),
        &["\ndata = \"off\" ", "; flag --data\n"],
    );
}

#[test]
fn new_epochs_are_a_flag_of_one_start_and_nothing_else() {
    assert!(!Given::default().settings().new_epochs);
    assert!(flags("--new-epochs").settings().new_epochs);
    assert!(flags("--new-epochs --data a.db").settings().new_epochs);
    says(
        &file("new_epochs = true").error(),
        &["unknown key \"new_epochs\""],
    );
    let variable = env(&[("ROOMCAST_NEW_EPOCHS", "on")]);
    says(&variable.warnings(), &["ROOMCAST_NEW_EPOCHS is unknown"]);
    assert!(!variable.settings().new_epochs);
    assert!(!flags("--new-epochs").printed().contains("new_epochs"));
}

#[test]
fn new_epochs_of_no_file_are_an_error() {
    let given = Given {
        file: Some("data = \"off\""),
        flags: "--new-epochs",
        ..Given::default()
    };
    says(
        &given.error(),
        &["--new-epochs", "data is off", "file /", "line 1"],
    );
    says(
        &flags("--new-epochs --data off").error(),
        &["data is off (flag --data)", "expected the --data"],
    );
}

#[test]
fn what_an_app_changes_is_kept_as_it_says() {
    let kept = |given: &Given<'_>, app| given.settings().bounds.app(app).durability;
    let default = Given::default();
    for app in [AppId::Sessions, AppId::Tasks, AppId::Rooms] {
        assert_eq!(kept(&default, app), Durability::Commit, "{}", app.name());
        for (word, durability) in [
            ("commit", Durability::Commit),
            ("lazy", Durability::Lazy),
            ("none", Durability::None),
        ] {
            every_source(app, word, durability);
        }
    }
    for app in [AppId::Events, AppId::Stream] {
        assert_eq!(kept(&default, app), Durability::Lazy, "{}", app.name());
        every_source(app, "lazy", Durability::Lazy);
        every_source(app, "none", Durability::None);
    }
}

fn every_source(app: AppId, word: &str, durability: Durability) {
    let name = app.name();
    let item = format!("{name}.durability={word}");
    let table = format!("[{name}]\ndurability = \"{word}\"");
    for given in [
        flags(&format!("--set {item}")),
        env(&[("ROOMCAST_SET", &item)]),
        file(&table),
    ] {
        assert_eq!(
            given.settings().bounds.app(app).durability,
            durability,
            "{item}"
        );
        let printed = given.printed();
        let of_app = printed.split(&format!("\n[{name}]\n")).nth(1).unwrap();
        let line = of_app.lines().find(|line| line.starts_with("durability"));
        says(line.unwrap(), &[&format!("durability = \"{word}\" ")]);
        assert_eq!(file(&printed).settings(), given.settings(), "{item}");
    }
}

#[test]
fn what_is_in_memory_until_the_end_cannot_be_committed_before() {
    for app in ["events", "stream"] {
        says(
            &flags(&format!("--set {app}.durability=commit")).error(),
            &[
                &format!("{app}.durability cannot be \"commit\" (flag --set)"),
                "expected lazy or none, because",
                "in memory until the hub stops",
            ],
        );
    }
    for odd in ["always", "Commit", "on", ""] {
        says(
            &flags(&format!("--set tasks.durability={odd}")).error(),
            &[
                "tasks.durability cannot be",
                "expected commit, lazy or none",
            ],
        );
    }
    says(
        &flags("--set ops.durability=none").error(),
        &[
            "the app ops has no durability",
            "which is for sessions, tasks, rooms, events, stream",
        ],
    );
    says(
        &flags("--durability none").error(),
        &["unknown flag --durability"],
    );
}

#[test]
fn a_secret_that_ends_with_the_process_is_warned_of() {
    assert!(!Given::default().warnings().contains("secret"));
    says(
        &flags("--data off").warnings(),
        &["no secret is set", "data is off"],
    );
    let own = flags("--data off --secret 0123456789abcdef0123456789abcdef");
    assert!(!own.warnings().contains("secret"));
    says(
        &flags("--secret short").warnings(),
        &["shorter than the 32 bytes"],
    );
}

#[test]
fn the_help_says_which_apps_keep_what_and_how() {
    let help = flags("--help").load().unwrap_err().to_string();
    says(
        &help,
        &[
            "What stays:",
            "--data <PATH|off>",
            "[default: roomcast.db]",
            "--data-wait <D>",
            "--new-epochs",
        ],
    );
    // Its lines are broken where a terminal ends.
    let help: Vec<&str> = help.split_whitespace().collect();
    let records =
        "when what was changed is in the file of --data (of sessions, tasks, rooms) [commit]";
    let histories = "when what was published is in the file of --data (of events, stream) [lazy]";
    says(
        &help.join(" "),
        &[
            &format!("durability {records}"),
            &format!("durability {histories}"),
        ],
    );
}
