//! How much room what comes piece by piece is given, and how often it is moved.

use roomcast::wire::growth::*;

/// The room after each piece of `total` bytes, and how many bytes were moved for it.
fn grown(total: usize, piece: usize, rest: impl Fn(usize) -> Rest) -> (Vec<(usize, usize)>, usize) {
    let (mut held, mut used, mut moved) = (0, 0, 0);
    let mut rooms = Vec::new();
    while used < total {
        let piece = piece.min(total - used);
        if let Some(wanted) = wanted(held, used, piece, rest(total - used)) {
            (held, moved) = (wanted, moved + used);
        }
        used += piece;
        rooms.push((used, held));
    }
    (rooms, moved)
}

#[test]
fn a_declared_whole_is_never_given_more_than_it_needs() {
    for total in [1, 2, 100, 4097, 995 << 10, 1 << 20] {
        for piece in [1, 7, 1000, 30 << 10, 64 << 10] {
            let (rooms, moved) = grown(total, piece, |left| Rest::Whole(left as u64));
            assert!(
                rooms.iter().all(|(_, held)| *held <= total),
                "{total} by {piece}"
            );
            assert!(moved <= 2 * total, "{moved} bytes of {total} were moved");
        }
    }
}

#[test]
fn an_announcement_costs_nothing_before_it_comes() {
    for declared in [1 << 20, u64::MAX] {
        for rest in [Rest::Whole(declared), Rest::Part(declared)] {
            let (rooms, _) = grown(20_000, 100, |_| rest);
            assert!(
                rooms.iter().all(|(used, held)| *held <= 2 * used),
                "{rest:?}"
            );
        }
    }
}

#[test]
fn of_what_has_no_declared_end_a_third_is_empty_at_most() {
    for piece in [1, 7, 1000, 30 << 10] {
        // Each piece is a chunk of its own.
        let (rooms, moved) = grown(1 << 20, piece, |left| Rest::Part(piece.min(left) as u64));
        let is_tight = |(used, held): &(usize, usize)| *held <= used + used / 2;
        assert!(rooms.iter().all(is_tight), "by {piece}");
        assert!(moved <= 3 << 20, "{moved} bytes were moved by {piece}");
    }
}

#[test]
fn what_fits_is_not_moved() {
    assert_eq!(wanted(10, 4, 6, Rest::Whole(6)), None);
    assert_eq!(wanted(10, 4, 7, Rest::Whole(7)), Some(11));
}
