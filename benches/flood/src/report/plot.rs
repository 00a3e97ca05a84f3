//! Latencies by percentile as an SVG picture that stands alone: no fonts, no script, readable on light and on dark.
//!
//! The percentile axis is that of the nines: 90 %, 99 % and 99.9 % are equally far apart, for it is the rare latencies
//! that differ. The other axis is logarithmic, too. Curves differ in colour and in their dashes.

use std::fmt::Write;

use hdrhistogram::Histogram;

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 44.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 90.0;

/// Points of one curve: more than can be told apart in its width.
const POINTS: u32 = 400;

/// Nines on the percentile axis at most.
const NINES_MAX: u32 = 7;

/// Room for one entry of the legend.
const LEGEND_WIDTH: f64 = 170.0;

/// Dashes of the curves in turn, so that they can be told apart without colours.
const DASHES: [&str; 4] = ["none", "8 4", "2 3", "10 3 2 3"];

/// Colours of the curves in turn, on light and on dark.
const COLOURS: [(&str, &str); 8] = [
    ("#0b62a8", "#6cb8f5"),
    ("#b04a00", "#ffa35c"),
    ("#1a7f37", "#6fd58a"),
    ("#9c2a7a", "#f290d2"),
    ("#6a4fc0", "#b9a5ff"),
    ("#8a6d00", "#e6cc4d"),
    ("#b3261e", "#ff8f86"),
    ("#007a7a", "#58d6d6"),
];

/// One curve: what it is called, and its latencies in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Curve<'a> {
    /// What it is called in the legend.
    pub name: &'a str,
    /// Its latencies.
    pub latency_us: &'a Histogram<u64>,
}

/// The ends of both axes.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// Nines at the right end.
    nines: u32,
    /// Powers of ten of a millisecond at the bottom and at the top.
    decades: (i32, i32),
}

/// Draws the curves that have any values.
pub fn svg(title: &str, curves: &[Curve<'_>]) -> String {
    let curves: Vec<&Curve<'_>> = curves.iter().filter(|c| !c.latency_us.is_empty()).collect();
    let frame = Frame::around(&curves);
    let mut out = String::new();
    open(&mut out, title);
    axes(&mut out, frame);
    for (index, curve) in curves.iter().enumerate() {
        let (class, dashes) = (index % COLOURS.len(), DASHES[index % DASHES.len()]);
        let path = path(curve.latency_us, frame);
        put(
            &mut out,
            format_args!(
                "<path class=\"curve c{class}\" stroke-dasharray=\"{dashes}\" d=\"{path}\"/>\n"
            ),
        );
        legend(&mut out, index, curve.name);
    }
    out.push_str("</svg>\n");
    out
}

impl Frame {
    fn around(curves: &[&Curve<'_>]) -> Frame {
        let lowest = curves.iter().map(|curve| curve.latency_us.min()).min();
        let highest = curves.iter().map(|curve| curve.latency_us.max()).max();
        let count = curves.iter().map(|curve| curve.latency_us.len()).max();
        let decade = |us: Option<u64>| (us.unwrap_or(1).max(1) as f64 / 1e3).log10();
        let low = decade(lowest).floor() as i32;
        Frame {
            nines: (count.unwrap_or(1) as f64)
                .log10()
                .ceil()
                .clamp(1.0, f64::from(NINES_MAX)) as u32,
            decades: (low, (decade(highest).ceil() as i32).max(low + 1)),
        }
    }

    /// Where so many nines are: 0 is 0 %, 1 is 90 %, 2 is 99 %.
    fn x(self, nines: f64) -> f64 {
        LEFT + nines / f64::from(self.nines) * (WIDTH - LEFT - RIGHT)
    }

    /// Where so many milliseconds are.
    fn y(self, milliseconds: f64) -> f64 {
        let (low, high) = (f64::from(self.decades.0), f64::from(self.decades.1));
        let share = (milliseconds.max(1e-3).log10() - low) / (high - low);
        HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)
    }
}

fn open(out: &mut String, title: &str) {
    let title = escaped(title);
    put(
        out,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             font-family=\"system-ui, sans-serif\" font-size=\"13\">\n<title>{title}</title>\n<style>\n\
             text {{ fill: #24292f }} .grid {{ stroke: #8c959f; stroke-opacity: .35 }}\n\
             .curve {{ fill: none; stroke-width: 2; stroke-linejoin: round }}\n"
        ),
    );
    for (index, (light, _)) in COLOURS.iter().enumerate() {
        put(out, format_args!(".c{index} {{ stroke: {light} }}\n"));
    }
    out.push_str("@media (prefers-color-scheme: dark) {\ntext { fill: #e6edf3 }\n");
    for (index, (_, dark)) in COLOURS.iter().enumerate() {
        put(out, format_args!(".c{index} {{ stroke: {dark} }}\n"));
    }
    put(
        out,
        format_args!("}}\n</style>\n<text x=\"{LEFT}\" y=\"24\" font-size=\"16\">{title}</text>\n"),
    );
}

fn axes(out: &mut String, frame: Frame) {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for nines in 0..=frame.nines {
        let x = frame.x(f64::from(nines));
        let label = percent(nines);
        put(
            out,
            format_args!(
                "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>\n",
                bottom + 18.0
            ),
        );
    }
    for decade in frame.decades.0..=frame.decades.1 {
        let milliseconds = 10f64.powi(decade);
        let y = frame.y(milliseconds);
        put(
            out,
            format_args!(
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{milliseconds}</text>\n",
                LEFT - 8.0,
                y + 4.0
            ),
        );
    }
    let (middle_x, middle_y) = (f64::midpoint(LEFT, right), f64::midpoint(TOP, bottom));
    put(
        out,
        format_args!(
            "<text x=\"{middle_x}\" y=\"{:.1}\" text-anchor=\"middle\">percentile (log scale of the nines)</text>\n\
             <text x=\"18\" y=\"{middle_y}\" text-anchor=\"middle\" transform=\"rotate(-90 18 {middle_y})\">\
             latency in ms (log scale)</text>\n",
            bottom + 40.0
        ),
    );
}

