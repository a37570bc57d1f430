//! How a training run went: loss, learning rate and figures of validation; it does not know networks.

use std::ops::Range;

use super::axis::Axis;
use super::canvas::{Drawn, Ink, sheet, units};
use super::frame::{Frame, HEIGHT, WIDTH};
use super::legend::{Key, KeyKind};
use super::{floor_of, keys};
use crate::report::number::{count, trimmed};

/// More points than this cannot be told apart in the width of a plot.
const MAX_POINTS: usize = 400;
/// Share of the run over which the loss is averaged.
const SMOOTHING: f64 = 0.03;
/// Height of the panel of the learning rate, in points.
const LOWER_HEIGHT: f64 = 112.0;

/// One figure of validation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValidationCurve<'a> {
    /// What the legend calls it.
    pub(crate) name: &'a str,
    /// The epoch, from 1, and the figure, a rate in `[0, 1]`.
    pub(crate) points: &'a [(f64, f64)],
}

/// The loss by step, as measured and as a moving average, and below it the learning rate.
///
/// Losses that are not finite are left out, and the first such step is named.
pub(crate) fn loss(loss: &[(f64, f64)], learning_rate: &[(f64, f64)]) -> String {
    let finite: Vec<(f64, f64)> = finite(loss);
    let rates = thinned(&self::finite(learning_rate));
    let steps = widened(range_of(finite.iter().chain(&rates).map(|(step, _)| *step)));
    let losses = range_of(finite.iter().map(|(_, loss)| *loss));
    // A loss far from 0 would be a flat line if 0 were shown.
    let is_far = losses.start > 0.5 * losses.end && losses.start < losses.end;
    let low = if is_far { losses.start } else { losses.start.min(0.0) };
    let margin = 0.04 * (losses.end - low);
    let high_rate = range_of(rates.iter().map(|(_, rate)| *rate)).end;

    let x = |title| Axis::linear(title, steps.clone(), 6, count_name);
    let y = Axis::linear("Loss", low..losses.end + margin, 5, trimmed);
    let mut upper = Frame::new(x(""), y);
    let key = |name: &str, kind| Key { name: name.to_owned(), ink: Ink::Mated, kind };
    upper.keys = vec![key("each step", KeyKind::FaintLine), key("moving average", KeyKind::Line)];
    let broken = loss.iter().find(|(step, loss)| step.is_finite() && !loss.is_finite());
    let rule = |(step, _): &(f64, f64)| (*step, format!("not finite at step {step}"));
    upper.rules = broken.map(rule).into_iter().collect();
    let y = Axis::linear("Learning rate", 0.0..1.08 * high_rate, 3, rate_name);
    let mut lower = Frame::new(x("Step"), y);
    let widest = upper.label_width().max(lower.label_width());
    (upper.min_label_width, lower.min_label_width) = (widest, widest);

    let upper_height = HEIGHT - LOWER_HEIGHT + upper.header_height();
    let description = "Loss and learning rate by step";
    sheet(WIDTH, upper_height + LOWER_HEIGHT, description, |area| -> Drawn {
        let (above, below) = area.split_vertically(units(upper_height));
        upper.draw_on(&above, |plot| {
            if finite.is_empty() {
                return plot.say("no steps");
            }
            if let [step] = finite[..] {
                return plot.dot(step, Ink::Mated);
            }
            plot.faint_line(&thinned(&finite), Ink::Mated)?;
            plot.line(&thinned(&smoothed(&finite)), Ink::Mated, 1.8)
        })?;
        lower.draw_on(&below, |plot| match rates[..] {
            [step] => plot.dot(step, Ink::Mated),
            _ => plot.line(&rates, Ink::Mated, 1.6),
        })
    })
}

