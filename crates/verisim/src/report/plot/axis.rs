//! The axis of a plot: where a value lies and which values are named; it does not draw.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use super::probit::probit;
use crate::report::number::trimmed;

/// Share of an axis of rates that is kept for 0, which has no place on a logarithmic axis.
const ZERO_LANE: f64 = 0.07;
/// The percentages that the axis of a DET plot names, the important ones first; more follow below.
const DEVIATE_TICKS: [f64; 15] =
    [1.0, 10.0, 40.0, 99.0, 5.0, 20.0, 80.0, 60.0, 0.1, 90.0, 95.0, 0.5, 2.0, 0.2, 98.0];
/// Below 0.1 %, the axis of a DET plot names one percentage a decade, down to this power of ten.
const LAST_DECADE: i32 = -9;

/// An axis, its grid and its labels.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub(super) title: String,
    scale: Scale,
    low: f64,
    high: f64,
    zero_lane: f64,
    lines: Vec<f64>,
    labels: Vec<(f64, String)>, // the important ones first
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    Linear,
    Log,
    Deviate,
}

impl Axis {
    /// An axis of equal steps, with about `n_labels` round values; those that `name` leaves
    /// without a name have no label.
    pub(super) fn linear(
        title: &str,
        range: Range<f64>,
        n_labels: usize,
        name: impl Fn(f64) -> String,
    ) -> Self {
        let mut axis = Self::new(title, Scale::Linear, range);
        let step = round_step((axis.high - axis.low) / n_labels.max(1) as f64);
        let first = (axis.low / step - 1e-9).ceil() as i64;
        let last = (axis.high / step + 1e-9).floor() as i64;
        // From 0, so that no remainder adds up.
        let values = (first..=last).map(|k| k as f64 * step);
        let labels = values.map(|value| (value, name(value)));
        axis.labels = labels.filter(|(_, name)| !name.is_empty()).collect();
        axis
    }

    /// A logarithmic axis of rates, in percent, from `low` (above 0) to `high`.
    pub(super) fn log_rates(title: &str, low: f64, high: f64) -> Self {
        Self::logarithmic(title, low, high, |rate| trimmed(100.0 * rate))
    }

    /// A logarithmic axis from `low` (above 0) to `high`, with values named by `name`.
    pub(super) fn logarithmic(
        title: &str,
        low: f64,
        high: f64,
        name: impl Fn(f64) -> String,
    ) -> Self {
        let mut axis = Self::new(title, Scale::Log, low..high);
        let decades = (axis.low.log10().floor() as i32)..=(axis.high.log10().ceil() as i32);
        let within = |factors: &[u8]| {
            let multiples = |&factor: &u8| {
                decades.clone().map(move |power| f64::from(factor) * power_of_ten(power))
            };
            let values = factors.iter().flat_map(multiples);
            values.filter(|value| axis.contains(*value)).collect::<Vec<f64>>()
        };
        // With few decades their powers alone would leave the axis without a name.
        let factors: &[u8] = if axis.high / axis.low < 200.0 { &[1, 5, 2, 3, 7] } else { &[1] };
        let (lines, named) = (within(&[1, 2, 3, 4, 5, 6, 7, 8, 9]), within(factors));
        axis.lines = lines;
        axis.labels = named.into_iter().map(|value| (value, name(value))).collect();
        axis
    }

    /// An axis of rates, in percent, on which normal distributions lie on straight lines.
    pub(super) fn deviates(title: &str, low: f64, high: f64) -> Self {
        let mut axis = Self::new(title, Scale::Deviate, low..high);
        let rare = (LAST_DECADE..-3).rev().map(power_of_ten);
        let rates = DEVIATE_TICKS.iter().map(|percent| percent / 100.0).chain(rare);
        axis.lines = rates.filter(|rate| axis.contains(*rate)).collect();
        axis.labels = axis.lines.iter().map(|&rate| (rate, trimmed(100.0 * rate))).collect();
        axis
    }

    fn new(title: &str, scale: Scale, range: Range<f64>) -> Self {
        let low = if range.start.is_finite() { range.start } else { 0.0 };
        // One value alone, or none, has no extent.
        let high = if range.end > low { range.end } else { low + 1.0 };
        let (lines, labels) = (Vec::new(), Vec::new());
        Self { title: title.to_owned(), scale, low, high, zero_lane: 0.0, lines, labels }
    }

    /// Names one value above all others.
    pub(super) fn naming(mut self, value: f64, name: &str) -> Self {
        self.labels.insert(0, (value, name.to_owned()));
        self
    }

    /// Keeps a lane at the low end for values of 0.
    pub(super) fn with_zero(self) -> Self {
        Self { zero_lane: ZERO_LANE, ..self.naming(0.0, "0") }
    }

    /// Share of the axis that is kept for values of 0; 0 if there is no such lane.
    pub(super) fn zero_lane(&self) -> f64 {
        self.zero_lane
    }

    /// Where a value lies, from 0 at the low end to 1; what is outside lies at the end.
    pub(super) fn position(&self, value: f64) -> f64 {
        if self.zero_lane > 0.0 && value <= 0.0 {
            return self.zero_lane / 2.0;
        }
        let place = |value: f64| match self.scale {
            Scale::Linear => value,
            Scale::Log => value.ln(),
            Scale::Deviate => probit(value),
        };
        let (low, high) = (place(self.low), place(self.high));
        let share = (place(value.clamp(self.low, self.high)) - low) / (high - low);
        self.zero_lane + (1.0 - self.zero_lane) * share
    }