/// The percentile at so many nines.
fn percent(nines: u32) -> String {
    match nines {
        0 => "0 %".to_owned(),
        1 => "90 %".to_owned(),
        2 => "99 %".to_owned(),
        more => format!("99.{} %", "9".repeat(more as usize - 2)),
    }
}

fn path(latency_us: &Histogram<u64>, frame: Frame) -> String {
    // Beyond its last value a curve says nothing.
    let end = (latency_us.len() as f64)
        .log10()
        .min(f64::from(frame.nines));
    let mut path = String::new();
    for point in 0..=POINTS {
        let nines = end * f64::from(point) / f64::from(POINTS);
        let quantile = 1.0 - 10f64.powf(-nines);
        let us = latency_us.value_at_quantile(quantile).min(latency_us.max());
        let (x, y) = (frame.x(nines), frame.y(us as f64 / 1e3));
        let command = if point == 0 { 'M' } else { 'L' };
        put(&mut path, format_args!("{command}{x:.1} {y:.1}"));
    }
    path
}

fn legend(out: &mut String, index: usize, name: &str) {
    let columns = ((WIDTH - LEFT - RIGHT) / LEGEND_WIDTH) as usize;
    let x = LEFT + (index % columns) as f64 * LEGEND_WIDTH;
    let y = HEIGHT - 30.0 + (index / columns) as f64 * 18.0;
    let (class, dashes) = (index % COLOURS.len(), DASHES[index % DASHES.len()]);
    let name = escaped(name);
    put(
        out,
        format_args!(
            "<line class=\"curve c{class}\" stroke-dasharray=\"{dashes}\" x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{:.1}\" \
             y2=\"{y:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\">{name}</text>\n",
            x + 30.0,
            x + 38.0,
            y + 4.0
        ),
    );
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;");
    text.replace('<', "&lt;").replace('>', "&gt;")
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text)
        .expect("writing to a String cannot fail, it only grows");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::histogram;

    fn latencies(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = histogram::new();
        values
            .into_iter()
            .for_each(|us| histogram.saturating_record(us));
        histogram
    }

    /// The points of each curve.
    fn points(svg: &str) -> Vec<Vec<(f64, f64)>> {
        let paths = svg.split(" d=\"M").skip(1);
        let paths = paths.map(|rest| rest.split('"').next().unwrap());
        let number = |text: &str| text.parse::<f64>().unwrap();
        let point = |text: &str| text.split_once(' ').map(|(x, y)| (number(x), number(y)));
        paths
            .map(|path| path.split('L').map(|text| point(text).unwrap()).collect())
            .collect()
    }

    #[test]
    fn a_curve_goes_right_and_never_down_within_its_frame() {
        let latency_us = latencies((1..=10_000).map(|i| i * 7));
        let curve = Curve {
            name: "x",
            latency_us: &latency_us,
        };
        let drawn = points(&svg("title", &[curve]));
        assert_eq!((drawn.len(), drawn[0].len()), (1, POINTS as usize + 1));
        for pair in drawn[0].windows(2) {
            assert!(pair[1].0 >= pair[0].0 && pair[1].1 <= pair[0].1, "{pair:?}");
        }
        for (x, y) in &drawn[0] {
            assert!((LEFT..=WIDTH - RIGHT).contains(x), "{x}");
            assert!((TOP..=HEIGHT - BOTTOM).contains(y), "{y}");
        }
    }

    #[test]
    fn the_nines_are_equally_far_apart() {
        let latency_us = latencies(1..=1000);
        let curve = Curve {
            name: "x",
            latency_us: &latency_us,
        };
        let frame = Frame::around(&[&curve]);
        assert_eq!((frame.nines, frame.decades), (3, (-3, 0)));
        let step = frame.x(1.0) - frame.x(0.0);
        assert!((frame.x(2.0) - frame.x(1.0) - step).abs() < 1e-9);
        assert_eq!(
            [0, 1, 2, 3, 5].map(percent),
            ["0 %", "90 %", "99 %", "99.9 %", "99.999 %"]
        );
        assert_eq!((frame.y(0.001), frame.y(1.0)), (HEIGHT - BOTTOM, TOP));
    }

    #[test]
    fn names_are_quoted_and_empty_curves_left_out() {
        let (some, none) = (latencies([5]), latencies([]));
        let curve = |name, latency_us| Curve { name, latency_us };
        let drawn = svg("a < b & c", &[curve("<x>", &some), curve("gone", &none)]);
        assert!(drawn.contains("a &lt; b &amp; c") && drawn.contains("&lt;x&gt;"));
        assert!(!drawn.contains("gone"));
        assert_eq!(points(&drawn).len(), 1);
        assert!(svg("nothing", &[]).ends_with("</svg>\n"));
    }

    #[test]
    fn all_tags_are_closed() {
        let latency_us = latencies([5, 50]);
        let curve = Curve {
            name: "x",
            latency_us: &latency_us,
        };
        let drawn = svg("title", &[curve; 9]);
        for tag in ["svg", "title", "style", "text"] {
            let opened = drawn.matches(&format!("<{tag}")).count();
            assert_eq!(opened, drawn.matches(&format!("</{tag}>")).count(), "{tag}");
        }
        for tag in ["<line", "<path"] {
            let ends = drawn.split(tag).skip(1);
            assert!(
                ends.into_iter()
                    .all(|rest| rest.split('>').next().unwrap().ends_with('/'))
            );
        }
    }
}
