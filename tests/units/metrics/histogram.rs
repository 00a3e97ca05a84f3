//! Quantiles, and what one histogram has more than an earlier one.

use roomcast::metrics::Histogram;

#[test]
fn a_quantile_lies_in_the_bucket_that_holds_it() {
    let mut histogram = Histogram::default();
    assert_eq!(histogram.quantile_micros(500), None);
    (0..90).for_each(|_| histogram.observe(60));
    (0..10).for_each(|_| histogram.observe(2_000));
    assert_eq!(histogram.quantile_micros(0), Some(50));
    assert_eq!(histogram.quantile_micros(450), Some(75));
    assert_eq!(histogram.quantile_micros(900), Some(100));
    assert_eq!(histogram.quantile_micros(950), Some(1_750));
    assert_eq!(histogram.quantile_micros(1000), Some(2_500));
    histogram.observe(u64::MAX);
    assert_eq!(histogram.quantile_micros(1000), Some(10_000_000));
}

#[test]
fn what_came_before_is_left_out_of_a_difference() {
    let mut histogram = Histogram::default();
    (0..100).for_each(|_| histogram.observe(9_000));
    let earlier = histogram.clone();
    histogram.observe(60);
    let recent = histogram.since(&earlier);
    assert_eq!((recent.count(), recent.sum_micros()), (1, 60));
    assert_eq!(recent.quantile_micros(990), Some(99));
}
