//! Progress bars on stderr; invisible unless that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar that counts to `total`. It is cleared when it is finished, so that nothing but the report stays.
pub fn bar(doing: &'static str, total: u32) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{prefix:>10} {wide_bar} {human_pos} of {human_len}, {elapsed}",
    )
    .expect("the template is a constant, and a test draws it");
    ProgressBar::new(u64::from(total))
        .with_style(style)
        .with_prefix(doing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_valid() {
        bar("testing", 10).set_position(5);
    }
}
