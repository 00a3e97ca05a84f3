//! The secret that signs tokens is made once, and stays with the file.

use crate::place::{Place, kill, make, messages, stop};

#[test]
fn a_token_is_good_at_every_hub_on_the_file_but_those_that_are_given_a_secret() {
    let place = Place::new();
    let hub = place.serve("--drain 0s");
    let ann = make(&hub, "Ann");
    assert_eq!(messages(&hub, &ann).status, 200);
    kill(hub);
    let hub = place.serve("--drain 0s");
    assert_eq!(messages(&hub, &ann).status, 200);
    stop(hub);
    let given = "--drain 0s --secret of-an-operator-who-has-given-one-to-the-hub";
    let hub = place.serve(given);
    assert_eq!(messages(&hub, &ann).error(), (401, "unauthorized"));
    let bob = make(&hub, "Bob");
    stop(hub);
    let hub = place.serve(given);
    assert_eq!(messages(&hub, &bob).status, 200);
    stop(hub);
    let hub = place.serve("--drain 0s");
    assert_eq!(messages(&hub, &ann).status, 200);
    assert_eq!(messages(&hub, &bob).error(), (401, "unauthorized"));
}

#[test]
fn the_first_start_has_nothing_to_warn_of_but_open_mode() {
    let place = Place::new();
    let hub = place.serve("");
    let said = hub.last_log();
    let warnings: Vec<&str> = said
        .lines()
        .filter(|line| line.contains(" WARN "))
        .collect();
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert!(warnings[0].contains("open mode"), "{warnings:#?}");
}