/// Figures of validation by epoch.
pub(crate) fn validation(curves: &[ValidationCurve<'_>]) -> String {
    let lines: Vec<Vec<(f64, f64)>> = curves.iter().map(|curve| finite(curve.points)).collect();
    let epochs = widened(range_of(lines.iter().flatten().map(|(epoch, _)| *epoch)));
    let margin = 0.02 * (epochs.end - epochs.start);
    let range = epochs.start - margin..epochs.end + margin;
    let x = Axis::linear("Epoch", range, 8, count_name).naming(1.0, "1");
    let floor = floor_of(lines.iter().flatten().map(|(_, figure)| *figure));
    let name = |rate: f64| trimmed(100.0 * rate);
    let y = Axis::linear("On unseen identities (%)", floor..1.0, 6, name);
    let mut frame = Frame::new(x, y);
    frame.keys = keys(curves.iter().map(|curve| curve.name));
    frame.draw("Figures of validation by epoch", |plot| {
        if lines.iter().all(Vec::is_empty) {
            return plot.say("no epochs with validation");
        }
        for (idx, line) in lines.iter().enumerate() {
            plot.line(line, Ink::Series(idx), 1.8)?;
            // A single epoch is no line.
            if line.len() <= 30 {
                line.iter().try_for_each(|&point| plot.dot(point, Ink::Series(idx)))?;
            }
        }
        Ok(())
    })
}

fn finite(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect()
}

/// From the lowest to the highest; 0 to 1 without values.
fn range_of(values: impl Iterator<Item = f64> + Clone) -> Range<f64> {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    if low <= high { low..high } else { 0.0..1.0 }
}

/// The range, or where it is a single value the middle of a range.
fn widened(range: Range<f64>) -> Range<f64> {
    if range.start < range.end { range } else { range.start - 0.5..range.end + 0.5 }
}

/// A step or an epoch; what lies between two has no name.
fn count_name(value: f64) -> String {
    if value >= 0.0 && value.fract() == 0.0 { count(value as usize) } else { String::new() }
}

/// A learning rate as people write it.
fn rate_name(rate: f64) -> String {
    if rate == 0.0 || rate >= 0.000_999 { trimmed(rate) } else { format!("{rate:.0e}") }
}

/// The mean of each step's neighborhood; it narrows toward the ends.
fn smoothed(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let half = (SMOOTHING * points.len() as f64 / 2.0).round() as usize;
    let mut sums = vec![0.0];
    for (idx, (_, loss)) in points.iter().enumerate() {
        sums.push(sums[idx] + loss);
    }
    let mean = |(idx, &(step, _)): (usize, &(f64, f64))| {
        let half = half.min(idx).min(points.len() - 1 - idx);
        let (start, end) = (idx - half, idx + half + 1);
        (step, (sums[end] - sums[start]) / (end - start) as f64)
    };
    points.iter().enumerate().map(mean).collect()
}

/// The lowest and the highest of each stretch, so that no spike is lost.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= MAX_POINTS {
        return points.to_vec();
    }
    let ends = |stretch: &[(f64, f64)]| {
        let by_loss = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let low = stretch.iter().min_by(by_loss).copied();
        let high = stretch.iter().max_by(by_loss).copied();
        let mut ends: Vec<_> = low.into_iter().chain(high).collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        ends
    };
    points.chunks(points.len().div_ceil(MAX_POINTS / 2)).flat_map(ends).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::markup::check_well_formed;

    fn steps(n: usize) -> Vec<(f64, f64)> {
        (0..n).map(|step| (step as f64, 20.0 / (1.0 + step as f64))).collect()
    }

    #[test]
    fn degenerate_runs_are_drawn() {
        assert!(check_well_formed(&loss(&[], &[])).contains("no steps"));
        let flat = [(0.0, 0.0), (1.0, 0.0)];
        let huge = [(0.0, -1e30), (1.0, 1e30)];
        let broken = [(0.0, f64::NAN), (1.0, f64::INFINITY)];
        for run in [&flat[..1], &flat, &huge, &broken, &steps(100_000)] {
            let svg = check_well_formed(&loss(run, run));
            assert!(!svg.contains("NaN") && !svg.contains("inf,"), "{svg}");
        }
    }

    #[test]
    fn degenerate_validations_are_drawn() {
        assert!(check_well_formed(&validation(&[])).contains("no epochs"));
        for points in [[].as_slice(), &[(1.0, 0.5)], &[(1.0, f64::NAN)], &[(1.0, 1.0), (2.0, 1.0)]]
        {
            let svg = check_well_formed(&validation(&[ValidationCurve { name: "<i>", points }]));
            assert!(svg.contains("&lt;i&gt;"), "{svg}");
        }
    }

    #[test]
    fn a_loss_that_is_not_finite_is_named() {
        let mut run = steps(50);
        run[20].1 = f64::NAN;
        assert!(loss(&run, &[]).contains("not finite at step 20"));
        assert!(!loss(&steps(50), &[]).contains("not finite"));
    }

    #[test]
    fn a_single_step_or_epoch_is_a_dot() {
        let one = [(1.0, 0.5)];
        assert_eq!(loss(&one, &one).matches("<circle").count(), 4); // each with its rim
        let curve = ValidationCurve { name: "", points: &one };
        assert_eq!(validation(&[curve]).matches("<circle").count(), 2);
    }

    #[test]
    fn thinning_keeps_spikes() {
        let mut run = steps(100_000);
        run[77_777].1 = 99.0;
        let thinned = thinned(&run);
        assert!(thinned.len() <= MAX_POINTS && thinned.contains(&(77_777.0, 99.0)));
        assert!(thinned.is_sorted_by_key(|(step, _)| *step));
    }

    #[test]
    fn the_moving_average_of_a_straight_line_is_the_line() {
        let line: Vec<_> = (0..500).map(|step| (f64::from(step), f64::from(2 * step))).collect();
        let smoothed = smoothed(&line);
        assert!(smoothed.iter().zip(&line).all(|(a, b)| (a.1 - b.1).abs() < 1e-9));
    }

    #[test]
    fn the_moving_average_takes_noise_away() {
        let noise: Vec<_> = (0..500).map(|step| (f64::from(step), f64::from(step % 2))).collect();
        let middle = smoothed(&noise)[250].1;
        assert!((middle - 0.5).abs() < 0.1, "{middle}");
    }
}
