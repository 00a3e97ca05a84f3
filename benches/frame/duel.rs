//! Contenders that do the same work in turns, and the table of what it cost each of them.

/// How often everybody has a turn.
const ROUNDS: usize = 41;

/// Somebody who does the work.
pub struct Contender<'a> {
    pub name: &'a str,
    /// One turn, and the nanoseconds (or whatever the table counts) that one operation took.
    pub turn: Box<dyn FnMut() -> f64 + 'a>,
}

/// Lets all of them do `work` in turns; prints a line for each, compared with the first.
pub fn compare(work: &str, unit: &str, contenders: &mut [Contender<'_>]) {
    let mut costs = vec![Vec::with_capacity(ROUNDS); contenders.len()];
    // The first turn warms caches and allocators, and counts for nothing.
    contenders.iter_mut().for_each(|contender| {
        (contender.turn)();
    });
    for _ in 0..ROUNDS {
        for (contender, costs) in contenders.iter_mut().zip(&mut costs) {
            costs.push((contender.turn)());
        }
    }
    for (place, contender) in contenders.iter().enumerate() {
        let ratios = costs[place]
            .iter()
            .zip(&costs[0])
            .map(|(own, first)| own / first);
        let (ratio, cost) = (median(ratios), median(costs[place].iter().copied()));
        println!(
            "{work:<44} {:<16} {cost:>10.1} {unit:<12} {ratio:>6.2}",
            contender.name
        );
    }
}

/// The head of a table of such lines.
pub fn print_head() {
    println!(
        "{:<44} {:<16} {:>10} {:<12} {:>6}",
        "work", "by", "median", "", "ratio"
    );
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
