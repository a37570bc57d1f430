//! ROC: how many mated comparisons match where so many non-mated ones do.

use verisim_core::measure::OperatingPoint;

use super::axis::Axis;
use super::canvas::Ink;
use super::frame::Frame;
use super::stairs::stairs;
use super::{Curve, floor_of, keys, lowest_rate, marks};
use crate::report::number::trimmed;

/// True match rate (`1 - FNMR`) over false match rate, the latter logarithmic from the lowest rate
/// that the comparisons can show.
pub(crate) fn roc(curves: &[Curve<'_, OperatingPoint>]) -> String {
    let rates = |point: &OperatingPoint| (point.fmr, point.fnmr);
    let upward = |(fmr, fnmr): (f64, f64)| (fmr, 1.0 - fnmr);
    let line = |curve: &Curve<'_, OperatingPoint>| -> Vec<(f64, f64)> {
        stairs(curve.points.iter().map(rates)).into_iter().map(upward).collect()
    };
    let lines: Vec<Vec<(f64, f64)>> = curves.iter().map(line).collect();
    let marks = marks(curves, |point| Some(upward(rates(&point))));

    let low = lowest_rate(curves.iter().map(|curve| curve.n_non_mated));
    let x = Axis::log_rates("False match rate FMR (%)", low, 1.0).with_zero();
    let shown = lines.iter().flatten().chain(marks.iter().map(|(_, point, _)| point));
    let floor = floor_of(shown.map(|&(_, tar)| tar));
    let name = |rate: f64| trimmed(100.0 * rate);
    let y = Axis::linear("True match rate TAR = 1 − FNMR (%)", floor..1.0, 6, name);
    let mut frame = Frame::new(x, y);
    frame.keys = keys(curves.iter().map(|curve| curve.name));
    frame.draw("ROC: true match rate over false match rate", |plot| {
        if lines.iter().all(Vec::is_empty) {
            return plot.say("no comparisons");
        }
        for (idx, line) in lines.iter().enumerate() {
            plot.line(line, Ink::Series(idx), 1.8)?;
        }
        plot.marks(&marks)
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::Mark;
    use super::*;
    use crate::report::markup::check_well_formed;

    pub(in crate::report::plot) fn point(match_rate: f64, non_match_rate: f64) -> OperatingPoint {
        OperatingPoint { threshold: 0.4, fmr: match_rate, fnmr: non_match_rate }
    }

    pub(in crate::report::plot) fn curve(points: &[OperatingPoint]) -> Curve<'_, OperatingPoint> {
        Curve { name: "a <model>", points, n_mated: 100, n_non_mated: 1000, marks: &[] }
    }

    /// Curves that make axes blow up which rely on more than they get.
    pub(in crate::report::plot) fn check_degenerate(
        draw: impl Fn(&[Curve<'_, OperatingPoint>]) -> String,
    ) {
        let none = check_well_formed(&draw(&[]));
        assert!(none.contains("no comparisons"), "{none}");
        let empty = check_well_formed(&draw(&[curve(&[])]));
        assert!(empty.contains("no comparisons"), "{empty}");
        let nowhere = OperatingPoint { threshold: f32::NEG_INFINITY, ..point(f64::NAN, 0.5) };
        let separable = [point(1.0, 0.0), point(0.0, 0.0), point(0.0, 1.0)];
        let coarse = [point(1.0, 0.0), point(0.5, 0.0), point(0.0, 1.0)];
        for points in [[point(0.1, 0.2); 1].as_slice(), &[nowhere], &separable, &coarse] {
            for n in [0, 1, 3, 50_000_000] {
                let marks = [Mark { point: points[0], label: "a label of some length".repeat(5) }];
                let curve = Curve { n_mated: n, n_non_mated: n, marks: &marks, ..curve(points) };
                let svg = check_well_formed(&draw(&[curve, curve]));
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
                assert!(svg.contains("a &lt;model&gt;"), "{svg}");
            }
        }
    }

    #[test]
    fn degenerate_curves_are_drawn() {
        check_degenerate(roc);
    }

    #[test]
    fn the_axis_starts_at_the_lowest_rate_that_so_many_comparisons_show() {
        let points = [point(0.001, 0.1), point(1.0, 0.0)];
        let labels = |n_non_mated| roc(&[Curve { n_non_mated, ..curve(&points) }]);
        let is_label = |svg: &str, label: &str| svg.lines().any(|line| line == label);
        assert!(is_label(&labels(20_000), "0.01") && !is_label(&labels(20_000), "0.001"));
        assert!(is_label(&labels(200_000), "0.001"));
    }

    #[test]
    fn high_rates_fill_the_plot() {
        let svg = roc(&[curve(&[point(0.0, 0.004), point(0.1, 0.0)])]);
        assert!(svg.contains("\n99.2\n") && !svg.contains("\n98\n"), "{svg}");
    }

    #[test]
    fn a_mark_has_its_label() {
        let points = [point(0.001, 0.1), point(1.0, 0.0)];
        let marks = [Mark { point: points[0], label: "90 % at 0.1 %".to_owned() }];
        let svg = roc(&[Curve { marks: &marks, ..curve(&points) }]);
        assert!(svg.contains("90 % at 0.1 %") && svg.matches("<circle").count() == 2, "{svg}");
    }
}
