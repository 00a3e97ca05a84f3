//! What a client may send in a second, for each app.

use roomcast::bounds::Bounds;
use roomcast::core::limiter::*;
use roomcast::id::AppId;
use roomcast::time::Micros;
use roomcast::wire::fault::Fault;

const NOW: Micros = Micros(5_000_000);

fn limiter(messages: u32, bytes: u32) -> Limiter {
    let mut bounds = Bounds::default();
    let app = bounds.app_mut(AppId::Tasks);
    app.client_messages_per_second = messages;
    app.client_bytes_per_second = bytes;
    app.message_bytes_max = 1000;
    let mut limiter = Limiter::new(&bounds, 10);
    limiter.open(3);
    limiter
}

#[test]
fn one_message_over_the_limit_is_a_fault_that_names_it() {
    let mut limiter = limiter(5, 0);
    for _ in 0..5 {
        assert_eq!(limiter.admit(3, AppId::Tasks, 1000, NOW), Ok(()));
    }
    let over = Err(Fault::TooManyMessages(5));
    assert_eq!(limiter.admit(3, AppId::Tasks, 0, NOW), over);
    let later = Micros(NOW.0 + 200_000);
    assert_eq!(limiter.admit(3, AppId::Tasks, 0, later), Ok(()));
}

#[test]
fn the_longest_message_passes_however_few_bytes_a_second_has() {
    let mut limiter = limiter(0, 10);
    assert_eq!(limiter.admit(3, AppId::Tasks, 1000, NOW), Ok(()));
    let over = Err(Fault::TooManyBytes(10));
    assert_eq!(limiter.admit(3, AppId::Tasks, 1, NOW), over);
    let later = Micros(NOW.0 + 99_999_999);
    assert_eq!(limiter.admit(3, AppId::Tasks, 1000, later), over);
    let later = Micros(NOW.0 + 100_000_000);
    assert_eq!(limiter.admit(3, AppId::Tasks, 1000, later), Ok(()));
}

#[test]
fn a_limit_of_one_app_is_none_of_another() {
    let mut limiter = limiter(5, 5);
    let passes = |_| limiter.admit(3, AppId::Events, 1000, NOW).is_ok();
    assert!((0..100).all(passes));
}

#[test]
fn the_next_holder_of_a_key_has_used_nothing() {
    let mut limiter = limiter(5, 5000);
    for _ in 0..3 {
        let passes = |_| limiter.admit(3, AppId::Tasks, 1000, NOW).is_ok();
        assert!((0..5).all(passes));
        limiter.close(3);
        limiter.open(3);
    }
}
