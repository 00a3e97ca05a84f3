//! The steps of a run that are taken, written as they are given to a replay: `3,17,40-44`.

use std::fmt;
use std::str::FromStr;

/// Numbers of steps, ascending, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps(Vec<usize>);

impl Steps {
    /// These, which ascend.
    pub fn new(steps: Vec<usize>) -> Steps {
        debug_assert!(steps.is_sorted(), "steps are taken in their order");
        Steps(steps)
    }

    pub fn contains(&self, step: usize) -> bool {
        self.0.binary_search(&step).is_ok()
    }
}

impl fmt::Display for Steps {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.0.chunk_by(|before, after| before + 1 == *after);
        for (index, run) in runs.enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match run {
                [only] => write!(to, "{comma}{only}")?,
                [first, .., last] => write!(to, "{comma}{first}-{last}")?,
                [] => {}
            }
        }
        Ok(())
    }
}

impl FromStr for Steps {
    type Err = String;

    fn from_str(text: &str) -> Result<Steps, String> {
        let number = |text: &str| {
            text.parse::<usize>()
                .map_err(|_| format!("{text:?} is not the number of a step"))
        };
        let mut steps = Vec::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            match part.split_once('-') {
                Some((first, last)) => steps.extend(number(first)?..=number(last)?),
                None => steps.push(number(part)?),
            }
        }
        steps.sort_unstable();
        steps.dedup();
        Ok(Steps(steps))
    }
}
