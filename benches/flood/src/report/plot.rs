//! Latencies by percentile as an SVG picture that stands alone: no fonts, no script.
//!
//! The percentile axis is that of the nines: 90 %, 99 % and 99.9 % are equally far apart, for it is the rare latencies
//! that differ. The other axis is logarithmic, too.

use std::error::Error;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::measure::histogram::{Latencies, curve};

/// Width and height.
const SIZE: (u32, u32) = (800, 440);

/// Nines on the percentile axis at most.
const NINES_MAX: f64 = 7.0;

/// The font of everything that is written, if whoever looks has it.
const FONT: &str = "sans-serif";

/// Draws the curves that have any values: what each is called, and its latencies in microseconds.
pub fn svg(title: &str, curves: &[(String, Latencies)]) -> String {
    let mut out = String::new();
    let area = SVGBackend::with_string(&mut out, SIZE).into_drawing_area();
    draw(&area, title, curves).expect("a string takes whatever is drawn");
    drop(area);
    out
}

fn draw<'a>(
    area: &DrawingArea<SVGBackend<'a>, Shift>,
    title: &str,
    curves: &[(String, Latencies)],
) -> Result<(), Box<dyn Error + 'a>> {
    let curves = curves
        .iter()
        .map(|(name, latency_us)| (name, points(latency_us)));
    let curves: Vec<_> = curves.filter(|(_, points)| !points.is_empty()).collect();
    let all = || curves.iter().flat_map(|(_, points)| points);
    let nines = all().map(|point| point.0).fold(1.0, f64::max).ceil();
    let lowest = all()
        .map(|point| point.1)
        .reduce(f64::min)
        .unwrap_or(0.0)
        .floor();
    let highest = all()
        .map(|point| point.1)
        .fold(lowest + 1.0, f64::max)
        .ceil();

    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FONT, 16))
        .margin(12)
        .margin_right(44)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..nines, lowest..highest)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels(nines as usize + 1)
        .y_labels((highest - lowest) as usize + 1)
        .x_label_formatter(&|nines| percent(nines.round() as usize))
        .y_label_formatter(&|decade| 10f64.powf(decade.round()).to_string())
        .x_desc("percentile (log scale of the nines)")
        .y_desc("latency in ms (log scale)")
        .label_style((FONT, 13))
        .draw()?;
    for (index, (name, points)) in curves.iter().enumerate() {
        let style = Palette99::pick(index).stroke_width(2);
        let line = LineSeries::new(points.iter().copied(), style);
        let drawn = chart.draw_series(line)?.label(*name);
        drawn.legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .label_font((FONT, 13))
        .background_style(WHITE.mix(0.8))
        .draw()?;
    area.present()?;
    Ok(())
}

/// The curve in nines and in powers of ten of a millisecond.
fn points(latency_us: &Latencies) -> Vec<(f64, f64)> {
    let points = curve(latency_us).into_iter().map(|(share, us)| {
        let decade = (us.max(1) as f64 / 1e3).log10();
        (-(1.0 - share).log10(), decade)
    });
    points.filter(|(nines, _)| *nines <= NINES_MAX).collect()
}

/// The percentile at so many nines.
fn percent(nines: usize) -> String {
    match nines {
        0 => "0 %".to_owned(),
        1 => "90 %".to_owned(),
        2 => "99 %".to_owned(),
        more => format!("99.{} %", "9".repeat(more - 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latencies(name: &str, values: impl IntoIterator<Item = u64>) -> (String, Latencies) {
        let mut latencies = Latencies::default();
        values.into_iter().for_each(|us| latencies.record(us));
        (name.to_owned(), latencies)
    }

    /// The points of the longest line, which is a curve.
    fn longest(svg: &str) -> Vec<(u32, u32)> {
        let lines = svg.split(" points=\"").skip(1);
        let lines = lines.map(|rest| rest.split('"').next().unwrap());
        let line = lines.max_by_key(|line| line.len()).unwrap();
        let point = |text: &str| {
            text.split_once(',')
                .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
        };
        line.split_whitespace()
            .map(|text| point(text).unwrap())
            .collect()
    }

    #[test]
    fn a_curve_goes_right_and_never_down_within_the_picture() {
        let drawn = longest(&svg(
            "title",
            &[latencies("x", (1..=10_000).map(|i| i * 7))],
        ));
        assert_eq!(drawn.len(), 4 * 20 + 1);
        for pair in drawn.windows(2) {
            assert!(pair[1].0 >= pair[0].0 && pair[1].1 <= pair[0].1, "{pair:?}");
        }
        assert!(drawn.iter().all(|(x, y)| *x < SIZE.0 && *y < SIZE.1));
        // The nines are equally far apart.
        let x = |nines: usize| drawn[nines * 20].0;
        assert!((x(2) - x(1)).abs_diff(x(3) - x(2)) <= 1);
    }

    #[test]
    fn every_nine_and_every_power_of_ten_has_its_name() {
        let drawn = svg("title", &[latencies("x", 1..=1000)]);
        for label in ["0 %", "90 %", "99 %", "99.9 %", "0.001", "0.01", "0.1", "1"] {
            assert!(
                drawn.contains(&format!("\n{label}\n")),
                "{label} in {drawn}"
            );
        }
    }

    #[test]
    fn names_are_quoted_and_empty_curves_left_out() {
        let drawn = svg("a < b & c", &[latencies("<x>", [5]), latencies("gone", [])]);
        assert!(drawn.contains("a &lt; b &amp; c") && drawn.contains("&lt;x&gt;"));
        assert!(!drawn.contains("gone"));
        assert!(svg("nothing", &[]).ends_with("</svg>\n"));
    }
}
