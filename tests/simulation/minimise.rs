//! A failure made small: steps are left out for as long as what is left still fails.
//!
//! Delta debugging, in halves first, then in ever smaller pieces, single steps at last. *Fails* means that it fails at
//! all: a server that keeps its promises keeps them whatever steps are taken, so each failure on the way is a finding,
//! and the shortest run is the one that is told. It knows nothing of what a step is.

use std::time::{Duration, Instant};

/// What a minimisation may cost.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Runs that are tried.
    pub tries_max: usize,
    /// Time after which no other run is begun.
    pub time_max: Duration,
}

/// Leaves out of `steps`, which fail, what can be left out so that the rest still fails.
pub fn minimise(
    mut steps: Vec<usize>,
    effort: Effort,
    mut fails: impl FnMut(&[usize]) -> bool,
) -> Vec<usize> {
    let began = Instant::now();
    let mut tries = 0;
    let mut piece = steps.len().div_ceil(2).max(1);
    loop {
        let mut shorter = false;
        let mut at = 0;
        while at < steps.len() {
            if tries >= effort.tries_max || began.elapsed() > effort.time_max {
                return steps;
            }
            tries += 1;
            let end = steps.len().min(at + piece);
            let rest = [&steps[..at], &steps[end..]].concat();
            if fails(&rest) {
                steps = rest;
                shorter = true;
            } else {
                at = end;
            }
        }
        match piece {
            1 if !shorter => return steps,
            1 => {}
            _ => piece = piece.div_ceil(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENT: Effort = Effort {
        tries_max: 10_000,
        time_max: Duration::from_secs(60),
    };

    fn all() -> Vec<usize> {
        (1..=600).collect()
    }

    #[test]
    fn what_a_failure_needs_is_left_and_nothing_else() {
        // Somebody connects, somebody speaks before somebody is cut off, and there have to be five of a kind.
        let fails = |steps: &[usize]| {
            let crowd = steps
                .iter()
                .filter(|step| (40..=52).contains(*step))
                .count();
            steps.contains(&3) && steps.contains(&517) && crowd >= 5
        };
        let mut tries = 0;
        let least = minimise(all(), PATIENT, |steps| {
            tries += 1;
            fails(steps)
        });
        assert!(fails(&least), "{least:?}");
        assert_eq!(least.len(), 7, "{least:?}");
        assert!(tries < 200, "{tries} tries");
    }

    #[test]
    fn a_failure_that_needs_no_step_is_left_with_none() {
        assert!(minimise(all(), PATIENT, |_| true).is_empty());
    }

    #[test]
    fn a_failure_that_needs_every_step_keeps_them() {
        let steps: Vec<usize> = (1..=20).collect();
        assert_eq!(
            minimise(steps.clone(), PATIENT, |rest| rest == steps),
            steps
        );
    }

    #[test]
    fn what_is_found_when_the_tries_are_used_up_still_fails() {
        let effort = Effort {
            tries_max: 7,
            ..PATIENT
        };
        let mut tries = 0;
        let rest = minimise(all(), effort, |steps| {
            tries += 1;
            steps.contains(&300)
        });
        assert_eq!(tries, 7);
        assert!(rest.contains(&300) && rest.len() < 600, "{rest:?}");
    }
}
