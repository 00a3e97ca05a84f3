//! A task by itself: its identifier, and what a patch changes.

use roomcast::apps::tasks::task::{Patch, Priority, Status, Task, TaskId};
use roomcast::apps::word::Word;
use roomcast::time::Unix;

fn task() -> Task {
    Task {
        id: TaskId(7),
        repository: "a".to_owned(),
        title: "t".to_owned(),
        description: String::new(),
        status: Status::Pending,
        priority: Priority::Medium,
        created_at: Unix(1),
        updated_at: Unix(1),
    }
}

#[test]
fn an_id_is_read_only_as_it_is_written() {
    let text = TaskId(7).to_string();
    assert_eq!(TaskId::parse(&text), Some(TaskId(7)));
    let upper = TaskId(u128::MAX).to_string().to_uppercase();
    let signed = format!("+{}", &text[1..]);
    for bad in ["", "7", upper.as_str(), signed.as_str(), &text[1..]] {
        assert_eq!(TaskId::parse(bad), None, "{bad}");
    }
}

#[test]
fn a_patch_that_says_what_is_so_changes_nothing() {
    let patch = Patch {
        title: Some("t".to_owned()),
        status: Some(Word(Status::Pending)),
        ..Patch::default()
    };
    assert_eq!(task().patched(patch, Unix(2)), None);
    assert_eq!(task().patched(Patch::default(), Unix(2)), None);
}

#[test]
fn a_patch_changes_what_it_names_and_the_time() {
    let patch = Patch {
        status: Some(Word(Status::Cancelled)),
        ..Patch::default()
    };
    let expected = Task {
        status: Status::Cancelled,
        updated_at: Unix(2),
        ..task()
    };
    assert_eq!(task().patched(patch, Unix(2)), Some(expected));
}
