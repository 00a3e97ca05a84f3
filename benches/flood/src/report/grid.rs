//! Numbers in columns, and how a single number is written.

use comfy_table::{CellAlignment, Table, presets};
use indicatif::{BinaryBytes, HumanCount};

/// Rows below their heads; what stands in front is a name, all else is to the right of its column.
pub fn grid(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(head).add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        match index {
            0 => column.set_padding((0, 1)),
            _ => column.set_padding((2, 0)),
        };
        if index > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// A whole number with thousands separated.
pub fn count(number: impl Into<u64>) -> String {
    HumanCount(number.into()).to_string()
}

/// A rate without its fractions, thousands separated.
pub fn whole(rate: f64) -> String {
    count(rate as u64)
}

/// Bytes in a fitting unit.
pub fn bytes(number: u64) -> String {
    BinaryBytes(number).to_string()
}

/// Microseconds as milliseconds.
pub fn ms(us: u64) -> String {
    format!("{:.3}", us as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_to_the_left_and_numbers_to_the_right() {
        let rows = [("a", "1"), ("long", "1,000")];
        let rows = rows.map(|(name, number)| vec![name.to_owned(), number.to_owned()]);
        let expected = "the    number\na           1\nlong    1,000";
        assert_eq!(grid(&["the", "number"], rows), expected);
    }
}
