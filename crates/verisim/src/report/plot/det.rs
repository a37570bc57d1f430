//! DET: how many mated comparisons fail where so many non-mated ones match, on the axes of normal
//! deviates.
//!
//! Scores that are distributed normally make a straight line there, and models that differ little
//! lie apart. Martin et al., *The DET Curve in Assessment of Detection Task Performance*,
//! Eurospeech 1997.

use verisim_core::measure::OperatingPoint;

use super::axis::Axis;
use super::canvas::Ink;
use super::frame::Frame;
use super::stairs::{cut, stairs};
use super::{Curve, keys, lowest_rate, marks};

/// Rates from here on are of no interest for a model that is better than chance.
const USUAL_HIGH: f64 = 0.5;
/// The last rate for a model that is not.
const CHANCE_HIGH: f64 = 0.99;
/// A plot of good models still shows what one calls good.
const MAX_LOW: f64 = 0.01;

/// False non-match rate over false match rate, both spaced by normal deviates, with the diagonal on
/// which they are equal.
pub(crate) fn det(curves: &[Curve<'_, OperatingPoint>]) -> String {
    let rates = |point: &OperatingPoint| (point.fmr, point.fnmr);
    let lines: Vec<Vec<(f64, f64)>> =
        curves.iter().map(|curve| stairs(curve.points.iter().map(rates))).collect();
    let marks = marks(curves, |point| Some(rates(&point)));

    let equal = lines.iter().map(|line| line.iter().map(|(x, y)| x.max(*y)).fold(1.0, f64::min));
    let marked = marks.iter().map(|(_, (x, y), _)| x.max(*y));
    let is_chance = equal.chain(marked).any(|rate| rate > 0.8 * USUAL_HIGH);
    let has_points = lines.iter().any(|line| !line.is_empty());
    let high = if is_chance && has_points { CHANCE_HIGH } else { USUAL_HIGH };
    let axis = |title, n_trials: &dyn Fn(&Curve<'_, OperatingPoint>) -> usize| {
        let low = lowest_rate(curves.iter().map(n_trials)).min(MAX_LOW);
        (low, Axis::deviates(title, low, high).with_zero())
    };
    let (x_low, x) = axis("False match rate FMR (%)", &|it| it.n_non_mated);
    let (y_low, y) = axis("False non-match rate FNMR (%)", &|it| it.n_mated);
    let mut frame = Frame::new(x, y);
    frame.keys = keys(curves.iter().map(|curve| curve.name));
    let description = "DET: false non-match rate over false match rate, on normal deviate axes";
    frame.draw(description, |plot| {
        let low = x_low.max(y_low);
        if !has_points {
            return plot.say("no comparisons");
        }
        plot.faint_line(&[(low, low), (high, high)], Ink::Muted)?;
        for (idx, line) in lines.iter().enumerate() {
            plot.line(&cut(line, high, high), Ink::Series(idx), 1.8)?;
        }
        plot.marks(&marks)?;
        let near_the_end = 0.6 * high;
        plot.label((near_the_end, near_the_end), "FMR = FNMR")
    })
}

#[cfg(test)]
mod tests {
    use super::super::roc::tests::{check_degenerate, curve, point};
    use super::*;

    #[test]
    fn degenerate_curves_are_drawn() {
        check_degenerate(det);
    }

    /// Corners of the first curve, in units.
    fn corners(svg: &str) -> Vec<(f64, f64)> {
        let is_curve =
            |line: &&str| line.contains("--series-1") && line.contains("stroke-width=\"18\"");
        let line = svg.lines().rfind(is_curve).unwrap();
        let (_, points) = line.split_once("points=\"").unwrap();
        let points = points.split('"').next().unwrap().split_whitespace();
        let corner = |point: &str| {
            let (x, y) = point.split_once(',').unwrap();
            (x.parse().unwrap(), y.parse().unwrap())
        };
        points.map(corner).collect()
    }

    #[test]
    fn equal_deviates_are_equally_far_apart() {
        // 2.275 %, 15.866 % and 50 % are two, one and no standard deviations below the mean.
        let rates = [(0.022_750_132, 0.4), (0.158_655_254, 0.3), (0.499_999, 0.2)];
        let points = rates.map(|(fmr, fnmr)| point(fmr, fnmr));
        let corners = corners(&det(&[curve(&points)]));
        let (first, second, third) = (corners[0].0, corners[2].0, corners[4].0);
        assert!(((second - first) - (third - second)).abs() <= 2.0, "{corners:?}");
    }

    #[test]
    fn a_curve_by_chance_is_shown_whole() {
        let points = [0.1, 0.5, 0.9].map(|rate| point(rate, 1.0 - rate));
        let svg = det(&[curve(&points)]);
        assert!(svg.contains("\n99\n") && svg.contains("\n60\n"), "{svg}");
        let good = [point(0.01, 0.02)];
        assert!(!det(&[curve(&good)]).contains("\n60\n"));
    }
}