    /// Drops the labels that would touch a more important one; `extent` is the share of the axis
    /// that a label takes.
    pub(super) fn keep_labels_apart(&mut self, extent: impl Fn(&str) -> f64) {
        let mut taken: Vec<Range<f64>> = Vec::new();
        let mut labels = std::mem::take(&mut self.labels);
        labels.retain(|(value, name)| {
            let (middle, half) = (self.position(*value), extent(name) / 2.0);
            let own = middle - half..middle + half;
            let is_free = taken.iter().all(|it| own.end <= it.start || it.end <= own.start);
            if is_free {
                taken.push(own);
            }
            is_free
        });
        self.labels = labels;
    }

    /// The values that are named, and their names.
    pub(super) fn labels(&self) -> &[(f64, String)] {
        &self.labels
    }

    /// The texts of all labels.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().map(|(_, name)| name.as_str())
    }

    fn contains(&self, value: f64) -> bool {
        // The ends are sums and quotients, and so are the ticks.
        self.low * (1.0 - 1e-9) <= value && value <= self.high * (1.0 + 1e-9)
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        start + (self.position(*value) * f64::from(end - start)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            self.lines.clone()
        } else {
            self.labels.iter().map(|(value, _)| *value).collect()
        }
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        let label = self.labels.iter().find(|(labeled, _)| labeled == value);
        label.map(|(_, name)| name.clone()).unwrap_or_default()
    }
}

/// The next of 1, 2, 2.5, 5 and their tenfold at or above `step`.
fn round_step(step: f64) -> f64 {
    let decade = power_of_ten(step.log10().floor() as i32);
    let factors = [1.0, 2.0, 2.5, 5.0, 10.0];
    let factor = factors.into_iter().find(|factor| factor * decade >= step * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * decade
}

/// Closer than `powi` for negative exponents: 1e-3 is the number that the text 0.001 means.
fn power_of_ten(exponent: i32) -> f64 {
    if exponent < 0 { 1.0 / 10f64.powi(-exponent) } else { 10f64.powi(exponent) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(axis: &Axis) -> Vec<&str> {
        axis.names().collect()
    }

    #[track_caller]
    fn check_position(axis: &Axis, value: f64, expected: f64) {
        let found = axis.position(value);
        assert!((found - expected).abs() < 1e-12, "{value} is at {found}, not at {expected}");
    }

    #[test]
    fn decades_are_equally_long_on_a_logarithmic_axis() {
        let axis = Axis::log_rates("", 1e-4, 1.0);
        check_position(&axis, 1e-4, 0.0);
        check_position(&axis, 1e-3, 0.25);
        check_position(&axis, 1.0, 1.0);
        assert_eq!(names(&axis), ["0.01", "0.1", "1", "10", "100"]);
    }

    #[test]
    fn few_decades_name_rates_between_the_powers_of_ten() {
        assert_eq!(names(&Axis::log_rates("", 1.0 / 3.0, 1.0)), ["100", "50", "70"]);
    }

    #[test]
    fn normal_deviates_are_equally_spaced() {
        let axis = Axis::deviates("", 0.158_655_253_931_457, 0.841_344_746_068_543); // one sigma
        check_position(&axis, 0.5, 0.5);
        check_position(&axis, 0.691_462_461_274_013, 0.75); // half a sigma
        let rates = names(&Axis::deviates("", 0.0005, 0.5)).join(" ");
        assert_eq!(rates, "1 10 40 5 20 0.1 0.5 2 0.2");
    }

    #[test]
    fn zero_has_a_lane_of_its_own() {
        let axis = Axis::log_rates("", 1e-4, 1.0).with_zero();
        check_position(&axis, 0.0, ZERO_LANE / 2.0);
        check_position(&axis, 1e-4, ZERO_LANE);
        check_position(&axis, 1.0, 1.0);
        assert_eq!(names(&axis)[0], "0");
    }

    #[test]
    fn what_is_outside_lies_at_the_end() {
        for axis in [Axis::log_rates("", 0.01, 0.5), Axis::deviates("", 0.01, 0.5)] {
            check_position(&axis, 0.0, 0.0);
            check_position(&axis, 1.0, 1.0);
        }
    }

    #[test]
    fn an_axis_of_one_value_has_an_extent() {
        let axis = Axis::linear("", 3.0..3.0, 4, trimmed);
        check_position(&axis, 3.0, 0.0);
        assert!(names(&axis).contains(&"3"), "{axis:?}");
    }

    #[test]
    fn round_values_are_named() {
        let axis = Axis::linear("", -0.13..0.98, 6, trimmed);
        assert_eq!(names(&axis), ["0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!([0.03, 0.2, 2.1, 30.0].map(round_step), [0.05, 0.2, 2.5, 50.0]);
    }

    #[test]
    fn of_two_labels_that_touch_the_important_one_stays() {
        let mut axis = Axis::deviates("", 0.000_1, 0.5);
        axis.keep_labels_apart(|_| 0.08);
        assert!(names(&axis).contains(&"10") && !names(&axis).contains(&"0.2"), "{axis:?}");
    }
}
